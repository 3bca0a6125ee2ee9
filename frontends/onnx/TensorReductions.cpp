// Builds sums, products and what else joins many elements into one.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/onnx/Model.h"
#include "frontends/onnx/Tensors.h"

#include "dialects/seq/Seq.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::onnx;

static Value neutral(Scalars &scalars, Reduction kind, Type type) {
  switch (kind) {
  case Reduction::Sum:
    return scalars.constant(type, 0);
  case Reduction::Product:
    return scalars.constant(type, 1);
  case Reduction::Max:
    return scalars.lowest(type);
  case Reduction::Min:
    return scalars.highest(type);
  }
  llvm_unreachable("all kinds are listed");
}

static Value merge(Scalars &scalars, Reduction kind, Value all, Value one) {
  switch (kind) {
  case Reduction::Sum:
    return scalars.add(all, one);
  case Reduction::Product:
    return scalars.mul(all, one);
  case Reduction::Max:
    return scalars.max(all, one);
  case Reduction::Min:
    return scalars.min(all, one);
  }
  llvm_unreachable("all kinds are listed");
}

Tensor Tensors::reduce(const Tensor &input, ArrayRef<int64_t> axes, bool keep,
                       Reduction kind) {
  if (failed() || !input)
    return {};
  Shape left, kept(input.shape());
  SmallVector<AffineExpr> exprs(input.rank());
  unsigned loop = 0;
  for (int64_t dim = 0; dim < input.rank(); ++dim) {
    if (llvm::is_contained(axes, dim)) {
      kept[dim] = 1;
      continue;
    }
    left.push_back(input.extent(dim));
    exprs[dim] = builder.getAffineDimExpr(loop++);
  }
  for (int64_t dim = 0; dim < input.rank(); ++dim)
    if (!exprs[dim])
      exprs[dim] = builder.getAffineDimExpr(loop++);
  Type compute = computeType(input.element());
  Scalars outside(builder);
  Tensor result = generic(
      type(left, compute), value(input),
      AffineMap::get(loop, 0, exprs, builder.getContext()), loop,
      neutral(outside, kind, compute), [&](Scalars &scalars, ValueRange x) {
        return merge(scalars, kind, x[1], scalars.convert(x[0], compute));
      });
  result = cast(result, input.element());
  return keep ? reshape(result, kept) : result;
}

/// The running sum or product of rows, [token, element], from one end.
static Value scanRows(ImplicitLocOpBuilder &builder, Value rows, Value start,
                      bool exclusive, bool reverse, Reduction kind) {
  auto type = cast<RankedTensorType>(start.getType());
  DenseBoolArrayAttr ends = builder.getDenseBoolArrayAttr(reverse);
  auto scan = seq::ScanOp::create(builder, TypeRange{rows.getType(), type},
                                  seq::ScanAlgebra::Affine, rows, start, ends,
                                  ends, IntegerAttr());
  OpBuilder::InsertionGuard guard(builder);
  Block *body = builder.createBlock(&scan.getBody(), {}, {type, type},
                                    {builder.getLoc(), builder.getLoc()});
  Value row = body->getArgument(0), before = body->getArgument(1);
  Value empty =
      tensor::EmptyOp::create(builder, type.getShape(), type.getElementType());
  SmallVector<AffineMap> maps(3, builder.getMultiDimIdentityMap(1));
  auto next = linalg::GenericOp::create(
      builder, TypeRange(type), ValueRange{row, before}, empty, maps,
      utils::IteratorType::parallel,
      [&](OpBuilder &inner, Location loc, ValueRange x) {
        ImplicitLocOpBuilder scalars(loc, inner);
        Scalars s(scalars);
        linalg::YieldOp::create(inner, loc, merge(s, kind, x[1], x[0]));
      });
  Value after = next.getResult(0);
  seq::YieldOp::create(builder, ValueRange{exclusive ? before : after, after});
  return scan.getResult(0);
}

