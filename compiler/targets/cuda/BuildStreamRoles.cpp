// Builds the roles of a stream with products: the copies, and the item's own
// arithmetic with products in flight from where they start to where their
// results are read.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cuda/Rings.h"
#include "compiler/targets/cuda/StreamRoles.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cuda;

using tile::SlotAccess;

void StreamRoles::build() {
  RoleBuilder builder(grid.getLoc(), grid);
  ItemWalk walk(grid, /*group=*/16);
  auto ring = [&](tile::RingType type) -> Value {
    return builder.create<tile::RingOp>(type, Value());
  };
  auto own = [&](tile::Place place, Type tile) {
    return ring(tile::RingType::get(builder.getContext(), 1, place, {tile}));
  };
  for (Copied &one : copied)
    one.source = one.view.build(builder);
  in = ring(inType);
  for (Computed &one : computed)
    one.ring = own(one.place, one.tile.getType());
  for (Stored &stored : stores) {
    stored.target = stored.view.build(builder);
    stored.ring = own(tile::Place::Shared, stored.store.getValue().getType());
  }
  grid->getParentOfType<func::FuncOp>()->setAttr(
      blocksAttrName, builder.getI64IntegerAttr(blocks));
  tile::RolesOp roles =
      openRoles(builder, registers, /*copies=*/1, /*turns=*/false);
  buildCopies(enterRole(roles, 0), walk);
  buildCompute(enterRole(roles, 1), walk);
  grid.erase();
}

/// Clones the scalars of a block: positions, bounds.
static void cloneNumbers(RoleBuilder &builder, IRMapping &mapping,
                         Block &block) {
  for (Operation &op : block.without_terminator())
    if (llvm::none_of(op.getResultTypes(), llvm::IsaPred<VectorType>))
      builder.clone(op, mapping);
}

static Value countSteps(RoleBuilder &builder, IRMapping &mapping,
                        tile::StreamOp stream) {
  Value lower = mapping.lookupOrDefault(stream.getLower()),
        upper = mapping.lookupOrDefault(stream.getUpper());
  upper = builder.create<arith::MaxSIOp>(lower, upper);
  return count(builder, lower, upper, stream.getStep());
}

//===----------------------------------------------------------------------===//
// The role that copies
//===----------------------------------------------------------------------===//

void StreamRoles::buildCopies(RoleBuilder builder, ItemWalk &walk) {
  Value zero = index(builder, 0), one = index(builder, 1);
  scf::ForOp items = walk.openItems(builder, zero);
  Value first = items.getRegionIterArg(0);
  IRMapping mapping = walk.enter(builder, items.getInductionVar());
  Value trips = countSteps(builder, mapping, stream);
  auto steps = builder.create<scf::ForOp>(zero, trips, one);
  builder.create<scf::YieldOp>(add(builder, first, trips));
  builder.setInsertionPoint(steps.getBody()->getTerminator());
  Value step = steps.getInductionVar(), use = add(builder, first, step);
  mapping.map(stream.getFetchInductionVar(),
              locateStep(builder, mapping, stream, step));
  cloneNumbers(builder, mapping, stream.getFetch().front());
  Value slot = openToWrite(builder, in, use);
  for (auto [part, one] : llvm::enumerate(copied)) {
    SmallVector<Value> indices =
        llvm::map_to_vector(one.load.getIndices(), [&](Value position) {
          return mapping.lookupOrDefault(position);
        });
    auto tile = cast<VectorType>(one.load.getType());
    builder.create<tile::CopyOp>(
        one.source, one.view.order(indices), false, slot, part,
        builder.getDenseI64ArrayAttr(one.view.getBox(tile.getShape())));
  }
  builder.create<tile::CloseOp>(SlotAccess::Write, in, use, ValueRange(),
                                ValueRange());
}

//===----------------------------------------------------------------------===//
// The role that computes
//===----------------------------------------------------------------------===//

