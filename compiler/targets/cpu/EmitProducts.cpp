// Matrix products: accumulators in registers, A broadcast, B by vectors.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cpu/EmitterProduct.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cpu;

/// The most rows of a product that wait for memory rather than multiply.
static constexpr int64_t fewRows = 8;

void Emitter::emitProduct(tile::MmaOp mma) {
  Product product;
  product.a = mma.getA();
  product.b = mma.getB();
  product.accumulator = mma.getAcc();
  ArrayRef<int64_t> result =
      cast<VectorType>(mma.getResult().getType()).getShape();
  ArrayRef<int64_t> a = cast<VectorType>(mma.getA().getType()).getShape();
  product.turnedA = emit::hasTurnedA(mma);
  product.m = result[result.size() - 2];
  product.n = result.back();
  product.k = a[a.size() - 1 - product.turnedA];
  product.result = plan.find(mma.getResult());
  product.turnedB = plan.findTemporary(mma);
  auto resolve = [&](Value value) { return plan.resolve(value); };
  if (emit::hasTurnedB(mma))
    product.panels = emit::findPanels(mma, resolve);
  product.packed = plan.findPacked(mma);
  product.quantized = emit::findQuantized(mma, resolve);
  if (product.packed || emit::readsUnitPanels(mma, resolve)) {
    product.parts = product.turnedB;
    if (product.parts)
      emitParts(product);
    else
      product.parts = plan.find(product.a);
    product.turnedB = nullptr;
  }
  emitScalarNest(result.drop_back(2), [&](const Point &batch) {
    product.batch = batch.at;
    if (product.quantized)
      return emitQuantized(product);
    if (product.packed)
      emitPacked(product, emit::hasTurnedB(mma));
    if (product.parts) {
      emitDepthEnd(product);
      return emitUnitProduct(product);
    }
    if (product.turnedB)
      emitTurnedB(product);
    if (!product.panels && emit::hasLanesAlongDepth(mma, lanes))
      emitDotProducts(product);
    else
      emitProductMatrix(product);
  });
}

void Emitter::emitTurnedB(const Product &product) {
  int64_t reach = llvm::alignTo(product.k, lanes);
  auto load = [&](Value n, Value k) -> Value {
    return emit(product.b, Point{product.at(n, k), true, reach});
  };
  auto store = [&](Value k, Value n, Value value) {
    storeBuffer(*product.turnedB, Point{{k, n}, true, 0}, value);
  };
  emitTurned(product.n, product.k, load, store);
}

// Columns outside, so that a panel of B stays in the first cache for all rows.
void Emitter::emitProductMatrix(const Product &product) {
  int64_t vectors = llvm::divideCeil(product.n, lanes);
  int64_t rows = std::min(product.m, machine.rows);
  int64_t wide = machine.columns;
  // Few rows leave registers for more columns, which hide the multiply's
  // latency.
  if (product.m < machine.rows)
    wide = std::min<int64_t>(8, std::max(wide, machine.accumulators / rows));
  wide = std::min(wide, vectors);
  while (wide > machine.columns && vectors % wide != 0)
    --wide;
  int64_t whole = vectors / wide * wide * lanes;
  emitLoop(constant(0), constant(whole), wide * lanes,
           [&](Value n) { emitProductColumns(product, n, wide); });
  if (vectors % wide != 0)
    emitProductColumns(product, constant(whole), vectors % wide);
}

// Blocks of equal height rather than full ones and a low rest. Few are all
// alike, even if a third lower: a last one that is not doubles the code.
int64_t Emitter::getBlockRows(int64_t rows) const {
  constexpr int64_t few = 4;
  int64_t blocks = llvm::divideCeil(rows, machine.rows);
  int64_t even = machine.rows;
  while (rows % even != 0)
    --even;
  if (blocks <= few && 3 * even >= 2 * machine.rows)
    return even;
  return llvm::divideCeil(rows, blocks);
}

