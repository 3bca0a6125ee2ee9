// Loading: integrity, versions, processors, files, and several modules at once.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/runtime/Loaded.h"

#include <fstream>
#include <sys/stat.h>

using namespace sennit::test;

TEST(Module, TellsWhatItIs) {
  Demo demo;
  Loaded loaded(demo, "module-info", 2);
  sennit_module_info info = {};
  info.size = sizeof(info);
  ASSERT_EQ(sennit_module_get_info(loaded.module, &info, nullptr),
            SENNIT_STATUS_OK);
  EXPECT_STREQ(info.architecture, "demo");
  EXPECT_STREQ(info.producer, "sennit test");
  EXPECT_STREQ(info.machine, "cpu");
  EXPECT_STREQ(info.isa, "x86-64");
  EXPECT_EQ(info.vocabulary, 256);
  EXPECT_EQ(info.context_length, 64);
  EXPECT_EQ(info.max_tokens, 16);
  EXPECT_EQ(info.byte_level, 1u);
  EXPECT_EQ(info.has_score, 1u);
  ASSERT_EQ(info.end_of_text_count, 1u);
  EXPECT_EQ(info.end_of_text[0], 0);
  EXPECT_EQ(info.kernel_count, 2u);
  EXPECT_EQ(info.threads, 2u);
  EXPECT_EQ(info.constants_bytes, 16384u);
  EXPECT_EQ(info.weight_file_bytes, 16392u);
  EXPECT_EQ(info.artifact_file_bytes, demo.artifact().size());
}

TEST(Module, FillsOnlyWhatAnOlderCallerKnows) {
  Demo demo;
  Loaded loaded(demo, "module-older");
  sennit_module_info info;
  memset(&info, 0x55, sizeof(info));
  info.size = offsetof(sennit_module_info, vocabulary);
  ASSERT_EQ(sennit_module_get_info(loaded.module, &info, nullptr),
            SENNIT_STATUS_OK);
  EXPECT_STREQ(info.architecture, "demo");
  EXPECT_EQ(info.vocabulary, 0x5555555555555555);
}

TEST(Module, RefusesProcessorFeaturesThatAreUnknownOrAbsent) {
  Demo demo;
  demo.features = "\"sse2\", \"teleport\"";
  EXPECT_TRUE(contains(load(demo, demo.artifact(), SENNIT_STATUS_UNSUPPORTED),
                       "needs the processor feature `teleport`, which this "
                       "runtime does not know"));
  demo.features = "\"sse2\", \"sse4.2\", \"sse4_2\", \"popcnt\"";
  load(demo, demo.artifact(), SENNIT_STATUS_OK);
}

TEST(Module, AsksForEachKnownFeatureOfThisProcessorOrNamesIt) {
  std::ifstream file("/proc/cpuinfo");
  std::string line, flags;
  while (flags.empty() && std::getline(file, line))
    if (line.starts_with("flags"))
      flags = line + " ";
  for (const char *feature :
       {"avx", "avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512vl",
        "avx512dq", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16",
        "amx_int8", "amx_complex", "avx_vnni", "avx_ifma"}) {
    Demo demo;
    demo.features = '"' + std::string(feature) + '"';
    bool isThere = contains(flags, " " + std::string(feature) + " ");
    std::string message =
        load(demo, demo.artifact(),
             isThere ? SENNIT_STATUS_OK : SENNIT_STATUS_UNSUPPORTED);
    EXPECT_EQ(isThere, message.empty()) << message;
    EXPECT_TRUE(isThere || contains(message, feature)) << message;
  }
}

TEST(Module, ReportsCodeOfAnotherAbi) {
  // As when the manifest does not admit for which version code was compiled.
  Demo demo;
  std::string manifest =
      replaceOnce(demo.manifest(), "\"demo_initialize\"", "\"demo_refuse\"");
  EXPECT_TRUE(
      contains(load(demo, demo.artifact(manifest), SENNIT_STATUS_INTERNAL),
               "entry `initialize` returned 1, expected 0: it was compiled for "
               "another"));
}

TEST(Module, RefusesAnEntryWhoseSymbolIsMissing) {
  Demo demo;
  std::string manifest =
      replaceOnce(demo.manifest(), "\"demo_score\"", "\"demo_scores\"");
  EXPECT_TRUE(contains(
      load(demo, demo.artifact(manifest), SENNIT_STATUS_MALFORMED),
      "entry `score` names the function `demo_scores`, which no object"));
}

