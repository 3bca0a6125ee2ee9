// Tiles by the model: the legal ones, and the one that takes least time.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_COST_TILES_H
#define SENNIT_COMPILER_COST_TILES_H

#include "compiler/cost/Families.h"

namespace sennit::cost {

/// `count` products of the same at most `m` rows of `rows` by [n, k] matrices
/// of `element` whose rows lie in panels of `panel` and, for a matrix unit, in
/// groups of `group` elements of depth.
struct PanelProduct {
  double m = 1, n = 1, k = 1;
  Element element = Element::bf16;
  double panel = 32, group = 1;
  Element rows = Element::f32;
  double count = 1;
  /// Whether an item may walk more columns than one step computes.
  bool walks = true;
  /// Whether each step takes all of the depth.
  bool keepsDepth = false;
};

/// Rows, columns and depth of one step, and the columns that an item walks by
/// such steps, its rows made ready once.
struct PanelTile {
  double m = 1, n = 1, k = 1, span = 1;
};

/// The tiles that code can be made for: whole panels, up to eight, whose number
/// divides the matrix's; all rows, or 1, 2, 3, 4, 6, 8, 12, .. whole blocks of
/// a unit's sums, up to 512 rows, or as many parts of equal height; all of the
/// depth, or a part of at least 64
/// that divides it (with groups: whole steps of the unit, at least 128, that
/// divide its steps), each at most half of the next. A depth of more than 256
/// without such parts may go by uneven ones of 256. With all of the depth, a
/// span of several steps.
std::vector<PanelTile> listTiles(const PanelProduct &problem,
                                 const machine::Machine &machine);

/// The facts of a product by such tiles, which are computed whole, whatever of
/// their rows is there.
KernelFacts getPanelFacts(const PanelProduct &problem, const PanelTile &tile);

/// Rows of a tile: 1, 2, 4, .. up to 64; the first that holds `rows` is the
/// last.
std::vector<double> listRowTiles(double rows);

/// The facts of `rows` rows of `width` elements of f32, read twice, by such
/// tiles.
KernelFacts getRowTileFacts(double rows, double width, double tile);

/// Rows of queries and keys of a step of attention: powers of two from 32 to
/// 256, of queries the first that holds all is the last.
std::vector<Tile> listAttentionTiles(double rows);

/// Which of several candidates, and which would come next.
struct Choice {
  size_t chosen = 0, next = 0;
  /// As predicted.
  double seconds = 0, nextSeconds = 0;
};
/// The candidate of least time by the model, of those whose items fit where a
/// core works, if any does. Of those within a hundredth of it,
/// the one whose resources are busy for the least time in sum; of equal ones,
/// the first. Next is the one of least time among the others; the chosen one
/// where there is no other. The first of all where the machine computes none.
Choice chooseFastest(const std::vector<KernelFacts> &candidates,
                     const machine::Machine &machine);

/// All candidates that the machine computes, those of least time first, those
/// whose items do not fit after all others.
std::vector<size_t> rankFastest(const std::vector<KernelFacts> &candidates,
                                const machine::Machine &machine);

PanelTile chooseTile(const PanelProduct &problem,
                     const machine::Machine &machine);
Tile chooseAttentionTile(const Attention &problem,
                         const machine::Machine &machine);
double chooseRowTile(double rows, double width,
                     const machine::Machine &machine);

} // namespace sennit::cost

#endif // SENNIT_COMPILER_COST_TILES_H
