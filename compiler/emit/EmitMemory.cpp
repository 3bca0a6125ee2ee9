// Loads from views and stores to them: bounds, gathers, packed weights.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/emit/EmitterAddress.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::emit;

/// The weight of each view index in the element's offset, less the panels'
/// two innermost ones.
static SmallVector<int64_t> getViewStrides(MemRefType view, int64_t &offset) {
  SmallVector<int64_t> strides;
  offset = 0;
  auto blocked = dyn_cast<tile::BlockedAttr>(view.getLayout());
  // MLIR has no strides for views without elements.
  bool isRowMajor = view.getLayout().isIdentity();
  if (!blocked && !isRowMajor) {
    (void)view.getStridesAndOffset(strides, offset);
    return strides;
  }
  int64_t rank = view.getRank();
  strides.assign(rank, 0);
  int64_t panel = blocked ? 2 : 0;
  int64_t stride =
      blocked ? blocked.getStorageElements(view.getShape().take_back(2)) : 1;
  for (int64_t i = rank - 1 - panel; i >= 0; --i) {
    strides[i] = stride;
    stride *= view.getDimSize(i);
  }
  return strides;
}

template <typename OpTy>
Emitter::Address Emitter::getAddress(OpTy op, ArrayRef<Value> at,
                                     int64_t laneDim, int64_t reach) {
  auto view = cast<MemRefType>(op.getView().getType());
  int64_t rank = view.getRank(), viewOffset;
  SmallVector<int64_t> strides = getViewStrides(view, viewOffset);
  Address address;
  address.raw = getRawType(view.getElementType());
  auto require = [&](arith::CmpIPredicate predicate, Value a, Value b) {
    Value holds = arith::CmpIOp::create(builder, loc, predicate, a, b);
    address.isInside = both(address.isInside, holds);
  };
  SmallVector<Value> positions(rank);
  for (int64_t dim = 0; dim < rank; ++dim)
    if (op.getIndices()[dim].getType().isIndex())
      positions[dim] = scalars.lookup(op.getIndices()[dim]);
  for (auto [i, dim] : llvm::enumerate(op.getTileDims())) {
    bool isLane = static_cast<int64_t>(i) == laneDim;
    if (op.isIndexed(i)) {
      Point point{{at[i]}, isLane, reach};
      Value index = emit(op.getIndices()[dim], point);
      positions[dim] = constant(0);
      if (isLane) {
        address.laneIndices = index;
        continue;
      }
      index = arith::IndexCastOp::create(builder, loc, builder.getIndexType(),
                                         index);
      require(arith::CmpIPredicate::sge, index, constant(0));
      positions[dim] = confine(index, nullptr);
      continue;
    }
    positions[dim] = add(positions[dim], at[i]);
    Value bound = op.getBoundOf(i);
    if (bound && !isLane) {
      Value end = scalars.lookup(bound);
      require(arith::CmpIPredicate::slt, positions[dim], end);
      positions[dim] = confine(positions[dim], end);
    }
  }
  Value offset = constant(viewOffset);
  for (int64_t dim = 0; dim < rank; ++dim)
    if (strides[dim] != 0)
      offset = add(offset, multiply(positions[dim], strides[dim]));
  int64_t laneViewDim = laneDim < 0 ? rank - 1 : op.getViewDim(laneDim);
  if (rank != 0)
    address.laneStride = strides[laneViewDim];
  if (auto blocked = dyn_cast<tile::BlockedAttr>(view.getLayout())) {
    int64_t rows = blocked.getRows(), group = blocked.getGroup();
    int64_t groups = blocked.getGroupCount(view.getDimSize(rank - 1));
    Value n = positions[rank - 2], k = positions[rank - 1];
    Value step = add(multiply(divide(n, rows), groups), divide(k, group));
    Value row = add(multiply(step, rows), remainder(n, rows));
    offset = add(offset, add(multiply(row, group), remainder(k, group)));
    address.laneStride = laneViewDim == rank - 1 ? rows : group;
  }
  address.pointer =
      pointerAt(scalars.lookup(op.getView()), address.raw, offset);
  return address;
}

// How many lanes from the first lie inside, or null when all do.
template <typename OpTy>
Value Emitter::getLaneLimit(OpTy op, ArrayRef<Value> at, int64_t laneDim,
                            int64_t reach, int64_t extent) {
  Value limit;
  if (reach > extent)
    limit = subtract(constant(extent), at[laneDim]);
  Value bound = op.getBoundOf(laneDim);
  if (!bound)
    return limit;
  Value first =
      add(scalars.lookup(op.getIndices()[op.getViewDim(laneDim)]), at[laneDim]);
  Value rest = subtract(scalars.lookup(bound), first);
  return limit ? minimum(limit, rest) : rest;
}

