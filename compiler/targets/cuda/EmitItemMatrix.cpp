// Products on the matrix unit by mma.sync: operands step by step through shared
// memory, sums in registers.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
// The unit multiplies bf16. An f32 x is split into h = bf16(x) and
// l = bf16(x - h), which together hold its first 16 bits: x y is h y + l y
// where y is a bf16, and h h' + h l' + l h' where it is split too.
#include "compiler/targets/cuda/DeviceBuilder.h"
#include "compiler/targets/cuda/ItemProduct.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cuda;

/// Rows, columns and depth of one instruction.
static constexpr int64_t unitRows = 16, unitColumns = 8, unitDepth = 16;
static constexpr int64_t warps = itemThreads / warpThreads;
/// Neighbours along the depth that a thread copies at once.
static constexpr int64_t copied = 8;
/// The largest block whose sums are held at once.
static constexpr int64_t blockRows = 128, blockColumns = 128;

namespace sennit::cuda {
/// A block of a product's result: its place, and the warps' shares of it.
struct ItemEmitter::MatrixBlock {
  const ItemProduct &product;
  /// The first row and column, static.
  int64_t row, column;
  StagedOperand a, b;
  /// Instructions down and across a warp, and warps down.
  int64_t down, across, warpsDown;
  Value warpRow, warpColumn, lane;

  int64_t rows() const { return std::min(blockRows, product.m - row); }
  int64_t columns() const { return std::min(blockColumns, product.n - column); }
};
} // namespace sennit::cuda

/// Whether the elements are bf16, even if computed as f32.
static bool isExact(Value value, const emit::Plan &plan) {
  value = plan.resolve(value);
  if (getElementTypeOrSelf(value.getType()).isBF16())
    return true;
  Operation *op = value.getDefiningOp();
  if (isa_and_nonnull<arith::ExtFOp, tile::BroadcastOp, tile::SliceOp,
                      tile::ReshapeOp, tile::TransposeOp>(op))
    return isExact(op->getOperand(0), plan);
  return false;
}

static StagedOperand makeStagedA(const ItemProduct &product, int64_t row,
                                 const emit::Plan &plan) {
  int64_t rows = std::min(blockRows, product.m - row);
  return {int64_t(llvm::alignTo(rows, unitRows)),
          isExact(product.mma.getA(), plan) ? 1 : 2, 0};
}

// Columns are read in pairs of instructions.
static StagedOperand makeStagedB(const ItemProduct &product, int64_t column,
                                 const emit::Plan &plan) {
  int64_t columns = std::min(blockColumns, product.n - column);
  return {int64_t(llvm::alignTo(columns, 2 * unitColumns)),
          isExact(product.mma.getB(), plan) ? 1 : 2, 0};
}

// Shares that are as equal as they can be, then as square.
static void shareAmongWarps(ItemEmitter::MatrixBlock &block);

int64_t sennit::cuda::getStagingBytes(tile::MmaOp mma, const emit::Plan &plan) {
  ItemProduct product(mma);
  if (!isStaged(mma))
    return 0;
  StagedOperand a = makeStagedA(product, 0, plan);
  StagedOperand b = makeStagedB(product, 0, plan);
  return a.parts * a.partBytes() + b.parts * b.partBytes();
}

void ItemEmitter::emitMatrix(const ItemProduct &product) {
  Value lane = remainder(thread, warpThreads);
  Value warp = divide(thread, warpThreads);
  for (int64_t row = 0; row < product.m; row += blockRows)
    for (int64_t column = 0; column < product.n; column += blockColumns) {
      MatrixBlock block{product, row, column, {}, {}, 0, 0, 0, {}, {}, lane};
      block.a = makeStagedA(product, row, plan);
      block.b = makeStagedB(product, column, plan);
      block.b.offset = block.a.parts * block.a.partBytes();
      shareAmongWarps(block);
      block.warpRow = divide(warp, warps / block.warpsDown);
      block.warpColumn = remainder(warp, warps / block.warpsDown);
      emitMatrixBlock(block);
    }
}

static void shareAmongWarps(ItemEmitter::MatrixBlock &block) {
  int64_t down = block.a.rows / unitRows, across = block.b.rows / unitColumns;
  int64_t best = INT64_MAX;
  for (int64_t warpsDown = 1; warpsDown <= warps; warpsDown *= 2) {
    int64_t own = llvm::divideCeil(down, warpsDown);
    // Pairs of instructions across.
    int64_t other = 2 * llvm::divideCeil(across / 2, warps / warpsDown);
    int64_t cost = own * other * 64 + own + other;
    if (cost >= best)
      continue;
    best = cost;
    block.down = own;
    block.across = other;
    block.warpsDown = warpsDown;
  }
}

