// Builds the roles of a streamed product: the walk over items, the copies, the
// products one group behind, the stores.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cuda/ProductRoles.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cuda;

using RoleBuilder = ImplicitLocOpBuilder;

static Value index(RoleBuilder &builder, int64_t value) {
  return builder.create<arith::ConstantIndexOp>(value);
}

static Value add(RoleBuilder &builder, Value a, Value b) {
  return builder.create<arith::AddIOp>(a, b);
}

static Value multiply(RoleBuilder &builder, Value a, Value b) {
  return builder.create<arith::MulIOp>(a, b);
}

/// How many steps there are from `lower` to `upper`.
static Value count(RoleBuilder &builder, Value lower, Value upper,
                   int64_t step) {
  Value length = builder.create<arith::SubIOp>(upper, lower);
  return builder.create<arith::CeilDivUIOp>(length, index(builder, step));
}

void ProductRoles::build() {
  RoleBuilder builder(grid.getLoc(), grid);
  Walk walk = buildWalk(builder);
  in = builder.create<tile::RingOp>(inType, Value());
  out = builder.create<tile::RingOp>(outType, Value());
  MLIRContext *context = grid.getContext();
  auto role = [&](StringRef name, int64_t registers, int64_t copies) {
    return tile::RoleAttr::get(context, StringAttr::get(context, name), 4,
                               registers, copies, false);
  };
  OperationState state(grid.getLoc(), tile::RolesOp::getOperationName());
  state.getOrAddProperties<tile::RolesOp::Properties>().roles =
      builder.getArrayAttr(
          {role("copy", 40, 1), role("compute", registers, copies)});
  for (int i = 0; i < 2; ++i)
    tile::RolesOp::ensureRoleTerminator(*state.addRegion(), OpBuilder(context),
                                        grid.getLoc());
  auto roles = cast<tile::RolesOp>(builder.create(state));
  auto inside = [&](unsigned role) {
    return RoleBuilder(grid.getLoc(),
                       roles.getBodies()[role].front().getTerminator());
  };
  buildCopies(inside(0), walk);
  buildCompute(inside(1), walk);
  grid.erase();
}

ProductRoles::Walk ProductRoles::buildWalk(RoleBuilder &builder) {
  Walk walk;
  walk.items = index(builder, 1);
  for (auto [lower, upper, step] :
       llvm::zip_equal(grid.getLower(), grid.getUpper(), grid.getSteps())) {
    walk.counts.push_back(count(builder, lower, upper, step));
    walk.items = multiply(builder, walk.items, walk.counts.back());
  }
  // Without depth there is one step, of zeros.
  Value trips =
      count(builder, stream.getLower(), stream.getUpper(), stream.getStep());
  walk.trips = builder.create<arith::MaxUIOp>(trips, index(builder, 1));
  walk.block = builder.create<gpu::BlockIdOp>(gpu::Dimension::x);
  walk.blocks = builder.create<gpu::GridDimOp>(gpu::Dimension::x);
  return walk;
}

/// The positions of an item along two dimensions: `group` of the first run
/// beside each other, so that what runs at once shares tiles in L2.
static std::pair<Value, Value> rasterize(RoleBuilder &builder, Value item,
                                         Value rows, Value columns,
                                         int64_t group) {
  Value height = index(builder, group);
  Value whole = multiply(builder, columns, height);
  Value first =
      multiply(builder, builder.create<arith::DivUIOp>(item, whole), height);
  Value inside = builder.create<arith::RemUIOp>(item, whole);
  Value left = builder.create<arith::SubIOp>(rows, first);
  height = builder.create<arith::MinUIOp>(left, height);
  Value row =
      add(builder, first, builder.create<arith::RemUIOp>(inside, height));
  return {row, builder.create<arith::DivUIOp>(inside, height)};
}

