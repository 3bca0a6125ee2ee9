// Compiles and runs candidates, and takes the fastest of each question.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/tools/Tune.h"

#include "compiler/tools/Calibrate.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/Threading.h"
#include <chrono>
#include <cmath>
#include <csignal>

namespace sennit::tools {

/// What a shell calls a program that an interrupt ended.
static constexpr int interruptedExit = 130;
static volatile std::sig_atomic_t isInterrupted = 0;

namespace {
/// While it lives, the first interrupt is noted; a second one ends the program.
class InterruptNote {
public:
  InterruptNote() {
    isInterrupted = 0;
    llvm::sys::SetInterruptFunction([] { isInterrupted = 1; });
  }
  ~InterruptNote() { llvm::sys::SetInterruptFunction(nullptr); }
};

/// An artifact that runs all its entries, under its profile.
class ProfiledRun {
public:
  explicit ProfiledRun(Session &session) : session(session) {
    sennit_context_profile_enable(session.context.get(),
                                  SENNIT_PROFILE_KERNELS);
  }

  /// Calls for as long, at least three times, and notes the least seconds of
  /// each kernel over a call.
  int run(double seconds, llvm::StringMap<double> &least) {
    using Clock = std::chrono::steady_clock;
    auto start = Clock::now();
    auto isOver = [&] {
      return std::chrono::duration<double>(Clock::now() - start).count() >
             seconds;
    };
    constexpr int fewest = 3;
    for (int round = 0; !isInterrupted && (round < fewest || !isOver());
         ++round) {
      int code =
          session.info.vocabulary > 0 ? callModel(least) : callEntries(least);
      if (code)
        return code;
    }
    return done;
  }

private:
  int callModel(llvm::StringMap<double> &least) {
    constexpr int64_t most = 256;
    sennit_error error = {};
    sennit_context *context = session.context.get();
    std::vector<int32_t> tokens(size_t(
        std::clamp<int64_t>(session.info.max_tokens, 1,
                            std::min(most, session.info.context_length - 1))));
    std::vector<float> logits(size_t(session.info.vocabulary));
    sennit_context_reset(context);
    sennit_context_profile_reset(context);
    if (sennit_context_prefill(context, tokens.data(), int64_t(tokens.size()),
                               logits.data(), &error))
      return complain(error.message, failed);
    note(least);
    sennit_context_profile_reset(context);
    if (sennit_context_decode(context, 0, logits.data(), &error))
      return complain(error.message, failed);
    note(least);
    return done;
  }

  /// Of buffers of zeros.
  int callEntries(llvm::StringMap<double> &least) {
    sennit_error error = {};
    sennit_module *module = session.module.get();
    for (uint64_t entry = 0; entry < sennit_module_entry_count(module);
         ++entry) {
      sennit_entry_info info = {};
      info.size = sizeof(info);
      if (sennit_module_get_entry(module, entry, &info, &error))
        return complain(error.message, defect);
      std::vector<std::vector<char>> memory;
      std::vector<sennit_buffer> inputs, outputs;
      auto add = [&](uint64_t index, auto get,
                     std::vector<sennit_buffer> &buffers) {
        sennit_tensor_info tensor = {};
        tensor.size = sizeof(tensor);
        (void)get(module, entry, index, &tensor, &error);
        bool hasTokens =
            tensor.rank > 0 && tensor.shape[0] == SENNIT_EXTENT_TOKENS;
        memory.emplace_back(tensor.bytes *
                            (hasTokens ? uint64_t(info.max_tokens) : 1));
        buffers.push_back({memory.back().data(), memory.back().size()});
      };
      for (uint64_t i = 0; i < info.input_count; ++i)
        add(i, sennit_module_get_input, inputs);
      for (uint64_t i = 0; i < info.output_count; ++i)
        add(i, sennit_module_get_output, outputs);
      sennit_context_reset(session.context.get());
      sennit_context_profile_reset(session.context.get());
      if (sennit_context_call(session.context.get(), entry, inputs.data(),
                              inputs.size(), outputs.data(), outputs.size(),
                              &error))
        return complain(error.message, failed);
      note(least);
    }
    return done;
  }

