// The programs of linear attention for a matrix unit that works beside the
// threads: parts of a sequence at once, where one after the other would leave
// cores without any.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
// With G the decays from a chunk's start through each row, as powers of two,
//
//   O = 2^G (q S) + (q k^T . 2^{G_i - G_j}, j <= i) v
//   S <- 2^{G_C} S + k^T (2^{G_C - G} v)
//
// Four programs: G of every chunk; what each part adds to a state of zeros; the
// states between parts, S <- 2^{sum of G_C} S + what the part adds; the outputs
// of each part from the state before it. One part needs no second and third.
// Every operand of a product has 16 bits, sums and states have 32. Method: Dao
// and Gu 2024, section 6, with a part for a chunk where it passes states.

#include "passes/schedule/LinearAttentionParts.h"
#include "passes/schedule/Models.h"
#include "passes/schedule/RecurrenceTiles.h"
#include "passes/schedule/TileSizes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace sennit::schedule {

/// Tokens of a chunk: rows of one group of the unit's.
static constexpr int64_t chunkRows = 64;
/// Heads whose decays one item sums, and rows of a state that one passes on.
static constexpr int64_t decayHeads = 16, stateRows = 16;

static int64_t getTokenBound(KernelBuilder &kernel, seq::LinearAttentionOp op) {
  return kernel.rowBound(op.getQuery(), op.getTokenDim());
}

bool areCopied(KernelBuilder &kernel, seq::LinearAttentionOp op) {
  auto isThere = [&](Value rows) {
    auto type = cast<RankedTensorType>(rows.getType());
    int64_t width = type.getShape().back();
    return type.getElementTypeBitWidth() == 16 && width % 64 == 0 &&
           width <= 256 && !kernel.isInside(rows);
  };
  return kernel.core.getAsyncRows() != 0 && op.isPlain() && op.getDecay() &&
         getTokenBound(kernel, op) >= chunkRows / 2 &&
         !(op.isBatched() && op.getQuery().getType().isDynamicDim(0)) &&
         isThere(op.getQuery()) && isThere(op.getKey()) &&
         isThere(op.getValue());
}

/// Into how many parts `chunks` are divided where `lines` sequences run beside
/// each other: the fewest chunks one after the other on a device that runs
/// `resident` items at once; a part's state, written and read twice, takes the
/// time of two chunks.
static int64_t countParts(int64_t lines, int64_t chunks) {
  constexpr int64_t resident = 256;
  int64_t best = 1, least = 0;
  for (int64_t parts = 1; parts <= chunks; ++parts) {
    int64_t waves = llvm::divideCeil(lines * parts, resident);
    int64_t each = llvm::divideCeil(chunks, parts);
    // Of parts, the sums cost half as much as the outputs.
    int64_t time = waves * (each + 2) * (parts == 1 ? 2 : 3);
    if (parts == 1 || time < least) {
      best = parts;
      least = time;
    }
  }
  return best;
}

namespace {
class LinearAttentionParts {
public:
  LinearAttentionParts(KernelBuilder &kernel, seq::LinearAttentionOp op)
      : kernel(kernel), op(op), heads(op.getStateHeads()),
        keyWidth(op.getKeyWidth()), valueWidth(op.getValueWidth()),
        sequences(op.isBatched() ? op.getQuery().getType().getDimSize(0) : 1),
        chunks(llvm::divideCeil(getTokenBound(kernel, op), chunkRows)),
        parts(countParts(sequences * heads, chunks)),
        element(op.getQuery().getType().getElementType()) {
    decays = make({sequences, heads, chunks, chunkRows});
    if (parts == 1)
      return;
    added = make({sequences, heads, parts, keyWidth, valueWidth});
    before = make({sequences, heads, parts, keyWidth, valueWidth});
  }

  LogicalResult build() {
    if (failed(sumDecays()))
      return failure();
    if (parts > 1 && (failed(addParts()) || failed(passStates())))
      return failure();
    return multiplyOut();
  }

private:
  /// One program: its item's sequence, head, and the tokens from `start` to
  /// before `end`.
  struct Walk {
    Walk(LinearAttentionParts &of, StringRef suffix)
        : program(of.kernel, (of.kernel.kernel.getKind() + suffix).str()),
          tiles(program),
          tokens(program.extent(of.op.getQuery(), of.op.getTokenDim())) {}
    Program program;
    RecurrenceTiles tiles;
    Value tokens, sequence, head, part, start, end;
  };

