// Compiles a model: source to IR, stages, objects, artifact.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_COMPILE_H
#define SENNIT_COMPILER_COMPILE_H

#include "compiler/Fusion.h"
#include "compiler/RollBack.h"
#include "compiler/Schedule.h"
#include "compiler/Target.h"
#include "mlir/IR/OwningOpRef.h"

namespace sennit {

/// Why a compilation ended without an artifact: 1 for input that is broken, 4
/// for what Sennit does not support (the exit codes of `sennit`).
class CompileError : public llvm::ErrorInfo<CompileError> {
public:
  static char ID;
  CompileError(std::string message, int exitCode)
      : message(std::move(message)), exitCode(exitCode) {}
  void log(llvm::raw_ostream &os) const override { os << message; }
  std::error_code convertToErrorCode() const override {
    return llvm::inconvertibleErrorCode();
  }

  std::string message;
  int exitCode;
};

struct CompileOptions {
  /// A Hugging Face directory, an ONNX model, or a file of seq IR text.
  std::string input;
  /// Files of tensors that an ONNX model will be called with, in the order of
  /// its inputs: their shapes, and where it must know them, their values.
  std::vector<std::string> inputTensors;
  /// The artifact; written to a temporary name and renamed. Empty: none.
  std::string output;
  /// Several by commas: a program for each, of which the runtime takes the
  /// first that can run.
  std::string target = "cpu:host";
  /// Tokens that the state holds and most tokens of one call; 0: the model's
  /// own.
  int64_t context = 0, chunk = 0;
  /// Most tokens of one call of the entry `verify`; 0: none is made.
  int64_t verify = 0;
  /// How its tokens are taken back; nothing: what takes least time.
  std::optional<RollBack> rollBack;
  /// Segments into which scans are cut where their algebra allows, 0 or 1 for a
  /// walk; nothing: what the module says, or what takes least time.
  std::optional<int64_t> scanSegments;
  /// Whether products round their activations to the type of their matrices;
  /// nothing: as the target's machine likes.
  std::optional<bool> roundsOperands;
  /// Bits to which the matrices of products are quantised, and the neighbours
  /// of depth that share a scale; 0 bits: as they are stored.
  int64_t weightBits = 0, weightGroup = 128;
  bool embedWeights = false;
  /// Whether kernels are fused; without, each holds one op or a run of rows.
  bool fuses = true;
  /// Whether a directory with a configuration alone will do: for what looks at
  /// shapes and ends before code.
  bool imaginesWeights = false;
  /// A file of sizes to take instead of choosing them; empty: none.
  std::string schedule;
  /// Whether the schedule may answer questions that nobody asks.
  bool mayScheduleBeIdle = false;
  /// How many of the best sizes the report gets for each choice; 0: none.
  int64_t candidates = 0;
  /// The last stage that runs; empty: all, and an artifact.
  std::string stopAfter;
  /// Where the IR after each stage goes, numbered; empty: nowhere.
  std::string dumpStagesTo;
  /// A textual pipeline that runs on the module after stage `fuse`, for passes
  /// from plugins; empty: none.
  std::string extraPasses;
  /// Threads that emit code; 0: all.
  unsigned jobs = 0;
  /// The core to schedule for, instead of the target's. Where `stopAfter` is
  /// given, `target` is not asked: nobody need emit code for the core.
  std::function<machine::CoreAttr(mlir::MLIRContext &)> makeCore;
  /// Takes the module after `stopAfter`, instead of its text in the report.
  std::function<llvm::Error(mlir::ModuleOp)> inspect;
};

/// What a compilation did, for all its targets.
struct CompileReport {
  /// As `--target` spells them, with the level that was found.
  std::vector<std::string> targets;
  Decisions decisions;
  /// Phases with their seconds, in the order in which the first target had
  /// them.
  std::vector<std::pair<std::string, double>> phases;
  int64_t kernels = 0, launches = 0, codeBytes = 0, artifactBytes = 0;
  /// The IR at the end when `stopAfter` was given.
  std::string text;
  /// The text of the machine by which tiles were chosen; empty where threads
  /// share items, whose tiles are fixed.
  std::string machine;
  /// What was chosen, when `candidates` asks for it.
  std::vector<Choice> choices;
  /// Inputs of an ONNX model whose values it was specialised for.
  std::vector<std::string> specialised;
};

/// Told of each step: a phase that begins, or kernels done of all.
using Progress = llvm::function_ref<void(llvm::StringRef phase, int64_t done,
                                         int64_t total)>;

/// Compiles; the report is filled as far as compilation came.
llvm::Error compile(const CompileOptions &options, CompileReport &report,
                    Progress progress);

} // namespace sennit

#endif // SENNIT_COMPILER_COMPILE_H