IRMapping ProductRoles::enterItem(RoleBuilder &builder, const Walk &walk,
                                  Value item) {
  size_t rank = walk.counts.size();
  SmallVector<Value> tiles(rank);
  for (size_t dim = rank; dim > std::min<size_t>(rank, 2); --dim) {
    // Outer dimensions vary slowest.
    size_t outer = rank - dim;
    Value inner = index(builder, 1);
    for (Value extent : ArrayRef(walk.counts).drop_front(outer + 1))
      inner = multiply(builder, inner, extent);
    tiles[outer] = builder.create<arith::DivUIOp>(item, inner);
    item = builder.create<arith::RemUIOp>(item, inner);
  }
  if (rank == 1)
    tiles[0] = item;
  else
    std::tie(tiles[rank - 2], tiles[rank - 1]) = rasterize(
        builder, item, walk.counts[rank - 2], walk.counts[rank - 1], group);
  IRMapping mapping;
  for (auto [argument, tile, lower, step] : llvm::zip_equal(
           grid.getInductionVars(), tiles, grid.getLower(), grid.getSteps()))
    mapping.map(argument, add(builder, lower,
                              multiply(builder, tile, index(builder, step))));
  for (Operation &op : grid.getBody().front()) {
    if (&op == stream)
      break;
    builder.clone(op, mapping);
  }
  return mapping;
}

void ProductRoles::buildCopies(RoleBuilder builder, const Walk &walk) {
  Value zero = index(builder, 0), one = index(builder, 1);
  auto items = builder.create<scf::ForOp>(walk.block, walk.items, walk.blocks,
                                          ValueRange(zero));
  builder.setInsertionPointToStart(items.getBody());
  Value first = items.getRegionIterArg(0);
  IRMapping mapping = enterItem(builder, walk, items.getInductionVar());
  auto steps = builder.create<scf::ForOp>(zero, walk.trips, one);
  Value next = add(builder, first, walk.trips);
  builder.create<scf::YieldOp>(next);

  builder.setInsertionPoint(steps.getBody()->getTerminator());
  Value step = steps.getInductionVar(), use = add(builder, first, step);
  Value at = multiply(builder, step, index(builder, stream.getStep()));
  mapping.map(stream.getFetchInductionVar(),
              add(builder, mapping.lookupOrDefault(stream.getLower()), at));
  auto slotType = tile::SlotType::get(grid.getContext(), inType.getTiles());
  Value slot = builder
                   .create<tile::OpenOp>(TypeRange(slotType),
                                         tile::SlotAccess::Write, in, use)
                   .getResult(0);
  for (Operation &op : stream.getFetch().front().without_terminator())
    if (!isa<tile::LoadOp>(op))
      builder.clone(op, mapping);
  for (auto [part, load] : llvm::enumerate(loads)) {
    SmallVector<Value> indices;
    for (Value position : load.getIndices())
      indices.push_back(mapping.lookupOrDefault(position));
    builder.create<tile::CopyOp>(load.getView(), indices, false, slot, part);
  }
  builder.create<tile::CloseOp>(tile::SlotAccess::Write, in, use, ValueRange(),
                                ValueRange());
}

void ProductRoles::buildCompute(RoleBuilder builder, const Walk &walk) {
  Value zero = index(builder, 0), one = index(builder, 1);
  auto items = builder.create<scf::ForOp>(walk.block, walk.items, walk.blocks,
                                          ValueRange{zero, zero});
  builder.setInsertionPointToStart(items.getBody());
  IRMapping mapping = enterItem(builder, walk, items.getInductionVar());
  auto [sum, last] = buildSum(builder, walk, items.getRegionIterArg(0));
  Value stored = buildStores(builder, mapping, sum, items.getRegionIterArg(1));
  builder.create<scf::YieldOp>(ValueRange{add(builder, last, one), stored});
}

