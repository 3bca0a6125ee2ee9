// A language model that the reference runs: tokens in, logits in f64 out.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_REFERENCE_MODEL_H
#define SENNIT_COMPILER_REFERENCE_MODEL_H

#include "compiler/reference/Program.h"

namespace sennit::reference {

/// How a token is drawn, as `seq.sample` has it.
struct Draw {
  double uniform = 0, temperature = 0, topP = 0;
  int64_t topK = 0;
};

/// An imported module's @body and @head with their states.
class Model {
public:
  /// Takes a module as a frontend leaves it. Fails when it has no @body and
  /// @head of the expected signature, or names no model in `seq.model`.
  static llvm::Expected<std::unique_ptr<Model>>
  create(mlir::OwningOpRef<mlir::ModuleOp> module);

  /// What `seq.model` says.
  int64_t vocabulary = 0, context = 0;
  bool byteLevel = false;
  std::vector<int32_t> endOfText;

  /// Logits after each of the tokens, or after the last alone, row by row. They
  /// follow what was fed before. Fails when the context is full or a token is
  /// outside the vocabulary.
  llvm::Expected<std::vector<double>>
  feed(llvm::ArrayRef<int32_t> tokens, bool lastOnly, Progress progress = {});
  /// A token of one row of logits.
  llvm::Expected<int32_t> sample(llvm::ArrayRef<double> logits,
                                 const Draw &draw);
  /// Forgets all tokens.
  void reset();
  int64_t getPosition() const { return position; }

private:
  explicit Model(std::unique_ptr<Program> program)
      : program(std::move(program)) {}
  llvm::Error readAttributes();

  std::unique_ptr<Program> program;
  std::vector<Value> states;
  int64_t position = 0;
};

} // namespace sennit::reference

#endif // SENNIT_COMPILER_REFERENCE_MODEL_H
