// Takes the dimensions of one element from a grid's tiles.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cuda/UnitDims.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace sennit;

/// The type without dimensions of one element; other types as they are.
static Type squeeze(Type type) {
  auto tile = dyn_cast<VectorType>(type);
  if (!tile)
    return type;
  SmallVector<int64_t> shape;
  llvm::copy_if(tile.getShape(), std::back_inserter(shape),
                [](int64_t extent) { return extent != 1; });
  return VectorType::get(shape, tile.getElementType());
}

static bool hasUnitDims(Value value) {
  return squeeze(value.getType()) != value.getType();
}

/// Where dimension `dim` of `type` comes to lie; nothing for a unit dimension.
static std::optional<int64_t> place(Type type, int64_t dim) {
  auto shape = cast<VectorType>(type).getShape();
  if (shape[dim] == 1)
    return std::nullopt;
  return llvm::count_if(shape.take_front(dim),
                        [](int64_t extent) { return extent != 1; });
}

/// Why `op` must keep its unit dimensions, or an empty string.
static std::string whyNot(Operation *op) {
  if (llvm::none_of(op->getOperands(), hasUnitDims) &&
      llvm::none_of(op->getResults(), hasUnitDims))
    return "";
  if (op->hasTrait<OpTrait::Elementwise>() || op->getNumRegions() ||
      op->hasTrait<OpTrait::IsTerminator>() ||
      isa<tile::ReshapeOp, tile::BroadcastOp>(op))
    return "";
  if (isa<arith::ConstantOp>(op) &&
      isa<SplatElementsAttr>(cast<arith::ConstantOp>(op).getValue()))
    return "";
  auto memory = [](auto access, Type type) -> std::string {
    for (int64_t dim : access.getBoundDims())
      if (!place(type, dim))
        return "a dimension of one element has a bound";
    for (auto [dim, extent] :
         llvm::enumerate(cast<VectorType>(type).getShape()))
      if (access.isIndexed(dim))
        return "a tile is gathered or scattered";
    return "";
  };
  if (auto load = dyn_cast<tile::LoadOp>(op))
    return memory(load, load.getType());
  if (auto store = dyn_cast<tile::StoreOp>(op))
    return memory(store, store.getValue().getType());
  return ("`" + op->getName().getStringRef() +
          "` has no form without dimensions of one element")
      .str();
}

template <typename MemoryOp> static void squeezeAccess(MemoryOp op, Type type) {
  SmallVector<int64_t> dims, boundDims;
  for (auto [dim, walked] : llvm::enumerate(op.getTileDims()))
    if (place(type, dim))
      dims.push_back(walked);
  for (int64_t dim : op.getBoundDims())
    boundDims.push_back(*place(type, dim));
  op.setTileDims(dims);
  op.setBoundDims(boundDims);
}

/// Attributes that count dimensions. Types are the caller's.
static void squeezeDims(Operation *op) {
  if (auto load = dyn_cast<tile::LoadOp>(op)) {
    squeezeAccess(load, load.getType());
  } else if (auto store = dyn_cast<tile::StoreOp>(op)) {
    squeezeAccess(store, store.getValue().getType());
  } else if (auto broadcast = dyn_cast<tile::BroadcastOp>(op)) {
    auto tile = dyn_cast<VectorType>(broadcast.getValue().getType());
    if (!tile)
      return;
    SmallVector<int64_t> dims;
    for (auto [dim, to] : llvm::enumerate(broadcast.getDims()))
      if (tile.getDimSize(dim) != 1)
        dims.push_back(*place(broadcast.getType(), to));
    broadcast.setDims(dims);
  } else if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    if (auto splat = dyn_cast<SplatElementsAttr>(constant.getValue()))
      constant.setValueAttr(
          splat.resizeSplat(cast<VectorType>(squeeze(constant.getType()))));
  }
}

std::string sennit::cuda::dropUnitDims(tile::GridOp grid) {
  std::string reason;
  grid->walk([&](Operation *op) {
    if (reason.empty())
      reason = whyNot(op);
  });
  if (!reason.empty())
    return reason;
  // Constants may stand outside and serve others.
  SmallVector<Operation *> ops;
  grid->walk<WalkOrder::PreOrder>([&](Operation *op) {
    for (OpOperand &operand : op->getOpOperands()) {
      auto constant = operand.get().getDefiningOp<arith::ConstantOp>();
      if (!constant || grid->isAncestor(constant) ||
          !hasUnitDims(operand.get()))
        continue;
      OpBuilder builder(op);
      operand.set(builder.clone(*constant)->getResult(0));
      ops.push_back(operand.get().getDefiningOp());
    }
    ops.push_back(op);
  });
  for (Operation *op : ops)
    squeezeDims(op);
  for (Operation *op : ops) {
    for (Value result : op->getResults())
      result.setType(squeeze(result.getType()));
    for (Region &region : op->getRegions())
      for (Value argument : region.getArguments())
        argument.setType(squeeze(argument.getType()));
  }
  for (Operation *op : ops)
    if (auto reshape = dyn_cast<tile::ReshapeOp>(op))
      if (reshape.getType() == reshape.getValue().getType()) {
        reshape.replaceAllUsesWith(reshape.getValue());
        reshape.erase();
      }
  return "";
}
