// The passes that turn kernels into tile programs and the host into dispatches.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_PASSES_SCHEDULE_PASSES_H
#define SENNIT_PASSES_SCHEDULE_PASSES_H

#include "dialects/rt/Rt.h"
#include "dialects/seq/Seq.h"
#include "dialects/tile/Tile.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace sennit {
#define GEN_PASS_DECL
#include "passes/schedule/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/schedule/Passes.h.inc"

/// Attaches the tile programs of this room to the ops of seq and linalg.
void registerTileProgramModels(mlir::DialectRegistry &registry);
} // namespace sennit

#endif // SENNIT_PASSES_SCHEDULE_PASSES_H
