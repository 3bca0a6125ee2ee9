// Visits the items of a grid and the loops around its accesses.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/facts/KernelFacts.h"

#include "compiler/cost/Families.h"
#include "compiler/facts/IndexRanges.h"
#include "compiler/facts/TileWork.h"
#include "dialects/machine/Machine.h"
#include "dialects/tile/Tile.h"
#include <cmath>
#include <map>

using namespace mlir;
using sennit::cost::Access;
using sennit::cost::Work;

namespace sennit::facts {

/// Items that are visited one by one.
static constexpr double mostVisited = 65536;

namespace {
/// The grid, or a stream in it, with the work of one iteration.
struct Loop {
  Operation *op = nullptr;
  Work work;
  /// What one iteration adds to what waits.
  cost::Chain chain;
  /// What threads of an item do to go on together, in an iteration.
  TileWork::Exchanges exchanges;
  std::vector<Loop> inner;
};

/// A dimension of the grid or a stream, as loops around an access.
struct Around {
  Value variable;
  Value lower, upper;
  double step = 1, trips = 1;
  bool isParallel = false;
  Operation *op = nullptr;
};

/// One load or store.
struct Reached {
  Operation *op = nullptr;
  Value view;
  VectorType tile;
  SmallVector<int64_t> tileDims;
  OperandRange indices;
  SmallVector<Value> bounds; // one a tile dimension, null where it has none
  bool isWrite = false;
  SmallVector<Around> loops;
};

class KernelReader {
public:
  KernelReader(func::FuncOp kernel, ArrayRef<double> arguments, double skew,
               bool isStepwise, std::string &reason)
      : kernel(kernel), isStepwise(isStepwise), reason(reason) {
    auto module = kernel->getParentOfType<ModuleOp>();
    if (auto core =
            module ? module->getAttrOfType<machine::CoreAttr>("machine.target")
                   : machine::CoreAttr())
      threads = core.getThreads();
    for (auto [argument, number] :
         llvm::zip_equal(kernel.getArguments(), arguments))
      if (argument.getType().isIndex())
        ranges.set(argument, number);
    ranges.read = [this](Value table, double index) -> std::optional<double> {
      auto found = tables.find(table);
      if (found == tables.end() || index < 0 ||
          index >= double(found->second.size()))
        return std::nullopt;
      return found->second[size_t(index)];
    };
    for (auto [argument, number] :
         llvm::zip_equal(kernel.getArguments(), arguments))
      if (number > 0 && isa<MemRefType>(argument.getType()))
        setTable(argument, number, skew);
  }

  /// Of one of the kernel's grids.
  std::optional<cost::KernelFacts> run(tile::GridOp of) {
    grid = of;
    facts.name = kernel.getName().str();
    facts.isStepwise = isStepwise;
    top.op = grid;
    readLoop(top, grid.getBody().front());
    top.chain = TileWork::findChain(grid.getBody().front(), {}, {});
    top.chain.memory = 1;
    if (!readExtents() || !visitItems())
      return std::nullopt;
    collectAccesses();
    for (const Reached &access : accesses)
      if (!isa<BlockArgument>(access.view)) {
        reason = "an access is not to one of its arguments";
        return std::nullopt;
      }
    countAccesses();
    return std::move(facts);
  }

private:
  bool fail(const Twine &message) {
    reason = message.str();
    return false;
  }

  /// Entry i is the first row of part i, the last one all rows.
  void setTable(Value table, double rows, double skew) {
    auto type = cast<MemRefType>(table.getType());
    if (!type.hasStaticShape() || type.getRank() != 1)
      return;
    std::vector<double> &firstRows = tables[table];
    double first = 0;
    for (double count :
         cost::routeTokens(rows, double(type.getDimSize(0) - 1), 1, skew)) {
      firstRows.push_back(std::round(first));
      first += count;
    }
    firstRows.push_back(std::round(first));
  }