/// Groups end in the order in which they started: with this one, all before it.
void StreamRoles::finish(Emission &emission, const Group &last) {
  for (Group &group : emission.groups) {
    if (&group > &last)
      return;
    if (group.isFinished)
      continue;
    // Registers that the product reads live until it has.
    SmallVector<Value> ties;
    for (auto [ring, tile] : group.reads)
      if (cast<tile::RingType>(ring.getType()).getPlace() ==
          tile::Place::Registers)
        ties.push_back(emission.mapping.lookup(tile));
    auto finish = emission.builder.create<tile::FinishOp>(
        group.token, &emission.groups.back() - &group, group.pending, ties);
    emission.mapping.map(group.product, finish.getResult(0));
    group.isFinished = true;
  }
}

/// Waits for all groups, and gives up what they read.
void StreamRoles::finishAll(Emission &emission) {
  if (!emission.groups.empty())
    finish(emission, emission.groups.back());
  llvm::MapVector<Value, SmallVector<Value>> readers;
  for (const Group &group : emission.groups)
    for (auto [ring, tile] : group.reads)
      if (!llvm::is_contained(readers[ring], group.token))
        readers[ring].push_back(group.token);
  for (auto &[ring, tokens] : readers)
    emission.builder.create<tile::CloseOp>(SlotAccess::Read, ring, emission.use,
                                           tokens, ValueRange());
}

/// What a product reads: a tile that was copied, or one that the item computed
/// and puts where products read.
Value StreamRoles::openOperand(Emission &emission, Group &group, Value tile) {
  if (isCopied(tile)) {
    group.reads.push_back({in, tile});
    return emission.mapping.lookup(tile);
  }
  for (const Computed &one : computed)
    if (one.tile == tile) {
      group.reads.push_back({one.ring, tile});
      if (!emission.opened.contains(tile))
        fill(emission, one);
      return emission.opened.lookup(tile);
    }
  llvm_unreachable("every operand was matched");
}

/// Puts a computed operand where products read it.
void StreamRoles::fill(Emission &emission, const Computed &one) {
  RoleBuilder &builder = emission.builder;
  openToWrite(builder, one.ring, emission.use);
  builder.create<tile::CloseOp>(SlotAccess::Write, one.ring, emission.use,
                                ValueRange(),
                                emission.mapping.lookupOrDefault(one.tile));
  emission.opened[one.tile] = openToRead(builder, one.ring, emission.use);
}

void StreamRoles::emitProduct(Emission &emission, tile::MmaOp product) {
  RoleBuilder &builder = emission.builder;
  Group group;
  group.product = product;
  Value a = openOperand(emission, group, product.getA());
  Value b = openOperand(emission, group, product.getB());
  Value from = product.getAcc();
  if (from && matchPattern(from, m_AnyZeroFloat()))
    from = Value();
  if (from)
    from = emission.mapping.lookupOrDefault(from);
  auto start = builder.create<tile::StartOp>(
      TypeRange{tile::PendingType::get(builder.getContext(), product.getType()),
                tile::TokenType::get(builder.getContext())},
      from ? ValueRange(from) : ValueRange());
  group.pending = start.getPendings()[0];
  group.token = start.getToken();
  OpBuilder::InsertionGuard guard(builder);
  Block *body = builder.createBlock(&start.getBody());
  Value acc;
  if (from)
    acc = body->addArgument(product.getType(), builder.getLoc());
  Value result = builder.create<tile::MmaOp>(product.getType(),
                                             product.getForm(), a, b, acc);
  builder.create<tile::YieldOp>(result);
  emission.groups.push_back(group);
}

void StreamRoles::emitStore(Emission &emission, const Stored &stored) {
  RoleBuilder &builder = emission.builder;
  tile::StoreOp store = stored.store;
  auto type = cast<VectorType>(store.getValue().getType());
  openToWrite(builder, stored.ring, emission.use);
  builder.create<tile::CloseOp>(
      SlotAccess::Write, stored.ring, emission.use, ValueRange(),
      emission.mapping.lookupOrDefault(store.getValue()));
  Value tile = openToRead(builder, stored.ring, emission.use);
  SmallVector<Value> indices =
      llvm::map_to_vector(store.getIndices(), [&](Value position) {
        return emission.mapping.lookupOrDefault(position);
      });
  builder.create<tile::CopyOp>(
      stored.target, stored.view.order(indices), true, tile, 0,
      builder.getDenseI64ArrayAttr(stored.view.getBox(type.getShape())));
  builder.create<tile::CloseOp>(SlotAccess::Read, stored.ring, emission.use,
                                ValueRange(), ValueRange());
}

