// The passes that bring whatever entered into one form.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_PASSES_NORMALIZE_PASSES_H
#define SENNIT_PASSES_NORMALIZE_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace sennit {
#define GEN_PASS_DECL
#include "passes/normalize/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/normalize/Passes.h.inc"
} // namespace sennit

#endif // SENNIT_PASSES_NORMALIZE_PASSES_H
