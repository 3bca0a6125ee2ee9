// Builds the roles of attention's form: the copies, the scores of one step
// beside the sum of the step before, the stores.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cuda/AttentionRoles.h"
#include "compiler/targets/cuda/Rings.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cuda;

using tile::SlotAccess;

void AttentionRoles::build() {
  RoleBuilder builder(grid.getLoc(), grid);
  // What runs at once is of few heads, whose keys stay in L2, and of as many
  // steps.
  ItemWalk walk(grid, /*group=*/16, ItemWalk::Order::LastFirst);
  fixedSource = fixedView.build(builder);
  for (int i : {0, 1})
    sources[i] = views[i].build(builder);
  if (store)
    targetView = target.build(builder);
  auto ring = [&](tile::RingType type) -> Value {
    return builder.create<tile::RingOp>(type, Value());
  };
  fixedRing = ring(fixedType);
  for (int i : {0, 1})
    in[i] = ring(inTypes[i]);
  weightRing = ring(weightType);
  if (store)
    out = ring(outType);
  tile::RolesOp roles =
      openRoles(builder, registers, copies, /*turns=*/copies > 1);
  buildCopies(enterRole(roles, 0), walk);
  buildCompute(enterRole(roles, 1), walk);
  grid.erase();
}

static void close(RoleBuilder &builder, SlotAccess access, Value ring,
                  Value use, ValueRange after = {}, ValueRange tiles = {}) {
  builder.create<tile::CloseOp>(access, ring, use, after, tiles);
}

/// How many steps an item has. Without any there is one, of hidden keys.
static Value countSteps(RoleBuilder &builder, IRMapping &mapping,
                        tile::StreamOp stream) {
  Value steps =
      count(builder, mapping.lookupOrDefault(stream.getLower()),
            mapping.lookupOrDefault(stream.getUpper()), stream.getStep());
  return builder.create<arith::MaxSIOp>(steps, index(builder, 1));
}

//===----------------------------------------------------------------------===//
// The role that copies
//===----------------------------------------------------------------------===//

void AttentionRoles::buildCopies(RoleBuilder builder, ItemWalk &walk) {
  Value zero = index(builder, 0), one = index(builder, 1);
  scf::ForOp items = walk.openItems(builder, zero);
  Value first = items.getRegionIterArg(0), item = items.getInductionVar();
  IRMapping mapping = walk.enter(builder, item);
  auto copy = [&](Value ring, Value use, Value source, CopiedView &view,
                  tile::LoadOp load) {
    SmallVector<Value> indices =
        llvm::map_to_vector(load.getIndices(), [&](Value position) {
          return mapping.lookupOrDefault(position);
        });
    Value slot = openToWrite(builder, ring, use);
    builder.create<tile::CopyOp>(
        source, view.order(indices), false, slot, 0,
        builder.getDenseI64ArrayAttr(
            view.getBox(cast<VectorType>(load.getType()).getShape())));
    close(builder, SlotAccess::Write, ring, use);
  };
  copy(fixedRing, item, fixedSource, fixedView, fixedLoad);
  Value trips = countSteps(builder, mapping, stream);
  auto steps = builder.create<scf::ForOp>(zero, trips, one);
  builder.create<scf::YieldOp>(add(builder, first, trips));
  builder.setInsertionPoint(steps.getBody()->getTerminator());
  Value step = steps.getInductionVar(), use = add(builder, first, step);
  mapping.map(stream.getFetchInductionVar(),
              locateStep(builder, mapping, stream, step));
  for (Operation &op : stream.getFetch().front().without_terminator())
    if (!isa<tile::LoadOp>(op))
      builder.clone(op, mapping);
  for (int i : {0, 1})
    copy(in[i], use, sources[i], views[i], loads[i]);
}

//===----------------------------------------------------------------------===//
// The role that computes
//===----------------------------------------------------------------------===//

static tile::StartOp startProduct(RoleBuilder &builder, tile::MmaOp product,
                                  Value a, Value b, Value accumulator) {
  MLIRContext *context = builder.getContext();
  auto start = builder.create<tile::StartOp>(
      TypeRange{tile::PendingType::get(context, product.getType()),
                tile::TokenType::get(context)},
      accumulator ? ValueRange(accumulator) : ValueRange());
  OpBuilder::InsertionGuard guard(builder);
  Block *body = builder.createBlock(&start.getBody());
  Value acc;
  if (accumulator)
    acc = body->addArgument(product.getType(), builder.getLoc());
  Value result = builder.create<tile::MmaOp>(product.getType(),
                                             product.getForm(), a, b, acc);
  builder.create<tile::YieldOp>(result);
  return start;
}

tile::StartOp AttentionRoles::startScores(RoleBuilder &builder, Value fixed,
                                          Value use) {
  Value tile = openToRead(builder, in[0], use);
  return startProduct(builder, scores, fixed, tile, Value());
}

