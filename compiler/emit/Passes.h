// The passes that targets share.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_EMIT_PASSES_H
#define SENNIT_COMPILER_EMIT_PASSES_H

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Pass/Pass.h"

namespace sennit {
#define GEN_PASS_DECL
#include "compiler/emit/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "compiler/emit/Passes.h.inc"
} // namespace sennit

#endif // SENNIT_COMPILER_EMIT_PASSES_H
