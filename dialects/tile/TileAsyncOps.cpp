// Parses, prints and verifies the asynchronous stratum's ops, one op at a time.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#include "dialects/tile/TileAsync.h"

#include "mlir/IR/Matchers.h"
#include "mlir/IR/OpImplementation.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace sennit::tile;

#define GET_OP_CLASSES
#include "dialects/tile/TileAsyncOps.cpp.inc"

void TileDialect::initializeAsync() {
  addOperations<
#define GET_OP_LIST
#include "dialects/tile/TileAsyncOps.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// tile.roles
//===----------------------------------------------------------------------===//

// <name = "copy", warps = 4, registers = 24> {..}, <..> {..}
ParseResult RolesOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<Attribute> roles;
  do {
    Attribute role = RoleAttr::parse(parser, Type());
    Region *body = result.addRegion();
    if (!role || parser.parseRegion(*body))
      return failure();
    ensureRoleTerminator(*body, OpBuilder(parser.getContext()),
                         result.location);
    roles.push_back(role);
  } while (succeeded(parser.parseOptionalComma()));
  result.getOrAddProperties<Properties>().roles =
      parser.getBuilder().getArrayAttr(roles);
  return parser.parseOptionalAttrDictWithKeyword(result.attributes);
}

void RolesOp::ensureRoleTerminator(Region &body, OpBuilder builder,
                                   Location location) {
  if (body.empty())
    body.emplaceBlock();
  if (!body.front().empty() && isa<YieldOp>(body.front().back()))
    return;
  builder.setInsertionPointToEnd(&body.front());
  YieldOp::create(builder, location);
}

void RolesOp::print(OpAsmPrinter &printer) {
  printer << " ";
  llvm::interleaveComma(llvm::zip_equal(getRoles(), getBodies()), printer,
                        [&](auto pair) {
                          cast<RoleAttr>(std::get<0>(pair)).print(printer);
                          printer << " ";
                          printer.printRegion(std::get<1>(pair), true, false);
                        });
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(), {"roles"});
}

LogicalResult RolesOp::verify() {
  if (getRoles().size() != getBodies().size() || getBodies().empty())
    return emitOpError() << "has " << getRoles().size() << " roles and "
                         << getBodies().size() << " regions";
  llvm::StringSet<> names;
  for (auto role : getRoles().getAsRange<RoleAttr>()) {
    if (!names.insert(role.getName()).second)
      return emitOpError() << "has two roles named `" << role.getName().strref()
                           << "`";
    if (role.getWarps() < 1 || role.getCopies() < 1)
      return emitOpError() << "role `" << role.getName().strref() << "` has "
                           << role.getCopies() << " copies of "
                           << role.getWarps() << " warps";
    if (role.getRegisters() % 8 || role.getRegisters() < 24 ||
        role.getRegisters() > 256)
      return emitOpError() << "role `" << role.getName().strref() << "` has "
                           << role.getRegisters()
                           << " registers a thread, not a multiple of 8 from "
                              "24 to 256";
  }
  return success();
}

//===----------------------------------------------------------------------===//
// tile.ring, tile.open, tile.copy
//===----------------------------------------------------------------------===//

LogicalResult RingOp::verify() {
  RingType type = getRing().getType();
  if (type.getDepth() < 1)
    return emitOpError() << "has " << type.getDepth()
                         << " slots, at least 1 is needed";
  if (type.getPlace() == Place::Registers &&
      (type.getDepth() != 1 || type.getTiles().size() != 1))
    return emitOpError() << "in registers has " << type.getDepth()
                         << " slots of " << type.getTiles().size()
                         << " tiles, not 1 of 1";
  if (getOver() && getOver().getType() != type)
    return emitOpError() << "lies over a ring of another type, "
                         << getOver().getType();
  return success();
}

LogicalResult OpenOp::verify() {
  ArrayRef<Type> tiles = getRing().getType().getTiles();
  if (getAccess() == SlotAccess::Read) {
    if (TypeRange(tiles) != getOpened().getTypes())
      return emitOpError("reads other tiles than the ring holds");
    return success();
  }
  if (getNumResults() != 1 ||
      getOpened()[0].getType() != SlotType::get(getContext(), tiles))
    return emitOpError("for writing yields something else than one slot of "
                       "the ring's tiles");
  return success();
}

VectorType CopyOp::getTileType() {
  if (auto slot = dyn_cast<SlotType>(getTile().getType()))
    return cast<VectorType>(slot.getTiles()[getPart()]);
  return cast<VectorType>(getTile().getType());
}

