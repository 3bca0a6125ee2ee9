// Gives each thread of a role its part of every tile in registers.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cuda/Distribution.h"
#include "compiler/targets/cuda/Passes.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

namespace sennit {
#define GEN_PASS_DEF_CUDADISTRIBUTETILES
#include "compiler/targets/cuda/Passes.h.inc"
} // namespace sennit

using namespace mlir;
using namespace sennit;
using namespace sennit::cuda;

/// A tile that threads share. A vector without dimensions is a number, which
/// each has.
static bool isTile(Type type) {
  auto tile = dyn_cast<VectorType>(type);
  return (tile && tile.getRank() != 0) || isa<tile::PendingType>(type);
}

LogicalResult Distribution::run(Block &block) {
  if (failed(visit(block)))
    return failure();
  for (Operation *op : llvm::reverse(dead))
    op->erase();
  return success();
}

void Distribution::replace(Operation *op, ValueRange values) {
  for (auto [old, value] : llvm::zip_equal(op->getResults(), values))
    fragments.map(old, value);
  dead.push_back(op);
}

std::optional<Fragment> Distribution::layout(Type type) {
  if (auto pending = dyn_cast<tile::PendingType>(type))
    type = pending.getTile();
  auto tile = dyn_cast<VectorType>(type);
  return tile ? Fragment::get(tile, threads.role.getCopies()) : std::nullopt;
}

Type Distribution::convert(Type type) {
  auto fragment = layout(type);
  if (!fragment)
    return type;
  if (auto pending = dyn_cast<tile::PendingType>(type))
    return tile::PendingType::get(
        type.getContext(), fragment->type(pending.getTile().getElementType()));
  return fragment->type(cast<VectorType>(type).getElementType());
}

Value Distribution::fragment(Value value) {
  if (Value known = fragments.lookupOrNull(value))
    return known;
  if (auto open = value.getDefiningOp<tile::OpenOp>())
    return readSlot(open, value);
  SplatElementsAttr splat;
  if (!matchPattern(value, m_Constant(&splat)) || !layout(value.getType()))
    return Value();
  DeviceBuilder device(value.getDefiningOp());
  Value constant = device.create<arith::ConstantOp>(
      splat.resizeSplat(cast<VectorType>(convert(value.getType()))));
  fragments.map(value, constant);
  return constant;
}

/// Read where it is first wanted: until then it takes no registers.
Value Distribution::readSlot(tile::OpenOp open, Value tile) {
  if (open.getRing().getType().getPlace() != tile::Place::Shared ||
      !layout(tile.getType()))
    return Value();
  Operation *first = nullptr;
  for (Operation *user : tile.getUsers()) {
    Operation *reader = open->getBlock()->findAncestorOpInBlock(*user);
    if (reader && !isa<tile::StartOp, tile::CopyOp>(reader) &&
        (!first || reader->isBeforeInBlock(first)))
      first = reader;
  }
  DeviceBuilder device(first);
  Value part = device.cast(tile, convert(tile.getType()));
  fragments.map(tile, part);
  return part;
}

bool Distribution::collect(ValueRange values,
                           SmallVectorImpl<Value> &collected) {
  for (Value value : values) {
    collected.push_back(isTile(value.getType()) ? fragment(value) : value);
    if (!collected.back())
      return false;
  }
  return true;
}

LogicalResult Distribution::visit(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(block))
    if (failed(visit(&op)))
      return failure();
  return success();
}

LogicalResult Distribution::visit(Operation *op) {
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return visitLoop(loop);
  if (auto branch = dyn_cast<scf::IfOp>(op))
    return visitBranch(branch);
  // What ends a region is rebuilt with the op that owns the region.
  if (op->hasTrait<OpTrait::IsTerminator>() || isa<tile::OpenOp>(op))
    return success();
  if (auto close = dyn_cast<tile::CloseOp>(op))
    return visitFill(close);
  if (auto load = dyn_cast<tile::LoadOp>(op);
      load && load.getType().getRank() == 0)
    return visitNumber(load);
  if (llvm::none_of(op->getOperandTypes(), isTile) &&
      llvm::none_of(op->getResultTypes(), isTile) &&
      !isa<tile::StartOp, tile::FinishOp>(op))
    return success();
  // Made where rows take it: neither has a thread's part of its own.
  bool isSource = isa<tile::LoadOp>(op) && !op->use_empty() &&
                  llvm::all_of(op->getUsers(), [](Operation *user) {
                    return isRepeated(user);
                  });
  if (isSource || isRepeated(op)) {
    dead.push_back(op);
    return success();
  }
  for (Type type : op->getResultTypes())
    if (isTile(type) && !layout(type) && !isa<tile::IotaOp>(op) && !isLine(op))
      return op->emitOpError()
             << "makes a tile " << type << ", which "
             << threads.role.getCopies()
             << " copies cannot hold: rows must divide into blocks of 64 a "
                "copy, columns into 8";
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      // Their fragments are made where they are used.
      .Case([&](arith::ConstantOp) { return success(); })
      .Case([&](arith::TruncFOp op) { return visitTruncation(op); })
      .Case([&](tile::BroadcastOp op) { return visitBroadcast(op); })
      .Case([&](tile::ReduceOp op) { return visitReduce(op); })
      .Case([&](tile::SliceOp op) { return visitSlice(op); })
      .Case([&](tile::LoadOp op) { return visitLoad(op); })
      .Case([&](tile::StoreOp op) { return visitStore(op); })
      .Case([&](tile::ReshapeOp op) { return visitReshape(op); })
      .Case([&](tile::StartOp op) { return visitStart(op); })
      .Case([&](tile::FinishOp op) { return visitFinish(op); })
      // Positions are made where a broadcast says along which side they run.
      .Case([&](tile::IotaOp op) {
        dead.push_back(op);
        return success();
      })
      .Case([&](tile::CopyOp) { return success(); })
      .Default([&](Operation *op) { return visitElementwise(op); });
}

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

