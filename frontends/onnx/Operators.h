// The table of operators: one function each, by family.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_FRONTENDS_ONNX_OPERATORS_H
#define SENNIT_FRONTENDS_ONNX_OPERATORS_H

#include "frontends/onnx/NodeReader.h"

namespace sennit::onnx {

struct Operator {
  llvm::StringRef name;
  void (*import)(NodeReader &);
};

/// Of the standard's own domain.
llvm::ArrayRef<Operator> elementwiseOperators();
llvm::ArrayRef<Operator> reductionOperators();
llvm::ArrayRef<Operator> shapeOperators();
llvm::ArrayRef<Operator> indexOperators();
llvm::ArrayRef<Operator> productOperators();
llvm::ArrayRef<Operator> normOperators();
llvm::ArrayRef<Operator> attentionOperators();
llvm::ArrayRef<Operator> recurrenceOperators();
llvm::ArrayRef<Operator> carriedOperators();
llvm::ArrayRef<Operator> controlOperators();
/// Of `ai.onnx.preview`.
llvm::ArrayRef<Operator> previewOperators();

/// Null where there is none of that name.
const Operator *findOperator(llvm::StringRef domain, llvm::StringRef name);

} // namespace sennit::onnx

#endif // SENNIT_FRONTENDS_ONNX_OPERATORS_H
