// The manifest: damage to each field is refused, with the field's path.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "runtime/artifact/Manifest.h"
#include "test/runtime/Artifact.h"

#include <gtest/gtest.h>

using namespace sennit;
using namespace sennit::test;

static std::string read(std::string text, Manifest &manifest) {
  // Every view would dangle after this, which these tests do not notice: they
  // look at messages alone.
  JsonDocument document;
  Status status = document.parse(text.data(), text.size());
  EXPECT_TRUE(status.isOk()) << status.message();
  return readManifest(document, manifest).message();
}

static std::string read(const std::string &text) {
  Manifest manifest;
  return read(text, manifest);
}

TEST(Manifest, ReadsTheDemonstrationModule) {
  Manifest manifest;
  ASSERT_EQ(read(Demo().manifest(), manifest), "");
  EXPECT_EQ(manifest.vocabulary, 256);
  EXPECT_EQ(manifest.context, 64);
  EXPECT_EQ(manifest.entries.size(), 7u);
  EXPECT_EQ(manifest.findEntry("trace")->inputs[0], 3u);
  EXPECT_EQ(manifest.findEntry("blend")->arguments[1].bytes, 24u);
  EXPECT_EQ(manifest.state[1].bytes, 256u);
  EXPECT_EQ(manifest.entries[0].arguments[3].offset, 8u + 8192u);
}

TEST(Manifest, IgnoresMembersThatItDoesNotKnow) {
  EXPECT_EQ(read(replaceOnce(Demo().manifest(), "\"abi\"",
                             "\"later\": [{}], \"abi\"")),
            "");
}

TEST(Manifest, TakesAnyEntryBesidesItsOwn) {
  EXPECT_EQ(read(replaceOnce(
                Demo().manifest(), "\"entries\": [",
                R"("entries": [{"name": "weigh", "symbol": "v", "scalars": [],
             "arguments": [{"kind": "input", "name": "anything",
                            "dtype": "bool", "shape": [2, 0]}]},)")),
            "");
}

TEST(Manifest, NeedsNoLanguageModel) {
  std::string manifest = Demo().manifest();
  size_t model = manifest.find("\"model\"");
  manifest.erase(model, manifest.find("\"sections\"") - model);
  size_t first = manifest.find("{\"name\": \"prefill\"");
  manifest.erase(first, manifest.find("{\"name\": \"trace\"") - first);
  EXPECT_EQ(read(manifest), "");
}

struct Damage {
  const char *from, *to, *message;
};

