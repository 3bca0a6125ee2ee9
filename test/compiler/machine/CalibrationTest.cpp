// A calibration holds what was measured, and is laid over its own machine only.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/machine/Calibration.h"

#include "compiler/machine/Library.h"
#include "compiler/machine/Machine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"
#include <algorithm>

using namespace sennit::machine;

static const CalibrationHead head{"Some \"8\" Processor", "2026-11-22",
                                  "sennit targets calibrate x86-amx"};
static const std::vector<Measurement> measurements = {
    {"core.l1.bandwidth", "280.5 GB/s"},
    {"core.count", "2"},
    {"amx.rate.bf16", "2.1 TFLOP/s"},
    {"chip.dram.write", "9 GB/s"},
    {"emulate.exp.ops", "18"}};

static Node load(const std::string &name) {
  std::vector<Problem> problems;
  auto root = readMachine(name, problems);
  EXPECT_TRUE(root) << format(problems.front());
  return std::move(*root);
}

static std::string write(const Node &root) {
  std::string reason;
  auto text = printCalibration(root, head, measurements, reason);
  EXPECT_TRUE(text) << reason;
  return text.value_or("");
}

/// Lays a text over a machine by way of a file; the first problem, or nothing.
static std::string lay(Node &root, const std::string &text) {
  llvm::SmallString<128> path;
  EXPECT_FALSE(llvm::sys::fs::createTemporaryFile("calibration", "yaml", path));
  std::error_code code;
  llvm::raw_fd_ostream(path, code) << text;
  std::vector<Problem> problems;
  bool isLaid = calibrate(root, path.str().str(), problems);
  llvm::sys::fs::remove(path);
  EXPECT_EQ(isLaid, problems.empty());
  if (problems.empty())
    return "";
  problems.front().file = "file";
  return format(problems.front());
}

static std::string replace(std::string text, const std::string &from,
                           const std::string &to) {
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(Calibration, WhatWasMeasuredReplacesWhatWasSaid) {
  Node root = load("x86-amx"), before = root;
  ASSERT_EQ(lay(root, write(root)), "");
  std::vector<Problem> problems;
  auto machine = build(root, problems);
  ASSERT_TRUE(machine) << format(problems.front());
  const Memory &l1 = machine->memories.front(),
               &dram = machine->memories.back();
  EXPECT_DOUBLE_EQ(l1.bandwidth.value, 280.5e9);
  EXPECT_EQ(l1.bandwidth.status, Status::measured);
  EXPECT_DOUBLE_EQ(dram.write.value, 9e9);
  EXPECT_EQ(machine->cores.value, 2);
  EXPECT_EQ(machine->emulate[size_t(Special::exp)].value, 18);
  std::string reason;
  const Node *source = findField(root, "core.l1.bandwidth", reason);
  ASSERT_TRUE(source) << reason;
  EXPECT_EQ(source->source, "calibration");
  EXPECT_EQ(root.find("sources")->find("calibration")->text,
            head.command + ", " + head.date + ", on " + head.processor);
  // Nothing else has moved.
  EXPECT_EQ(compare(before, root).size(), measurements.size());
}

TEST(Calibration, ACalibratedMachineSurvivesItsText) {
  Node root = load("x86-amx");
  ASSERT_EQ(lay(root, write(root)), "");
  EXPECT_NE(hashMachine(root), hashMachine(load("x86-amx")));
  // One that is already calibrated is another text.
  EXPECT_NE(lay(root, write(load("x86-amx"))), "");
}

TEST(Calibration, AnotherMachineIsRefused) {
  Node other = load("x86-avx512");
  EXPECT_EQ(lay(other, write(load("x86-amx"))),
            "file:2: calibrates `x86-amx`, and the machine is `x86-avx512`");
  Node changed = load("x86-amx");
  std::string reason;
  ASSERT_TRUE(setField(changed, "core.l2.capacity", "1 MiB", reason)) << reason;
  std::string problem = lay(changed, write(load("x86-amx")));
  EXPECT_EQ(problem.substr(0, 49),
            "file:3: calibrates another text of `x86-amx`, of ");
  EXPECT_NE(problem.find("calibrate again"), std::string::npos);
}

TEST(Calibration, BrokenFilesNameTheLine) {
  Node root = load("x86-amx");
  const Node intact = root;
  std::string text = write(root);
  // The line is that of the broken field.
  auto end = text.begin() + std::ptrdiff_t(text.find("280.5"));
  std::string line =
      "file:" + std::to_string(std::count(text.begin(), end, '\n') + 1) + ": ";
  std::string problem = lay(root, replace(text, "280.5 GB/s", "280.5 GB"));
  EXPECT_EQ(problem.substr(0, line.size()), line);
  EXPECT_NE(problem.find("`4.8 TB/s`"), std::string::npos) << problem;
  EXPECT_NE(
      lay(root, replace(text, "hash:", "hush:")).find("`hush` is unknown"),
      std::string::npos);
  EXPECT_NE(lay(root, "sennit_calibration: 1\n").find("has no `machine`"),
            std::string::npos);
  EXPECT_NE(lay(root, "").find("begins with `sennit_calibration: 1`"),
            std::string::npos);
  EXPECT_NE(lay(root, print(root)).find("`sennit_machine` is unknown"),
            std::string::npos);
  EXPECT_TRUE(root == intact);
}

TEST(Calibration, AFieldThatTheMachineLacksIsNamed) {
  std::string reason;
  EXPECT_FALSE(
      printCalibration(load("x86-avx512"), head, measurements, reason));
  EXPECT_NE(reason.find("amx.rate.bf16"), std::string::npos) << reason;
  EXPECT_FALSE(printCalibration(load("x86-amx"), head,
                                {{"core.l1.bandwidth", "3 clk"}}, reason));
  EXPECT_NE(reason.find("core.l1.bandwidth"), std::string::npos) << reason;
}
