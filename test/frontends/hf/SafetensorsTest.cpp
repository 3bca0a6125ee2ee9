// What the safetensors reader accepts and refuses, one rule of the format a
// test.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/hf/Safetensors.h"
#include "test/frontends/hf/Files.h"

using namespace sennit::hf;
using namespace sennit::hf::test;

namespace {

std::string refusal(const std::string &header, uint64_t dataSize) {
  return errorOf(parseSafetensorsHeader("f", header, dataSize));
}

void expectRefusal(const std::string &header, uint64_t dataSize,
                   const std::string &reason) {
  std::string error = refusal(header, dataSize);
  EXPECT_NE(error.find(reason), std::string::npos) << header << ": " << error;
  EXPECT_EQ(error.find('\n'), std::string::npos) << error;
}

} // namespace

TEST(Safetensors, ReadsTensorsInTheOrderOfTheirData) {
  std::string header =
      R"({"__metadata__":{"format":"pt"},)"
      R"("b":{"dtype":"BF16","shape":[2,3],"data_offsets":[4,16]},)"
      R"("a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}  )";
  auto tensors = parseSafetensorsHeader("f", header, 16);
  ASSERT_TRUE(bool(tensors)) << llvm::toString(tensors.takeError());
  ASSERT_EQ(tensors->size(), 2u);
  const StoredTensor &a = (*tensors)[0], &b = (*tensors)[1];
  EXPECT_EQ(a.name, "a");
  EXPECT_TRUE(a.shape.empty());
  EXPECT_EQ(a.begin, 8 + header.size());
  EXPECT_EQ(b.elementType, "BF16");
  EXPECT_EQ(b.shape, (llvm::SmallVector<int64_t, 4>{2, 3}));
  EXPECT_EQ(b.begin, a.end);
  EXPECT_EQ(b.end, 8 + header.size() + 16);
}

TEST(Safetensors, AcceptsNoTensorAndEmptyTensors) {
  EXPECT_EQ(refusal("{}", 0), "");
  EXPECT_EQ(refusal(R"({"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},)"
                    R"("b":{"dtype":"F4","shape":[4],"data_offsets":[0,2]}})",
                    2),
            "");
}

TEST(Safetensors, RefusesOtherJson) {
  expectRefusal("", 0, "not a safetensors file");
  expectRefusal(" {}", 0, "not a safetensors file");
  expectRefusal("[]", 0, "not a safetensors file");
  expectRefusal("{", 0, "line 1, column 2");
  expectRefusal("{}x", 0, "text follows");
  expectRefusal(R"({"a":[]})", 0, "expected an object");
  expectRefusal(R"({"__metadata__":{"a":1}})", 0, "expected a string");
}

TEST(Safetensors, RefusesIncompleteOrForeignMembers) {
  expectRefusal(R"({"a":{"dtype":"F32","shape":[]}})", 4, "needs `dtype`");
  expectRefusal(R"({"a":{"dtype":"F32","data_offsets":[0,4]}})", 4,
                "needs `dtype`");
  expectRefusal(R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0]}})", 4,
                "needs `dtype`");
  expectRefusal(R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,4,4]}})", 4,
                "more than two offsets");
  expectRefusal(
      R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,4],"strides":[]}})",
      4, "unknown key `strides`");
  expectRefusal(R"({"a":{"dtype":"Q4","shape":[],"data_offsets":[0,4]}})", 4,
                "unknown dtype `Q4`");
}

TEST(Safetensors, RefusesDuplicates) {
  std::string tensor = R"("a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]})";
  expectRefusal("{" + tensor + "," + tensor + "}", 1, "`a` occurs twice");
  expectRefusal(
      R"({"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}})",
      1, "`dtype` occurs twice");
}

TEST(Safetensors, RefusesNumbersThatAreNone) {
  for (const char *shape : {"-1", "1.5", "1e1", "99999999999999999999", "\"1\"",
                            "null", "18446744073709551615"})
    EXPECT_NE(refusal(std::string(R"({"a":{"dtype":"U8","shape":[)") + shape +
                          R"(],"data_offsets":[0,1]}})",
                      1),
              "")
        << shape;
}

TEST(Safetensors, ChecksSizeAgainstShape) {
  expectRefusal(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4,
                "needs 8 bytes");
  expectRefusal(R"({"a":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}})", 2,
                "no whole number of bytes");
  expectRefusal(
      R"({"a":{"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,0]}})",
      0, "overflows");
}

TEST(Safetensors, ChecksPlaces) {
  auto two = [](const std::string &first, const std::string &second) {
    return R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[)" + first +
           R"(]},"b":{"dtype":"U8","shape":[4],"data_offsets":[)" + second +
           "]}}";
  };
  EXPECT_EQ(refusal(two("0,4", "4,8"), 8), "");
  EXPECT_EQ(refusal(two("4,8", "0,4"), 8), "");
  expectRefusal(two("0,4", "3,7"), 8, "overlaps");
  expectRefusal(two("0,4", "0,4"), 8, "overlaps");
  expectRefusal(two("0,4", "5,9"), 9, "belong to no tensor");
  expectRefusal(two("1,5", "5,9"), 9, "belong to no tensor");
  expectRefusal(two("0,4", "4,8"), 9, "1 bytes at the end");
  expectRefusal(two("0,4", "4,8"), 7, "truncated");
  expectRefusal(two("0,4", "8,4"), 8, "ends before it begins");
  expectRefusal(two("0,4", "18446744073709551612,18446744073709551615"), 8,
                "bytes");
}

TEST(Safetensors, BoundsDimensions) {
  std::string shape = "1";
  for (int dimension = 1; dimension < 40; ++dimension)
    shape += ",1";
  expectRefusal(R"({"a":{"dtype":"U8","shape":[)" + shape +
                    R"(],"data_offsets":[0,1]}})",
                1, "more than 32 dimensions");
}

TEST(Safetensors, NamesAreOnePrintableLine) {
  std::string error = refusal(
      R"({"a\n\u001b[31m":{"dtype":"U8","shape":[2],"data_offsets":[0,1]}})",
      1);
  EXPECT_NE(error.find("`a\\0A\\1B[31m`"), std::string::npos) << error;
  std::string longName(5000, 'x');
  EXPECT_LT(refusal("{\"" + longName + "\":1}", 0).size(), 500u);
}

TEST(Safetensors, ChecksTheLengthOfTheFile) {
  Directory directory;
  auto refusalOf = [&](const std::string &content) {
    directory.write("f", content);
    return errorOf(readSafetensors(directory.path("f")));
  };
  std::string header =
      R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})";
  EXPECT_EQ(refusalOf(safetensors(header, 4)), "");
  for (size_t kept = 0; kept < safetensors(header, 4).size(); ++kept)
    EXPECT_NE(refusalOf(safetensors(header, 4).substr(0, kept)), "") << kept;
  EXPECT_NE(refusalOf(safetensors(header, 4, INT64_MAX)).find("the limit is"),
            std::string::npos);
  EXPECT_NE(refusalOf(safetensors(header, 4, 1000)).find("truncated"),
            std::string::npos);
}

TEST(Safetensors, ReadsOnlyRegularFiles) {
  Directory directory;
  EXPECT_NE(errorOf(readSafetensors(directory.path("missing"))), "");
  EXPECT_NE(errorOf(readSafetensors(directory.path())), "");
  EXPECT_NE(errorOf(readSafetensors("/dev/zero")), "");
}
