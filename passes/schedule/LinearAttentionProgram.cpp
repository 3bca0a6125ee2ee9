// The program of linear attention: chunk by chunk, a state carried between
// them.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
// With G the decays from the chunk's start through each row, e^G their
// exponentials, and [x, y] the products x_i y_j weighted by the decay between
// the rows (zero where j > i):
//
//   O = (q e^G) S + sum_w [q, w.key] w.rows
//   S <- e^{G_C} S + sum_w (w.key e^{G_C - G})^T w.rows
//
// over the writers w: the values alone, or what the rule makes of them. A chunk
// of one row is a step. Methods: Dao and Gu 2024, section 6; Yang et al. 2024
// for the delta rules.

#include "passes/schedule/LinearAttentionParts.h"
#include "passes/schedule/Models.h"
#include "passes/schedule/RecurrenceTiles.h"
#include "passes/schedule/TileSizes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Remarks.h"
#include "llvm/Support/FormatVariadic.h"
#include <limits>

using namespace mlir;

namespace sennit::schedule {

/// Chunks of so many rows and more of 16 bits go to a CPU's matrix unit. Not
/// where each key component decays by itself, or two vectors erase: most of
/// their operands are computed.
static double getRoundedRows(KernelBuilder &kernel, seq::LinearAttentionOp op) {
  constexpr double fewest = 16;
  bool takesUnit = !op.hasDecayOfComponents() && !op.getEraseRead() &&
                   multipliesByUnit(kernel.core, op.getQuery());
  return takesUnit ? fewest : std::numeric_limits<double>::infinity();
}

static cost::Recurrence describe(KernelBuilder &kernel,
                                 seq::LinearAttentionOp op) {
  auto query = op.getQuery().getType();
  double heads = double(op.getStateHeads()),
         queries = double(query.getDimSize(op.getHeadDim()));
  cost::Recurrence problem;
  if (op.isBatched() && !query.isDynamicDim(0))
    problem.batch = double(query.getDimSize(0));
  problem.heads = heads;
  problem.groups = std::min(heads, queries);
  // Rows that a kernel counts have no bound: a choice for many.
  constexpr int64_t many = 65536;
  problem.tokens = double(std::clamp<int64_t>(
      kernel.rowBound(op.getQuery(), op.getTokenDim()), 1, many));
  problem.state = double(op.getKeyWidth());
  problem.width = double(op.getValueWidth());
  problem.element = getElement(query.getElementType());
  problem.rule = op.getBeta()        ? cost::UpdateRule::delta
                 : op.getEraseRead() ? cost::UpdateRule::erase
                                     : cost::UpdateRule::add;
  problem.decays = bool(op.getDecay());
  problem.decaysRows = op.hasDecayOfComponents();
  problem.readers = std::max(1.0, queries / heads);
  problem.writers = double(op.getWriters());
  problem.roundsFrom = getRoundedRows(kernel, op);
  return problem;
}

/// Tokens of a chunk: as the op says, else the cost model's choice.
static int64_t chooseChunk(KernelBuilder &kernel, seq::LinearAttentionOp op) {
  int64_t rows = kernel.rowBound(op.getQuery(), op.getTokenDim());
  auto options = remark::RemarkOpts::name("ChunkSize").category("schedule");
  if (auto chunk = op.getChunk()) {
    int64_t most = roundUpRows(rows, llvm::bit_floor(uint64_t(*chunk)));
    remark::analysis(op.getLoc(), options)
        << "chunks of " + std::to_string(most) + " tokens, as the op asks";
    return most;
  }
  if (kernel.core.getThreads() > 1) {
    // What threads share is not in the model yet.
    bool isSerial = op.hasDecayOfComponents() || op.getEraseRead();
    return roundUpRows(rows, isSerial ? 1 : 32);
  }
  if (rows == 1)
    return 1;
  ChunkSizes sizes =
      getChunkSizes(kernel.core, describe(kernel, op), kernel.choices);
  remark::analysis(op.getLoc(), options)
      << llvm::formatv("chunks of {0} tokens, {1:f1} us as predicted; the next "
                       "choice, {2}, {3:f1} us",
                       sizes.rows, sizes.microseconds, sizes.nextRows,
                       sizes.nextMicroseconds)
             .str();
  return sizes.rows;
}

namespace {
class LinearAttention {
public:
  LinearAttention(KernelBuilder &kernel, seq::LinearAttentionOp op)
      : op(op), program(kernel, kernel.kernel.getKind()),
        chunk(chooseChunk(kernel, op)),
        rounds(double(chunk) >= getRoundedRows(kernel, op)),
        tiles(program, rounds), heads(op.getStateHeads()),
        keyWidth(op.getKeyWidth()), valueWidth(op.getValueWidth()),
        readers(std::max<int64_t>(1, headsOf(op.getQuery()) / heads)) {}