TEST(Module, WorksWithoutScore) {
  Demo demo;
  std::string manifest = demo.manifest();
  size_t score = manifest.find(",\n{\"name\": \"score\"");
  writeFile(makeFolder("module-no-score") + "/x", "");
  manifest = manifest.substr(0, score) + "]}\n";
  std::string path = demo.install(makeFolder("module-no-score"));
  writeFile(path, demo.artifact(manifest));
  sennit_module *module;
  sennit_context *context;
  sennit_error error;
  ASSERT_EQ(sennit_module_load(path.c_str(), nullptr, &module, &error),
            SENNIT_STATUS_OK)
      << error.message;
  sennit_context_create(module, &context, nullptr);
  float logits[256];
  int token = 1;
  EXPECT_EQ(sennit_context_score(context, &token, 1, logits, &error),
            SENNIT_STATUS_UNSUPPORTED);
  EXPECT_STREQ(error.message, "the module has no entry `score`");
  sennit_context_destroy(context);
  sennit_module_destroy(module);
}

TEST(Module, TwoModulesRunInOneProcess) {
  Demo first(1), second(2);
  Loaded a(first, "module-first"), b(second, "module-second");
  std::vector<int> tokens = makeTokens(8);
  for (int i = 0; i < 8; ++i) {
    EXPECT_LT(distance(a.decode(tokens[i]), first.expect(tokens)[i]), 1e-4);
    EXPECT_LT(distance(b.decode(tokens[i]), second.expect(tokens)[i]), 1e-4);
  }
  EXPECT_GT(distance(first.expect(tokens)[7], second.expect(tokens)[7]), 0.1);
}

TEST(Module, RefusesPathsThatAreNoFiles) {
  sennit_module *module;
  sennit_error error;
  std::string folder = makeFolder("module-paths");
  EXPECT_EQ(
      sennit_module_load((folder + "/none").c_str(), nullptr, &module, &error),
      SENNIT_STATUS_IO);
  EXPECT_EQ(sennit_module_load(folder.c_str(), nullptr, &module, &error),
            SENNIT_STATUS_IO);
  EXPECT_TRUE(contains(error.message, "is not a regular file"));
  mkfifo((folder + "/fifo").c_str(), 0600);
  EXPECT_EQ(
      sennit_module_load((folder + "/fifo").c_str(), nullptr, &module, &error),
      SENNIT_STATUS_IO);
  writeFile(folder + "/empty", "");
  EXPECT_EQ(
      sennit_module_load((folder + "/empty").c_str(), nullptr, &module, &error),
      SENNIT_STATUS_MALFORMED);
  EXPECT_EQ(sennit_module_load(nullptr, nullptr, &module, &error),
            SENNIT_STATUS_INVALID_ARGUMENT);
}

TEST(Module, RefusesOptionsThatItDoesNotKnow) {
  struct {
    sennit_load_options known;
    uint32_t later;
  } options = {{sizeof(options), 0, 1, 0}, 0};
  std::string path = Demo().install(makeFolder("module-options"));
  sennit_module *module;
  auto load = [&] {
    sennit_status status =
        sennit_module_load(path.c_str(), &options.known, &module, nullptr);
    sennit_module_destroy(module);
    return status;
  };
  EXPECT_EQ(load(), SENNIT_STATUS_OK);
  options.later = 1;
  EXPECT_EQ(load(), SENNIT_STATUS_UNSUPPORTED);
  options.known = {0, 0, 1, 0};
  EXPECT_EQ(load(), SENNIT_STATUS_INVALID_ARGUMENT);
  options.known = {sizeof(sennit_load_options), 8, 1, 0};
  EXPECT_EQ(load(), SENNIT_STATUS_INVALID_ARGUMENT);
  options.known = {sizeof(sennit_load_options), 0, 1025, 0};
  EXPECT_EQ(load(), SENNIT_STATUS_INVALID_ARGUMENT);
}

TEST(Module, NullHandlesAreDestroyedInPeace) {
  sennit_module_destroy(nullptr);
  sennit_context_destroy(nullptr);
  sennit_sampler_destroy(nullptr);
}

TEST(Module, StatusesHaveNames) {
  for (int status = 0; status <= SENNIT_STATUS_INTERNAL; ++status)
    EXPECT_STRNE(sennit_status_name(sennit_status(status)), "unknown");
  EXPECT_STREQ(sennit_status_name(sennit_status(99)), "unknown");
  EXPECT_EQ(sennit_runtime_version(), uint32_t(SENNIT_RUNTIME_VERSION));
  EXPECT_EQ(sennit_runtime_abi_version(), 1u);
}
