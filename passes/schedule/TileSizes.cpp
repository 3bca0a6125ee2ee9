// Asks the cost model for the tiles of least time on the machine.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/TileSizes.h"

#include "compiler/cost/Convolutions.h"
#include "compiler/cost/Tiles.h"
#include "compiler/machine/Reader.h"
#include "dialects/tile/Tile.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include <limits>
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
  std::map<std::array<int64_t, 6>, int64_t> convs;
  std::map<std::array<double, 13>, ChunkSizes> chunks;

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

BlockRows getBlockRows(machine::CoreAttr core, RankedTensorType matrix) {
  constexpr BlockRows shared{32, 1};
  if (core.getThreads() > 1)
    return shared;
  const machine::Unit *unit =
      getGroup(matrix) == 1 ? nullptr : findUnit(core, matrix.getElementType());
  for (const machine::Unit &other : Answers::of(core).machine->units)
    if (!unit && other.kind == machine::UnitKind::vector)
      unit = &other;
  if (!unit)
    return shared;
  return {int64_t(unit->blockM), int64_t(unit->fragmentM)};
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

machine::Element getElement(Type type) {
  return type.isBF16() || type.isF16() ? machine::Element::bf16
                                       : machine::Element::f32;
}

static StringRef getName(machine::Element element) {
  return machine::getElementNames()[size_t(element)];
}

static std::string spell(const cost::PanelProduct &problem) {
  std::string text = llvm::formatv(
      "product_{0:f0}x{1:f0}x{2:f0}_{3}_{4}", problem.m, problem.n, problem.k,
      getName(problem.rows), getName(problem.element));
  if (problem.group != 1)
    text += llvm::formatv("_group{0:f0}", problem.group);
  if (problem.count != 1)
    text += llvm::formatv("_count{0:f0}", problem.count);
  text += problem.walks ? "_walks" : "";
  return text + (problem.keepsDepth ? "_deep" : "");
}

ProductSizes getProductSizes(machine::CoreAttr core, const ProductShape &shape,
                             Choices &choices) {
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
  if (isNew) {
    cost::PanelTile tile = cost::chooseTile(problem, *answers.machine);
    known->second = {int64_t(tile.m), int64_t(tile.n), int64_t(tile.k),
                     int64_t(tile.span)};
  }
  ProductSizes best = known->second;
  auto rank = [&] {
    std::vector<cost::PanelTile> tiles =
        cost::listTiles(problem, *answers.machine);
    std::vector<cost::KernelFacts> facts;
    for (const cost::PanelTile &tile : tiles)
      facts.push_back(cost::getPanelFacts(problem, tile));
    std::vector<Sizes> ranked;
    for (size_t i : cost::rankFastest(facts, *answers.machine))
      ranked.push_back({{"m", int64_t(tiles[i].m)},
                        {"n", int64_t(tiles[i].n)},
                        {"k", int64_t(tiles[i].k)},
                        {"span", int64_t(tiles[i].span)}});
    return ranked;
  };
  Sizes sizes = choices.answer(
      spell(problem),
      {{"m", best.m}, {"n", best.n}, {"k", best.k}, {"span", best.span}}, rank);
  return {sizes[0].second, sizes[1].second, sizes[2].second, sizes[3].second};
}

/// The answer to a question of one size, one of `legal`, whose facts `getFacts`
/// has.
static int64_t
answerOne(Choices &choices, StringRef question, StringRef name, int64_t best,
          ArrayRef<double> legal, const machine::Machine &machine,
          llvm::function_ref<cost::KernelFacts(double)> getFacts) {
  auto rank = [&] {
    std::vector<cost::KernelFacts> facts;
    for (double size : legal)
      facts.push_back(getFacts(size));
    std::vector<Sizes> ranked;
    for (size_t i : cost::rankFastest(facts, machine))
      ranked.push_back({{name, int64_t(legal[i])}});
    return ranked;
  };
  return choices.answer(question, {{name, best}}, rank)[0].second;
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

/// Clocks of a step of `depth` of an item of `m` rows, of which `there` are,
/// and `n` columns in all: its multiply-adds at 2048 a clock, its operands at
/// what came out of the second-level cache of an H200, 48 bytes a clock, or the
/// barriers of its slot, whichever is longest.
static double getStepClocks(int64_t m, int64_t there, int64_t n,
                            int64_t depth) {
  constexpr double rate = 2048, bandwidth = 48, bytes = 2, barriers = 200;
  return std::max({double(m * n * depth) / rate,
                   double((there + n) * depth) * bytes / bandwidth, barriers});
}

/// Clocks in which an item's results leave: in rows of 128 bytes by the copy
/// engine at 64 bytes a clock; else by threads, at half of a sector each.
static double getStoreClocks(int64_t m, int64_t n) {
  return double(m * n) * 2 / (n % 64 == 0 ? 64 : 16);
}

/// Processors of a device: of an H200 where the target has no description.
static int64_t countProcessors(machine::CoreAttr core) {
  const Answers &answers = Answers::of(core);
  return answers.machine ? int64_t(answers.machine->cores.value) : 132;
}

ProductSizes getAsynchronousSizes(machine::CoreAttr core, int64_t rows,
                                  int64_t n, int64_t depth, int64_t count) {
  constexpr int64_t slots = 4, slotBytes = 200 << 10;
  const int64_t processors = countProcessors(core);
  ProductSizes best{64, 64, 64, 64};
  double least = std::numeric_limits<double>::max();
  auto consider = [&](int64_t m, int64_t columns, int64_t step) {
    int64_t items = llvm::divideCeil(rows, m) * llvm::divideCeil(n, columns);
    double each =
        double(llvm::divideCeil(depth, step)) *
            getStepClocks(m, std::min(m, rows), columns * count, step) +
        getStoreClocks(m, columns);
    double clocks = double(llvm::divideCeil(items, processors)) * each;
    if (clocks < least)
      best = {m, columns, step, columns};
    least = std::min(least, clocks);
  };
  // Sums of 128 registers a thread at most, and some slots; of equals the
  // largest item and the shortest step.
  for (int64_t m : {128, 64})
    for (int64_t columns = 256 / count / 16 * 16; columns >= 16; columns -= 16)
      for (int64_t step : {64, 128, 256})
        if ((m == 64 || rows > 64) &&
            (m + columns * count) * step * 2 * slots <= slotBytes)
          consider(m, columns, step);
  return best;
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

int64_t getRowTile(machine::CoreAttr core, int64_t rows, int64_t width,
                   Choices &choices) {
  if (core.getThreads() > 1)
    return getSharedRows(core, rows, width);
  Answers &answers = Answers::of(core);
  double most = double(std::max<int64_t>(rows, 1));
  auto [known, isNew] = answers.rows.try_emplace({rows, width});
  if (isNew)
    known->second =
        int64_t(cost::chooseRowTile(most, double(width), *answers.machine));
  return answerOne(choices, llvm::formatv("rows_{0:f0}x{1}", most, width).str(),
                   "rows", known->second, cost::listRowTiles(most),
                   *answers.machine, [&](double tile) {
                     return cost::getRowTileFacts(most, double(width), tile);
                   });
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

int64_t getConvBlock(machine::CoreAttr core, const ConvSizes &conv,
                     Choices &choices) {
  Answers &answers = Answers::of(core);
  cost::Convolution problem{double(conv.sequences),
                            double(conv.channels),
                            double(std::max<int64_t>(conv.rows, 1)),
                            double(conv.taps),
                            machine::Element::f32,
                            conv.hasWindow,
                            conv.areTapsKnown};
  auto [known, isNew] =
      answers.convs.try_emplace({conv.sequences, conv.rows, conv.channels,
                                 conv.taps, conv.hasWindow, conv.areTapsKnown});
  if (isNew)
    known->second =
        int64_t(cost::chooseConvolutionBlock(problem, *answers.machine));
  std::string question = llvm::formatv(
      "conv_{0}x{1:f0}x{2}x{3}{4}{5}", conv.sequences, problem.tokens,
      conv.channels, conv.taps, conv.hasWindow ? "_window" : "",
      conv.areTapsKnown ? "_known" : "");
  return answerOne(choices, question, "block", known->second,
                   cost::listBlocks(problem), *answers.machine,
                   [&](double block) {
                     return block == 1 ? cost::getTapFacts(problem)
                                       : cost::getSpectralFacts(problem, block);
                   });
}

static std::string spell(const cost::Recurrence &problem) {
  constexpr const char *rules[] = {"add", "delta", "erase"};
  std::string text = llvm::formatv(
      "chunk_{0:f0}x{1:f0}x{2:f0}x{3:f0}x{4:f0}_{5}_{6}{7}", problem.batch,
      problem.tokens, problem.heads, problem.state, problem.width,
      getName(problem.element), rules[size_t(problem.rule)],
      problem.decaysRows ? "_rows"
      : problem.decays   ? "_decay"
                         : "");
  for (auto [name, number] : {std::pair("groups", problem.groups),
                              std::pair("readers", problem.readers),
                              std::pair("writers", problem.writers),
                              std::pair("rounds", problem.roundsFrom)})
    if (number != 1)
      text += llvm::formatv("_{0}{1:f0}", name, number);
  return text;
}

ChunkSizes getChunkSizes(machine::CoreAttr core,
                         const cost::Recurrence &problem, Choices &choices) {
  Answers &answers = Answers::of(core);
  std::vector<double> chunks = cost::listChunks(problem.tokens);
  auto [known, isNew] = answers.chunks.try_emplace(
      {problem.batch, problem.heads, problem.groups, problem.tokens,
       problem.state, problem.width, double(problem.element),
       double(problem.rule), double(problem.decays), double(problem.decaysRows),
       problem.readers, problem.writers, problem.roundsFrom});
  if (isNew) {
    cost::Choice choice = cost::chooseChunk(problem, *answers.machine);
    known->second = {int64_t(chunks[choice.chosen]),
                     int64_t(chunks[choice.next]), 1e6 * choice.seconds,
                     1e6 * choice.nextSeconds};
  }
  ChunkSizes sizes = known->second;
  sizes.rows = answerOne(choices, spell(problem), "tokens", sizes.rows, chunks,
                         *answers.machine, [&](double chunk) {
                           return cost::getChunkedFacts(problem, chunk,
                                                        cost::ChunkForm::walk);
                         });
  return sizes;
}

} // namespace sennit::schedule
