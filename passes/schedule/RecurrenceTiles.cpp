// Decays, masked products and triangular inverses on tiles.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/RecurrenceTiles.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace sennit::schedule {

Box addSequence(Box box, Value sequence) {
  if (!sequence)
    return box;
  box.offsets.insert(box.offsets.begin(), sequence);
  box.sizes.insert(box.sizes.begin(), 1);
  box.aligned.insert(box.aligned.begin(), true);
  return box;
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

Value RecurrenceTiles::add(Value a, Value b) {
  return arith::AddFOp::create(builder, loc, a, b);
}

Value RecurrenceTiles::subtract(Value a, Value b) {
  return arith::SubFOp::create(builder, loc, a, b);
}

Value RecurrenceTiles::multiply(Value a, Value b) {
  return arith::MulFOp::create(builder, loc, a, b);
}

Value RecurrenceTiles::exp2(Value a) {
  return math::Exp2Op::create(builder, loc, a);
}

Value RecurrenceTiles::splatLike(Value tile, double value) {
  return program.splat(typeOf(tile), value);
}

Value RecurrenceTiles::transpose(Value tile) {
  auto type = typeOf(tile);
  auto turned = VectorType::get({type.getDimSize(1), type.getDimSize(0)},
                                type.getElementType());
  return tile::TransposeOp::create(builder, loc, turned, tile,
                                   ArrayRef<int64_t>{1, 0});
}

Value RecurrenceTiles::slice(Value tile, ArrayRef<int64_t> offsets,
                             ArrayRef<int64_t> sizes) {
  auto type = VectorType::get(sizes, typeOf(tile).getElementType());
  return tile::SliceOp::create(builder, loc, type, tile, offsets);
}

Value RecurrenceTiles::concat(Value first, Value second, int64_t dim) {
  SmallVector<int64_t> shape(typeOf(first).getShape());
  shape[dim] += typeOf(second).getDimSize(dim);
  auto type = VectorType::get(shape, typeOf(first).getElementType());
  return tile::ConcatOp::create(builder, loc, type, first, second, dim);
}

Value RecurrenceTiles::position(ArrayRef<int64_t> shape, int64_t dim,
                                int64_t each) {
  Value position = program.iota(program.index(0), shape[dim] / each);
  return program.broadcast(repeatRows(position, each), shape, {dim});
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

Value RecurrenceTiles::scaleRows(Value x, Value numbers) {
  return multiply(x, program.broadcast(numbers, typeOf(x).getShape(), {0}));
}

Value RecurrenceTiles::decayRows(Value x, Value g) {
  if (!g)
    return x;
  x = program.toF32(x);
  SmallVector<int64_t> dims =
      llvm::to_vector(llvm::seq<int64_t>(0, typeOf(g).getRank()));
  return multiply(x, program.broadcast(exp2(g), typeOf(x).getShape(), dims));
}

Value RecurrenceTiles::sumRows(Value tile) {
  auto type = typeOf(tile);
  auto last =
      VectorType::get(type.getShape().drop_front(), type.getElementType());
  return tile::ScanOp::create(builder, loc, TypeRange{type, last},
                              tile::ScanKind::Add, ValueRange{tile}, Value(),
                              /*dim=*/0, /*exclusive=*/false)
      .getScanned();
}

Value RecurrenceTiles::lastRow(Value tile) {
  SmallVector<int64_t> sizes(typeOf(tile).getShape());
  SmallVector<int64_t> offsets(sizes.size(), 0);
  offsets[0] = sizes[0] - 1;
  sizes[0] = 1;
  return program.reshape(slice(tile, offsets, sizes),
                         ArrayRef(sizes).drop_front());
}

Value RecurrenceTiles::shiftRows(Value tile) {
  SmallVector<int64_t> sizes(typeOf(tile).getShape());
  SmallVector<int64_t> first = sizes, offsets(sizes.size(), 0);
  first[0] = 1;
  sizes[0] -= 1;
  Value zero =
      program.splat(VectorType::get(first, typeOf(tile).getElementType()), 0.0);
  return concat(zero, slice(tile, offsets, sizes), 0);
}

Value RecurrenceTiles::repeatRows(Value tile, int64_t count) {
  if (count == 1)
    return tile;
  SmallVector<int64_t> shape(typeOf(tile).getShape());
  SmallVector<int64_t> dims{0};
  for (int64_t dim = 1; dim < typeOf(tile).getRank(); ++dim)
    dims.push_back(dim + 1);
  shape.insert(shape.begin() + 1, count);
  Value repeated = program.broadcast(tile, shape, dims);
  shape.erase(shape.begin() + 1);
  shape[0] *= count;
  return program.reshape(repeated, shape);
}

Value RecurrenceTiles::untilLast(Value g) {
  if (!g || typeOf(g).getDimSize(0) == 1)
    return Value();
  Value last = lastRow(g);
  SmallVector<int64_t> dims =
      llvm::to_vector(llvm::seq<int64_t>(1, typeOf(g).getRank()));
  return subtract(program.broadcast(last, typeOf(g).getShape(), dims), g);
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

Value RecurrenceTiles::narrow(Value tile) {
  if (typeOf(tile).getElementType().isBF16())
    return tile;
  return arith::TruncFOp::create(
      builder, loc, typeOf(tile).clone(builder.getBF16Type()), tile);
}

Value RecurrenceTiles::product(Value a, Value b, Value acc,
                               tile::MmaForm form) {
  if (rounds) {
    a = narrow(a);
    b = narrow(b);
  }
  return schedule::multiply(program, a, b, acc, form);
}

// What decays whole rows does so behind the product, where they are as wide as
// values, and rounding comes before.
Value RecurrenceTiles::readState(Value x, Value g, Value state) {
  if (isOfRows(g))
    return decayRows(product(x, state, nullptr, tile::MmaForm::NN), g);
  return product(decayRows(x, g), state, nullptr, tile::MmaForm::NN);
}

Value RecurrenceTiles::writeState(Value key, Value g, Value rows, Value state) {
  if (isOfRows(g))
    return product(key, decayRows(rows, g), state, tile::MmaForm::TN);
  return product(decayRows(key, g), rows, state, tile::MmaForm::TN);
}

Value RecurrenceTiles::seen(ArrayRef<int64_t> shape, int64_t rows,
                            int64_t columns, bool strict) {
  int64_t each = shape[rows] / shape[columns];
  return arith::CmpIOp::create(
      builder, loc,
      strict ? arith::CmpIPredicate::slt : arith::CmpIPredicate::sle,
      position(shape, columns), position(shape, rows, each));
}

Value RecurrenceTiles::multiplyDecayed(Value x, Value gx, Value y, Value g,
                                       bool strict) {
  if (g && typeOf(g).getRank() == 2 && typeOf(y).getDimSize(0) > 1)
    return multiplyDecayedComponents(x, gx, y, g, strict);
  return weighDecayed(product(x, y, nullptr, tile::MmaForm::NT), gx, g, strict);
}

Value RecurrenceTiles::weighDecayed(Value products, Value gx, Value g,
                                    bool strict) {
  // A single row has decayed by nothing since itself.
  if (typeOf(products).getDimSize(1) == 1)
    return products;
  SmallVector<int64_t> shape(typeOf(products).getShape());
  Value isSeen = seen(shape, 0, 1, strict);
  if (!g)
    return arith::SelectOp::create(builder, loc, isSeen, products,
                                   splatLike(products, 0.0));
  Value difference = subtract(program.broadcast(gx, shape, {0}),
                              program.broadcast(g, shape, {1}));
  // Masked before the exponential: above the diagonal it could overflow.
  difference = arith::SelectOp::create(builder, loc, isSeen, difference,
                                       splatLike(difference, -INFINITY));
  return multiply(products, exp2(difference));
}

// Lanes run along the components: each exponential then serves one element of
// a sum that is needed.
Value RecurrenceTiles::multiplyDecayedBlock(Value x, Value gx, Value y, Value g,
                                            bool strict) {
  int64_t rows = typeOf(x).getDimSize(0), columns = typeOf(y).getDimSize(0),
          width = typeOf(x).getDimSize(1);
  SmallVector<int64_t> shape{rows, columns, width};
  auto ofRows = [&](Value tile) {
    return program.broadcast(tile, shape, {0, 2});
  };
  auto ofColumns = [&](Value tile) {
    return program.broadcast(tile, shape, {1, 2});
  };
  Value difference = subtract(ofRows(gx), ofColumns(g));
  difference =
      arith::SelectOp::create(builder, loc, seen(shape, 0, 1, strict),
                              difference, splatLike(difference, -INFINITY));
  Value products =
      multiply(multiply(ofRows(x), ofColumns(y)), exp2(difference));
  auto type = VectorType::get({rows, columns}, builder.getF32Type());
  return tile::ReduceOp::create(builder, loc, type, tile::ReduceKind::Add,
                                products, 2);
}

// e^(Gx_i - G_j) = e^(Gx_i - ref) e^(ref - G_j) with ref the decay before a
// block of rows: both exponents are at most 0 for every column before the
// block, which makes a product of those columns. Within the block nothing
// bounds them both.
Value RecurrenceTiles::multiplyDecayedComponents(Value x, Value gx, Value y,
                                                 Value g, bool strict) {
  static constexpr int64_t block = 8;
  int64_t columns = typeOf(y).getDimSize(0), width = typeOf(x).getDimSize(1);
  int64_t readers = typeOf(x).getDimSize(0) / columns;
  if (columns <= block)
    return multiplyDecayedBlock(x, gx, y, g, strict);
  auto rowsOf = [&](Value tile, int64_t from, int64_t count) {
    return slice(tile, {from, 0}, {count, width});
  };
  Value all;
  for (int64_t from = 0; from < columns; from += block) {
    int64_t first = from * readers, count = block * readers;
    Value own = rowsOf(x, first, count), decay = rowsOf(gx, first, count);
    Value row = multiplyDecayedBlock(own, decay, rowsOf(y, from, block),
                                     rowsOf(g, from, block), strict);
    if (from > 0) {
      Value before = program.reshape(rowsOf(g, from - 1, 1), {width});
      Value since =
          subtract(decay, program.broadcast(before, {count, width}, {1}));
      Value until = subtract(program.broadcast(before, {from, width}, {1}),
                             rowsOf(g, 0, from));
      Value earlier = schedule::multiply(program, decayRows(own, since),
                                         decayRows(rowsOf(y, 0, from), until),
                                         nullptr, tile::MmaForm::NT);
      row = concat(earlier, row, 1);
    }
    int64_t later = columns - from - block;
    if (later > 0)
      row = concat(
          row,
          program.splat(VectorType::get({count, later}, builder.getF32Type()),
                        0.0),
          1);
    all = all ? concat(all, row, 0) : row;
  }
  return all;
}

Value RecurrenceTiles::identity(int64_t size) {
  SmallVector<int64_t> shape{size, size};
  auto type = VectorType::get(shape, builder.getF32Type());
  Value isDiagonal =
      arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                            position(shape, 0), position(shape, 1));
  return arith::SelectOp::create(builder, loc, isDiagonal,
                                 program.splat(type, 1.0),
                                 program.splat(type, 0.0));
}

Value RecurrenceTiles::invertUnitLower(Value below) {
  int64_t size = typeOf(below).getDimSize(0), half = size / 2;
  auto product = [&](Value a, Value b, Value acc) {
    return schedule::multiply(program, a, b, acc, tile::MmaForm::NN);
  };
  if (size <= 4) {
    Value inverse = subtract(identity(size), below);
    if (size <= 2)
      return inverse;
    // (I - L)(I + L^2), since L^4 is zero.
    return product(inverse, product(below, below, nullptr), inverse);
  }
  auto block = [&](int64_t row, int64_t column) {
    return slice(below, {row, column}, {half, half});
  };
  Value first = invertUnitLower(block(0, 0)),
        second = invertUnitLower(block(half, half));
  Value corner =
      product(product(second, block(half, 0), nullptr), first, nullptr);
  corner = multiply(corner, splatLike(corner, -1));
  Value top = concat(first, splatLike(first, 0.0), 1);
  return concat(top, concat(corner, second, 1), 0);
}

} // namespace sennit::schedule