  void readLoop(Loop &loop, Block &block) {
    SmallVector<Operation *> streams;
    loop.work.add(work.count(block, streams), 1);
    if (isStepwise) {
      loop.exchanges = TileWork::countExchanges(block, threads);
      loop.work.exchanged = loop.exchanges.bytes;
    }
    for (Operation *op : streams) {
      auto stream = cast<tile::StreamOp>(op);
      Loop inner;
      inner.op = stream;
      SmallVector<Operation *> none;
      inner.work.add(work.count(stream.getFetch().front(), none), 1);
      readLoop(inner, stream.getCompute().front());
      SmallVector<Value> carried(stream.getCarriedArguments());
      Block &compute = stream.getCompute().front();
      inner.chain = TileWork::findChain(compute, carried,
                                        compute.getTerminator()->getOperands());
      if (carried.empty())
        inner.chain = {};
      loop.inner.push_back(std::move(inner));
    }
  }

  bool readExtents() {
    for (auto [lower, upper, step] :
         llvm::zip_equal(grid.getLower(), grid.getUpper(), grid.getSteps())) {
      auto low = ranges.get(lower), high = ranges.get(upper);
      if (!low || !high)
        return fail("the bounds of its grid cannot be told");
      extents.push_back(std::max(
          0.0, std::ceil((high->middle() - low->middle()) / double(step))));
      starts.push_back(low->middle());
      items *= extents.back();
    }
    return items > 0 || fail("its grid is empty");
  }

  /// Iterations of a stream where the variables around it stand now.
  std::optional<double> countTrips(tile::StreamOp stream) {
    auto low = ranges.get(stream.getLower()),
         high = ranges.get(stream.getUpper());
    if (!low || !high)
      return std::nullopt;
    return std::max(0.0, std::ceil((high->middle() - low->middle()) /
                                   double(stream.getStep())));
  }

  void place(const Around &loop, Value variable, bool whole) {
    auto low = ranges.get(loop.lower), high = ranges.get(loop.upper);
    if (!low || !high)
      return;
    double trips =
        std::max(1.0, std::ceil((high->high - low->low) / loop.step));
    double last = low->low + (trips - 1) * loop.step;
    double middle = low->low + std::floor((trips - 1) / 2) * loop.step;
    ranges.set(variable, whole ? Range{low->low, last} : Range{middle, middle});
  }

  /// Adds the work of a loop and of those inside; `times` iterations in all.
  bool addLoop(Loop &loop, double times, Work &sum,
               std::vector<double> &signature) {
    Work own = loop.work;
    own.chain = loop.chain;
    if (isStepwise) {
      // Each iteration waits for its loads, and each op for all threads.
      own.chain.barrier += loop.exchanges.meetings;
      own.chain.near += loop.exchanges.reads;
      own.chain.memory = 1;
    }
    sum.add(own, times);
    for (Loop &inner : loop.inner) {
      auto stream = cast<tile::StreamOp>(inner.op);
      auto trips = countTrips(stream);
      if (!trips)
        return fail("the bounds of the stream `" + stream.getLabel() +
                    "` cannot be told");
      Around around{stream.getFetchInductionVar(), stream.getLower(),
                    stream.getUpper(), double(stream.getStep())};
      place(around, stream.getFetchInductionVar(), false);
      place(around, stream.getComputeInductionVar(), false);
      signature.push_back(times * *trips);
      if (iterations.insert({inner.op, 0}).second)
        order.push_back(inner.op);
      iterations[inner.op] += times * *trips;
      if (!addLoop(inner, times * *trips, sum, signature))
        return false;
    }
    return true;
  }

  bool visitItems() {
    double stride = std::max(1.0, std::ceil(items / mostVisited));
    std::vector<double> before;
    for (double item = 0; item < items; item += stride) {
      double rest = item;
      for (size_t dim = extents.size(); dim-- > 0;) {
        double at = std::fmod(rest, extents[dim]);
        rest = std::floor(rest / extents[dim]);
        ranges.set(grid.getInductionVars()[dim],
                   starts[dim] + at * double(grid.getSteps()[dim]));
      }
      Work sum;
      std::vector<double> signature;
      double weight = std::min(stride, items - item);
      visited += 1;
      if (!addLoop(top, 1, sum, signature))
        return false;
      if (!facts.items.empty() && signature == before) {
        facts.items.back().count += weight;
        continue;
      }
      before = signature;
      facts.items.push_back({std::move(sum), weight});
      signatures.push_back(signature);
    }
    return true;
  }

