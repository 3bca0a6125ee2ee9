// The program of a scan: token by token, the states carried as tiles; each
// segment, where there are several, by itself.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/Models.h"
#include "passes/schedule/TileSizes.h"

#include "dialects/seq/SeqScanAlgebra.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace sennit::schedule {

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
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
    for (auto [argument, before, after] : llvm::zip_equal(
             op.getStateArguments(), op.getStates(), op.getStatesAfter())) {
      Box slice = boxOf(argument);
      states.push_back(
          program.reshape(program.load(before, inSegment(slice)), slice.sizes));
      memory.push_back(program.stateView(before, after));
    }
    auto [first, end] = getRun();
    auto final = buildStream(
        program, "t", first, end, 1, states,
        [&](Value t, ValueRange carries) { return step(t, carries); });
    if (failed(final))
      return failure();
    for (auto [state, argument, before, view] : llvm::zip_equal(
             *final, op.getStateArguments(), op.getStates(), memory)) {
      Box box = inSegment(boxOf(argument));
      program.store(program.reshape(state, box.sizes), before, view, box);
    }
    return program.finish();
  }

private:
  /// Elementwise regions: an item is a part of the last dimension and one of
  /// the others. Other regions are one item a segment.
  void openGrid() {
    SmallVector<Value> upper{program.index(op.getSegments().value_or(1))};
    SmallVector<int64_t> steps{1};
    SmallVector<std::string> names{op.getSegments() ? "segment" : "all"};
    ArrayRef<int64_t> shape = typeOf(op.getBody().getArgument(0)).getShape();
    bool isSplit = !shape.empty() && seq::worksByElement(op);
    if (isSplit && !op.getSegments()) {
      steps.clear();
      upper.clear();
      names.clear();
    }
    if (isSplit) {
      for (auto [dim, extent] : llvm::enumerate(shape)) {
        upper.push_back(program.index(extent));
        steps.push_back(1);
        names.push_back("d" + std::to_string(dim));
      }
      steps.back() = getWidth(shape.back());
    }
    SmallVector<Value> item =
        program.openGrid(upper, steps, llvm::to_vector_of<StringRef>(names));
    if (op.getSegments()) {
      segment = item.front();
      item.erase(item.begin());
      steps.erase(steps.begin());
    }
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

  /// The first token of the item's run, in the order in which they are read,
  /// and the one behind its last.
  std::pair<Value, Value> getRun() {
    if (!segment)
      return {program.index(0), tokens};
    OpBuilder &b = program.builder;
    int64_t segments = *op.getSegments();
    Value most = program.add(tokens, program.index(segments - 1));
    Value run =
        arith::DivUIOp::create(b, program.loc, most, program.index(segments));
    Value first = arith::MulIOp::create(b, program.loc, segment, run);
    Value end = program.add(first, run);
    return {arith::MinSIOp::create(b, program.loc, first, tokens),
            arith::MinSIOp::create(b, program.loc, end, tokens)};
  }

  /// Where an item's part of a slice lies.
  Box boxOf(Value tensor) {
    if (part)
      return *part;
    ArrayRef<int64_t> shape = typeOf(tensor).getShape();
    SmallVector<OpFoldResult> offsets(shape.size(),
                                      program.builder.getIndexAttr(0));
    return Box(offsets, shape);
  }

  /// The same in the tensor of all tokens, and in a state of all segments.
  static Box atRow(Value row, Box slice) {
    slice.offsets.insert(slice.offsets.begin(), row);
    slice.sizes.insert(slice.sizes.begin(), 1);
    slice.aligned.insert(slice.aligned.begin(), true);
    return slice;
  }
  Box inSegment(const Box &slice) {
    return segment ? atRow(segment, slice) : slice;
  }

  FailureOr<SmallVector<Value>> step(Value t, ValueRange carries) {
    Value mirrored =
        arith::SubIOp::create(program.builder, program.loc, last, t);
    for (auto [i, argument] : llvm::enumerate(op.getInputArguments())) {
      Box slice = boxOf(argument);
      FailureOr<Value> tile =
          program.tile(op.getInputs()[i],
                       atRow(op.isReversedInput(i) ? mirrored : t, slice));
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
          all = atRow(op.isReversedOutput(i) ? mirrored : t, box);
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
  Value tokens, last, segment;
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