  Value make(ArrayRef<int64_t> shape) {
    OpBuilder b(op);
    return tensor::EmptyOp::create(b, op.getLoc(), shape, b.getF32Type());
  }

  /// Opens the items of a program: sequences, `heads` in steps, and one more
  /// dimension, whose position it returns.
  Value open(Walk &walk, int64_t step, StringRef name, Value upper,
             int64_t each) {
    Program &program = walk.program;
    SmallVector<Value> item = program.openGrid(
        {program.index(sequences), program.index(heads), upper},
        {1, step, each}, {"sequence", "head", name});
    walk.sequence = item[0];
    walk.head = item[1];
    return item[2];
  }

  /// Opens an item for each part of a head's tokens: whole chunks.
  void openPart(Walk &walk) {
    Program &program = walk.program;
    OpBuilder &b = program.builder;
    walk.part = open(walk, 1, "part", program.index(parts), 1);
    Value each = arith::MulIOp::create(b, program.loc, countEach(walk),
                                       program.index(chunkRows));
    Value start = arith::MulIOp::create(b, program.loc, walk.part, each);
    auto cap = [&](Value token) -> Value {
      return arith::MinSIOp::create(b, program.loc, token, walk.tokens);
    };
    walk.start = cap(start);
    walk.end = cap(program.add(start, each));
  }

  /// Chunks of a call, and of a part of it.
  Value countChunks(Walk &walk) {
    return arith::CeilDivUIOp::create(walk.program.builder, walk.program.loc,
                                      walk.tokens,
                                      walk.program.index(chunkRows));
  }
  Value countEach(Walk &walk) {
    return arith::CeilDivUIOp::create(walk.program.builder, walk.program.loc,
                                      countChunks(walk),
                                      walk.program.index(parts));
  }

  Value load(Walk &walk, ArrayRef<int64_t> shape, Type type, Value tensor,
             ArrayRef<Value> indices, ArrayRef<int64_t> dims,
             ArrayRef<std::pair<int64_t, Value>> bounds = {}) {
    return tile::LoadOp::create(
        walk.program.builder, walk.program.loc, VectorType::get(shape, type),
        walk.program.view(tensor), indices, dims, bounds);
  }

  /// The rows of the walk's head from token t on, zero past the last.
  Value loadRows(Walk &walk, Value tensor, Value t) {
    Program &program = walk.program;
    auto type = cast<RankedTensorType>(tensor.getType());
    int64_t own = type.getDimSize(op.getHeadDim()), dim = op.getTokenDim();
    Value head = arith::DivUIOp::create(program.builder, program.loc, walk.head,
                                        program.index(heads / own));
    SmallVector<Value> indices{t, head, program.index(0)};
    if (op.isBatched())
      indices.insert(indices.begin(), walk.sequence);
    return load(walk, {chunkRows, type.getShape().back()}, element, tensor,
                indices, {dim, dim + 2}, {{0, program.extent(tensor, dim)}});
  }

  /// G of the chunk at token t: of its rows, and of its last.
  std::pair<Value, Value> loadDecays(Walk &walk, Value t) {
    Program &program = walk.program;
    Value chunk = arith::DivUIOp::create(program.builder, program.loc, t,
                                         program.index(chunkRows));
    Type f32 = program.builder.getF32Type();
    Value rows = load(walk, {chunkRows}, f32, decays,
                      {walk.sequence, walk.head, chunk, program.index(0)}, {3});
    Value last = load(
        walk, {}, f32, decays,
        {walk.sequence, walk.head, chunk, program.index(chunkRows - 1)}, {});
    return {rows, last};
  }

  Value narrow(Walk &walk, Value tile) {
    return arith::TruncFOp::create(
        walk.program.builder, walk.program.loc,
        cast<VectorType>(tile.getType()).clone(element), tile);
  }

