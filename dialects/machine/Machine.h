// The one header of the machine dialect: its attribute and its place.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_DIALECTS_MACHINE_MACHINE_H
#define SENNIT_DIALECTS_MACHINE_MACHINE_H

#include "mlir/IR/Attributes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpImplementation.h"

#include "dialects/machine/MachineDialect.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/machine/MachineAttributes.h.inc"

namespace sennit::machine {

/// The module attribute that holds the core kernels are scheduled for.
inline constexpr llvm::StringLiteral kTargetAttrName = "machine.target";

/// The core that `op` is compiled for, from the nearest enclosing op that
/// carries `machine.target`; null when none does.
CoreAttr getTarget(mlir::Operation *op);

} // namespace sennit::machine

#endif // SENNIT_DIALECTS_MACHINE_MACHINE_H
