// Builds the programs of one kernel.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/Program.h"

#include "dialects/seq/SeqForms.h"
#include "passes/schedule/Models.h"

using namespace mlir;

#include "passes/schedule/TileProgramInterface.cpp.inc"

namespace sennit::schedule {

SmallVector<Value> KernelBuilder::outputs() {
  SmallVector<Value> result;
  for (Value value : kernel.getBody().front().getTerminator()->getOperands())
    if (!llvm::is_contained(result, value))
      result.push_back(value);
  return result;
}

bool KernelBuilder::isInside(Value value) {
  return kernel.getBody().isAncestor(value.getParentRegion());
}

/// The op that decides the kernel's loops; null for a plain copy.
static Operation *findRoot(seq::KernelOp kernel) {
  Block &body = kernel.getBody().front();
  for (Operation &op : llvm::reverse(body))
    if (seq::isRoot(&op))
      return &op;
  Operation *first = &body.front();
  return first == body.getTerminator() ? nullptr : first;
}

LogicalResult KernelBuilder::build() {
  Operation *root = findRoot(kernel);
  auto model =
      root ? dyn_cast<TileProgramOpInterface>(root) : TileProgramOpInterface();
  if (root && !model)
    return root->emitOpError("has no tile program");
  if (failed(root ? model.buildPrograms(*this) : buildMapProgram(*this)))
    return failure();
  // A convolution that was computed at the root's loads has a window to keep.
  for (auto conv : kernel.getBody().front().getOps<seq::ConvOp>())
    if (conv.getWindow() && !written.contains(conv.getWindowAfter()) &&
        failed(buildWindowProgram(*this, conv)))
      return failure();
  Operation *yield = kernel.getBody().front().getTerminator();
  for (auto [result, value] :
       llvm::zip_equal(kernel.getOutputs(), yield->getOperands())) {
    Value host = written.lookup(value);
    if (!host)
      return kernel.emitOpError("has an output that its programs do not write");
    extents.alias(host, value);
    result.replaceAllUsesWith(host);
  }
  kernel.erase();
  return success();
}

} // namespace sennit::schedule