LogicalResult Distribution::visitLoop(scf::ForOp loop) {
  SmallVector<Value> inits, yielded;
  if (!collect(loop.getInitArgs(), inits))
    return refuse(loop, "carries a tile that lies in a ring");
  DeviceBuilder device(loop);
  auto rebuilt = device.create<scf::ForOp>(
      loop.getLowerBound(), loop.getUpperBound(), loop.getStep(), inits);
  if (!rebuilt.getBody()->empty())
    rebuilt.getBody()->getTerminator()->erase();
  // Erased after its body's ops, which may still name its arguments.
  dead.push_back(loop);
  Block *from = loop.getBody(), *to = rebuilt.getBody();
  to->getOperations().splice(to->end(), from->getOperations());
  for (auto [old, argument] :
       llvm::zip_equal(from->getArguments(), to->getArguments())) {
    if (isTile(old.getType()))
      fragments.map(old, argument);
    else
      old.replaceAllUsesWith(argument);
  }
  if (failed(visit(*to)))
    return failure();
  auto yield = cast<scf::YieldOp>(to->getTerminator());
  if (!collect(yield.getOperands(), yielded))
    return refuse(yield, "carries a tile that lies in a ring");
  yield->setOperands(yielded);
  for (auto [old, result] :
       llvm::zip_equal(loop.getResults(), rebuilt.getResults())) {
    if (isTile(old.getType()))
      fragments.map(old, result);
    else
      old.replaceAllUsesWith(result);
  }
  OpBuilder::atBlockEnd(from).create<scf::YieldOp>(loop.getLoc(),
                                                   loop.getInitArgs());
  return success();
}

LogicalResult Distribution::visitBranch(scf::IfOp branch) {
  for (Region &region : branch->getRegions()) {
    if (region.empty())
      continue;
    if (failed(visit(region.front())))
      return failure();
    SmallVector<Value> yielded;
    Operation *yield = region.front().getTerminator();
    if (!collect(yield->getOperands(), yielded))
      return refuse(yield, "yields a tile that lies in a ring");
    yield->setOperands(yielded);
  }
  // Retyped in place; the old results stand for their fragments.
  for (Value result : branch.getResults())
    if (isTile(result.getType()))
      return refuse(branch, "yields tiles, which has no rule yet");
  return success();
}

//===----------------------------------------------------------------------===//
// Products and rings, which keep whole tiles
//===----------------------------------------------------------------------===//

LogicalResult Distribution::visitStart(tile::StartOp start) {
  DeviceBuilder device(start);
  for (OpOperand &operand : start->getOpOperands())
    operand.set(device.cast(fragment(operand.get()), operand.get().getType()));
  device.setInsertionPointAfter(start);
  for (Value pending : start.getPendings())
    fragments.map(pending, device.cast(pending, convert(pending.getType())));
  return success();
}

LogicalResult Distribution::visitFinish(tile::FinishOp finish) {
  SmallVector<Value> pendings, ties;
  if (!collect(finish.getPendings(), pendings) ||
      !collect(finish.getTies(), ties))
    return refuse(finish, "ties a tile that lies in a ring");
  DeviceBuilder device(finish);
  replace(finish,
          device
              .create<tile::FinishOp>(finish.getToken(), finish.getBehindAttr(),
                                      pendings, ties)
              ->getResults());
  return success();
}

LogicalResult Distribution::visitFill(tile::CloseOp close) {
  DeviceBuilder device(close);
  for (OpOperand &tile : close.getTilesMutable()) {
    Value part = fragment(tile.get());
    if (!part)
      return refuse(close, "fills a slot with a tile that lies in a ring");
    tile.set(device.cast(part, tile.get().getType()));
  }
  return success();
}

namespace {
struct DistributeTiles
    : sennit::impl::CudaDistributeTilesBase<DistributeTiles> {
  using CudaDistributeTilesBase::CudaDistributeTilesBase;

  void runOnOperation() override {
    WalkResult walk = getOperation()->walk([&](tile::RolesOp roles) {
      for (Region &body : roles.getBodies()) {
        Distribution distribution(roles,
                                  getRole(roles, body.getRegionNumber()));
        if (failed(distribution.run(body.front())))
          return WalkResult::interrupt();
      }
      return WalkResult::skip();
    });
    if (walk.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
