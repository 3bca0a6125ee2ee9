// Matrices that a checkpoint holds as integers with scales: compressed-tensors.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/hf/Quantization.h"
#include "dialects/seq/SeqForms.h"
#include "dialects/tile/Tile.h"
#include "frontends/ImportError.h"
#include "frontends/hf/ModelBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::hf;
using llvm::StringRef;
using llvm::Twine;

//===----------------------------------------------------------------------===//
// Configuration
//===----------------------------------------------------------------------===//

/// The bits and groups of the one scheme that all matrices share.
static void readScheme(ConfigSection &weights, StoredQuantization &result) {
  result.bits = weights.positive("num_bits");
  if (result.bits != 4 && result.bits != 8)
    weights.failUnsupported("num_bits", Twine(result.bits) +
                                            " bits are not supported; "
                                            "supported are 4 and 8");
  if (!weights.isString("type", "int"))
    weights.failUnsupported("type", "only `int` is supported");
  if (!weights.boolean("symmetric", true))
    weights.failUnsupported("symmetric",
                            "weights with zero points are not supported");
  if (weights.has("actorder"))
    weights.failUnsupported("actorder",
                            "groups of reordered columns are not supported");
  StringRef strategy = weights.string("strategy", "group");
  if (strategy == "group") {
    result.group = weights.positive("group_size");
    if (result.group % 32 != 0)
      weights.failUnsupported("group_size",
                              "groups of " + Twine(result.group) +
                                  " are not supported; multiples of 32 are");
  } else if (strategy != "channel") {
    weights.failUnsupported("strategy", "unknown strategy " + quoted(strategy) +
                                            "; supported are channel and "
                                            "group");
  }
}

std::optional<StoredQuantization> sennit::hf::readQuantization(Config &config) {
  std::optional<ConfigSection> section = config.section("quantization_config");
  if (!section)
    return std::nullopt;
  StringRef method = section->string("quant_method", "unknown");
  if (method != "compressed-tensors") {
    config.failUnsupported("quantization_config",
                           "quantised weights (" + quoted(method) +
                               ") are not supported; supported are "
                               "compressed-tensors, F32, BF16 and F16");
    return std::nullopt;
  }
  StoredQuantization result;
  StringRef format = section->string("format");
  result.isPacked = format == "pack-quantized";
  if (!result.isPacked && format != "int-quantized")
    section->failUnsupported("format", "unknown format " + quoted(format) +
                                           "; supported are int-quantized and "
                                           "pack-quantized");
  std::optional<ConfigSection> groups = section->section("config_groups"),
                               scheme, weights;
  if (groups && groups->has("group_1"))
    groups->failUnsupported("group_1",
                            "matrices of several schemes are not supported");
  if (groups)
    scheme = groups->section("group_0");
  if (scheme)
    weights = scheme->section("weights");
  if (!weights) {
    section->failUnsupported("config_groups",
                             "no scheme of weights stands in `group_0`");
    return std::nullopt;
  }
  if (scheme->has("input_activations"))
    scheme->note("input_activations",
                 "activations are not quantised, which is more exact");
  readScheme(*weights, result);
  if (!result.isPacked && result.bits != 8)
    weights->failUnsupported("num_bits", "int-quantized has bytes, of 8 bits");
  return result;
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

bool ModelBuilder::isQuantized(StringRef tensor) const {
  return quantization && tensor.ends_with(".weight") &&
         (checkpoint.contains((tensor + "_packed").str()) ||
          checkpoint.contains((tensor + "_scale").str()));
}

/// The words of `seq.quantize` out of stored ones: numbers of even place come
/// first, and the sign replaces what was added.
static Value reorder(ImplicitLocOpBuilder &builder, Value stored,
                     const StoredQuantization &quantization) {
  auto type = cast<RankedTensorType>(stored.getType());
  int64_t bits = quantization.bits, count = 32 / bits;
  Value empty =
      tensor::EmptyOp::create(builder, type.getShape(), type.getElementType());
  AffineMap map = builder.getMultiDimIdentityMap(2);
  auto body = [&](OpBuilder &inner, Location loc, ValueRange v) {
    ImplicitLocOpBuilder b(loc, inner);
    auto number = [&](uint32_t value) {
      return arith::ConstantOp::create(b, b.getI32IntegerAttr(int32_t(value)));
    };
    uint32_t signs = 0;
    Value word;
    for (int64_t i = 0; i < count; ++i) {
      signs |= 1u << (i * bits + bits - 1);
      Value part = arith::ShRUIOp::create(b, v[0], number(i * bits));
      part = arith::AndIOp::create(b, part, number((1u << bits) - 1));
      part =
          arith::ShLIOp::create(b, part, number(tile::getNumberShift(i, bits)));
      word = word ? arith::OrIOp::create(b, word, part).getResult() : part;
    }
    if (quantization.isPacked)
      word = arith::XOrIOp::create(b, word, number(signs));
    linalg::YieldOp::create(b, word);
  };
  return linalg::GenericOp::create(
             builder, type, stored, empty, ArrayRef<AffineMap>{map, map},
             SmallVector<utils::IteratorType>(2, utils::IteratorType::parallel),
             body)
      .getResult(0);
}

/// Rows `first` on of a tensor that belongs to a quantised one.
Value ModelBuilder::partOf(StringRef tensor, StringRef suffix,
                           ArrayRef<int64_t> storedShape, StringRef dtype,
                           int64_t first, RankedTensorType type) {
  const Checkpoint::Tensor *found = find(tensor, storedShape);
  if (found && !dtype.empty() && found->stored.elementType != dtype)
    failBroken(found->file + ": tensor " + quoted(tensor) + ": has dtype " +
               found->stored.elementType + ", expected " + dtype);
  if (found && dtype.empty())
    type = type.clone(elementType(*found));
  std::string name =
      suffix.empty() ? tensor.str() : (tensor + "." + suffix).str();
  if (!parameters.contains(name)) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(body);
    int64_t rowBytes = type.getDimSize(1) * (type.getElementTypeBitWidth() / 8);
    seq::ParameterOp::create(builder, name, type, found ? found->file : "",
                             found ? found->stored.begin + first * rowBytes
                                   : 0);
    parameters[name] = type;
  }
  return seq::WeightOp::create(builder, parameters[name], name);
}