  LogicalResult build() {
    tokens = program.extent(op.getQuery(), op.getTokenDim());
    openGrid();
    Box stateBox = placeBox({head, zero(), zero()}, {1, keyWidth, valueWidth});
    Value memory = program.stateView(op.getState(), op.getStateAfter());
    Value state = program.reshape(program.load(op.getState(), stateBox),
                                  {keyWidth, valueWidth});
    auto last = buildStream(
        program, "chunk", program.index(0), tokens, chunk, state,
        [&](Value t, ValueRange carries) { return step(t, carries[0]); });
    if (failed(last))
      return failure();
    program.store(program.reshape((*last)[0], stateBox.sizes), op.getState(),
                  memory, stateBox);
    return program.finish();
  }

private:
  /// Rows that are written into the state, each along its key.
  struct Writer {
    Value key, rows;
  };

  OpFoldResult zero() { return program.builder.getIndexAttr(0); }

  int64_t headsOf(Value tensor) {
    return cast<RankedTensorType>(tensor.getType()).getDimSize(op.getHeadDim());
  }

  /// One item is one state head of one sequence.
  void openGrid() {
    SmallVector<Value> upper{program.index(heads)};
    SmallVector<int64_t> steps{1};
    SmallVector<StringRef> dims{"head"};
    if (op.isBatched()) {
      upper.insert(upper.begin(), program.extent(op.getQuery(), 0));
      steps.push_back(1);
      dims.insert(dims.begin(), "sequence");
    }
    SmallVector<Value> item = program.openGrid(upper, steps, dims);
    head = item.back();
    if (op.isBatched())
      sequence = item.front();
  }

  Box placeBox(ArrayRef<OpFoldResult> offsets, ArrayRef<int64_t> sizes) {
    return addSequence(Box(offsets, sizes), sequence);
  }

  /// The head of a tensor with `own` heads that this state head reads.
  Value ownHead(int64_t own) {
    if (own == heads)
      return head;
    OpBuilder &b = program.builder;
    if (own > heads)
      return arith::MulIOp::create(b, program.loc, head,
                                   program.index(own / heads));
    return arith::DivUIOp::create(b, program.loc, head,
                                  program.index(heads / own));
  }

  Value zeroPastEnd(Value rows, Value t) {
    auto extent = getConstantIntValue(tokens);
    bool isWhole = extent && *extent % chunk == 0;
    return isWhole ? rows : zeroRowsPast(program, rows, t, tokens);
  }

  /// `count` heads of the rows from `t` on, from the `from`-th of the head's
  /// own on, [chunk * count, width]; rows past the end are zero.
  FailureOr<Value> loadRows(Value tensor, Value t, int64_t count = 1,
                            int64_t from = 0) {
    int64_t width = cast<RankedTensorType>(tensor.getType()).getShape().back();
    Value first = ownHead(headsOf(tensor));
    if (from > 0)
      first = program.add(first, program.index(from));
    Box box = placeBox({t, first, zero()}, {chunk, count, width});
    // What a matrix unit multiplies stays as narrow as it is.
    FailureOr<Value> tile =
        rounds ? program.tile(tensor, box) : program.tileF32(tensor, box);
    if (failed(tile))
      return failure();
    Value rows = program.reshape(*tile, {chunk, count * width});
    return program.reshape(zeroPastEnd(rows, t), {chunk * count, width});
  }

  /// A number for each of the rows from `t` on; zero past the end.
  FailureOr<Value> loadNumbers(Value tensor, Value t) {
    FailureOr<Value> tile =
        program.tileF32(tensor, placeBox({t, head}, {chunk, 1}));
    if (failed(tile))
      return failure();
    return zeroPastEnd(program.reshape(*tile, {chunk}), t);
  }

  /// Log2 of the decay from the chunk's start through each row, [chunk] or
  /// [chunk, key width]; no value without decay.
  FailureOr<Value> cumulateDecay(Value t) {
    if (!op.getDecay())
      return Value();
    FailureOr<Value> logs = op.hasDecayOfComponents()
                                ? loadRows(op.getDecay(), t)
                                : loadNumbers(op.getDecay(), t);
    if (failed(logs))
      return failure();
    Value scaled = tiles.multiply(*logs, tiles.splatLike(*logs, M_LOG2E));
    return chunk == 1 ? scaled : tiles.sumRows(scaled);
  }

  FailureOr<SmallVector<Value>> step(Value t, Value state) {
    FailureOr<Value> q = loadRows(op.getQuery(), t, readers),
                     g = cumulateDecay(t);
    if (failed(q) || failed(g))
      return failure();
    FailureOr<SmallVector<Writer>> writers = makeWriters(t, *g, state);
    if (failed(writers))
      return failure();
    Value decay = *g ? tiles.repeatRows(*g, readers) : Value();
    Value output = tiles.readState(*q, decay, state);
    Value next = *g ? tiles.decayRows(state, tiles.lastRow(*g)) : state;
    for (const Writer &writer : *writers) {
      Value weights = tiles.multiplyDecayed(*q, decay, writer.key, *g,
                                            /*strict=*/false);
      output = tiles.product(weights, writer.rows, output, tile::MmaForm::NN);
      Value until = *g ? tiles.untilLast(*g) : Value();
      next = tiles.writeState(writer.key, until, writer.rows, next);
    }
    if (failed(storeRows(t, output)))
      return failure();
    return SmallVector<Value>{next};
  }

