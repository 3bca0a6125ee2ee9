// Integrity: what differs from what was compiled is refused, by its name.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/runtime/Loaded.h"

using namespace sennit::test;

TEST(Integrity, RefusesAFlippedByteOfEachSectionAndFile) {
  Demo demo;
  std::string archive = demo.artifact();
  size_t code = archive.find(demo.object);
  for (size_t i = 0; i < demo.object.size(); i += 97) {
    std::string damaged = archive;
    damaged[code + i] ^= 1;
    std::string message = load(demo, damaged, SENNIT_STATUS_INTEGRITY);
    ASSERT_TRUE(
        contains(message, "section `code/demo.o` has sha256 ") &&
        contains(message, "where the manifest says " + sha256Hex(demo.object)))
        << message;
  }
  for (size_t i = 0; i < demo.weights.size(); i += 997) {
    Demo damaged;
    damaged.weights[i] ^= 0x80;
    std::string message = load(damaged, archive, SENNIT_STATUS_INTEGRITY);
    ASSERT_TRUE(contains(message, "weight file `demo.bin` has sha256 "));
  }
}

TEST(Integrity, RefusesAManifestOfAnotherChecksum) {
  Demo demo;
  std::string archive = demo.artifact();
  size_t at = archive.find("\"x86-64\"");
  archive[at + 1] = 'y';
  EXPECT_TRUE(contains(load(demo, archive, SENNIT_STATUS_INTEGRITY),
                       "the manifest has CRC-32 "));
}

TEST(Integrity, LoadsEmbeddedWeightsAndVerifiesThem) {
  Demo demo;
  demo.isEmbedded = true;
  Loaded loaded(demo, "module-embedded");
  EXPECT_LT(
      distance(loaded.prefill(makeTokens(4)), demo.expect(makeTokens(4))[3]),
      1e-4);
  std::string archive = demo.artifact();
  archive[archive.find(demo.weights) + 1234] ^= 4;
  EXPECT_TRUE(contains(load(demo, archive, SENNIT_STATUS_INTEGRITY),
                       "weight file `weights/demo.bin` has sha256"));
  EXPECT_TRUE(contains(
      load(demo,
           demo.artifact(replaceOnce(demo.manifest(), "weights/demo.bin",
                                     "weights/other.bin")),
           SENNIT_STATUS_MALFORMED),
      "member `weights/demo.bin` is not in the manifest"));
}

TEST(Integrity, SkipsWeightHashesOnRequestAlone) {
  Demo demo;
  std::string path = demo.install(makeFolder("module-skip"));
  Demo other(2);
  other.install(makeFolder("module-skip-other"));
  writeFile(path.substr(0, path.rfind('/')) + "/demo.bin", other.weights);
  sennit_load_options options = {sizeof(options),
                                 SENNIT_LOAD_SKIP_WEIGHT_HASHES, 1, 0};
  sennit_module *module;
  EXPECT_EQ(sennit_module_load(path.c_str(), nullptr, &module, nullptr),
            SENNIT_STATUS_INTEGRITY);
  ASSERT_EQ(sennit_module_load(path.c_str(), &options, &module, nullptr),
            SENNIT_STATUS_OK);
  sennit_module_destroy(module);
}

TEST(Integrity, RefusesFilesThatAreMissingOrOfAnotherSize) {
  Demo demo;
  EXPECT_TRUE(contains(
      load(demo,
           demo.artifact(replaceOnce(demo.manifest(), "demo.bin", "gone.bin")),
           SENNIT_STATUS_IO),
      "gone.bin` cannot be opened: No such file or directory"));
  Demo longer;
  longer.weights += "x";
  EXPECT_TRUE(contains(load(longer, demo.artifact(), SENNIT_STATUS_INTEGRITY),
                       "weight file `demo.bin` has 16393 bytes where the "
                       "manifest says 16392"));
}

TEST(Integrity, RefusesMembersAndSectionsWithoutEachOther) {
  Demo demo;
  EXPECT_TRUE(contains(
      load(demo,
           writeZip({{"manifest.json", demo.manifest()},
                     {"code/demo.o", demo.object},
                     {"code/more.o", "x"}}),
           SENNIT_STATUS_MALFORMED),
      "member `code/more.o` is not in the manifest, so nothing verifies it"));
  EXPECT_TRUE(
      contains(load(demo, writeZip({{"manifest.json", demo.manifest()}}),
                    SENNIT_STATUS_MALFORMED),
               "section `code/demo.o` of the manifest is not in"));
  EXPECT_TRUE(
      contains(load(demo,
                    writeZip({{"code/demo.o", demo.object},
                              {"manifest.json", demo.manifest()}}),
                    SENNIT_STATUS_MALFORMED),
               "the first member is `code/demo.o`, expected `manifest.json`"));
  EXPECT_TRUE(contains(load(demo,
                            writeZip({{"manifest.json", demo.manifest()},
                                      {"code/demo.o", demo.object + "x"}}),
                            SENNIT_STATUS_INTEGRITY),
                       "section `code/demo.o` has "));
}

TEST(Integrity, RefusesAnArtifactWithoutCode) {
  Demo demo;
  std::string manifest =
      replaceOnce(demo.manifest(), "code/demo.o", "code/demo.x");
  EXPECT_TRUE(contains(load(demo,
                            writeZip({{"manifest.json", manifest},
                                      {"code/demo.x", demo.object}}),
                            SENNIT_STATUS_MALFORMED),
                       "the artifact has no section `code/*.o`"));
}