tile::StartOp AttentionRoles::startSum(RoleBuilder &builder, Value use,
                                       Value accumulator) {
  Value tile = openToRead(builder, in[1], use);
  Value operand = openToRead(builder, weightRing, use);
  return startProduct(builder, sum, operand, tile, accumulator);
}

void AttentionRoles::closeSum(RoleBuilder &builder, Value use, Value token) {
  close(builder, SlotAccess::Read, in[1], use, token);
  close(builder, SlotAccess::Read, weightRing, use, token);
}

void AttentionRoles::fillWeights(RoleBuilder &builder, Value use,
                                 Value weights) {
  openToWrite(builder, weightRing, use);
  close(builder, SlotAccess::Write, weightRing, use, {}, weights);
}

void AttentionRoles::cloneArithmetic(RoleBuilder &builder, IRMapping &mapping,
                                     bool waitsForSum, Mask mask) {
  for (Operation &op : stream.getCompute().front().without_terminator()) {
    if (&op == scores || &op == sum || &op == weights ||
        dependsOnSum(&op) != waitsForSum)
      continue;
    if (mask == Mask::Clear && &op == masked->select)
      mapping.map(op.getResult(0),
                  mapping.lookupOrDefault(masked->select.getTrueValue()));
    else
      builder.clone(op, mapping);
  }
}

void AttentionRoles::loadOthers(RoleBuilder &builder, IRMapping &mapping,
                                Value position) {
  Block &fetch = stream.getFetch().front();
  if (fetch.getTerminator()->getNumOperands() == std::size(loads))
    return;
  mapping.map(stream.getFetchInductionVar(), position);
  for (Operation &op : fetch.without_terminator())
    if (!llvm::is_contained(loads, &op))
      builder.clone(op, mapping);
  for (auto [argument, value] : llvm::zip_equal(
           stream.getFetchedArguments(), fetch.getTerminator()->getOperands()))
    if (Value loaded = mapping.lookupOrNull(value))
      mapping.map(argument, loaded);
}

/// What the iteration yields, with the sum to add to in the sum's place.
static SmallVector<Value> getYielded(IRMapping &mapping, tile::StreamOp stream,
                                     tile::MmaOp sum) {
  return llvm::map_to_vector(
      stream.getCompute().front().getTerminator()->getOperands(),
      [&](Value value) {
        return mapping.lookupOrDefault(value == sum.getResult() ? sum.getAcc()
                                                                : value);
      });
}

AttentionRoles::Step AttentionRoles::buildFirst(RoleBuilder &builder,
                                                IRMapping &mapping, Value fixed,
                                                Value use) {
  tile::StartOp start = startScores(builder, fixed, use);
  auto finish = builder.create<tile::FinishOp>(
      start.getToken(), 0, start.getPendings(), ValueRange());
  close(builder, SlotAccess::Read, in[0], use, start.getToken());
  mapping.map(stream.getCarriedArguments(), stream.getInits());
  Value position = locateStep(builder, mapping, stream, index(builder, 0));
  mapping.map(stream.getCompute().getArgument(0), position);
  loadOthers(builder, mapping, position);
  mapping.map(scores.getResult(), finish.getResult(0));
  cloneArithmetic(builder, mapping, /*waitsForSum=*/false);
  cloneArithmetic(builder, mapping, /*waitsForSum=*/true);
  builder.clone(*weights, mapping);
  fillWeights(builder, use, mapping.lookup(weights.getResult()));
  return {getYielded(mapping, stream, sum), start.getToken()};
}

AttentionRoles::Step AttentionRoles::buildNext(RoleBuilder &builder,
                                               IRMapping &mapping, Value fixed,
                                               Value step, Value use,
                                               ValueRange carried, Mask mask) {
  Value before = builder.create<arith::SubIOp>(use, index(builder, 1));
  tile::StartOp start = startScores(builder, fixed, use);
  tile::StartOp add = startSum(builder, before, carried[sumNumber]);
  auto finish = builder.create<tile::FinishOp>(
      start.getToken(), 1, start.getPendings(), ValueRange());
  close(builder, SlotAccess::Read, in[0], use, start.getToken());
  mapping.map(stream.getCarriedArguments(), carried);
  Value position = locateStep(builder, mapping, stream, step);
  mapping.map(stream.getCompute().getArgument(0), position);
  loadOthers(builder, mapping, position);
  mapping.map(scores.getResult(), finish.getResult(0));
  cloneArithmetic(builder, mapping, /*waitsForSum=*/false, mask);
  // The weights go into registers that the sum's products read.
  auto finished = builder.create<tile::FinishOp>(
      add.getToken(), 0, add.getPendings(),
      ValueRange{mapping.lookup(weights.getIn())});
  closeSum(builder, before, add.getToken());
  mapping.map(stream.getCarriedArguments()[sumNumber], finished.getResult(0));
  mapping.map(weights.getIn(), finished.getResult(1));
  cloneArithmetic(builder, mapping, /*waitsForSum=*/true, mask);
  builder.clone(*weights, mapping);
  fillWeights(builder, use, mapping.lookup(weights.getResult()));
  return {getYielded(mapping, stream, sum), start.getToken()};
}