  LogicalResult storeRows(Value t, Value output) {
    output = tiles.multiply(
        output, tiles.splatLike(output, op.getScale().convertToDouble()));
    Box box = placeBox({t, ownHead(headsOf(op.getOutput())), zero()},
                       {chunk, readers, valueWidth});
    program.seed(op.getOutput(), box, program.reshape(output, box.sizes));
    return program.storeOutputs(box);
  }

  FailureOr<SmallVector<Writer>> makeWriters(Value t, Value g, Value state) {
    if (op.getWriters() > 1)
      return loadWriters(t);
    FailureOr<Value> k = loadRows(op.getKey(), t),
                     v = loadRows(op.getValue(), t);
    if (failed(k) || failed(v))
      return failure();
    if (op.getBeta())
      return correctValues(t, *k, *v, g, state);
    if (op.getEraseRead())
      return eraseAndWrite(t, *k, *v, g, state);
    return SmallVector<Writer>{{*k, *v}};
  }

  FailureOr<SmallVector<Writer>> loadWriters(Value t) {
    SmallVector<Writer> writers;
    for (int64_t writer = 0; writer != op.getWriters(); ++writer) {
      FailureOr<Value> k = loadRows(op.getKey(), t, 1, writer),
                       v = loadRows(op.getValue(), t, 1, writer);
      if (failed(k) || failed(v))
        return failure();
      writers.push_back({*k, *v});
    }
    return writers;
  }

  /// The delta rules: (I + beta [k, k])^-1 beta (v - (k e^G) S), with [k, k]
  /// below the diagonal.
  FailureOr<SmallVector<Writer>> correctValues(Value t, Value k, Value v,
                                               Value g, Value state) {
    FailureOr<Value> beta = loadNumbers(op.getBeta(), t);
    if (failed(beta))
      return failure();
    Value known = tiles.readState(k, g, state);
    Value rows =
        tiles.scaleRows(tiles.subtract(program.toF32(v), known), *beta);
    if (chunk > 1) {
      Value below = tiles.multiplyDecayed(k, g, k, g, /*strict=*/true);
      below = tiles.scaleRows(below, *beta);
      rows = tiles.product(tiles.invertUnitLower(below), rows, nullptr,
                           tile::MmaForm::NN);
    }
    return SmallVector<Writer>{{k, rows}};
  }

  /// The general rule: u = (I - [a, b])^-1 ([a, k] v + (a e^X) S), with X the
  /// decay before each row and the brackets below the diagonal.
  FailureOr<SmallVector<Writer>> eraseAndWrite(Value t, Value k, Value v,
                                               Value g, Value state) {
    FailureOr<Value> a = loadRows(op.getEraseRead(), t),
                     b = loadRows(op.getEraseWrite(), t);
    if (failed(a) || failed(b))
      return failure();
    Value before = g && chunk > 1 ? tiles.shiftRows(g) : Value();
    Value rows = tiles.readState(*a, before, state);
    if (chunk > 1) {
      Value below = tiles.multiplyDecayed(*a, before, k, g, /*strict=*/true);
      rows = tiles.product(below, v, rows, tile::MmaForm::NN);
      below = tiles.multiplyDecayed(*a, before, *b, g, /*strict=*/true);
      below = tiles.multiply(below, tiles.splatLike(below, -1));
      rows = tiles.product(tiles.invertUnitLower(below), rows, nullptr,
                           tile::MmaForm::NN);
    }
    return SmallVector<Writer>{{*b, rows}, {k, v}};
  }

  seq::LinearAttentionOp op;
  Program program;
  int64_t chunk;
  /// Whether operands of products are bf16.
  bool rounds;
  RecurrenceTiles tiles;
  int64_t heads, keyWidth, valueWidth, readers;
  Value tokens, head, sequence;
};

struct LinearAttentionModel
    : TileProgramOpInterface::ExternalModel<LinearAttentionModel,
                                            seq::LinearAttentionOp> {
  LogicalResult buildPrograms(Operation *op, KernelBuilder &kernel) const {
    auto attention = cast<seq::LinearAttentionOp>(op);
    if (areCopied(kernel, attention))
      return buildParts(kernel, attention);
    return LinearAttention(kernel, attention).build();
  }
};
} // namespace

void attachLinearAttentionModel(MLIRContext *context) {
  seq::LinearAttentionOp::attachInterface<LinearAttentionModel>(*context);
}

} // namespace sennit::schedule