void Emitter::emitRowBlocks(
    int64_t rows, function_ref<void(Value m, int64_t rows)> emitBlock) {
  int64_t block = getBlockRows(rows), whole = rows / block * block;
  emitLoop(constant(0), constant(whole), block,
           [&](Value m) { emitBlock(m, block); });
  if (whole != rows)
    emitBlock(constant(whole), rows - whole);
}

void Emitter::emitProductColumns(const Product &product, Value n,
                                 int64_t vectors) {
  emitRowBlocks(product.m, [&](Value m, int64_t rows) {
    emitProductBlock(product, m, n, rows, vectors);
  });
}

// `lanes` elements of row k of B from column n on.
Value Emitter::emitProductB(const Product &product, Value k, Value n) {
  int64_t reach = llvm::alignTo(product.n, lanes);
  if (product.turnedB)
    return emitBuffer(*product.turnedB, builder.getF32Type(),
                      Point{{k, n}, true, reach});
  if (product.panels)
    return emitLoadAlong(product.panels, product.at(n, k), product.batch.size(),
                         reach);
  return emit(product.b, Point{product.at(k, n), true, reach});
}

// bf16 panels of 32 rows, read from their first, none of which lies outside.
bool Emitter::readsPairs(const Product &product) {
  tile::LoadOp load = product.panels;
  if (!load || !load.getBounds().empty())
    return false;
  auto view = cast<MemRefType>(load.getView().getType());
  int64_t rows = cast<tile::BlockedAttr>(view.getLayout()).getRows();
  Value first = load.getIndices()[view.getRank() - 2];
  return view.getElementType().isBF16() && rows % (2 * lanes) == 0 &&
         emit::getDivisor(first) % (2 * lanes) == 0;
}

// 32 columns of row k of B as those of even and those of odd number: two
// instructions for both vectors, where widening each by itself takes four and
// the ports are those of the products.
void Emitter::emitPanelPair(const Product &product, Value k, Value n,
                            SmallVectorImpl<Value> &columns) {
  Value both =
      emitPairLoad(product.panels, product.at(n, k), product.batch.size());
  auto number = [&](int32_t value) {
    return constantOf(builder.getI32IntegerAttr(value), true);
  };
  Type floats = vectorOf(builder.getF32Type());
  Value even = arith::ShLIOp::create(builder, loc, both, number(16));
  Value odd = arith::AndIOp::create(builder, loc, both, number(0xffff0000));
  columns.push_back(arith::BitcastOp::create(builder, loc, floats, even));
  columns.push_back(arith::BitcastOp::create(builder, loc, floats, odd));
}

// Takes each two vectors apart into even and odd columns, or joins them again.
void Emitter::shufflePairs(SmallVectorImpl<Value> &vectors, bool apart) {
  SmallVector<int64_t> low, high;
  for (int64_t i = 0; i < lanes; ++i) {
    low.push_back(apart ? 2 * i : i / 2 + i % 2 * lanes);
    high.push_back(low.back() + (apart ? 1 : lanes / 2));
  }
  for (size_t i = 0; i < vectors.size(); i += 2) {
    Value a = vectors[i], b = vectors[i + 1];
    vectors[i] = vector::ShuffleOp::create(builder, loc, a, b, low);
    vectors[i + 1] = vector::ShuffleOp::create(builder, loc, a, b, high);
  }
}

// The next step's rows of a B that lies [K, N], line by line.
void Emitter::emitNextDepth(const Product &product, Value k, Value n,
                            int64_t depth, int64_t vectors) {
  constexpr int64_t line = 64;
  Value b = plan.resolve(product.b);
  if (auto widened = b.getDefiningOp<arith::ExtFOp>())
    b = plan.resolve(widened.getIn());
  auto load = b.getDefiningOp<tile::LoadOp>();
  if (!load || plan.find(b) || product.panels || product.turnedB)
    return;
  auto view = cast<MemRefType>(load.getView().getType());
  if (!emit::hasContiguousLanes(view, load.getTileDims()))
    return;
  int64_t perLine = 8 * line / view.getElementTypeBitWidth();
  for (int64_t step = 0; step < depth; ++step)
    for (int64_t column = 0; column < vectors * lanes; column += perLine)
      emitNextRow(load, int64_t(product.batch.size()),
                  product.at(add(k, step), add(n, column)));
}

