// What a thread loads and stores of a tile by itself: pairs of neighbouring
// columns of its rows.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cuda/Distribution.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cuda;

namespace {
/// Where a thread's part of a matrix lies in memory.
class ThreadAccess {
public:
  /// Nothing, and the reason, where the view's rows are not known.
  template <typename MemoryOp>
  static std::optional<ThreadAccess> make(DeviceBuilder &device, MemoryOp op,
                                          const Fragment &fragment, Value row,
                                          Value column, std::string &reason) {
    auto type = cast<MemRefType>(op.getView().getType());
    SmallVector<int64_t> strides;
    int64_t offset = 0;
    ThreadAccess access{fragment};
    if (op.getTileDims().size() != 2 || op.isIndexed(0) || op.isIndexed(1) ||
        failed(type.getStridesAndOffset(strides, offset)) ||
        llvm::any_of(strides, ShapedType::isDynamic) ||
        strides[op.getViewDim(1)] != 1) {
      reason = "moves other than a matrix whose rows lie as far apart as the "
               "view's type says";
      return std::nullopt;
    }
    access.element = type.getElementType();
    access.base = device.cast(op.getView(),
                              LLVM::LLVMPointerType::get(device.getContext()));
    Value outer = device.i64(0);
    for (auto [dim, index] : llvm::enumerate(op.getIndices()))
      if (!llvm::is_contained(op.getTileDims(), static_cast<int64_t>(dim)))
        outer = device.add(
            outer, access.scale(device, device.narrow(index), strides[dim]));
    access.outer = outer;
    access.stride = strides[op.getViewDim(0)];
    access.row =
        device.add(device.narrow(op.getIndices()[op.getViewDim(0)]), row);
    access.column =
        device.add(device.narrow(op.getIndices()[op.getViewDim(1)]), column);
    bool isEven = access.stride % 2 == 0;
    for (auto [dim, bound] : llvm::zip_equal(op.getBoundDims(), op.getBounds()))
      if (dim == 0) {
        access.rowBound = device.narrow(bound);
      } else {
        access.columnBound = device.narrow(bound);
        isEven &= getConstantIntValue(bound).value_or(1) % 2 == 0;
      }
    access.width = isEven ? 2 : 1;
    return access;
  }

  /// Neighbouring elements that one instruction moves.
  int64_t width = 1;
  Type element;

  /// Calls `body` for each row of the thread with its position.
  void forRows(DeviceBuilder &device,
               llvm::function_ref<void(int64_t, Value)> body) const {
    for (int64_t row = 0; row < fragment.blocks * 2; ++row)
      body(row, device.add(this->row, row / 2 * 64 + row % 2 * 8));
  }
  /// For each group of `width` elements of a row: its first number among the
  /// row's, and its column.
  void forGroups(DeviceBuilder &device,
                 llvm::function_ref<void(int64_t, Value)> body) const {
    for (int64_t i = 0; i < fragment.columns / 4; i += width)
      body(i, device.add(column, i / 2 * 8 + i % 2));
  }

  /// Whether a row or a column is inside its bound; null where each is.
  Value isInside(DeviceBuilder &device, Value position, bool isRow) const {
    Value bound = isRow ? rowBound : columnBound;
    if (!bound)
      return Value();
    return device.create<arith::CmpIOp>(arith::CmpIPredicate::slt, position,
                                        bound);
  }

  /// The address of an element; outside of its bounds, of one inside.
  Value locate(DeviceBuilder &device, Value row, Value column) const {
    auto clamp = [&](Value position, Value bound) -> Value {
      if (!bound)
        return position;
      Value last = device.add(bound, -1);
      return device.create<arith::MinSIOp>(position, last);
    };
    column = clamp(column, columnBound);
    if (columnBound && width == 2)
      column = device.create<arith::AndIOp>(column, device.i32(-2));
    Value place = device.add(
        device.add(outer, scale(device, clamp(row, rowBound), stride)),
        device.create<arith::ExtSIOp>(device.getI64Type(), column));
    return device.create<LLVM::GEPOp>(base.getType(), element, base,
                                      ValueRange{place});
  }

  Type groupType() const {
    return width == 1 ? element : Type(VectorType::get(width, element));
  }
  unsigned alignment() const {
    return width * element.getIntOrFloatBitWidth() / 8;
  }

