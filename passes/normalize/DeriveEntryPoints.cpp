// Derives prefill, decode and score from @body and @head, and the draw of a
// token.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
//   @body, @head   =>   @prefill (head of the last row), @decode (one token),
//   @score (head of every row), @verify (the same, of few tokens) on demand,
//   @sample (a token of a row of logits)
//
// Declines a module without the two functions.

#include "passes/normalize/EntryPoints.h"
#include "passes/normalize/Passes.h"

#include "dialects/seq/Seq.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

func::FuncOp sennit::normalize::buildSampleEntry(OpBuilder &builder,
                                                 Location loc,
                                                 int64_t vocabulary) {
  Type f32 = builder.getF32Type(), i32 = builder.getI32Type();
  auto one = [](Type element) { return RankedTensorType::get(1, element); };
  std::pair<StringRef, Type> inputs[] = {
      {"logits", RankedTensorType::get({1, vocabulary}, f32)},
      {"uniform", one(builder.getF64Type())},
      {"temperature", one(f32)},
      {"top_k", one(i32)},
      {"top_p", one(f32)}};
  auto types = llvm::map_to_vector(inputs, [](auto &in) { return in.second; });
  auto entry = func::FuncOp::create(builder, loc, "sample",
                                    builder.getFunctionType(types, one(i32)));
  for (auto [number, input] : llvm::enumerate(inputs))
    entry.setArgAttr(number, "seq.name", builder.getStringAttr(input.first));
  entry.setResultAttr(0, "seq.name", builder.getStringAttr("token"));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(entry.addEntryBlock());
  Value token =
      seq::SampleOp::create(builder, loc, one(i32), entry.getArguments());
  func::ReturnOp::create(builder, loc, token);
  return entry;
}

namespace sennit {
#define GEN_PASS_DEF_DERIVEENTRYPOINTS
#include "passes/normalize/Passes.h.inc"

/// Clones the body of `function` for these arguments; returns its results.
static SmallVector<Value> inlineBody(OpBuilder &builder, func::FuncOp function,
                                     ValueRange arguments) {
  IRMapping mapping;
  Block &body = function.getBody().front();
  mapping.map(body.getArguments(), arguments);
  for (Operation &op : body.without_terminator())
    builder.clone(op, mapping);
  return llvm::map_to_vector(body.getTerminator()->getOperands(), [&](Value v) {
    return mapping.lookupOrDefault(v);
  });
}

/// The last row of a [rows, width] tensor, as a tensor of one row whose extent
/// stays dynamic, so that the head's ops keep their types.
static Value takeLastRow(OpBuilder &builder, Location loc, Value hidden) {
  auto type = cast<RankedTensorType>(hidden.getType());
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value rows = tensor::DimOp::create(builder, loc, hidden, zero);
  Value last = arith::SubIOp::create(builder, loc, rows, one);
  OpFoldResult unit = builder.getIndexAttr(1);
  return tensor::ExtractSliceOp::create(
      builder, loc, type, hidden,
      ArrayRef<OpFoldResult>{last, builder.getIndexAttr(0)},
      ArrayRef<OpFoldResult>{one, builder.getIndexAttr(type.getDimSize(1))},
      ArrayRef<OpFoldResult>{unit, unit});
}

/// Marks the states that need no copy to take tokens back.
static void markRollBack(func::FuncOp body) {
  Builder builder(body.getContext());
  for (BlockArgument argument : body.getArguments()) {
    bool byPosition = !argument.use_empty() &&
                      llvm::all_of(argument.getUsers(), [&](Operation *user) {
                        auto mixer =
                            dyn_cast<seq::SequenceMixerOpInterface>(user);
                        return mixer && mixer.rollsBackByPosition();
                      });
    if (byPosition && body.getArgAttr(argument.getArgNumber(), "seq.state"))
      body.setArgAttr(argument.getArgNumber(), "seq.roll_back",
                      builder.getStringAttr("position"));
  }
}

namespace {
struct DeriveEntryPoints : impl::DeriveEntryPointsBase<DeriveEntryPoints> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto body = module.lookupSymbol<func::FuncOp>("body");
    auto head = module.lookupSymbol<func::FuncOp>("head");
    if (!body || !head)
      return;
    auto model = module->getAttrOfType<DictionaryAttr>("seq.model");
    auto chunk = model ? model.getAs<IntegerAttr>("chunk") : IntegerAttr();
    if (!chunk) {
      module.emitError(
          "`seq.model` names no `chunk`, the most tokens of one call");
      return signalPassFailure();
    }
    markRollBack(body);
    derive(body, head, "prefill", chunk.getInt(), /*lastRowOnly=*/true);
    derive(body, head, "decode", 1, /*lastRowOnly=*/false);
    derive(body, head, "score", chunk.getInt(), /*lastRowOnly=*/false);
    if (auto offered = model.getAs<IntegerAttr>("verify"))
      derive(body, head, "verify", offered.getInt(), /*lastRowOnly=*/false);
    auto logits = cast<RankedTensorType>(head.getResultTypes().front());
    OpBuilder builder(head);
    normalize::buildSampleEntry(builder, head.getLoc(), logits.getDimSize(1));
    body.erase();
    head.erase();
  }

  void derive(func::FuncOp body, func::FuncOp head, StringRef name,
              int64_t maxTokens, bool lastRowOnly) {
    OpBuilder builder(head);
    auto entry = cast<func::FuncOp>(builder.cloneWithoutRegions(*body));
    entry.setName(name);
    SmallVector<Type> results(body.getResultTypes());
    results.front() = head.getResultTypes().front();
    entry.setType(builder.getFunctionType(body.getArgumentTypes(), results));
    entry->setAttr("seq.max_tokens", builder.getI64IntegerAttr(maxTokens));
    entry.setArgAttr(0, "seq.name", builder.getStringAttr("tokens"));
    entry.setResultAttr(0, "seq.name", builder.getStringAttr("logits"));
    builder.setInsertionPointToEnd(entry.addEntryBlock());
    SmallVector<Value> values = inlineBody(builder, body, entry.getArguments());
    if (lastRowOnly)
      values.front() = takeLastRow(builder, body.getLoc(), values.front());
    values.front() = inlineBody(builder, head, values.front()).front();
    func::ReturnOp::create(builder, body.getLoc(), values);
  }
};
} // namespace
} // namespace sennit
