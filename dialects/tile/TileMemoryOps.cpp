// Builds, parses, prints and verifies tile.load and tile.store.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#include "dialects/tile/Tile.h"

#include "mlir/IR/OpImplementation.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Sequence.h"
#include "llvm/ADT/SmallSet.h"

using namespace mlir;
using namespace sennit::tile;

// The last `tileRank` of `viewRank` dimensions: what `dims` is when not given.
static SmallVector<int64_t> trailingDims(int64_t viewRank, int64_t tileRank) {
  return llvm::to_vector(llvm::seq<int64_t>(viewRank - tileRank, viewRank));
}

static SmallVector<int64_t> dimsOrTrailing(ArrayRef<int64_t> dims, Value view,
                                           VectorType type) {
  if (!dims.empty())
    return SmallVector<int64_t>(dims);
  return trailingDims(cast<MemRefType>(view.getType()).getRank(),
                      type.getRank());
}

static void splitBounds(ArrayRef<std::pair<int64_t, Value>> pairs,
                        SmallVectorImpl<int64_t> &dims,
                        SmallVectorImpl<Value> &bounds) {
  for (auto [dim, bound] : pairs) {
    dims.push_back(dim);
    bounds.push_back(bound);
  }
}

void LoadOp::build(OpBuilder &builder, OperationState &state, VectorType type,
                   Value view, ValueRange indices, ArrayRef<int64_t> tileDims,
                   ArrayRef<std::pair<int64_t, Value>> bounds, Attribute pad) {
  SmallVector<int64_t> boundDims;
  SmallVector<Value> boundValues;
  splitBounds(bounds, boundDims, boundValues);
  build(builder, state, type, view, indices, boundValues, boundDims,
        dimsOrTrailing(tileDims, view, type), pad);
}

void StoreOp::build(OpBuilder &builder, OperationState &state, Value value,
                    Value view, ValueRange indices, ArrayRef<int64_t> tileDims,
                    ArrayRef<std::pair<int64_t, Value>> bounds) {
  SmallVector<int64_t> boundDims;
  SmallVector<Value> boundValues;
  splitBounds(bounds, boundDims, boundValues);
  auto type = cast<VectorType>(value.getType());
  build(builder, state, value, view, indices, boundValues, boundDims,
        dimsOrTrailing(tileDims, view, type));
}

namespace {
/// What stands between the view's name and the types, as parsed.
struct Access {
  OpAsmParser::UnresolvedOperand view;
  SmallVector<OpAsmParser::UnresolvedOperand> indices, bounds;
  SmallVector<Type> indexTypes;
  SmallVector<int64_t> boundDims, tileDims;
  bool hasDims = false;
};
} // namespace

// %x[%m, %idx : vector<16xi32>] dims [0, 2] bound [0 : %t]
static ParseResult parseAccess(OpAsmParser &parser, Access &access) {
  Type index = parser.getBuilder().getIndexType();
  auto parseIndex = [&]() -> ParseResult {
    Type type = index;
    if (parser.parseOperand(access.indices.emplace_back()) ||
        (succeeded(parser.parseOptionalColon()) && parser.parseType(type)))
      return failure();
    access.indexTypes.push_back(type);
    return success();
  };
  auto parseBound = [&]() -> ParseResult {
    return failure(parser.parseInteger(access.boundDims.emplace_back()) ||
                   parser.parseColon() ||
                   parser.parseOperand(access.bounds.emplace_back()));
  };
  auto parseDim = [&]() -> ParseResult {
    return parser.parseInteger(access.tileDims.emplace_back());
  };
  using Delimiter = OpAsmParser::Delimiter;
  if (parser.parseOperand(access.view) ||
      parser.parseCommaSeparatedList(Delimiter::Square, parseIndex))
    return failure();
  access.hasDims = succeeded(parser.parseOptionalKeyword("dims"));
  if (access.hasDims &&
      parser.parseCommaSeparatedList(Delimiter::Square, parseDim))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("bound")) &&
      parser.parseCommaSeparatedList(Delimiter::Square, parseBound))
    return failure();
  return success();
}

