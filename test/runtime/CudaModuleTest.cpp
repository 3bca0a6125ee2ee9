// A module for a GPU through the C interface, on a libcuda of no device: calls,
// profiles, errors and the end of it.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "sennit/runtime.h"
#include "test/runtime/Artifact.h"
#include "test/runtime/FakeLibrary.h"

using namespace sennit::test;

namespace {

using Lines = std::vector<std::string>;

std::string entry(const std::string &name, int tokens) {
  return R"({"name": ")" + name +
         R"(", "symbol": "device_step", "max_tokens": )" +
         std::to_string(tokens) +
         R"(, "scalars": ["tokens", "past"], "arguments": [
      {"kind": "arena"}, {"kind": "state"},
      {"kind": "input", "name": "tokens", "dtype": "i32", "shape": ["tokens"]},
      {"kind": "output", "name": "logits", "dtype": "f32", "shape": [1, 4]}]})";
}

/// Writes the module into a folder; its path.
std::string install() {
  std::vector<Member> members = {{"", ""}, {"code/entries.o", ""}};
  members[1].data = readFile(SENNIT_DeviceModule);
  for (const char *kernel : {"pack", "embed", "attend", "project"})
    members.push_back({std::string("code/") + kernel + ".ptx",
                       std::string("// sennit: {\"kernel\":\"") + kernel +
                           "\",\"threads\":256,\"shared\":0,\"parameters\":"
                           "[{\"scalar\":1}]}\n"});
  std::string sections;
  for (size_t i = 1; i < members.size(); ++i)
    sections += (i > 1 ? ", " : "") + std::string("{\"name\": \"") +
                members[i].name +
                "\", \"bytes\": " + std::to_string(members[i].data.size()) +
                ", \"sha256\": \"" + sha256Hex(members[i].data) + "\"}";
  members[0] = {"manifest.json",
                R"({"format": "sennit-artifact", "version": 1, "abi": 1,
  "producer": "sennit test",
  "machine": {"name": "cuda", "isa": "sm_90", "features": []},
  "model": {"architecture": "demo", "vocabulary": 4, "context": 64,
            "byte_level": false, "end_of_text": []},
  "sections": [)" + sections +
                    R"(], "files": [],
  "memory": {"constants": 64, "state": 64, "arena": 64, "scratch": 0},
  "state": [{"name": "seen", "offset": 0, "dtype": "f32", "shape": [16], "roll_back": "copy"}],
  "kernels": ["pack", "embed", "attend", "project"],
  "entries": [{"name": "initialize", "symbol": "device_initialize",
               "scalars": [], "arguments": [{"kind": "constants"}]},
    )" + entry("prefill", 8) +
                    ",\n    " + entry("decode", 1) + "]}\n"};
  std::string path = makeFolder("device") + "/model.snt";
  writeFile(path, writeZip(members));
  return path;
}

struct CudaModule : testing::Test {
  void SetUp() override {
    ASSERT_EQ(fake.countLiving(), 0);
    sennit_load_options options = {sizeof(options), SENNIT_LOAD_NO_PINNING, 1,
                                   0};
    ASSERT_EQ(sennit_module_load(install().c_str(), &options, &module, &error),
              SENNIT_STATUS_OK)
        << error.message;
    ASSERT_EQ(sennit_context_create(module, &context, &error), SENNIT_STATUS_OK)
        << error.message;
  }
  void TearDown() override {
    sennit_context_destroy(context);
    sennit_module_destroy(module);
    EXPECT_EQ(fake.countLiving(), 0);
  }
  /// Lines of one step.
  Lines decode() {
    fake.takeText();
    EXPECT_EQ(sennit_context_decode(context, 1, logits, &error),
              SENNIT_STATUS_OK)
        << error.message;
    return fake.takeLines();
  }

  FakeLibrary fake;
  sennit_module *module = nullptr;
  sennit_context *context = nullptr;
  sennit_error error = {};
  float logits[4];
};

Lines graphStep(int past) {
  return {"in 4",
          "set attend",
          "graph 3",
          "run embed(1)",
          "run attend(" + std::to_string(past) + ")",
          "run project(3)",
          "out 16"};
}

} // namespace