//===----------------------------------------------------------------------===//
// One block
//===----------------------------------------------------------------------===//

// The next step's elements are read while this step's are multiplied.
void ItemEmitter::emitMatrixBlock(const MatrixBlock &block) {
  SmallVector<Value> sums = startSums(block);
  size_t count = sums.size();
  SmallVector<Value> carried(sums);
  llvm::append_range(carried, readStep(block, constant(0)));
  beginWrites();
  int64_t steps = llvm::divideCeil(block.product.k, StagedOperand::depth);
  auto multiplyStep = [&](ValueRange values) {
    writeStep(block, values.drop_front(count));
    synchronize();
    return SmallVector<Value>(values.take_front(count));
  };
  if (steps > 1)
    carried = emitFold((steps - 1) * StagedOperand::depth, StagedOperand::depth,
                       carried, [&](Value depth, ValueRange values) {
                         SmallVector<Value> own = multiplyStep(values);
                         SmallVector<Value> read =
                             readStep(block, add(depth, StagedOperand::depth));
                         own = multiplyBlock(block, own);
                         synchronize();
                         llvm::append_range(own, read);
                         return own;
                       });
  SmallVector<Value> last = multiplyStep(carried);
  last = multiplyBlock(block, last);
  storeSums(block, last);
  endWrites();
}

/// Runs `body` on the row and column of each sum that this thread holds: of an
/// instruction's 16 by 8, rows l / 4 and l / 4 + 8, columns 2 (l % 4) and the
/// next.
void ItemEmitter::forEachSum(const MatrixBlock &block,
                             function_ref<void(Value, Value)> body) {
  Value row = add(multiply(block.warpRow, block.down * unitRows),
                  divide(block.lane, 4));
  Value column = add(multiply(block.warpColumn, block.across * unitColumns),
                     multiply(remainder(block.lane, 4), 2));
  for (int64_t i = 0; i < block.down; ++i)
    for (int64_t j = 0; j < block.across; ++j)
      for (int64_t half = 0; half < 2; ++half)
        for (int64_t next = 0; next < 2; ++next)
          body(add(row, i * unitRows + half * 8),
               add(column, j * unitColumns + next));
}

/// Whether a sum at this place of the block is one of its results, or null
/// when all are.
Value ItemEmitter::isResult(const MatrixBlock &block, Value row, Value column) {
  bool isWhole =
      block.warpsDown * block.down * unitRows == block.rows() &&
      warps / block.warpsDown * block.across * unitColumns == block.columns();
  if (isWhole)
    return nullptr;
  return both(isLess(row, constant(block.rows())),
              isLess(column, constant(block.columns())));
}

SmallVector<Value> ItemEmitter::startSums(const MatrixBlock &block) {
  SmallVector<Value> sums;
  Value acc = block.product.mma.getAcc();
  Value zero = constantOf(builder.getF32FloatAttr(0), false);
  forEachSum(block, [&](Value row, Value column) {
    if (!acc)
      return sums.push_back(zero);
    Value r = minimum(row, constant(block.rows() - 1));
    Value c = minimum(column, constant(block.columns() - 1));
    sums.push_back(
        emit(acc, block.product.at(add(r, block.row), add(c, block.column))));
  });
  return sums;
}

