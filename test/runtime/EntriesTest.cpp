// Entries by number: descriptions, calls with buffers, and what they refuse.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/runtime/Loaded.h"

using namespace sennit::test;

namespace {

/// The number of the entry `name`, which must be there.
uint64_t find(Loaded &loaded, const char *name) {
  uint64_t entry = ~uint64_t(0);
  EXPECT_EQ(
      sennit_module_find_entry(loaded.module, name, &entry, &loaded.error),
      SENNIT_STATUS_OK)
      << loaded.error.message;
  return entry;
}

/// What the entry `blend` takes and gives.
struct Blend {
  float a[6] = {1, 2, 3, -4, 5, 6};
  int64_t b[3] = {2, 3, -1};
  float y[6] = {};
  char positive[2] = {9, 9};

  sennit_status call(Loaded &loaded) {
    const sennit_buffer inputs[] = {{a, aBytes}, {b, sizeof(b)}};
    const sennit_buffer outputs[] = {
        {y, sizeof(y)}, {positive, 2}, {nullptr, 0}};
    return sennit_context_call(loaded.context, find(loaded, "blend"), inputs,
                               inputCount, outputs, 3, &loaded.error);
  }
  uint64_t aBytes = sizeof(a), inputCount = 2;
};

} // namespace

TEST(Entries, AreListedWithoutTheOneThatLoads) {
  Loaded loaded(Demo(), "entries-list");
  std::vector<std::string> names;
  for (uint64_t i = 0; i < sennit_module_entry_count(loaded.module); ++i) {
    sennit_entry_info info = {};
    info.size = sizeof(info);
    ASSERT_EQ(sennit_module_get_entry(loaded.module, i, &info, nullptr), 0);
    names.push_back(info.name);
    EXPECT_EQ(find(loaded, info.name), i);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"prefill", "decode", "score",
                                             "trace", "blend", "sample"}));
}

TEST(Entries, DescribeTheirTensors) {
  Loaded loaded(Demo(), "entries-describe");
  sennit_entry_info entry = {};
  entry.size = sizeof(entry);
  sennit_module_get_entry(loaded.module, find(loaded, "trace"), &entry,
                          nullptr);
  EXPECT_EQ(entry.max_tokens, 16);
  EXPECT_EQ(entry.uses_state, 1u);
  EXPECT_EQ(entry.input_count, 1u);
  sennit_tensor_info tensor = {};
  tensor.size = sizeof(tensor);
  ASSERT_EQ(sennit_module_get_output(loaded.module, find(loaded, "trace"), 0,
                                     &tensor, nullptr),
            SENNIT_STATUS_OK);
  EXPECT_STREQ(tensor.name, "hidden");
  EXPECT_EQ(tensor.element, SENNIT_ELEMENT_F32);
  ASSERT_EQ(tensor.rank, 2u);
  EXPECT_EQ(tensor.shape[0], SENNIT_EXTENT_TOKENS);
  EXPECT_EQ(tensor.bytes, 32u);
  ASSERT_EQ(sennit_module_get_output(loaded.module, find(loaded, "blend"), 2,
                                     &tensor, nullptr),
            SENNIT_STATUS_OK);
  EXPECT_EQ(tensor.element, SENNIT_ELEMENT_F64);
  EXPECT_EQ(tensor.bytes, 0u);
}

TEST(Entries, OlderCallersGetWhatTheyKnow) {
  Loaded loaded(Demo(), "entries-older");
  sennit_tensor_info tensor = {};
  tensor.size = 8;
  tensor.rank = 77;
  ASSERT_EQ(sennit_module_get_input(loaded.module, find(loaded, "blend"), 1,
                                    &tensor, nullptr),
            SENNIT_STATUS_OK);
  EXPECT_EQ(tensor.element, SENNIT_ELEMENT_I64);
  EXPECT_EQ(tensor.rank, 77u);
}

TEST(Entries, AreCalledWithBuffers) {
  Loaded loaded(Demo(), "entries-call");
  Blend blend;
  ASSERT_EQ(blend.call(loaded), SENNIT_STATUS_OK) << loaded.error.message;
  EXPECT_EQ(std::vector<float>(blend.y, blend.y + 6),
            (std::vector<float>{2, 6, -3, -8, 15, -6}));
  EXPECT_EQ(blend.positive[0], 1);
  EXPECT_EQ(blend.positive[1], 0);
  EXPECT_EQ(sennit_context_position(loaded.context), 0);
}

TEST(Entries, TokensFollowFromSizesAndExtendTheSequence) {
  Demo demo;
  Loaded loaded(demo, "entries-tokens");
  std::vector<int> tokens = makeTokens(9);
  std::vector<float> hidden(5 * 8);
  const sennit_buffer input = {tokens.data(), 5 * 4};
  const sennit_buffer output = {hidden.data(), hidden.size() * 4};
  ASSERT_EQ(sennit_context_call(loaded.context, find(loaded, "trace"), &input,
                                1, &output, 1, &loaded.error),
            SENNIT_STATUS_OK)
      << loaded.error.message;
  EXPECT_EQ(sennit_context_position(loaded.context), 5);
  // A language model's own functions go on from there.
  for (int i = 5; i < 9; ++i)
    EXPECT_LT(distance(loaded.decode(tokens[i]), demo.expect(tokens)[i]), 1e-4);
}