  void collectAccesses() {
    SmallVector<Around> loops;
    for (auto [dim, variable] : llvm::enumerate(grid.getInductionVars()))
      loops.push_back({variable, grid.getLower()[dim], grid.getUpper()[dim],
                       double(grid.getSteps()[dim]), extents[dim], true, grid});
    collect(grid.getBody().front(), loops);
  }

  void collect(Block &block, SmallVectorImpl<Around> &loops) {
    for (Operation &op : block) {
      if (auto load = dyn_cast<tile::LoadOp>(op)) {
        addReached(load, load.getType(), false, loops);
      } else if (auto store = dyn_cast<tile::StoreOp>(op)) {
        addReached(store, store.getValue().getType(), true, loops);
      } else if (auto stream = dyn_cast<tile::StreamOp>(op)) {
        double all = iterations[stream];
        double around = visitedSlots(loops);
        for (Value variable :
             {stream.getFetchInductionVar(), stream.getComputeInductionVar()}) {
          loops.push_back({variable, stream.getLower(), stream.getUpper(),
                           double(stream.getStep()),
                           std::max(1.0, all / around), false, stream});
          collect(variable == stream.getFetchInductionVar()
                      ? stream.getFetch().front()
                      : stream.getCompute().front(),
                  loops);
          loops.pop_back();
        }
      } else {
        for (Region &region : op.getRegions())
          for (Block &inner : region)
            collect(inner, loops);
      }
    }
  }

  /// Iterations of the loops around, in the items that were visited.
  double visitedSlots(ArrayRef<Around> loops) {
    double count = visited;
    for (const Around &loop : loops)
      if (!loop.isParallel)
        count *= loop.trips;
    return count;
  }

  template <typename OpT>
  void addReached(OpT op, Type tile, bool isWrite, ArrayRef<Around> loops) {
    auto type = cast<VectorType>(tile);
    Reached reached{op,
                    op.getView(),
                    type,
                    SmallVector<int64_t>(op.getTileDims()),
                    op.getIndices(),
                    SmallVector<Value>(type.getRank(), Value()),
                    isWrite,
                    SmallVector<Around>(loops)};
    for (int64_t dim = 0; dim < type.getRank(); ++dim)
      reached.bounds[dim] = op.getBoundOf(dim);
    accesses.push_back(std::move(reached));
  }

  /// Bytes that an access touches while the loops from `from` inwards run over
  /// their whole ranges and the others stand in the middle.
  double getTouched(const Reached &access, size_t from) {
    double executions = 1;
    for (auto [number, loop] : llvm::enumerate(access.loops)) {
      place(loop, loop.variable, number >= from);
      executions *= number >= from ? loop.trips : 1;
    }
    auto type = cast<MemRefType>(access.view.getType());
    double elements = 1;
    for (auto [dim, index] : llvm::enumerate(access.indices)) {
      auto walked = llvm::find(access.tileDims, int64_t(dim));
      bool isWalked = walked != access.tileDims.end();
      double size =
          isWalked
              ? double(access.tile.getDimSize(walked - access.tileDims.begin()))
              : 1;
      double most =
          type.isDynamicDim(dim) ? 1e30 : double(type.getDimSize(dim));
      double length = size * executions;
      if (auto range = ranges.get(index)) {
        length = std::min(length, range->high - range->low + size);
        Value bound = isWalked ? access.bounds[walked - access.tileDims.begin()]
                               : Value();
        if (auto end = bound ? ranges.get(bound) : std::nullopt)
          length = std::min(length, std::max(0.0, end->high - range->low));
      }
      elements *= std::min(length, most);
    }
    unsigned bits =
        type.getElementType().isIndex() ? 64 : type.getElementTypeBitWidth();
    return elements * std::max(8u, bits) / 8;
  }

