// Wraps each op that decides loops into a kernel of its own.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
//   %y = linalg.matmul ...   =>   %y = seq.kernel "matmul" { linalg.matmul ...
//   }
//
// What quantised words stand for goes with the product that reads it.
// Declines ops that are not roots.

#include "passes/fuse/Kernels.h"
#include "passes/fuse/Passes.h"

#include "dialects/seq/SeqForms.h"

using namespace mlir;

namespace sennit {
#define GEN_PASS_DEF_FORMKERNELS
#include "passes/fuse/Passes.h.inc"

namespace {
struct FormKernels : impl::FormKernelsBase<FormKernels> {
  void runOnOperation() override {
    SmallVector<Operation *> roots;
    for (Operation &op : getOperation().getBody().front())
      if (seq::isRoot(&op))
        roots.push_back(&op);
    for (Operation *root : roots) {
      seq::KernelOp kernel =
          fuse::wrapInKernel(root, root->getName().stripDialect());
      // A product unfolds the words of its matrix as it reads them.
      if (auto words = seq::isContraction(root) ? seq::getQuantized(root)
                                                : seq::DequantizeOp())
        fuse::absorbProducer(kernel, words);
    }
  }
};
} // namespace
} // namespace sennit
