// Builds tile programs: arguments, loads, stores, and the dispatch on the host.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/Program.h"

#include "dialects/rt/Rt.h"
#include "dialects/seq/SeqForms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "passes/schedule/GenericTiles.h"

using namespace mlir;

namespace sennit::schedule {

Box Box::project(ArrayRef<int64_t> dims) const {
  Box result;
  for (int64_t dim : dims) {
    result.offsets.push_back(offsets[dim]);
    result.sizes.push_back(sizes[dim]);
    result.aligned.push_back(aligned[dim]);
  }
  return result;
}

Program::Program(KernelBuilder &kernel, StringRef name)
    : kernel(kernel), builder(kernel.kernel.getContext()),
      loc(kernel.kernel.getLoc()) {
  Operation *module = kernel.symbols.getOp();
  function =
      func::FuncOp::create(builder, loc, name, builder.getFunctionType({}, {}));
  function.setPrivate();
  kernel.symbols.insert(function, module->getRegion(0).front().begin());
  Block *block = function.addEntryBlock();
  builder.setInsertionPointToEnd(block);
  auto end = func::ReturnOp::create(builder, loc);
  builder.setInsertionPoint(end);
}

SmallVector<Value> Program::openGrid(ArrayRef<Value> upper,
                                     ArrayRef<int64_t> steps,
                                     ArrayRef<StringRef> dims) {
  SmallVector<Value> lower(upper.size(), index(0));
  auto grid = tile::GridOp::create(builder, loc, lower, upper, steps, dims);
  builder.setInsertionPoint(grid.getBody().front().getTerminator());
  return SmallVector<Value>(grid.getInductionVars());
}

Value Program::addArgument(Type type) {
  Block &entry = function.getBody().front();
  return entry.addArgument(type, loc);
}

/// The memory of a tensor: the same shape, the encoding as layout.
static MemRefType getViewType(RankedTensorType type) {
  auto layout =
      dyn_cast_if_present<MemRefLayoutAttrInterface>(type.getEncoding());
  return MemRefType::get(type.getShape(), type.getElementType(), layout);
}

Value Program::view(Value tensor) {
  Value host = kernel.isInside(tensor) ? kernel.written.lookup(tensor) : tensor;
  for (Argument &argument : views)
    if (argument.host == host || argument.output == tensor)
      return argument.argument;
  Value argument =
      addArgument(getViewType(cast<RankedTensorType>(tensor.getType())));
  views.push_back({argument, host, nullptr});
  return argument;
}

Value Program::outputView(Value value) {
  for (Argument &argument : views)
    if (argument.output == value)
      return argument.argument;
  Value argument =
      addArgument(getViewType(cast<RankedTensorType>(value.getType())));
  views.push_back({argument, nullptr, value});
  return argument;
}

Value Program::stateView(Value before, Value after) {
  Value memory = view(before);
  for (Argument &argument : views)
    if (argument.argument == memory)
      argument.output = after;
  return memory;
}

Value Program::scalar(Value hostIndex) {
  APInt constant;
  if (matchPattern(hostIndex, m_ConstantInt(&constant)))
    return index(constant.getSExtValue());
  for (Argument &argument : scalars)
    if (argument.host == hostIndex)
      return argument.argument;
  Value argument = addArgument(builder.getIndexType());
  scalars.push_back({argument, hostIndex, nullptr});
  return argument;
}

Value Program::extent(Value tensor, int64_t dim) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(dim))
    return index(type.getDimSize(dim));
  return scalar(kernel.extents.of(tensor, dim));
}

SmallVector<std::pair<int64_t, Value>> Program::boundsOf(Value tensor,
                                                         const Box &box) {
  SmallVector<std::pair<int64_t, Value>> bounds;
  auto type = cast<RankedTensorType>(tensor.getType());
  for (int64_t dim = 0; dim < box.rank(); ++dim) {
    int64_t size = box.sizes[dim];
    // A single position lies inside because its loop does.
    if (size == 1)
      continue;
    if (!type.isDynamicDim(dim)) {
      int64_t extent = type.getDimSize(dim);
      // Panels and their steps are stored whole: the last ones may be read past
      // the matrix.
      if (auto blocked =
              dyn_cast_if_present<tile::BlockedAttr>(type.getEncoding())) {
        if (dim == type.getRank() - 2)
          extent = llvm::alignTo(extent, blocked.getRows());
        if (dim == type.getRank() - 1)
          extent = blocked.getGroupCount(extent) * blocked.getGroup();
      }
      bool isWhole = (size == extent || size == type.getDimSize(dim)) &&
                     isZeroInteger(box.offsets[dim]);
      if (isWhole || (box.aligned[dim] && extent % size == 0))
        continue;
    }
    bounds.push_back({dim, extent(tensor, dim)});
  }
  return bounds;
}

