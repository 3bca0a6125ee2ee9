// Thousands of damaged artifacts, the same in every run: refused, or unharmed.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "runtime/artifact/Manifest.h"
#include "runtime/artifact/Zip.h"
#include "test/runtime/Loaded.h"

#include <random>

using namespace sennit;
using namespace sennit::test;

/// One to four edits: a bit, a byte, a number at its limits, a piece moved,
/// removed or doubled.
static std::string mutate(std::string data, std::mt19937 &random) {
  static const std::string values[] = {"0",
                                       "-1",
                                       "9223372036854775807",
                                       "18446744073709551616",
                                       "\"",
                                       "{",
                                       "]",
                                       std::string(8, '\xff'),
                                       std::string(4, '\0'),
                                       "\x7f\xff\xff\xff",
                                       ",,",
                                       "null",
                                       "1e999",
                                       "\\u0000",
                                       "PK\3\4",
                                       "PK\5\6"};
  for (int edits = 1 + int(random() % 4); edits > 0 && !data.empty(); --edits) {
    size_t at = random() % data.size();
    size_t length = std::min<size_t>(random() % 64, data.size() - at);
    const std::string &value = values[random() % std::size(values)];
    switch (random() % 6) {
    case 0:
      data[at] = char(data[at] ^ 1 << random() % 8);
      break;
    case 1:
      data[at] = char(random());
      break;
    case 2:
      data.replace(at, std::min(value.size(), data.size() - at), value);
      break;
    case 3:
      data.insert(at, value);
      break;
    case 4:
      data.erase(at, length);
      break;
    case 5:
      data.insert(random() % data.size(), data.substr(at, length));
      break;
    }
  }
  return data;
}

/// Reads the container and, whatever its checksum, the manifest in it.
static bool read(const std::string &archive) {
  std::vector<uint8_t> bytes(archive.begin(), archive.end());
  ZipReader zip;
  if (!zip.open(bytes.data(), bytes.size()).isOk() || zip.members().isEmpty())
    return false;
  const ZipMember &member = zip.members()[0];
  std::vector<char> text(member.data, member.data + member.bytes);
  JsonDocument document;
  Manifest manifest;
  return document.parse(text.data(), text.size()).isOk() &&
         readManifest(document, manifest).isOk();
}

TEST(Mutation, ContainersNeverCrashTheReader) {
  std::mt19937 random(1);
  Demo demo;
  const std::string plain = demo.artifact();
  const std::string wide = writeZip(
      {{"manifest.json", demo.manifest()}, {"code/demo.o", "x"}}, true);
  ASSERT_TRUE(read(plain) && read(wide));
  for (int i = 0; i < 4000; ++i)
    (void)read(mutate(i % 2 ? plain : wide, random));
}

TEST(Mutation, ManifestsNeverCrashTheReader) {
  std::mt19937 random(2);
  Demo demo;
  int accepted = 0;
  for (int i = 0; i < 6000; ++i)
    accepted +=
        read(writeZip({{"manifest.json", mutate(demo.manifest(), random)}}));
  // Some edits only touch names and unknown members.
  EXPECT_GT(accepted, 50);
  EXPECT_LT(accepted, 3000);
}

TEST(Mutation, EveryFlippedByteIsRefusedOrHarmless) {
  Demo demo;
  std::string path = demo.install(makeFolder("mutation-flip"));
  const std::string archive = readFile(path);
  std::vector<float> want = demo.expect({7})[0];
  sennit_load_options options = {sizeof(options), 0, 1, 0};
  int harmless = 0;
  for (size_t at = 0; at < archive.size(); ++at) {
    std::string damaged = archive;
    damaged[at] = char(damaged[at] ^ (1 << at % 8));
    writeFile(path, damaged);
    sennit_module *module;
    if (sennit_module_load(path.c_str(), &options, &module, nullptr))
      continue;
    ++harmless;
    sennit_context *context;
    std::vector<float> logits(256);
    ASSERT_EQ(sennit_context_create(module, &context, nullptr), 0);
    ASSERT_EQ(sennit_context_decode(context, 7, logits.data(), nullptr), 0);
    EXPECT_LT(distance(logits, want), 1e-4) << "byte " << at;
    sennit_context_destroy(context);
    sennit_module_destroy(module);
  }
  // Times, attributes and padding are all that nobody reads.
  EXPECT_LT(harmless, 250);
}

TEST(Mutation, EveryTruncationIsRefused) {
  Demo demo;
  std::string path = demo.install(makeFolder("mutation-cut"));
  const std::string archive = readFile(path);
  for (size_t size = 0; size < archive.size(); size += 64) {
    writeFile(path, archive.substr(0, size));
    sennit_module *module;
    EXPECT_NE(sennit_module_load(path.c_str(), nullptr, &module, nullptr), 0);
  }
}
