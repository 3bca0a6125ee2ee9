// Fourier transforms by butterflies of up to eight points, digit by digit.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/SpectrumTiles.h"

#include "compiler/cost/Convolutions.h"
#include "dialects/tile/TileUnits.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "passes/schedule/RecurrenceTiles.h"
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
  for (int64_t digit = shape.digits() - 2; digit < shape.digits(); ++digit)
    sizes[digit] = shape.radices[digit];
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

/// `point` times e^{-+ 2 pi i eighths / 8}.
SpectrumTiles::Complex
SpectrumTiles::turnEighths(Complex point, int64_t eighths, bool isInverse) {
  RecurrenceTiles tiles(program);
  auto negate = [&](Value x) {
    return tiles.multiply(x, tiles.splatLike(x, -1));
  };
  if (eighths == 0)
    return point;
  if (eighths % 2 == 1) {
    // By one eighth, then by quarters.
    Value first = isInverse ? tiles.subtract(point.re, point.im)
                            : tiles.add(point.re, point.im);
    Value second = isInverse ? tiles.add(point.im, point.re)
                             : tiles.subtract(point.im, point.re);
    Value half = tiles.splatLike(first, M_SQRT1_2);
    return turnEighths(
        {tiles.multiply(first, half), tiles.multiply(second, half)},
        eighths - 1, isInverse);
  }
  return isInverse ? Complex{negate(point.im), point.re}
                   : Complex{point.im, negate(point.re)};
}

/// Of 2, 4 or 8 points, each half by itself and then turned together.
SmallVector<SpectrumTiles::Complex>
SpectrumTiles::transformPoints(ArrayRef<Complex> points, bool isInverse) {
  int64_t count = points.size();
  if (count == 1)
    return SmallVector<Complex>(points);
  SmallVector<Complex> even, odd, all(count);
  for (int64_t n = 0; n != count; ++n)
    (n % 2 == 0 ? even : odd).push_back(points[n]);
  even = transformPoints(even, isInverse);
  odd = transformPoints(odd, isInverse);
  RecurrenceTiles tiles(program);
  for (int64_t k = 0; k != count / 2; ++k) {
    Complex other = turnEighths(odd[k], k * 8 / count, isInverse);
    all[k] = {tiles.add(even[k].re, other.re), tiles.add(even[k].im, other.im)};
    all[k + count / 2] = {tiles.subtract(even[k].re, other.re),
                          tiles.subtract(even[k].im, other.im)};
  }
  return all;
}

/// `point` times an angle of a table, or back by its conjugate.
SpectrumTiles::Complex SpectrumTiles::turn(Complex point, int64_t table,
                                           const Digits &digits,
                                           bool isInverse) {
  RecurrenceTiles tiles(program);
  auto load = [&](int64_t part) -> Value {
    SmallVector<Value> indices{program.index(table), program.index(part)};
    for (OpFoldResult offset : digits.offsets)
      indices.push_back(program.value(offset));
    Value angle = memref::LoadOp::create(program.builder, program.loc,
                                         program.view(tables), indices);
    return program.broadcast(angle, {SpectrumShape::lanes}, {});
  };
  Value cosine = load(0), sine = load(1);
  Value real = tiles.multiply(point.re, cosine),
        fromImaginary = tiles.multiply(point.im, sine);
  Value imaginary = tiles.multiply(point.im, cosine),
        fromReal = tiles.multiply(point.re, sine);
  if (isInverse)
    return {tiles.add(real, fromImaginary),
            tiles.subtract(imaginary, fromReal)};
  return {tiles.subtract(real, fromImaginary), tiles.add(imaginary, fromReal)};
}

LogicalResult SpectrumTiles::transform(bool isInverse) {
  int64_t last = shape.digits() - 1;
  for (int64_t step = 0; step <= last; ++step) {
    int64_t digit = isInverse ? last - step : step;
    std::optional<int64_t> table = digit;
    if (isInverse)
      table = step == 0 ? std::nullopt : std::optional(digit + 1);
    if (failed(emitPass(digit, table, isInverse)))
      return failure();
  }
  return success();
}

// The points of one digit are vectors in registers, all at once.
LogicalResult SpectrumTiles::emitPass(int64_t digit,
                                      std::optional<int64_t> table,
                                      bool isInverse) {
  SmallVector<int64_t> sizes(shape.digits(), 1);
  sizes[digit] = shape.radices[digit];
  return forDigits(sizes, [&](const Digits &digits) {
    tile::UnitScope scope(program.builder, tile::kTransformUnit);
    auto at = [&](int64_t number) {
      Digits own = digits;
      own.offsets[digit] = program.builder.getIndexAttr(number);
      own.sizes[digit] = 1;
      return own;
    };
    SmallVector<Complex> points;
    for (int64_t n = 0; n != shape.radices[digit]; ++n) {
      Complex point{program.reshape(load(0, at(n)), {SpectrumShape::lanes}),
                    program.reshape(load(1, at(n)), {SpectrumShape::lanes})};
      // The digit's own angles begin with none.
      bool isTurned = table && (n != 0 || table != digit || digit == 0);
      points.push_back(isTurned ? turn(point, *table, at(n), isInverse)
                                : point);
    }
    points = transformPoints(points, isInverse);
    for (auto [n, point] : llvm::enumerate(points)) {
      store(point.re, 0, at(n));
      store(point.im, 1, at(n));
    }
    return success();
  });
}

} // namespace sennit::schedule
