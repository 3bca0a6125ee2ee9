// Asks the cost model for the tiles of least time on the machine.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/TileSizes.h"

#include "compiler/cost/Convolutions.h"
#include "compiler/cost/Tiles.h"
#include "compiler/machine/Reader.h"
#include "dialects/tile/Tile.h"
#include "llvm/Support/MathExtras.h"
#include <map>

using namespace mlir;

namespace sennit::schedule {

int64_t getPanelRows(machine::CoreAttr) {
  // Two registers of 16 lanes; code for narrower machines splits vectors of 16.
  return 32;
}

int64_t getDivisor(int64_t extent, int64_t most) {
  for (int64_t size = std::min(extent, most); size > 1; --size)
    if (extent % size == 0)
      return size;
  return 1;
}

int64_t roundUpRows(int64_t rows, int64_t most) {
  // Rows that a kernel counts have no bound, and none rounded up.
  if (rows >= most)
    return most;
  return std::min<int64_t>(llvm::PowerOf2Ceil(std::max<int64_t>(rows, 1)),
                           most);
}

namespace {
/// The machine that was asked last on this thread, and what it answered: a
/// module asks one machine, often for the same shapes.
struct Answers {
  std::string description;
  std::optional<machine::Machine> machine;
  std::vector<machine::Problem> problems;
  std::map<std::array<int64_t, 8>, ProductSizes> products;
  std::map<std::pair<int64_t, int64_t>, int64_t> rows;
  std::map<std::array<int64_t, 5>, int64_t> convs;