  void note(llvm::StringMap<double> &least) {
    for (uint64_t i = 0; i < session.info.kernel_count; ++i) {
      sennit_kernel_profile kernel = {};
      sennit_context_profile_get(session.context.get(), i, &kernel, nullptr);
      if (kernel.calls == 0)
        continue;
      double took = double(kernel.nanoseconds) * 1e-9 / double(kernel.calls);
      auto [known, isNew] = least.try_emplace(kernel.name, took);
      known->second = std::min(known->second, took);
    }
  }

  Session &session;
};

/// A question, the candidates that are tried, and what they took.
struct Question {
  std::string name;
  std::vector<std::string> candidates;
  std::vector<double> seconds;
  bool isKnown = false;

  size_t getBest() const {
    return isKnown ? 0 : size_t(llvm::min_element(seconds) - seconds.begin());
  }
};

class Tuning {
public:
  Tuning(const CompileOptions &options, const TuneOptions &tuning,
         TuneCache &cache)
      : options(options), tuning(tuning), cache(cache) {}

  int run(llvm::StringRef schedule) {
    if (int code = ask())
      return code;
    size_t most = 1;
    for (const Question &question : questions)
      if (!question.isKnown)
        most = std::max(most, question.candidates.size());
    for (size_t round = 0; most > 1 && round < most; ++round)
      if (int code = measure(round, most))
        return code;
    return finish(schedule);
  }

private:
  /// Compiles as far as choices go, and looks up what is known of them.
  int ask() {
    CompileOptions asked = options;
    asked.stopAfter = "schedule";
    asked.candidates = tuning.candidates;
    CompileReport report;
    if (int code = compileWithProgress(asked, report))
      return code;
    if (report.machine.empty())
      return complain("--tune has nothing to choose: threads share the items "
                      "of the kernels of `" +
                          options.target + "`",
                      unsupported);
    auto digest =
        llvm::SHA256::hash(llvm::arrayRefFromStringRef(report.machine));
    key = {llvm::toHex(digest, /*LowerCase=*/true), getProcessor(),
           SENNIT_VERSION, tuning.threads};
    size_t known = 0;
    for (const Choice &choice : report.choices) {
      Question question{choice.question, {choice.sizes}, {}, false};
      if (auto sizes = cache.find(key, choice.question)) {
        question.candidates = {*sizes};
        question.isKnown = true;
        ++known;
      } else {
        llvm::append_range(question.candidates, choice.next);
      }
      questions.push_back(std::move(question));
    }
    llvm::errs() << "tune     " << questions.size() << " choices, " << known
                 << " known from before\n";
    return done;
  }

  /// A schedule of each question's candidate `round`, or of its last one.
  int write(llvm::StringRef path,
            llvm::function_ref<size_t(const Question &)> pick) {
    std::vector<Choice> choices;
    for (const Question &question : questions)
      choices.push_back(
          {question.name, question.candidates[pick(question)], {}, {}});
    if (auto error = llvm::writeToOutput(path, [&](llvm::raw_ostream &os) {
          os << printSchedule(choices);
          return llvm::Error::success();
        }))
      return complain(llvm::toString(std::move(error)), failed);
    return done;
  }

  int measure(size_t round, size_t most) {
    llvm::errs() << "tune     candidates " << round + 1 << " of " << most
                 << "\n";
    llvm::SmallString<128> schedule, artifact;
    if (llvm::sys::fs::createTemporaryFile("sennit-tune", "yaml", schedule) ||
        llvm::sys::fs::createTemporaryFile("sennit-tune", "snt", artifact))
      return complain("no file can be made in the temporary directory",
                      missing);
    llvm::FileRemover removeSchedule(schedule), removeArtifact(artifact);
    if (int code = write(schedule, [&](const Question &question) {
          return std::min(round, question.candidates.size() - 1);
        }))
      return code;
    CompileOptions tried = options;
    tried.schedule = schedule.str().str();
    tried.mayScheduleBeIdle = true;
    tried.output = artifact.str().str();
    tried.candidates = 1;
    CompileReport report;
    if (int code = compileWithProgress(tried, report))
      return code;
    Session session;
    if (int code = openSession(artifact, tuning.threads, session))
      return code;
    llvm::StringMap<double> least;
    if (int code = ProfiledRun(session).run(tuning.seconds, least))
      return code;
    if (isInterrupted)
      return complain("interrupted; nothing was written", interruptedExit);
    note(report, round, least);
    return done;
  }

