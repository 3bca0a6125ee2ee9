// The example program, which links the shared library and nothing else.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/runtime/Loaded.h"

#include <cstdio>

using namespace sennit::test;

/// What the example prints for |prompt|.
static std::string generate(const std::string &path,
                            const std::string &prompt) {
  std::string command =
      std::string(SENNIT_EXAMPLE) + " '" + path + "' '" + prompt + "' 2>&1";
  std::string text;
  FILE *pipe = popen(command.c_str(), "r");
  for (int c; (c = fgetc(pipe)) != EOF;)
    text += char(c);
  pclose(pipe);
  return text;
}

TEST(Example, StreamsTheBytesThatGreedySamplingChooses) {
  // 2 + 62 tokens fill the demonstration's context of 64.
  Demo demo;
  std::string path = demo.install(makeFolder("example"));
  std::string text = generate(path, "a");
  std::vector<int> tokens = {'a'};
  std::string want;
  for (int i = 0; i < 63; ++i) {
    std::vector<float> row = demo.expect(tokens).back();
    int next = int(std::max_element(row.begin(), row.end()) - row.begin());
    tokens.push_back(next);
    want += char(next);
  }
  EXPECT_EQ(text.substr(0, 63), want);
}

TEST(Example, SaysWhatIsWrong) {
  EXPECT_EQ(generate("/nonexistent.snt", "a"),
            "generate: `/nonexistent.snt`: cannot be opened: No such file or "
            "directory\n");
}
