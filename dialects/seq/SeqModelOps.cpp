// Verifiers of parameters, packing and embedding; the flow of a kernel.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "dialects/seq/Seq.h"
#include "dialects/seq/SeqVerify.h"

using namespace mlir;
using namespace sennit::seq;

LogicalResult ParameterOp::verify() {
  if (int64_t(getOffset()) < 0)
    return emitOpError() << "starts at byte " << int64_t(getOffset());
  Type element = cast<ShapedType>(getType()).getElementType();
  if (!element.isIntOrFloat() || element.getIntOrFloatBitWidth() % 8 != 0)
    return emitOpError() << "has elements of " << element
                         << ", which are not whole bytes";
  return success();
}

LogicalResult WeightOp::verifySymbolUses(SymbolTableCollection &symbols) {
  Operation *symbol =
      symbols.lookupNearestSymbolFrom(*this, getParameterAttr());
  if (!symbol)
    return emitOpError() << "no symbol `" << getParameter() << "`";
  auto parameter = dyn_cast<ParameterOp>(symbol);
  if (!parameter) {
    InFlightDiagnostic diagnostic =
        emitOpError() << "`" << getParameter() << "` is a `"
                      << symbol->getName() << "`, not a `seq.parameter`";
    diagnostic.attachNote(symbol->getLoc()) << "declared here";
    return diagnostic;
  }
  if (parameter.getType() == getOutput().getType())
    return success();
  InFlightDiagnostic diagnostic =
      emitOpError() << "gives " << getOutput().getType() << ", `"
                    << getParameter() << "` is " << parameter.getType();
  diagnostic.attachNote(parameter.getLoc()) << "declared here";
  return diagnostic;
}

LogicalResult PackOp::verify() {
  if (getInputs().empty())
    return emitOpError("packs no operand");
  auto output = cast<ShapedType>(getOutput().getType());
  SmallVector<int64_t> shape(output.getShape());
  bool stacks =
      getInputs().size() > 1 ||
      cast<ShapedType>(getInputs()[0].getType()).getRank() < output.getRank();
  if (stacks && (shape.empty() || shape[0] != int64_t(getInputs().size())))
    return emitOpError() << "stacks " << getInputs().size() << " operands into "
                         << output;
  ArrayRef<int64_t> each = ArrayRef(shape).drop_front(stacks ? 1 : 0);
  for (auto [index, input] : llvm::enumerate(getInputs())) {
    auto type = cast<ShapedType>(input.getType());
    if (type.getShape() == each &&
        type.getElementType() == output.getElementType())
      continue;
    InFlightDiagnostic diagnostic = emitOpError()
                                    << "operand " << index << " is " << type
                                    << ", the result is " << output;
    diagnostic.attachNote(input.getLoc()) << "operand " << index << " is here";
    return diagnostic;
  }
  return success();
}

LogicalResult EmbedOp::verify() {
  if (failed(verifyStatic(*this, "table", getTable(), 1)) ||
      failed(verifyStatic(*this, "output", getOutput(), 1)))
    return failure();
  if (failed(verifySame(*this, "tokens", {"tokens", getTokens(), 0},
                        {"output", getOutput(), 0})))
    return failure();
  return verifySame(*this, "components", {"table", getTable(), 1},
                    {"output", getOutput(), 1});
}

void KernelOp::getSuccessorRegions(RegionBranchPoint point,
                                   SmallVectorImpl<RegionSuccessor> &regions) {
  if (point.isParent())
    regions.emplace_back(&getBody());
  else
    regions.emplace_back(getOperation(), getOutputs());
}
