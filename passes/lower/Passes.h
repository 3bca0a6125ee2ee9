// The passes that turn Sennit's ops into upstream ones.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_PASSES_LOWER_PASSES_H
#define SENNIT_PASSES_LOWER_PASSES_H

#include "mlir/Pass/Pass.h"

namespace sennit {
#define GEN_PASS_DECL
#include "passes/lower/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/lower/Passes.h.inc"
} // namespace sennit

#endif // SENNIT_PASSES_LOWER_PASSES_H
