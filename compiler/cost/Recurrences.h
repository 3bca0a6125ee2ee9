// Recurrences of a matrix state: the equations of the cost model, and the chunk
// of least time.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_COST_RECURRENCES_H
#define SENNIT_COMPILER_COST_RECURRENCES_H

#include "compiler/cost/Tiles.h"

namespace sennit::cost {

/// What a token does to the state: adds products of keys and values; puts a
/// value in the place of what its key reads (the delta rules); or erases along
/// one vector what another one reads, and adds.
enum class UpdateRule { add, delta, erase };

/// Mamba-2, linear attention and their kin. `state` rows (N) by `width` columns
/// (P) a head; queries and keys, of `element`, shared by the heads of a group.
struct Recurrence {
  double batch = 1, heads = 1, groups = 1, tokens = 1, state = 64, width = 64;
  Element element = Element::bf16;
  UpdateRule rule = UpdateRule::add;
  /// Whether states decay, and whether each of their rows by itself.
  bool decays = true, decaysRows = false;
  /// Queries of a token that read a state, and products that it adds to it.
  double readers = 1, writers = 1;
  /// Rows of a chunk from which on products are of `element`; those of fewer
  /// rows are of f32.
  double roundsFrom = 1;
};

/// How the chunks of a sequence meet: one item walks a head's chunks; three
/// kernels (states of chunks, a scan of them, outputs); or items that wait for
/// the chunk before (decoupled look-back). Where a token reads the state before
/// it writes, chunks are walked.
enum class ChunkForm { walk, threePhase, lookBack };
/// Chunks of `chunk` tokens as products, of which the last one is computed
/// whole: 2 C (N + P) + 4 N P operations a token and head that adds products,
/// and a triangle's inverse a chunk where it reads them before. Forms other
/// than the walk compute the products of queries by keys once a group. A chunk
/// of one token is the step.
KernelFacts getChunkedFacts(const Recurrence &problem, double chunk,
                            ChunkForm form);

/// Tokens of a chunk: 1, 2, 4, .. up to the first that holds all, at most 256.
std::vector<double> listChunks(double tokens);
/// The chunk of least time for a walk, of `listChunks`.
Choice chooseChunk(const Recurrence &problem, const machine::Machine &machine);

} // namespace sennit::cost

#endif // SENNIT_COMPILER_COST_RECURRENCES_H
