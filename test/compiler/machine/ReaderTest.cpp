// Machines survive printing and reading; broken texts are refused, never fatal.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/machine/Reader.h"

#include "compiler/machine/Library.h"
#include "compiler/machine/Lint.h"
#include "gtest/gtest.h"
#include <random>

using namespace sennit::machine;

static Node load(const std::string &name) {
  std::vector<Problem> problems;
  auto root = readMachine(name, problems);
  EXPECT_TRUE(root) << format(problems.front());
  return std::move(*root);
}

static std::optional<Node> parse(const std::string &text,
                                 std::vector<Problem> &problems) {
  return readText(text, "test.yaml", problems);
}

TEST(Reader, EveryShippedMachineSurvivesItsCanonicalText) {
  ASSERT_GE(getShippedMachines().size(), 9u);
  for (const std::string &name : getShippedMachines()) {
    Node root = load(name);
    std::vector<Problem> problems;
    auto again = parse(print(root), problems);
    ASSERT_TRUE(again) << format(problems.front());
    EXPECT_TRUE(checkComplete(*again, problems));
    EXPECT_TRUE(*again == root) << name;
    EXPECT_EQ(print(*again), print(root));
  }
}

TEST(Reader, AChangeOfOneFieldIsSeen) {
  Node root = load("nvidia-h200-sxm"), changed = root;
  std::string reason;
  ASSERT_TRUE(setField(changed, "core.count", "64", reason)) << reason;
  EXPECT_FALSE(changed == root);
  auto differences = compare(root, changed);
  ASSERT_EQ(differences.size(), 1u);
  EXPECT_EQ(differences[0].path, "levels.core.count");
  EXPECT_EQ(differences[0].after, "64");
  EXPECT_FALSE(setField(changed, "core.count", "64 B", reason));
  EXPECT_FALSE(setField(changed, "core", "64", reason));
}

TEST(Reader, StatedPeaksFollowFromUnits) {
  for (const std::string &name : getShippedMachines()) {
    Node root = load(name);
    std::vector<Problem> problems;
    auto machine = build(root, problems);
    ASSERT_TRUE(machine) << format(problems.front());
    bool hasPeak = false;
    for (size_t i = 0; i < elementCount; ++i)
      if (machine->peak[i]) {
        hasPeak = true;
        EXPECT_NEAR(machine->getPeak(Element(i)).value / machine->peak[i].value,
                    1, peakTolerance)
            << name << " " << getElementNames()[i];
      }
    EXPECT_TRUE(hasPeak) << name;
    lint(root, *machine, /*strict=*/true, problems);
    EXPECT_TRUE(problems.empty()) << format(problems.front());
  }
}

TEST(Reader, MemoriesGoFromTheCoreOutwards) {
  std::vector<Problem> problems;
  auto machine = build(load("x86-amx"), problems);
  ASSERT_TRUE(machine);
  std::string names;
  for (const Memory &memory : machine->memories)
    names += memory.name + " ";
  EXPECT_EQ(names, "l1 l2 l3 dram ");
  EXPECT_EQ(machine->cores.value, 56);
  EXPECT_NEAR(machine->getNear().bandwidth.value, 128 * 2.6e9, 1);
}

TEST(Reader, TextsThatNestOrRepeatAreRefused) {
  auto refuses = [](const std::string &text) {
    std::vector<Problem> problems;
    return !parse(text, problems) && !problems.empty();
  };
  EXPECT_TRUE(refuses(std::string(200000, '[')));
  EXPECT_TRUE(refuses("a: " + std::string(200000, '{')));
  std::string dashes;
  for (int i = 0; i < 60000; ++i)
    dashes += "- ";
  EXPECT_TRUE(refuses(dashes));
  EXPECT_TRUE(refuses(std::string(300000, ' ')));
  EXPECT_TRUE(refuses(""));
  EXPECT_TRUE(refuses("a"));
  EXPECT_TRUE(refuses("name: a\nname: b\n"));
  EXPECT_TRUE(refuses("name: &anchor a\n"));
  EXPECT_TRUE(refuses("name: a\n---\nname: b\n"));
  EXPECT_TRUE(refuses("name: \"a\\x00b\"\n"));
}

TEST(Reader, DamagedTextsNeverEndTheProcess) {
  std::mt19937 random(7);
  for (const std::string &name : getShippedMachines()) {
    std::string text = print(load(name));
    for (int round = 0; round < 100; ++round) {
      std::string damaged = text;
      for (int i = 0; i < 1 + round % 8; ++i) {
        size_t place = random() % damaged.size();
        if (random() % 3 == 0)
          damaged.erase(place, 1 + random() % 40);
        else
          damaged[place] = char("{}[]:,-\"'=\n \0#&*!|>%@x1"[random() % 23]);
      }
      std::vector<Problem> problems;
      auto root = parse(damaged, problems);
      EXPECT_TRUE(root || !problems.empty());
      if (root && checkComplete(*root, problems))
        (void)build(*root, problems);
    }
  }
}
