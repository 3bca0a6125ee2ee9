// Emits the ops of an item in order: streams, branches, standing tiles.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/emit/Emitter.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/SaveAndRestore.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::emit;

static bool isTile(Value value) { return isa<VectorType>(value.getType()); }

void Emitter::emitBlock(Block &block) {
  enterBlock();
  for (Operation &op : block.without_terminator())
    emitOp(&op);
}

void Emitter::emitOp(Operation *op) {
  // Buffers change from op to op, so nothing read before is known any more.
  SmallVector<Cache> outer = std::exchange(caches, {Cache()});
  loc = op->getLoc();
  llvm::TypeSwitch<Operation *>(op)
      .Case<tile::StreamOp>([&](auto stream) { emitStream(stream); })
      .Case<scf::ForOp>([&](auto loop) { emitFor(loop); })
      .Case<scf::IfOp>([&](auto branch) { emitIf(branch); })
      .Case<tile::StoreOp>([&](auto store) { emitStore(store); })
      .Case<memref::LoadOp>([&](auto load) {
        scalars.map(load.getResult(), emitMemrefLoad(load));
      })
      .Case<vector::ExtractOp>([&](auto extract) { emitExtract(extract); })
      .Default([&](Operation *op) {
        bool isScalar = llvm::none_of(op->getResults(), isTile);
        bool stands = llvm::any_of(
            op->getResults(), [&](Value value) { return plan.find(value); });
        if (isScalar)
          builder.clone(*op, scalars);
        else if (stands && !plan.isFused(op))
          emitTile(op);
      });
  caches = std::move(outer);
  leaveOp(op);
}

// A scalar out of a tile: the element at static indices.
void Emitter::emitExtract(vector::ExtractOp extract) {
  Point point;
  for (int64_t index : extract.getStaticPosition())
    point.at.push_back(constant(index));
  scalars.map(extract.getResult(), emit(extract.getSource(), point));
}

void Emitter::copyTo(const Buffer &target, Value tile) {
  ArrayRef<int64_t> shape = cast<VectorType>(tile.getType()).getShape();
  emitNest(shape, tile, [&](const Point &point) {
    storeBuffer(target, point, emit(tile, point));
  });
}

void Emitter::compute(Value tile) {
  llvm::SaveAndRestore<Value> own(computing, tile);
  copyTo(*plan.find(tile), tile);
}

void Emitter::emitConcat(tile::ConcatOp op) {
  const Buffer &buffer = *plan.find(op.getResult());
  int64_t dim = op.getDim();
  copyTo(buffer, op.getFirst());
  auto first = cast<VectorType>(op.getFirst().getType());
  auto second = cast<VectorType>(op.getSecond().getType());
  emitNest(second.getShape(), op.getSecond(), [&](const Point &point) {
    Point shifted = point;
    shifted.at[dim] = add(point.at[dim], first.getDimSize(dim));
    storeBuffer(buffer, shifted, emit(op.getSecond(), point));
  });
}

//===----------------------------------------------------------------------===//
// Loops with carries
//===----------------------------------------------------------------------===//

// Tiles are carried in scratch, scalars by the loop.
void Emitter::emitCarriedLoop(Value lower, Value upper, Value step,
                              ValueRange inits, ValueRange carried,
                              ValueRange results, LoopBody body) {
  SmallVector<Value> scalarInits;
  for (auto [init, argument] : llvm::zip_equal(inits, carried)) {
    if (!isTile(init))
      scalarInits.push_back(scalars.lookup(init));
    else if (plan.find(init) != plan.find(argument))
      copyTo(*plan.find(argument), init);
  }
  auto loop = scf::ForOp::create(builder, loc, lower, upper, step, scalarInits);
  auto mapScalars = [&](ValueRange from, ValueRange to) {
    size_t i = 0;
    for (Value value : from)
      if (!isTile(value))
        scalars.map(value, to[i++]);
  };
  mapScalars(carried, loop.getRegionIterArgs());
  mapScalars(results, loop.getResults());
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  caches.emplace_back();
  ValueRange next = body(loop.getInductionVar());
  emitNextCarries(carried, next);
  caches.pop_back();
  SmallVector<Value> scalarNext;
  for (Value value : next)
    if (!isTile(value))
      scalarNext.push_back(scalars.lookup(value));
  if (!scalarNext.empty())
    scf::YieldOp::create(builder, loc, scalarNext);
}

