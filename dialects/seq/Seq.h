// The one header of the seq dialect: its ops, attributes and interfaces.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_DIALECTS_SEQ_SEQ_H
#define SENNIT_DIALECTS_SEQ_SEQ_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/seq/SeqDialect.h.inc"
#include "dialects/seq/SeqEnums.h.inc"
#include "dialects/seq/SeqInterfaces.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/seq/SeqAttributes.h.inc"

#define GET_OP_CLASSES
#include "dialects/seq/SeqOps.h.inc"

namespace sennit::seq {

/// The module dictionary that describes the model.
inline constexpr llvm::StringLiteral kModelAttrName = "seq.model";
/// The number of segments into which scans are cut, on a module.
inline constexpr llvm::StringLiteral kScanSegmentsAttrName =
    "seq.scan_segments";
/// On a module: what is multiplied is rounded to the type of the matrices.
inline constexpr llvm::StringLiteral kRoundsOperandsAttrName =
    "seq.rounds_operands";
/// On a module: the bits, and the group of the depth, by which matrices of
/// products are quantised.
inline constexpr llvm::StringLiteral kWeightBitsAttrName = "seq.weight_bits";
inline constexpr llvm::StringLiteral kWeightGroupAttrName = "seq.weight_group";
/// The argument attribute of `@body` that names a state.
inline constexpr llvm::StringLiteral kStateAttrName = "seq.state";

} // namespace sennit::seq

#endif // SENNIT_DIALECTS_SEQ_SEQ_H
