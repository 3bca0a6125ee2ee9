// The walk over items: each once, and as much to do for every block.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cuda/ItemWalk.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "gtest/gtest.h"

#include <map>

using namespace mlir;
using namespace sennit;
using Order = cuda::ItemWalk::Order;

namespace {
/// A grid of constant bounds, the walk over it, and what that computes.
class Walk {
public:
  Walk(ArrayRef<int64_t> counts, int64_t group, Order order) {
    context.loadDialect<arith::ArithDialect, func::FuncDialect, scf::SCFDialect,
                        gpu::GPUDialect, tile::TileDialect>();
    OpBuilder plain(&context);
    Location loc = plain.getUnknownLoc();
    module = ModuleOp::create(loc);
    cuda::RoleBuilder builder(loc, module->getBodyRegion());
    auto function = func::FuncOp::create(builder, loc, "walk",
                                         builder.getFunctionType({}, {}));
    builder.setInsertionPointToStart(function.addEntryBlock());
    SmallVector<Value> lower, upper;
    for (int64_t count : counts) {
      lower.push_back(cuda::index(builder, 0));
      upper.push_back(cuda::index(builder, count));
    }
    SmallVector<int64_t> steps(counts.size(), 1);
    SmallVector<Attribute> names(counts.size(), builder.getStringAttr("d"));
    OperationState state(loc, tile::GridOp::getOperationName());
    state.addOperands(lower);
    state.addOperands(upper);
    auto &properties = state.getOrAddProperties<tile::GridOp::Properties>();
    properties.steps = builder.getDenseI64ArrayAttr(steps);
    properties.dims = builder.getArrayAttr(names);
    properties.operandSegmentSizes = {int32_t(counts.size()),
                                      int32_t(counts.size())};
    Region *body = state.addRegion();
    body->emplaceBlock().addArguments(
        SmallVector<Type>(counts.size(), builder.getIndexType()),
        SmallVector<Location>(counts.size(), loc));
    grid = cast<tile::GridOp>(builder.create(state));
    builder.setInsertionPoint(grid);
    cuda::ItemWalk walk(grid, group, order);
    loop = walk.openItems(builder, {});
    IRMapping mapping = walk.enter(builder, loop.getInductionVar());
    for (Value position : grid.getInductionVars())
      positions.push_back(mapping.lookup(position));
  }

  /// The items of a block, in the order in which it takes them.
  std::vector<std::vector<int64_t>> take(int64_t block, int64_t blocks) {
    values.clear();
    this->block = block;
    this->blocks = blocks;
    std::vector<std::vector<int64_t>> taken;
    run(*loop->getBlock());
    int64_t waves = values.at(loop.getUpperBound());
    for (int64_t wave = 0; wave < waves; ++wave) {
      values[loop.getInductionVar()] = wave;
      run(*loop.getBody());
      taken.emplace_back();
      for (Value position : positions)
        taken.back().push_back(values.at(position));
    }
    return taken;
  }

private:
  void run(Block &ops) {
    for (Operation &op : ops)
      if (op.getNumResults() == 1 && op.getNumRegions() == 0)
        values[op.getResult(0)] = compute(op);
  }

  int64_t compute(Operation &op) {
    if (auto constant = dyn_cast<arith::ConstantOp>(op))
      return cast<IntegerAttr>(constant.getValue()).getInt();
    if (isa<gpu::BlockIdOp>(op))
      return block;
    if (isa<gpu::GridDimOp>(op))
      return blocks;
    int64_t a = values.at(op.getOperand(0)), b = values.at(op.getOperand(1));
    if (isa<arith::SelectOp>(op))
      return a ? b : values.at(op.getOperand(2));
    if (isa<arith::CmpIOp>(op))
      return a == b;
    if (isa<arith::AddIOp>(op))
      return a + b;
    if (isa<arith::SubIOp>(op))
      return a - b;
    if (isa<arith::MulIOp>(op))
      return a * b;
    if (isa<arith::DivUIOp>(op))
      return a / b;
    if (isa<arith::RemUIOp>(op))
      return a % b;
    if (isa<arith::CeilDivUIOp>(op))
      return (a + b - 1) / b;
    if (isa<arith::MinUIOp>(op))
      return std::min(a, b);
    if (isa<arith::MaxUIOp, arith::MaxSIOp>(op))
      return std::max(a, b);
    ADD_FAILURE() << "the walk computes " << op.getName().getStringRef().str();
    return 0;
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  tile::GridOp grid;
  scf::ForOp loop;
  SmallVector<Value> positions;
  llvm::DenseMap<Value, int64_t> values;
  int64_t block = 0, blocks = 1;
};

int64_t countAll(ArrayRef<int64_t> counts) {
  int64_t all = 1;
  for (int64_t count : counts)
    all *= count;
  return all;
}
} // namespace

TEST(ItemWalkTest, VisitsEveryItemOnce) {
  const std::vector<std::vector<int64_t>> grids = {
      {1}, {500}, {3, 7}, {16, 64}, {17, 1, 5}, {4, 8, 64}, {2, 3, 5, 7}};
  for (Order order : {Order::FirstFirst, Order::LastFirst})
    for (const std::vector<int64_t> &counts : grids)
      for (int64_t blocks : {1, 7, 132}) {
        Walk walk(counts, /*group=*/16, order);
        std::map<std::vector<int64_t>, int> seen;
        for (int64_t block = 0; block < blocks; ++block)
          for (const std::vector<int64_t> &item : walk.take(block, blocks)) {
            for (size_t i = 0; i < counts.size(); ++i)
              ASSERT_TRUE(item[i] >= 0 && item[i] < counts[i]);
            ++seen[item];
          }
        EXPECT_EQ(int64_t(seen.size()), countAll(counts));
        for (const auto &[item, times] : seen)
          EXPECT_EQ(times, 1);
      }
}

// Under a diagonal, item i of a line has i + 1 steps.
TEST(ItemWalkTest, GivesBlocksAlikeMuchToDo) {
  const std::vector<std::vector<int64_t>> grids = {
      {4, 8, 64},  {4, 16, 64}, {4, 32, 64}, {1, 16, 256}, {32, 16, 8},
      {1, 32, 32}, {16, 8, 16}, {8, 16, 32}, {1, 32, 80},  {64, 8, 8},
      {1, 24, 63}, {1, 12, 40}, {3, 7, 27}};
  constexpr int64_t blocks = 132;
  for (const std::vector<int64_t> &counts : grids) {
    Walk walk(counts, /*group=*/16, Order::LastFirst);
    int64_t most = 0, all = 0;
    for (int64_t block = 0; block < blocks; ++block) {
      int64_t steps = 0;
      for (const std::vector<int64_t> &item : walk.take(block, blocks))
        steps += item.back() + 1;
      most = std::max(most, steps);
      all += steps;
    }
    EXPECT_LE(double(most * blocks) / double(all), 1.06)
        << counts[0] << " x " << counts[1] << " x " << counts[2];
  }
}
