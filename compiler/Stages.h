// The stages of compilation: what each does, which passes it runs, what closes
// it.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_STAGES_H
#define SENNIT_COMPILER_STAGES_H

#include "mlir/Pass/PassManager.h"

namespace sennit {

/// One row of the table in Stages.cpp.
struct Stage {
  llvm::StringRef name;
  /// One sentence: what holds when the stage has run.
  llvm::StringRef purpose;
  /// The stage's passes, its verifier last, as a textual pass pipeline.
  llvm::StringRef pipeline;
};

/// The stages, in order.
llvm::ArrayRef<Stage> getStages();

/// The stage of that name, or null.
const Stage *findStage(llvm::StringRef name);

/// Adds a stage's passes to a manager anchored at a module; without `fuses`,
/// those that fuse kernels are left out, but for rows, which have no kernel
/// until they are gathered.
llvm::LogicalResult addStage(const Stage &stage, mlir::PassManager &manager,
                             bool fuses = true);

/// Prints the table.
void printStages(llvm::raw_ostream &os);

/// Makes every stage a pipeline of sennit-opt: --sennit-stage-fuse and so on.
void registerStagePipelines();

} // namespace sennit

#endif // SENNIT_COMPILER_STAGES_H