tile::StartOp ProductRoles::startProduct(RoleBuilder &builder, Value use,
                                         Value accumulator) {
  auto open = builder.create<tile::OpenOp>(inType.getTiles(),
                                           tile::SlotAccess::Read, in, use);
  auto pending = tile::PendingType::get(grid.getContext(), mma.getType());
  auto start = builder.create<tile::StartOp>(
      TypeRange{pending, tile::TokenType::get(grid.getContext())},
      accumulator ? ValueRange(accumulator) : ValueRange());
  OpBuilder::InsertionGuard guard(builder);
  Block *body = builder.createBlock(&start.getBody());
  Value acc;
  if (accumulator)
    acc = body->addArgument(mma.getType(), grid.getLoc());
  auto operand = [&](Value tile) {
    auto fetched = stream.getFetchedArguments();
    return open.getResult(llvm::find(fetched, tile) - fetched.begin());
  };
  Value product = builder.create<tile::MmaOp>(mma.getType(), mma.getForm(),
                                              operand(mma.getA()),
                                              operand(mma.getB()), acc);
  builder.create<tile::YieldOp>(product);
  return start;
}

// The first step is peeled: it begins the sum. A slot is given up one step
// late, when the group that follows its readers has started.
std::pair<Value, Value> ProductRoles::buildSum(RoleBuilder &builder,
                                               const Walk &walk, Value first) {
  Value one = index(builder, 1);
  tile::StartOp start = startProduct(builder, first, Value());
  auto steps = builder.create<scf::ForOp>(
      one, walk.trips, one,
      ValueRange{start.getResult(0), start.getResult(1), first});
  auto close = [&](Value use, Value token) {
    builder.create<tile::CloseOp>(tile::SlotAccess::Read, in, use, token,
                                  ValueRange());
  };
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(steps.getBody());
    Value before = steps.getRegionIterArg(2), token = steps.getRegionIterArg(1);
    Value use = add(builder, before, one);
    tile::StartOp next = startProduct(builder, use, steps.getRegionIterArg(0));
    builder.create<tile::FinishOp>(token, 1, ValueRange(), ValueRange());
    close(before, token);
    builder.create<scf::YieldOp>(
        ValueRange{next.getResult(0), next.getResult(1), use});
  }
  Value token = steps.getResult(1), last = steps.getResult(2);
  auto finish = builder.create<tile::FinishOp>(
      token, 0, ValueRange(steps.getResult(0)), ValueRange());
  close(last, token);
  return {finish.getResult(0), last};
}

Value ProductRoles::buildStores(RoleBuilder &builder, IRMapping &mapping,
                                Value sum, Value stored) {
  mapping.map(stream.getResult(0), sum);
  for (Operation *op = stream->getNextNode(); op != store;
       op = op->getNextNode())
    builder.clone(*op, mapping);
  Value tile = mapping.lookup(store.getValue());
  auto part = cast<VectorType>(outType.getTiles()[0]);
  int64_t columns = cast<VectorType>(tile.getType()).getDimSize(1);
  auto slotType = tile::SlotType::get(grid.getContext(), {part});
  SmallVector<Value> indices;
  for (Value position : store.getIndices())
    indices.push_back(mapping.lookupOrDefault(position));
  Value column = indices.back();
  for (int64_t at = 0; at < columns; at += part.getDimSize(1)) {
    Value slice = tile;
    if (columns != part.getDimSize(1))
      slice =
          builder.create<tile::SliceOp>(part, tile, ArrayRef<int64_t>{0, at});
    builder.create<tile::OpenOp>(TypeRange(slotType), tile::SlotAccess::Write,
                                 out, stored);
    builder.create<tile::CloseOp>(tile::SlotAccess::Write, out, stored,
                                  ValueRange(), slice);
    auto open = builder.create<tile::OpenOp>(
        TypeRange(part), tile::SlotAccess::Read, out, stored);
    indices.back() = add(builder, column, index(builder, at));
    builder.create<tile::CopyOp>(store.getView(), indices, true,
                                 open.getResult(0), 0);
    builder.create<tile::CloseOp>(tile::SlotAccess::Read, out, stored,
                                  ValueRange(), ValueRange());
    stored = add(builder, stored, index(builder, 1));
  }
  return stored;
}
