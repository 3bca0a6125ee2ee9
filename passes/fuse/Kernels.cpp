// Edits kernel regions on behalf of the fusion passes.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/fuse/Kernels.h"

#include "dialects/machine/Machine.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

#include "dialects/seq/SeqForms.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;

namespace sennit::fuse {

static Operation *getTerminator(seq::KernelOp kernel) {
  return kernel.getBody().front().getTerminator();
}

/// Creates an empty kernel before `at` that will yield `outputs`.
static seq::KernelOp createKernel(Operation *at, StringRef kind,
                                  ValueRange outputs) {
  OpBuilder builder(at);
  auto kernel =
      seq::KernelOp::create(builder, at->getLoc(), TypeRange(outputs), kind);
  Block &body = kernel.getBody().emplaceBlock();
  builder.setInsertionPointToEnd(&body);
  seq::YieldOp::create(builder, at->getLoc(), outputs);
  return kernel;
}

seq::KernelOp wrapInKernel(Operation *op, StringRef kind) {
  seq::KernelOp kernel = createKernel(op, kind, op->getResults());
  for (auto [inner, outer] :
       llvm::zip_equal(op->getResults(), kernel.getOutputs()))
    inner.replaceAllUsesExcept(outer, getTerminator(kernel));
  op->moveBefore(getTerminator(kernel));
  return kernel;
}

seq::KernelOp getProducingKernel(Value value) {
  return value.getDefiningOp<seq::KernelOp>();
}

Operation *getInnerOp(OpResult kernelResult) {
  auto kernel = cast<seq::KernelOp>(kernelResult.getOwner());
  return getTerminator(kernel)
      ->getOperand(kernelResult.getResultNumber())
      .getDefiningOp();
}

Operation *getRoot(seq::KernelOp kernel) {
  for (Operation &op : llvm::reverse(kernel.getBody().front()))
    if (seq::isRoot(&op))
      return &op;
  return &kernel.getBody().front().front();
}

bool areCopied(Value rows) {
  auto type = cast<RankedTensorType>(rows.getType());
  auto function = rows.getParentRegion()->getParentOfType<func::FuncOp>();
  auto core =
      function->getParentOfType<ModuleOp>()->getAttrOfType<machine::CoreAttr>(
          machine::kTargetAttrName);
  if (!core || core.getAsyncRows() == 0 || type.getElementTypeBitWidth() != 16)
    return false;
  if (!type.isDynamicDim(0))
    return type.getDimSize(0) >= core.getAsyncRows();
  auto tokens = function->getAttrOfType<IntegerAttr>("seq.max_tokens");
  return !tokens || tokens.getInt() >= core.getAsyncRows();
}

bool isOnlyReadBy(Value value, seq::KernelOp kernel) {
  return llvm::all_of(value.getUsers(), [&](Operation *user) {
    return kernel->isProperAncestor(user);
  });
}

std::string whyNotAbsorbConsumer(seq::KernelOp kernel, Operation *consumer) {
  for (Operation *user : kernel->getUsers()) {
    Operation *inBlock = kernel->getBlock()->findAncestorOpInBlock(*user);
    if (inBlock && inBlock != consumer && inBlock->isBeforeInBlock(consumer))
      return "another user of the kernel comes before it";
    // What is read at computed places needs memory of its own; a kernel's body
    // reads it like any operand.
    if (inBlock == consumer && user != consumer &&
        !isa<seq::KernelOp>(consumer))
      return "its body reads elements of the kernel's result";
  }
  return "";
}

/// Replaces `kernel` by one at `at` with the same body that yields `inner`
/// values; `outer` are the values that its results replace.
static seq::KernelOp rebuildKernel(seq::KernelOp kernel, Operation *at,
                                   StringRef kind, ArrayRef<Value> inner,
                                   ArrayRef<Value> outer) {
  seq::KernelOp rebuilt = createKernel(at, kind, inner);
  Block &source = kernel.getBody().front();
  Block &to = rebuilt.getBody().front();
  getTerminator(kernel)->erase();
  to.getOperations().splice(to.getTerminator()->getIterator(),
                            source.getOperations());
  for (auto [from, result] : llvm::zip_equal(outer, rebuilt.getOutputs())) {
    Value old = from;
    old.replaceUsesWithIf(result, [&](OpOperand &use) {
      return !rebuilt->isProperAncestor(use.getOwner());
    });
  }
  kernel.erase();
  return rebuilt;
}

seq::KernelOp absorbConsumer(seq::KernelOp kernel, Operation *consumer,
                             StringRef suffix) {
  Operation *yield = getTerminator(kernel);
  // Inside, the consumer reads what the kernel yields, not its results.
  SmallVector<Value> inner, outer;
  for (auto [value, result] :
       llvm::zip_equal(yield->getOperands(), kernel.getOutputs())) {
    result.replaceUsesWithIf(
        value, [&](OpOperand &use) { return use.getOwner() == consumer; });
    if (result.use_empty())
      continue;
    inner.push_back(value);
    outer.push_back(result);
  }
  for (Value result : consumer->getResults()) {
    inner.push_back(result);
    outer.push_back(result);
  }
  std::string kind = (kernel.getKind() + suffix).str();
  Operation *next = consumer->getNextNode();
  consumer->moveBefore(yield);
  return rebuildKernel(kernel, next, kind, inner, outer);
}

void absorbProducer(seq::KernelOp kernel, Operation *producer) {
  OpBuilder builder(&kernel.getBody().front(),
                    kernel.getBody().front().begin());
  Operation *clone = builder.clone(*producer);
  for (auto [old, copy] :
       llvm::zip_equal(producer->getResults(), clone->getResults()))
    old.replaceUsesWithIf(copy, [&](OpOperand &use) {
      return kernel->isProperAncestor(use.getOwner());
    });
  if (producer->use_empty())
    producer->erase();
}

seq::KernelOp joinKernels(seq::KernelOp first, seq::KernelOp second,
                          StringRef kind) {
  SmallVector<Value> inner, outer;
  for (seq::KernelOp kernel : {first, second})
    for (auto [value, result] : llvm::zip_equal(
             getTerminator(kernel)->getOperands(), kernel.getOutputs())) {
      // Inside, the second reads what the first yields, not its results.
      result.replaceUsesWithIf(value, [&](OpOperand &use) {
        return second->isProperAncestor(use.getOwner());
      });
      if (result.use_empty())
        continue;
      inner.push_back(value);
      outer.push_back(result);
    }
  seq::KernelOp joined = createKernel(second, kind, inner);
  for (auto [from, result] : llvm::zip_equal(outer, joined.getOutputs()))
    Value(from).replaceAllUsesWith(result);
  Block &to = joined.getBody().front();
  for (seq::KernelOp kernel : {first, second}) {
    getTerminator(kernel)->erase();
    to.getOperations().splice(to.getTerminator()->getIterator(),
                              kernel.getBody().front().getOperations());
    kernel.erase();
  }
  return joined;
}

remark::detail::InFlightRemark fused(StringRef pass, Operation *op) {
  return remark::passed(op->getLoc(),
                        remark::RemarkOpts::name(pass).category("fuse"));
}

remark::detail::InFlightRemark missed(StringRef pass, Operation *op) {
  return remark::missed(op->getLoc(),
                        remark::RemarkOpts::name(pass).category("fuse"));
}

} // namespace sennit::fuse
