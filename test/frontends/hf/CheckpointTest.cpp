// Directories of tensors: one file, shards, links, and paths that try to leave.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/hf/Checkpoint.h"
#include "test/frontends/hf/Files.h"

using namespace sennit::hf;
using namespace sennit::hf::test;
namespace fs = std::filesystem;

namespace {

std::string oneTensor(const std::string &name) {
  return safetensors(
      "{\"" + name + R"(":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
      4);
}

std::string index(const std::string &map) {
  return R"({"metadata":{"total_size":8},"weight_map":{)" + map + "}}";
}

std::string refusal(const Directory &directory) {
  return errorOf(Checkpoint::open(directory.path()));
}

/// A directory with the shards `1` (tensor `a`) and `2` (tensor `b`), and an
/// index.
struct Sharded : Directory {
  explicit Sharded(const std::string &map) {
    write("1", oneTensor("a"));
    write("2", oneTensor("b"));
    write("model.safetensors.index.json", index(map));
  }
};

} // namespace

TEST(Checkpoint, OpensOneFile) {
  Directory directory;
  directory.write("model.safetensors", oneTensor("a"));
  Checkpoint checkpoint = llvm::cantFail(Checkpoint::open(directory.path()));
  EXPECT_TRUE(checkpoint.contains("a"));
  EXPECT_EQ(checkpoint.use("b"), nullptr);
  EXPECT_NE(llvm::toString(checkpoint.checkAllUsed()).find("`a`"),
            std::string::npos);
  ASSERT_NE(checkpoint.use("a"), nullptr);
  EXPECT_EQ(checkpoint.use("a")->file, directory.path("model.safetensors"));
  EXPECT_EQ(llvm::toString(checkpoint.checkAllUsed()), "");
}

TEST(Checkpoint, OpensShards) {
  Sharded directory(R"("a":"1","b":"2")");
  Checkpoint checkpoint = llvm::cantFail(Checkpoint::open(directory.path()));
  EXPECT_EQ(checkpoint.use("a")->file, directory.path("1"));
  EXPECT_EQ(checkpoint.use("b")->file, directory.path("2"));
}

TEST(Checkpoint, RefusesIndexesThatDisagreeWithTheirShards) {
  EXPECT_NE(refusal(Sharded(R"("a":"2","b":"1")")).find("not in this file"),
            std::string::npos);
  EXPECT_NE(refusal(Sharded(R"("a":"1","b":"2","c":"2")")), "");
  EXPECT_NE(refusal(Sharded(R"("a":"1","b":"3")")), "");
  EXPECT_NE(refusal(Sharded("")).find("lists no tensor"), std::string::npos);
  Sharded extra(R"("a":"1")");
  extra.write(
      "1",
      safetensors(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                  R"("c":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
                  2));
  EXPECT_NE(refusal(extra).find("not listed"), std::string::npos);
}

TEST(Checkpoint, RefusesTensorsThatAreTwice) {
  Sharded directory(R"("a":"1","c":"2")");
  directory.write("2", oneTensor("a"));
  EXPECT_NE(refusal(directory).find("also in"), std::string::npos);
}

TEST(Checkpoint, RefusesShardsOutsideTheDirectory) {
  for (const char *shard : {"../1", "/etc/passwd", "..", ".", "", "sub/1",
                            "a\\\\b", "\\u0000", "1\\u0000", "./1"})
    EXPECT_NE(
        refusal(Sharded(std::string("\"a\":\"") + shard + "\",\"b\":\"2\"")),
        "")
        << shard;
}

TEST(Checkpoint, FollowsLinksOnlyInside) {
  Directory outside, directory;
  outside.write("w", oneTensor("a"));
  fs::create_symlink(outside.path("w"), directory.path("model.safetensors"));
  EXPECT_NE(refusal(directory).find("leads out"), std::string::npos);
  Directory inside;
  inside.write("w", oneTensor("a"));
  fs::create_symlink("w", inside.path("model.safetensors"));
  EXPECT_EQ(refusal(inside), "");
}

TEST(Checkpoint, FollowsLinksOfTheHuggingFaceCache) {
  Directory cache;
  fs::create_directories(cache.path("blobs"));
  fs::create_directories(cache.path("snapshots/abc"));
  cache.write("blobs/1234", oneTensor("a"));
  cache.write("secret", oneTensor("a"));
  std::string link = cache.path("snapshots/abc/model.safetensors");
  fs::create_symlink("../../blobs/1234", link);
  EXPECT_EQ(errorOf(Checkpoint::open(cache.path("snapshots/abc"))), "");
  fs::remove(link);
  fs::create_symlink("../../secret", link);
  EXPECT_NE(errorOf(Checkpoint::open(cache.path("snapshots/abc"))), "");
}

TEST(Checkpoint, SaysWhatIsMissing) {
  Directory directory;
  EXPECT_NE(refusal(directory).find("has neither"), std::string::npos);
  directory.write("pytorch_model.bin", "");
  EXPECT_NE(refusal(directory).find("pickled"), std::string::npos);
}
