// Thousands of damaged models, the same in every run: refused, or imported.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/onnx/Import.h"
#include "mlir/IR/MLIRContext.h"
#include "test/frontends/onnx/Messages.h"
#include <random>

using namespace sennit;
using namespace sennit::onnx;
using namespace sennit::onnx::test;

namespace {

/// One to four edits: a bit, a byte, a run moved, removed or doubled.
std::string mutate(std::string text, std::mt19937 &random) {
  static const uint8_t bytes[] = {0, 1, 2, 7, 0x7f, 0x80, 0xff};
  for (int edits = 1 + int(random() % 4); edits > 0 && !text.empty(); --edits) {
    size_t at = random() % text.size();
    size_t length = std::min<size_t>(random() % 24, text.size() - at);
    switch (random() % 5) {
    case 0:
      text[at] = char(text[at] ^ 1 << random() % 8);
      break;
    case 1:
      text[at] = char(bytes[random() % std::size(bytes)]);
      break;
    case 2:
      text.erase(at, length);
      break;
    case 3:
      text.insert(random() % text.size(), text.substr(at, length));
      break;
    case 4:
      text.insert(at, 1, char(bytes[random() % std::size(bytes)]));
      break;
    }
  }
  return text;
}

/// A graph with an initializer, a constant shape, a branch and attention.
std::string makeModel() {
  GraphText branch = {
      {node("Mul", {"a", "a"}, {"m"})}, {}, {}, {value("m", 1, {2, 3})}};
  GraphText other = {
      {node("Neg", {"a"}, {"n"})}, {}, {}, {value("n", 1, {2, 3})}};
  GraphText graph = {
      {node("Add", {"x", "w"}, {"a"}),
       node("If", {"c"}, {"b"},
            {graphAttribute("then_branch", branch.text()),
             graphAttribute("else_branch", other.text())}),
       node("Reshape", {"b", "s"}, {"q"}),
       node("Attention", {"q", "q", "q"}, {"y"},
            {intAttribute("is_causal", 1)}),
       node("CumSum", {"b", "axis"}, {"z"}, {intAttribute("reverse", 1)})},
      {tensor("w", 1, {3}, raw<float>({1, 2, 3})),
       tensor("s", 7, {4}, raw<int64_t>({1, 1, 2, 3})),
       tensor("axis", 6, {}, raw<int32_t>({1}))},
      {value("x", 1, {2, 3}), value("c", 9, {})},
      {value("y", 1, {1, 1, 2, 3}), value("z", 1, {2, 3})}};
  return modelOf(graph.text());
}

/// 0 for a module, 1 for broken input, 4 for unsupported input.
int importClass(const std::string &file) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.getDiagEngine().registerHandler(
      [](mlir::Diagnostic &) { return mlir::success(); });
  auto imported = importOnnx(file, {}, context);
  int result = 0;
  if (!imported)
    llvm::handleAllErrors(imported.takeError(), [&](const ImportError &error) {
      result = error.unsupported ? 4 : 1;
      EXPECT_EQ(error.message.find('\n'), std::string::npos) << error.message;
    });
  return result;
}

} // namespace

TEST(Mutation, TheModelItselfIsImported) {
  Directory directory;
  EXPECT_EQ(importClass(directory.write("m.onnx", makeModel())), 0);
}

TEST(Mutation, ModelsAreRefusedOrRead) {
  std::mt19937 random(1);
  Directory directory;
  std::string whole = makeModel();
  int accepted = 0;
  for (int round = 0; round < 5000; ++round) {
    std::string file = directory.write("m.onnx", mutate(whole, random));
    std::string error = errorOf(readModel(file));
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
    accepted += error.empty();
  }
  // If none is accepted, the test tests nothing.
  EXPECT_GT(accepted, 100);
}

TEST(Mutation, ModelsAreRefusedOrImported) {
  std::mt19937 random(2);
  Directory directory;
  std::string whole = makeModel();
  int classes[5] = {};
  for (int round = 0; round < 1000; ++round)
    ++classes[importClass(directory.write("m.onnx", mutate(whole, random)))];
  EXPECT_GT(classes[0], 5);
  EXPECT_GT(classes[1], 100);
  EXPECT_GT(classes[4], 5);
}

TEST(Mutation, EveryPrefixIsRefused) {
  Directory directory;
  std::string whole = makeModel();
  int accepted = 0;
  for (size_t length = 0; length < whole.size(); ++length)
    accepted +=
        importClass(directory.write("m.onnx", whole.substr(0, length))) == 0;
  // All but the last operator set, which nothing here uses, is needed.
  EXPECT_LE(accepted, 1);
}