TEST(Entries, AModelsEntriesAreCallableToo) {
  Demo demo;
  Loaded loaded(demo, "entries-decode");
  std::vector<float> logits(Demo::vocabulary);
  int32_t token = 11;
  const sennit_buffer input = {&token, 4};
  const sennit_buffer output = {logits.data(), logits.size() * 4};
  for (int call = 0; call < 2; ++call)
    ASSERT_EQ(sennit_context_call(loaded.context, find(loaded, "decode"),
                                  &input, 1, &output, 1, &loaded.error),
              SENNIT_STATUS_OK)
        << loaded.error.message;
  EXPECT_LT(distance(logits, demo.expect({11, 11})[1]), 1e-4);
}

TEST(Entries, RefuseWrongBuffersByName) {
  Loaded loaded(Demo(), "entries-refuse");
  Blend blend;
  blend.aBytes = 20;
  EXPECT_EQ(blend.call(loaded), SENNIT_STATUS_INVALID_ARGUMENT);
  EXPECT_STREQ(loaded.error.message,
               "input `a` of entry `blend` is given 20 bytes, expected 24");
  blend.aBytes = 24;
  blend.inputCount = 1;
  EXPECT_EQ(blend.call(loaded), SENNIT_STATUS_INVALID_ARGUMENT);
  EXPECT_STREQ(loaded.error.message,
               "entry `blend` is given 1 inputs, expected 2");
  EXPECT_EQ(sennit_context_call(loaded.context, 99, nullptr, 0, nullptr, 0,
                                &loaded.error),
            SENNIT_STATUS_INVALID_ARGUMENT);
  EXPECT_STREQ(loaded.error.message, "entry 99 is asked for, the module has 6");
  EXPECT_EQ(sennit_context_call(nullptr, 0, nullptr, 0, nullptr, 0, nullptr),
            SENNIT_STATUS_INVALID_ARGUMENT);
}

TEST(Entries, RefuseTokensAsTheModelsFunctionsDo) {
  Loaded loaded(Demo(), "entries-bad-tokens");
  std::vector<float> hidden(17 * 8);
  std::vector<int> tokens = makeTokens(17);
  auto call = [&](uint64_t inputBytes, uint64_t outputBytes) {
    const sennit_buffer input = {tokens.data(), inputBytes};
    const sennit_buffer output = {hidden.data(), outputBytes};
    return sennit_context_call(loaded.context, find(loaded, "trace"), &input, 1,
                               &output, 1, &loaded.error);
  };
  EXPECT_EQ(call(3 * 4, 2 * 32), SENNIT_STATUS_INVALID_ARGUMENT);
  EXPECT_TRUE(contains(loaded.error.message, "expected 96 for its tokens"));
  EXPECT_EQ(call(0, 0), SENNIT_STATUS_INVALID_ARGUMENT);
  // More than the entry takes at once.
  EXPECT_EQ(call(17 * 4, 17 * 32), SENNIT_STATUS_INVALID_ARGUMENT);
  tokens[1] = Demo::vocabulary;
  EXPECT_EQ(call(3 * 4, 3 * 32), SENNIT_STATUS_INVALID_ARGUMENT);
  EXPECT_TRUE(contains(loaded.error.message, "token 1 is 256"));
  EXPECT_EQ(sennit_context_position(loaded.context), 0);
  tokens[1] = 1;
  loaded.prefill(makeTokens(60));
  EXPECT_EQ(call(5 * 4, 5 * 32), SENNIT_STATUS_CONTEXT_FULL);
  EXPECT_EQ(sennit_context_position(loaded.context), 60);
}

TEST(Entries, RefuseNamesAndNumbersThatAreNotThere) {
  Loaded loaded(Demo(), "entries-unknown");
  uint64_t entry = 7;
  EXPECT_EQ(sennit_module_find_entry(loaded.module, "initialize", &entry,
                                     &loaded.error),
            SENNIT_STATUS_UNSUPPORTED);
  EXPECT_STREQ(loaded.error.message, "the module has no entry `initialize`");
  EXPECT_EQ(entry, 7u);
  sennit_tensor_info tensor = {};
  tensor.size = sizeof(tensor);
  EXPECT_EQ(sennit_module_get_input(loaded.module, find(loaded, "blend"), 2,
                                    &tensor, &loaded.error),
            SENNIT_STATUS_INVALID_ARGUMENT);
  EXPECT_STREQ(loaded.error.message,
               "input 2 of entry `blend` is asked for, it has 2");
  tensor.size = 0;
  EXPECT_EQ(sennit_module_get_input(loaded.module, find(loaded, "blend"), 0,
                                    &tensor, nullptr),
            SENNIT_STATUS_INVALID_ARGUMENT);
}
