// The verbs of sennit, each in its own file, and what they share at the
// terminal.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TOOLS_VERBS_H
#define SENNIT_COMPILER_TOOLS_VERBS_H

#include "compiler/Compile.h"
#include "sennit/runtime.h"
#include "llvm/Support/CommandLine.h"
#include <memory>

namespace sennit::tools {

/// Exit codes: 0 done, 1 failed, 2 usage, 3 something needed is missing, 4
/// unsupported, 70 a defect of Sennit.
enum Exit {
  done = 0,
  failed = 1,
  usage = 2,
  missing = 3,
  unsupported = 4,
  defect = 70
};

/// A verb: its place on the command line, and what it does.
struct Verb {
  llvm::cl::SubCommand *command;
  int (*run)();
  /// One example for the help text.
  const char *example;
};

Verb getCompileVerb();
Verb getRunVerb();
Verb getBenchVerb();
Verb getDemoVerb();
Verb getPredictVerb();
Verb getSweepVerb();
Verb getReportVerb();
Verb getTargetsVerb();
Verb getValidateVerb();
Verb getVersionVerb();

/// Prints "sennit: MESSAGE" and returns `code`.
int complain(const llvm::Twine &message, int code);

/// Whether progress may move a line: standard error is a terminal that permits
/// it.
bool isInteractive();

/// Shows the phases of a compilation on standard error.
class ProgressLine {
public:
  void show(llvm::StringRef phase, int64_t done, int64_t total);
  void finish();

private:
  std::string phase;
};

/// Does something that tells its progress; returns an exit code after printing
/// the error.
int runWithProgress(llvm::function_ref<llvm::Error(Progress)> body);

/// Compiles with progress; returns an exit code after printing the error.
int compileWithProgress(const CompileOptions &options, CompileReport &report);

struct ModuleDeleter {
  void operator()(sennit_module *module) const {
    sennit_module_destroy(module);
  }
};
struct ContextDeleter {
  void operator()(sennit_context *context) const {
    sennit_context_destroy(context);
  }
};
struct SamplerDeleter {
  void operator()(sennit_sampler *sampler) const {
    sennit_sampler_destroy(sampler);
  }
};
using ModulePtr = std::unique_ptr<sennit_module, ModuleDeleter>;
using ContextPtr = std::unique_ptr<sennit_context, ContextDeleter>;
using SamplerPtr = std::unique_ptr<sennit_sampler, SamplerDeleter>;

/// A loaded artifact with one context.
struct Session {
  ModulePtr module;
  ContextPtr context;
  sennit_module_info info = {};
};

/// Loads; returns an exit code after printing the error.
int openSession(llvm::StringRef path, unsigned threads, Session &session);

/// Golden values of a model: tokens, and logits of every position.
struct Golden {
  std::vector<int32_t> tokens, greedy;
  std::vector<float> logits;
};

/// Reads golden.safetensors.
llvm::Expected<Golden> readGolden(llvm::StringRef path);

/// The largest difference between the session's logits and the golden ones,
/// over the largest golden magnitude of that position's row: of `score` over
/// all tokens, and of steps one by one. Resets the context.
struct GoldenErrors {
  double score = 0, steps = 0;
  int64_t greedyAgreed = 0;
};
int compareWithGolden(Session &session, const Golden &golden,
                      GoldenErrors &errors);

struct GenerateOptions {
  std::vector<int32_t> prompt;
  int64_t maxTokens = 128;
  double temperature = 0.8, topP = 0.95;
  int64_t topK = 0;
  uint64_t seed = 1;
};

/// Feeds the prompt, then samples and prints tokens as they come: bytes for
/// byte-level models, numbers otherwise. Ends with a line of rates on standard
/// error.
int generate(Session &session, const GenerateOptions &options);

struct ReferenceOptions {
  /// What `sennit compile` takes.
  std::string source;
  /// Prompt, and what the reference says after it; temperature 0 is the
  /// default there.
  GenerateOptions generate;
  /// The prompt was text.
  bool isText = false;
  /// golden.safetensors to compare with instead; empty: none.
  std::string expect;
  double tolerance = 1e-3;
};

/// The model speaks, or is compared with golden values, in f64.
int runReference(const ReferenceOptions &options);
/// The largest difference between the session's logits and the reference's, on
/// the prompt.
int compareWithReference(Session &session, const ReferenceOptions &options);

/// As `generate` with the likeliest tokens, but offers the model up to
/// `offered` tokens a call, which its own text suggests.
int speculate(Session &session, const GenerateOptions &options,
              int64_t offered);

/// Prints a token as soon as it is known: a byte for byte-level models, a
/// number otherwise.
void printToken(const Session &session, int32_t token);
/// Whether the token ends a text of the model.
bool endsText(const Session &session, int32_t token);

/// One row of measurements.
struct BenchRow {
  std::string test;
  int64_t tokens;
  std::vector<double> seconds;
};

/// Prefills of `prompt` tokens, and steps after them, `repeats` times each,
/// warmed, on random tokens.
int measure(Session &session, int64_t prompt, int64_t steps, int64_t repeats,
            std::vector<BenchRow> &rows);
void printRows(llvm::ArrayRef<BenchRow> rows, llvm::raw_ostream &os);

} // namespace sennit::tools

#endif // SENNIT_COMPILER_TOOLS_VERBS_H
