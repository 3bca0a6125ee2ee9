// The container: what is read, and that every kind of damage is refused by
// name.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "runtime/artifact/Zip.h"
#include "test/runtime/Artifact.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace sennit;
using namespace sennit::test;

static const std::vector<Member> members = {{"manifest.json", "{}"},
                                            {"code/a.o", std::string(200, 'x')},
                                            {"empty", ""}};

/// The message that |archive| is refused with; empty where it is read. The
/// bytes are copied to the heap, where a sanitizer sees every overrun.
static std::string open(const std::string &archive) {
  std::vector<uint8_t> bytes(archive.begin(), archive.end());
  ZipReader reader;
  return reader.open(bytes.data(), bytes.size()).message();
}

/// |archive| with |value| at |offset| of every header with |signature|.
static std::string patch(std::string archive, const char *signature,
                         size_t offset, const std::string &value) {
  size_t at = archive.find(signature);
  EXPECT_NE(at, std::string::npos);
  for (; at != std::string::npos; at = archive.find(signature, at + 1))
    archive.replace(at + offset, value.size(), value);
  return archive;
}

static const char local[] = "PK\3\4", central[] = "PK\1\2";

TEST(Zip, ReadsMembersInPlace) {
  for (bool wide : {false, true}) {
    std::string archive = writeZip(members, wide);
    auto *bytes = reinterpret_cast<const uint8_t *>(archive.data());
    ZipReader reader;
    Status status = reader.open(bytes, archive.size());
    ASSERT_TRUE(status.isOk()) << status.message();
    ASSERT_EQ(reader.members().size(), 3u);
    EXPECT_EQ(reader.members()[0].name, "manifest.json");
    const ZipMember *member = reader.find("code/a.o");
    ASSERT_NE(member, nullptr);
    EXPECT_EQ(std::string(member->data, member->data + member->bytes),
              members[1].data);
    EXPECT_EQ((member->data - bytes) % 64, 0);
    EXPECT_EQ(reader.find("empty")->bytes, 0u);
    EXPECT_EQ(reader.find("code"), nullptr);
  }
}

TEST(Zip, ChecksumsAsOthersDo) {
  EXPECT_EQ(computeCrc32("123456789", 9), 0xcbf43926u);
  EXPECT_EQ(computeCrc32("", 0), 0u);
}

TEST(Zip, RefusesEveryTruncation) {
  for (bool wide : {false, true}) {
    std::string archive = writeZip(members, wide);
    for (size_t size = 0; size < archive.size(); ++size)
      ASSERT_NE(open(archive.substr(0, size)), "") << size;
  }
}

TEST(Zip, RefusesBytesBeforeBetweenAndAfter) {
  std::string archive = writeZip(members);
  EXPECT_NE(open("x" + archive), "");
  EXPECT_NE(open(archive + "x"), "");
  size_t second = archive.find(local, 4);
  EXPECT_NE(open(std::string(archive).insert(second, "x")), "");
}

TEST(Zip, RefusesCompressedMembers) {
  std::string archive = writeZip(members);
  EXPECT_EQ(open(patch(archive, central, 10, "\x08")),
            "member `manifest.json` is compressed by method 8, expected "
            "stored");
  EXPECT_EQ(open(patch(archive, local, 8, "\x08")),
            "member `manifest.json` is compressed by method 8, expected "
            "stored");
}

TEST(Zip, RefusesEncryptionAndDataDescriptors) {
  std::string archive = writeZip(members);
  for (const char *flag : {"\x01", "\x08"})
    EXPECT_EQ(open(patch(archive, central, 8, flag)).substr(0, 35),
              "member `manifest.json` has flags 0x");
  EXPECT_EQ(open(patch(patch(archive, central, 9, "\x08"), local, 7, "\x08")),
            "");
}

TEST(Zip, RefusesOverlappingMembers) {
  std::string archive = writeZip(members);
  EXPECT_EQ(open(patch(archive, central, 42, std::string(4, '\0'))),
            "member `code/a.o` begins at byte 0, expected at 66 where the one "
            "before it ends");
}

TEST(Zip, RefusesHeadersThatDisagree) {
  std::string archive = writeZip(members);
  const std::string differs = "the local header of member `manifest.json` "
                              "differs from its entry in the directory";
  EXPECT_EQ(open(patch(archive, central, 16, "\x01")), differs);
  EXPECT_EQ(open(patch(archive, central, 24, "\x01")), differs);
  EXPECT_EQ(open(replaceOnce(archive, "manifest", "manifesT")), differs);
}

TEST(Zip, RefusesTheSameNameTwice) {
  EXPECT_EQ(open(writeZip({{"a", "1"}, {"a", "2"}})),
            "member `a` appears twice");
}

TEST(Zip, RefusesNamesThatAreNoPlainPaths) {
  for (const char *name : {"/a", "../a", "a/../b", "a//b", "a/", ".", "a\\b",
                           "c:a", "a\nb", "./a"})
    EXPECT_NE(open(writeZip({{name, "1"}})).find("expected a plain relative"),
              std::string::npos)
        << name;
  for (const char *name : {"a", "a/b.c", "..a", "a..b/..."})
    EXPECT_EQ(open(writeZip({{name, "1"}})), "") << name;
}

TEST(Zip, RefusesSizesThatRunPastTheEnd) {
  std::string archive = writeZip(members);
  for (size_t offset : {18u, 22u}) {
    std::string damaged = patch(archive, central, offset + 2, "\xff\xff\0");
    EXPECT_NE(open(patch(damaged, local, offset, "\xff\xff\0")), "");
  }
  std::string wide = writeZip(members, true);
  for (size_t at = 0; at + 8 <= wide.size(); at += 4) {
    std::string damaged = wide;
    damaged.replace(at, 8, std::string(8, '\xff'));
    (void)open(damaged);
  }
}
