// The tile dialect: tiles of values, and the loops and memory operations that
// move them.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_DIALECTS_TILE_TILE_H
#define SENNIT_DIALECTS_TILE_TILE_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/tile/TileEnums.h.inc"

#include "dialects/tile/TileDialect.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/tile/TileAttributes.h.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/tile/TileTypes.h.inc"

namespace sennit::tile {
/// Where a word of quantised numbers holds its number of this index: the bits
/// below it. Those of even index stand in the lower half.
int64_t getNumberShift(int64_t number, int64_t bits);

// Parents of tile.yield, declared in TileAsync.h.
class RolesOp;
class StartOp;
} // namespace sennit::tile

#define GET_OP_CLASSES
#include "dialects/tile/TileOps.h.inc"

#endif // SENNIT_DIALECTS_TILE_TILE_H