Tensor Tensors::cumulate(const Tensor &input, int64_t axis, bool exclusive,
                         bool reverse, Reduction kind) {
  if (failed() || !input || input.type.getNumElements() == 0)
    return input;
  // The scan walks the first dimension.
  SmallVector<int64_t> forth{axis}, back(input.rank());
  for (int64_t dim = 0; dim < input.rank(); ++dim)
    if (dim != axis)
      forth.push_back(dim);
  Shape turned;
  for (auto [place, dim] : llvm::enumerate(forth)) {
    back[dim] = place;
    turned.push_back(input.extent(dim));
  }
  int64_t tokens = turned.front(), width = input.type.getNumElements() / tokens;
  Type compute = computeType(input.element());
  Tensor rows =
      reshape(transpose(cast(input, compute), forth), {tokens, width});
  Tensor start = filled({width}, compute, kind == Reduction::Product ? 1 : 0);
  Tensor result = of(
      scanRows(builder, value(rows), value(start), exclusive, reverse, kind));
  return cast(transpose(reshape(result, turned), back), input.element());
}

Tensor Tensors::contract(ArrayRef<Labelled> inputs, ArrayRef<int64_t> result) {
  llvm::MapVector<int64_t, int64_t> extents;
  SmallVector<int64_t> order(result);
  for (const Labelled &input : inputs)
    for (auto [dim, label] : llvm::enumerate(input.labels)) {
      if (failed() || !input.tensor)
        return {};
      int64_t extent = input.tensor.extent(dim);
      int64_t &known = extents.insert({label, extent}).first->second;
      if (known == 1)
        known = extent;
      if (extent != known && extent != 1)
        return fail("a dimension that is summed or shared has " + Twine(known) +
                    " and " + Twine(extent) + " elements");
      if (!llvm::is_contained(order, label))
        order.push_back(label);
    }
  Shape shape;
  for (int64_t label : result)
    shape.push_back(extents[label]);
  Type element = inputs.front().tensor.element(),
       compute = computeType(element);
  SmallVector<Value> values;
  SmallVector<AffineMap> maps;
  for (const Labelled &input : inputs) {
    SmallVector<AffineExpr> exprs;
    for (auto [dim, label] : llvm::enumerate(input.labels))
      exprs.push_back(input.tensor.extent(dim) == extents[label]
                          ? builder.getAffineDimExpr(llvm::find(order, label) -
                                                     order.begin())
                          : builder.getAffineConstantExpr(0));
    values.push_back(value(input.tensor));
    maps.push_back(
        AffineMap::get(order.size(), 0, exprs, builder.getContext()));
  }
  RankedTensorType sums = type(shape, compute);
  if (failed())
    return {};
  bool isSum = order.size() > result.size();
  Scalars outside(builder);
  Tensor product =
      generic(sums, values, maps, order.size(),
              isSum ? outside.constant(compute, 0) : Value(),
              [&](Scalars &scalars, ValueRange x) {
                Value all = scalars.convert(x[0], compute);
                for (Value factor : x.drop_front().drop_back())
                  all = scalars.mul(all, scalars.convert(factor, compute));
                return isSum ? scalars.add(x.back(), all) : all;
              });
  return cast(product, element);
}

Tensor Tensors::rowsTimesMatrix(const Tensor &x, const Tensor &w) {
  if (failed() || !x || !w)
    return {};
  if (x.rank() != 2 || w.rank() != 2 || x.extent(1) != w.extent(1))
    return fail("matrices of shapes " + spell(x.shape()) + " and " +
                spell(w.shape()) + " have no product");
  Type f32 = builder.getF32Type();
  bool isNarrow =
      computeType(x.element()) == f32 && computeType(w.element()) == f32;
  // The product that the target has kernels for computes in f32.
  if (!isNarrow)
    return contract({{x, {0, 2}}, {w, {1, 2}}}, {0, 1});
  Value activations = value(cast(x, f32)), matrix = value(w);
  RankedTensorType result = type({x.extent(0), w.extent(0)}, f32);
  if (failed())
    return {};
  Value empty = tensor::EmptyOp::create(builder, result.getShape(), f32);
  Value zero = Scalars(builder).constant(f32, 0);
  Value init = linalg::FillOp::create(builder, zero, empty).getResult(0);
  auto product = linalg::MatmulTransposeBOp::create(
      builder, builder.getLoc(), TypeRange{Type(result)},
      ValueRange{activations, matrix}, ValueRange{init});
  return cast(of(product.getResult(0)), x.element());
}
