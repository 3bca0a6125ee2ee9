// One node while it is imported: its inputs, attributes and results.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_FRONTENDS_ONNX_NODEREADER_H
#define SENNIT_FRONTENDS_ONNX_NODEREADER_H

#include "frontends/onnx/Importer.h"

namespace sennit::onnx {

/// Reads a node. After the first failure, which is kept, tensors come out
/// empty; an operator's function returns as soon as `failed()`.
class NodeReader {
public:
  NodeReader(Importer &importer, const Node &node, Scope &scope,
             const Call &call, int64_t version)
      : importer(importer), node(node), scope(scope), call(call),
        operatorVersion(version) {}

  Tensors &tensors() { return importer.tensors(); }
  bool failed() const { return importer.failed(); }
  void fail(const llvm::Twine &reason) { importer.fail(reason); }
  void failUnsupported(const llvm::Twine &reason) {
    importer.failUnsupported(reason);
  }
  /// Of the operator's set.
  int64_t version() const { return operatorVersion; }

  unsigned inputCount() const { return node.inputs.size(); }
  bool hasInput(unsigned index) const;
  /// A failure where it is left out.
  Tensor input(unsigned index);
  /// Of floats; of a rank in this range.
  Tensor floatInput(unsigned index, int64_t leastRank = 0,
                    int64_t mostRank = 64);
  /// Empty where it is left out.
  Tensor optionalInput(unsigned index);
  llvm::SmallVector<Tensor> inputs();
  /// The values of an integer input that must be known at import.
  llvm::SmallVector<int64_t> integersInput(unsigned index);
  /// Of attribute `name`, or of input `index` where that is there.
  llvm::SmallVector<int64_t> integersOf(llvm::StringRef name, unsigned index);

  bool hasAttribute(llvm::StringRef name);
  int64_t integer(llvm::StringRef name, int64_t otherwise);
  double number(llvm::StringRef name, double otherwise);
  std::string text(llvm::StringRef name, llvm::StringRef otherwise);
  llvm::SmallVector<int64_t> integers(llvm::StringRef name);
  const StoredAttribute *attribute(llvm::StringRef name, int kind);
  /// Null where it is left out.
  const Graph *graph(llvm::StringRef name);
  /// 0 to `rank` - 1, of an axis that may count from the end; `last` permits
  /// `rank` itself.
  int64_t axis(int64_t axis, int64_t rank, bool last = false);
  llvm::SmallVector<int64_t> axes(llvm::ArrayRef<int64_t> axes, int64_t rank);

  bool wantsOutput(unsigned index) const;
  unsigned outputCount() const { return node.outputs.size(); }
  void set(unsigned index, const Tensor &tensor);

  llvm::SmallVector<Tensor> importSubgraph(const Graph &graph,
                                           llvm::ArrayRef<Tensor> inputs) {
    return importer.importSubgraph(graph, inputs, scope, call);
  }
  Importer &owner() { return importer; }

  /// A failure if the node has an attribute that its operator did not read.
  void checkAllRead();

private:
  const StoredAttribute *resolve(llvm::StringRef name);

  Importer &importer;
  const Node &node;
  Scope &scope;
  const Call &call;
  int64_t operatorVersion;
  llvm::StringSet<> read;
};

} // namespace sennit::onnx

#endif // SENNIT_FRONTENDS_ONNX_NODEREADER_H