  /// Seconds of the kernels that asked each question. Kernels that were joined
  /// bear the names of all, with `_and_` between.
  void note(const CompileReport &report, size_t round,
            const llvm::StringMap<double> &least) {
    for (Question &question : questions) {
      if (round >= question.candidates.size())
        continue;
      // Another choice may have left nobody to ask.
      auto asked = llvm::find_if(report.choices, [&](const Choice &choice) {
        return choice.question == question.name;
      });
      if (asked == report.choices.end()) {
        question.seconds.push_back(HUGE_VAL);
        continue;
      }
      const Choice &choice = *asked;
      double sum = 0;
      for (auto &kernel : least) {
        llvm::SmallVector<llvm::StringRef> parts;
        kernel.first().split(parts, "_and_");
        if (llvm::any_of(choice.kernels, [&](const std::string &name) {
              return kernel.first() == name || llvm::is_contained(parts, name);
            }))
          sum += kernel.second;
      }
      question.seconds.push_back(sum > 0 ? sum : HUGE_VAL);
    }
  }

  int finish(llvm::StringRef schedule) {
    size_t moved = 0;
    for (const Question &question : questions) {
      if (question.isKnown || question.seconds.empty())
        continue;
      // What runs at load only is under no profile, and stays the model's.
      size_t best = question.getBest();
      bool isTimed = std::isfinite(question.seconds[best]);
      best = isTimed ? best : 0;
      moved += best > 0;
      if (auto error =
              cache.store(key, question.name, question.candidates[best],
                          isTimed ? question.seconds[best] : 0))
        return complain(llvm::toString(std::move(error)), failed);
    }
    llvm::errs() << "tune     " << moved
                 << " choices are others than the model's\n";
    if (!tuning.report.empty())
      if (auto error = llvm::writeToOutput(
              tuning.report, [&](auto &os) { return report(os); }))
        return complain(llvm::toString(std::move(error)), failed);
    return write(schedule, [](const Question &question) {
      return question.seconds.empty() ? 0 : question.getBest();
    });
  }

  /// One row a question that was measured: its candidates, the model's first,
  /// and what each took, null where no kernel that asked was timed.
  llvm::Error report(llvm::raw_ostream &os) {
    llvm::json::Array rows;
    for (const Question &question : questions) {
      if (question.seconds.empty())
        continue;
      llvm::json::Array seconds;
      for (double took : question.seconds)
        seconds.push_back(std::isfinite(took) ? llvm::json::Value(took)
                                              : llvm::json::Value(nullptr));
      rows.push_back(llvm::json::Object{
          {"question", question.name},
          {"candidates", llvm::json::Array(question.candidates)},
          {"seconds", std::move(seconds)}});
    }
    os << llvm::formatv("{0:2}\n", llvm::json::Value(std::move(rows)));
    return llvm::Error::success();
  }

  const CompileOptions &options;
  const TuneOptions &tuning;
  TuneCache &cache;
  TuneKey key;
  std::vector<Question> questions;
};
} // namespace

int tune(const CompileOptions &options, const TuneOptions &tuning,
         llvm::StringRef schedule) {
  auto cache =
      TuneCache::open(tuning.cache.empty() ? getTuneCachePath() : tuning.cache);
  if (!cache)
    return complain(llvm::toString(cache.takeError()), missing);
  TuneOptions resolved = tuning;
  if (resolved.threads == 0)
    resolved.threads = llvm::hardware_concurrency().compute_thread_count();
  InterruptNote note;
  return Tuning(options, resolved, *cache).run(schedule);
}

} // namespace sennit::tools
