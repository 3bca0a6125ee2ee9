// The passes that only the CUDA target runs.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TARGETS_CUDA_PASSES_H
#define SENNIT_COMPILER_TARGETS_CUDA_PASSES_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Pass/Pass.h"

namespace sennit {
#define GEN_PASS_DECL
#include "compiler/targets/cuda/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "compiler/targets/cuda/Passes.h.inc"
} // namespace sennit

#endif // SENNIT_COMPILER_TARGETS_CUDA_PASSES_H
