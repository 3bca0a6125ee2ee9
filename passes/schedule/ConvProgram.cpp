// The program of the causal convolution, and the next window.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/ConvTiles.h"
#include "passes/schedule/RecurrenceTiles.h"
#include "passes/schedule/TileSizes.h"

#include "dialects/rt/Rt.h"
#include "dialects/seq/SeqForms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Remarks.h"
#include <limits>

using namespace mlir;

namespace sennit::schedule {

/// More taps than this are walked block by block.
static constexpr int64_t tapBlock = seq::mostTapsAtOnce;
/// Rows of a tile, where there are as many.
static constexpr int64_t tileRows = 32;

/// The rows before row `t` that its taps reach.
static Value loadRowsBefore(Program &program, seq::ConvOp op, Value t,
                            const ConvPlace &place) {
  Value start = arith::SubIOp::create(program.builder, program.loc, t,
                                      program.index(op.getTaps() - 1));
  return loadHistory(program, op, start, op.getTaps() - 1, place);
}

/// `taps` taps of the place's channels from tap `from` on, [tap, channel].
static FailureOr<Value> loadTaps(Program &program, seq::ConvOp op,
                                 const ConvPlace &place, OpFoldResult from,
                                 int64_t taps) {
  OpBuilder &b = program.builder;
  int64_t each = op.getChannels() / op.getFilters();
  int64_t filters = std::max<int64_t>(1, place.width / each);
  if (place.width % each != 0 && each % place.width != 0)
    return op.emitOpError()
           << "has a tile of " << place.width << " channels where " << each
           << " share a filter; one must divide the other";
  OpFoldResult first = place.channel;
  if (each > 1 && !isZeroInteger(first))
    first = arith::DivUIOp::create(b, program.loc, program.value(first),
                                   program.index(each))
                .getResult();
  FailureOr<Value> weight =
      program.tileF32(op.getWeight(), Box({first, from}, {filters, taps}));
  if (failed(weight))
    return failure();
  auto turned = VectorType::get({taps, filters}, b.getF32Type());
  Value rows = tile::TransposeOp::create(b, program.loc, turned, *weight,
                                         ArrayRef<int64_t>{1, 0});
  if (filters == place.width)
    return rows;
  Value repeated =
      program.broadcast(rows, {taps, filters, place.width / filters}, {0, 1});
  return program.reshape(repeated, {taps, place.width});
}

/// sum + taps over `inputs`, whose row r is what tap 0 of result row r reads.
static Value addTaps(Program &program, Value sum, Value inputs, Value taps) {
  OpBuilder &b = program.builder;
  auto type = cast<VectorType>(sum.getType());
  int64_t width = type.getDimSize(1);
  auto one = VectorType::get({1, width}, b.getF32Type());
  for (int64_t tap = 0; tap != cast<VectorType>(taps.getType()).getDimSize(0);
       ++tap) {
    Value x = tile::SliceOp::create(b, program.loc, type, inputs,
                                    ArrayRef<int64_t>{tap, 0});
    Value w = tile::SliceOp::create(b, program.loc, one, taps,
                                    ArrayRef<int64_t>{tap, 0});
    w = program.broadcast(program.reshape(w, {width}), type.getShape(), {1});
    sum = arith::AddFOp::create(b, program.loc, sum,
                                arith::MulFOp::create(b, program.loc, x, w));
  }
  return sum;
}

/// All taps at once over [rows before, rows].
static FailureOr<Value> addAllTaps(Program &program, seq::ConvOp op, Value sum,
                                   const Box &box, const ConvPlace &place) {
  OpBuilder &b = program.builder;
  unsigned dim = op.getTokenDim();
  int64_t rows = box.sizes[dim], count = op.getTaps();
  FailureOr<Value> input = program.tileF32(op.getInput(), box);
  FailureOr<Value> taps =
      loadTaps(program, op, place, b.getIndexAttr(0), count);
  if (failed(input) || failed(taps))
    return failure();
  Value all = program.reshape(*input, {rows, place.width});
  if (count > 1) {
    Value before =
        loadRowsBefore(program, op, program.value(box.offsets[dim]), place);
    auto type =
        VectorType::get({rows + count - 1, place.width}, b.getF32Type());
    all = tile::ConcatOp::create(b, program.loc, type, before, all, 0);
  }
  return addTaps(program, sum, all, *taps);
}

/// Blocks of taps, each over the rows that it reads; the last taps, fewer than
/// a block, come by themselves, so that nothing later than a row touches it.
static FailureOr<Value> addTapBlocks(Program &program, seq::ConvOp op,
                                     Value sum, const Box &box,
                                     const ConvPlace &place) {
  unsigned dim = op.getTokenDim();
  Value first = arith::SubIOp::create(program.builder, program.loc,
                                      program.value(box.offsets[dim]),
                                      program.index(op.getTaps() - 1));
  auto addBlock = [&](Value tap, int64_t count, Value sum) -> FailureOr<Value> {
    FailureOr<Value> taps = loadTaps(program, op, place, tap, count);
    if (failed(taps))
      return failure();
    Value inputs = loadHistory(program, op, program.add(first, tap),
                               box.sizes[dim] + count - 1, place);
    return addTaps(program, sum, inputs, *taps);
  };
  auto step = [&](Value tap,
                  ValueRange carries) -> FailureOr<SmallVector<Value>> {
    FailureOr<Value> next = addBlock(tap, tapBlock, carries[0]);
    if (failed(next))
      return failure();
    return SmallVector<Value>{*next};
  };
  int64_t rest = op.getTaps() % tapBlock, whole = op.getTaps() - rest;
  auto last = buildStream(program, "tap", program.index(0),
                          program.index(whole), tapBlock, sum, step);
  if (failed(last))
    return failure();
  if (rest == 0)
    return (*last)[0];
  return addBlock(program.index(whole), rest, (*last)[0]);
}

/// The result's tile: bias plus taps.
static FailureOr<Value> emitConvTile(Program &program, seq::ConvOp op,
                                     const Box &box) {
  unsigned dim = op.getTokenDim();
  if (op.isBatched() && box.sizes[0] != 1)
    return op.emitOpError("has a tile of several sequences");
  ConvPlace place{op.isBatched() ? program.value(box.offsets[0]) : Value(),
                  box.offsets[dim + 1], box.sizes[dim + 1]};
  auto type = VectorType::get({box.sizes[dim], place.width},
                              program.builder.getF32Type());
  Value sum = program.splat(type, 0.0);
  if (op.getBias()) {
    FailureOr<Value> bias =
        program.tileF32(op.getBias(), box.project({int64_t(dim) + 1}));
    if (failed(bias))
      return failure();
    sum = program.broadcast(*bias, type.getShape(), {1});
  }
  FailureOr<Value> result = op.getTaps() <= tapBlock
                                ? addAllTaps(program, op, sum, box, place)
                                : addTapBlocks(program, op, sum, box, place);
  if (failed(result))
    return failure();
  return program.reshape(*result, box.sizes);
}

/// Channels of a tile: parts that filters divide or that divide a filter's.
static int64_t getWidth(seq::ConvOp conv) {
  int64_t channels = conv.getChannels(), each = channels / conv.getFilters();
  if (each > 1)
    return getDivisor(each, 128);
  int64_t width = channels <= 128 ? channels : getDivisor(channels, 128);
  return width < 16 && channels > 128 ? 128 : width;
}

/// Opens a grid over sequences, tiles of channels and, where `rows` is given,
/// as many rows; `row` becomes an item's first.
static ConvPlace openPlaces(Program &program, seq::ConvOp conv,
                            int64_t rows = 0, Value *row = nullptr) {
  ConvPlace place{{}, program.builder.getIndexAttr(0), getWidth(conv)};
  SmallVector<Value> upper{program.index(conv.getChannels())};
  SmallVector<int64_t> steps{place.width};
  SmallVector<StringRef> dims{"channel"};
  if (conv.isBatched()) {
    upper.insert(upper.begin(), program.extent(conv.getInput(), 0));
    steps.insert(steps.begin(), 1);
    dims.insert(dims.begin(), "sequence");
  }
  if (rows) {
    upper.push_back(program.extent(conv.getInput(), conv.getTokenDim()));
    steps.push_back(rows);
    dims.push_back("t");
  }
  SmallVector<Value> item = program.openGrid(upper, steps, dims);
  if (conv.isBatched())
    place.sequence = item.front();
  if (rows)
    *row = item.pop_back_val();
  if (place.width != conv.getChannels())
    place.channel = item.back();
  return place;
}

/// Stores the last inputs. Rows are written in rising order and read from at or
/// behind their own place, so the window may be overwritten where it stands.
static LogicalResult storeWindow(Program &program, seq::ConvOp conv,
                                 Value memory, Value tokens,
                                 const ConvPlace &place) {
  int64_t kept = conv.getTaps() - 1;
  auto storeRows = [&](Value next, OpFoldResult row, int64_t count) {
    Box box = addSequence(Box({row, place.channel}, {count, place.width}),
                          place.sequence);
    program.store(program.reshape(next, box.sizes), conv.getWindow(), memory,
                  box);
  };
  if (conv.getTaps() <= tapBlock) {
    storeRows(loadRowsBefore(program, conv, tokens, place),
              program.builder.getIndexAttr(0), kept);
    return success();
  }
  Value start = arith::SubIOp::create(program.builder, program.loc, tokens,
                                      program.index(kept));
  auto step = [&](Value row, ValueRange) -> FailureOr<SmallVector<Value>> {
    storeRows(
        loadHistory(program, conv, program.add(start, row), tapBlock, place),
        row, tapBlock);
    return SmallVector<Value>{};
  };
  return success(
      succeeded(buildStream(program, "row", program.index(0),
                            program.index(kept), tapBlock, {}, step)));
}

LogicalResult buildWindowProgram(KernelBuilder &kernel, seq::ConvOp conv) {
  Program program(kernel, kernel.kernel.getKind().str() + "_window");
  Value tokens = program.extent(conv.getInput(), conv.getTokenDim());
  ConvPlace place = openPlaces(program, conv);
  Value memory = program.stateView(conv.getWindow(), conv.getWindowAfter());
  if (failed(storeWindow(program, conv, memory, tokens, place)))
    return failure();
  return program.finish();
}

/// Adds taps up, an item a tile of rows and channels. The window may be
/// overwritten only after its last reader: where the taps reach no further than
/// the first rows that is the item of those, which writes it at its end;
/// otherwise a program of its own does.
static LogicalResult buildTapProgram(KernelBuilder &kernel, seq::ConvOp conv) {
  Program program(kernel, kernel.kernel.getKind());
  OpBuilder &b = program.builder;
  unsigned dim = conv.getTokenDim();
  int64_t bound = kernel.rowBound(conv.getInput(), dim);
  int64_t rows = roundUpRows(bound, tileRows);
  bool isOneTile = bound <= rows;
  bool isReadOnce = isOneTile || conv.getTaps() - 1 <= rows;
  Value row;
  ConvPlace place = openPlaces(program, conv, rows, &row);
  Value memory;
  if (conv.getWindow() && isReadOnce)
    memory = program.stateView(conv.getWindow(), conv.getWindowAfter());
  if (failed(program.storeOutputs(addSequence(
          Box({row, place.channel}, {rows, place.width}), place.sequence))))
    return failure();
  if (memory) {
    Value tokens = program.extent(conv.getInput(), dim);
    OpBuilder::InsertionGuard guard(b);
    if (!isOneTile) {
      Value isFirst = arith::CmpIOp::create(
          b, program.loc, arith::CmpIPredicate::eq, row, program.index(0));
      auto first = scf::IfOp::create(b, program.loc, isFirst);
      b.setInsertionPointToStart(first.thenBlock());
    }
    if (failed(storeWindow(program, conv, memory, tokens, place)))
      return failure();
  }
  if (failed(program.finish()))
    return failure();
  return conv.getWindow() && !isReadOnce ? buildWindowProgram(kernel, conv)
                                         : success();
}

/// Rows of the blocks whose spectra the convolution multiplies; 1: none.
static int64_t chooseBlock(KernelBuilder &kernel, seq::ConvOp conv) {
  auto options = remark::RemarkOpts::name("ConvForm").category("schedule");
  if (conv.getTaps() <= tapBlock)
    return 1;
  if (kernel.core.getThreads() > 1) {
    remark::missed(conv.getLoc(), options)
        << "passes over spectra are written for the vectors of one thread; "
           "where threads share an item, taps are added up one by one";
    return 1;
  }
  int64_t rows = kernel.rowBound(conv.getInput(), conv.getTokenDim());
  if (rows == std::numeric_limits<int64_t>::max()) {
    remark::missed(conv.getLoc(), options)
        << "a kernel counts the rows, and spectra need memory for the most of "
           "them, so taps are added up one by one";
    return 1;
  }
  auto input = conv.getInput().getType();
  int64_t sequences =
      conv.isBatched() && !input.isDynamicDim(0) ? input.getDimSize(0) : 1;
  constexpr int64_t least = 16;
  int64_t block = 1;
  if (auto hint = conv.getBlock())
    block = *hint < least ? 1 : llvm::bit_floor(uint64_t(*hint));
  else
    block = getConvBlock(kernel.core,
                         {sequences, rows, conv.getChannels(), conv.getTaps(),
                          bool(conv.getWindow()),
                          bool(conv.getWeight().getDefiningOp<rt::ReadOp>())},
                         kernel.choices);
  if (block == 1)
    remark::analysis(conv.getLoc(), options) << "taps are added up one by one";
  else
    remark::passed(conv.getLoc(), options)
        << "products of spectra of blocks of " + std::to_string(block) +
               " rows";
  return block;
}

namespace {
struct ConvModel
    : TileProgramOpInterface::ExternalModel<ConvModel, seq::ConvOp> {
  FailureOr<Value> emitTile(Operation *op, Program &program, unsigned result,
                            const Box &box) const {
    if (result != 0)
      return op->emitOpError("gives its next window to its own kernel only");
    return emitConvTile(program, cast<seq::ConvOp>(op), box);
  }

  LogicalResult buildPrograms(Operation *op, KernelBuilder &kernel) const {
    auto conv = cast<seq::ConvOp>(op);
    if (int64_t block = chooseBlock(kernel, conv); block > 1)
      return buildSpectralConv(kernel, conv, block);
    return buildTapProgram(kernel, conv);
  }
};
} // namespace

void attachConvModel(MLIRContext *context) {
  seq::ConvOp::attachInterface<ConvModel>(*context);
}

} // namespace sennit::schedule
