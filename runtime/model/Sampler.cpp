// Samplers: the module's entry `sample` with its settings, and a counter that
// makes uniform numbers.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#include "runtime/model/BoundEntry.h"
#include "runtime/model/Module.h"
#include "runtime/model/Options.h"

#include <cmath>

using namespace sennit;

struct sennit_sampler {
  sennit_module *module = nullptr;
  sennit_sampler_options options;
  /// Numbers drawn so far: with the seed, all that a draw depends on.
  uint64_t draws = 0;
  /// What the entry reads and writes beside the logits.
  double uniform = 0;
  int32_t token = 0;
  ModelMemory arena;
  KernelRunner runner;
  BoundEntry entry;
};

static Status checkOptions(const sennit_sampler_options &options) {
  if (!(options.temperature >= 0) || std::isinf(options.temperature) ||
      options.top_k < 0 || !(options.top_p >= 0 && options.top_p <= 1))
    return makeError(SENNIT_STATUS_INVALID_ARGUMENT,
                     "temperature is %g, top-k %d and top-p %g, expected a "
                     "finite number not below 0, an integer not below 0, and 0 "
                     "to 1",
                     double(options.temperature), options.top_k,
                     double(options.top_p));
  return {};
}

static Status create(sennit_sampler &sampler) {
  const sennit_module &module = *sampler.module;
  const Manifest &manifest = module.manifest;
  Accelerator *accelerator = module.accelerator;
  if (accelerator)
    SENNIT_RETURN_IF_ERROR(accelerator->enter());
  const ManifestEntry *entry = manifest.findEntry("sample");
  if (!entry)
    return makeError(SENNIT_STATUS_UNSUPPORTED,
                     "the module has no entry `sample`");
  for (const ManifestArgument &argument : entry->arguments)
    if (argument.kind == ArgumentKind::Arena && !sampler.arena.data())
      SENNIT_RETURN_IF_ERROR(
          sampler.arena.create(accelerator, manifest.arenaBytes, "the arena"));
  SENNIT_RETURN_IF_ERROR(sampler.runner.create(
      sampler.module->pool, accelerator, manifest.scratchBytes, 0));
  size_t number = static_cast<size_t>(entry - manifest.entries.begin());
  return sampler.entry.bind(*entry, module.functions[number],
                            {module.constants.data(), sampler.arena.data(),
                             nullptr, nullptr, accelerator});
}

/// Says why the entry has chosen no token.
static Status explainRefusal(const float *logits, int64_t vocabulary) {
  for (int64_t i = 0; i < vocabulary; ++i)
    if (std::isnan(logits[i]) || logits[i] == INFINITY)
      return makeError(SENNIT_STATUS_NUMERICAL,
                       "logit %lld is %g, expected a finite number or "
                       "-infinity",
                       static_cast<long long>(i), double(logits[i]));
  return makeError(SENNIT_STATUS_NUMERICAL,
                   "all %lld logits are -infinity, so no token remains",
                   static_cast<long long>(vocabulary));
}

static Status sample(sennit_sampler &sampler, const float *logits,
                     int32_t &out_token) {
  int64_t vocabulary = sampler.module->manifest.vocabulary;
  sampler.uniform = sennit_draw_uniform(sampler.options.seed, sampler.draws);
  // The order of the entry's inputs, which the manifest's reader has checked;
  // none is written to.
  const sennit_buffer inputs[] = {
      {const_cast<float *>(logits), uint64_t(vocabulary) * sizeof(float)},
      {&sampler.uniform, sizeof(double)},
      {&sampler.options.temperature, sizeof(float)},
      {&sampler.options.top_k, sizeof(int32_t)},
      {&sampler.options.top_p, sizeof(float)}};
  const sennit_buffer output = {&sampler.token, sizeof(int32_t)};
  SENNIT_RETURN_IF_ERROR(
      sampler.entry.call(sampler.runner, inputs, &output, 1, 0));
  if (sampler.token < 0)
    return explainRefusal(logits, vocabulary);
  ++sampler.draws;
  out_token = sampler.token;
  return {};
}

double sennit_draw_uniform(uint64_t seed, uint64_t number) {
  uint64_t z = seed + (number + 1) * 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return double((z ^ z >> 31) >> 11) * 0x1p-53;
}

sennit_status sennit_sampler_create(sennit_module *module,
                                    const sennit_sampler_options *options,
                                    sennit_sampler **out_sampler,
                                    sennit_error *out_error) {
  if (out_sampler)
    *out_sampler = nullptr;
  if (!module || !out_sampler)
    return makeError(SENNIT_STATUS_INVALID_ARGUMENT,
                     "`module` or `out_sampler` is NULL")
        .exportTo(out_error);
  sennit_sampler_options known;
  Status status = readOptions(options, "sennit_sampler_options", known);
  if (status.isOk())
    status = checkOptions(known);
  if (!status.isOk())
    return status.exportTo(out_error);
  auto *sampler = createObject<sennit_sampler>();
  if (!sampler)
    return makeOutOfMemory("a sampler", sizeof(*sampler)).exportTo(out_error);
  sampler->options = known;
  sampler->module = module;
  module->references.fetch_add(1);
  if (status = create(*sampler); !status.isOk()) {
    sennit_sampler_destroy(sampler);
    return status.exportTo(out_error);
  }
  *out_sampler = sampler;
  return SENNIT_STATUS_OK;
}

void sennit_sampler_destroy(sennit_sampler *sampler) {
  if (!sampler)
    return;
  sennit_module *module = sampler->module;
  destroyObject(sampler);
  releaseModule(module);
}

sennit_status sennit_sampler_sample(sennit_sampler *sampler,
                                    const float *logits, int32_t *out_token,
                                    sennit_error *out_error) {
  if (!sampler || !logits || !out_token)
    return makeError(SENNIT_STATUS_INVALID_ARGUMENT,
                     "`sampler`, `logits` or `out_token` is NULL")
        .exportTo(out_error);
  return sample(*sampler, logits, *out_token).exportTo(out_error);
}
