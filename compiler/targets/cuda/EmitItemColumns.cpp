// Products of few rows whose matrix the lanes of a warp copy ahead of them.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
//   copies of the first `slots` pieces, before the item
//   for each step of the depth, for each column:
//     wait for the oldest copy, read it, multiply
//     copy the piece that stands `slots` behind: of this product, else of the
//     next one, else of the block's next item
//   add up what lanes and warps have of a column
#include "compiler/targets/cuda/ColumnRing.h"
#include "compiler/targets/cuda/DeviceBuilder.h"
#include "compiler/targets/cuda/ItemProduct.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cuda;

/// Bytes that a lane copies at once, and copies that are waited for together.
static constexpr int64_t laneBytes = laneDepth * 2, waitedCopies = 4;
/// Numbers of the rows that a lane holds for all steps at once.
static constexpr int64_t mostHeld = 64;
static constexpr unsigned globalSpace = 1;

//===----------------------------------------------------------------------===//
// Places
//===----------------------------------------------------------------------===//

/// Where this lane's part of the depth begins, and its columns.
Value ItemEmitter::getFirstDepth() {
  const ColumnShares &shares = ring->getShares();
  Value warp = remainder(divide(thread, warpThreads), shares.depthWarps);
  return add(multiply(warp, shares.steps * warpDepth),
             multiply(remainder(thread, warpThreads), laneDepth));
}

Value ItemEmitter::getFirstColumn() {
  const ColumnShares &shares = ring->getShares();
  Value group = divide(thread, warpThreads * shares.depthWarps);
  return multiply(group, shares.columns);
}

ItemEmitter::ColumnPlace ItemEmitter::getColumns(const ColumnPart &part) {
  Value first = getFirstColumn();
  Value pointer = getPointer(part.load, {first, getFirstDepth()});
  auto space = LLVM::LLVMPointerType::get(builder.getContext(), globalSpace);
  pointer = LLVM::AddrSpaceCastOp::create(builder, loc, space, pointer);
  Value bound = part.load.getBoundOf(0);
  if (!bound)
    return {pointer, nullptr, nullptr};
  Value index = part.load.getIndices()[part.load.getViewDim(0)];
  Value row = add(scalars.lookup(index), first);
  Value last = subtract(subtract(scalars.lookup(bound), constant(1)), row);
  return {pointer, arith::MaxSIOp::create(builder, loc, last, constant(0)),
          nullptr};
}

ItemEmitter::ColumnPlace ItemEmitter::getFirstColumns() {
  ArrayRef<ColumnPart> parts = ring->getParts(gridNumber);
  Value isThere = arith::ConstantIntOp::create(builder, loc, !parts.empty(), 1);
  if (parts.empty())
    return {LLVM::ZeroOp::create(
                builder, loc,
                LLVM::LLVMPointerType::get(builder.getContext(), globalSpace)),
            constant(0), isThere};
  ColumnPlace place = getColumns(parts.front());
  if (!place.last)
    place.last = constant(ring->getShares().columns - 1);
  place.isThere = isThere;
  return place;
}

