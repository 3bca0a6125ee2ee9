// The wire reader: what it reads, and every way in which bytes are no message.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/onnx/Wire.h"
#include "test/frontends/onnx/Messages.h"

using namespace sennit::onnx;
using namespace sennit::onnx::test;

static std::string errorOfBytes(const std::string &bytes) {
  WireReader reader(bytes);
  Field field;
  while (reader.next(field))
    ;
  return reader.error();
}

TEST(Wire, ReadsEveryKindOfField) {
  std::string bytes = field(1, 300) + field(2, "text") + floatField(3, 1.5f) +
                      varint(4 << 3 | 1) + raw<double>({2.5});
  WireReader reader(bytes);
  Field field;
  ASSERT_TRUE(reader.next(field));
  EXPECT_EQ(field.number, 1u);
  EXPECT_EQ(field.integer(), 300);
  ASSERT_TRUE(reader.next(field));
  EXPECT_EQ(field.bytes, "text");
  ASSERT_TRUE(reader.next(field));
  EXPECT_EQ(field.single(), 1.5f);
  ASSERT_TRUE(reader.next(field));
  EXPECT_EQ(field.kind, WireKind::Fixed64);
  EXPECT_FALSE(reader.next(field));
  EXPECT_EQ(reader.error(), "");
}

TEST(Wire, ReadsNegativeNumbers) {
  std::string bytes = field(1, uint64_t(-7));
  WireReader reader(bytes);
  Field field;
  ASSERT_TRUE(reader.next(field));
  EXPECT_EQ(field.integer(), -7);
}

TEST(Wire, RefusesWhatIsNoMessage) {
  EXPECT_EQ(errorOfBytes("\x08"), "byte 1: a number is cut short");
  EXPECT_EQ(errorOfBytes("\x08" + std::string(10, '\xff')),
            "byte 10: a number has more than 64 bits");
  EXPECT_EQ(errorOfBytes("\x0a\x05"
                         "abc"),
            "byte 2: field 1 claims 5 bytes, 3 are left");
  EXPECT_EQ(errorOfBytes("\x0a" + varint(UINT64_MAX)),
            "byte 11: field 1 claims 18446744073709551615 bytes, 0 are left");
  EXPECT_EQ(errorOfBytes("\x0d"
                         "abc"),
            "byte 1: a number of 4 bytes is cut short");
  EXPECT_EQ(errorOfBytes("\x09"
                         "abc"),
            "byte 1: a number of 8 bytes is cut short");
  EXPECT_EQ(errorOfBytes("\x0b"),
            "byte 1: wire type 3 of field 1 is none that ONNX uses");
  EXPECT_EQ(errorOfBytes(std::string(1, 0) + "a"),
            "byte 1: field number 0 is none that protobuf has");
}

TEST(Wire, AppendsPackedAndSingleNumbers) {
  llvm::SmallVector<uint64_t> values;
  std::string error;
  Field one{1, WireKind::Varint, 5, {}};
  EXPECT_TRUE(appendNumbers(one, WireKind::Varint, values, error));
  std::string packed = varint(300) + varint(7);
  Field many{1, WireKind::Bytes, 0, packed};
  EXPECT_TRUE(appendNumbers(many, WireKind::Varint, values, error));
  EXPECT_EQ(values, (llvm::SmallVector<uint64_t>{5, 300, 7}));
}

TEST(Wire, RefusesPackedNumbersThatAreCutShort) {
  llvm::SmallVector<uint64_t> values;
  std::string error;
  Field open{1, WireKind::Bytes, 0, "\xff"};
  EXPECT_FALSE(appendNumbers(open, WireKind::Varint, values, error));
  EXPECT_EQ(error, "field 1 packs a number that is cut short or too long");
  Field odd{4, WireKind::Bytes, 0, "abcde"};
  EXPECT_FALSE(appendNumbers(odd, WireKind::Fixed32, values, error));
  EXPECT_EQ(error, "field 4 packs 5 bytes, no multiple of 4");
  Field other{4, WireKind::Varint, 0, {}};
  EXPECT_FALSE(appendNumbers(other, WireKind::Fixed32, values, error));
  EXPECT_EQ(error, "field 4 has another wire type");
}
