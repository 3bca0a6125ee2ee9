// Registers the machine dialect and checks the sizes that a machine claims.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "dialects/machine/Machine.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace sennit::machine;

#include "dialects/machine/MachineDialect.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/machine/MachineAttributes.cpp.inc"

void MachineDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/machine/MachineAttributes.cpp.inc"
      >();
}

LogicalResult CoreAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               StringRef name, StringRef isa,
                               int64_t vectorBits, int64_t vectorRegisters,
                               int64_t l1Bytes, int64_t l2Bytes,
                               int64_t threads, int64_t asyncRows, StringRef) {
  if (name.empty() || isa.empty())
    return emitError() << "`" << (name.empty() ? "name" : "isa")
                       << "` is empty";
  for (auto [key, size] :
       {std::pair<StringRef, int64_t>("vector_bits", vectorBits),
        {"vector_registers", vectorRegisters},
        {"l1_bytes", l1Bytes},
        {"l2_bytes", l2Bytes},
        {"threads", threads}})
    if (size <= 0)
      return emitError() << "`" << key << "` is " << size
                         << ", not a positive size";
  if (vectorBits % 32 != 0)
    return emitError() << "`vector_bits` is " << vectorBits
                       << ", not a multiple of 32";
  if (l2Bytes < l1Bytes)
    return emitError() << "`l2_bytes` is " << l2Bytes << ", less than the "
                       << l1Bytes << " of `l1_bytes`";
  if (asyncRows < 0)
    return emitError() << "`async_rows` is " << asyncRows << ", negative";
  return success();
}

LogicalResult MachineDialect::verifyOperationAttribute(Operation *op,
                                                       NamedAttribute attr) {
  if (attr.getName() != kTargetAttrName)
    return op->emitError() << "`" << attr.getName().getValue()
                           << "` is not an attribute of `machine`, whose one "
                              "attribute on ops is `machine.target`";
  if (!isa<ModuleOp>(op))
    return op->emitError() << "`machine.target` stands on `" << op->getName()
                           << "`, it belongs on a module";
  if (!isa<CoreAttr>(attr.getValue()))
    return op->emitError() << "`machine.target` is " << attr.getValue()
                           << ", not a `#machine.core`";
  return success();
}

CoreAttr sennit::machine::getTarget(Operation *op) {
  for (; op; op = op->getParentOp())
    if (auto core = op->getAttrOfType<CoreAttr>(kTargetAttrName))
      return core;
  return {};
}
