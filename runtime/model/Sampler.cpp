// Sampling: greedy, or temperature, top-k and top-p, in memory reserved once.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#include "runtime/Memory.h"
#include "runtime/model/Options.h"

#include <algorithm>
#include <cmath>

using namespace sennit;

namespace {

struct Candidate {
  float logit;
  int32_t token;
};

/// Larger logits first; ties by the lower token, which makes every selection
/// below the same on every machine.
struct ComesFirst {
  bool operator()(const Candidate &a, const Candidate &b) const {
    return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
  }
};

} // namespace

struct sennit_sampler {
  sennit_sampler_options options;
  int64_t vocabulary = 0;
  uint64_t randomState = 0;
  Array<Candidate> candidates;
  Array<double> weights;
};

/// SplitMix64 (Steele, Lea and Flood, 2014): any seed is a good one.
static uint64_t nextRandom(uint64_t &state) {
  uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

static Status checkOptions(const sennit_sampler_options &options,
                           int64_t vocabulary) {
  if (!(options.temperature >= 0) || std::isinf(options.temperature) ||
      options.top_k < 0 || !(options.top_p >= 0 && options.top_p <= 1))
    return makeError(SENNIT_STATUS_INVALID_ARGUMENT,
                     "temperature is %g, top-k %d and top-p %g, expected a "
                     "finite number not below 0, an integer not below 0, and 0 "
                     "to 1",
                     double(options.temperature), options.top_k,
                     double(options.top_p));
  if (vocabulary < 1 || vocabulary > INT32_MAX)
    return makeError(SENNIT_STATUS_INVALID_ARGUMENT,
                     "the vocabulary has %lld tokens, expected 1 to %d",
                     static_cast<long long>(vocabulary), INT32_MAX);
  return {};
}

/// Finds the first of the largest logits and refuses what is no distribution.
static Status findLargest(const float *logits, int64_t vocabulary,
                          int32_t &out_token) {
  int64_t best = 0;
  for (int64_t i = 0; i < vocabulary; ++i) {
    if (std::isnan(logits[i]) || logits[i] == INFINITY)
      return makeError(SENNIT_STATUS_NUMERICAL,
                       "logit %lld is %g, expected a finite number or "
                       "-infinity",
                       static_cast<long long>(i), double(logits[i]));
    if (logits[i] > logits[best])
      best = i;
  }
  if (logits[best] == -INFINITY)
    return makeError(SENNIT_STATUS_NUMERICAL,
                     "all %lld logits are -infinity, so no token remains",
                     static_cast<long long>(vocabulary));
  out_token = static_cast<int32_t>(best);
  return {};
}

/// Leaves the |top_k| first candidates in front, in any order, and returns how
/// many there are.
static int64_t keepTopK(const sennit_sampler &sampler, Candidate *first,
                        int64_t count) {
  int64_t kept = sampler.options.top_k;
  if (kept == 0 || kept >= count)
    return count;
  std::nth_element(first, first + kept, first + count, ComesFirst());
  return kept;
}

/// Writes the unnormalised probabilities of |count| candidates into the
/// sampler's weights; returns their sum.
static double weigh(sennit_sampler &sampler, const Candidate *first,
                    int64_t count, float largest) {
  double temperature = sampler.options.temperature, sum = 0;
  for (int64_t i = 0; i < count; ++i) {
    // In double, since a small temperature would overflow the quotient.
    double distance = double(first[i].logit) - double(largest);
    sampler.weights[size_t(i)] = std::exp(distance / temperature);
    sum += sampler.weights[size_t(i)];
  }
  return sum;
}

/// Moves the fewest of the first candidates whose weights reach |wanted| to
/// the end of the array, and returns how many; a heap, since mostly a few of
/// very many are taken.
static int64_t keepTopP(const sennit_sampler &sampler, Candidate *first,
                        int64_t count, float largest, double wanted) {
  auto comesLast = [](const Candidate &a, const Candidate &b) {
    return ComesFirst()(b, a);
  };
  std::make_heap(first, first + count, comesLast);
  double temperature = sampler.options.temperature, sum = 0;
  int64_t kept = 0;
  while (kept < count && (kept == 0 || sum < wanted)) {
    std::pop_heap(first, first + count - kept, comesLast);
    ++kept;
    double distance = double(first[count - kept].logit) - double(largest);
    sum += std::exp(distance / temperature);
  }
  return kept;
}

static int32_t draw(sennit_sampler &sampler, const float *logits,
                    float largest) {
  Candidate *first = sampler.candidates.data();
  for (int64_t i = 0; i < sampler.vocabulary; ++i)
    first[i] = {logits[i], static_cast<int32_t>(i)};
  int64_t count = keepTopK(sampler, first, sampler.vocabulary);
  double sum = weigh(sampler, first, count, largest);
  double topP = sampler.options.top_p;
  if (topP > 0 && topP < 1) {
    int64_t kept = keepTopP(sampler, first, count, largest, topP * sum);
    first += count - kept;
    count = kept;
    sum = weigh(sampler, first, count, largest);
  }
  // 53 random bits: uniform in [0, 1).
  double target = double(nextRandom(sampler.randomState) >> 11) * 0x1p-53 * sum;
  int32_t chosen = first[0].token;
  for (int64_t i = 0; i < count && target >= 0; ++i) {
    double weight = sampler.weights[size_t(i)];
    if (weight == 0)
      continue;
    // Rounding may leave a rest after the last: then it is the one.
    chosen = first[i].token;
    target -= weight;
  }
  return chosen;
}

sennit_status sennit_sampler_create(const sennit_sampler_options *options,
                                    int64_t vocabulary,
                                    sennit_sampler **out_sampler,
                                    sennit_error *out_error) {
  if (!out_sampler)
    return makeError(SENNIT_STATUS_INVALID_ARGUMENT, "`out_sampler` is NULL")
        .exportTo(out_error);
  *out_sampler = nullptr;
  sennit_sampler_options known;
  Status status = readOptions(options, "sennit_sampler_options", known);
  if (status.isOk())
    status = checkOptions(known, vocabulary);
  if (!status.isOk())
    return status.exportTo(out_error);
  auto *sampler = createObject<sennit_sampler>();
  if (!sampler)
    return makeOutOfMemory("a sampler", sizeof(*sampler)).exportTo(out_error);
  sampler->options = known;
  sampler->vocabulary = vocabulary;
  sampler->randomState = known.seed;
  if (known.temperature > 0)
    status = sampler->candidates.grow(static_cast<size_t>(vocabulary));
  if (status.isOk() && known.temperature > 0)
    status = sampler->weights.grow(static_cast<size_t>(vocabulary));
  if (!status.isOk()) {
    sennit_sampler_destroy(sampler);
    return status.exportTo(out_error);
  }
  *out_sampler = sampler;
  return SENNIT_STATUS_OK;
}

void sennit_sampler_destroy(sennit_sampler *sampler) { destroyObject(sampler); }

sennit_status sennit_sampler_sample(sennit_sampler *sampler,
                                    const float *logits, int32_t *out_token,
                                    sennit_error *out_error) {
  if (!sampler || !logits || !out_token)
    return makeError(SENNIT_STATUS_INVALID_ARGUMENT,
                     "`sampler`, `logits` or `out_token` is NULL")
        .exportTo(out_error);
  int32_t largest = 0;
  if (Status status = findLargest(logits, sampler->vocabulary, largest);
      !status.isOk())
    return status.exportTo(out_error);
  *out_token = sampler->options.temperature > 0
                   ? draw(*sampler, logits, logits[largest])
                   : largest;
  return SENNIT_STATUS_OK;
}