SmallVector<int64_t> CopyOp::getExtents() {
  if (auto box = getBox())
    return SmallVector<int64_t>(*box);
  VectorType tile = getTileType();
  int64_t outer =
      cast<MemRefType>(getView().getType()).getRank() - tile.getRank();
  SmallVector<int64_t> extents(outer, 1);
  llvm::append_range(extents, tile.getShape());
  return extents;
}

LogicalResult CopyOp::verify() {
  auto view = cast<MemRefType>(getView().getType());
  if (static_cast<int64_t>(getIndices().size()) != view.getRank())
    return emitOpError() << "has " << getIndices().size()
                         << " indices for a view of rank " << view.getRank();
  auto slot = dyn_cast<SlotType>(getTile().getType());
  if (getStore() == (slot != nullptr))
    return emitOpError("goes `into` a slot or `from` a tile");
  int64_t parts = slot ? slot.getTiles().size() : 1;
  if (getPart() < 0 || static_cast<int64_t>(getPart()) >= parts)
    return emitOpError() << "names tile " << getPart() << " of " << parts;
  VectorType tile = getTileType();
  if (tile.getElementType() != view.getElementType() ||
      tile.getRank() > view.getRank())
    return emitOpError() << "moves " << tile << " to or from " << view;
  SmallVector<int64_t> extents = getExtents();
  if (getBox() &&
      (static_cast<int64_t>(extents.size()) != view.getRank() ||
       extents.back() != tile.getShape().back() ||
       ShapedType::getNumElements(extents) != tile.getNumElements()))
    return emitOpError() << "moves " << tile << " as a box of "
                         << ArrayRef(extents) << " of " << view;
  return success();
}

//===----------------------------------------------------------------------===//
// tile.start, tile.finish
//===----------------------------------------------------------------------===//

static Type getFinished(Type type) {
  auto pending = dyn_cast<PendingType>(type);
  return pending ? pending.getTile() : type;
}

// (%c = %p : !tile.pending<..>) {..} : !tile.pending<..>
ParseResult StartOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  SmallVector<Type> types, results;
  if (succeeded(parser.parseOptionalLParen())) {
    llvm::SMLoc location = parser.getCurrentLocation();
    do {
      if (parser.parseArgument(arguments.emplace_back()) ||
          parser.parseEqual() || parser.parseOperand(operands.emplace_back()) ||
          parser.parseColonType(types.emplace_back()))
        return failure();
      arguments.back().type = getFinished(types.back());
    } while (succeeded(parser.parseOptionalComma()));
    if (parser.parseRParen() ||
        parser.resolveOperands(operands, types, location, result.operands))
      return failure();
  }
  if (parser.parseRegion(*result.addRegion(), arguments) ||
      parser.parseOptionalAttrDictWithKeyword(result.attributes) ||
      parser.parseColonTypeList(results))
    return failure();
  result.addTypes(results);
  result.addTypes(TokenType::get(parser.getContext()));
  return success();
}

void StartOp::print(OpAsmPrinter &printer) {
  printer << " ";
  if (!getAccumulators().empty()) {
    printer << "(";
    llvm::interleaveComma(
        llvm::zip_equal(getBody().getArguments(), getAccumulators()), printer,
        [&](auto pair) {
          auto [argument, accumulator] = pair;
          printer << argument << " = " << accumulator << " : "
                  << accumulator.getType();
        });
    printer << ") ";
  }
  printer.printRegion(getBody(), false, true);
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs());
  printer << " : " << getPendings().getTypes();
}

LogicalResult StartOp::verify() {
  if (getBody().getNumArguments() != getAccumulators().size())
    return emitOpError() << "has " << getAccumulators().size()
                         << " accumulators and " << getBody().getNumArguments()
                         << " block arguments";
  for (auto [argument, accumulator] :
       llvm::zip_equal(getBody().getArguments(), getAccumulators())) {
    if (argument.getType() != getFinished(accumulator.getType()))
      return emitOpError() << "passes " << accumulator.getType() << " as "
                           << argument.getType();
    // Registers cleared on a path beside the products make the assembler
    // serialise them (C7515).
    if (matchPattern(accumulator, m_Constant()))
      return emitOpError("accumulates onto a constant; leave `acc` out where "
                         "a sum begins");
  }
  return success();
}

LogicalResult FinishOp::inferReturnTypes(MLIRContext *context,
                                         std::optional<Location> location,
                                         FinishOp::Adaptor adaptor,
                                         SmallVectorImpl<Type> &results) {
  for (Value pending : adaptor.getPendings())
    results.push_back(getFinished(pending.getType()));
  llvm::append_range(results, adaptor.getTies().getTypes());
  return success();
}
