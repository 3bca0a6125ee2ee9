// How a tile's elements lie in a view, for the emitter's memory operations.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_EMIT_EMITTERADDRESS_H
#define SENNIT_COMPILER_EMIT_EMITTERADDRESS_H

#include "compiler/emit/Emitter.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/TypeUtilities.h"

namespace sennit::emit {

/// The address of an element or of `lanes` elements of a view.
struct Emitter::Address {
  mlir::Value pointer;
  /// The type of an element in memory.
  mlir::Type raw;
  /// Whether all indices other than the lanes' lie inside the bounds; null
  /// when nothing is to be asked.
  mlir::Value isInside;
  /// Elements between neighbouring lanes.
  int64_t laneStride = 1;
  /// Instead of a stride: the index of each lane, of a gather along the lanes.
  mlir::Value laneIndices;
};

/// Integers of 16 bits for bf16 and f16, of 8 for i1, else the element.
mlir::Type getRawType(mlir::Type element);
mlir::TypedAttr getRawPad(mlir::TypedAttr pad);

} // namespace sennit::emit

#endif // SENNIT_COMPILER_EMIT_EMITTERADDRESS_H
