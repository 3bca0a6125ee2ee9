// Registers the seq dialect and checks the attributes of a model.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "dialects/seq/Seq.h"
#include "dialects/seq/SeqVerify.h"
#include "dialects/tile/Tile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace sennit::seq;

#include "dialects/seq/SeqDialect.cpp.inc"
#include "dialects/seq/SeqEnums.cpp.inc"
#include "dialects/seq/SeqInterfaces.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/seq/SeqAttributes.cpp.inc"

#define GET_OP_CLASSES
#include "dialects/seq/SeqOps.cpp.inc"

void SeqDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/seq/SeqAttributes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/seq/SeqOps.cpp.inc"
      >();
}

/// Segments are counted for a whole module.
static LogicalResult verifyScanSegments(Operation *op, Attribute value) {
  if (!isa<ModuleOp>(op))
    return op->emitError() << "`seq.scan_segments` stands on `" << op->getName()
                           << "`, it belongs on a module";
  auto number = dyn_cast<IntegerAttr>(value);
  if (!number || number.getInt() < 1)
    return op->emitError() << "`seq.scan_segments` is " << value
                           << ", not a positive number";
  return success();
}

LogicalResult SeqDialect::verifyOperationAttribute(Operation *op,
                                                   NamedAttribute attr) {
  if (attr.getName() == kScanSegmentsAttrName)
    return verifyScanSegments(op, attr.getValue());
  for (StringRef name : {kWeightBitsAttrName, kWeightGroupAttrName})
    if (attr.getName() == name &&
        (!isa<ModuleOp>(op) || !isa<IntegerAttr>(attr.getValue())))
      return op->emitError()
             << "`" << name << "` is " << attr.getValue() << " on `"
             << op->getName() << "`, it is a number on a module";
  if (attr.getName() == kRoundsOperandsAttrName && !isa<ModuleOp>(op))
    return op->emitError() << "`seq.rounds_operands` stands on `"
                           << op->getName() << "`, it belongs on a module";
  if (attr.getName() != kModelAttrName)
    return success();
  if (!isa<ModuleOp>(op))
    return op->emitError() << "`seq.model` stands on `" << op->getName()
                           << "`, it belongs on a module";
  if (!isa<DictionaryAttr>(attr.getValue()))
    return op->emitError() << "`seq.model` is " << attr.getValue()
                           << ", not a dictionary";
  return success();
}

LogicalResult SeqDialect::verifyRegionArgAttribute(Operation *op, unsigned,
                                                   unsigned argument,
                                                   NamedAttribute attr) {
  if (attr.getName() != kStateAttrName)
    return success();
  auto name = dyn_cast<StringAttr>(attr.getValue());
  if (!name || name.empty())
    return op->emitError() << "`seq.state` of argument " << argument << " is "
                           << attr.getValue() << ", not the name of a state";
  return success();
}

LogicalResult sennit::seq::verifyGroups(Operation *op, Extent groups,
                                        Extent heads) {
  if (groups.get() > 0 && heads.get() > 0 && heads.get() % groups.get() == 0)
    return success();
  InFlightDiagnostic diagnostic =
      op->emitOpError() << "`" << heads.name << "` has " << heads.get()
                        << " heads, not a multiple of the " << groups.get()
                        << " of `" << groups.name << "`";
  diagnostic.attachNote(groups.value.getLoc())
      << "`" << groups.name << "` is " << groups.value.getType();
  return diagnostic;
}

static LogicalResult verifyTypes(Operation *op, StringRef what, StringRef verb,
                                 TypeRange want, TypeRange got) {
  if (want.size() != got.size())
    return op->emitOpError()
           << "region " << verb << " " << got.size() << " values, its " << what
           << " are " << want.size();
  for (auto [i, pair] : llvm::enumerate(llvm::zip_equal(want, got)))
    if (std::get<0>(pair) != std::get<1>(pair))
      return op->emitOpError()
             << "region " << verb << " " << std::get<1>(pair) << " as value "
             << i << ", which is " << std::get<0>(pair);
  return success();
}

LogicalResult sennit::seq::verifyBody(Operation *op, StringRef what,
                                      Region &body, TypeRange arguments,
                                      TypeRange yields) {
  auto yield = dyn_cast<YieldOp>(body.front().back());
  if (!yield)
    return op->emitOpError("region does not end in `seq.yield`");
  if (failed(
          verifyTypes(op, what, "takes", arguments, body.getArgumentTypes())))
    return failure();
  return verifyTypes(op, what, "yields", yields, yield.getOperandTypes());
}

LogicalResult sennit::seq::verifySame(Operation *op, StringRef what,
                                      Extent left, Extent right) {
  if (left.isDynamic() || right.isDynamic() || left.get() == right.get())
    return success();
  InFlightDiagnostic diagnostic =
      op->emitOpError() << "`" << right.name << "` has " << right.get() << " "
                        << what << ", `" << left.name << "` has " << left.get();
  diagnostic.attachNote(left.value.getLoc())
      << "`" << left.name << "` is " << left.value.getType();
  return diagnostic;
}

LogicalResult sennit::seq::verifyStatic(Operation *op, StringRef name,
                                        Value value, unsigned leading) {
  auto type = cast<RankedTensorType>(value.getType());
  for (unsigned dim = leading, rank = type.getRank(); dim != rank; ++dim)
    if (type.isDynamicDim(dim))
      return op->emitOpError() << "dimension " << dim << " of `" << name
                               << "` is dynamic in " << type;
  return success();
}