/// Clones the load behind a fetched tile, once.
void StreamRoles::load(Emission &emission,
                       std::pair<Value, Operation *> fetched) {
  auto [argument, made] = fetched;
  if (!emission.mapping.contains(argument))
    emission.mapping.map(
        argument,
        emission.builder.clone(*made, emission.mapping)->getResult(0));
}

void StreamRoles::emit(Emission &emission, Operation *op) {
  for (auto fetched : emission.loads)
    if (isa<tile::StoreOp>(op) ||
        llvm::is_contained(op->getOperands(), fetched.first))
      load(emission, fetched);
  for (Value operand : op->getOperands())
    for (Group &group : emission.groups)
      if (group.product == operand)
        finish(emission, group);
  if (auto product = dyn_cast<tile::MmaOp>(op))
    return emitProduct(emission, product);
  for (const Stored &stored : stores)
    if (stored.store == op)
      return emitStore(emission, stored);
  emission.builder.clone(*op, emission.mapping);
  // Here and not where it is read: threads wait for each other, best before
  // products are in flight.
  for (const Computed &one : computed)
    if (one.tile.getDefiningOp() == op)
      fill(emission, one);
}

scf::ForOp StreamRoles::buildSteps(RoleBuilder &builder, IRMapping &mapping,
                                   Value first) {
  Value trips = countSteps(builder, mapping, stream);
  SmallVector<Value> inits =
      llvm::map_to_vector(stream.getInits(), [&](Value init) {
        return mapping.lookupOrDefault(init);
      });
  auto steps = builder.create<scf::ForOp>(index(builder, 0), trips,
                                          index(builder, 1), inits);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(steps.getBody());
  Value step = steps.getInductionVar(), use = add(builder, first, step);
  IRMapping own = mapping;
  Value position = locateStep(builder, own, stream, step);
  own.map(stream.getFetchInductionVar(), position);
  own.map(stream.getCompute().getArgument(0), position);
  own.map(stream.getCarriedArguments(), steps.getRegionIterArgs());
  Block &fetch = stream.getFetch().front();
  cloneNumbers(builder, own, fetch);
  Emission emission(builder, own, use);
  // What threads load themselves is on its way while they wait; matrices take
  // many registers until they are read.
  for (auto [argument, tile] : llvm::zip_equal(
           stream.getFetchedArguments(), fetch.getTerminator()->getOperands()))
    if (!isCopied(argument)) {
      emission.loads.push_back({argument, tile.getDefiningOp()});
      if (cast<VectorType>(tile.getType()).getRank() < 2)
        load(emission, emission.loads.back());
    }
  auto open = builder.create<tile::OpenOp>(inType.getTiles(), SlotAccess::Read,
                                           in, use);
  for (auto [one, tile] : llvm::zip_equal(copied, open.getResults()))
    own.map(one.tile, tile);
  for (Operation &op : stream.getCompute().front().without_terminator())
    emit(emission, &op);
  finishAll(emission);
  builder.create<scf::YieldOp>(llvm::map_to_vector(
      stream.getCompute().front().getTerminator()->getOperands(),
      [&](Value value) { return own.lookupOrDefault(value); }));
  return steps;
}

void StreamRoles::buildCompute(RoleBuilder builder, ItemWalk &walk) {
  scf::ForOp items = walk.openItems(builder, index(builder, 0));
  Value first = items.getRegionIterArg(0), item = items.getInductionVar();
  IRMapping mapping = walk.enter(builder, item);
  Emission emission(builder, mapping, item);
  for (Operation &op : grid.getBody().front().without_terminator()) {
    bool isNumber =
        llvm::none_of(op.getResultTypes(), llvm::IsaPred<VectorType>) &&
        op.getNumResults() != 0;
    if (&op == stream)
      mapping.map(stream.getResults(),
                  buildSteps(builder, mapping, first).getResults());
    // The walk has cloned the item's numbers.
    else if (!isNumber)
      emit(emission, &op);
  }
  builder.create<scf::YieldOp>(
      add(builder, first, countSteps(builder, mapping, stream)));
}