  explicit ThreadAccess(Fragment fragment) : fragment(fragment) {}

private:
  static Value scale(DeviceBuilder &device, Value position, int64_t stride) {
    Value wide = device.create<arith::ExtSIOp>(device.getI64Type(), position);
    return device.create<arith::MulIOp>(wide, device.i64(stride));
  }

  Fragment fragment;
  Value base, outer, row, column, rowBound, columnBound;
  int64_t stride = 0;
};
} // namespace

std::pair<Value, Value> Distribution::getThreadPlace(DeviceBuilder &device,
                                                     const Fragment &fragment) {
  Value thread = threads.thread(device);
  Value lane = device.remainder(thread, warpThreads);
  Value row =
      device.multiply(threads.copy(device, roles), fragment.blocks * 64);
  Value warp = device.divide(thread, warpThreads);
  row = device.add(row, device.multiply(warp, 16));
  row = device.add(row, device.divide(lane, 4));
  return {row, device.multiply(device.remainder(lane, 4), 2)};
}

static Value both(DeviceBuilder &device, Value a, Value b) {
  if (!a || !b)
    return a ? a : b;
  return device.create<arith::AndIOp>(a, b);
}

LogicalResult Distribution::visitLoad(tile::LoadOp op) {
  if (op.getType().getRank() == 1)
    return visitLoadLine(op);
  DeviceBuilder device(op);
  Fragment fragment = *layout(op.getType());
  auto [row, column] = getThreadPlace(device, fragment);
  std::string reason;
  auto access = ThreadAccess::make(device, op, fragment, row, column, reason);
  if (!access || !fragment.columns)
    return refuse(op, reason.empty() ? "loads other than a matrix" : reason);
  auto pad = dyn_cast_or_null<TypedAttr>(op.getPad().value_or(Attribute()));
  if (!pad)
    pad = device.getZeroAttr(access->element);
  Value outside = device.create<arith::ConstantOp>(pad);
  SmallVector<Value> values(fragment.registers());
  access->forRows(device, [&](int64_t number, Value row) {
    Value rowInside = access->isInside(device, row, true);
    access->forGroups(device, [&](int64_t first, Value column) {
      Value inside =
          both(device, rowInside, access->isInside(device, column, false));
      Value group = device.create<LLVM::LoadOp>(
          access->groupType(), access->locate(device, row, column),
          access->alignment());
      SmallVector<Value> elements{group};
      if (access->width > 1)
        elements = device.elements(group);
      for (auto [i, element] : llvm::enumerate(elements)) {
        if (inside)
          element = device.create<arith::SelectOp>(inside, element, outside);
        values[fragment.registerOf(number, first + i)] = element;
      }
    });
  });
  replace(op, device.vector(values));
  return success();
}

LogicalResult Distribution::visitStore(tile::StoreOp op) {
  if (cast<VectorType>(op.getValue().getType()).getRank() == 1)
    return visitStoreLine(op);
  DeviceBuilder device(op);
  Value source = fragment(op.getValue());
  auto fragment = layout(op.getValue().getType());
  if (!source || !fragment || !fragment->columns)
    return refuse(op, "stores other than a matrix in registers");
  auto [row, column] = getThreadPlace(device, *fragment);
  std::string reason;
  auto access = ThreadAccess::make(device, op, *fragment, row, column, reason);
  if (!access)
    return refuse(op, reason);
  SmallVector<Value> values = device.elements(source);
  auto when = [](DeviceBuilder &device, Value condition,
                 llvm::function_ref<void(DeviceBuilder &)> body) {
    if (!condition)
      return body(device);
    auto branch = device.create<scf::IfOp>(condition);
    DeviceBuilder inner(branch.thenBlock()->getTerminator());
    body(inner);
  };
  access->forRows(device, [&](int64_t number, Value row) {
    when(device, access->isInside(device, row, true),
         [&](DeviceBuilder &device) {
           access->forGroups(device, [&](int64_t first, Value column) {
             when(device, access->isInside(device, column, false),
                  [&](DeviceBuilder &device) {
                    SmallVector<Value> elements;
                    for (int64_t i = 0; i < access->width; ++i)
                      elements.push_back(
                          values[fragment->registerOf(number, first + i)]);
                    Value group = access->width > 1 ? device.vector(elements)
                                                    : elements.front();
                    device.create<LLVM::StoreOp>(
                        group, access->locate(device, row, column),
                        access->alignment());
                  });
           });
         });
  });
  dead.push_back(op);
  return success();
}