// What is replaced in the manifest, and a part of the message.
static const Damage damages[] = {
    {"\"sennit-artifact\"", "\"zip\"", "expected `sennit-artifact`"},
    {"\"version\": 1", "\"version\": 2", "version 2, this runtime reads 1"},
    {"\"version\": 1", "\"version\": 0", "`version` of the manifest is 0"},
    {"\"version\": 1", "\"version\": 1.5", "no 64-bit integer, expected an"},
    {"\"version\": 1", "\"version\": \"1\"", "a string, expected an integer"},
    {"\"version\"", "\"versio\"", "without `version`, expected one"},
    {"\"abi\": 1", "\"abi\": 2", "ABI version 2, this runtime has 1"},
    {"\"sennit test\"", "7", "`producer` of the manifest is an integer"},
    {"\"isa\": \"x86-64\"", "\"isa\": \"\"",
     "`machine.isa` of the manifest is"},
    {"\"features\": []", "\"features\": [1]", "`machine.features[0]` of the"},
    {"\"features\": []", "\"features\": {}", "an object, expected an array"},
    {"\"vocabulary\": 256", "\"vocabulary\": 0", "`model.vocabulary`"},
    {"\"vocabulary\": 256", "\"vocabulary\": 255", "`model.byte_level`"},
    {"\"vocabulary\": 256", "\"vocabulary\": 512", "[1, vocabulary]"},
    {"\"context\": 64", "\"context\": -1", "`model.context` of the manifest"},
    {"\"byte_level\": true", "\"byte_level\": 1", "expected a boolean"},
    {"[0]}", "[256]}", "`model.end_of_text[0]` of the manifest is 256"},
    {"\"sections\": [", "\"sections\": [], \"x\": [", "expected 1 to 4096"},
    {"\"sections\": [", "\"sections\": [{}, ", "`sections[0]` of the manifest"},
    {"\"code/demo.o\", \"bytes\": ", "\"c\", \"bytes\": -",
     "`sections[0].bytes`"},
    {"\"sha256\": \"", "\"sha256\": \"0", "64 lower-case hexadecimal digits"},
    {"\"sections\": [",
     "\"sections\": [{\"name\": \"code/demo.o\", \"bytes\": 1, \"sha256\": "
     "\"0000000000000000000000000000000000000000000000000000000000000000\"},",
     "`sections[1]` of the manifest is a second section of the same name"},
    {"{\"kind\": \"arena\"}", "{\"kind\": \"input\", \"name\": \"x\"}",
     "an input or output, expected none in `initialize`"},
    {"\"path\": \"demo.bin\"", "\"path\": \"\"", "`files[0].path` of the"},
    {"\"bytes\": 16392", "\"bytes\": 16391", "`entries[0].arguments[3].bytes`"},
    {"\"constants\": 16384", "\"constants\": -1", "`memory.constants`"},
    {"\"arena\": 1024", "\"arena\": 99999999999999999", "`memory.arena`"},
    {"\"scratch\": 64", "\"scratch\": null", "`memory.scratch`"},
    {"\"state\": 288", "\"state\": 287",
     "`state[1]` of the manifest is a range"},
    {"\"offset\": 32", "\"offset\": 289", "`state[1].offset` of the manifest"},
    {"\"shape\": [64]", "\"shape\": [70368744177664, 70368744177664, 8]",
     "larger than any memory"},
    {"\"dtype\": \"f32\"", "\"dtype\": \"f33\"", "`state[0].dtype`"},
    {"\"kernels\": [", "\"kernels\": [[], ", "`kernels[0]` of the manifest"},
    {"\"initialize\"", "\"initialise\"",
     "weight, expected one in `initialize`"},
    {"\"name\": \"prefill\"", "\"name\": \"decode\"",
     "`entries[1].max_tokens`"},
    {"\"name\": \"prefill\"", "\"name\": \"p\"", "without an entry `prefill`"},
    {"\"name\": \"score\"", "\"name\": \"prefill\"", "a second entry of the"},
    {"\"symbol\": \"demo_decode\"", "\"symbol\": 1", "`entries[2].symbol`"},
    {"\"max_tokens\": 16", "\"max_tokens\": 0", "`entries[1].max_tokens`"},
    {"\"max_tokens\": 1,", "\"max_tokens\": 2,", "`entries[2].max_tokens`"},
    {"\"scalars\": []", "\"scalars\": [\"past\"]", "none in `initialize`"},
    {"[\"tokens\", \"past\"]", "[\"token\"]", "`entries[1].scalars[0]`"},
    {"\"kind\": \"constants\"", "\"kind\": \"text\"",
     "`entries[0].arguments[0]"},
    {"\"kind\": \"arena\"", "\"kind\": \"state\"", "the state, expected none"},
    {"\"file\": 0", "\"file\": 1", "`entries[0].arguments[2].file`"},
    {"\"offset\": 8,", "\"offset\": 99999,",
     "`entries[0].arguments[2].offset`"},
    {"\"name\": \"tokens\"", "\"name\": \"ids\"", "has the input `ids`"},
    {"\"name\": \"logits\"", "\"name\": \"tap\"", "has the output `tap`"},
    {"\"dtype\": \"i32\", \"shape\": [\"t",
     "\"dtype\": \"i64\", \"shape\": [\"t", "expected `i32`"},
    {"[\"tokens\"]}", "[\"rows\"]}", "expected `tokens` or an integer, and"},
    {"[\"tokens\"]}", "[\"tokens\", 2]}", "expected [\"tokens\"]"},
    {"[1, 256]", "[2, 256]", "expected [1, vocabulary]"},
    {"[\"tokens\", 256]", "[1, 256]", "expected [\"tokens\", vocabulary]"},
    {"{\"kind\": \"arena\"}, {\"kind\": \"state\"},",
     "{\"kind\": \"input\", \"name\": \"tokens\", \"dtype\": \"i32\", "
     "\"shape\": [\"tokens\"]},",
     "a second one of the same name"},
    {"{\"kind\": \"output\", \"name\": \"logits\"",
     "{\"kind\": \"input\", \"name\": \"logits\"", "binds only `tokens`"},
    {"\"scalars\": [\"tokens\", \"past\"], \"arguments\": [\n"
     "    {\"kind\": \"constants\"}, {\"kind\": \"arena\"}, {\"kind\": "
     "\"state\"},\n"
     "    {\"kind\": \"input\", \"name\": \"tokens\", \"dtype\": \"i32\", "
     "\"shape\": [\"tokens\"]},",
     "\"scalars\": [\"tokens\", \"past\"], \"arguments\": [",
     "with other inputs and outputs"},
    {"\"model\": {", "\"mode\": {", "[1, vocabulary]"},
    {"\"dtype\": \"bool\"", "\"dtype\": \"bit\"",
     "`entries[5].arguments[3].dtype`"},
    {"\"dtype\": \"i64\", \"shape\": [3]",
     "\"dtype\": \"i64\", \"shape\": [-3]",
     "`entries[5].arguments[1].shape[0]`"},
    {"\"dtype\": \"i64\", \"shape\": [3]",
     "\"dtype\": \"i64\", \"shape\": [\"tokens\"]",
     "integers in an entry without `max_tokens`"},
    {"[\"tokens\", 8]", "[8, \"tokens\"]", "`tokens` or an integer, and"},
    {"\"dtype\": \"i64\", \"shape\": [3]",
     "\"dtype\": \"i64\", \"shape\": [9223372036, 9223372036]",
     "larger than any memory"},
    {"\"name\": \"uniform\"", "\"name\": \"random\"",
     "another form, expected `uniform`, f64[1]"},
    {"\"name\": \"top_p\", \"dtype\": \"f32\"",
     "\"name\": \"top_p\", \"dtype\": \"f64\"",
     "another form, expected `top_p`, f32[1]"},
    {"\"name\": \"token\", \"dtype\": \"i32\", \"shape\": [1]",
     "\"name\": \"token\", \"dtype\": \"i32\", \"shape\": [2]",
     "another form, expected `token`, i32[1]"},
    {"{\"kind\": \"output\", \"name\": \"token\"",
     "{\"kind\": \"input\", \"name\": \"token\"",
     "expected five inputs and one output"},
    {"\"name\": \"positive\"", "\"name\": \"y\"",
     "a second one of the same name"},
};

TEST(Manifest, NamesTheDamagedField) {
  const std::string manifest = Demo().manifest();
  for (const Damage &damage : damages) {
    std::string message = read(replaceOnce(manifest, damage.from, damage.to));
    EXPECT_NE(message.find(damage.message), std::string::npos)
        << damage.from << " -> " << damage.to << ": " << message;
  }
}

TEST(Manifest, RefusesEveryMissingMember) {
  const std::string manifest = Demo().manifest();
  int count = 0;
  for (size_t at = 0; (at = manifest.find("\": ", at)) != std::string::npos;
       ++at, ++count) {
    // A renamed key is a missing one.
    std::string damaged = manifest;
    damaged.insert(at, "_");
    EXPECT_NE(read(damaged), "") << damaged.substr(at > 20 ? at - 20 : 0, 40);
  }
  EXPECT_GT(count, 80);
}