/// This lane's bytes of a slot.
Value ItemEmitter::getSlot(int64_t slot) {
  Value place =
      add(multiply(thread, laneBytes), slot * itemThreads * laneBytes);
  return LLVM::AddrSpaceCastOp::create(
      builder, loc,
      LLVM::LLVMPointerType::get(builder.getContext(), sharedSpace),
      pointerAt(ringStart, builder.getI8Type(), place));
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

/// Copies what stands `depth` behind the first of a column.
void ItemEmitter::copyStep(const ColumnPlace &from, Value depth, int64_t column,
                           int64_t slot) {
  Value row = constant(column), size;
  if (from.last && column != 0)
    row = minimum(row, from.last);
  Value place = add(multiply(row, ring->getShares().k), depth);
  Value source = LLVM::GEPOp::create(builder, loc, from.pointer.getType(),
                                     builder.getI16Type(), from.pointer,
                                     ValueRange{toInteger(place)});
  if (from.isThere) {
    DeviceBuilder device(loc, builder);
    size = arith::SelectOp::create(builder, loc, from.isThere,
                                   device.i32(laneBytes), device.i32(0));
  }
  NVVM::CpAsyncOp::create(builder, loc, getSlot(slot), source,
                          static_cast<uint32_t>(laneBytes),
                          NVVM::LoadCacheModifierKind::CG, size);
  if ((slot + 1) % std::gcd(ring->getShares().columns, waitedCopies) == 0)
    NVVM::CpAsyncCommitGroupOp::create(builder, loc);
}

void ItemEmitter::fillRing(const ColumnPlace &place) {
  int64_t columns = ring->getShares().columns;
  for (int64_t slot = 0; slot < ring->getSlots(); ++slot)
    copyStep(place, constant(slot / columns * warpDepth), slot % columns, slot);
}

//===----------------------------------------------------------------------===//
// Sums
//===----------------------------------------------------------------------===//

/// Whether the product is one of the ring's: then it is emitted.
bool ItemEmitter::emitRingColumns(const ItemProduct &product) {
  if (!ring)
    return false;
  ArrayRef<ColumnPart> parts = ring->getParts(gridNumber);
  const ColumnPart *part = llvm::find_if(parts, [&](const ColumnPart &part) {
    return part.product == product.mma;
  });
  if (part == parts.end())
    return false;
  ColumnPlace next = part + 1 == parts.end() ? nextItem : getColumns(part[1]);
  SmallVector<Value> sums = foldRing(product, getColumns(*part), next);
  beginWrites();
  storeRingSums(product, sums);
  endWrites();
  return true;
}

/// The rows' elements of one step, row by row.
SmallVector<Value> ItemEmitter::readRows(const ItemProduct &product,
                                         Value depth) {
  Value first = add(getFirstDepth(), depth);
  SmallVector<Value> values;
  for (int64_t row = 0; row < product.m; ++row)
    for (int64_t i = 0; i < laneDepth; ++i)
      values.push_back(
          emit(product.mma.getA(), product.atA(constant(row), add(first, i))));
  return values;
}

/// This lane's sums of its columns, column by column.
SmallVector<Value> ItemEmitter::foldRing(const ItemProduct &product,
                                         const ColumnPlace &own,
                                         const ColumnPlace &next) {
  const ColumnShares &shares = ring->getShares();
  int64_t ahead = ring->getSlots() / shares.columns;
  int64_t whole = shares.steps * warpDepth, last = whole - ahead * warpDepth;
  Value zero = constantOf(builder.getF32FloatAttr(0), false);
  SmallVector<Value> sums(shares.columns * product.m, zero);
  auto slotOf = [&](int64_t step) { return step % ahead * shares.columns; };
  // Where all rows can be held, nobody waits for them in between.
  if (shares.steps * laneDepth * product.m <= mostHeld) {
    SmallVector<SmallVector<Value>> rows;
    for (int64_t step = 0; step < shares.steps; ++step)
      rows.push_back(readRows(product, constant(step * warpDepth)));
    for (int64_t step = 0; step < shares.steps; ++step) {
      int64_t depth = (step + ahead) * warpDepth;
      bool isOwn = depth < whole;
      sums =
          takeSteps(product, sums, rows[step], slotOf(step), isOwn ? own : next,
                    constant(isOwn ? depth : depth - whole));
    }
    return sums;
  }
  auto takeRound = [&](Value start, ValueRange carried, const ColumnPlace &from,
                       Value ofFrom) {
    SmallVector<Value> values(carried);
    for (int64_t step = 0; step < ahead; ++step)
      values = takeSteps(product, values,
                         readRows(product, add(start, step * warpDepth)),
                         slotOf(step), from, add(ofFrom, step * warpDepth));
    return values;
  };
  if (last != 0)
    sums = emitFold(
        last, ahead * warpDepth, sums, [&](Value start, ValueRange carried) {
          return takeRound(start, carried, own, add(start, ahead * warpDepth));
        });
  return takeRound(constant(last), sums, next, constant(0));
}

/// Adds what one step's slots, the first of which is `slot`, give with `rows`,
/// and copies what stands `depth` behind `from` there.
SmallVector<Value> ItemEmitter::takeSteps(const ItemProduct &product,
                                          SmallVector<Value> sums,
                                          ArrayRef<Value> rows, int64_t slot,
                                          const ColumnPlace &from,
                                          Value depth) {
  int64_t columns = ring->getShares().columns;
  int64_t together = std::gcd(columns, waitedCopies);
  Type element = getElementTypeOrSelf(product.mma.getB().getType());
  auto words = VectorType::get({laneDepth}, builder.getI16Type());
  for (int64_t first = 0; first < columns; first += together) {
    NVVM::CpAsyncWaitGroupOp::create(
        builder, loc, static_cast<uint32_t>(ring->getSlots() / together - 1));
    SmallVector<SmallVector<Value>> read;
    for (int64_t i = 0; i < together; ++i)
      read.push_back(
          DeviceBuilder(loc, builder)
              .elements(LLVM::LoadOp::create(
                  builder, loc, words, getSlot(slot + first + i), laneBytes)));
    for (int64_t k = 0; k < laneDepth; ++k)
      for (int64_t i = 0; i < together; ++i) {
        Value b = widen(read[i][k], element);
        for (int64_t row = 0; row < product.m; ++row) {
          Value &sum = sums[(first + i) * product.m + row];
          sum = math::FmaOp::create(builder, loc, rows[row * laneDepth + k], b,
                                    sum);
        }
      }
    for (int64_t i = 0; i < together; ++i)
      copyStep(from, depth, first + i, slot + first + i);
  }
  return sums;
}

//===----------------------------------------------------------------------===//
// Totals
//===----------------------------------------------------------------------===//

/// The total of one of the warp's sums, of which there are a power of two and
/// at most a lane each, and the number of that sum. Halves of the lanes take
/// halves of the sums.
std::pair<Value, Value> ItemEmitter::combineLanes(SmallVector<Value> sums) {
  DeviceBuilder device(loc, builder);
  Value lane = device.narrow(remainder(thread, warpThreads));
  Value number = constant(0);
  auto exchange = [&](Value value, int64_t distance) -> Value {
    return NVVM::ShflOp::create(builder, loc, value.getType(), device.i32(-1),
                                value, device.i32(distance),
                                device.i32(warpThreads - 1),
                                NVVM::ShflKind::bfly, UnitAttr());
  };
  for (int64_t distance = warpThreads / 2; distance > 0; distance /= 2) {
    if (sums.size() == 1) {
      sums[0] =
          combine(tile::ReduceKind::Add, sums[0], exchange(sums[0], distance));
      continue;
    }
    Value bit = device.create<arith::AndIOp>(lane, device.i32(distance));
    Value isUpper = device.create<arith::CmpIOp>(arith::CmpIPredicate::ne, bit,
                                                 device.i32(0));
    int64_t half = sums.size() / 2;
    for (int64_t i = 0; i < half; ++i) {
      Value low = sums[i], high = sums[half + i];
      Value kept = device.create<arith::SelectOp>(isUpper, high, low);
      Value given = device.create<arith::SelectOp>(isUpper, low, high);
      sums[i] = combine(tile::ReduceKind::Add, kept, exchange(given, distance));
    }
    sums.resize(half);
    Value offset =
        device.create<arith::SelectOp>(isUpper, constant(half), constant(0));
    number = add(number, offset);
  }
  return {sums[0], number};
}

/// Warps leave their totals in shared memory; then a thread a result adds up
/// those of the warps that share its column.
void ItemEmitter::storeRingSums(const ItemProduct &product,
                                ArrayRef<Value> sums) {
  const ColumnShares &shares = ring->getShares();
  int64_t count = sums.size();
  Value warp = divide(thread, warpThreads), zero = sums.front();
  for (int64_t first = 0; first < count; first += warpThreads) {
    SmallVector<Value> own(
        sums.slice(first, std::min<int64_t>(warpThreads, count - first)));
    int64_t there = own.size();
    own.resize(llvm::PowerOf2Ceil(there), zero);
    int64_t lanes = warpThreads / int64_t(own.size());
    auto [total, number] = combineLanes(own);
    Value isOne = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                        remainder(thread, lanes), constant(0));
    isOne = both(isOne, isLess(number, constant(there)));
    emitWhere(isOne, [&, total = total, number = number] {
      Value place = add(multiply(warp, count), add(number, first));
      storeRaw(getPartPointer(place, builder.getF32Type()), total);
    });
  }
  synchronize();
  emitWhere(isLess(thread, constant(product.n * product.m)), [&] {
    Value column = divide(thread, product.m);
    Value row = remainder(thread, product.m);
    Value group = divide(column, shares.columns);
    Value place =
        add(multiply(group, shares.depthWarps * count),
            add(multiply(remainder(column, shares.columns), product.m), row));
    SmallVector<Value> parts;
    for (int64_t i = 0; i < shares.depthWarps; ++i)
      parts.push_back(
          loadRaw(getPartPointer(add(place, i * count), builder.getF32Type()),
                  builder.getF32Type(), /*vector=*/false));
    Value total = combineAll(tile::ReduceKind::Add, parts);
    Point point = product.at(row, column);
    if (Value acc = product.mma.getAcc())
      total = combine(tile::ReduceKind::Add, total, emit(acc, point));
    storeBuffer(*plan.find(product.mma.getResult()), point, total);
  });
}
