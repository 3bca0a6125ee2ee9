// A demonstration module, installed, loaded and with one context.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#ifndef SENNIT_TEST_RUNTIME_LOADED_H
#define SENNIT_TEST_RUNTIME_LOADED_H

#include "sennit/runtime.h"
#include "test/runtime/Artifact.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

namespace sennit::test {

struct Loaded {
  Loaded(const Demo &demo, const std::string &folder, uint32_t threads = 2) {
    sennit_load_options options = {sizeof(options), SENNIT_LOAD_NO_PINNING,
                                   threads, 0};
    std::string path = demo.install(makeFolder(folder));
    EXPECT_EQ(sennit_module_load(path.c_str(), &options, &module, &error),
              SENNIT_STATUS_OK)
        << error.message;
    EXPECT_EQ(sennit_context_create(module, &context, &error), SENNIT_STATUS_OK)
        << error.message;
  }
  ~Loaded() {
    sennit_context_destroy(context);
    sennit_module_destroy(module);
  }

  std::vector<float> prefill(const std::vector<int> &tokens) {
    std::vector<float> logits(Demo::vocabulary);
    EXPECT_EQ(sennit_context_prefill(context, tokens.data(),
                                     int64_t(tokens.size()), logits.data(),
                                     &error),
              SENNIT_STATUS_OK)
        << error.message;
    return logits;
  }
  std::vector<float> decode(int token) {
    std::vector<float> logits(Demo::vocabulary);
    EXPECT_EQ(sennit_context_decode(context, token, logits.data(), &error),
              SENNIT_STATUS_OK)
        << error.message;
    return logits;
  }

  sennit_module *module = nullptr;
  sennit_context *context = nullptr;
  sennit_error error = {};
};

/// Writes |archive| beside |demo|'s weights and loads it; the message, or ""
/// where it loads.
inline std::string load(const Demo &demo, const std::string &archive,
                        sennit_status status) {
  std::string folder = makeFolder("module");
  if (!demo.isEmbedded)
    writeFile(folder + "/demo.bin", demo.weights);
  writeFile(folder + "/a.snt", archive);
  sennit_load_options options = {sizeof(options), 0, 1, 0};
  sennit_module *module = nullptr;
  sennit_error error = {};
  EXPECT_EQ(sennit_module_load((folder + "/a.snt").c_str(), &options, &module,
                               &error),
            status)
      << error.message;
  EXPECT_EQ(module == nullptr, status != SENNIT_STATUS_OK);
  sennit_module_destroy(module);
  return error.message;
}

inline bool contains(const std::string &text, const std::string &part) {
  return text.find(part) != std::string::npos;
}

/// Tokens that repeat nothing obvious.
inline std::vector<int> makeTokens(int count) {
  std::vector<int> tokens;
  for (int i = 0; i < count; ++i)
    tokens.push_back((i * 37 + 11) % Demo::vocabulary);
  return tokens;
}

inline float distance(const std::vector<float> &a,
                      const std::vector<float> &b) {
  float worst = a.size() == b.size() ? 0 : INFINITY;
  for (size_t i = 0; i < a.size() && i < b.size(); ++i)
    worst = std::max(worst, std::abs(a[i] - b[i]));
  return worst;
}

} // namespace sennit::test

#endif // SENNIT_TEST_RUNTIME_LOADED_H
