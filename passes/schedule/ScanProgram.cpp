// The program of a scan: token by token, the states carried as tiles.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/Models.h"
#include "passes/schedule/TileSizes.h"

#include "dialects/seq/SeqForms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace sennit::schedule {

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// Whether every element of what the region yields depends on the same element
/// of its arguments alone, so that items may share the elements out.
static bool isElementwise(seq::ScanOp op) {
  Block &body = op.getBody().front();
  ArrayRef<int64_t> shape = typeOf(body.getArgument(0)).getShape();
  auto hasShape = [&](Value value) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    return type && type.getShape() == shape;
  };
  for (Operation &inner : body.without_terminator()) {
    if (isa<tensor::EmptyOp>(inner))
      continue;
    auto generic = dyn_cast<linalg::GenericOp>(inner);
    if (!seq::isElementwise(&inner) || !hasShape(generic.getResult(0)))
      return false;
    for (OpOperand *input : generic.getDpsInputOperands())
      if (op.getBody().isAncestor(input->get().getParentRegion()) &&
          !generic.getMatchingIndexingMap(input).isIdentity())
        return false;
  }
  return llvm::all_of(body.getArguments(), hasShape) &&
         llvm::all_of(body.getTerminator()->getOperands(), hasShape);
}

namespace {
class Scan {
public:
  Scan(KernelBuilder &kernel, seq::ScanOp op)
      : op(op), program(kernel, kernel.kernel.getKind()) {}

  LogicalResult build() {
    Block &body = op.getBody().front();
    SmallVector<Value> parts(body.getArguments());
    llvm::append_range(parts, body.getTerminator()->getOperands());
    for (Value part : parts)
      if (typeOf(part).getRank() == 0)
        return op.emitOpError("has a slice or a state without dimensions, for "
                              "which there is no tile program; expand it to "
                              "one of extent 1");
    tokens = program.extent(op.getInputs().front(), 0);
    last = arith::SubIOp::create(program.builder, program.loc, tokens,
                                 program.index(1));
    openGrid();
    SmallVector<Value> states, memory;
    for (auto [before, after] :
         llvm::zip_equal(op.getStates(), op.getStatesAfter())) {
      states.push_back(program.load(before, boxOf(before)));
      memory.push_back(program.stateView(before, after));
    }
    auto final = buildStream(
        program, "t", program.index(0), tokens, 1, states,
        [&](Value t, ValueRange carries) { return step(t, carries); });
    if (failed(final))
      return failure();
    for (auto [state, before, view] :
         llvm::zip_equal(*final, op.getStates(), memory))
      program.store(state, before, view, boxOf(before));
    return program.finish();
  }

private:
  /// Elementwise regions: an item is a part of the last dimension and one of
  /// the others. Other regions are one item.
  void openGrid() {
    SmallVector<Value> upper{program.index(1)};
    SmallVector<int64_t> steps{1};
    SmallVector<std::string> names{"all"};
    ArrayRef<int64_t> shape = typeOf(op.getBody().getArgument(0)).getShape();
    bool isSplit = !shape.empty() && isElementwise(op);
    if (isSplit) {
      steps.assign(shape.size(), 1);
      steps.back() = getWidth(shape.back());
      upper.clear();
      names.clear();
      for (auto [dim, extent] : llvm::enumerate(shape)) {
        upper.push_back(program.index(extent));
        names.push_back("d" + std::to_string(dim));
      }
    }
    SmallVector<Value> item =
        program.openGrid(upper, steps, llvm::to_vector_of<StringRef>(names));
    if (!isSplit)
      return;
    part = Box(llvm::to_vector_of<OpFoldResult>(item), steps);
    for (auto [dim, extent] : llvm::enumerate(shape))
      if (extent == steps[dim])
        part->offsets[dim] = program.builder.getIndexAttr(0);
  }

  static int64_t getWidth(int64_t extent) {
    int64_t width = extent <= 128 ? extent : getDivisor(extent, 128);
    return width < 16 && extent > 128 ? 128 : width;
  }

  /// Where an item's part of a slice or a state lies.
  Box boxOf(Value tensor) {
    if (part)
      return *part;
    ArrayRef<int64_t> shape = typeOf(tensor).getShape();
    SmallVector<OpFoldResult> offsets(shape.size(),
                                      program.builder.getIndexAttr(0));
    return Box(offsets, shape);
  }

  /// The same in the tensor of all tokens.
  Box atToken(Value t, Box slice) {
    slice.offsets.insert(slice.offsets.begin(), t);
    slice.sizes.insert(slice.sizes.begin(), 1);
    slice.aligned.insert(slice.aligned.begin(), true);
    return slice;
  }

  FailureOr<SmallVector<Value>> step(Value t, ValueRange carries) {
    Value mirrored =
        arith::SubIOp::create(program.builder, program.loc, last, t);
    for (auto [i, argument] : llvm::enumerate(op.getInputArguments())) {
      Box slice = boxOf(argument);
      FailureOr<Value> tile =
          program.tile(op.getInputs()[i],
                       atToken(op.isReversedInput(i) ? mirrored : t, slice));
      if (failed(tile))
        return failure();
      program.seed(argument, slice, program.reshape(*tile, slice.sizes));
    }
    for (auto [argument, carry] :
         llvm::zip_equal(op.getStateArguments(), carries))
      program.seed(argument, boxOf(argument), carry);
    if (failed(storeOutputs(t, mirrored)))
      return failure();
    SmallVector<Value> next;
    for (Value state : op.getYieldedStates()) {
      FailureOr<Value> tile = program.tile(state, boxOf(state));
      if (failed(tile))
        return failure();
      next.push_back(*tile);
    }
    return next;
  }

  LogicalResult storeOutputs(Value t, Value mirrored) {
    for (auto [i, yielded] : llvm::enumerate(op.getYieldedOutputs())) {
      Value output = op.getOutputs()[i];
      Box box = boxOf(yielded),
          all = atToken(op.isReversedOutput(i) ? mirrored : t, box);
      FailureOr<Value> tile = program.tile(yielded, box);
      if (failed(tile))
        return failure();
      program.store(program.reshape(*tile, all.sizes), output,
                    program.outputView(output), all);
    }
    return success();
  }

  seq::ScanOp op;
  Program program;
  std::optional<Box> part;
  Value tokens, last;
};

struct ScanModel
    : TileProgramOpInterface::ExternalModel<ScanModel, seq::ScanOp> {
  LogicalResult buildPrograms(Operation *op, KernelBuilder &kernel) const {
    return Scan(kernel, cast<seq::ScanOp>(op)).build();
  }
};
} // namespace

void attachScanModel(MLIRContext *context) {
  seq::ScanOp::attachInterface<ScanModel>(*context);
}

} // namespace sennit::schedule
