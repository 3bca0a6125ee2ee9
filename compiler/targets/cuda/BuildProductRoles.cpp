// Builds the roles of streamed products: the walk over items, the copies, the
// products one group behind, the epilogue in parts, the stores.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cuda/ProductRoles.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cuda;

void ProductRoles::build() {
  RoleBuilder builder(grid.getLoc(), grid);
  ItemWalk walk(grid, group);
  // Without depth there is one step, of zeros.
  trips =
      count(builder, stream.getLower(), stream.getUpper(), stream.getStep());
  trips = builder.create<arith::MaxUIOp>(trips, index(builder, 1));
  for (CopiedView &view : views)
    sources.push_back(view.build(builder));
  in = builder.create<tile::RingOp>(inType, Value());
  if (target) {
    targetView = target->build(builder);
    out = builder.create<tile::RingOp>(outType, Value());
  }
  tile::RolesOp roles = openRoles(builder, registers, copies, /*turns=*/false);
  buildCopies(enterRole(roles, 0), walk);
  buildCompute(enterRole(roles, 1), walk);
  grid.erase();
}

static SmallVector<Value> lookup(IRMapping &mapping, ValueRange values) {
  return llvm::map_to_vector(
      values, [&](Value value) { return mapping.lookupOrDefault(value); });
}

static SmallVector<std::pair<int64_t, Value>>
mapBounds(IRMapping &mapping, ArrayRef<int64_t> dims, ValueRange bounds) {
  SmallVector<std::pair<int64_t, Value>> mapped;
  for (auto [dim, bound] : llvm::zip_equal(dims, bounds))
    mapped.push_back({dim, mapping.lookupOrDefault(bound)});
  return mapped;
}

void ProductRoles::buildCopies(RoleBuilder builder, ItemWalk &walk) {
  Value zero = index(builder, 0), one = index(builder, 1);
  scf::ForOp items = walk.openItems(builder, zero);
  Value first = items.getRegionIterArg(0);
  IRMapping mapping = walk.enter(builder, items.getInductionVar());
  auto steps = builder.create<scf::ForOp>(zero, trips, one);
  Value next = add(builder, first, trips);
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
  for (auto [part, load] : llvm::enumerate(loads))
    builder.create<tile::CopyOp>(
        sources[part], views[part].order(lookup(mapping, load.getIndices())),
        false, slot, part, DenseI64ArrayAttr());
  builder.create<tile::CloseOp>(tile::SlotAccess::Write, in, use, ValueRange(),
                                ValueRange());
}

void ProductRoles::buildCompute(RoleBuilder builder, ItemWalk &walk) {
  Value zero = index(builder, 0), one = index(builder, 1);
  scf::ForOp items = walk.openItems(builder, {zero, zero});
  IRMapping mapping = walk.enter(builder, items.getInductionVar());
  auto [sums, last] = buildSums(builder, items.getRegionIterArg(0));
  Value stored = buildStores(builder, mapping, sums, items.getRegionIterArg(1));
  builder.create<scf::YieldOp>(ValueRange{add(builder, last, one), stored});
}

tile::StartOp ProductRoles::startProducts(RoleBuilder &builder, Value use,
                                          ValueRange accumulators) {
  auto open = builder.create<tile::OpenOp>(inType.getTiles(),
                                           tile::SlotAccess::Read, in, use);
  SmallVector<Type> types(
      products.size(),
      tile::PendingType::get(grid.getContext(), products.front().getType()));
  types.push_back(tile::TokenType::get(grid.getContext()));
  auto start = builder.create<tile::StartOp>(types, accumulators);
  OpBuilder::InsertionGuard guard(builder);
  Block *body = builder.createBlock(&start.getBody());
  auto operand = [&](Value tile) {
    auto fetched = stream.getFetchedArguments();
    return open.getResult(llvm::find(fetched, tile) - fetched.begin());
  };
  SmallVector<Value> results;
  for (tile::MmaOp mma : products) {
    Value acc;
    if (!accumulators.empty())
      acc = body->addArgument(mma.getType(), grid.getLoc());
    results.push_back(builder.create<tile::MmaOp>(mma.getType(), mma.getForm(),
                                                  operand(mma.getA()),
                                                  operand(mma.getB()), acc));
  }
  builder.create<tile::YieldOp>(results);
  return start;
}