Value Emitter::getLanePointers(const Address &address) {
  Value indices = laneNumbers(64);
  if (address.laneIndices)
    indices = arith::ExtSIOp::create(
        builder, loc, vectorOf(builder.getI64Type()), address.laneIndices);
  if (address.laneStride != 1)
    indices = arith::MulIOp::create(
        builder, loc, indices,
        constantOf(builder.getI64IntegerAttr(address.laneStride), true));
  Type pointers = vectorOf(LLVM::LLVMPointerType::get(builder.getContext()));
  return LLVM::GEPOp::create(builder, loc, pointers, address.raw,
                             address.pointer, ValueRange{indices});
}

Value Emitter::emitLoad(tile::LoadOp load, const Point &point) {
  int64_t laneDim = point.vector ? point.at.size() - 1 : -1;
  return emitLoadAlong(load, point.at, laneDim, point.reach);
}

Value Emitter::emitLoadAlong(tile::LoadOp load, ArrayRef<Value> at,
                             int64_t laneDim, int64_t reach) {
  auto type = cast<VectorType>(load.getResult().getType());
  TypedAttr pad = getPad(load);
  Address address = getAddress(load, at, laneDim, reach);
  bool vector = laneDim >= 0;
  Value limit;
  if (vector)
    limit = getLaneLimit(load, at, laneDim, reach, type.getDimSize(laneDim));
  Value mask = limit ? getMask(limit) : Value();
  if (vector && (address.laneIndices || address.laneStride != 1))
    return widen(emitGather(load, address, mask), type.getElementType());
  Value raw = loadInside(address.pointer, address.raw, address.isInside, vector,
                         mask, pad);
  return widen(raw, type.getElementType());
}

// A row outside is read from a vector of pads: no branch, no mask.
Value Emitter::loadInside(Value pointer, Type raw, Value isInside, bool vector,
                          Value mask, TypedAttr pad) {
  if (isInside)
    pointer = arith::SelectOp::create(builder, loc, isInside, pointer,
                                      getPadPointer(pad));
  return loadRaw(pointer, raw, vector, mask, getRawPad(pad));
}

Value Emitter::emitPairLoad(tile::LoadOp load, ArrayRef<Value> at,
                            int64_t laneDim) {
  Address address = getAddress(load, at, laneDim, lanes);
  Value pointer = address.pointer;
  if (address.isInside)
    pointer = arith::SelectOp::create(builder, loc, address.isInside, pointer,
                                      getPadPointer(getPad(load)));
  return loadRaw(pointer, builder.getI32Type(), /*vector=*/true);
}

Value Emitter::getPointer(tile::LoadOp load, ArrayRef<Value> at) {
  return getAddress(load, at, /*laneDim=*/-1, /*reach=*/0).pointer;
}

Value Emitter::getPointer(tile::StoreOp store, ArrayRef<Value> at) {
  return getAddress(store, at, /*laneDim=*/-1, /*reach=*/0).pointer;
}

Value Emitter::emitGather(tile::LoadOp load, const Address &address,
                          Value mask) {
  TypedAttr pad = getRawPad(getPad(load));
  if (address.isInside)
    mask = both(mask, splat(address.isInside));
  if (address.laneIndices) {
    Value zero = constantOf(builder.getI32IntegerAttr(0), true);
    Value named = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::sge,
                                        address.laneIndices, zero);
    mask = both(mask, named);
  }
  if (!mask)
    mask = constantOf(builder.getBoolAttr(true), true);
  unsigned bytes = llvm::divideCeil(address.raw.getIntOrFloatBitWidth(), 8);
  return LLVM::masked_gather::create(builder, loc, vectorOf(address.raw),
                                     getLanePointers(address), mask,
                                     ValueRange{constantOf(pad, true)}, bytes);
}

Value Emitter::emitMemrefLoad(memref::LoadOp load) {
  MemRefType view = load.getMemRefType();
  int64_t offset;
  SmallVector<int64_t> strides = getViewStrides(view, offset);
  Value position = constant(offset);
  for (auto [index, stride] : llvm::zip_equal(load.getIndices(), strides))
    position = add(position, multiply(scalars.lookup(index), stride));
  Type element = view.getElementType();
  Type raw = element.isIndex() ? builder.getI64Type() : getRawType(element);
  Value value =
      loadRaw(pointerAt(scalars.lookup(load.getMemRef()), raw, position), raw,
              /*vector=*/false);
  if (element.isIndex())
    return arith::IndexCastOp::create(builder, loc, element, value);
  if (element.isInteger(1))
    return widen(value, element);
  return raw == element
             ? value
             : Value(arith::BitcastOp::create(builder, loc, element, value));
}

//===----------------------------------------------------------------------===//
// Stores
//===----------------------------------------------------------------------===//

// A store rounds by itself.
static Value skipRounding(const Plan &plan, Value value) {
  auto rounding = plan.resolve(value).getDefiningOp<arith::TruncFOp>();
  bool fromF32 =
      rounding && getElementTypeOrSelf(rounding.getIn().getType()).isF32();
  return fromF32 && !plan.find(value) ? rounding.getIn() : value;
}

