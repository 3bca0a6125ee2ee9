// Two compiled modules of one model: whether they agree, and how long each
// takes.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
//   sennit-compare-modules REFERENCE.snt MODULE.snt [TOKENS [STEPS [profile]]]
//
// Feeds both the same random tokens, at once and then one by one, and prints
// JSON: the largest difference of logits over the largest logit, and medians of
// milliseconds. Needs the runtime alone, so that it runs where a device is.
#include "sennit/runtime.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

namespace {
[[noreturn]] void fail(const char *what, const sennit_error &error) {
  fprintf(stderr, "sennit-compare-modules: %s: %s\n", what, error.message);
  exit(1);
}

using Clock = std::chrono::steady_clock;
double millisecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start)
      .count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

/// A module and one context of it.
struct Model {
  sennit_module *module = nullptr;
  sennit_context *context = nullptr;
  sennit_module_info info = {};
  double loadMilliseconds = 0;
  std::vector<double> prefills, steps;

  explicit Model(const char *path) {
    sennit_error error = {};
    auto start = Clock::now();
    if (sennit_module_load(path, nullptr, &module, &error))
      fail(path, error);
    loadMilliseconds = millisecondsSince(start);
    info.size = sizeof(info);
    if (sennit_module_get_info(module, &info, &error) ||
        sennit_context_create(module, &context, &error))
      fail(path, error);
  }

  /// Rows of logits: after the prompt, and after each step.
  std::vector<float> run(const std::vector<int32_t> &tokens, size_t prompt) {
    sennit_error error = {};
    size_t width = static_cast<size_t>(info.vocabulary);
    std::vector<float> logits((tokens.size() - prompt + 1) * width);
    sennit_context_reset(context);
    auto start = Clock::now();
    if (sennit_context_prefill(context, tokens.data(),
                               static_cast<int64_t>(prompt), logits.data(),
                               &error))
      fail("prefill", error);
    prefills.push_back(millisecondsSince(start));
    for (size_t i = prompt; i < tokens.size(); ++i) {
      start = Clock::now();
      if (sennit_context_decode(context, tokens[i],
                                logits.data() + (i - prompt + 1) * width,
                                &error))
        fail("decode", error);
      steps.push_back(millisecondsSince(start));
    }
    return logits;
  }
};

/// Kernels of one more run, the slowest first: calls and microseconds of each.
void printProfile(Model &model, const std::vector<int32_t> &tokens,
                  size_t prompt) {
  sennit_context_profile_enable(model.context, 1);
  model.run(tokens, prompt);
  std::vector<sennit_kernel_profile> kernels(model.info.kernel_count);
  sennit_error error = {};
  for (uint64_t i = 0; i < kernels.size(); ++i)
    if (sennit_context_profile_get(model.context, i, &kernels[i], &error))
      fail("profile", error);
  std::sort(kernels.begin(), kernels.end(),
            [](auto &a, auto &b) { return a.nanoseconds > b.nanoseconds; });
  printf("  \"kernels\": [");
  for (size_t i = 0; i < std::min<size_t>(kernels.size(), 16); ++i)
    printf("%s\n    {\"name\": \"%s\", \"calls\": %llu, \"us\": %.1f}",
           i ? "," : "", kernels[i].name,
           static_cast<unsigned long long>(kernels[i].calls),
           double(kernels[i].nanoseconds) / 1e3 /
               double(std::max<uint64_t>(kernels[i].calls, 1)));
  printf("],\n");
}

void print(const char *name, const Model &model, bool isLast) {
  printf("  \"%s\": {\"machine\": \"%s\", \"isa\": \"%s\", \"load_ms\": %.1f, "
         "\"prefill_ms\": %.4f, \"step_ms\": %.4f}%s\n",
         name, model.info.machine, model.info.isa, model.loadMilliseconds,
         median(model.prefills), median(model.steps), isLast ? "" : ",");
}
} // namespace

int main(int count, char **arguments) {
  if (count < 3) {
    fprintf(stderr, "usage: sennit-compare-modules REFERENCE.snt MODULE.snt "
                    "[TOKENS [STEPS [profile]]]\n");
    return 2;
  }
  size_t prompt = count > 3 ? strtoul(arguments[3], nullptr, 10) : 128;
  size_t steps = count > 4 ? strtoul(arguments[4], nullptr, 10) : 32;
  Model reference(arguments[1]), model(arguments[2]);
  if (reference.info.vocabulary != model.info.vocabulary) {
    fprintf(stderr,
            "sennit-compare-modules: vocabularies of %lld and %lld "
            "tokens are not of one model\n",
            static_cast<long long>(reference.info.vocabulary),
            static_cast<long long>(model.info.vocabulary));
    return 1;
  }
  std::mt19937 random(1);
  std::vector<int32_t> tokens(prompt + steps);
  for (int32_t &token : tokens)
    token = static_cast<int32_t>(random() %
                                 static_cast<uint32_t>(model.info.vocabulary));
  double worst = 0;
  for (int round = 0; round < 5; ++round) {
    std::vector<float> expected = reference.run(tokens, prompt);
    std::vector<float> found = model.run(tokens, prompt);
    double largest = 0, difference = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
      largest = std::max(largest, std::fabs(double(expected[i])));
      double here = std::fabs(double(expected[i]) - double(found[i]));
      difference = std::max(difference, std::isnan(here) ? INFINITY : here);
    }
    worst = std::max(worst, difference / largest);
  }
  printf("{\n  \"tokens\": %zu, \"steps\": %zu, \"error\": %.3g,\n", prompt,
         steps, worst);
  if (count > 5)
    printProfile(model, tokens, prompt);
  print("reference", reference, false);
  print("module", model, true);
  printf("}\n");
  return 0;
}
