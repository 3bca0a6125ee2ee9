// What a thread computes of each tile: elementwise ops, packing, rows,
// positions, parts.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cuda/Distribution.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cuda;

LogicalResult Distribution::visitElementwise(Operation *op) {
  if (!op->hasTrait<OpTrait::Elementwise>())
    return refuse(op, "has no rule for tiles in a thread's registers");
  SmallVector<Value> operands;
  if (!collect(op->getOperands(), operands))
    return refuse(op, "computes on a tile that lies in a ring");
  SmallVector<Type> types;
  for (Type type : op->getResultTypes())
    types.push_back(convert(type));
  OperationState state(op->getLoc(), op->getName(), operands, types,
                       llvm::to_vector(op->getDiscardableAttrs()));
  state.propertiesAttr = op->getPropertiesAsAttribute();
  OpBuilder builder(op);
  replace(op, builder.create(state)->getResults());
  return success();
}

// Two neighbouring columns are one instruction and one register.
LogicalResult Distribution::visitTruncation(arith::TruncFOp op) {
  Value source = fragment(op.getIn());
  Type element = getElementTypeOrSelf(op.getType());
  if (!source || !getElementTypeOrSelf(op.getIn().getType()).isF32() ||
      !(element.isBF16() || element.isF16()))
    return visitElementwise(op);
  DeviceBuilder device(op);
  SmallVector<Value> values = device.elements(source), pairs;
  auto pair = VectorType::get(2, element);
  for (size_t i = 0; i < values.size(); i += 2) {
    Value high = values[i + 1], low = values[i], packed;
    if (element.isBF16())
      packed = device.create<NVVM::ConvertF32x2ToBF16x2Op>(
          pair, high, low, Value(), NVVM::FPRoundingMode::RN);
    else
      packed = device.create<NVVM::ConvertF32x2ToF16x2Op>(
          pair, high, low, Value(), NVVM::FPRoundingMode::RN);
    pairs.push_back(
        device.create<LLVM::BitcastOp>(device.getI32Type(), packed));
  }
  Value vector = device.vector(pairs);
  replace(op, device.create<LLVM::BitcastOp>(convert(op.getType()), vector)
                  .getResult());
  return success();
}

Value Distribution::makePositions(DeviceBuilder &device, Value base,
                                  const Fragment &fragment, bool alongRows) {
  auto [row, column] = getThreadPlace(device, fragment);
  base = device.add(base, alongRows ? row : column);
  SmallVector<Value> positions;
  for (int64_t reg = 0; reg < fragment.registers(); ++reg)
    positions.push_back(device.add(base, alongRows
                                             ? fragment.rowOffset(reg)
                                             : fragment.columnOffset(reg)));
  return device.vector(positions);
}

LogicalResult Distribution::visitBroadcast(tile::BroadcastOp op) {
  DeviceBuilder device(op);
  auto type = cast<VectorType>(convert(op.getType()));
  auto source = dyn_cast<VectorType>(op.getValue().getType());
  if (!source || source.getRank() == 0) {
    replace(
        op,
        device.create<vector::BroadcastOp>(type, op.getValue()).getResult());
    return success();
  }
  if (op.getType().getRank() != 2)
    return refuse(op, "has no rule for a result that is no matrix");
  if (Value repeated = repeatColumns(op)) {
    replace(op, repeated);
    return success();
  }
  Fragment fragment = *layout(op.getType());
  bool alongRows = op.getDims()[0] == 0;
  if (auto iota = op.getValue().getDefiningOp<tile::IotaOp>()) {
    replace(op, makePositions(device, device.narrow(iota.getBase()), fragment,
                              alongRows));
    return success();
  }
  Value rows = this->fragment(op.getValue());
  if (!rows || !alongRows)
    return refuse(op, "repeats values that no thread holds; only rows, "
                      "columns as they are loaded and `tile.iota` are held");
  SmallVector<int64_t> mask;
  for (int64_t reg = 0; reg < fragment.registers(); ++reg)
    mask.push_back(fragment.rowOf(reg));
  replace(op, device.create<vector::ShuffleOp>(rows, rows, mask).getResult());
  return success();
}

static Value merge(DeviceBuilder &device, tile::ReduceKind kind, Value a,
                   Value b) {
  switch (kind) {
  case tile::ReduceKind::Add:
    return device.create<arith::AddFOp>(a, b);
  case tile::ReduceKind::Max:
    return device.create<arith::MaximumFOp>(a, b);
  case tile::ReduceKind::Min:
    return device.create<arith::MinimumFOp>(a, b);
  default:
    return Value();
  }
}

// Four chains, because one would wait for every addition; then the four lanes
// that share the row.
LogicalResult Distribution::visitReduce(tile::ReduceOp op) {
  auto tile = cast<VectorType>(op.getValue().getType());
  Value source = fragment(op.getValue());
  if (!source || tile.getRank() != 2 || op.getDim() != 1 ||
      !tile.getElementType().isF32())
    return refuse(op, "has a rule for the columns of an f32 matrix in "
                      "registers alone");
  DeviceBuilder device(op);
  Fragment fragment = *layout(tile);
  SmallVector<Value> values = device.elements(source), rows;
  for (int64_t row = 0; row < fragment.blocks * 2; ++row) {
    SmallVector<Value, 4> chains;
    for (int64_t i = 0; i < fragment.columns / 4; ++i) {
      Value value = values[fragment.registerOf(row, i)];
      if (i < 4)
        chains.push_back(value);
      else
        chains[i % 4] = merge(device, op.getKind(), chains[i % 4], value);
    }
    for (; chains.size() > 1; chains.pop_back()) {
      Value &into = chains[(chains.size() - 1) / 2];
      into = merge(device, op.getKind(), into, chains.back());
    }
    for (int64_t distance : {1, 2}) {
      Value other = device.create<NVVM::ShflOp>(
          device.getF32Type(), device.i32(-1), chains[0], device.i32(distance),
          device.i32(warpThreads - 1), NVVM::ShflKind::bfly, UnitAttr());
      chains[0] = merge(device, op.getKind(), chains[0], other);
    }
    if (!chains[0])
      return refuse(op, "merges by a kind that has no rule here");
    rows.push_back(chains[0]);
  }
  replace(op, device.vector(rows));
  return success();
}

LogicalResult Distribution::visitSlice(tile::SliceOp op) {
  Value source = fragment(op.getValue());
  auto from = layout(op.getValue().getType()), to = layout(op.getType());
  ArrayRef<int64_t> offsets = op.getOffsets();
  if (!source || !from->columns || offsets[0] || from->blocks != to->blocks ||
      offsets[1] % 8)
    return refuse(op, "has a rule for all rows and whole groups of 8 columns "
                      "alone");
  // Elements of 16 bits stay in pairs, as they were packed.
  DeviceBuilder device(op);
  int64_t pack = op.getType().getElementTypeBitWidth() == 16 ? 2 : 1;
  SmallVector<int64_t> mask;
  for (int64_t block = 0; block < to->blocks; ++block)
    for (int64_t i = 0; i < to->columns / 2 / pack; ++i)
      mask.push_back((block * from->columns + offsets[1]) / 2 / pack + i);
  if (pack == 2)
    source = device.create<LLVM::BitcastOp>(
        VectorType::get(from->registers() / 2, device.getI32Type()), source);
  Value part = device.create<vector::ShuffleOp>(source, source, mask);
  if (pack == 2)
    part = device.create<LLVM::BitcastOp>(convert(op.getType()), part);
  replace(op, part);
  return success();
}