static SmallVector<int64_t> allDims(int64_t rank) {
  return llvm::to_vector(llvm::seq<int64_t>(0, rank));
}

Value Program::load(Value tensor, const Box &box) {
  auto type = VectorType::get(
      box.sizes, cast<RankedTensorType>(tensor.getType()).getElementType());
  SmallVector<Value> indices;
  for (OpFoldResult offset : box.offsets)
    indices.push_back(value(offset));
  return tile::LoadOp::create(builder, loc, type, view(tensor), indices,
                              allDims(box.rank()), boundsOf(tensor, box));
}

void Program::store(Value tile, Value tensor, Value memory, const Box &box,
                    Value rows) {
  SmallVector<Value> indices;
  for (OpFoldResult offset : box.offsets)
    indices.push_back(value(offset));
  Type element = cast<RankedTensorType>(tensor.getType()).getElementType();
  auto type = cast<VectorType>(tile.getType());
  if (type.getElementType() != element)
    tile = arith::TruncFOp::create(builder, loc, type.clone(element), tile);
  auto bounds = boundsOf(tensor, box);
  if (rows && box.sizes[0] > 1) {
    llvm::erase_if(bounds, [](auto &bound) { return bound.first == 0; });
    bounds.insert(bounds.begin(), {0, rows});
  }
  tile::StoreOp::create(builder, loc, tile, memory, indices,
                        allDims(box.rank()), bounds);
}

void Program::seed(Value value, const Box &box, Value tile) {
  memory.push_back({value, box, tile});
}

void Program::forgetInside(Operation *op) {
  llvm::erase_if(memory, [&](Remembered &entry) {
    return op->isProperAncestor(entry.tile.getParentBlock()->getParentOp()) ||
           op == entry.tile.getParentBlock()->getParentOp();
  });
}

/// Whether a remembered tile may be used here: its block encloses this one.
static bool isVisible(Value tile, OpBuilder &builder) {
  return tile.getParentBlock()->getParentOp()->isAncestor(
      builder.getInsertionBlock()->getParentOp());
}

/// Where the tile at `inner` starts in the tile at `outer`, when both places
/// are known here and the one lies in the other.
static std::optional<SmallVector<int64_t>> findInside(const Box &inner,
                                                      const Box &outer) {
  SmallVector<int64_t> offsets;
  for (int64_t dim = 0; dim != inner.rank(); ++dim) {
    std::optional<int64_t> start = getConstantIntValue(inner.offsets[dim]),
                           base = getConstantIntValue(outer.offsets[dim]);
    if (!start || !base || *start < *base ||
        *start + inner.sizes[dim] > *base + outer.sizes[dim])
      return std::nullopt;
    offsets.push_back(*start - *base);
  }
  return offsets;
}

FailureOr<Value> Program::takePart(Value value, const Box &box) {
  for (Remembered &entry : memory) {
    if (entry.value != value || !isVisible(entry.tile, builder))
      continue;
    if (auto offsets = findInside(box, entry.box)) {
      auto type = VectorType::get(
          box.sizes, cast<VectorType>(entry.tile.getType()).getElementType());
      return tile::SliceOp::create(builder, loc, type, entry.tile, *offsets)
          .getResult();
    }
  }
  return emitError(value.getLoc())
         << "is read at a place that is not known at compile time, or lies "
            "outside its tile";
}