void ItemEmitter::storeSums(const MatrixBlock &block, ValueRange sums) {
  const emit::Buffer &buffer = *plan.find(block.product.mma.getResult());
  size_t number = 0;
  forEachSum(block, [&](Value row, Value column) {
    Value sum = sums[number++];
    auto store = [&] {
      storeBuffer(
          buffer,
          block.product.at(add(row, block.row), add(column, block.column)),
          sum);
    };
    if (Value condition = isResult(block, row, column))
      emitWhere(condition, store);
    else
      store();
  });
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

/// Rounds that a block's threads need to copy an operand's step.
static int64_t getRounds(const StagedOperand &operand) {
  return llvm::divideCeil(operand.rows * StagedOperand::depth / copied,
                          itemThreads);
}

/// Where this thread copies in a round; the last copy's place for threads
/// without one. Neighbouring threads take neighbours in memory.
ItemEmitter::CopyPlace ItemEmitter::getCopyPlace(const StagedOperand &operand,
                                                 int64_t round,
                                                 bool alongRows) {
  constexpr int64_t parts = StagedOperand::depth / copied;
  int64_t copies = operand.rows * parts;
  Value number = add(thread, round * itemThreads), isOwn;
  if (copies % itemThreads != 0) {
    isOwn = isLess(number, constant(copies));
    number = minimum(number, constant(copies - 1));
  }
  if (alongRows)
    return {remainder(number, operand.rows),
            multiply(divide(number, operand.rows), copied), isOwn};
  return {divide(number, parts), multiply(remainder(number, parts), copied),
          isOwn};
}

// Elements outside of the matrix are zero, whatever lies there.
SmallVector<Value> ItemEmitter::readOperand(const MatrixBlock &block, bool isA,
                                            Value depth) {
  const ItemProduct &product = block.product;
  const StagedOperand &operand = isA ? block.a : block.b;
  Value tile = isA ? product.mma.getA() : product.mma.getB();
  bool alongRows = isA ? product.turnedA : !product.turnedB;
  int64_t first = isA ? block.row : block.column;
  int64_t extent = isA ? block.rows() : block.columns();
  Value zero = constantOf(builder.getF32FloatAttr(0), false);
  SmallVector<Value> values;
  for (int64_t round = 0; round < getRounds(operand); ++round) {
    auto [row, start, isOwn] = getCopyPlace(operand, round, alongRows);
    Value isRow, own = row;
    if (operand.rows != extent) {
      isRow = isLess(row, constant(extent));
      own = minimum(row, constant(extent - 1));
    }
    for (int64_t i = 0; i < copied; ++i) {
      Value k = add(add(depth, start), i), isInside = isRow;
      if (product.k % StagedOperand::depth != 0) {
        isInside = both(isInside, isLess(k, constant(product.k)));
        k = minimum(k, constant(product.k - 1));
      }
      Value at = add(own, first);
      Value value = emit(tile, isA ? product.atA(at, k) : product.atB(k, at));
      if (isInside)
        value = arith::SelectOp::create(builder, loc, isInside, value, zero);
      values.push_back(value);
    }
  }
  return values;
}

SmallVector<Value> ItemEmitter::readStep(const MatrixBlock &block,
                                         Value depth) {
  SmallVector<Value> values = readOperand(block, /*isA=*/true, depth);
  llvm::append_range(values, readOperand(block, /*isA=*/false, depth));
  return values;
}

/// Two numbers rounded to bf16 in one of 32 bits, the first below.
Value ItemEmitter::packPair(Value low, Value high) {
  Value pair = LLVM::CallIntrinsicOp::create(
                   builder, loc, VectorType::get({2}, builder.getBF16Type()),
                   builder.getStringAttr("llvm.nvvm.ff2bf16x2.rn"),
                   ValueRange{high, low})
                   .getResult(0);
  return LLVM::BitcastOp::create(builder, loc, builder.getI32Type(), pair);
}

/// What the rounding of two numbers to `pair` has left out, in the same form.
Value ItemEmitter::packRests(Value low, Value high, Value pair) {
  DeviceBuilder device(loc, builder);
  auto rest = [&](Value number, Value bits) -> Value {
    Value rounded =
        arith::BitcastOp::create(builder, loc, builder.getF32Type(), bits);
    return arith::SubFOp::create(builder, loc, number, rounded);
  };
  Value first = arith::ShLIOp::create(builder, loc, pair, device.i32(16));
  Value second = arith::AndIOp::create(builder, loc, pair,
                                       device.i32(int32_t(0xffff0000)));
  return packPair(rest(low, first), rest(high, second));
}

void ItemEmitter::writeOperand(const MatrixBlock &block, bool isA,
                               ValueRange values) {
  const StagedOperand &operand = isA ? block.a : block.b;
  bool alongRows = isA ? block.product.turnedA : !block.product.turnedB;
  for (int64_t round = 0; round < getRounds(operand); ++round) {
    auto [row, start, isOwn] = getCopyPlace(operand, round, alongRows);
    ValueRange own = values.slice(round * copied, copied);
    Value place = add(multiply(row, StagedOperand::stride), start);
    auto write = [&] {
      SmallVector<Value> pairs;
      for (int64_t i = 0; i < copied; i += 2)
        pairs.push_back(packPair(own[i], own[i + 1]));
      for (int64_t part = 0; part < operand.parts; ++part) {
        for (int64_t i = 0; part == 1 && i < copied; i += 2)
          pairs[i / 2] = packRests(own[i], own[i + 1], pairs[i / 2]);
        Value vector = DeviceBuilder(loc, builder).vector(pairs);
        Value base = pointerAt(
            shared, builder.getI8Type(),
            constant(partBytes + operand.offset + part * operand.partBytes()));
        LLVM::StoreOp::create(builder, loc, vector,
                              pointerAt(base, builder.getI16Type(), place), 16);
      }
    };
    if (isOwn)
      emitWhere(isOwn, write);
    else
      write();
  }
}

void ItemEmitter::writeStep(const MatrixBlock &block, ValueRange values) {
  size_t ofA = getRounds(block.a) * copied;
  writeOperand(block, /*isA=*/true, values.take_front(ofA));
  writeOperand(block, /*isA=*/false, values.drop_front(ofA));
}

//===----------------------------------------------------------------------===//
// Instructions
//===----------------------------------------------------------------------===//

/// 16 rows of 16 elements of the depth as four registers: each eight rows' 16
/// bytes come from eight lanes' addresses.
SmallVector<Value> ItemEmitter::loadFragment(const StagedOperand &operand,
                                             Value lane, Value row,
                                             int64_t depth, int64_t part,
                                             bool isA) {
  // Of A, the second eight lanes give the lower rows; of B, the right depth.
  Value byEight = remainder(divide(lane, 8), 2), bySixteen = divide(lane, 16);
  Value down = isA ? byEight : bySixteen, right = isA ? bySixteen : byEight;
  Value own = add(add(row, remainder(lane, 8)), multiply(down, 8));
  own = minimum(own, constant(operand.rows - 1));
  Value place =
      add(multiply(own, StagedOperand::stride), add(multiply(right, 8), depth));
  Value base = pointerAt(
      shared, builder.getI8Type(),
      constant(partBytes + operand.offset + part * operand.partBytes()));
  auto space = LLVM::LLVMPointerType::get(builder.getContext(), sharedSpace);
  Value address = LLVM::AddrSpaceCastOp::create(
      builder, loc, space, pointerAt(base, builder.getI16Type(), place));
  Type i32 = builder.getI32Type();
  auto four = LLVM::LLVMStructType::getLiteral(builder.getContext(),
                                               {i32, i32, i32, i32});
  Value loaded = LLVM::CallIntrinsicOp::create(
                     builder, loc, four,
                     builder.getStringAttr(
                         "llvm.nvvm.ldmatrix.sync.aligned.m8n8.x4.b16.p3"),
                     ValueRange{address})
                     .getResult(0);
  SmallVector<Value> registers;
  for (int64_t i = 0; i < 4; ++i)
    registers.push_back(LLVM::ExtractValueOp::create(builder, loc, loaded, i));
  return registers;
}

/// Adds one instruction's products to four sums.
void ItemEmitter::multiplyFragments(ArrayRef<Value> a, ArrayRef<Value> b,
                                    MutableArrayRef<Value> sums) {
  Type f32 = builder.getF32Type();
  auto four = LLVM::LLVMStructType::getLiteral(builder.getContext(),
                                               {f32, f32, f32, f32});
  SmallVector<Value> operands(a);
  llvm::append_range(operands, b);
  llvm::append_range(operands, sums);
  Value result =
      LLVM::CallIntrinsicOp::create(
          builder, loc, four,
          builder.getStringAttr("llvm.nvvm.mma.m16n8k16.row.col.bf16"),
          operands)
          .getResult(0);
  for (auto [i, sum] : llvm::enumerate(sums))
    sum = LLVM::ExtractValueOp::create(builder, loc, result, i);
}

// One step of the depth; of split operands all products but that of both rests.
SmallVector<Value> ItemEmitter::multiplyBlock(const MatrixBlock &block,
                                              SmallVector<Value> sums) {
  Value row = multiply(block.warpRow, block.down * unitRows);
  Value column = multiply(block.warpColumn, block.across * unitColumns);
  for (int64_t depth = 0; depth < StagedOperand::depth; depth += unitDepth) {
    SmallVector<SmallVector<Value>> a;
    for (int64_t part = 0; part < block.a.parts; ++part)
      for (int64_t i = 0; i < block.down; ++i)
        a.push_back(loadFragment(block.a, block.lane, add(row, i * unitRows),
                                 depth, part, /*isA=*/true));
    for (int64_t j = 0; j < block.across; j += 2)
      for (int64_t part = 0; part < block.b.parts; ++part) {
        SmallVector<Value> b =
            loadFragment(block.b, block.lane, add(column, j * unitColumns),
                         depth, part, /*isA=*/false);
        for (int64_t other = 0; other < block.a.parts; ++other) {
          if (part + other > 1)
            continue;
          for (int64_t i = 0; i < block.down; ++i)
            for (int64_t pair = 0; pair < 2; ++pair)
              multiplyFragments(a[other * block.down + i],
                                ArrayRef<Value>(b).slice(2 * pair, 2),
                                MutableArrayRef<Value>(sums).slice(
                                    4 * (i * block.across + j + pair), 4));
        }
      }
  }
  return sums;
}
