// Two compiled modules of one model: whether they agree, and how long each
// takes.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
//   sennit-compare-modules REFERENCE.snt MODULE.snt [TOKENS [STEPS [profile]]]
//
// Feeds both the same random tokens, at once and then one by one, and prints
// JSON: the largest difference of logits over the largest logit, and medians of
// milliseconds. Of a module that is no language model, every entry is called
// on random tensors, integers being 0 or 1, and both take turns: the least
// microseconds of many calls. Needs the runtime alone, so that it runs where a
// device is.
#include "sennit/runtime.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
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

/// Kernels since the profile was enabled, the slowest first: calls and
/// microseconds of each.
void printKernels(Model &model) {
  sennit_error error = {};
  std::vector<sennit_kernel_profile> kernels(model.info.kernel_count);
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

/// The kernels of one more run.
void printProfile(Model &model, const std::vector<int32_t> &tokens,
                  size_t prompt) {
  // A kernel by itself takes longer: this run's times are not the model's.
  std::vector<double> prefills = model.prefills, steps = model.steps;
  sennit_context_profile_enable(model.context, SENNIT_PROFILE_KERNELS);
  model.run(tokens, prompt);
  model.prefills = prefills;
  model.steps = steps;
  printKernels(model);
}

void print(const char *name, const Model &model, bool isLast) {
  printf("  \"%s\": {\"machine\": \"%s\", \"isa\": \"%s\", \"load_ms\": %.1f, "
         "\"prefill_ms\": %.4f, \"step_ms\": %.4f}%s\n",
         name, model.info.machine, model.info.isa, model.loadMilliseconds,
         median(model.prefills), median(model.steps), isLast ? "" : ",");
}
/// A tensor of an entry, of at most |tokens| tokens.
struct Tensor {
  sennit_tensor_info info;
  std::vector<uint8_t> bytes;

  Tensor(const sennit_module *module, uint64_t entry, uint64_t index,
         bool isInput, int64_t tokens) {
    info.size = sizeof(info);
    sennit_error error = {};
    auto get = isInput ? sennit_module_get_input : sennit_module_get_output;
    if (get(module, entry, index, &info, &error))
      fail("tensor", error);
    bool hasTokens = info.rank != 0 && info.shape[0] == SENNIT_EXTENT_TOKENS;
    bytes.resize(info.bytes * static_cast<uint64_t>(hasTokens ? tokens : 1));
  }

  template <typename T> T *as() { return reinterpret_cast<T *>(bytes.data()); }
  size_t width() const {
    static const size_t widths[] = {0, 8, 4, 2, 2, 8, 4, 2, 1, 8, 4, 2, 1, 1};
    return info.element <= SENNIT_ELEMENT_BOOL ? widths[info.element] : 1;
  }

  /// Normal numbers of width 1 / 2, and 0 or 1.
  void fill(std::mt19937 &random) {
    std::normal_distribution<float> normal(0, 0.5f);
    for (size_t i = 0; i < bytes.size() / width(); ++i) {
      float number = normal(random);
      uint32_t bits;
      memcpy(&bits, &number, sizeof(bits));
      switch (info.element) {
      case SENNIT_ELEMENT_F64:
        as<double>()[i] = number;
        break;
      case SENNIT_ELEMENT_F32:
        as<float>()[i] = number;
        break;
      case SENNIT_ELEMENT_BF16:
        as<uint16_t>()[i] = static_cast<uint16_t>(bits >> 16);
        break;
      case SENNIT_ELEMENT_F16:
        // Powers of two: 0.25, 0.5 and 1 with a sign.
        as<uint16_t>()[i] = static_cast<uint16_t>(
            (0x3400 + 0x400 * (bits % 3)) | (bits >> 31 << 15));
        break;
      default:
        bytes[i * width()] = bits % 2;
      }
    }
  }

  double at(size_t i) {
    auto wide = [&](uint32_t bits) {
      float number;
      memcpy(&number, &bits, sizeof(bits));
      return double(number);
    };
    switch (info.element) {
    case SENNIT_ELEMENT_F64:
      return as<double>()[i];
    case SENNIT_ELEMENT_F32:
      return double(as<float>()[i]);
    case SENNIT_ELEMENT_BF16:
      return wide(uint32_t(as<uint16_t>()[i]) << 16);
    case SENNIT_ELEMENT_F16:
      return double(as<_Float16>()[i]);
    case SENNIT_ELEMENT_I64:
      return double(as<int64_t>()[i]);
    case SENNIT_ELEMENT_I32:
      return double(as<int32_t>()[i]);
    default:
      return double(bytes[i * width()]);
    }
  }
};

/// The largest difference of two outputs over the largest number, or infinity
/// where one alone is NaN.
double compare(Tensor &expected, Tensor &found) {
  double largest = 1e-30, difference = 0;
  for (size_t i = 0; i < expected.bytes.size() / expected.width(); ++i) {
    double a = expected.at(i), b = found.at(i);
    if (a == b || (std::isnan(a) && std::isnan(b)))
      continue;
    if (std::isfinite(a))
      largest = std::max(largest, std::fabs(a));
    double here = std::fabs(a - b);
    difference = std::max(difference, std::isnan(here) ? INFINITY : here);
  }
  return difference / std::max(largest, difference == 0 ? 1.0 : 1e-3);
}

/// Calls every entry of both modules on the same tensors; whether each output
/// agrees to one part in a hundred, as bf16 results do. Profiled, every entry
/// is called again some times.
int compareEntries(Model &reference, Model &model, bool isProfiled) {
  std::mt19937 random(1);
  double worst = 0, microseconds[2] = {};
  uint64_t entries = sennit_module_entry_count(model.module);
  for (uint64_t entry = 0; entry < entries; ++entry) {
    sennit_entry_info info = {};
    info.size = sizeof(info);
    sennit_error error = {};
    if (sennit_module_get_entry(model.module, entry, &info, &error))
      fail("entry", error);
    int64_t tokens =
        std::max<int64_t>(1, std::min<int64_t>(info.max_tokens, 7));
    std::vector<Tensor> inputs, outputs, expected;
    std::vector<sennit_buffer> given, taken, wanted;
    for (uint64_t i = 0; i < info.input_count; ++i) {
      inputs.emplace_back(model.module, entry, i, true, tokens);
      inputs.back().fill(random);
    }
    for (uint64_t i = 0; i < info.output_count; ++i) {
      outputs.emplace_back(model.module, entry, i, false, tokens);
      expected.emplace_back(model.module, entry, i, false, tokens);
    }
    for (Tensor &tensor : inputs)
      given.push_back({tensor.bytes.data(), tensor.bytes.size()});
    for (Tensor &tensor : outputs)
      taken.push_back({tensor.bytes.data(), tensor.bytes.size()});
    for (Tensor &tensor : expected)
      wanted.push_back({tensor.bytes.data(), tensor.bytes.size()});
    if (sennit_context_call(reference.context, entry, given.data(),
                            given.size(), wanted.data(), wanted.size(),
                            &error) ||
        sennit_context_call(model.context, entry, given.data(), given.size(),
                            taken.data(), taken.size(), &error))
      fail(info.name, error);
    for (size_t i = 0; i < outputs.size(); ++i)
      worst = std::max(worst, compare(expected[i], outputs[i]));
    double least[2] = {INFINITY, INFINITY};
    auto start = Clock::now();
    for (int turn = 0; turn < 20 || millisecondsSince(start) < 300; ++turn) {
      auto before = Clock::now();
      if (sennit_context_call(turn % 2 ? model.context : reference.context,
                              entry, given.data(), given.size(), taken.data(),
                              taken.size(), &error))
        fail(info.name, error);
      double &known = least[turn % 2];
      known = std::min(known, 1e3 * millisecondsSince(before));
    }
    microseconds[0] += least[0];
    microseconds[1] += least[1];
    constexpr int calls = 20;
    sennit_context_profile_enable(model.context, isProfiled
                                                     ? SENNIT_PROFILE_KERNELS
                                                     : SENNIT_PROFILE_NOTHING);
    for (int call = 0; call < calls && isProfiled; ++call)
      if (sennit_context_call(model.context, entry, given.data(), given.size(),
                              taken.data(), taken.size(), &error))
        fail(info.name, error);
  }
  printf("{\n");
  if (isProfiled)
    printKernels(model);
  printf("  \"entries\": %llu, \"error\": %.3g, \"reference_us\": %.3f, "
         "\"module_us\": %.3f\n}\n",
         static_cast<unsigned long long>(entries), worst, microseconds[0],
         microseconds[1]);
  return worst < 1e-2 ? 0 : 1;
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
  if (model.info.vocabulary == 0)
    return compareEntries(reference, model, count > 5);
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
