// Builds, parses, prints and verifies tile.grid and tile.stream.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#include "dialects/tile/Tile.h"

#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace sennit::tile;

using Argument = OpAsmParser::Argument;
using Operand = OpAsmParser::UnresolvedOperand;

//===----------------------------------------------------------------------===//
// tile.grid
//===----------------------------------------------------------------------===//

void GridOp::build(OpBuilder &builder, OperationState &state, ValueRange lower,
                   ValueRange upper, ArrayRef<int64_t> steps,
                   ArrayRef<StringRef> dims) {
  state.addOperands(lower);
  state.addOperands(upper);
  auto &properties = state.getOrAddProperties<Properties>();
  properties.operandSegmentSizes = {static_cast<int32_t>(lower.size()),
                                    static_cast<int32_t>(upper.size())};
  properties.steps = builder.getDenseI64ArrayAttr(steps);
  properties.dims = builder.getStrArrayAttr(dims);
  OpBuilder::InsertionGuard guard(builder);
  Region *body = state.addRegion();
  SmallVector<Type> types(steps.size(), builder.getIndexType());
  SmallVector<Location> locations(steps.size(), state.location);
  builder.createBlock(body, {}, types, locations);
  ensureTerminator(*body, builder, state.location);
}

// (%m, %n) = (%a, %b) to (%c, %d) step [16, 32] dims ["m", "n"] {..}
ParseResult GridOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<Argument> inductions;
  SmallVector<Operand> lower, upper;
  DenseI64ArrayAttr steps;
  ArrayAttr dims;
  Type index = parser.getBuilder().getIndexType();
  constexpr auto paren = OpAsmParser::Delimiter::Paren;
  if (parser.parseArgumentList(inductions, paren) || parser.parseEqual() ||
      parser.parseOperandList(lower, paren) || parser.parseKeyword("to") ||
      parser.parseOperandList(upper, paren) || parser.parseKeyword("step"))
    return failure();
  steps = dyn_cast_or_null<DenseI64ArrayAttr>(
      DenseI64ArrayAttr::parse(parser, Type()));
  if (!steps || parser.parseKeyword("dims") || parser.parseAttribute(dims) ||
      parser.parseOptionalAttrDictWithKeyword(result.attributes) ||
      parser.resolveOperands(lower, index, result.operands) ||
      parser.resolveOperands(upper, index, result.operands))
    return failure();
  auto &properties = result.getOrAddProperties<Properties>();
  properties.operandSegmentSizes = {static_cast<int32_t>(lower.size()),
                                    static_cast<int32_t>(upper.size())};
  properties.steps = steps;
  properties.dims = dims;
  for (Argument &induction : inductions)
    induction.type = index;
  Region *body = result.addRegion();
  if (parser.parseRegion(*body, inductions))
    return failure();
  ensureTerminator(*body, parser.getBuilder(), result.location);
  return success();
}

void GridOp::print(OpAsmPrinter &printer) {
  printer << " (" << getInductionVars() << ") = (" << getLower() << ") to ("
          << getUpper() << ") step [";
  llvm::interleaveComma(getSteps(), printer);
  printer << "] dims " << getDims();
  printer.printOptionalAttrDictWithKeyword(
      (*this)->getAttrs(), {"steps", "dims", "operandSegmentSizes"});
  printer << " ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false,
                      /*printBlockTerminators=*/false);
}

LogicalResult GridOp::verify() {
  size_t rank = getSteps().size();
  if (getLower().size() != rank || getUpper().size() != rank ||
      getDims().size() != rank || getInductionVars().size() != rank)
    return emitOpError() << "has " << getLower().size() << " lower bounds, "
                         << getUpper().size() << " upper bounds, " << rank
                         << " steps, " << getDims().size() << " names and "
                         << getInductionVars().size() << " block arguments";
  for (Value induction : getInductionVars())
    if (!induction.getType().isIndex())
      return emitOpError() << "block argument is " << induction.getType()
                           << ", not index";
  for (int64_t step : getSteps())
    if (step < 1)
      return emitOpError() << "step " << step << " is not positive";
  return success();
}

//===----------------------------------------------------------------------===//
// tile.stream
//===----------------------------------------------------------------------===//

void StreamOp::build(OpBuilder &builder, OperationState &state, StringRef label,
                     Value lower, Value upper, int64_t step, ValueRange inits) {
  state.addOperands({lower, upper});
  state.addOperands(inits);
  state.addTypes(inits.getTypes());
  auto &properties = state.getOrAddProperties<Properties>();
  properties.label = builder.getStringAttr(label);
  properties.step = builder.getI64IntegerAttr(step);
  OpBuilder::InsertionGuard guard(builder);
  Type index = builder.getIndexType();
  builder.createBlock(state.addRegion(), {}, index, state.location);
  SmallVector<Type> types{index};
  llvm::append_range(types, inits.getTypes());
  SmallVector<Location> locations(types.size(), state.location);
  builder.createBlock(state.addRegion(), {}, types, locations);
}

void StreamOp::setFetched(OpBuilder &builder, ValueRange values) {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(&getFetch().front());
  YieldOp::create(builder, getLoc(), values);
  for (auto [i, value] : llvm::enumerate(values))
    getCompute().front().insertArgument(1 + i, value.getType(), value.getLoc());
}

