// Functions by polynomials on f64, and divisions that cannot trap.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_EMIT_EXPANDDOUBLES_H
#define SENNIT_COMPILER_EMIT_EXPANDDOUBLES_H

#include "mlir/IR/PatternMatch.h"

namespace sennit::emit {

/// Expands the functions of math on f64, and on f32 those without an expansion
/// of their own: these compute in f64 and round once.
void populateDoublePatterns(mlir::RewritePatternSet &patterns);

/// Divides vectors of integers; lanes that hold no element may hold zeros,
/// which must not trap.
void populateDivisionPatterns(mlir::RewritePatternSet &patterns);

} // namespace sennit::emit

#endif // SENNIT_COMPILER_EMIT_EXPANDDOUBLES_H
