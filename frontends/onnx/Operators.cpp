// The table of operators.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/onnx/Operators.h"

using namespace sennit::onnx;

const Operator *sennit::onnx::findOperator(llvm::StringRef domain,
                                           llvm::StringRef name) {
  using List = llvm::ArrayRef<Operator>;
  const List standard[] = {elementwiseOperators(), reductionOperators(),
                           shapeOperators(),       indexOperators(),
                           productOperators(),     normOperators(),
                           attentionOperators(),   recurrenceOperators(),
                           carriedOperators(),     controlOperators()};
  const List preview[] = {previewOperators()};
  llvm::ArrayRef<List> families;
  if (domain.empty() || domain == "ai.onnx")
    families = standard;
  else if (domain == "ai.onnx.preview")
    families = preview;
  for (List family : families)
    for (const Operator &entry : family)
      if (entry.name == name)
        return &entry;
  return nullptr;
}
