// An ONNX model as plain structures, every length and type checked.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_FRONTENDS_ONNX_MODEL_H
#define SENNIT_FRONTENDS_ONNX_MODEL_H

#include "frontends/ImportError.h"
#include "llvm/ADT/SmallVector.h"
#include <memory>
#include <optional>
#include <vector>

namespace llvm {
class MemoryBuffer;
} // namespace llvm

namespace sennit::onnx {

/// `TensorProto.DataType`, by the standard's numbers.
enum class ElementType {
  Undefined = 0,
  F32 = 1,
  U8 = 2,
  I8 = 3,
  U16 = 4,
  I16 = 5,
  I32 = 6,
  I64 = 7,
  String = 8,
  Bool = 9,
  F16 = 10,
  F64 = 11,
  U32 = 12,
  U64 = 13,
  BF16 = 16
};

/// Bytes of an element; 0 for one that Sennit does not read.
unsigned elementBytes(ElementType type);
/// "float16": the name that the standard uses; "type 42" for other numbers.
std::string spell(ElementType type);
/// "[2, 3]".
std::string spell(llvm::ArrayRef<int64_t> shape);

/// Limits that no honest model meets.
constexpr uint64_t maxModelBytes = uint64_t(1) << 31; // Protobuf's own.
constexpr int64_t maxElements = int64_t(1) << 40;
constexpr unsigned maxNesting = 16; // Of graphs in attributes of nodes.
constexpr unsigned maxMessages = 1 << 22;

/// A tensor of a file: C order, little endian, packed.
struct StoredTensor {
  std::string name;
  ElementType type = ElementType::Undefined;
  llvm::SmallVector<int64_t, 4> shape;
  /// The elements: a view of the model's own bytes, or of `owned`, which copies
  /// share so that the view holds in all of them.
  llvm::StringRef data;
  std::shared_ptr<std::vector<char>> owned;

  void own(std::vector<char> bytes);
  /// Where the elements lie; empty where they stand in no file as they are.
  std::string file;
  uint64_t offset = 0;

  int64_t elements() const;
};

struct Graph;

struct StoredAttribute {
  /// The standard's numbers.
  enum Kind {
    Undefined = 0,
    Float = 1,
    Int = 2,
    String = 3,
    Tensor = 4,
    Graph = 5,
    Floats = 6,
    Ints = 7,
    Strings = 8
  };
  std::string name;
  int kind = Undefined;
  float number = 0;
  int64_t integer = 0;
  std::string text;
  std::vector<float> numbers;
  std::vector<int64_t> integers;
  std::vector<std::string> texts;
  std::shared_ptr<StoredTensor> tensor;
  std::shared_ptr<onnx::Graph> graph;
  /// In a function: the attribute of the calling node that this one stands for.
  std::string reference;
};

struct Node {
  std::string name, operation, domain;
  /// Names of values; empty for one that is left out.
  std::vector<std::string> inputs, outputs;
  std::vector<StoredAttribute> attributes;
};

/// A graph's input or output. Extents are -1 where they are not known.
struct ValueInfo {
  std::string name;
  /// False for a sequence, a map or an optional value.
  bool isTensor = false;
  ElementType type = ElementType::Undefined;
  std::optional<llvm::SmallVector<int64_t, 4>> shape;
};

struct Graph {
  std::string name;
  std::vector<Node> nodes;
  std::vector<StoredTensor> initializers;
  std::vector<ValueInfo> inputs, outputs;
};

struct OperatorSet {
  std::string domain; // "" is the standard's own.
  int64_t version = 0;
};

/// A function of the model's own, called like an operator.
struct Function {
  std::string name, domain;
  std::vector<std::string> inputs, outputs;
  std::vector<StoredAttribute> defaults;
  std::vector<Node> nodes;
  std::vector<OperatorSet> operatorSets;
};

struct Model {
  std::string file;
  std::shared_ptr<llvm::MemoryBuffer> bytes; // What views point into.
  std::vector<OperatorSet> operatorSets;
  Graph graph;
  std::vector<Function> functions;
};

/// Reads `file`. External data is read from beside it and from nowhere else.
/// No input makes this crash, read outside the file's folder, or allocate more
/// than a constant times the bytes of the files. Every failure is an
/// `ImportError`.
llvm::Expected<Model> readModel(llvm::StringRef file);

/// Reads a file that holds one tensor, as the standard's test data does.
llvm::Expected<StoredTensor> readTensorFile(llvm::StringRef file);

/// Reads a whole regular file of at most `limit` bytes.
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
readBounded(llvm::StringRef file, uint64_t limit);

/// The operator set's version of `domain`; 0 where it is not imported.
int64_t findVersion(llvm::ArrayRef<OperatorSet> sets, llvm::StringRef domain);

} // namespace sennit::onnx

#endif // SENNIT_FRONTENDS_ONNX_MODEL_H
