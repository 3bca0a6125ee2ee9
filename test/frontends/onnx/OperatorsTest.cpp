// Each operator refuses what it cannot mean, and names what it found.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/onnx/Operators.h"
#include "frontends/onnx/Import.h"
#include "mlir/IR/MLIRContext.h"
#include "test/frontends/onnx/Messages.h"
#include <set>

using namespace sennit::onnx;
using namespace sennit::onnx::test;

/// The refusal of one node on a: float[2, 3], b: float[4], i: int64[2].
static std::string refusalOf(const std::string &nodeText) {
  Directory directory;
  GraphText graph = {{nodeText},
                     {tensor("two", 7, {2}, raw<int64_t>({2, 2})),
                      tensor("nine", 7, {1}, raw<int64_t>({9}))},
                     {value("a", 1, {2, 3}), value("b", 1, {4}),
                      value("i", 7, {2}), value("q", 1, {2, 5, 12})},
                     {value("y", 1, {})}};
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  return errorOf(importOnnx(
      directory.write("m.onnx", modelOf(graph.text(), 27)), {}, context));
}

TEST(Operators, AreFoundByDomainAndName) {
  EXPECT_NE(findOperator("", "Attention"), nullptr);
  EXPECT_NE(findOperator("ai.onnx", "Scan"), nullptr);
  EXPECT_NE(findOperator("ai.onnx.preview", "FlexAttention"), nullptr);
  EXPECT_EQ(findOperator("", "FlexAttention"), nullptr);
  EXPECT_EQ(findOperator("com.microsoft", "Attention"), nullptr);
}

TEST(Operators, HaveOneEntryEach) {
  std::set<std::string> names;
  for (auto family :
       {elementwiseOperators(), reductionOperators(), shapeOperators(),
        indexOperators(), productOperators(), normOperators(),
        attentionOperators(), recurrenceOperators(), carriedOperators(),
        controlOperators()})
    for (const Operator &entry : family)
      EXPECT_TRUE(names.insert(entry.name.str()).second) << entry.name.str();
}

TEST(Operators, RefuseWhatTheyCannotMean) {
  const std::pair<std::string, const char *> cases[] = {
      {node("Add", {"a", "b"}, {"y"}),
       "shapes [2, 3] and [4] do not broadcast"},
      {node("Add", {"a", "i"}, {"y"}), "different element types"},
      {node("And", {"a", "a"}, {"y"}), "inputs are not of bool"},
      {node("Where", {"a", "a", "a"}, {"y"}), "a condition of bool"},
      {node("Gelu", {"a"}, {"y"}, {textAttribute("approximate", "x")}),
       "approximate `x`"},
      {node("Reshape", {"a", "two"}, {"y"}), "[2, 3] cannot become [2, 2]"},
      {node("Reshape", {"a", "i"}, {"y"}), "`i` is computed at run time"},
      {node("Concat", {"a", "b"}, {"y"}, {intAttribute("axis", 0)}),
       "cannot be joined along dimension 0"},
      {node("Squeeze", {"a", "nine"}, {"y"}), "axis 9 of a tensor of 2"},
      {node("Expand", {"a", "two"}, {"y"}), "do not broadcast"},
      {node("Tile", {"b", "two"}, {"y"}), "2 repeats for 1 dimensions"},
      {node("Split", {"b", "two"}, {"y"}), "2 sizes for 1 outputs"},
      {node("Range", {"two", "two", "two"}, {"y"}), "no number that makes a"},
      {node("Gather", {"a", "b"}, {"y"}), "the indices are no integers"},
      {node("TopK", {"a", "nine"}, {"y", "z"}), "k is [9], expected 1 to 3"},
      {node("CumSum", {"a", "two"}, {"y"}), "the axis has 2 elements"},
      {node("TensorScatter", {"a", "b"}, {"y"}), "an update of shape [4]"},
      {node("MatMul", {"a", "b"}, {"y"}), "3 and 4 elements"},
      {node("Gemm", {"a", "b"}, {"y"}), "expected two matrices"},
      {node("Einsum", {"a"}, {"y"}, {textAttribute("equation", "ijk->i")}),
       "equation `ijk->i` does not fit"},
      {node("Einsum", {"a"}, {"y"}, {textAttribute("equation", "ij->k")}),
       "equation `ij->k` does not fit"},
      {node("LayerNormalization", {"a", "b"}, {"y"}), "do not broadcast"},
      {node("Attention", {"q", "q", "q"}, {"y"},
            {intAttribute("q_num_heads", 5), intAttribute("kv_num_heads", 4)}),
       "12 columns for 5 heads"},
      {node("Attention", {"q", "q", "q", "b"}, {"y"},
            {intAttribute("q_num_heads", 4), intAttribute("kv_num_heads", 4)}),
       "attn_mask has shape [4]"},
      {node("RotaryEmbedding", {"q", "a", "a"}, {"y"},
            {intAttribute("num_heads", 3)}),
       "for 4 of 4 components"},
      {node("If", {"a"}, {"y"}), "a branch is missing"},
      {node("Scan", {"a"}, {"y"}), "or without a body"},
  };
  for (auto &[text, message] : cases) {
    std::string refusal = refusalOf(text);
    EXPECT_TRUE(contains(refusal, message)) << message << "\n" << refusal;
  }
}
