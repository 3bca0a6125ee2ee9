// Runs a model under its profile and sets predictions beside.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/tools/Validate.h"

#include "compiler/tools/Verbs.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include <chrono>
#include <cmath>
#include <random>

namespace sennit::tools {

llvm::StringRef Comparison::getFamily() const {
  return llvm::StringRef(kernel).rtrim("0123456789").rtrim('_');
}

static double getQuantile(std::vector<double> values, double part) {
  llvm::sort(values);
  return values[size_t(std::floor(part * double(values.size() - 1) + 0.5))];
}

Errors getErrors(llvm::ArrayRef<const Comparison *> comparisons) {
  if (comparisons.empty())
    return {};
  std::vector<double> far, signedErrors;
  for (const Comparison *comparison : comparisons) {
    signedErrors.push_back(comparison->getRatio() - 1);
    far.push_back(std::abs(signedErrors.back()));
  }
  return {comparisons.size(), getQuantile(far, 0.5), getQuantile(far, 0.9),
          getQuantile(signedErrors, 0.5)};
}

namespace {
using Clock = std::chrono::steady_clock;

double getSeconds(Clock::time_point since) {
  return std::chrono::duration<double>(Clock::now() - since).count();
}

/// The least seconds of a whole call and of each kernel over its calls.
struct Least {
  double whole = HUGE_VAL;
  llvm::StringMap<double> kernels;
};

/// A model that runs under its profile.
class Running {
public:
  Running(Session &session, int64_t length) : session(session) {
    std::mt19937 random(1);
    std::uniform_int_distribution<int32_t> draw(0, session.info.vocabulary - 1);
    tokens.resize(size_t(length));
    for (int32_t &token : tokens)
      token = draw(random);
    logits.resize(session.info.vocabulary);
    sennit_context_profile_enable(context(), SENNIT_PROFILE_KERNELS);
  }

  /// Prefills and steps for as long, the first round uncounted.
  int run(double seconds, Least &prefill, Least &step) {
    sennit_error error = {};
    auto start = Clock::now();
    constexpr int stepsEach = 4;
    for (int round = 0; round < 3 || getSeconds(start) < 2 * seconds; ++round) {
      sennit_context_reset(context());
      sennit_context_profile_reset(context());
      auto before = Clock::now();
      if (sennit_context_prefill(context(), tokens.data(),
                                 int64_t(tokens.size()), logits.data(), &error))
        return complain(error.message, failed);
      if (round > 0)
        note(getSeconds(before), prefill);
      for (int i = 0; i < stepsEach; ++i) {
        sennit_context_profile_reset(context());
        before = Clock::now();
        if (sennit_context_decode(context(), tokens[0], logits.data(), &error))
          return complain(error.message, failed);
        if (round > 0)
          note(getSeconds(before), step);
      }
    }
    return done;
  }

private:
  sennit_context *context() { return session.context.get(); }

  void note(double seconds, Least &least) {
    least.whole = std::min(least.whole, seconds);
    for (uint64_t i = 0; i < session.info.kernel_count; ++i) {
      sennit_kernel_profile kernel = {};
      sennit_context_profile_get(context(), i, &kernel, nullptr);
      if (kernel.calls == 0)
        continue;
      double took = double(kernel.nanoseconds) * 1e-9;
      auto [known, isNew] = least.kernels.try_emplace(kernel.name, took);
      known->second = std::min(known->second, took);
    }
  }

  Session &session;
  std::vector<int32_t> tokens;
  std::vector<float> logits;
};

void compare(const std::string &model, const EntryRow &entry,
             const Least &least, std::vector<Comparison> &comparisons) {
  comparisons.push_back({model, entry.name, "whole", entry.tokens, entry.calls,
                         least.whole, entry.seconds});
  for (const KernelRow &row : entry.kernels)
    if (auto found = least.kernels.find(row.name);
        found != least.kernels.end() && found->second > 0)
      comparisons.push_back({model, entry.name, row.name, entry.tokens,
                             row.calls, found->second, row.seconds});
}
} // namespace

int validateModel(const Workload &workload, const LoadedMachine &loaded,
                  double seconds, std::vector<Comparison> &comparisons) {
  const machine::Machine &machine = loaded.machine;
  llvm::SmallString<128> artifact;
  if (llvm::sys::fs::createTemporaryFile("sennit-validate", "snt", artifact))
    return complain("no file can be made in the temporary directory", missing);
  llvm::FileRemover remove(artifact);
  CompileOptions options;
  options.input = workload.model;
  options.context = workload.context;
  options.output = artifact.str().str();
  options.target = machine.target + ":" + machine.level;
  options.roundsOperands = workload.roundsOperands;
  scheduleFor(loaded, options);
  CompileReport report;
  if (int code = compileWithProgress(options, report))
    return code;
  WorkloadFacts facts;
  if (int code = runWithProgress([&](Progress progress) {
        return readWorkload(workload, loaded, facts, progress);
      }))
    return code;
  std::string reason;
  auto prefill = predictEntry("prefill", facts.prefill, machine, reason);
  auto step = prefill ? predictEntry("step", facts.step, machine, reason)
                      : std::nullopt;
  if (!step)
    return complain(reason, unsupported);
  Session session;
  if (int code = openSession(artifact, unsigned(machine.cores.value), session))
    return code;
  Least ofPrefill, ofStep;
  if (int code =
          Running(session, workload.length).run(seconds, ofPrefill, ofStep))
    return code;
  compare(workload.model, *prefill, ofPrefill, comparisons);
  compare(workload.model, *step, ofStep, comparisons);
  return done;
}

} // namespace sennit::tools
