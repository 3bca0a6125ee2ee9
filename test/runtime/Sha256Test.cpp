// SHA-256 against the standard's vectors, and its two forms against each other.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "runtime/artifact/Sha256.h"

#include <gtest/gtest.h>
#include <string>
#include <sys/mman.h>

using namespace sennit;

static std::string hex(const Sha256 &hash) {
  char text[65];
  formatSha256(hash, text);
  return text;
}

struct Vector {
  std::string message;
  const char *digest;
};

// FIPS 180-4 examples, and the empty message.
static const Vector vectors[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmno"
     "ijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
     "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
    {std::string(1000000, 'a'),
     "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"}};

TEST(Sha256, MatchesTheStandardsVectors) {
  for (const Vector &vector : vectors) {
    const char *data = vector.message.data();
    EXPECT_EQ(hex(hashSha256(data, vector.message.size())), vector.digest);
    EXPECT_EQ(hex(hashSha256Portable(data, vector.message.size())),
              vector.digest);
  }
}

// 2^32 bits and a byte; the digest is Python's. Pages that nobody wrote take no
// memory.
TEST(Sha256, CountsMoreBitsThanAWordHolds) {
  constexpr size_t size = (size_t(1) << 29) + 1;
  void *zeros =
      mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(zeros, MAP_FAILED);
  EXPECT_EQ(hex(hashSha256(zeros, size)),
            "7c40fe5ce847740d0f0d0cdde3949d6585804cdec3ae61a15b923165699c8137");
  munmap(zeros, size);
}

TEST(Sha256, BothFormsAgreeAtEveryLengthAndAlignment) {
  std::string data;
  for (int i = 0; i < 400; ++i)
    data += char(i * 131 + 7);
  for (size_t length = 0; length < 300; ++length)
    for (size_t start = 0; start < 20; start += 3)
      ASSERT_EQ(hashSha256(data.data() + start, length),
                hashSha256Portable(data.data() + start, length))
          << length << " bytes from " << start;
}

TEST(Sha256, ReadsLowerCaseDigitsOnly) {
  Sha256 hash;
  ASSERT_TRUE(parseSha256(vectors[1].digest, hash));
  EXPECT_EQ(hash, hashSha256("abc", 3));
  std::string text = vectors[1].digest;
  EXPECT_FALSE(parseSha256(text.substr(1), hash));
  EXPECT_FALSE(parseSha256(text + "0", hash));
  text[5] = 'F';
  EXPECT_FALSE(parseSha256(text, hash));
  text[5] = 'g';
  EXPECT_FALSE(parseSha256(text, hash));
}
