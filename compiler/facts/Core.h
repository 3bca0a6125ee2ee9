// A machine's file as the attribute that passes read.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_FACTS_CORE_H
#define SENNIT_COMPILER_FACTS_CORE_H

#include "compiler/machine/Machine.h"
#include "dialects/machine/Machine.h"

namespace sennit::machine {

/// The core that kernels are scheduled for: the machine's vectors, the threads
/// of an item, what an item may fill of the two nearest memories, and, where
/// one thread computes an item, the whole text of `root`, from which `machine`
/// was built. A machine that nobody emits code for bears its own name, with the
/// instruction set `none`.
CoreAttr makeCore(const Node &root, const Machine &machine,
                  mlir::MLIRContext &context);

} // namespace sennit::machine

#endif // SENNIT_COMPILER_FACTS_CORE_H