FailureOr<Value> Program::tile(Value value, const Box &box) {
  for (Remembered &entry : memory)
    if (entry.value == value && entry.box == box &&
        isVisible(entry.tile, builder))
      return entry.tile;
  auto type = VectorType::get(
      box.sizes, cast<RankedTensorType>(value.getType()).getElementType());
  FailureOr<Value> result = failure();
  if (auto splat = getSplatValue(value)) {
    result = arith::ConstantOp::create(
                 builder, loc, DenseElementsAttr::get(type, Attribute(*splat)))
                 .getResult();
  } else if (value.getDefiningOp<tensor::EmptyOp>()) {
    result = arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type))
                 .getResult();
  } else if (!kernel.isInside(value) || kernel.written.contains(value)) {
    result = load(value, box);
  } else if (isa<BlockArgument>(value)) {
    result = takePart(value, box);
  } else {
    auto model = dyn_cast<TileProgramOpInterface>(value.getDefiningOp());
    if (!model)
      return value.getDefiningOp()->emitOpError("has no tile program");
    result =
        model.emitTile(*this, cast<OpResult>(value).getResultNumber(), box);
  }
  if (succeeded(result))
    seed(value, box, *result);
  return result;
}

FailureOr<Value> Program::tileF32(Value value, const Box &box) {
  FailureOr<Value> result = tile(value, box);
  if (failed(result))
    return failure();
  return toF32(*result);
}

LogicalResult Program::hoistRowReductions(Value value, const Box &rows) {
  SmallVector<Operation *> reductions;
  SetVector<Value> worklist;
  worklist.insert(value);
  for (size_t i = 0; i < worklist.size(); ++i) {
    Operation *op =
        kernel.isInside(worklist[i]) ? worklist[i].getDefiningOp() : nullptr;
    if (!op)
      continue;
    if (seq::isRowReduction(op) &&
        cast<RankedTensorType>(op->getResult(0).getType()).getRank() ==
            rows.rank())
      reductions.push_back(op);
    for (Value operand : op->getOperands())
      if (isa<RankedTensorType>(operand.getType()))
        worklist.insert(operand);
  }
  for (Operation *reduction : llvm::reverse(reductions))
    if (failed(tile(reduction->getResult(0), rows)))
      return failure();
  return success();
}

LogicalResult Program::storeOutputs(const Box &box, Value rows) {
  for (Value output : kernel.outputs()) {
    // States have programs, or places in programs, of their own.
    auto mixer = output.getDefiningOp<seq::SequenceMixerOpInterface>();
    if (mixer && llvm::is_contained(mixer.getStatesAfter(), output))
      continue;
    bool done =
        kernel.written.contains(output) ||
        llvm::any_of(views, [&](Argument &a) { return a.output == output; });
    if (done)
      continue;
    int64_t rank = cast<RankedTensorType>(output.getType()).getRank();
    Box own = box.project(allDims(rank));
    FailureOr<Value> result = tile(output, own);
    if (failed(result))
      return failure();
    store(*result, output, outputView(output), own, rows);
  }
  return success();
}

LogicalResult Program::finish() {
  // Views of inputs first, then of untied outputs, then scalars.
  llvm::stable_sort(views, [](const Argument &a, const Argument &b) {
    return (a.host != nullptr) > (b.host != nullptr);
  });
  Block &entry = function.getBody().front();
  size_t old = entry.getNumArguments();
  SmallVector<Type> types;
  SmallVector<Value> inputs, extents, hostScalars, outputs;
  SmallVector<int64_t> ties;
  SmallVector<Type> outputTypes;
  for (auto *list : {&views, &scalars})
    for (Argument &argument : *list) {
      types.push_back(argument.argument.getType());
      argument.argument.replaceAllUsesWith(
          entry.addArgument(argument.argument.getType(), loc));
    }
  entry.eraseArguments(0, old);
  function.setType(builder.getFunctionType(types, {}));
  for (auto [position, argument] : llvm::enumerate(views)) {
    if (argument.host)
      inputs.push_back(argument.host);
    if (!argument.output)
      continue;
    ties.push_back(argument.host ? int64_t(position) : -1);
    outputs.push_back(argument.output);
    auto type = cast<RankedTensorType>(argument.output.getType());
    outputTypes.push_back(type);
    for (int64_t dim = 0; dim != type.getRank(); ++dim)
      if (type.isDynamicDim(dim))
        extents.push_back(kernel.extents.of(argument.output, dim));
  }
  for (Argument &argument : scalars)
    hostScalars.push_back(argument.host);
  OpBuilder host(kernel.kernel);
  auto dispatch =
      rt::DispatchOp::create(host, loc, outputTypes, function.getName(), inputs,
                             hostScalars, extents, ties);
  for (auto [output, result] :
       llvm::zip_equal(outputs, dispatch.getOutputs())) {
    kernel.extents.alias(result, output);
    kernel.written[output] = result;
  }
  return success();
}

} // namespace sennit::schedule
