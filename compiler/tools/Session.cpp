// Loads artifacts, generates, and compares with golden values, through the
// runtime's C interface.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/tools/Verbs.h"
#include "frontends/hf/Safetensors.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/MemoryBuffer.h"
#include <chrono>
#include <cmath>
#include <cstring>

namespace sennit::tools {

static int exitCodeOf(sennit_status status) {
  if (status == SENNIT_STATUS_UNSUPPORTED)
    return unsupported;
  return status == SENNIT_STATUS_INTERNAL ? defect : failed;
}

int openSession(llvm::StringRef path, unsigned threads, Session &session) {
  sennit_load_options options = {};
  options.size = sizeof(options);
  options.threads = threads;
  sennit_error error;
  sennit_module *module = nullptr;
  sennit_context *context = nullptr;
  if (auto status =
          sennit_module_load(path.str().c_str(), &options, &module, &error))
    return complain(error.message, exitCodeOf(status));
  session.module.reset(module);
  session.info.size = sizeof(session.info);
  if (auto status = sennit_module_get_info(module, &session.info, &error))
    return complain(error.message, exitCodeOf(status));
  if (auto status = sennit_context_create(module, &context, &error))
    return complain(error.message, exitCodeOf(status));
  session.context.reset(context);
  return done;
}

template <typename T>
static std::vector<T> readTensor(const hf::StoredTensor &tensor,
                                 llvm::StringRef data) {
  std::vector<T> values((tensor.end - tensor.begin) / sizeof(T));
  std::memcpy(values.data(), data.data() + tensor.begin,
              values.size() * sizeof(T));
  return values;
}

llvm::Expected<Golden> readGolden(llvm::StringRef path) {
  auto tensors = hf::readSafetensors(path);
  if (!tensors)
    return tensors.takeError();
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                          /*RequiresNullTerminator=*/false);
  if (!file)
    return llvm::createStringError("`" + path +
                                   "`: " + file.getError().message());
  Golden golden;
  for (const hf::StoredTensor &tensor : *tensors) {
    llvm::StringRef data = (*file)->getBuffer();
    if (tensor.name == "tokens" && tensor.elementType == "I32")
      golden.tokens = readTensor<int32_t>(tensor, data);
    else if (tensor.name == "greedy" && tensor.elementType == "I32")
      golden.greedy = readTensor<int32_t>(tensor, data);
    else if (tensor.name == "logits" && tensor.elementType == "F32")
      golden.logits = readTensor<float>(tensor, data);
  }
  if (golden.tokens.empty() || golden.logits.empty())
    return llvm::createStringError(
        "`" + path + "` has no `tokens` (I32) and `logits` (F32)");
  return golden;
}

/// Largest difference over the row's largest magnitude; infinite for NaN.
static double rowError(const float *row, const float *expected, int64_t width) {
  double difference = 0, magnitude = 0;
  for (int64_t i = 0; i < width; ++i) {
    double d = std::abs(double(row[i]) - expected[i]);
    difference = std::max(difference, std::isnan(d) ? INFINITY : d);
    magnitude = std::max(magnitude, std::abs(double(expected[i])));
  }
  return difference / magnitude;
}

int compareWithGolden(Session &session, const Golden &golden,
                      GoldenErrors &errors) {
  int64_t width = session.info.vocabulary, count = golden.tokens.size();
  if (int64_t(golden.logits.size()) != width * count)
    return complain(
        "the golden logits have " + llvm::Twine(golden.logits.size()) +
            " values where the artifact gives " + llvm::Twine(width * count),
        failed);
  std::vector<float> logits(width * count);
  sennit_error error;
  sennit_context *context = session.context.get();
  if (auto status = sennit_context_score(context, golden.tokens.data(), count,
                                         logits.data(), &error))
    return complain(error.message, exitCodeOf(status));
  for (int64_t t = 0; t < count; ++t)
    errors.score =
        std::max(errors.score, rowError(&logits[t * width],
                                        &golden.logits[t * width], width));
  sennit_context_reset(context);
  for (int64_t t = 0; t < count; ++t) {
    if (auto status = sennit_context_decode(context, golden.tokens[t],
                                            logits.data(), &error))
      return complain(error.message, exitCodeOf(status));
    errors.steps =
        std::max(errors.steps,
                 rowError(logits.data(), &golden.logits[t * width], width));
  }
  for (int32_t expected : golden.greedy) {
    int32_t best = std::max_element(logits.begin(), logits.begin() + width) -
                   logits.begin();
    if (best != expected)
      break;
    ++errors.greedyAgreed;
    if (auto status =
            sennit_context_decode(context, best, logits.data(), &error))
      return complain(error.message, exitCodeOf(status));
  }
  sennit_context_reset(context);
  return done;
}

void printToken(const Session &session, int32_t token) {
  if (session.info.byte_level)
    llvm::outs() << char(token);
  else
    llvm::outs() << token << ' ';
  llvm::outs().flush();
}

bool endsText(const Session &session, int32_t token) {
  for (uint64_t i = 0; i < session.info.end_of_text_count; ++i)
    if (session.info.end_of_text[i] == token)
      return true;
  return false;
}

int generate(Session &session, const GenerateOptions &options) {
  sennit_sampler_options sampling = {};
  sampling.size = sizeof(sampling);
  sampling.temperature = options.temperature;
  sampling.top_k = options.topK;
  sampling.top_p = options.topP;
  sampling.seed = options.seed;
  sennit_error error;
  sennit_sampler *sampler = nullptr;
  if (auto status = sennit_sampler_create(session.module.get(), &sampling,
                                          &sampler, &error))
    return complain(error.message, exitCodeOf(status));
  SamplerPtr owner(sampler);
  using Clock = std::chrono::steady_clock;
  std::vector<float> logits(session.info.vocabulary);
  sennit_context *context = session.context.get();
  auto start = Clock::now();
  if (auto status =
          sennit_context_prefill(context, options.prompt.data(),
                                 options.prompt.size(), logits.data(), &error))
    return complain(error.message, exitCodeOf(status));
  auto first = Clock::now();
  if (session.info.byte_level)
    for (int32_t token : options.prompt)
      printToken(session, token);
  int64_t made = 0;
  for (; made < options.maxTokens &&
         sennit_context_position(context) < session.info.context_length;
       ++made) {
    int32_t token = 0;
    if (auto status =
            sennit_sampler_sample(sampler, logits.data(), &token, &error))
      return complain(error.message, exitCodeOf(status));
    if (endsText(session, token))
      break;
    printToken(session, token);
    if (auto status =
            sennit_context_decode(context, token, logits.data(), &error))
      return complain(error.message, exitCodeOf(status));
  }
  std::chrono::duration<double> prefill = first - start,
                                steps = Clock::now() - first;
  llvm::outs() << "\n";
  llvm::outs().flush();
  llvm::errs() << llvm::format(
      "prefill %zu tokens, %.0f tokens/s; generated %lld, %.0f tokens/s; %llu "
      "threads of %s:%s\n",
      options.prompt.size(), options.prompt.size() / prefill.count(),
      (long long)made, made / std::max(steps.count(), 1e-9),
      (unsigned long long)session.info.threads, session.info.machine,
      session.info.isa);
  return done;
}

} // namespace sennit::tools
