// What JSON is, for the readers of models: strict, bounded, exact.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/hf/Json.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace sennit::hf;
using Kind = JsonValue::Kind;

namespace {

/// The error of reading `text`, or "".
std::string errorIn(llvm::StringRef text, bool allowNonFinite = false) {
  JsonReader reader(text, allowNonFinite);
  JsonValue value;
  if (reader.readValue(value) && reader.readEnd())
    return "";
  return reader.error().str();
}

JsonValue read(llvm::StringRef text, bool allowNonFinite = false) {
  JsonReader reader(text, allowNonFinite);
  JsonValue value;
  EXPECT_TRUE(reader.readValue(value) && reader.readEnd())
      << reader.error().str();
  return value;
}

std::string nested(int depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

} // namespace

TEST(JsonReader, ReadsEveryKind) {
  JsonValue value = read(
      R"( {"n": null, "t": true, "f": false, "i": -7, "d": 2.5e1, "s": "x", "a": [1, []], "o": {}} )");
  EXPECT_EQ(value.find("n")->kind, Kind::Null);
  EXPECT_TRUE(value.find("t")->boolean);
  EXPECT_FALSE(value.find("f")->boolean);
  EXPECT_EQ(value.find("i")->integer, -7);
  EXPECT_EQ(value.find("d")->number, 25.0);
  EXPECT_EQ(value.find("s")->string, "x");
  EXPECT_EQ(value.find("a")->elements.size(), 2u);
  EXPECT_EQ(value.find("o")->kind, Kind::Object);
  EXPECT_EQ(value.find("missing"), nullptr);
}

TEST(JsonReader, KeepsIntegersExact) {
  EXPECT_EQ(read("9007199254740993").integer, 9007199254740993);
  EXPECT_EQ(read("-9223372036854775808").integer, INT64_MIN);
  JsonValue large = read("9223372036854775808");
  EXPECT_EQ(large.kind, Kind::Number);
  uint64_t result = 0;
  JsonReader reader("18446744073709551615");
  EXPECT_TRUE(reader.readUnsigned(result));
  EXPECT_EQ(result, UINT64_MAX);
}

TEST(JsonReader, RefusesWhatIsNoUnsignedNumber) {
  for (llvm::StringRef text :
       {"-1", "1.0", "1e3", "18446744073709551616", "\"1\"", "", "null"}) {
    uint64_t result = 0;
    JsonReader reader(text);
    EXPECT_FALSE(reader.readUnsigned(result)) << text.str();
    EXPECT_FALSE(reader.error().empty()) << text.str();
  }
}

TEST(JsonReader, DecodesEscapes) {
  EXPECT_EQ(read(R"("\"\\\/\b\f\n\r\t")").string, "\"\\/\b\f\n\r\t");
  EXPECT_EQ(read(R"("\u00e9\ud83d\ude00")").string, "\u00e9\U0001F600");
  EXPECT_EQ(read(R"("\u0000")").string, std::string(1, '\0'));
}

TEST(JsonReader, RefusesMalformedText) {
  for (llvm::StringRef text : {"",
                               " ",
                               "{",
                               "[",
                               "\"",
                               "[1,]",
                               "{\"a\":1,}",
                               "{\"a\"}",
                               "{a:1}",
                               "[1 2]",
                               "01",
                               "-",
                               "1.",
                               ".5",
                               "1e",
                               "+1",
                               "nul",
                               "truex",
                               "1 2",
                               "\"\\x\"",
                               "\"\\u12\"",
                               "\"\\ud800\"",
                               "\"\\ud800\\u0041\"",
                               "\"\\udc00\"",
                               "\"a\nb\"",
                               "'a'",
                               "[1]]",
                               "1e999",
                               "// c\n1",
                               "NaN"})
    EXPECT_NE(errorIn(text), "") << text.str();
}

TEST(JsonReader, RefusesBytesThatAreNotUtf8) {
  EXPECT_NE(errorIn("\"\xff\""), "");
  EXPECT_NE(errorIn("\"\xc0\x80\""), "");
}

TEST(JsonReader, RefusesDuplicateKeysAlsoWhenEscaped) {
  EXPECT_NE(errorIn(R"({"a": 1, "a": 2})"), "");
  EXPECT_NE(errorIn(R"({"a": 1, "\u0061": 2})"), "");
  EXPECT_EQ(errorIn(R"({"a": 1, "b": {"a": 2}})"), "");
}

TEST(JsonReader, BoundsNestingAndNumbers) {
  EXPECT_EQ(errorIn(nested(64)), "");
  EXPECT_NE(errorIn(nested(65)), "");
  EXPECT_NE(errorIn(std::string(1000000, '[')), "");
  EXPECT_NE(errorIn(std::string(1000000, '1')), "");
}

TEST(JsonReader, AcceptsNonFiniteNumbersOnlyWhenAsked) {
  for (llvm::StringRef text : {"NaN", "Infinity", "-Infinity"}) {
    EXPECT_NE(errorIn(text), "") << text.str();
    EXPECT_EQ(errorIn(text, /*allowNonFinite=*/true), "") << text.str();
  }
  EXPECT_EQ(read("[-Infinity]", true).elements[0].number, -HUGE_VAL);
  EXPECT_TRUE(std::isnan(read("NaN", true).number));
  EXPECT_NE(errorIn("-Inf", true), "");
}

TEST(JsonReader, SaysWhere) {
  EXPECT_EQ(errorIn("{\n \"a\": x}"), "line 2, column 7: expected a value");
  EXPECT_EQ(errorIn("[1, 2"),
            "line 1, column 6: expected `,` or `]` after an element");
}

TEST(JsonReader, KeepsTheFirstError) {
  JsonReader reader("[1");
  JsonValue value;
  EXPECT_FALSE(reader.readValue(value));
  std::string first = reader.error().str();
  EXPECT_FALSE(reader.readValue(value));
  EXPECT_FALSE(reader.readEnd());
  EXPECT_EQ(reader.error(), first);
}
