// Verifiers of selection: what is chosen of a row, and by whose settings.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "dialects/seq/Seq.h"
#include "dialects/seq/SeqVerify.h"

using namespace mlir;
using namespace sennit::seq;

LogicalResult TopKOp::verify() {
  if (failed(verifyStatic(*this, "input", getInput(), 1)) ||
      failed(verifyStatic(*this, "values", getValues(), 1)) ||
      failed(verifyStatic(*this, "indices", getIndices(), 1)))
    return failure();
  Extent rows{"input", getInput(), 0};
  if (failed(verifySame(*this, "rows", rows, {"values", getValues(), 0})) ||
      failed(verifySame(*this, "rows", rows, {"indices", getIndices(), 0})) ||
      failed(verifySame(*this, "choices", {"values", getValues(), 1},
                        {"indices", getIndices(), 1})))
    return failure();
  int64_t elements = getInput().getType().getDimSize(1);
  int64_t choices = getValues().getType().getDimSize(1);
  if (choices < 1 || choices > elements)
    return emitOpError() << "chooses " << choices << " of " << elements
                         << " elements";
  return success();
}

LogicalResult SampleOp::verify() {
  if (failed(verifyStatic(*this, "logits", getLogits(), 1)))
    return failure();
  Extent rows{"logits", getLogits(), 0};
  for (Extent other :
       {Extent{"uniform", getUniform(), 0},
        Extent{"temperature", getTemperature(), 0},
        Extent{"top_k", getTopK(), 0}, Extent{"top_p", getTopP(), 0},
        Extent{"tokens", getTokens(), 0}})
    if (failed(verifySame(*this, "rows", rows, other)))
      return failure();
  if (getLogits().getType().getDimSize(1) < 1)
    return emitOpError("draws from rows without logits");
  return success();
}
