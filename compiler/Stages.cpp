// The whole pipeline on one screen: names, purposes and passes of the stages.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/Stages.h"

#include "mlir/Pass/PassRegistry.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"

using namespace mlir;

namespace sennit {

// The passes of a stage run in the order in which they are written. Norms go to
// their products before epilogues run, or a short row's norm would be taken
// apart; rows come last and take what is left.
static const Stage stages[] = {
    {"normalize",
     "one canonical graph a form: prefill, decode, score; parameters computed "
     "at load",
     "sennit-inline-skips,canonicalize,cse,sennit-generalize-ops,sennit-raise-"
     "attention,"
     "sennit-merge-reductions,"
     "sennit-quantize-weights,sennit-round-operands,sennit-hoist-parameters,"
     "sennit-derive-entry-points,"
     "sennit-split-scans,"
     "cse,"
     "sennit-verify-normalized"},
    {"fuse", "every computation stands in the kernel that will run it",
     "func.func(sennit-form-kernels,sennit-fuse-gate-pair,sennit-fuse-norm-"
     "matmul,"
     "sennit-fuse-epilogue,sennit-fuse-mixer-prologue,sennit-fuse-rows,sennit-"
     "verify-fused)"},
    {"schedule",
     "kernels are tile programs, the host dispatches them on tensors",
     "sennit-pack-weights,sennit-build-tile-programs,sennit-hoist-dispatches,"
     "canonicalize,cse,sennit-join-dispatches,sennit-verify-scheduled"},
    {"place", "every tensor has its place in one of the runtime's memories",
     "sennit-plan-memory,sennit-mark-constants,canonicalize,cse,sennit-"
     "verify-placed"},
};

ArrayRef<Stage> getStages() { return stages; }

const Stage *findStage(StringRef name) {
  const Stage *found = llvm::find_if(
      stages, [&](const Stage &stage) { return stage.name == name; });
  return found == std::end(stages) ? nullptr : found;
}

LogicalResult addStage(const Stage &stage, PassManager &manager, bool fuses) {
  if (fuses)
    return parsePassPipeline(stage.pipeline, manager);
  SmallVector<StringRef> passes;
  stage.pipeline.split(passes, ',');
  llvm::erase_if(passes, [](StringRef pass) {
    return pass.starts_with("sennit-fuse-") && pass != "sennit-fuse-rows";
  });
  return parsePassPipeline(llvm::join(passes, ","), manager);
}

void printStages(llvm::raw_ostream &os) {
  for (const Stage &stage : stages) {
    os << llvm::left_justify(stage.name, 10) << ' ' << stage.purpose << "\n";
    StringRef rest = stage.pipeline;
    rest.consume_front("func.func(");
    rest.consume_back(")");
    while (!rest.empty()) {
      auto [pass, tail] = rest.split(',');
      os << "             " << pass << "\n";
      rest = tail;
    }
  }
}

void registerStagePipelines() {
  for (const Stage &stage : stages) {
    // Pipelines that are anchored at a function nest by themselves.
    registerPassPipeline(
        ("sennit-stage-" + stage.name).str(), stage.purpose,
        [&stage](OpPassManager &manager, StringRef,
                 function_ref<LogicalResult(const Twine &)> error) {
          if (failed(parsePassPipeline(stage.pipeline, manager)))
            return error("stage `" + stage.name + "` has no such pipeline");
          return success();
        },
        [](function_ref<void(const detail::PassOptions &)>) {});
  }
}

} // namespace sennit