  static Answers &of(machine::CoreAttr core) {
    static thread_local Answers answers;
    if (answers.machine && answers.description == core.getDescription())
      return answers;
    answers = {};
    answers.description = core.getDescription().str();
    auto root = machine::readText(answers.description, "machine.target",
                                  answers.problems);
    if (root)
      answers.machine = machine::build(*root, answers.problems);
    return answers;
  }
};
} // namespace

LogicalResult checkMachine(Operation *op, machine::CoreAttr core) {
  if (core.getThreads() > 1)
    return success();
  if (core.getDescription().empty())
    return op->emitError(
        "`machine.target` has no `description`, by which tiles are chosen");
  Answers &answers = Answers::of(core);
  if (answers.machine)
    return success();
  return op->emitError("the `description` of `machine.target` is no machine: ")
         << format(answers.problems.front());
}

/// The matrix unit that multiplies bf16, or null.
static const machine::Unit *findUnit(machine::CoreAttr core, Type element) {
  if (!element.isBF16() || core.getThreads() > 1)
    return nullptr;
  for (const machine::Unit &unit : Answers::of(core).machine->units) {
    if (unit.kind == machine::UnitKind::matrix && unit.group > 1 &&
        unit.fragmentK[size_t(machine::Element::bf16)] > 0)
      return &unit;
  }
  return nullptr;
}

int64_t chooseGroup(machine::CoreAttr core, RankedTensorType matrix) {
  const machine::Unit *unit = findUnit(core, matrix.getElementType());
  return unit ? int64_t(unit->group) : 1;
}

bool multipliesByUnit(machine::CoreAttr core, Value operand) {
  return findUnit(core, getElementTypeOrSelf(operand.getType()));
}

int64_t getGroup(RankedTensorType matrix) {
  auto panels = dyn_cast_if_present<tile::BlockedAttr>(matrix.getEncoding());
  return panels ? panels.getGroup() : 1;
}

/// Sizes for a product whose threads share one item. Few rows read the matrix
/// at the speed of memory, by items enough for all cores; many fill a matrix
/// unit from tiles that stay in the item's scratch.
static ProductSizes getSharedSizes(int64_t rows, int64_t n, int64_t k) {
  constexpr int64_t few = 8, deepest = 8192;
  ProductSizes sizes;
  if (rows <= few) {
    sizes.m = rows;
    sizes.n = std::min<int64_t>(n, n <= 4096 ? 8 : 16);
    sizes.k = k * rows <= deepest ? k : getDivisor(k, deepest / rows);
    sizes.span = sizes.n;
    return sizes;
  }
  // The product walks the depth by itself.
  int64_t most = rows >= 1024 && n >= 1024 ? 128 : 64;
  sizes.m = std::min<int64_t>(llvm::alignTo(rows, 16), most);
  sizes.n = sizes.span = std::min(n, most);
  sizes.k = k;
  return sizes;
}

/// The element that the model computes numbers of `type` as.
static machine::Element getElement(Type type) {
  return type.isBF16() || type.isF16() ? machine::Element::bf16
                                       : machine::Element::f32;
}

ProductSizes getProductSizes(machine::CoreAttr core,
                             const ProductShape &shape) {
  if (core.getThreads() > 1)
    return getSharedSizes(shape.rows, shape.n, shape.k);
  Answers &answers = Answers::of(core);
  cost::PanelProduct problem;
  problem.m = double(std::max<int64_t>(shape.rows, 1));
  problem.n = double(shape.n);
  problem.k = double(shape.k);
  problem.element = getElement(shape.element);
  problem.panel = double(getPanelRows(core));
  problem.group = double(shape.group);
  problem.rows = getElement(shape.type);
  problem.count = double(shape.count);
  problem.walks = shape.walks;
  problem.keepsDepth = shape.keepsDepth;
  auto [known, isNew] = answers.products.try_emplace(
      {shape.rows, shape.n, shape.k, shape.group, int64_t(problem.element),
       int64_t(problem.rows), shape.count, shape.walks + 2 * shape.keepsDepth});
  if (!isNew)
    return known->second;
  cost::PanelTile tile = cost::chooseTile(problem, *answers.machine);
  return known->second = {int64_t(tile.m), int64_t(tile.n), int64_t(tile.k),
                          int64_t(tile.span)};
}

bool isAsynchronous(machine::CoreAttr core, int64_t rows,
                    RankedTensorType activations, RankedTensorType matrix) {
  constexpr int64_t line = 8; // elements of 16 bytes, which the engine moves
  Type element = matrix.getElementType();
  return core.getAsyncRows() != 0 && rows >= core.getAsyncRows() &&
         (element.isBF16() || element.isF16()) &&
         activations.getElementType() == element && !matrix.getEncoding() &&
         matrix.getDimSize(1) % line == 0 && matrix.getDimSize(1) > 64 &&
         matrix.getDimSize(0) >= 64;
}

ProductSizes getAsynchronousSizes(int64_t rows, int64_t n, int64_t count) {
  // Sums of 128 registers a thread, unless that leaves processors without any.
  constexpr int64_t processors = 132;
  int64_t m = rows <= 64 ? 64 : 128;
  int64_t columns = 256 / count;
  auto items = [&] {
    return llvm::divideCeil(rows, m) * llvm::divideCeil(n, columns);
  };
  while (columns > 64 && items() < processors)
    columns /= 2;
  return {m, columns, 64, columns};
}

/// Rows that pass through the registers of the threads that share an item.
static int64_t getSharedRows(machine::CoreAttr core, int64_t rows,
                             int64_t width) {
  int64_t elements = core.getL1Bytes() / 2 / 4;
  return roundUpRows(
      rows, std::clamp<int64_t>(llvm::bit_floor(uint64_t(
                                    std::max<int64_t>(1, elements / width))),
                                1, 64));
}

int64_t getRowTile(machine::CoreAttr core, int64_t rows, int64_t width) {
  if (core.getThreads() > 1)
    return getSharedRows(core, rows, width);
  Answers &answers = Answers::of(core);
  auto [known, isNew] = answers.rows.try_emplace({rows, width});
  if (isNew)
    known->second = int64_t(cost::chooseRowTile(
        double(std::max<int64_t>(rows, 1)), double(width), *answers.machine));
  return known->second;
}

AttentionSizes getAttentionSizes(machine::CoreAttr core, int64_t queries,
                                 int64_t context, int64_t heads,
                                 int64_t keyHeads, RankedTensorType query,
                                 int64_t valueWidth) {
  cost::Attention problem;
  problem.heads = double(heads);
  problem.keyHeads = double(keyHeads);
  problem.queries = double(queries);
  problem.past = std::max(0.0, double(context) / 2 - problem.queries);
  problem.width = double(query.getShape().back());
  problem.valueWidth = double(valueWidth);
  problem.element = getElement(query.getElementType());
  cost::Tile tile =
      cost::chooseAttentionTile(problem, *Answers::of(core).machine);
  return {int64_t(tile.m), int64_t(tile.n)};
}

int64_t getConvBlock(machine::CoreAttr core, const ConvSizes &conv) {
  Answers &answers = Answers::of(core);
  auto [known, isNew] = answers.convs.try_emplace(
      {conv.sequences, conv.rows, conv.channels, conv.taps, conv.hasWindow});
  if (isNew)
    known->second = int64_t(cost::chooseConvolutionBlock(
        {double(conv.sequences), double(conv.channels),
         double(std::max<int64_t>(conv.rows, 1)), double(conv.taps),
         machine::Element::f32, conv.hasWindow},
        *answers.machine));
  return known->second;
}

} // namespace sennit::schedule