void Emitter::emitProductBlock(const Product &product, Value m, Value n,
                               int64_t rows, int64_t vectors) {
  bool paired = vectors % 2 == 0 && readsPairs(product);
  SmallVector<Value> sums;
  auto pointOf = [&](int64_t i, int64_t j) {
    return Point{product.at(add(m, i), add(n, j * lanes)), true,
                 int64_t(llvm::alignTo(product.n, lanes))};
  };
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < vectors; ++j)
      sums.push_back(product.accumulator
                         ? emit(product.accumulator, pointOf(i, j))
                         : constantOf(builder.getF32FloatAttr(0), true));
  if (paired && product.accumulator)
    shufflePairs(sums, /*apart=*/true);
  int64_t unroll = product.k % 2 == 0 ? 2 : 1;
  sums = emitFold(product.k, unroll, sums, [&](Value k, ValueRange carried) {
    SmallVector<Value> next(carried);
    for (int64_t step = 0; step < unroll; ++step) {
      Value kk = add(k, step);
      SmallVector<Value> columns;
      for (int64_t j = 0; j < vectors; ++j)
        if (!paired)
          columns.push_back(emitProductB(product, kk, add(n, j * lanes)));
        else if (j % 2 == 0)
          emitPanelPair(product, kk, add(n, j * lanes), columns);
      for (int64_t i = 0; i < rows; ++i) {
        Value row = add(m, i);
        Value a = emit(product.a, Point{product.turnedA ? product.at(kk, row)
                                                        : product.at(row, kk),
                                        false, 0});
        a = splat(a);
        for (int64_t j = 0; j < vectors; ++j) {
          Value &sum = next[i * vectors + j];
          sum = math::FmaOp::create(builder, loc, a, columns[j], sum);
        }
      }
    }
    if (rows == product.m && rows <= fewRows)
      emitNextDepth(product, k, n, unroll, vectors);
    if (product.panels && rows != product.m)
      emitPanelPrefetch(product, m, n, k, rows, unroll);
    return next;
  });
  if (paired)
    shufflePairs(sums, /*apart=*/false);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < vectors; ++j)
      storeBuffer(*product.result, pointOf(i, j), sums[i * vectors + j]);
}

//===----------------------------------------------------------------------===//
// Lanes along the depth
//===----------------------------------------------------------------------===//

void Emitter::emitDotProducts(const Product &product) {
  int64_t whole = product.n / lanes * lanes;
  auto emitColumns = [&](Value n, int64_t columns) {
    emitLoop(constant(0), constant(product.m), 1,
             [&](Value m) { emitDotProductBlock(product, m, n, columns); });
  };
  emitLoop(constant(0), constant(whole), lanes,
           [&](Value n) { emitColumns(n, lanes); });
  if (whole != product.n)
    emitColumns(constant(whole), product.n - whole);
}

void Emitter::emitDotProductBlock(const Product &product, Value m, Value n,
                                  int64_t columns) {
  SmallVector<Value> sums(columns,
                          constantOf(builder.getF32FloatAttr(0), true));
  if (tile::LoadOp load = findHalves(product))
    sums = emitHalfProducts(product, load, m, n, sums);
  else
    sums = emitFold(product.k, lanes, sums, [&](Value k, ValueRange carried) {
      SmallVector<Value> next;
      Value a = emit(product.a, Point{product.at(m, k), true, product.k});
      for (int64_t j = 0; j < columns; ++j) {
        Value b =
            emit(product.b, Point{product.at(add(n, j), k), true, product.k});
        next.push_back(math::FmaOp::create(builder, loc, a, b, carried[j]));
      }
      return next;
    });
  sums.resize(lanes, sums.back());
  Value result = foldRows(tile::ReduceKind::Add, sums);
  Point point{product.at(m, n), true, int64_t(llvm::alignTo(product.n, lanes))};
  if (product.accumulator)
    result = combine(tile::ReduceKind::Add, result,
                     emit(product.accumulator, point));
  storeBuffer(*product.result, point, result);
}
