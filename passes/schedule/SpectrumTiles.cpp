// Fourier transforms by products with small matrices, digit by digit.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/SpectrumTiles.h"

#include "compiler/cost/Convolutions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace mlir;

namespace sennit::schedule {

SpectrumShape::SpectrumShape(int64_t points, int64_t channels)
    : points(points), tiles(llvm::divideCeil(channels, lanes)) {
  for (double radix : cost::listRadices(double(points)))
    radices.push_back(int64_t(radix));
}

int64_t SpectrumShape::stride(int64_t digit) const {
  int64_t rows = 1;
  for (int64_t radix : ArrayRef(radices).drop_front(digit + 1))
    rows *= radix;
  return rows;
}

RankedTensorType SpectrumShape::getType(Type f32, int64_t sequences,
                                        int64_t slots) const {
  SmallVector<int64_t> sizes{sequences, slots, tiles, 2};
  // One place more a digit, which nothing reads: strides of powers of 2 would
  // lead to the same few sets of a cache.
  for (int64_t radix : radices)
    sizes.push_back(radix + 1);
  sizes.push_back(lanes);
  return RankedTensorType::get(sizes, f32);
}

RankedTensorType SpectrumShape::getTableType(Type f32) const {
  SmallVector<int64_t> sizes{digits(), 2};
  llvm::append_range(sizes, radices);
  return RankedTensorType::get(sizes, f32);
}

// Angles are whole numbers of parts of a turn until the last moment.
DenseElementsAttr SpectrumShape::makeTables(Type f32) const {
  std::vector<float> cosines, all;
  for (int64_t table = 0; table != digits(); ++table) {
    std::vector<float> sines;
    for (int64_t n = 0; n != points; ++n) {
      // The frequency's digits so far, of which the first counts least.
      int64_t known = 0, weight = 1;
      for (int64_t digit = 0; digit < table; ++digit) {
        known += n / stride(digit) % radices[digit] * weight;
        weight *= radices[digit];
      }
      int64_t place =
          n / stride(table) % radices[table] * stride(table) * known % points;
      double turn = table == 0 ? double(n) / (4 * double(points))
                               : -double(place) / double(points);
      all.push_back(float(std::cos(2 * M_PI * turn)));
      sines.push_back(float(std::sin(2 * M_PI * turn)));
    }
    llvm::append_range(all, sines);
  }
  return DenseElementsAttr::get(getTableType(f32), ArrayRef<float>(all));
}

//===----------------------------------------------------------------------===//
// Places
//===----------------------------------------------------------------------===//

static Box makeBox(ArrayRef<Value> at, OpBuilder &builder, int64_t part,
                   const SpectrumTiles::Digits &digits) {
  SmallVector<OpFoldResult> offsets(at.begin(), at.end());
  SmallVector<int64_t> sizes(at.size(), 1);
  offsets.push_back(builder.getIndexAttr(part));
  sizes.push_back(1);
  llvm::append_range(offsets, digits.offsets);
  llvm::append_range(sizes, digits.sizes);
  return Box(offsets, sizes);
}

/// The indices of a box of a spectrum, the lanes whole.
static SmallVector<Value> getIndices(Program &program, const Box &box) {
  SmallVector<Value> indices;
  for (OpFoldResult offset : box.offsets)
    indices.push_back(program.value(offset));
  indices.push_back(program.index(0));
  return indices;
}

static SmallVector<int64_t> addLanes(ArrayRef<int64_t> sizes) {
  SmallVector<int64_t> all(sizes);
  all.push_back(SpectrumShape::lanes);
  return all;
}

// No bounds: digits end where their radices do.
Value SpectrumTiles::load(int64_t part, const Digits &digits) {
  Box box = makeBox(at, program.builder, part, digits);
  auto type =
      VectorType::get(addLanes(box.sizes), program.builder.getF32Type());
  Value tile = tile::LoadOp::create(
      program.builder, program.loc, type, program.view(memory),
      getIndices(program, box),
      llvm::to_vector(llvm::seq<int64_t>(0, type.getRank())));
  return program.reshape(tile, addLanes(digits.sizes));
}

void SpectrumTiles::store(Value tile, int64_t part, const Digits &digits) {
  Box box = makeBox(at, program.builder, part, digits);
  SmallVector<int64_t> sizes = addLanes(box.sizes);
  tile::StoreOp::create(program.builder, program.loc,
                        program.reshape(tile, sizes), program.view(memory),
                        getIndices(program, box),
                        llvm::to_vector(llvm::seq<int64_t>(0, sizes.size())));
}

Value SpectrumTiles::loadAngles(int64_t table, int64_t part,
                                const Digits &digits) {
  Box box = makeBox(program.index(table), program.builder, part, digits);
  Value angles = program.reshape(program.load(tables, box), digits.sizes);
  return program.broadcast(
      angles, addLanes(digits.sizes),
      llvm::to_vector(llvm::seq<int64_t>(0, digits.sizes.size())));
}

/// Loops over the digits of which a tile does not hold all.
LogicalResult
SpectrumTiles::forDigits(ArrayRef<int64_t> sizes,
                         function_ref<LogicalResult(const Digits &)> body) {
  Digits digits;
  digits.sizes.assign(sizes.begin(), sizes.end());
  auto walk = [&](auto &self) -> LogicalResult {
    int64_t digit = digits.offsets.size();
    if (digit == shape.digits())
      return body(digits);
    if (sizes[digit] == shape.radices[digit]) {
      digits.offsets.push_back(program.builder.getIndexAttr(0));
      LogicalResult done = self(self);
      digits.offsets.pop_back();
      return done;
    }
    auto loop = buildStream(
        program, "digit", program.index(0), program.index(shape.radices[digit]),
        sizes[digit], {},
        [&](Value position, ValueRange) -> FailureOr<SmallVector<Value>> {
          digits.offsets.push_back(position);
          LogicalResult done = self(self);
          digits.offsets.pop_back();
          if (failed(done))
            return failure();
          return SmallVector<Value>{};
        });
    return success(succeeded(loop));
  };
  return walk(walk);
}

LogicalResult SpectrumTiles::forRows(
    function_ref<LogicalResult(Value, const Digits &)> body) {
  SmallVector<int64_t> sizes(shape.digits(), 1);
  sizes.back() = rowsOfRun();
  return forDigits(sizes, [&](const Digits &digits) {
    Value first = program.index(0);
    for (auto [digit, offset] : llvm::enumerate(digits.offsets))
      if (auto position = dyn_cast<Value>(offset))
        first = program.add(
            first, arith::MulIOp::create(program.builder, program.loc, position,
                                         program.index(shape.stride(digit))));
    return body(first, digits);
  });
}

//===----------------------------------------------------------------------===//
// Passes
//===----------------------------------------------------------------------===//

/// The transform of `radix` points, whose parts are rows one after the other.
Value SpectrumTiles::makeMatrix(int64_t radix, bool isInverse) {
  std::vector<float> numbers;
  for (int64_t row = 0; row != 2 * radix; ++row)
    for (int64_t column = 0; column != 2 * radix; ++column) {
      int64_t place = row % radix * (column % radix) % radix;
      double angle =
          (isInverse ? 2 : -2) * M_PI * double(place) / double(radix);
      bool isImaginary = row >= radix, ofImaginary = column >= radix;
      numbers.push_back(float(isImaginary == ofImaginary ? std::cos(angle)
                              : isImaginary              ? std::sin(angle)
                                                         : -std::sin(angle)));
    }
  OpBuilder &b = program.builder;
  auto type = VectorType::get({2 * radix, 2 * radix}, b.getF32Type());
  return arith::ConstantOp::create(
      b, program.loc, DenseElementsAttr::get(type, ArrayRef<float>(numbers)));
}

LogicalResult SpectrumTiles::transform(bool isInverse) {
  // A matrix stands once an item, before the loops.
  SmallVector<Value> matrices;
  for (auto [digit, radix] : llvm::enumerate(shape.radices)) {
    auto *same = llvm::find(shape.radices, radix);
    size_t known = same - shape.radices.begin();
    matrices.push_back(known < digit ? matrices[known]
                                     : makeMatrix(radix, isInverse));
  }
  int64_t last = shape.digits() - 1;
  for (int64_t step = 0; step <= last; ++step) {
    int64_t digit = isInverse ? last - step : step;
    std::optional<int64_t> table = digit;
    if (isInverse)
      table = step == 0 ? std::nullopt : std::optional(digit + 1);
    if (failed(emitPass(digit, table, matrices[digit], isInverse)))
      return failure();
  }
  return success();
}

// Columns of the product are points that differ in another digit, and lanes.
LogicalResult SpectrumTiles::emitPass(int64_t digit,
                                      std::optional<int64_t> table,
                                      Value matrix, bool isInverse) {
  constexpr int64_t lanes = SpectrumShape::lanes;
  OpBuilder &b = program.builder;
  Location loc = program.loc;
  int64_t last = shape.digits() - 1, radix = shape.radices[digit];
  int64_t other = digit == last ? last - 1 : last;
  int64_t columns = std::min(cost::pointsOfColumn, shape.radices[other]);
  SmallVector<int64_t> sizes(shape.digits(), 1);
  sizes[digit] = radix;
  sizes[other] = columns;
  SmallVector<int64_t> own{radix, columns, lanes},
      turned{columns, radix, lanes};
  auto turn = [&](Value tile, ArrayRef<int64_t> to) -> Value {
    return tile::TransposeOp::create(b, loc,
                                     VectorType::get(to, b.getF32Type()), tile,
                                     ArrayRef<int64_t>{1, 0, 2});
  };
  // [radix, columns * lanes] of what memory holds in the digits' order.
  auto toRows = [&](Value tile) -> Value {
    tile = program.reshape(tile, other > digit ? own : turned);
    if (other < digit)
      tile = turn(tile, own);
    return program.reshape(tile, {radix, columns * lanes});
  };
  auto toDigits = [&](Value rows, ArrayRef<int64_t> shape) -> Value {
    Value tile = program.reshape(rows, own);
    if (other < digit)
      tile = turn(tile, turned);
    return program.reshape(tile, shape);
  };
  auto times = [&](Value x, Value y) -> Value {
    return arith::MulFOp::create(b, loc, x, y);
  };
  auto add = [&](Value x, Value y) -> Value {
    return arith::AddFOp::create(b, loc, x, y);
  };
  auto subtract = [&](Value x, Value y) -> Value {
    return arith::SubFOp::create(b, loc, x, y);
  };
  return forDigits(sizes, [&](const Digits &digits) {
    Value re = load(0, digits), im = load(1, digits);
    if (table) {
      Value cosine = loadAngles(*table, 0, digits),
            sine = loadAngles(*table, 1, digits);
      // Back by the conjugates.
      Value real = times(re, cosine), fromImaginary = times(im, sine);
      Value imaginary = times(im, cosine), fromReal = times(re, sine);
      re = isInverse ? add(real, fromImaginary) : subtract(real, fromImaginary);
      im = isInverse ? subtract(imaginary, fromReal) : add(imaginary, fromReal);
    }
    auto stack = VectorType::get({2 * radix, columns * lanes}, b.getF32Type());
    Value rows = tile::ConcatOp::create(b, loc, stack, toRows(re), toRows(im),
                                        /*dim=*/0);
    Value result = multiply(program, matrix, rows, nullptr, tile::MmaForm::NN);
    auto half = VectorType::get({radix, columns * lanes}, b.getF32Type());
    SmallVector<int64_t> shapeOfTile = addLanes(digits.sizes);
    for (int64_t part : {0, 1}) {
      Value out = tile::SliceOp::create(b, loc, half, result,
                                        ArrayRef<int64_t>{part * radix, 0});
      store(toDigits(out, shapeOfTile), part, digits);
    }
    return success();
  });
}

} // namespace sennit::schedule
