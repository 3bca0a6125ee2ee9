// The JSON reader: what it accepts, and at which byte it refuses the rest.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "runtime/artifact/Json.h"

#include <gtest/gtest.h>
#include <string>

using namespace sennit;

namespace {

/// A text of its own, so that parsing in place changes nothing shared.
struct Parsed {
  explicit Parsed(const std::string &source)
      : text(source.begin(), source.end()),
        message(document.parse(text.data(), text.size()).message()) {}
  std::vector<char> text;
  JsonDocument document;
  std::string message;
};

std::string repeat(const std::string &text, int count) {
  std::string all;
  while (count-- > 0)
    all += text;
  return all;
}

} // namespace

TEST(Json, ReadsEveryKindOfValue) {
  Parsed json(R"( {"a": [1, -9223372036854775808, 9223372036854775807, 0],
                   "b": {"t": true, "f": false, "n": null}, "c": "x",
                   "d": [1.5, 1e3, -0.0E-2, 9223372036854775808], "e": []} )");
  ASSERT_EQ(json.message, "");
  const JsonDocument &document = json.document;
  const JsonValue *a = document.find(document.root(), "a");
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(a->count, 4u);
  const JsonValue &least = document.at(document.at(a->first).next);
  EXPECT_EQ(least.integer, INT64_MIN);
  EXPECT_EQ(document.at(least.next).integer, INT64_MAX);
  const JsonValue *b = document.find(document.root(), "b");
  EXPECT_EQ(document.find(*b, "t")->integer, 1);
  EXPECT_EQ(document.find(*b, "n")->kind, JsonKind::Null);
  const JsonValue *d = document.find(document.root(), "d");
  for (uint32_t i = d->first; i; i = document.at(i).next)
    EXPECT_EQ(document.at(i).kind, JsonKind::OtherNumber);
  EXPECT_EQ(document.find(document.root(), "z"), nullptr);
}

TEST(Json, DecodesEscapesInPlaceAndTerminatesThem) {
  Parsed json(
      R"(["\"\\\/\b\f\n\r\t", "\u0041\u00e9\u20AC\ud83d\ude00", "é€😀"])");
  ASSERT_EQ(json.message, "");
  const JsonValue &first = json.document.at(json.document.root().first);
  EXPECT_EQ(first.text, "\"\\/\b\f\n\r\t");
  const JsonValue &second = json.document.at(first.next);
  EXPECT_EQ(second.text, "Aé€😀");
  EXPECT_EQ(second.text.data()[second.text.size()], 0);
  EXPECT_EQ(json.document.at(second.next).text, "é€😀");
}

TEST(Json, RefusesWhatIsNoJson) {
  for (const char *text : {"",         " ",          "{",
                           "[",        "[1",         "[1,",
                           "[1,]",     "{\"a\"}",    "{\"a\":}",
                           "{a:1}",    "{\"a\":1,}", "01",
                           "-",        "1.",         "1e",
                           "1e+",      ".5",         "+1",
                           "tru",      "nul",        "NaN",
                           "Infinity", "\"",         "\"\\\"",
                           "\"\\x\"",  "\"\\u12\"",  "'a'",
                           "[1 2]",    "1 2",        "[]]",
                           "// x\n1",  "\"a\nb\"",   "\xef\xbb\xbf{}"})
    EXPECT_NE(Parsed(text).message, "") << text;
  EXPECT_EQ(Parsed("[1 2]").message, "expected `,` or `]` at byte 3");
}

TEST(Json, RefusesTextThatIsNoUtf8) {
  for (const char *bytes :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80",
        "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82",
        "\xff"})
    EXPECT_NE(Parsed("\"" + std::string(bytes) + "\"").message, "");
  for (const char *escape :
       {"\\u0000", "\\ud800", "\\ud800x", "\\udc00", "\\ud800\\u0041"})
    EXPECT_NE(Parsed("\"" + std::string(escape) + "\"").message, "") << escape;
}

TEST(Json, RefusesTheSameKeyTwice) {
  EXPECT_NE(Parsed(R"({"a": 1, "\u0061": 2})").message.find("key twice"),
            std::string::npos);
}

TEST(Json, BoundsDepthAndMembers) {
  EXPECT_EQ(Parsed(repeat("[", 16) + repeat("]", 16)).message, "");
  EXPECT_NE(Parsed(repeat("[", 18) + repeat("]", 18)).message, "");
  EXPECT_NE(Parsed(repeat("[", 1000000)).message, "");
  std::string object = "{\"a\":1";
  for (int i = 0; i < 255; ++i)
    object += ",\"" + std::to_string(i) + "\":1";
  EXPECT_EQ(Parsed(object + "}").message, "");
  EXPECT_NE(Parsed(object + ",\"b\":1}").message, "");
}
