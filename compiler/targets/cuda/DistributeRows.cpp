// What a thread loads and stores of tiles of one dimension, which go with the
// rows or with the columns of matrices, and of single numbers.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cuda/Distribution.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cuda;

namespace {
/// Elements of a view along the one dimension of a tile.
class LineAccess {
public:
  template <typename MemoryOp>
  static std::optional<LineAccess> make(DeviceBuilder &device, MemoryOp op) {
    auto type = cast<MemRefType>(op.getView().getType());
    SmallVector<int64_t> strides;
    int64_t offset = 0;
    if (failed(type.getStridesAndOffset(strides, offset)) ||
        llvm::any_of(strides, ShapedType::isDynamic) ||
        llvm::any_of(op.getIndices(), [](Value index) {
          return isa<VectorType>(index.getType());
        }))
      return std::nullopt;
    LineAccess access;
    access.element = type.getElementType();
    Value place = device.i64(0);
    for (auto [index, stride] : llvm::zip_equal(op.getIndices(), strides))
      place = device.add(place, scale(device, device.narrow(index), stride));
    Value base = device.cast(op.getView(),
                             LLVM::LLVMPointerType::get(device.getContext()));
    access.first = device.create<LLVM::GEPOp>(base.getType(), access.element,
                                              base, ValueRange{place});
    if (op.getTileDims().empty())
      return access;
    access.stride = strides[op.getViewDim(0)];
    // How many positions lie before the bound.
    if (Value bound = op.getBoundOf(0))
      access.count = device.create<arith::SubIOp>(
          device.narrow(bound),
          device.narrow(op.getIndices()[op.getViewDim(0)]));
    return access;
  }

  /// Whether a position is before the bound; null where each is.
  Value isInside(DeviceBuilder &device, Value position) const {
    if (!count)
      return Value();
    return device.create<arith::CmpIOp>(arith::CmpIPredicate::slt, position,
                                        count);
  }

  Value locate(DeviceBuilder &device, Value position) const {
    return device.create<LLVM::GEPOp>(
        first.getType(), element, first,
        ValueRange{scale(device, position, stride)});
  }

  /// The element there, or zero past the bound.
  Value load(DeviceBuilder &device, Value position) const {
    Value inside = isInside(device, position);
    if (inside)
      position =
          device.create<arith::SelectOp>(inside, position, device.i32(0));
    Value value =
        device.create<LLVM::LoadOp>(element, locate(device, position));
    if (!inside)
      return value;
    Value zero = device.create<arith::ConstantOp>(device.getZeroAttr(element));
    return device.create<arith::SelectOp>(inside, value, zero);
  }

  Type element;
  /// The element at the tile's indices.
  Value first;

private:
  static Value scale(DeviceBuilder &device, Value position, int64_t stride) {
    Value wide = device.create<arith::ExtSIOp>(device.getI64Type(), position);
    return device.create<arith::MulIOp>(wide, device.i64(stride));
  }

  Value count;
  int64_t stride = 1;
};
} // namespace

/// Whether a matrix takes this tile along its columns.
static bool isAlongColumns(Operation *user) {
  auto broadcast = dyn_cast<tile::BroadcastOp>(user);
  return broadcast && broadcast.getType().getRank() == 2 &&
         broadcast.getDims() == ArrayRef<int64_t>{1};
}

bool Distribution::isLine(Operation *op) {
  auto load = dyn_cast<tile::LoadOp>(op);
  return load && load.getType().getRank() == 1 &&
         load.getType().getDimSize(0) % 8 == 0 && !op->use_empty() &&
         llvm::all_of(op->getUsers(), isAlongColumns);
}

bool Distribution::isRepeated(Operation *op) {
  auto broadcast = dyn_cast<tile::BroadcastOp>(op);
  return broadcast && broadcast.getType().getRank() == 2 &&
         broadcast.getDims().size() == 1 &&
         isa_and_nonnull<tile::IotaOp, tile::LoadOp>(
             broadcast.getValue().getDefiningOp()) &&
         llvm::all_of(op->getUsers(), llvm::IsaPred<tile::ReshapeOp>);
}

