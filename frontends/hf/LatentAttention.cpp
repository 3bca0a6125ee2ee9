// Multi-head latent attention from a checkpoint's tensors, in its absorbed
// form.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "dialects/seq/Seq.h"
#include "frontends/hf/Blocks.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::hf;

namespace {

/// Of the norms of the latents, whatever `rms_norm_eps` says.
constexpr double latentEpsilon = 1e-6;

/// The part of `tensor` that begins at `first` of a dimension.
Value slice(ModelBuilder &model, Value tensor, int64_t dim, int64_t first,
            int64_t size) {
  ImplicitLocOpBuilder &b = model.ops();
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0)), sizes,
      strides(type.getRank(), b.getIndexAttr(1));
  for (int64_t extent : type.getShape())
    sizes.push_back(ShapedType::isDynamic(extent)
                        ? OpFoldResult(model.tokenCount())
                        : b.getIndexAttr(extent));
  offsets[dim] = b.getIndexAttr(first);
  sizes[dim] = b.getIndexAttr(size);
  return tensor::ExtractSliceOp::create(b, tensor, offsets, sizes, strides);
}

/// Each head's components by the head's own matrix: x [token, head, in] with
/// matrices [head, in, out], or [head, out, in] where they are `turned`.
Value multiplyHeads(ModelBuilder &model, Value x, Value matrices, bool turned) {
  ImplicitLocOpBuilder &builder = model.ops();
  auto type = cast<RankedTensorType>(matrices.getType());
  AffineExpr token, head, in, out;
  bindDims(builder.getContext(), token, head, in, out);
  auto map = [&](ArrayRef<AffineExpr> results) {
    return AffineMap::get(4, 0, results, builder.getContext());
  };
  AffineMap maps[] = {map({token, head, in}),
                      turned ? map({head, out, in}) : map({head, in, out}),
                      map({token, head, out})};
  using utils::IteratorType;
  IteratorType iterators[] = {IteratorType::parallel, IteratorType::parallel,
                              IteratorType::reduction, IteratorType::parallel};
  Value target = zeros(model, {ShapedType::kDynamic, type.getDimSize(0),
                               type.getDimSize(turned ? 1 : 2)});
  auto generic = linalg::GenericOp::create(
      builder, target.getType(), ValueRange{x, matrices}, target, maps,
      iterators, [](OpBuilder &inner, Location loc, ValueRange v) {
        Value weight = v[1];
        if (!weight.getType().isF32())
          weight =
              arith::ExtFOp::create(inner, loc, inner.getF32Type(), weight);
        Value product = arith::MulFOp::create(inner, loc, v[0], weight);
        Value sum = arith::AddFOp::create(inner, loc, v[2], product);
        linalg::YieldOp::create(inner, loc, sum);
      });
  return generic.getResult(0);
}

/// [token, head, plain and rotary width].
Value buildQuery(ModelBuilder &model, Value x, const std::string &name,
                 const LatentAttentionShape &shape) {
  int64_t width = shape.heads * (shape.plainWidth + shape.rotaryWidth);
  if (!shape.queryRank)
    return splitHeads(model, linear(model, x, name + ".q_proj", width),
                      shape.heads);
  Value latent =
      linear(model, x, name + ".q_a_proj", *shape.queryRank, shape.hasBias);
  latent =
      rmsNorm(model, latent,
              model.weight(name + ".q_a_layernorm.weight", *shape.queryRank),
              latentEpsilon);
  return splitHeads(model, linear(model, latent, name + ".q_b_proj", width),
                    shape.heads);
}

} // namespace

Value sennit::hf::buildLatentAttention(ModelBuilder &model, Value x,
                                       const LayerName &layer,
                                       const LatentAttentionShape &shape,
                                       const RopeTables &rope) {
  std::string name = layer.tensors + ".self_attn";
  model.at(name);
  ImplicitLocOpBuilder &builder = model.ops();
  int64_t rank = shape.keyValueRank, plain = shape.plainWidth,
          rotary = shape.rotaryWidth;
  auto rotate = [&](Value heads) -> Value {
    return seq::RopeOp::create(builder, heads.getType(), heads, model.past(),
                               rope.cosine, rope.sine, shape.isInterleaved);
  };
  auto join = [&](Value latent, Value rotated) -> Value {
    return tensor::ConcatOp::create(builder, /*dim=*/2,
                                    ValueRange{latent, rotated});
  };
  Value matrices = model.weight(
      name + ".kv_b_proj.weight", {shape.heads, plain + shape.valueWidth, rank},
      {shape.heads * (plain + shape.valueWidth), rank});
  Value keys = slice(model, matrices, 1, 0, plain),
        values = slice(model, matrices, 1, plain, shape.valueWidth);

  Value heads = buildQuery(model, x, name, shape);
  Value absorbed = multiplyHeads(model, slice(model, heads, 2, 0, plain), keys,
                                 /*turned=*/false);
  Value query = join(absorbed, rotate(slice(model, heads, 2, plain, rotary)));

  SmallVector<Value> stored = linearBlocks(
      model, x, name + ".kv_a_proj_with_mqa",
      {RowBlock{"latent", rank}, RowBlock{"rotary", rotary}}, shape.hasBias);
  Value latent = rmsNorm(model, stored[0],
                         model.weight(name + ".kv_a_layernorm.weight", rank),
                         latentEpsilon);
  Value key = join(splitHeads(model, latent, 1),
                   rotate(splitHeads(model, stored[1], 1)));

  Value cache = model.state(layer.states + ".latent",
                            {model.getFacts().context, 1, rank + rotary});
  auto attention = seq::AttentionOp::create(
      builder, query, key, /*value=*/nullptr, model.past(), /*lengths=*/nullptr,
      /*sinks=*/nullptr, cache, /*pages=*/nullptr, /*captures=*/{},
      builder.getF32FloatAttr(static_cast<float>(shape.scale)),
      /*value_width=*/builder.getI64IntegerAttr(rank), /*window_left=*/nullptr,
      /*window_right=*/builder.getI64IntegerAttr(0));
  model.setNext(cache, attention.getCachesAfter()[0]);
  Value output =
      multiplyHeads(model, attention.getOutput(), values, /*turned=*/true);
  return linear(model, mergeHeads(model, output), name + ".o_proj",
                model.getFacts().width, shape.hasBias);
}