void Emitter::emitStore(tile::StoreOp store) {
  auto view = cast<MemRefType>(store.getView().getType());
  auto blocked = dyn_cast<tile::BlockedAttr>(view.getLayout());
  if (blocked && blocked.getGroup() != 1)
    return emitGroupedStore(store);
  auto type = cast<VectorType>(store.getValue().getType());
  Value value = skipRounding(plan, store.getValue());
  SmallVector<Value> limits(type.getRank());
  for (int64_t i = 0; i < type.getRank(); ++i)
    if (Value bound = store.getBoundOf(i)) {
      Value index = scalars.lookup(store.getIndices()[store.getViewDim(i)]);
      limits[i] = minimum(subtract(scalars.lookup(bound), index),
                          constant(type.getDimSize(i)));
    }
  emitNest(
      type.getShape(), value,
      [&](const Point &point) {
        storeVector(store, point, emit(value, point));
      },
      limits);
}

// Two neighbours of depth are one number of 32 bits, so that the lanes along
// the rows are neighbours in memory.
void Emitter::emitGroupedStore(tile::StoreOp store) {
  auto type = cast<VectorType>(store.getValue().getType());
  Value value = store.getValue();
  Value depth = constant(type.getDimSize(0));
  if (Value bound = store.getBoundOf(0))
    depth = minimum(
        depth,
        subtract(scalars.lookup(bound),
                 scalars.lookup(store.getIndices()[store.getViewDim(0)])));
  auto raw = [&](Value k, Value n) {
    Value number = emit(value, Point{{k, n}, true, type.getDimSize(1)});
    return Value(arith::ExtUIOp::create(builder, loc,
                                        vectorOf(builder.getI32Type()),
                                        narrow(number, builder.getBF16Type())));
  };
  emitLoop(constant(0), depth, 2, [&](Value k) {
    emitLoop(constant(0), constant(type.getDimSize(1)), lanes, [&](Value n) {
      Value high = arith::ShLIOp::create(
          builder, loc, raw(add(k, 1), n),
          constantOf(builder.getI32IntegerAttr(16), true));
      Value both = arith::OrIOp::create(builder, loc, raw(k, n), high);
      Address address =
          getAddress(store, {k, n}, /*laneDim=*/1, type.getDimSize(1));
      storeRaw(address.pointer, both);
    });
  });
}

void Emitter::storeVector(tile::StoreOp store, const Point &point,
                          Value value) {
  auto type = cast<VectorType>(store.getValue().getType());
  int64_t laneDim = point.vector ? type.getRank() - 1 : -1;
  // The loops end at the bounds, only scattered rows are asked here.
  Address address = getAddress(store, point.at, laneDim, point.reach);
  Value limit;
  if (point.vector && !address.laneIndices)
    limit = getLaneLimit(store, point.at, laneDim, point.reach,
                         type.getShape().back());
  else if (point.vector && point.reach > type.getShape().back())
    limit = subtract(constant(type.getShape().back()), point.at.back());
  value = narrow(value, type.getElementType());
  bool isScattered =
      llvm::any_of(llvm::seq<int64_t>(0, type.getRank()), [&](int64_t i) {
        return i != laneDim && store.isIndexed(i);
      });
  OpBuilder::InsertionGuard guard(builder);
  if (isScattered) {
    auto named = scf::IfOp::create(builder, loc, address.isInside, false);
    builder.setInsertionPointToStart(named.thenBlock());
  }
  if (point.vector && (address.laneIndices || address.laneStride != 1)) {
    emitScatter(store, address, value, limit ? getMask(limit) : Value());
    return;
  }
  if (!limit) {
    storeRaw(address.pointer, value);
    return;
  }
  Value isWhole = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::sge,
                                        limit, constant(lanes));
  auto whole = scf::IfOp::create(builder, loc, isWhole, true);
  builder.setInsertionPointToStart(whole.thenBlock());
  storeRaw(address.pointer, value);
  builder.setInsertionPointToStart(whole.elseBlock());
  // LLVM 22 writes four bytes for a single lane that was narrowed when it knows
  // that it is the only one.
  if (getElementTypeOrSelf(value.getType()).getIntOrFloatBitWidth() < 32)
    limit = hide(limit);
  storeRaw(address.pointer, value, getMask(limit));
}

void Emitter::emitScatter(tile::StoreOp store, const Address &address,
                          Value value, Value mask) {
  if (address.laneIndices) {
    Value zero = constantOf(builder.getI32IntegerAttr(0), true);
    Value named = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::sge,
                                        address.laneIndices, zero);
    mask = both(mask, named);
  }
  if (!mask)
    mask = constantOf(builder.getBoolAttr(true), true);
  unsigned bytes = llvm::divideCeil(address.raw.getIntOrFloatBitWidth(), 8);
  LLVM::masked_scatter::create(builder, loc, value, getLanePointers(address),
                               mask, bytes);
}
