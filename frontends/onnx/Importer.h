// Walks the nodes of graphs, with their values by name.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_FRONTENDS_ONNX_IMPORTER_H
#define SENNIT_FRONTENDS_ONNX_IMPORTER_H

#include "frontends/onnx/Import.h"
#include "frontends/onnx/Tensors.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringSet.h"

namespace sennit::onnx {

/// Values by name; a graph inside a node sees those around it.
struct Scope {
  const Scope *outer = nullptr;
  llvm::StringMap<Tensor> values;

  const Tensor *find(llvm::StringRef name) const;
};

/// What a function's nodes take from its call.
struct Call {
  llvm::ArrayRef<OperatorSet> operatorSets;
  /// Attributes of the calling node, by which `reference` is replaced.
  llvm::ArrayRef<StoredAttribute> attributes, defaults;
};

class Importer {
public:
  Importer(const Model &model, const ImportOptions &options,
           mlir::MLIRContext &context);

  llvm::Expected<Imported> run();

  Tensors &tensors() { return ops; }
  bool failed() const { return !message.empty() || ops.failed(); }
  void fail(const llvm::Twine &reason);
  void failUnsupported(const llvm::Twine &reason);

  /// Imports the nodes of a graph into `scope`, where its inputs already are.
  void importNodes(llvm::ArrayRef<Node> nodes, Scope &scope, const Call &call);
  /// Imports a graph inside a node: `inputs` stand for its inputs. Returns its
  /// outputs; empty after a failure.
  llvm::SmallVector<Tensor> importSubgraph(const Graph &graph,
                                           llvm::ArrayRef<Tensor> inputs,
                                           const Scope &outer,
                                           const Call &call);

  Tensor initializer(const StoredTensor &stored);
  /// The constant behind a tensor: its own, or the value that the model will be
  /// called with. Null where there is none.
  mlir::DenseElementsAttr requireConstant(const Tensor &tensor);
  mlir::Type elementType(ElementType type);

private:
  void importGraph(const Graph &graph);
  Tensor argumentFor(const ValueInfo &input, const StoredTensor *example);
  void importNode(const Node &node, Scope &scope, const Call &call);
  void importFunction(const Function &function, const Node &node, Scope &scope,
                      const Call &call);
  void finish(const Graph &graph, const Scope &scope);
  void checkOutput(const ValueInfo &output, const Tensor &tensor);

  const Model &model;
  const ImportOptions &options;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::ImplicitLocOpBuilder builder;
  Tensors ops;
  mlir::func::FuncOp function;
  llvm::DenseMap<mlir::Value, const StoredTensor *> examples;
  llvm::StringSet<> parameters;
  llvm::DenseMap<const StoredTensor *, Tensor> weights;
  std::vector<std::string> specialised;
  std::string message, place;
  bool unsupported = false;
  unsigned depth = 0, nodeCount = 0;
};

} // namespace sennit::onnx

#endif // SENNIT_FRONTENDS_ONNX_IMPORTER_H
