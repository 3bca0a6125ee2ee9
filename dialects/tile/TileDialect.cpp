// Registers the tile dialect and implements the blocked memory layout.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#include "dialects/tile/TileAsync.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sennit::tile;

#include "dialects/tile/TileDialect.cpp.inc"
#include "dialects/tile/TileEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/tile/TileAttributes.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/tile/TileTypes.cpp.inc"

void TileDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/tile/TileAttributes.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/tile/TileTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/tile/TileOps.cpp.inc"
      >();
  initializeAsync();
}

// An attribute does not know the rank of the type that carries it, so the map
// is that of a matrix: (n, k) -> (panel, group, row in the panel, k in the
// group), less the last where groups hold one.
AffineMap BlockedAttr::getAffineMap() const {
  AffineExpr n = getAffineDimExpr(0, getContext());
  AffineExpr k = getAffineDimExpr(1, getContext());
  SmallVector<AffineExpr> place{n.floorDiv(getRows()), k.floorDiv(getGroup()),
                                n % getRows()};
  if (getGroup() != 1)
    place.push_back(k % getGroup());
  return AffineMap::get(2, 0, place, getContext());
}

LogicalResult
BlockedAttr::verifyLayout(ArrayRef<int64_t> shape,
                          function_ref<InFlightDiagnostic()> emitError) const {
  if (getRows() < 1)
    return emitError() << "blocked layout has panels of " << getRows()
                       << " rows, at least 1 is needed";
  if (getGroup() < 1)
    return emitError() << "blocked layout has groups of " << getGroup()
                       << " elements, at least 1 is needed";
  if (shape.size() < 2)
    return emitError() << "blocked layout on rank " << shape.size()
                       << ", it describes matrices [.., N, K]";
  return success();
}

// Panels have no strides; views of blocked memory are read by tile.load only.
LogicalResult
BlockedAttr::getStridesAndOffset(ArrayRef<int64_t> shape,
                                 SmallVectorImpl<int64_t> &strides,
                                 int64_t &offset) const {
  return failure();
}

int64_t BlockedAttr::getGroupCount(int64_t depth) const {
  constexpr int64_t step = 16;
  int64_t groups = llvm::divideCeil(depth, getGroup());
  return getGroup() == 1 ? groups : llvm::alignTo(groups, step);
}

int64_t BlockedAttr::getStorageElements(ArrayRef<int64_t> shape) const {
  int64_t elements = getGroupCount(shape.back()) * getGroup();
  elements *= llvm::alignTo(shape[shape.size() - 2], getRows());
  return elements * llvm::product_of(shape.drop_back(2));
}
