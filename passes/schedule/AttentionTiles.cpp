// Finds attention's tiles in queries, calls and caches; appends to a cache.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/AttentionTiles.h"

#include "passes/schedule/ScoreTiles.h"
#include "passes/schedule/TileSizes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Remarks.h"

#include <cmath>

using namespace mlir;

namespace sennit::schedule {

Box makeBox(seq::AttentionOp op, Value sequence, ArrayRef<OpFoldResult> offsets,
            ArrayRef<int64_t> sizes) {
  Box box(offsets, sizes);
  if (!op.isBatched())
    return box;
  box.offsets.insert(box.offsets.begin(), sequence);
  box.sizes.insert(box.sizes.begin(), 1);
  box.aligned.insert(box.aligned.begin(), true);
  return box;
}

Value ofSequence(Program &program, Value number, Value sequence) {
  if (number.getType().isIndex())
    return program.scalar(number);
  OpBuilder &b = program.builder;
  Value loaded =
      memref::LoadOp::create(b, program.loc, program.view(number), sequence);
  return arith::IndexCastOp::create(b, program.loc, b.getIndexType(), loaded);
}

SmallVector<Value> openGrid(Program &program, seq::AttentionOp op,
                            ArrayRef<Value> upper, ArrayRef<int64_t> steps,
                            ArrayRef<StringRef> names) {
  SmallVector<Value> uppers(upper);
  SmallVector<int64_t> sizes(steps);
  SmallVector<StringRef> dims(names);
  if (!op.isBatched()) {
    SmallVector<Value> item = program.openGrid(uppers, sizes, dims);
    item.insert(item.begin(), program.index(0));
    return item;
  }
  uppers.insert(uppers.begin(), program.extent(op.getQuery(), 0));
  sizes.insert(sizes.begin(), 1);
  dims.insert(dims.begin(), "sequence");
  return program.openGrid(uppers, sizes, dims);
}

int64_t tokenBound(KernelBuilder &kernel, seq::AttentionOp op, Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  return op.isBatched() ? type.getDimSize(1) : kernel.rowBound(tensor);
}

/// Page and row of key j of a sequence, in a pool.
static std::pair<Value, Value> locate(Program &program, seq::AttentionOp op,
                                      Value sequence, Value j) {
  OpBuilder &b = program.builder;
  Value rows = program.index(op.getPageRows());
  SmallVector<Value> place{arith::DivUIOp::create(b, program.loc, j, rows)};
  if (op.isBatched())
    place.insert(place.begin(), sequence);
  Value page = memref::LoadOp::create(b, program.loc,
                                      program.view(op.getPages()), place);
  page = arith::IndexCastOp::create(b, program.loc, b.getIndexType(), page);
  return {page, arith::RemUIOp::create(b, program.loc, j, rows)};
}

Box makeCacheBox(Program &program, seq::AttentionOp op, Value sequence, Value j,
                 Value head, int64_t rows, int64_t width) {
  OpFoldResult zero = program.builder.getIndexAttr(0);
  if (!op.getPages())
    return makeBox(op, sequence, {j, head, zero}, {rows, 1, width});
  auto [page, row] = locate(program, op, sequence, j);
  return Box({page, row, head, zero}, {1, rows, 1, width});
}

SmallVector<Value> getOffsets(Program &program, const Box &box) {
  return llvm::map_to_vector(
      box.offsets, [&](OpFoldResult offset) { return program.value(offset); });
}

AttentionSizes chooseSizes(KernelBuilder &kernel, seq::AttentionOp op) {
  auto query = cast<RankedTensorType>(op.getQuery().getType());
  auto key = cast<RankedTensorType>(op.getKey().getType());
  int64_t most = tokenBound(kernel, op, op.getQuery());
  if (most == 1)
    return {queryRows, stepKeyRows};
  if (kernel.core.getIsa() == "none" && kernel.core.getThreads() == 1 &&
      most < std::numeric_limits<int64_t>::max()) {
    auto keys = cast<RankedTensorType>(
        op.hasState() ? op.getCachesAfter()[0].getType() : key);
    int64_t context = keys.getDimSize(op.getTokenDim());
    AttentionSizes sizes = getAttentionSizes(
        kernel.core, most, ShapedType::isDynamic(context) ? most : context,
        query.getDimSize(op.getHeadDim()), key.getDimSize(op.getHeadDim()),
        query, op.getValueSize());
    auto options =
        remark::RemarkOpts::name("AttentionTiles").category("schedule");
    remark::analysis(op.getLoc(), options)
        << std::to_string(sizes.rows) + " rows by " +
               std::to_string(sizes.keys) + " keys take least predicted time";
    return sizes;
  }
  if (multipliesByUnit(kernel.core, op.getQuery()))
    return {unitRows, unitRows};
  return {queryRows, keyRows};
}

/// Keys of a step for which `rows` queries fit a processor, in groups of 64
/// rows with their scores, weights and sums in registers, and two steps of keys
/// and values in shared memory beside queries and a panel of the output; 0 if
/// none. A diagonal cuts fewest steps where `rows` are whole steps.
static int64_t countCopiedKeys(int64_t rows, int64_t width, int64_t valueWidth,
                               bool hasDiagonal) {
  constexpr int64_t shared = 227 * 1024 - 1024, bytes = 2;
  int64_t registers = rows > unitRows ? 128 : 176;
  for (int64_t keys : {144, 128, 80, 64, 48}) {
    if (keys * 3 / 4 + valueWidth / 2 > registers ||
        (hasDiagonal && keys > unitRows))
      continue;
    int64_t taken =
        rows * (width + panelColumns) + 2 * keys * (width + valueWidth);
    if (taken * bytes <= shared)
      return keys;
  }
  return 0;
}

AttentionSizes chooseCopiedSizes(KernelBuilder &kernel, seq::AttentionOp op,
                                 int64_t parts) {
  constexpr int64_t wide = 192;
  int64_t width =
      llvm::alignTo(op.getQuery().getType().getShape().back(), panelColumns);
  int64_t valueWidth = llvm::alignTo(op.getValueSize(), panelColumns);
  bool hasDiagonal = op.getWindowRight().has_value();
  int64_t wideKeys = countCopiedKeys(wide, width, valueWidth, hasDiagonal);
  int64_t keys = countCopiedKeys(unitRows, width, valueWidth, hasDiagonal);
  // A diagonal makes short steps dear; what a score region computes on its way
  // takes registers.
  if (parts > 1 || wideKeys < 80 || (hasDiagonal && wideKeys < keys) ||
      !op.getScore().empty())
    return {unitRows, keys};
  // Three groups of rows hide more of each other's exponentials than two do; by
  // measurement that is a sixth of the time. The last rows may be empty.
  double most = double(tokenBound(kernel, op, op.getQuery()));
  int64_t group = op.getQuery().getType().getDimSize(op.getHeadDim()) /
                  op.getKey().getType().getDimSize(op.getHeadDim());
  auto getTime = [&](int64_t rows, double time) {
    double tokens = double(rows / getCopiedHeads(group));
    return std::ceil(most / tokens) * tokens * time;
  };
  if (getTime(wide, 5) <= getTime(unitRows, 6))
    return {wide, wideKeys};
  return {unitRows, keys};
}

int64_t getHeadsPerItem(int64_t group) {
  int64_t heads = std::min(group, queryRows);
  while (group % heads != 0)
    --heads;
  return heads;
}

int64_t getCopiedHeads(int64_t group) {
  int64_t heads = 1;
  while (heads < 8 && group % (2 * heads) == 0)
    heads *= 2;
  return heads;
}

static int64_t getWidth(Value rows) {
  return cast<RankedTensorType>(rows.getType()).getShape().back();
}

bool areCopied(KernelBuilder &kernel, seq::AttentionOp op) {
  // Rows lie multiples of 16 bytes apart. Parts are stored without more
  // columns.
  bool isWhole = countParts(kernel, op) > 1;
  auto isThere = [&](Value rows) {
    return rows && !kernel.isInside(rows) &&
           getWidth(rows) % (isWhole ? panelColumns : 8) == 0;
  };
  // In parts of one query's keys, rows are heads past those of the item too.
  bool isScored = op.getCaptures().empty() ||
                  (tokenBound(kernel, op, op.getQuery()) > 1 && readsLines(op));
  // Few queries leave most of a tile empty, and the unit still multiplies as
  // fast as keys and values come.
  return kernel.core.getAsyncRows() != 0 &&
         getElementTypeOrSelf(op.getQuery().getType())
                 .getIntOrFloatBitWidth() == 16 &&
         isScored && !op.getPages() && isThere(op.getQuery()) &&
         op.getValue() && op.getValueSize() <= 256 &&
         op.getValueSize() % (isWhole ? panelColumns : 8) == 0 &&
         (op.hasState() || (isThere(op.getKey()) && isThere(op.getValue())));
}

/// Items enough to keep every core of a large device busy.
static constexpr int64_t manyItems = 256;

int64_t countParts(KernelBuilder &kernel, seq::AttentionOp op) {
  if (kernel.core.getThreads() == 1 ||
      tokenBound(kernel, op, op.getQuery()) != 1)
    return 1;
  auto key = cast<RankedTensorType>(op.getKey().getType());
  int64_t sequences = op.isBatched() ? key.getDimSize(0) : 1;
  if (ShapedType::isDynamic(sequences) || op.getPages())
    return 1;
  Value rows = op.hasState() ? Value(op.getCachesAfter()[0]) : op.getKey();
  int64_t count =
      cast<RankedTensorType>(rows.getType()).getDimSize(op.getTokenDim());
  if (ShapedType::isDynamic(count))
    return 1;
  int64_t most = count / stepKeyRows;
  int64_t items = sequences * key.getDimSize(op.getHeadDim());
  return std::clamp<int64_t>(manyItems / items, 1, std::max<int64_t>(most, 1));
}

LogicalResult buildAppend(KernelBuilder &kernel, seq::AttentionOp op) {
  Program program(kernel, kernel.kernel.getKind().str() + "_append");
  int64_t heads = op.getKey().getType().getDimSize(op.getHeadDim());
  int64_t rows =
      op.getPages()
          ? 1
          : roundUpRows(tokenBound(kernel, op, op.getKey()), queryRows);
  Value tokens = program.extent(op.getKey(), op.getTokenDim());
  SmallVector<Value> item =
      openGrid(program, op, {tokens, program.index(heads)}, {rows, 1},
               {"token", "head"});
  Value sequence = item[0], token = item[1], head = item[2];
  Value past = ofSequence(program, op.getPast(), sequence);
  Value end = program.add(past, tokens), start = program.add(past, token);
  SmallVector<Value> sources{op.getKey()};
  if (op.getValue())
    sources.push_back(op.getValue());
  for (auto [source, before, after] :
       llvm::zip_equal(sources, op.getCaches(), op.getCachesAfter())) {
    int64_t width = cast<RankedTensorType>(source.getType()).getShape().back();
    Box box =
        makeBox(op, sequence, {token, head, program.builder.getIndexAttr(0)},
                {rows, 1, width});
    FailureOr<Value> tile = program.tile(source, box);
    if (failed(tile))
      return failure();
    Box target = makeCacheBox(program, op, sequence, start, head, rows, width);
    SmallVector<std::pair<int64_t, Value>> bounds;
    if (rows > 1)
      bounds.push_back({op.getTokenDim(), end});
    tile::StoreOp::create(
        program.builder, program.loc, program.reshape(*tile, target.sizes),
        program.stateView(before, after), getOffsets(program, target),
        llvm::to_vector(llvm::seq<int64_t>(0, target.rank())), bounds);
  }
  return program.finish();
}

} // namespace sennit::schedule