  /// 2^{G_C - G} v, what a chunk's values are at its end.
  Value decayValues(Walk &walk, Value v, Value g, Value last) {
    Value until =
        walk.tiles.subtract(walk.program.broadcast(last, {chunkRows}, {}), g);
    return narrow(walk, walk.tiles.decayRows(walk.program.toF32(v), until));
  }

  /// G of all chunks. Tokens past the last one decay by nothing.
  LogicalResult sumDecays() {
    Walk walk(*this, "_decays");
    Program &program = walk.program;
    RecurrenceTiles &tiles = walk.tiles;
    int64_t width = getDivisor(heads, decayHeads);
    Value t = open(walk, width, "token", walk.tokens, chunkRows);
    Box box({t, walk.head}, {chunkRows, width});
    FailureOr<Value> logs = program.tileF32(
        op.getDecay(),
        addSequence(box, op.isBatched() ? walk.sequence : Value()));
    if (failed(logs))
      return failure();
    Value rows = zeroRowsPast(
        program, program.reshape(*logs, {chunkRows, width}), t, walk.tokens);
    rows = tiles.multiply(rows, tiles.splatLike(rows, M_LOG2E));
    Value chunk = arith::DivUIOp::create(program.builder, program.loc, t,
                                         program.index(chunkRows));
    Box place({walk.sequence, walk.head, chunk, zero(walk)},
              {1, width, 1, chunkRows});
    program.store(
        program.reshape(tiles.transpose(tiles.sumRows(rows)), place.sizes),
        decays, program.outputView(decays), place);
    return program.finish();
  }

  OpFoldResult zero(Walk &walk) { return walk.program.builder.getIndexAttr(0); }

  /// The state of a part in one of the tensors of states.
  Box placePart(Walk &walk, OpFoldResult part, OpFoldResult row, int64_t rows) {
    return Box({walk.sequence, walk.head, part, row, zero(walk)},
               {1, 1, 1, rows, valueWidth});
  }
  /// The head's own state, of a call.
  Box placeState(Walk &walk, OpFoldResult row, int64_t rows) {
    return addSequence(Box({walk.head, row, zero(walk)}, {1, rows, valueWidth}),
                       op.isBatched() ? walk.sequence : Value());
  }

  /// What each part adds to a state of zeros.
  LogicalResult addParts() {
    Walk walk(*this, "_sums");
    Program &program = walk.program;
    openPart(walk);
    Value none = program.splat(
        VectorType::get({keyWidth, valueWidth}, program.builder.getF32Type()),
        0.0);
    auto last = buildStream(
        program, "chunk", walk.start, walk.end, chunkRows, none,
        [&](Value t, ValueRange carries) -> FailureOr<SmallVector<Value>> {
          auto [g, end] = loadDecays(walk, t);
          Value k = loadRows(walk, op.getKey(), t),
                v = loadRows(walk, op.getValue(), t);
          Value decayed = decayValues(walk, v, g, end);
          return SmallVector<Value>{multiply(
              program, k, decayed, walk.tiles.decayRows(carries[0], end),
              tile::MmaForm::TN)};
        });
    if (failed(last))
      return failure();
    Box box = placePart(walk, walk.part, zero(walk), keyWidth);
    program.store(program.reshape((*last)[0], box.sizes), added,
                  program.outputView(added), box);
    return program.finish();
  }

  /// The decay over a part: the sum of its chunks' logarithms.
  Value sumPart(Walk &walk, Value part) {
    Program &program = walk.program;
    OpBuilder &b = program.builder;
    Value each = countEach(walk);
    Value first = arith::MulIOp::create(b, program.loc, part, each);
    Value end = arith::MinSIOp::create(b, program.loc, program.add(first, each),
                                       countChunks(walk));
    int64_t most = llvm::divideCeil(chunks, parts);
    Value ends =
        load(walk, {most}, b.getF32Type(), decays,
             {walk.sequence, walk.head, first, program.index(chunkRows - 1)},
             {2}, {{0, end}});
    return reduce(program, tile::ReduceKind::Add, ends, 0);
  }

