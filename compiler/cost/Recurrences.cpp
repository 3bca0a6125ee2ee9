// Recurrences: facts from shapes.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/cost/Families.h"

#include <algorithm>
#include <cmath>

namespace sennit::cost {

using machine::getBytes;

static constexpr size_t f32 = size_t(Element::f32);

namespace {
/// The parts of a chunked recurrence that its forms share.
struct Chunks {
  Chunks(const Recurrence &p, double wanted) {
    count = std::ceil(p.tokens / wanted);
    tokens = p.tokens / count;
    heads = p.batch * p.heads;
    bytes = getBytes(p.element);
    double shared = p.heads / p.groups;
    // C B^T, of which a head has its share of the group's, times X; then C h.
    outputs.products = {
        {tokens, tokens, p.state, p.element, p.element, 1 / shared},
        {tokens, p.width, tokens, p.element, p.element, 1},
        {tokens, p.width, p.state, p.element, p.element, 1}};
    outputs.vector[f32] = 2 * tokens * tokens + tokens * p.width;
    outputs.special[size_t(Special::exp2)] = tokens;
    states.products = {{p.state, p.width, tokens, p.element, p.element, 1}};
    states.vector[f32] = tokens * p.state + p.state * p.width;
    stateBytes = p.state * p.width * 4;
    inBytes = tokens * (p.width + 2 * p.state / shared) * bytes;
    outBytes = tokens * p.width * bytes;
  }

  double count, tokens, heads, bytes, stateBytes, inBytes, outBytes;
  Work outputs, states;
};
} // namespace

static Access makeAccess(std::string name, double bytes, const Chunks &chunks,
                         bool isWrite, bool isParallel) {
  double window = chunks.inBytes + chunks.outBytes;
  return {std::move(name),
          bytes,
          {{chunks.heads, chunks.heads, window * chunks.count, true},
           {chunks.count, chunks.count, window, isParallel}},
          isWrite};
}

KernelFacts getChunkedFacts(const Recurrence &problem, double chunk,
                            ChunkForm form) {
  Chunks chunks(problem, chunk);
  KernelFacts facts;
  facts.name = "chunked_scan";
  facts.footprint = chunks.inBytes + chunks.stateBytes;
  bool isWalk = form == ChunkForm::walk;
  facts.accesses = {makeAccess("in", chunks.inBytes, chunks, false, !isWalk),
                    makeAccess("out", chunks.outBytes, chunks, true, !isWalk)};
  Work chunkWork;
  chunkWork.add(chunks.outputs, 1);
  chunkWork.add(chunks.states, 1);
  chunkWork.moved = chunks.inBytes + chunks.outBytes;
  Chain local{4, 1, 3, 1, 0};
  if (isWalk) {
    // The state passes from chunk to chunk in the core: one product and one
    // multiply-add of it lie on the path; the inputs are fetched ahead.
    Work item;
    item.add(chunkWork, chunks.count);
    item.chain = {chunks.count, 0, chunks.count, 1, 0};
    facts.items.push_back({item, chunks.heads});
    return facts;
  }
  if (form == ChunkForm::lookBack) {
    // Work goes on side by side; a flag and a state hop from each chunk to the
    // next through memory that cores share.
    chunkWork.chain = local;
    facts.items.push_back({chunkWork, chunks.heads * chunks.count});
    Work hops;
    hops.chain = {chunks.count, 0, 0, 2 * chunks.count, 0};
    facts.items.push_back({hops, 1});
    facts.accesses.push_back(
        makeAccess("states", chunks.stateBytes, chunks, true, true));
    return facts;
  }
  facts.launches = 3;
  chunkWork.chain = local;
  chunkWork.moved += chunks.inBytes + 2 * chunks.stateBytes;
  facts.items.push_back({chunkWork, chunks.heads * chunks.count});
  Work scan;
  scan.vector[f32] = 2 * chunks.count * problem.state * problem.width;
  scan.moved = 2 * chunks.count * chunks.stateBytes;
  scan.chain = {chunks.count, 0, 0, 1, 0};
  facts.items.push_back({scan, chunks.heads});
  // States are written, read and written by the scan, read for the outputs,
  // which read the inputs once more.
  for (const char *name : {"states", "scan in", "scan out", "states in"})
    facts.accesses.push_back(makeAccess(name, chunks.stateBytes, chunks,
                                        name[0] == 's' && name[4] == 'e',
                                        true));
  facts.accesses.push_back(
      makeAccess("in again", chunks.inBytes, chunks, false, true));
  return facts;
}

KernelFacts getRecurrentFacts(const Recurrence &problem, const Chain &chain) {
  KernelFacts facts;
  facts.name = "recurrent_scan";
  double heads = problem.batch * problem.heads,
         bytes = getBytes(problem.element);
  double ofToken = (2 * problem.width + 2 * problem.state) * bytes;
  Work item;
  // h = a h + b x and y = c h: two multiply-adds, one product b x.
  item.vector[f32] = problem.tokens * 5 * problem.state * problem.width;
  item.special[size_t(Special::exp2)] = problem.tokens;
  item.moved = problem.tokens * ofToken;
  item.chain.add(chain, problem.tokens);
  item.chain.memory += 1;
  facts.items.push_back({item, heads});
  facts.footprint = problem.state * problem.width * 4;
  facts.accesses = {{"tokens",
                     ofToken,
                     {{heads, heads, ofToken * problem.tokens, true},
                      {problem.tokens, problem.tokens, ofToken, false}},
                     false}};
  return facts;
}

} // namespace sennit::cost