  void countAccesses() {
    std::vector<std::vector<double>> touched;
    std::map<std::pair<Operation *, size_t>, double> windows;
    double tiles = 0;
    for (const Reached &access : accesses) {
      touched.emplace_back();
      for (size_t from = 0; from <= access.loops.size(); ++from)
        touched.back().push_back(std::max(1.0, getTouched(access, from)));
      for (size_t i = 0; i < access.loops.size(); ++i)
        windows[{access.loops[i].op, i}] += touched.back()[i + 1];
      tiles += double(access.tile.getNumElements()) *
               access.tile.getElementTypeBitWidth() / 8;
    }
    facts.footprint = tiles;
    for (auto [reached, bytes] : llvm::zip_equal(accesses, touched)) {
      Access access;
      access.name =
          std::to_string(cast<BlockArgument>(reached.view).getArgNumber());
      access.isWrite = reached.isWrite;
      access.bytes = bytes.back();
      for (size_t i = 0; i < reached.loops.size(); ++i) {
        const Around &loop = reached.loops[i];
        access.loops.push_back({loop.trips, bytes[i] / bytes[i + 1],
                                windows[{loop.op, i}], loop.isParallel});
      }
      spread(access, reached);
      facts.accesses.push_back(std::move(access));
    }
  }

  /// Gives every item its share of an access's bytes, by its iterations.
  void spread(const Access &access, const Reached &reached) {
    Operation *inmost =
        reached.loops.empty() ? nullptr : reached.loops.back().op;
    double all = access.getTotal();
    if (!isa_and_present<tile::StreamOp>(inmost)) {
      for (cost::ItemRun &run : facts.items)
        run.work.moved += all / items;
      return;
    }
    size_t place = std::distance(order.begin(), llvm::find(order, inmost));
    double sum = 0;
    for (auto [run, signature] : llvm::zip_equal(facts.items, signatures))
      sum += run.count * getSlots(signature, place);
    for (auto [run, signature] : llvm::zip_equal(facts.items, signatures))
      run.work.moved +=
          sum > 0 ? all * getSlots(signature, place) / sum : all / items;
  }

  static double getSlots(const std::vector<double> &signature, size_t place) {
    return place < signature.size() ? signature[place] : 1;
  }

  func::FuncOp kernel;
  bool isStepwise;
  /// Threads of an item.
  int64_t threads = 1;
  std::string &reason;
  tile::GridOp grid;
  IndexRanges ranges;
  llvm::DenseMap<Value, std::vector<double>> tables;
  TileWork work;
  Loop top;
  cost::KernelFacts facts;
  SmallVector<double> extents, starts;
  double items = 1, visited = 0;
  std::map<Operation *, double> iterations;
  std::vector<std::vector<double>> signatures;
  std::vector<Operation *> order;
  std::vector<Reached> accesses;
};
} // namespace

std::optional<cost::KernelFacts>
readKernelFacts(func::FuncOp kernel, ArrayRef<double> arguments, double skew,
                std::string &reason, bool isStepwise) {
  std::optional<cost::KernelFacts> facts;
  for (tile::GridOp grid : kernel.getOps<tile::GridOp>()) {
    auto own =
        KernelReader(kernel, arguments, skew, isStepwise, reason).run(grid);
    if (!own)
      return std::nullopt;
    if (!facts) {
      facts = std::move(own);
      continue;
    }
    // One grid's items after the other's.
    llvm::append_range(facts->items, own->items);
    llvm::append_range(facts->accesses, own->accesses);
    facts->footprint = std::max(facts->footprint, own->footprint);
    facts->isStepwise |= own->isStepwise;
  }
  if (!facts)
    reason = "it holds no `tile.grid`";
  return facts;
}

} // namespace sennit::facts