AttentionRoles::Step AttentionRoles::buildSteps(RoleBuilder &builder,
                                                const IRMapping &mapping,
                                                Value fixed, Value first,
                                                Value from, Value to,
                                                const Step &before, Mask mask) {
  SmallVector<Value> inits = before.carried;
  inits.push_back(before.token);
  auto steps = builder.create<scf::ForOp>(from, to, index(builder, 1), inits);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(steps.getBody());
  Value number = steps.getInductionVar();
  IRMapping own = mapping;
  Step next =
      buildNext(builder, own, fixed, number, add(builder, first, number),
                steps.getRegionIterArgs().drop_back(), mask);
  SmallVector<Value> yielded = next.carried;
  yielded.push_back(next.token);
  builder.create<scf::YieldOp>(yielded);
  return {SmallVector<Value>(steps.getResults().drop_back()),
          steps.getResults().back()};
}

void AttentionRoles::buildCompute(RoleBuilder builder, ItemWalk &walk) {
  Value zero = index(builder, 0), one = index(builder, 1);
  scf::ForOp items = walk.openItems(builder, zero);
  Value first = items.getRegionIterArg(0), item = items.getInductionVar();
  IRMapping mapping = walk.enter(builder, item);
  for (Operation &op : grid.getBody().front())
    if (isHeldByThreads(op) && op.isBeforeInBlock(stream))
      builder.clone(op, mapping);
  Value trips = countSteps(builder, mapping, stream);
  Value fixed = openToRead(builder, fixedRing, item);
  IRMapping own = mapping;
  Step step = buildFirst(builder, own, fixed, first);
  auto run = [&](Value from, Value to, Mask mask) {
    step = buildSteps(builder, mapping, fixed, first, from, to, step, mask);
  };
  if (masked) {
    auto [from, to] = masked->buildClear(builder, mapping, trips);
    if (masked->hasMaskedBefore())
      run(one, from, Mask::Computed);
    run(from, to, Mask::Clear);
    run(to, trips, Mask::Computed);
  } else {
    run(one, trips, Mask::Computed);
  }
  Value next = add(builder, first, trips);
  Value last = builder.create<arith::SubIOp>(next, one);
  tile::StartOp start = startSum(builder, last, step.carried[sumNumber]);
  auto finish = builder.create<tile::FinishOp>(
      start.getToken(), 0, start.getPendings(), ValueRange());
  closeSum(builder, last, start.getToken());
  builder.create<tile::FinishOp>(step.token, 0, ValueRange(), ValueRange());
  close(builder, SlotAccess::Read, fixedRing, item, step.token);
  mapping.map(stream.getResults(), step.carried);
  mapping.map(stream.getResult(sumNumber), finish.getResult(0));
  buildStores(builder, mapping, item);
  builder.create<scf::YieldOp>(next);
}

void AttentionRoles::buildStores(RoleBuilder &builder, IRMapping &mapping,
                                 Value item) {
  // The engine stores the matrix, not what the tile's own shape makes of it.
  auto reshape =
      store ? store.getValue().getDefiningOp<tile::ReshapeOp>() : nullptr;
  for (Operation *op = stream->getNextNode();
       !op->hasTrait<OpTrait::IsTerminator>(); op = op->getNextNode())
    if (op == store)
      buildStore(builder, mapping, item);
    else if (op != reshape &&
             (isa<tile::StoreOp>(op) || !mapping.contains(op->getResult(0))))
      builder.clone(*op, mapping);
}

void AttentionRoles::buildStore(RoleBuilder &builder, IRMapping &mapping,
                                Value item) {
  Value whole = mapping.lookup(output);
  auto part = cast<VectorType>(outType.getTiles()[0]);
  SmallVector<Value> indices =
      llvm::map_to_vector(store.getIndices(), [&](Value position) {
        return mapping.lookupOrDefault(position);
      });
  SmallVector<int64_t> box =
      target.getBox(cast<VectorType>(store.getValue().getType()).getShape());
  box.back() = part.getDimSize(1);
  Value column = indices.back();
  int64_t columns = cast<VectorType>(whole.getType()).getDimSize(1);
  Value parts = index(builder, columns / part.getDimSize(1));
  Value stored = multiply(builder, item, parts);
  for (int64_t at = 0; at < columns; at += part.getDimSize(1)) {
    Value slice = whole;
    if (columns != part.getDimSize(1))
      slice =
          builder.create<tile::SliceOp>(part, whole, ArrayRef<int64_t>{0, at});
    openToWrite(builder, out, stored);
    close(builder, SlotAccess::Write, out, stored, {}, slice);
    Value tile = openToRead(builder, out, stored);
    indices.back() = add(builder, column, index(builder, at));
    builder.create<tile::CopyOp>(targetView, target.order(indices), true, tile,
                                 0, builder.getDenseI64ArrayAttr(box));
    close(builder, SlotAccess::Read, out, stored);
    stored = add(builder, stored, index(builder, 1));
  }
}
