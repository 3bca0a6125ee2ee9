// What the readers of messages share: the place for errors, counts, files.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_FRONTENDS_ONNX_MESSAGEREADER_H
#define SENNIT_FRONTENDS_ONNX_MESSAGEREADER_H

#include "frontends/onnx/Model.h"
#include "frontends/onnx/Wire.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace sennit::onnx {

/// Reads the messages of one file. The first error is kept, and stops the rest.
class MessageReader {
public:
  MessageReader(llvm::StringRef file, llvm::StringRef bytes)
      : file(file), bytes(bytes) {}

  bool readTensor(llvm::StringRef message, StoredTensor &tensor);
  bool readGraph(llvm::StringRef message, Graph &graph);
  bool readFunction(llvm::StringRef message, Function &function);
  bool readOperatorSet(llvm::StringRef message, OperatorSet &set);
  /// Calls `visit` for each field of a message, `what` in errors.
  bool forEach(llvm::StringRef message, const llvm::Twine &what,
               llvm::function_ref<bool(const Field &)> visit);

  bool failed() const { return !reason.empty(); }
  llvm::Error takeError();

private:
  bool fail(const llvm::Twine &what);
  bool failUnsupported(const llvm::Twine &what);
  bool readText(const Field &field, std::string &text);
  bool readInteger(const Field &field, int64_t &value);
  bool readMessage(const Field &field, llvm::StringRef &message);
  bool readNode(llvm::StringRef message, Node &node);
  bool readAttribute(llvm::StringRef message, StoredAttribute &attribute);
  bool readAttributeField(const Field &field, StoredAttribute &attribute);
  bool readValueInfo(llvm::StringRef message, ValueInfo &info);
  bool readTensorType(llvm::StringRef message, ValueInfo &info);
  bool readExtent(llvm::StringRef message, int64_t &extent);

  struct TensorData;
  bool readTensorField(const Field &field, StoredTensor &tensor,
                       TensorData &data);
  bool checkShape(StoredTensor &tensor);
  bool placeData(StoredTensor &tensor, TensorData &data);
  bool packNumbers(StoredTensor &tensor, const TensorData &data);
  bool openExternal(StoredTensor &tensor, TensorData &data, uint64_t size);

  std::string file;
  llvm::StringRef bytes;
  std::string reason;
  bool isUnsupported = false;
  /// The parts of the model around what is being read: "graph: node 3: ".
  std::string place;
  unsigned nesting = 0, messages = 0;
};

} // namespace sennit::onnx

#endif // SENNIT_FRONTENDS_ONNX_MESSAGEREADER_H