// Of n columns, row r is number r / n of what has one for every group of rows,
// and number r % n of what is the same for all groups.
LogicalResult Distribution::visitReshape(tile::ReshapeOp op) {
  Operation *repeated = op.getValue().getDefiningOp();
  auto rows = layout(op.getType());
  if (!repeated || !isRepeated(repeated) || !rows || rows->columns)
    return refuse(op, "has a rule for what groups of rows share alone");
  auto broadcast = cast<tile::BroadcastOp>(repeated);
  int64_t size = broadcast.getType().getDimSize(1);
  bool isOfGroups = broadcast.getDims()[0] == 0;
  DeviceBuilder device(op);
  auto iota = broadcast.getValue().getDefiningOp<tile::IotaOp>();
  std::optional<LineAccess> access;
  if (auto load = broadcast.getValue().getDefiningOp<tile::LoadOp>())
    access = LineAccess::make(device, load);
  if (!iota && !access)
    return refuse(op, "reads a view whose strides are not known");
  Value base = iota ? device.narrow(iota.getBase()) : Value();
  Value first = getThreadPlace(device, *rows).first;
  SmallVector<Value> values;
  for (int64_t row = 0; row < rows->registers(); ++row) {
    Value place = device.add(first, row / 2 * 64 + row % 2 * 8);
    place =
        isOfGroups ? device.divide(place, size) : device.remainder(place, size);
    values.push_back(iota ? device.add(base, place)
                          : access->load(device, place));
  }
  replace(op, device.vector(values));
  return success();
}

LogicalResult Distribution::visitNumber(tile::LoadOp op) {
  DeviceBuilder device(op);
  auto access = LineAccess::make(device, op);
  if (!access)
    return refuse(op, "loads from a view whose strides are not known");
  Value number = device.create<LLVM::LoadOp>(access->element, access->first);
  op.getResult().replaceAllUsesWith(
      device.create<vector::BroadcastOp>(op.getType(), number));
  dead.push_back(op);
  return success();
}

LogicalResult Distribution::visitLoadLine(tile::LoadOp op) {
  DeviceBuilder device(op);
  auto access = LineAccess::make(device, op);
  auto pad = op.getPad();
  if (!access || pad)
    return refuse(op, "loads rows of a view whose strides are not known, or "
                      "other than zero past their bound");
  auto fragment = layout(op.getType());
  auto [row, column] = getThreadPlace(device, fragment.value_or(Fragment()));
  bool alongColumns = llvm::any_of(op->getUsers(), isAlongColumns);
  if (alongColumns) {
    SmallVector<Value> values;
    for (int64_t at = 0; at < op.getType().getDimSize(0); at += 8)
      for (int64_t pair : {0, 1})
        values.push_back(access->load(device, device.add(column, at + pair)));
    columns.map(op.getResult(), device.vector(values));
  }
  if (alongColumns && llvm::all_of(op->getUsers(), isAlongColumns)) {
    dead.push_back(op);
    return success();
  }
  SmallVector<Value> values;
  for (int64_t number = 0; number < fragment->registers(); ++number)
    values.push_back(access->load(
        device, device.add(row, number / 2 * 64 + number % 2 * 8)));
  replace(op, device.vector(values));
  return success();
}

LogicalResult Distribution::visitStoreLine(tile::StoreOp op) {
  DeviceBuilder device(op);
  Value source = fragment(op.getValue());
  auto fragment = layout(op.getValue().getType());
  auto access = LineAccess::make(device, op);
  if (!source || !fragment || !access)
    return refuse(op, "stores other than rows in registers to a view whose "
                      "strides are known");
  auto [row, column] = getThreadPlace(device, *fragment);
  SmallVector<Value> values = device.elements(source);
  // The first of the four threads that hold the same.
  auto first = device.create<scf::IfOp>(device.equals(column, 0));
  DeviceBuilder inner(first.thenBlock()->getTerminator());
  for (auto [number, value] : llvm::enumerate(values)) {
    Value position = inner.add(row, number / 2 * 64 + number % 2 * 8);
    DeviceBuilder place(inner);
    if (Value inside = access->isInside(inner, position)) {
      auto branch = inner.create<scf::IfOp>(inside);
      place = DeviceBuilder(branch.thenBlock()->getTerminator());
    }
    place.create<LLVM::StoreOp>(value, access->locate(place, position));
  }
  dead.push_back(op);
  return success();
}

Value Distribution::repeatColumns(tile::BroadcastOp op) {
  Value held = columns.lookupOrNull(op.getValue());
  if (!held || !isAlongColumns(op))
    return Value();
  DeviceBuilder device(op);
  Fragment fragment = *layout(op.getType());
  SmallVector<int64_t> mask;
  for (int64_t reg = 0; reg < fragment.registers(); ++reg)
    mask.push_back(fragment.columnOffset(reg) / 8 * 2 + reg % 2);
  return device.create<vector::ShuffleOp>(held, held, mask);
}