template <typename OpTy>
static void printAccess(OpAsmPrinter &printer, OpTy op, VectorType tile) {
  printer << op.getView() << "[";
  llvm::interleaveComma(op.getIndices(), printer, [&](Value index) {
    printer << index;
    if (!index.getType().isIndex())
      printer << " : " << index.getType();
  });
  printer << "]";
  int64_t viewRank = cast<MemRefType>(op.getView().getType()).getRank();
  if (op.getTileDims() !=
      ArrayRef<int64_t>(trailingDims(viewRank, tile.getRank()))) {
    printer << " dims [";
    llvm::interleaveComma(op.getTileDims(), printer);
    printer << "]";
  }
  if (op.getBounds().empty())
    return;
  printer << " bound [";
  llvm::interleaveComma(llvm::zip_equal(op.getBoundDims(), op.getBounds()),
                        printer, [&](auto pair) {
                          printer << std::get<0>(pair) << " : "
                                  << std::get<1>(pair);
                        });
  printer << "]";
}

// Resolves the view, the indices and the bounds, and sets the dimension lists.
template <typename OpTy>
static ParseResult resolveAccess(OpAsmParser &parser, OperationState &result,
                                 const Access &access, Type view,
                                 VectorType tile, SMLoc loc) {
  auto viewType = dyn_cast<MemRefType>(view);
  if (!viewType)
    return parser.emitError(loc) << "view is " << view << ", not a memref";
  Builder &builder = parser.getBuilder();
  auto &properties = result.getOrAddProperties<typename OpTy::Properties>();
  properties.tile_dims = builder.getDenseI64ArrayAttr(
      access.hasDims ? access.tileDims
                     : trailingDims(viewType.getRank(), tile.getRank()));
  properties.bound_dims = builder.getDenseI64ArrayAttr(access.boundDims);
  return failure(parser.resolveOperand(access.view, view, result.operands) ||
                 parser.resolveOperands(access.indices, access.indexTypes, loc,
                                        result.operands) ||
                 parser.resolveOperands(access.bounds, builder.getIndexType(),
                                        result.operands));
}

ParseResult LoadOp::parse(OpAsmParser &parser, OperationState &result) {
  Access access;
  Attribute pad;
  Type view;
  VectorType tile;
  SMLoc loc = parser.getCurrentLocation();
  if (parseAccess(parser, access) ||
      (succeeded(parser.parseOptionalKeyword("pad")) &&
       parser.parseAttribute(pad)) ||
      parser.parseOptionalAttrDict(result.attributes) ||
      parser.parseColonType(view) || parser.parseArrow() ||
      parser.parseType(tile) ||
      resolveAccess<LoadOp>(parser, result, access, view, tile, loc))
    return failure();
  auto &properties = result.getOrAddProperties<Properties>();
  if (pad)
    properties.pad = pad;
  properties.operandSegmentSizes = {1,
                                    static_cast<int32_t>(access.indices.size()),
                                    static_cast<int32_t>(access.bounds.size())};
  result.addTypes(tile);
  return success();
}

void LoadOp::print(OpAsmPrinter &printer) {
  auto tile = cast<VectorType>(getResult().getType());
  printer << " ";
  printAccess(printer, *this, tile);
  if (Attribute pad = getPadAttr())
    printer << " pad " << pad;
  printer.printOptionalAttrDict(
      (*this)->getAttrs(),
      {"bound_dims", "tile_dims", "pad", "operandSegmentSizes"});
  printer << " : " << getView().getType() << " -> " << tile;
}

ParseResult StoreOp::parse(OpAsmParser &parser, OperationState &result) {
  OpAsmParser::UnresolvedOperand value;
  Access access;
  Type view;
  VectorType tile;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseOperand(value) || parser.parseComma() ||
      parseAccess(parser, access) ||
      parser.parseOptionalAttrDict(result.attributes) ||
      parser.parseColonType(tile) || parser.parseComma() ||
      parser.parseType(view) ||
      parser.resolveOperand(value, tile, result.operands) ||
      resolveAccess<StoreOp>(parser, result, access, view, tile, loc))
    return failure();
  result.getOrAddProperties<Properties>().operandSegmentSizes = {
      1, 1, static_cast<int32_t>(access.indices.size()),
      static_cast<int32_t>(access.bounds.size())};
  return success();
}