Value ModelBuilder::quantizedSlice(StringRef tensor,
                                   ArrayRef<int64_t> storedShape,
                                   StringRef suffix, int64_t first,
                                   ArrayRef<int64_t> shape) {
  int64_t rows = storedShape[0], depth = storedShape.back(),
          bits = quantization->bits;
  for (StringRef other : {"_zero_point", "_g_idx"})
    if (hasTensor(tensor + other))
      failUnsupported(checkpoint.source() + ": tensor " +
                      quoted((tensor + other).str()) +
                      ": only symmetric groups of neighbours are supported");
  if (shape.size() != 2 || shape[1] != depth || first % depth != 0 ||
      (!quantization->isPacked && depth % 4 != 0)) {
    failUnsupported(checkpoint.source() + ": tensor " + quoted(tensor) +
                    ": is quantised, which is supported of whole rows of a "
                    "matrix, in whole words");
    return weightSlice(tensor, storedShape, suffix, first, shape,
                       /*asStored=*/true);
  }
  first /= depth;
  int64_t group = quantization->group ? quantization->group
                                      : int64_t(llvm::alignTo(depth, 32));
  int64_t words = llvm::divideCeil(depth * bits, 32),
          scales = llvm::divideCeil(depth, group);
  auto type = [&](int64_t columns, Type element) {
    return RankedTensorType::get({shape[0], columns}, element);
  };
  Value stored = quantization->isPacked
                     ? partOf((tensor + "_packed").str(), suffix, {rows, words},
                              "I32", first, type(words, builder.getI32Type()))
                     : partOf(tensor, suffix, {rows, depth}, "I8", first,
                              type(words, builder.getI32Type()));
  Value scale = partOf((tensor + "_scale").str(), suffix, {rows, scales}, "",
                       first, type(scales, builder.getF32Type()));
  checkpoint.use((tensor + "_shape").str());
  auto element = cast<RankedTensorType>(scale.getType()).getElementType();
  auto matrix = seq::DequantizeOp::create(
      builder, type(depth, element), reorder(builder, stored, *quantization),
      scale, bits, group);
  quantized.push_back({matrix, tensor.str()});
  return matrix;
}

void ModelBuilder::checkQuantized() {
  for (auto &[matrix, tensor] : quantized)
    for (OpOperand &use : matrix->getUses())
      if (!seq::isContraction(use.getOwner()) ||
          isa<seq::ExpertsOp>(use.getOwner()) ||
          &seq::getMatrix(use.getOwner()) != &use)
        failUnsupported(checkpoint.source() + ": tensor " + quoted(tensor) +
                        ": is quantised, and `" +
                        use.getOwner()->getName().getStringRef() +
                        "` reads it; quantised matrices of plain products "
                        "are supported");
}
