// Models as structures, and each way in which one is refused.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/onnx/Model.h"
#include "test/frontends/onnx/Messages.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace sennit::onnx;
using namespace sennit::onnx::test;

static std::string read(const std::string &bytes) {
  Directory directory;
  return errorOf(readModel(directory.write("m.onnx", bytes)));
}

static std::string readOne(const std::string &tensorBytes) {
  Directory directory;
  return errorOf(readTensorFile(directory.write("t.pb", tensorBytes)));
}

static const GraphText small = {
    {node("Softmax", {"x"}, {"y"}, {intAttribute("axis", -1)})},
    {tensor("w", 1, {2}, raw<float>({1, 2}))},
    {value("x", 1, {3, -1})},
    {value("y", 1, {3, 4})}};

TEST(Model, IsReadAsItIsWritten) {
  Directory directory;
  auto model = readModel(directory.write("m.onnx", modelOf(small.text())));
  ASSERT_TRUE(bool(model)) << llvm::toString(model.takeError());
  ASSERT_EQ(model->graph.nodes.size(), 1u);
  EXPECT_EQ(model->graph.nodes[0].operation, "Softmax");
  EXPECT_EQ(model->graph.nodes[0].attributes[0].integer, -1);
  EXPECT_EQ((*model->graph.inputs[0].shape)[1], -1);
  const StoredTensor &w = model->graph.initializers[0];
  EXPECT_EQ(w.elements(), 2);
  // Elements stay where the file has them.
  EXPECT_EQ(w.data, model->bytes->getBuffer().substr(w.offset, 8));
  EXPECT_EQ(findVersion(model->operatorSets, ""), 23);
  EXPECT_EQ(findVersion(model->operatorSets, "ai.onnx"), 23);
  EXPECT_EQ(findVersion(model->operatorSets, "com.microsoft"), 0);
}

TEST(Model, EveryPrefixIsRefusedOrSound) {
  std::string whole = modelOf(small.text());
  for (size_t length = 0; length < whole.size(); ++length) {
    std::string error = read(whole.substr(0, length));
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  }
}

TEST(Model, NamesTheDamagedPart) {
  EXPECT_TRUE(contains(read(""), "has no graph, so it is no ONNX model"));
  GraphText damaged = small;
  damaged.nodes[0] += "\x0a\x7f";
  EXPECT_TRUE(contains(read(modelOf(damaged.text())),
                       "node 0: node, byte 41: field 1 claims 127 bytes"))
      << read(modelOf(damaged.text()));
  damaged = small;
  damaged.inputs[0] = value("x", 1, {1, int64_t(1) << 50});
  EXPECT_TRUE(contains(read(modelOf(damaged.text())),
                       "input 0: an extent of 1125899906842624"));
  damaged = small;
  damaged.nodes[0] = node("A", {}, {}, {field(1, "a") + field(20, 4)});
  EXPECT_TRUE(contains(read(modelOf(damaged.text())), "`a` has no value"));
  damaged.nodes[0] = node("A", {}, {}, {field(1, "a") + field(20, 11)});
  EXPECT_TRUE(contains(read(modelOf(damaged.text())), "`a` is of kind 11"));
  EXPECT_TRUE(contains(read(modelOf(small.text() + field(15, "x"))),
                       "a sparse initializer"));
}

TEST(Model, GraphsInsideGraphsHaveALimit) {
  std::string graph;
  for (int depth = 0; depth < 15; ++depth)
    graph = field(1, node("If", {}, {}, {graphAttribute("b", graph)}));
  EXPECT_EQ(read(modelOf(graph)), "");
  graph = field(1, node("If", {}, {}, {graphAttribute("b", graph)}));
  EXPECT_TRUE(contains(read(modelOf(graph)), "more than 16 deep"));
}

TEST(Tensor, IsReadFromEveryField) {
  Directory directory;
  auto read = [&](const std::string &bytes) {
    auto tensor = readTensorFile(directory.write("t.pb", bytes));
    EXPECT_TRUE(bool(tensor)) << llvm::toString(tensor.takeError());
    return tensor ? tensor->data.str() : "";
  };
  std::string floats = raw<float>({1.5f, -2});
  std::string two = field(1, 2);
  EXPECT_EQ(read(two + field(2, 1) + field(9, floats)), floats);
  EXPECT_EQ(read(two + field(2, 1) + field(4, floats)), floats);
  EXPECT_EQ(read(two + field(2, 7) + field(7, varint(5) + varint(-1))),
            raw<int64_t>({5, -1}));
  EXPECT_EQ(read(two + field(2, 10) + field(5, varint(0x3c00) + varint(0))),
            raw<uint16_t>({0x3c00, 0}));
  EXPECT_EQ(read(two + field(2, 9) + field(5, varint(1) + varint(0))),
            std::string("\1\0", 2));
  EXPECT_EQ(read(field(1, uint64_t(0)) + field(2, 11)), "");
}

TEST(Tensor, CopiesKeepTheirElements) {
  Directory directory;
  std::string floats = raw<float>({1, 2});
  auto file =
      directory.write("t.pb", field(1, 2) + field(2, 1) + field(4, floats));
  std::vector<StoredTensor> tensors;
  for (int i = 0; i < 20; ++i)
    tensors.push_back(llvm::cantFail(readTensorFile(file)));
  for (const StoredTensor &tensor : tensors)
    EXPECT_EQ(tensor.data, floats);
}

TEST(Tensor, RefusesWhatDoesNotFitTogether) {
  std::string floats = raw<float>({1, 2});
  EXPECT_TRUE(contains(readOne(tensor("t", 1, {3}, floats)),
                       "tensor `t`: 8 bytes, shape [3] of float has 12"));
  EXPECT_TRUE(contains(readOne(tensor("t", 1, {-2}, floats)),
                       "shape [-2] has a negative extent"));
  EXPECT_TRUE(contains(
      readOne(tensor("t", 1, {int64_t(1) << 32, int64_t(1) << 32}, floats)),
      "elements"));
  EXPECT_TRUE(
      contains(readOne(tensor("t", 8, {2}, floats)), "elements of string"));
  EXPECT_TRUE(contains(readOne(tensor("t", 1, {2}, floats) + field(4, floats)),
                       "elements both raw and in field 4"));
  EXPECT_TRUE(contains(readOne(field(1, 2) + field(2, 7) + field(4, floats)),
                       "elements of int64 in field 4, expected field 7"));
  EXPECT_TRUE(contains(readOne(field(1, 3) + field(2, 1) + field(4, floats)),
                       "2 elements, shape [3] has 3"));
  EXPECT_TRUE(contains(readOne(field(3, "")), "a tensor in segments"));
}

TEST(Files, AreRegularAndThere) {
  EXPECT_TRUE(contains(errorOf(readModel("/dev/zero")), "not a regular file"));
  EXPECT_TRUE(contains(errorOf(readModel("/nowhere/m.onnx")), "No such file"));
}