// carry(%z : type, ..), nothing when there is no carry.
static ParseResult parseCarries(OpAsmParser &parser, OperationState &result) {
  if (failed(parser.parseOptionalKeyword("carry")))
    return success();
  auto parseCarry = [&]() -> ParseResult {
    Operand init;
    Type type;
    if (parser.parseOperand(init) || parser.parseColonType(type) ||
        parser.resolveOperand(init, type, result.operands))
      return failure();
    result.addTypes(type);
    return success();
  };
  return parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren,
                                        parseCarry);
}

// "k" %j = %lo to %hi step 64 carry(%z : type) fetch {..} do {^bb0(..): ..}
ParseResult StreamOp::parse(OpAsmParser &parser, OperationState &result) {
  StringAttr label;
  Argument induction;
  Operand lower, upper;
  int64_t step;
  Builder &builder = parser.getBuilder();
  if (parser.parseAttribute(label) || parser.parseArgument(induction) ||
      parser.parseEqual() || parser.parseOperand(lower) ||
      parser.parseKeyword("to") || parser.parseOperand(upper) ||
      parser.parseKeyword("step") || parser.parseInteger(step) ||
      parser.resolveOperand(lower, builder.getIndexType(), result.operands) ||
      parser.resolveOperand(upper, builder.getIndexType(), result.operands) ||
      parseCarries(parser, result) ||
      parser.parseOptionalAttrDictWithKeyword(result.attributes))
    return failure();
  auto &properties = result.getOrAddProperties<Properties>();
  properties.label = label;
  properties.step = builder.getI64IntegerAttr(step);
  induction.type = builder.getIndexType();
  Region *fetch = result.addRegion();
  Region *compute = result.addRegion();
  return failure(parser.parseKeyword("fetch") ||
                 parser.parseRegion(*fetch, induction) ||
                 parser.parseKeyword("do") || parser.parseRegion(*compute));
}

void StreamOp::print(OpAsmPrinter &printer) {
  printer << " " << getLabelAttr() << " " << getFetchInductionVar() << " = "
          << getLower() << " to " << getUpper() << " step " << getStep();
  if (!getInits().empty()) {
    printer << " carry(";
    llvm::interleaveComma(getInits(), printer, [&](Value init) {
      printer << init << " : " << init.getType();
    });
    printer << ")";
  }
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(),
                                           {"label", "step"});
  printer << " fetch ";
  printer.printRegion(getFetch(), /*printEntryBlockArgs=*/false);
  printer << " do ";
  printer.printRegion(getCompute());
}

LogicalResult StreamOp::verify() {
  if (static_cast<int64_t>(getStep()) < 1)
    return emitOpError() << "step " << static_cast<int64_t>(getStep())
                         << " is not positive";
  if (getInits().getTypes() != getResultTypes())
    return emitOpError() << "initial carries and results differ in type";
  if (getFetch().getNumArguments() != 1 ||
      !getFetch().getArgument(0).getType().isIndex())
    return emitOpError() << "`fetch` takes one argument, an index";
  if (getCompute().getNumArguments() < 1 + getInits().size())
    return emitOpError() << "`do` takes " << getCompute().getNumArguments()
                         << " arguments, fewer than j and " << getInits().size()
                         << " carries";
  if (!getComputeInductionVar().getType().isIndex())
    return emitOpError() << "first argument of `do` is "
                         << getComputeInductionVar().getType() << ", not index";
  return success();
}

// A copying role clones `fetch` and runs it ahead: no data may decide in it.
static bool mayFetch(Operation &op) {
  if (isa<LoadOp, memref::LoadOp, IotaOp, BroadcastOp, ReshapeOp, YieldOp,
          arith::ConstantOp>(op))
    return true;
  return isa<arith::ArithDialect>(op.getDialect()) &&
         llvm::all_of(op.getResultTypes(), [](Type type) {
           return getElementTypeOrSelf(type).isIntOrIndex();
         });
}

static LogicalResult verifyYield(StreamOp stream, Region &region,
                                 TypeRange expected, StringRef what) {
  auto yield = dyn_cast<YieldOp>(region.front().getTerminator());
  if (!yield)
    return stream.emitOpError() << "region does not end in `tile.yield`";
  if (yield.getValues().getTypes() == expected)
    return success();
  InFlightDiagnostic diagnostic =
      stream.emitOpError() << "expects " << what << " (" << expected << ")";
  diagnostic.attachNote(yield.getLoc())
      << "yielded (" << yield.getValues().getTypes() << ") here";
  return diagnostic;
}

LogicalResult StreamOp::verifyRegions() {
  for (Operation &op : getFetch().front())
    if (!mayFetch(op)) {
      InFlightDiagnostic diagnostic =
          emitOpError() << "`fetch` holds `" << op.getName()
                        << "`, only loads, integer arithmetic and shape "
                           "changes may run ahead";
      diagnostic.attachNote(op.getLoc()) << "it stands here";
      return diagnostic;
    }
  auto types = [](Block::BlockArgListType arguments) {
    return llvm::map_to_vector(arguments,
                               [](Value value) { return value.getType(); });
  };
  SmallVector<Type> carried = types(getCarriedArguments());
  if (TypeRange(carried) != getInits().getTypes())
    return emitOpError() << "`do` takes carries (" << carried
                         << "), the initial ones are (" << getInits().getTypes()
                         << ")";
  if (failed(verifyYield(*this, getFetch(), types(getFetchedArguments()),
                         "the tiles that `do` takes from `fetch`")))
    return failure();
  return verifyYield(*this, getCompute(), carried, "the next carries");
}