  /// The states before each part, and the call's last.
  LogicalResult passStates() {
    Walk walk(*this, "_states");
    Program &program = walk.program;
    Value row = open(walk, 1, "row", program.index(keyWidth), stateRows);
    Box whole = placeState(walk, row, stateRows);
    Value state = program.reshape(program.load(op.getState(), whole),
                                  {stateRows, valueWidth});
    Value memory = program.stateView(op.getState(), op.getStateAfter());
    Value places = program.outputView(before);
    auto last = buildStream(
        program, "part", program.index(0), program.index(parts), 1, state,
        [&](Value part, ValueRange carries) -> FailureOr<SmallVector<Value>> {
          Box box = placePart(walk, part, row, stateRows);
          program.store(program.reshape(carries[0], box.sizes), before, places,
                        box);
          Value own = program.reshape(program.load(added, box),
                                      {stateRows, valueWidth});
          return SmallVector<Value>{walk.tiles.add(
              walk.tiles.decayRows(carries[0], sumPart(walk, part)), own)};
        });
    if (failed(last))
      return failure();
    program.store(program.reshape((*last)[0], whole.sizes), op.getState(),
                  memory, whole);
    return program.finish();
  }

  LogicalResult multiplyOut() {
    Walk walk(*this, "");
    Program &program = walk.program;
    openPart(walk);
    bool isWhole = parts == 1;
    Value memory;
    if (isWhole)
      memory = program.stateView(op.getState(), op.getStateAfter());
    Box box = isWhole ? placeState(walk, zero(walk), keyWidth)
                      : placePart(walk, walk.part, zero(walk), keyWidth);
    Value state =
        program.reshape(program.load(isWhole ? op.getState() : before, box),
                        {keyWidth, valueWidth});
    auto last = buildStream(
        program, "chunk", walk.start, walk.end, chunkRows, state,
        [&](Value t, ValueRange carries) { return step(walk, t, carries[0]); });
    if (failed(last))
      return failure();
    if (isWhole)
      program.store(program.reshape((*last)[0], box.sizes), op.getState(),
                    memory, box);
    return program.finish();
  }

  FailureOr<SmallVector<Value>> step(Walk &walk, Value t, Value state) {
    Program &program = walk.program;
    RecurrenceTiles &tiles = walk.tiles;
    auto [g, last] = loadDecays(walk, t);
    Value q = loadRows(walk, op.getQuery(), t),
          k = loadRows(walk, op.getKey(), t),
          v = loadRows(walk, op.getValue(), t);
    // First what products read and add to, then products, then the arithmetic
    // that can run beside them.
    Value rounded = narrow(walk, state),
          decayed = decayValues(walk, v, g, last),
          kept = tiles.decayRows(state, last);
    Value scores = multiply(program, q, k, nullptr, tile::MmaForm::NT);
    Value output = multiply(program, q, rounded, nullptr, tile::MmaForm::NN);
    Value next = multiply(program, k, decayed, kept, tile::MmaForm::TN);
    Value weights =
        narrow(walk, tiles.weighDecayed(scores, g, g, /*strict=*/false));
    output = multiply(program, weights, v, tiles.decayRows(output, g),
                      tile::MmaForm::NN);
    if (double scale = op.getScale().convertToDouble(); scale != 1)
      output = tiles.multiply(output, tiles.splatLike(output, scale));
    Box box({t, walk.head, zero(walk)}, {chunkRows, 1, valueWidth});
    if (op.isBatched())
      box = addSequence(box, walk.sequence);
    program.seed(op.getOutput(), box, program.reshape(output, box.sizes));
    if (failed(program.storeOutputs(box)))
      return failure();
    return SmallVector<Value>{next};
  }

  KernelBuilder &kernel;
  seq::LinearAttentionOp op;
  int64_t heads, keyWidth, valueWidth, sequences, chunks, parts;
  Type element;
  /// G, [sequences, heads, chunks, rows of a chunk]; what parts add and the
  /// states before them, [sequences, heads, parts, key width, value width].
  Value decays, added, before;
};
} // namespace

LogicalResult buildParts(KernelBuilder &kernel, seq::LinearAttentionOp op) {
  return LinearAttentionParts(kernel, op).build();
}

} // namespace sennit::schedule
