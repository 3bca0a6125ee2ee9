// The importer: signatures, constants folded and stored, and what it refuses.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/onnx/Import.h"
#include "mlir/IR/MLIRContext.h"
#include "test/frontends/onnx/Messages.h"

using namespace sennit;
using namespace sennit::onnx;
using namespace sennit::onnx::test;

namespace {
/// An imported graph as text, or the message of its refusal.
struct Result {
  std::string text, message;
  bool unsupported = false;
  std::vector<std::string> specialised;
};

Result importText(const std::string &model,
                  llvm::ArrayRef<StoredTensor> inputs = {}) {
  Directory directory;
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  ImportOptions options;
  options.inputs = inputs;
  auto imported =
      importOnnx(directory.write("m.onnx", model), options, context);
  Result result;
  if (imported) {
    llvm::raw_string_ostream(result.text) << **imported->module;
    result.specialised = imported->specialised;
    return result;
  }
  llvm::handleAllErrors(imported.takeError(), [&](const ImportError &error) {
    result.message = error.message;
    result.unsupported = error.unsupported;
  });
  return result;
}

/// One node between x: float[2, 3] and y.
GraphText around(const std::string &nodeText,
                 const std::vector<int64_t> &output = {2, 3}) {
  return {{nodeText}, {}, {value("x", 1, {2, 3})}, {value("y", 1, output)}};
}
} // namespace

TEST(Import, NamesArgumentsAndResults) {
  Result result = importText(modelOf(around(node("Exp", {"x"}, {"y"})).text()));
  EXPECT_TRUE(contains(result.text, "func.func @main(%arg0: tensor<2x3xf32> "
                                    "{seq.name = \"x\"}) -> (tensor<2x3xf32> "
                                    "{seq.name = \"y\"})"))
      << result.text << result.message;
}

TEST(Import, FoldsTheArithmeticOfShapes) {
  // The shape of x, reversed and doubled, is where a constant is spread.
  GraphText graph = around(node("Shape", {"x"}, {"s"}), {4, 6});
  graph.nodes.push_back(node("Mul", {"s", "two"}, {"t"}));
  graph.nodes.push_back(
      node("Slice", {"t", "from", "to", "zero", "back"}, {"u"}));
  graph.nodes.push_back(node("Transpose", {"x"}, {"turned"}));
  graph.nodes.push_back(node("Gather", {"u", "swap"}, {"v"}));
  graph.nodes.push_back(node("ConstantOfShape", {"v"}, {"y"}));
  graph.initializers = {tensor("two", 7, {}, raw<int64_t>({2})),
                        tensor("from", 7, {1}, raw<int64_t>({-1})),
                        tensor("to", 7, {1}, raw<int64_t>({-100})),
                        tensor("zero", 7, {1}, raw<int64_t>({0})),
                        tensor("back", 7, {1}, raw<int64_t>({-1})),
                        tensor("swap", 7, {2}, raw<int64_t>({1, 0}))};
  Result result = importText(modelOf(graph.text()));
  EXPECT_TRUE(contains(result.text, "-> (tensor<4x6xf32>")) << result.message;
}

TEST(Import, LeavesLargeInitializersInTheirFile) {
  GraphText graph = around(node("MatMul", {"x", "w"}, {"y"}), {2, 1000});
  graph.initializers = {tensor("w", 1, {3, 1000}, std::string(12000, 0))};
  Result result = importText(modelOf(graph.text()));
  EXPECT_TRUE(
      contains(result.text, "seq.parameter @w : tensor<3x1000xf32> from"))
      << result.text << result.message;
}

TEST(Import, TakesExtentsAndValuesFromGivenInputs) {
  GraphText graph = around(node("CumSum", {"x", "axis"}, {"y"}), {-1, -1});
  graph.inputs = {value("x", 1, {-1, 3}), value("axis", 6, {})};
  EXPECT_TRUE(contains(importText(modelOf(graph.text())).message,
                       "extents that are not known at compile time"));
  StoredTensor x, axis;
  x.type = ElementType::F32;
  x.shape = {5, 3};
  x.own(std::vector<char>(60, 0));
  axis.name = "axis";
  axis.type = ElementType::I32;
  axis.own({1, 0, 0, 0});
  std::vector<StoredTensor> inputs = {x, axis};
  Result result = importText(modelOf(graph.text()), inputs);
  EXPECT_TRUE(contains(result.text, "-> (tensor<5x3xf32>")) << result.message;
  EXPECT_EQ(result.specialised, std::vector<std::string>{"axis"});
}

TEST(Import, RunsFunctionsOfTheModel) {
  std::string function = field(1, "Twice") + field(4, "a") + field(5, "b") +
                         field(7, node("Add", {"a", "a"}, {"b"})) +
                         field(9, field(2, 23)) + field(10, "mine");
  GraphText graph = around(node("Twice", {"x"}, {"y"}, {}, "mine"));
  Result result = importText(modelOf(graph.text(), 23, field(25, function)));
  EXPECT_TRUE(contains(result.text, "arith.addf")) << result.message;
  // One that calls itself ends.
  std::string endless = field(1, "Twice") + field(4, "a") + field(5, "b") +
                        field(7, node("Twice", {"a"}, {"b"}, {}, "mine")) +
                        field(10, "mine");
  result = importText(modelOf(graph.text(), 23, field(25, endless)));
  EXPECT_TRUE(contains(result.message, "call each other more than 64 deep"))
      << result.message;
}

struct Refusal {
  const char *message;
  bool unsupported;
  GraphText graph;
};

TEST(Import, RefusesByName) {
  const Refusal refusals[] = {
      {"node 0 (`Frobnicate`): operator `Frobnicate` of domain `` is not known",
       true, around(node("Frobnicate", {"x"}, {"y"}))},
      {"attribute `alpha` is none that this operator is known to have", true,
       around(node("Exp", {"x"}, {"y"}, {intAttribute("alpha", 1)}))},
      {"imports no operator set of domain `other`", false,
       around(node("Exp", {"x"}, {"y"}, {}, "other"))},
      {"input `z` is no value of the graph", false,
       around(node("Exp", {"z"}, {"y"}))},
      {"input 0 is missing", false, around(node("Exp", {}, {"y"}))},
      {"output `y` is computed a second time",
       false,
       {{node("Exp", {"x"}, {"y"}), node("Exp", {"x"}, {"y"})},
        {},
        {value("x", 1, {2, 3})},
        {value("y", 1, {2, 3})}}},
      {"output `y` is not computed", false, around(node("Exp", {"x"}, {"q"}))},
      {"declared with shape [3, 2] and computed with [2, 3]", false,
       around(node("Exp", {"x"}, {"y"}), {3, 2})},
      {"axis 2 of a tensor of 2 dimensions", false,
       around(node("Softmax", {"x"}, {"y"}, {intAttribute("axis", 2)}))},
      {"attribute `axis` is of kind 3, expected 2", false,
       around(node("Softmax", {"x"}, {"y"}, {textAttribute("axis", "a")}))},
      {"elements of uint8",
       true,
       {{node("Exp", {"x"}, {"y"})}, {}, {value("x", 2, {2})}, {}}},
      {"a loop whose number of turns is not known", true,
       around(node("Loop", {"x"}, {"y"},
                   {graphAttribute("body", GraphText().text())}))}};
  for (const Refusal &refusal : refusals) {
    Result result = importText(modelOf(refusal.graph.text()));
    EXPECT_TRUE(contains(result.message, refusal.message))
        << refusal.message << "\n"
        << result.message << result.text;
    EXPECT_EQ(result.unsupported, refusal.unsupported) << refusal.message;
  }
}