// The first step is peeled: it begins the sums. A slot is given up one step
// late, when the group that follows its readers has started.
std::pair<SmallVector<Value>, Value>
ProductRoles::buildSums(RoleBuilder &builder, Value first) {
  Value one = index(builder, 1);
  size_t count = products.size();
  tile::StartOp start = startProducts(builder, first, {});
  SmallVector<Value> inits(start.getResults());
  inits.push_back(first);
  auto steps = builder.create<scf::ForOp>(one, trips, one, inits);
  auto close = [&](Value use, Value token) {
    builder.create<tile::CloseOp>(tile::SlotAccess::Read, in, use, token,
                                  ValueRange());
  };
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(steps.getBody());
    ValueRange carried = steps.getRegionIterArgs();
    Value token = carried[count], before = carried[count + 1];
    Value use = add(builder, before, one);
    tile::StartOp next = startProducts(builder, use, carried.take_front(count));
    builder.create<tile::FinishOp>(token, 1, ValueRange(), ValueRange());
    close(before, token);
    SmallVector<Value> yielded(next.getResults());
    yielded.push_back(use);
    builder.create<scf::YieldOp>(yielded);
  }
  Value token = steps.getResult(count), last = steps.getResult(count + 1);
  auto finish = builder.create<tile::FinishOp>(
      token, 0, steps.getResults().take_front(count), ValueRange());
  close(last, token);
  return {SmallVector<Value>(finish.getResults()), last};
}

Value ProductRoles::buildStores(RoleBuilder &builder, IRMapping &mapping,
                                ValueRange sums, Value stored) {
  mapping.map(stream.getResults(), sums);
  int64_t columns = cast<VectorType>(store.getValue().getType()).getDimSize(1);
  for (int64_t at = 0; at < columns; at += partColumns) {
    IRMapping parts;
    Value part = buildPart(builder, mapping, parts, store.getValue(), at);
    stored = buildStore(builder, mapping, part, at, stored);
  }
  return stored;
}

Value ProductRoles::buildPart(RoleBuilder &builder, IRMapping &mapping,
                              IRMapping &parts, Value tile, int64_t at) {
  if (Value known = parts.lookupOrNull(tile))
    return known;
  auto whole = dyn_cast<VectorType>(tile.getType());
  if (!whole)
    return mapping.lookupOrDefault(tile);
  auto type = VectorType::get({whole.getDimSize(0), partColumns},
                              whole.getElementType());
  Operation *op = tile.getDefiningOp();
  Value part;
  SplatElementsAttr splat;
  if (op == stream) {
    part = mapping.lookup(tile);
    if (type != whole)
      part =
          builder.create<tile::SliceOp>(type, part, ArrayRef<int64_t>{0, at});
  } else if (matchPattern(tile, m_Constant(&splat))) {
    part = builder.create<arith::ConstantOp>(splat.resizeSplat(type));
  } else if (auto load = dyn_cast<tile::LoadOp>(op)) {
    SmallVector<Value> indices = lookup(mapping, load.getIndices());
    indices.back() = add(builder, indices.back(), index(builder, at));
    part = tile::LoadOp::create(
        builder, type, load.getView(), indices, load.getTileDims(),
        mapBounds(mapping, load.getBoundDims(), load.getBounds()),
        load.getPad().value_or(Attribute()));
  } else {
    OperationState state(op->getLoc(), op->getName());
    for (Value operand : op->getOperands())
      state.operands.push_back(buildPart(builder, mapping, parts, operand, at));
    state.addTypes(type);
    state.addAttributes(llvm::to_vector(op->getDiscardableAttrs()));
    state.propertiesAttr = op->getPropertiesAsAttribute();
    part = builder.create(state)->getResult(0);
  }
  parts.map(tile, part);
  return part;
}

Value ProductRoles::buildStore(RoleBuilder &builder, IRMapping &mapping,
                               Value part, int64_t at, Value stored) {
  SmallVector<Value> indices = lookup(mapping, store.getIndices());
  indices.back() = add(builder, indices.back(), index(builder, at));
  if (!target) {
    tile::StoreOp::create(
        builder, part, store.getView(), indices, store.getTileDims(),
        mapBounds(mapping, store.getBoundDims(), store.getBounds()));
    return stored;
  }
  auto slotType = tile::SlotType::get(grid.getContext(), {part.getType()});
  builder.create<tile::OpenOp>(TypeRange(slotType), tile::SlotAccess::Write,
                               out, stored);
  builder.create<tile::CloseOp>(tile::SlotAccess::Write, out, stored,
                                ValueRange(), part);
  auto open = builder.create<tile::OpenOp>(TypeRange(part.getType()),
                                           tile::SlotAccess::Read, out, stored);
  builder.create<tile::CopyOp>(targetView, target->order(indices), true,
                               open.getResult(0), 0, DenseI64ArrayAttr());
  builder.create<tile::CloseOp>(tile::SlotAccess::Read, out, stored,
                                ValueRange(), ValueRange());
  return add(builder, stored, index(builder, 1));
}