void StoreOp::print(OpAsmPrinter &printer) {
  auto tile = cast<VectorType>(getValue().getType());
  printer << " " << getValue() << ", ";
  printAccess(printer, *this, tile);
  printer.printOptionalAttrDict(
      (*this)->getAttrs(), {"bound_dims", "tile_dims", "operandSegmentSizes"});
  printer << " : " << tile << ", " << getView().getType();
}

// Constraint `indices`: vectors only along walked dimensions, of equal extent.
template <typename OpTy>
static LogicalResult verifyIndices(OpTy op, VectorType tile, MemRefType view) {
  int64_t viewRank = view.getRank();
  if (static_cast<int64_t>(op.getIndices().size()) != viewRank)
    return op.emitOpError() << "has " << op.getIndices().size()
                            << " indices for a view of rank " << viewRank;
  for (auto [dim, index] : llvm::enumerate(op.getIndices())) {
    auto type = dyn_cast<VectorType>(index.getType());
    if (!type)
      continue;
    auto *walked = llvm::find(op.getTileDims(), static_cast<int64_t>(dim));
    if (walked == op.getTileDims().end())
      return op.emitOpError()
             << "index " << dim << " is a vector, but no tile dim walks it";
    int64_t extent = tile.getDimSize(walked - op.getTileDims().begin());
    if (type.getDimSize(0) != extent)
      return op.emitOpError()
             << "index " << dim << " has " << type.getDimSize(0)
             << " elements, the tile's extent there is " << extent;
  }
  return success();
}

// Constraint `dims`: one per tile dimension, different, inside the view's rank.
template <typename OpTy>
static LogicalResult verifyDims(OpTy op, VectorType tile, MemRefType view) {
  ArrayRef<int64_t> dims = op.getTileDims();
  if (static_cast<int64_t>(dims.size()) != tile.getRank())
    return op.emitOpError() << "has " << dims.size()
                            << " dims for a tile of rank " << tile.getRank();
  llvm::SmallSet<int64_t, 4> seen;
  for (int64_t dim : dims) {
    if (dim < 0 || dim >= view.getRank())
      return op.emitOpError()
             << "dim " << dim << " out of range for a view of rank "
             << view.getRank();
    if (!seen.insert(dim).second)
      return op.emitOpError() << "walks view dim " << dim << " twice";
  }
  return success();
}

// Constraint `bound`: inside the tile's rank, different, not on gathered dims.
template <typename OpTy>
static LogicalResult verifyBounds(OpTy op, VectorType tile) {
  if (op.getBoundDims().size() != op.getBounds().size())
    return op.emitOpError() << "has " << op.getBounds().size() << " bounds for "
                            << op.getBoundDims().size() << " bounded dims";
  llvm::SmallSet<int64_t, 4> seen;
  for (int64_t dim : op.getBoundDims()) {
    if (dim < 0 || dim >= tile.getRank())
      return op.emitOpError()
             << "bound on dim " << dim << " out of range for a tile of rank "
             << tile.getRank();
    if (!seen.insert(dim).second)
      return op.emitOpError() << "bounds dim " << dim << " twice";
    if (op.isIndexed(dim))
      return op.emitOpError() << "bounds dim " << dim
                              << ", which an index vector walks; mark its "
                                 "outside by negative indices";
  }
  return success();
}

template <typename OpTy>
static LogicalResult verifyAccess(OpTy op, VectorType tile) {
  auto view = cast<MemRefType>(op.getView().getType());
  // `dims` first: the other two look up view dimensions by it.
  if (failed(verifyDims(op, tile, view)) ||
      failed(verifyIndices(op, tile, view)))
    return failure();
  if (view.getElementType() != tile.getElementType())
    return op.emitOpError() << "tile of " << tile.getElementType()
                            << " on a view of " << view.getElementType();
  return verifyBounds(op, tile);
}

LogicalResult LoadOp::verify() {
  auto tile = cast<VectorType>(getResult().getType());
  if (failed(verifyAccess(*this, tile)))
    return failure();
  auto pad = dyn_cast_or_null<TypedAttr>(getPadAttr());
  if (getPadAttr() && (!pad || pad.getType() != tile.getElementType()))
    return emitOpError() << "pad " << getPadAttr() << " is not of type "
                         << tile.getElementType();
  return success();
}

LogicalResult StoreOp::verify() {
  return verifyAccess(*this, cast<VectorType>(getValue().getType()));
}
