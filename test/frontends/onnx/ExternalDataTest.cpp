// Elements beside the model: read from its folder, and from nowhere else.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/onnx/Model.h"
#include "test/frontends/onnx/Messages.h"

using namespace sennit::onnx;
using namespace sennit::onnx::test;

namespace {
/// Two floats whose elements lie at `location`.
std::string external(const std::string &location,
                     const std::string &more = "") {
  auto entry = [](const std::string &key, const std::string &text) {
    return field(13, field(1, key) + field(2, text));
  };
  return field(1, 2) + field(2, 1) + field(8, "w") +
         entry("location", location) + more + field(14, 1);
}

std::string entry(const std::string &key, const std::string &text) {
  return field(13, field(1, key) + field(2, text));
}
} // namespace

TEST(ExternalData, IsReadFromBesideTheModel) {
  Directory directory;
  std::string floats = raw<float>({3, 4});
  directory.write("data.bin", "12345678" + floats);
  auto tensor = readTensorFile(directory.write(
      "t.pb",
      external("data.bin", entry("offset", "8") + entry("length", "8"))));
  ASSERT_TRUE(bool(tensor)) << llvm::toString(tensor.takeError());
  EXPECT_EQ(tensor->data, floats);
  EXPECT_EQ(tensor->offset, 8u);
}

TEST(ExternalData, NeverLeavesTheFolder) {
  Directory outside, directory;
  outside.write("secret.bin", raw<float>({3, 4}));
  std::filesystem::create_symlink(outside.path("secret.bin"),
                                  directory.path("link.bin"));
  std::filesystem::create_directory(directory.path("sub"));
  std::filesystem::create_directory_symlink(outside.path(),
                                            directory.path("sub/link"));
  auto read = [&](const std::string &location) {
    return errorOf(readTensorFile(directory.write("t.pb", external(location))));
  };
  for (const std::string &location :
       {std::string(""), outside.path("secret.bin"), std::string("../x"),
        std::string("sub/../../x"), std::string("./t.pb"),
        std::string("t.pb\0x", 6)})
    EXPECT_TRUE(contains(read(location), "a path inside the model's folder"))
        << location << ": " << read(location);
  for (const char *location : {"link.bin", "sub/link/secret.bin"})
    EXPECT_TRUE(contains(read(location), "lies outside the model's folder"))
        << location << ": " << read(location);
  EXPECT_TRUE(contains(read("sub"), "is no regular file"));
  EXPECT_TRUE(contains(read("nothing.bin"), "cannot be found"));
}

TEST(ExternalData, MustBeAsLongAsTheShape) {
  Directory directory;
  directory.write("data.bin", "1234567");
  auto read = [&](const std::string &more) {
    return errorOf(
        readTensorFile(directory.write("t.pb", external("data.bin", more))));
  };
  EXPECT_TRUE(contains(read(""), "ends at byte 8 of `data.bin`, which has 7"));
  EXPECT_TRUE(contains(read(entry("length", "7")), "has 7 bytes, shape [2]"));
  EXPECT_TRUE(contains(read(entry("offset", "18446744073709551615")),
                       "ends at byte 7"));
  EXPECT_TRUE(contains(read(entry("offset", "-1")), "offset `-1`, expected"));
  EXPECT_TRUE(contains(read(field(9, "12345678")),
                       "elements both here and in external data"));
}
