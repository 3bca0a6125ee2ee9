// Typed reading of configurations: what is found, what is missing, what nobody
// read.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/hf/Config.h"
#include "frontends/ImportError.h"
#include "test/frontends/hf/Files.h"
#include <cmath>

using namespace sennit;
using namespace sennit::hf;
using namespace sennit::hf::test;

namespace {

Config parse(llvm::StringRef text) {
  return llvm::cantFail(Config::parse("config.json", text));
}

std::string errorIn(const Config &config) {
  return llvm::toString(config.takeError());
}

} // namespace

TEST(Config, ReadsValuesAndFallbacks) {
  Config config = parse(
      R"({"i": 3, "n": 2, "b": true, "s": "silu", "null": null, "l": ["a", "b"], "d": [0, 1.5]})");
  EXPECT_EQ(config.positive("i"), 3);
  EXPECT_EQ(config.positive("missing", 5), 5);
  EXPECT_EQ(config.positive("null", 5), 5);
  EXPECT_EQ(config.number("n"), 2.0);
  EXPECT_TRUE(config.boolean("b", false));
  EXPECT_EQ(config.string("s"), "silu");
  EXPECT_TRUE(config.isString("s", "silu"));
  EXPECT_EQ(config.strings("l"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(config.numbers("d"), (std::vector<double>{0, 1.5}));
  EXPECT_FALSE(config.failed());
}

TEST(Config, ReadsNonFiniteNumbersInBothSpellings) {
  Config config = parse(
      R"({"old": [0.0, Infinity], "new": [0.0, {"__float__": "Infinity"}], "x": {"__float__": "-Infinity"}})");
  EXPECT_EQ(config.numbers("old")[1], HUGE_VAL);
  EXPECT_EQ(config.numbers("new")[1], HUGE_VAL);
  EXPECT_EQ(config.number("x"), -HUGE_VAL);
  EXPECT_FALSE(config.failed());
  Config other = parse(R"({"x": {"__float__": "Many"}})");
  other.number("x");
  EXPECT_TRUE(other.failed());
}

TEST(Config, ReadsTokensAloneAndInLists) {
  Config config = parse(R"({"one": 2, "many": [1, 2], "none": null})");
  EXPECT_EQ(config.integers("one"), std::vector<int64_t>{2});
  EXPECT_EQ(config.integers("many"), (std::vector<int64_t>{1, 2}));
  EXPECT_TRUE(config.integers("none").empty());
}

TEST(Config, NullWindowIsNoWindow) {
  Config config = parse(R"({"none": null, "some": 8})");
  EXPECT_EQ(config.window("none", 4096), std::nullopt);
  EXPECT_EQ(config.window("some", 4096), 8);
  EXPECT_EQ(config.window("missing", 4096), 4096);
}

TEST(Config, SaysFileKeyExpectedAndFound) {
  Config config = parse(R"({"hidden_size": "64"})");
  config.positive("hidden_size");
  EXPECT_EQ(errorIn(config),
            "config.json: key `hidden_size`: expected an integer from 1 to "
            "2^31 - 1, found a string `64`");
  Config missing = parse("{}");
  missing.positive("hidden_size");
  EXPECT_EQ(errorIn(missing), "config.json: key `hidden_size`: missing");
}

TEST(Config, BoundsIntegers) {
  for (llvm::StringRef value :
       {"0", "-1", "2147483648", "1.0", "true", "[]", "9223372036854775808"}) {
    Config config = parse(("{\"x\": " + value + "}").str());
    EXPECT_EQ(config.positive("x", 7), 7);
    EXPECT_TRUE(config.failed()) << value.str();
  }
}

TEST(Config, KeepsTheFirstErrorAndItsClass) {
  Config config = parse(R"({"rope": {"type": 1}})");
  config.section("rope")->failUnsupported("type", "first");
  config.positive("missing");
  llvm::Error error = config.takeError();
  llvm::handleAllErrors(std::move(error), [](const ImportError &e) {
    EXPECT_TRUE(e.unsupported);
    EXPECT_EQ(e.message, "config.json: key `rope.type`: first");
  });
}

TEST(Config, ListsKeysThatNobodyRead) {
  Config config = parse(
      R"({"hidden_size": 1, "new_trick": 2, "off": null, "transformers_version": "5", "_name": ""})");
  config.positive("hidden_size");
  EXPECT_EQ(config.unreadKeys(), std::vector<std::string>{"new_trick"});
}

TEST(Config, RefusesWhatIsNoObject) {
  EXPECT_NE(errorOf(Config::parse("c", "[]")), "");
  EXPECT_NE(errorOf(Config::parse("c", "")), "");
  EXPECT_NE(errorOf(Config::parse("c", R"({"a": 1, "a": 1})")), "");
}
