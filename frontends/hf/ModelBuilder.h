// Holds what every imported model shares: the module, its parameters, its
// states, its two functions.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_FRONTENDS_HF_MODELBUILDER_H
#define SENNIT_FRONTENDS_HF_MODELBUILDER_H

#include "dialects/seq/Seq.h"
#include "frontends/hf/Checkpoint.h"
#include "frontends/hf/Quantization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/OwningOpRef.h"

namespace sennit::hf {

/// What the runtime must know of a model beside its functions.
struct ModelFacts {
  std::string architecture;
  int64_t vocabulary = 0;
  int64_t width = 0;   // Of the residual stream.
  int64_t context = 0; // Tokens that the state can hold.
  int64_t chunk = 0;   // Most tokens of one call.
  bool byteLevel = false;
  llvm::SmallVector<int64_t, 2> endOfText;
};

/// A run of rows of a stored matrix that is used on its own.
struct RowBlock {
  llvm::StringRef suffix; // Of the parameter's name: "x", "dt".
  int64_t rows = 0;
};

/// Builds `@body` and `@head` in the form that the `seq` dialect's page
/// describes. After the first error building goes on with the types that were
/// asked for, and `takeModule` returns the error.
class ModelBuilder {
public:
  ModelBuilder(Checkpoint &checkpoint, ModelFacts facts,
               std::optional<StoredQuantization> quantization,
               mlir::MLIRContext &context);

  const ModelFacts &getFacts() const { return facts; }
  /// Where ops go, at the location that `at` has set.
  mlir::ImplicitLocOpBuilder &ops() { return builder; }
  /// Names the part of the model that the next ops belong to.
  void at(const llvm::Twine &name);

  bool failed() const { return !message.empty(); }
  void failBroken(const llvm::Twine &reason);
  void failUnsupported(const llvm::Twine &reason);

  /// Opens `@body`: embeds the tokens by the table of that name; returns the
  /// residual stream.
  mlir::Value beginBody(llvm::StringRef table);
  /// Closes `@body`: returns the residual stream and every state's next value.
  void finishBody(mlir::Value hidden);
  /// Opens `@head`; returns the residual stream.
  mlir::Value beginHead();
  void finishHead(mlir::Value logits);

  /// In the function being built: the number of tokens, and of those before
  /// this call (in `@body`).
  mlir::Value tokenCount() const { return count; }
  mlir::Value past() const { return pastCount; }

  /// The value of a stored tensor, which must have this shape.
  mlir::Value weight(const llvm::Twine &tensor, llvm::ArrayRef<int64_t> shape);
  /// Declared with `shape`, stored as `storedShape`: the same elements in the
  /// same order.
  mlir::Value weight(const llvm::Twine &tensor, llvm::ArrayRef<int64_t> shape,
                     llvm::ArrayRef<int64_t> storedShape);
  /// One value for each block of rows; `rowShape` is a row's shape as declared,
  /// `storedRowShape` as stored.
  llvm::SmallVector<mlir::Value>
  weightBlocks(const llvm::Twine &tensor, llvm::ArrayRef<RowBlock> blocks,
               llvm::ArrayRef<int64_t> rowShape,
               llvm::ArrayRef<int64_t> storedRowShape);
  /// The elements from `first` on of a stored tensor as a parameter of their
  /// own, named `tensor.suffix`. Where the checkpoint holds it quantised, and
  /// not `asStored`, what its words stand for.
  mlir::Value weightSlice(llvm::StringRef tensor,
                          llvm::ArrayRef<int64_t> storedShape,
                          llvm::StringRef suffix, int64_t first,
                          llvm::ArrayRef<int64_t> shape, bool asStored = false);

  /// Adds an f32 state to `@body` and returns its value before the call.
  mlir::Value state(const llvm::Twine &name, llvm::ArrayRef<int64_t> shape);
  void setNext(mlir::Value state, mlir::Value next);

  /// Checks that a tensor is there with this shape, before something is made as
  /// large as the shape says.
  bool expect(llvm::StringRef tensor, llvm::ArrayRef<int64_t> storedShape) {
    return find(tensor, storedShape) != nullptr;
  }
  bool hasTensor(const llvm::Twine &name) const;
  /// Marks a tensor as used that is there but not needed.
  void ignoreTensor(llvm::StringRef name) { checkpoint.use(name); }
  /// The same for all whose names begin so; false where there are none.
  bool ignoreTensors(llvm::StringRef prefix) {
    return checkpoint.useAll(prefix);
  }

  llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> takeModule();

  mlir::RankedTensorType f32(llvm::ArrayRef<int64_t> shape);

private:
  const Checkpoint::Tensor *find(llvm::StringRef tensor,
                                 llvm::ArrayRef<int64_t> storedShape);
  mlir::FloatType elementType(const Checkpoint::Tensor &tensor);
  mlir::func::FuncOp beginFunction(llvm::StringRef name,
                                   mlir::TypeRange arguments);
  void finishFunction(mlir::func::FuncOp function, mlir::ValueRange results);

  // Quantization.cpp: matrices stored as integers with scales.
  bool isQuantized(llvm::StringRef tensor) const;
  mlir::Value quantizedSlice(llvm::StringRef tensor,
                             llvm::ArrayRef<int64_t> storedShape,
                             llvm::StringRef suffix, int64_t first,
                             llvm::ArrayRef<int64_t> shape);
  mlir::Value partOf(llvm::StringRef tensor, llvm::StringRef suffix,
                     llvm::ArrayRef<int64_t> storedShape, llvm::StringRef dtype,
                     int64_t first, mlir::RankedTensorType type);
  /// Refuses quantised matrices that something other than a product reads.
  void checkQuantized();

  Checkpoint &checkpoint;
  ModelFacts facts;
  std::optional<StoredQuantization> quantization;
  llvm::SmallVector<std::pair<seq::DequantizeOp, std::string>> quantized;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::ImplicitLocOpBuilder builder;
  mlir::func::FuncOp body, head;
  mlir::Value count, pastCount;
  llvm::StringMap<mlir::Type> parameters;
  llvm::SmallVector<std::string> stateNames;
  llvm::SmallVector<mlir::Value> states, nextStates;
  std::string message;
  bool unsupported = false;
};

} // namespace sennit::hf

#endif // SENNIT_FRONTENDS_HF_MODELBUILDER_H