// Carries that were not written in place are copied, each only when no other
// still reads what it held.
void Emitter::emitNextCarries(ValueRange carried, ValueRange next) {
  struct Copy {
    const Buffer *target, *source;
    Value tile;
  };
  SmallVector<Copy> copies;
  for (auto [argument, value] : llvm::zip_equal(carried, next)) {
    if (!isTile(value))
      continue;
    const Buffer *target = plan.find(argument), *source = plan.find(value);
    if (target != source)
      copies.push_back({target, source, value});
  }
  while (!copies.empty()) {
    auto *ready = llvm::find_if(copies, [&](const Copy &copy) {
      return llvm::none_of(copies, [&](const Copy &other) {
        return &other != &copy && other.source == copy.target;
      });
    });
    // Carries that swap are refused by the plan.
    assert(ready != copies.end() && "carries swap");
    copyTo(*ready->target, ready->tile);
    copies.erase(ready);
  }
}

void Emitter::emitStream(tile::StreamOp stream) {
  Block &fetch = stream.getFetch().front();
  Block &compute = stream.getCompute().front();
  emitCarriedLoop(scalars.lookup(stream.getLower()),
                  scalars.lookup(stream.getUpper()), constant(stream.getStep()),
                  stream.getInits(), ValueRange(stream.getCarriedArguments()),
                  stream.getResults(), [&](Value index) -> ValueRange {
                    scalars.map(stream.getFetchInductionVar(), index);
                    scalars.map(stream.getComputeInductionVar(), index);
                    emitBlock(fetch);
                    emitPrefetches(stream);
                    for (Value argument : stream.getFetchedArguments())
                      if (!isTile(argument))
                        scalars.map(argument,
                                    scalars.lookup(plan.resolve(argument)));
                    emitBlock(compute);
                    return compute.getTerminator()->getOperands();
                  });
}

void Emitter::emitFor(scf::ForOp loop) {
  emitCarriedLoop(scalars.lookup(loop.getLowerBound()),
                  scalars.lookup(loop.getUpperBound()),
                  scalars.lookup(loop.getStep()), loop.getInits(),
                  ValueRange(loop.getRegionIterArgs()), loop.getResults(),
                  [&](Value index) -> ValueRange {
                    scalars.map(loop.getInductionVar(), index);
                    emitBlock(*loop.getBody());
                    return loop.getYieldedValues();
                  });
}

//===----------------------------------------------------------------------===//
// Branches
//===----------------------------------------------------------------------===//

void Emitter::emitBranch(scf::IfOp branch, Block &from) {
  emitBlock(from);
  SmallVector<Value> yielded;
  for (auto [value, result] : llvm::zip_equal(
           from.getTerminator()->getOperands(), branch.getResults())) {
    if (!isTile(value))
      yielded.push_back(scalars.lookup(value));
    else if (plan.find(value) != plan.find(result))
      copyTo(*plan.find(result), value);
  }
  if (!yielded.empty())
    scf::YieldOp::create(builder, loc, yielded);
}

void Emitter::emitIf(scf::IfOp branch) {
  SmallVector<Type> types;
  for (Value result : branch.getResults())
    if (!isTile(result))
      types.push_back(result.getType());
  bool hasElse = !branch.getElseRegion().empty();
  auto emitted = scf::IfOp::create(
      builder, loc, types, scalars.lookup(branch.getCondition()), hasElse);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(emitted.thenBlock());
  emitBranch(branch, *branch.thenBlock());
  if (hasElse) {
    builder.setInsertionPointToStart(emitted.elseBlock());
    emitBranch(branch, *branch.elseBlock());
  }
  size_t i = 0;
  for (Value result : branch.getResults())
    if (!isTile(result))
      scalars.map(result, emitted.getResult(i++));
}
