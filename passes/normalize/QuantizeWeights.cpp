// Quantises the matrices of products where the module asks for it.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
//   matmul(x, w)   =>   matmul(x, seq.dequantize(seq.quantize(w)))
//
// Declines matrices of experts and routers, those of @head and those that are
// no parameters.

#include "passes/normalize/Passes.h"

#include "dialects/seq/SeqForms.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Remarks.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace sennit {
#define GEN_PASS_DEF_QUANTIZEWEIGHTS
#include "passes/normalize/Passes.h.inc"

/// Whether a router chooses by what `value` becomes.
static bool isRouted(Value value) {
  return llvm::any_of(value.getUsers(), [](Operation *user) {
    return isa<seq::RouteOp>(user) ||
           ((seq::isElementwise(user) || seq::isView(user)) &&
            isRouted(user->getResult(0)));
  });
}

/// Why the product keeps its matrix, or an empty string.
static StringRef whyNotQuantize(Operation *product) {
  Value matrix = seq::getMatrix(product).get();
  if (isa<seq::ExpertsOp>(product))
    return "experts read rows of matrices that are chosen at run time";
  if (matrix.getDefiningOp<seq::DequantizeOp>())
    return "the checkpoint holds the matrix quantised";
  if (!matrix.getDefiningOp<seq::WeightOp>())
    return "the matrix is no parameter";
  if (product->getParentOfType<func::FuncOp>().getName() == "head")
    return "logits are as exact as the head";
  if (isRouted(product->getResult(0)))
    return "a router chooses by the product";
  return "";
}

namespace {
struct QuantizeWeights : impl::QuantizeWeightsBase<QuantizeWeights> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto bits = module->getAttrOfType<IntegerAttr>(seq::kWeightBitsAttrName),
         group = module->getAttrOfType<IntegerAttr>(seq::kWeightGroupAttrName);
    if (!bits || !group)
      return;
    module.walk([&](Operation *op) {
      if (seq::isContraction(op))
        quantize(op, bits.getInt(), group.getInt());
    });
  }

  static remark::RemarkOpts getOptions() {
    return remark::RemarkOpts::name("QuantizeWeights").category("normalize");
  }

  void quantize(Operation *product, int64_t bits, int64_t group) {
    if (StringRef reason = whyNotQuantize(product); !reason.empty()) {
      remark::missed(product->getLoc(), getOptions()) << reason;
      return;
    }
    OpOperand &matrix = seq::getMatrix(product);
    auto type = cast<RankedTensorType>(matrix.get().getType());
    int64_t rows = type.getDimSize(0), depth = type.getDimSize(1);
    OpBuilder builder(product);
    auto held = [&](int64_t each, Type element) {
      return RankedTensorType::get(
          {rows, int64_t(llvm::divideCeil(depth, each))}, element);
    };
    auto words = held(32 / bits, builder.getI32Type()),
         scales = held(group, builder.getF32Type());
    auto quantized = seq::QuantizeOp::create(builder, product->getLoc(), words,
                                             scales, matrix.get(), bits, group);
    matrix.set(seq::DequantizeOp::create(builder, product->getLoc(), type,
                                         quantized.getWords(),
                                         quantized.getScales(), bits, group));
    remark::passed(product->getLoc(), getOptions())
        << "the product reads a matrix of " + std::to_string(bits) +
               " bits in groups of " + std::to_string(group);
  }
};
} // namespace
} // namespace sennit
