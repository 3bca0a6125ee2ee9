// sennit bench: times prefill and steps of an artifact.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/tools/Verbs.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include <chrono>
#include <random>

namespace cl = llvm::cl;

namespace sennit::tools {

static cl::SubCommand
    command("bench", "time prefill (pp) and steps (tg) of an artifact");
static cl::opt<std::string> input(cl::Positional, cl::desc("<artifact>"),
                                  cl::sub(command));
static cl::list<int64_t>
    prompts("p",
            cl::desc("tokens of a prefill, several by commas (default: 512)"),
            cl::CommaSeparated, cl::sub(command));
static cl::opt<int64_t> steps("n", cl::desc("steps after it (default: 128)"),
                              cl::init(128), cl::sub(command));
static cl::opt<int64_t> repeats("r", cl::desc("repeats (default: 5)"),
                                cl::init(5), cl::sub(command));
static cl::opt<unsigned>
    threads("threads", cl::desc("threads that compute (default: all)"),
            cl::init(0), cl::sub(command));
static cl::opt<std::string> format("o", cl::desc("md or json (default: md)"),
                                   cl::init("md"), cl::sub(command));
static cl::opt<bool>
    profile("profile", cl::desc("print the time of each kernel, over all runs"),
            cl::sub(command));

static double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int measure(Session &session, int64_t prompt, int64_t count, int64_t times,
            std::vector<BenchRow> &rows) {
  using Clock = std::chrono::steady_clock;
  std::mt19937 random(1);
  std::uniform_int_distribution<int32_t> draw(0, session.info.vocabulary - 1);
  std::vector<int32_t> tokens(std::max(prompt, count));
  for (int32_t &token : tokens)
    token = draw(random);
  std::vector<float> logits(session.info.vocabulary);
  sennit_context *context = session.context.get();
  BenchRow prefill{"pp" + std::to_string(prompt), prompt, {}},
      step{"tg" + std::to_string(count), count, {}};
  sennit_error error;
  // The first round warms caches and clocks, and is not counted.
  for (int64_t round = 0; round <= times; ++round) {
    sennit_context_reset(context);
    auto start = Clock::now();
    if (prompt > 0)
      if (auto status = sennit_context_prefill(context, tokens.data(), prompt,
                                               logits.data(), &error))
        return complain(error.message,
                        status == SENNIT_STATUS_CONTEXT_FULL ? usage : failed);
    auto middle = Clock::now();
    for (int64_t i = 0; i < count; ++i)
      if (sennit_context_decode(context, tokens[i], logits.data(), &error))
        return complain(error.message, failed);
    auto end = Clock::now();
    if (round == 0)
      continue;
    prefill.seconds.push_back(
        std::chrono::duration<double>(middle - start).count());
    step.seconds.push_back(std::chrono::duration<double>(end - middle).count());
  }
  if (prompt > 0)
    rows.push_back(prefill);
  if (count > 0)
    rows.push_back(step);
  sennit_context_reset(context);
  return done;
}

void printRows(llvm::ArrayRef<BenchRow> rows, llvm::raw_ostream &os) {
  os << "| test | tokens/s (median) | best | ms per token |\n| --- | ---: | "
        "---: | ---: |\n";
  for (const BenchRow &row : rows) {
    double middle = median(row.seconds),
           best = *std::min_element(row.seconds.begin(), row.seconds.end());
    os << llvm::format("| %s | %.0f | %.0f | %.3f |\n", row.test.c_str(),
                       row.tokens / middle, row.tokens / best,
                       middle * 1e3 / row.tokens);
  }
}

static void printJson(const Session &session, llvm::ArrayRef<BenchRow> rows) {
  for (const BenchRow &row : rows) {
    llvm::json::Array samples;
    for (double seconds : row.seconds)
      samples.push_back(int64_t(seconds * 1e9));
    llvm::outs() << llvm::json::Value(llvm::json::Object{
                        {"test", row.test},
                        {"architecture", session.info.architecture},
                        {"isa", session.info.isa},
                        {"threads", int64_t(session.info.threads)},
                        {"tokens", row.tokens},
                        {"median_ms", median(row.seconds) * 1e3},
                        {"samples_ns", std::move(samples)}})
                 << "\n";
  }
}

static void printProfile(Session &session) {
  std::vector<sennit_kernel_profile> kernels(session.info.kernel_count);
  double total = 0;
  for (uint64_t i = 0; i < kernels.size(); ++i) {
    sennit_context_profile_get(session.context.get(), i, &kernels[i], nullptr);
    total += kernels[i].nanoseconds;
  }
  llvm::sort(kernels,
             [](auto &a, auto &b) { return a.nanoseconds > b.nanoseconds; });
  llvm::outs() << "\n| kernel | share | calls | us per call |\n| --- | ---: | "
                  "---: | ---: |\n";
  for (const sennit_kernel_profile &kernel : kernels)
    if (kernel.calls > 0)
      llvm::outs() << llvm::format(
          "| %s | %.1f %% | %llu | %.1f |\n", kernel.name,
          100.0 * kernel.nanoseconds / total, (unsigned long long)kernel.calls,
          kernel.nanoseconds / 1e3 / kernel.calls);
}

static int run() {
  if (input.empty())
    return complain("bench needs an artifact, such as `sennit compile` writes",
                    usage);
  if (format != "md" && format != "json")
    return complain("format `" + format + "` is not one of md, json", usage);
  Session session;
  if (int code = openSession(input, threads, session))
    return code;
  if (prompts.empty())
    prompts.push_back(512);
  sennit_context_profile_enable(session.context.get(),
                                profile ? SENNIT_PROFILE_KERNELS
                                        : SENNIT_PROFILE_NOTHING);
  std::vector<BenchRow> rows;
  for (int64_t prompt : prompts)
    if (int code = measure(session, prompt,
                           prompt == prompts[prompts.size() - 1] ? steps : 0,
                           repeats, rows))
      return code;
  if (format == "json")
    printJson(session, rows);
  else
    printRows(rows, llvm::outs());
  if (profile)
    printProfile(session);
  return done;
}

Verb getBenchVerb() {
  return {&command, run, "sennit bench model.snt -p 256,1024 -n 128"};
}

} // namespace sennit::tools