TEST_F(CudaModule, LaunchesItsStepsAsOneGraph) {
  EXPECT_EQ(select(fake.takeLines(), "run"), Lines{"run pack(1)"});
  int32_t prompt[] = {1, 2, 3};
  ASSERT_EQ(sennit_context_prefill(context, prompt, 3, logits, &error),
            SENNIT_STATUS_OK);
  Lines lines = fake.takeLines();
  EXPECT_EQ(select(lines, "run"),
            (Lines{"run embed(3)", "run attend(0)", "run project(3)"}));
  EXPECT_EQ(select(lines, "node"), Lines());
  EXPECT_EQ(select(decode(), "launch").size(), 3u);
  EXPECT_EQ(select(decode(), "build"), Lines{"build 3"});
  EXPECT_EQ(decode(), graphStep(5));
  EXPECT_EQ(decode(), graphStep(6));
  sennit_context_reset(context);
  EXPECT_EQ(decode(), graphStep(0));
}

TEST_F(CudaModule, MeasuresEachKernelByItself) {
  for (int i = 0; i < 3; ++i)
    decode();
  sennit_context_profile_enable(context, SENNIT_PROFILE_KERNELS);
  Lines lines = decode();
  EXPECT_EQ(select(lines, "graph"), Lines());
  EXPECT_EQ(select(lines, "run"),
            (Lines{"run embed(1)", "run attend(3)", "run project(3)"}));
  sennit_kernel_profile profile;
  ASSERT_EQ(sennit_context_profile_get(context, 2, &profile, &error),
            SENNIT_STATUS_OK);
  EXPECT_STREQ(profile.name, "attend");
  EXPECT_EQ(profile.calls, 1u);
  EXPECT_EQ(profile.nanoseconds, 250000u);
  EXPECT_EQ(profile.items, 0u);
  sennit_context_profile_enable(context, SENNIT_PROFILE_NOTHING);
  EXPECT_EQ(decode(), graphStep(4));
}

TEST_F(CudaModule, MeasuresACallWhereItIsOneGraph) {
  sennit_context_profile_enable(context, SENNIT_PROFILE_CALLS);
  sennit_kernel_profile profile;
  for (uint64_t counted : {0, 0, 1, 2}) {
    EXPECT_EQ(select(decode(), "hold").size(), counted != 0);
    ASSERT_EQ(sennit_context_profile_get(context, 4, &profile, &error),
              SENNIT_STATUS_OK);
    EXPECT_STREQ(profile.name, "call");
    EXPECT_EQ(profile.calls, counted);
    EXPECT_EQ(profile.nanoseconds, 250000u * counted);
  }
}

TEST_F(CudaModule, StartsNothingAfterARefusal) {
  decode();
  decode();
  fake.refuse("cuGraphExecKernelNodeSetParams_v2", 0, 700);
  EXPECT_EQ(sennit_context_decode(context, 1, logits, &error),
            SENNIT_STATUS_INTERNAL);
  EXPECT_STREQ(error.message, "changing in a graph kernel `attend`: refusal "
                              "700 (CUDA_ERROR_OF_A_TEST)");
  EXPECT_EQ(select(fake.takeLines(), "run"), Lines());
  EXPECT_EQ(sennit_context_position(context), 2);
  fake.refuse("cuLaunchKernel", 0, 700);
  EXPECT_EQ(sennit_context_decode(context, 1, logits, &error),
            SENNIT_STATUS_INTERNAL);
  EXPECT_STREQ(error.message, "launch of kernel `embed`: refusal 700 "
                              "(CUDA_ERROR_OF_A_TEST)");
  EXPECT_EQ(select(fake.takeLines(), "launch"), Lines());
  Lines lines = decode();
  EXPECT_EQ(select(lines, "run"),
            (Lines{"run embed(1)", "run attend(2)", "run project(3)"}));
}

TEST_F(CudaModule, ContextsHaveGraphsOfTheirOwn) {
  sennit_context *first = context, *second = nullptr;
  ASSERT_EQ(sennit_context_create(module, &second, &error), SENNIT_STATUS_OK);
  for (int i = 0; i < 2; ++i) {
    context = first;
    decode();
    context = second;
    decode();
  }
  EXPECT_EQ(decode(), graphStep(2));
  sennit_context_destroy(second);
  context = first;
  EXPECT_EQ(decode(), graphStep(2));
}
