// Gives carries and standing tiles their buffers, and these addresses.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/emit/Planner.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <numeric>

using namespace mlir;
using namespace sennit;
using namespace sennit::emit;

static bool isTile(Value value) { return isa<VectorType>(value.getType()); }

//===----------------------------------------------------------------------===//
// The finished plan
//===----------------------------------------------------------------------===//

Value Plan::resolve(Value value) const {
  for (auto found = fetched.find(value); found != fetched.end();
       found = fetched.find(value))
    value = found->second;
  return value;
}

const Buffer *Plan::find(Value tile) const {
  auto found = places.find(resolve(tile));
  return found == places.end() ? nullptr : &buffers[found->second];
}

const Buffer *Plan::findTemporary(Operation *op) const {
  auto found = temporaries.find(op);
  return found == temporaries.end() ? nullptr : &buffers[found->second];
}

const Buffer *Plan::findPacked(tile::MmaOp mma) const {
  auto found = packed.find(mma);
  return found == packed.end() ? nullptr : &buffers[found->second];
}

tile::ScanOp Plan::findFusedScan(tile::ReduceOp reduce) const {
  return cast_or_null<tile::ScanOp>(fusedScans.lookup(reduce));
}

bool Plan::isFused(Operation *op) const { return fused.contains(op); }

TypedAttr sennit::emit::getPad(tile::LoadOp load) {
  if (Attribute pad = load.getPadAttr())
    return cast<TypedAttr>(pad);
  auto view = cast<MemRefType>(load.getView().getType());
  return Builder(load.getContext()).getZeroAttr(view.getElementType());
}

tile::LoadOp sennit::emit::findPanels(tile::MmaOp mma,
                                      function_ref<Value(Value)> resolve) {
  Value value = resolve(mma.getB());
  if (auto widened = value.getDefiningOp<arith::ExtFOp>())
    value = resolve(widened.getIn());
  auto load = value.getDefiningOp<tile::LoadOp>();
  if (!load)
    return nullptr;
  auto view = cast<MemRefType>(load.getView().getType());
  ArrayRef<int64_t> dims = load.getTileDims();
  int64_t rank = view.getRank();
  if (!isa<tile::BlockedAttr>(view.getLayout()) || dims.size() < 2 ||
      dims.back() != rank - 1 || dims[dims.size() - 2] != rank - 2)
    return nullptr;
  return load;
}

bool sennit::emit::readsUnitPanels(tile::MmaOp mma,
                                   function_ref<Value(Value)> resolve) {
  if (mma.getForm() != tile::MmaForm::NT)
    return false;
  tile::LoadOp panels = findPanels(mma, resolve);
  if (!panels)
    return false;
  auto view = cast<MemRefType>(panels.getView().getType());
  return cast<tile::BlockedAttr>(view.getLayout()).getGroup() != 1;
}

int64_t sennit::emit::getDivisor(Value index) {
  // Zero is divided by everything.
  if (std::optional<int64_t> number = getConstantIntValue(index))
    return std::abs(*number);
  if (auto argument = dyn_cast<BlockArgument>(index)) {
    Operation *loop = argument.getOwner()->getParentOp();
    if (auto stream = dyn_cast<tile::StreamOp>(loop);
        stream && argument.getArgNumber() == 0)
      return std::gcd(int64_t(stream.getStep()), getDivisor(stream.getLower()));
    if (auto grid = dyn_cast<tile::GridOp>(loop)) {
      unsigned i = argument.getArgNumber();
      return std::gcd(grid.getSteps()[i], getDivisor(grid.getLower()[i]));
    }
    return 1;
  }
  Operation *op = index.getDefiningOp();
  if (isa<arith::AddIOp, arith::SubIOp>(op))
    return std::gcd(getDivisor(op->getOperand(0)),
                    getDivisor(op->getOperand(1)));
  if (isa<arith::MulIOp>(op))
    return getDivisor(op->getOperand(0)) * getDivisor(op->getOperand(1));
  return 1;
}

// Adding up costs 30 shuffles for 16 columns of each row, turning 4 for each
// element of depth.
bool sennit::emit::hasLanesAlongDepth(tile::MmaOp mma, int64_t lanes) {
  ArrayRef<int64_t> result =
      cast<VectorType>(mma.getResult().getType()).getShape();
  int64_t depth = cast<VectorType>(mma.getA().getType()).getShape().back();
  return mma.getForm() == tile::MmaForm::NT && depth % lanes == 0 &&
         30 * result[result.size() - 2] < 4 * depth;
}

//===----------------------------------------------------------------------===//
// Before the decision
//===----------------------------------------------------------------------===//

void Planner::numberOps() {
  auto number = [&](auto &&self, Operation *op) -> void {
    positions[op] = ++count;
    for (Region &region : op->getRegions())
      for (Operation &inner : region.getOps())
        self(self, &inner);
    ends[op] = ++count;
  };
  number(number, grid);
}

void Planner::resolveFetched() {
  grid.walk([&](tile::StreamOp stream) {
    Operation *yield = stream.getFetch().front().getTerminator();
    for (auto [argument, value] :
         llvm::zip_equal(stream.getFetchedArguments(), yield->getOperands()))
      plan.fetched[argument] = value;
  });
  grid.walk([&](tile::StoreOp store) { stores.push_back(store); });
  grid.walk([&](tile::LoadOp load) {
    TypedAttr pad = getPad(load);
    if (!llvm::is_contained(plan.pads, pad))
      plan.pads.push_back(pad);
  });
}

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

// Row strides that are powers of two put one column of many rows into few sets
// of the first cache, where B's panel should stay.
static int64_t padRow(int64_t elements, int64_t bytes, bool single,
                      int64_t lanes) {
  int64_t row = llvm::alignTo(elements, lanes);
  return !single && row * bytes % 1024 == 0 ? row + lanes : row;
}

// Elements past a matrix's last row that a matrix unit's last tile covers.
static int64_t getUnitSlack(const Buffer &buffer) {
  int64_t rows = buffer.shape.front();
  return rows < matrixUnitRows ? 0
                               : (llvm::alignTo(rows, matrixUnitRows) - rows) *
                                     buffer.strides.front();
}

size_t Planner::addBuffer(VectorType type, bool dense, int64_t slack) {
  Buffer buffer;
  buffer.element = getStorageType(type.getElementType());
  buffer.shape.assign(type.getShape().begin(), type.getShape().end());
  int64_t bytes = llvm::divideCeil(buffer.element.getIntOrFloatBitWidth(), 8);
  int64_t stride = 1, rank = type.getRank();
  buffer.strides.resize(rank);
  for (int64_t i = rank - 1; i >= 0; --i) {
    buffer.strides[i] = stride;
    stride *= buffer.shape[i];
    if (i == rank - 1 && !dense)
      stride = padRow(stride + slack, bytes,
                      type.getNumElements() == buffer.shape[i], options.lanes);
  }
  // Reads at odd lanes reach up to a vector past the end.
  if (rank == 2 && options.hasMatrixUnit)
    stride += getUnitSlack(buffer);
  buffer.bytes = llvm::alignTo((stride + options.lanes) * bytes, 64);
  buffer.first = count;
  plan.buffers.push_back(std::move(buffer));
  return plan.buffers.size() - 1;
}

void Planner::placeResult(Operation *op, Value value) {
  auto type = cast<VectorType>(value.getType());
  if (feedsMatrixUnitOnly(value)) {
    plan.places[value] = addPartsBuffer(value);
    return;
  }
  // The second part of a row writes whole vectors past the row's end.
  auto concat = dyn_cast<tile::ConcatOp>(op);
  bool alongLanes =
      concat && static_cast<int64_t>(concat.getDim()) == type.getRank() - 1;
  plan.places[value] = addBuffer(type, /*dense=*/isa<tile::ReshapeOp>(op),
                                 /*slack=*/alongLanes ? options.lanes : 0);
}

//===----------------------------------------------------------------------===//
// Operands of a matrix unit
//===----------------------------------------------------------------------===//

// Whether the tile's elements are numbers of bf16, as which they may stand.
bool Planner::holdsBFloats(Value tile) const {
  tile = plan.resolve(tile);
  if (auto widened = tile.getDefiningOp<arith::ExtFOp>())
    tile = widened.getIn();
  return getElementTypeOrSelf(tile.getType()).isBF16();
}

bool sennit::emit::hasTurnedA(tile::MmaOp mma) {
  return mma.getForm() == tile::MmaForm::TN ||
         mma.getForm() == tile::MmaForm::TT;
}

bool sennit::emit::hasTurnedB(tile::MmaOp mma) {
  return mma.getForm() == tile::MmaForm::NT ||
         mma.getForm() == tile::MmaForm::TT;
}

// Rows enough to be worth packing a second operand that lies otherwise.
bool Planner::isPackedForUnit(tile::MmaOp mma) const {
  auto result = cast<VectorType>(mma.getResult().getType());
  auto resolve = [&](Value value) { return plan.resolve(value); };
  return options.hasMatrixUnit && result.getRank() == 2 &&
         result.getDimSize(0) >= matrixUnitRows && holdsBFloats(mma.getA()) &&
         holdsBFloats(mma.getB()) && !findPanels(mma, resolve);
}

bool Planner::usesMatrixUnit(tile::MmaOp mma) const {
  auto resolve = [&](Value value) { return plan.resolve(value); };
  return readsUnitPanels(mma, resolve) || isPackedForUnit(mma) ||
         (options.hasMatrixUnit && findQuantized(mma, resolve) &&
          !takesIntegers(mma, resolve));
}

// Other readers want all bits; a product's own result and a tile whose rows are
// cut anew are written as plain ones.
bool Planner::feedsMatrixUnitOnly(Value value) const {
  if (auto reshape = value.getDefiningOp<tile::ReshapeOp>())
    if (!isIndexMap(reshape, options.lanes))
      return false;
  if (value.getDefiningOp<tile::MmaOp>())
    return false;
  return !value.use_empty() &&
         llvm::all_of(value.getUses(), [&](OpOperand &use) {
           Operation *user = use.getOwner();
           if (auto mma = dyn_cast<tile::MmaOp>(user))
             return use.get() == mma.getA() && use.get() != mma.getB() &&
                    !hasTurnedA(mma) && usesMatrixUnit(mma);
           auto stream = dyn_cast<tile::StreamOp>(user->getParentOp());
           return stream && isa<tile::YieldOp>(user) &&
                  user->getParentRegion() == &stream.getFetch() &&
                  feedsMatrixUnitOnly(
                      stream.getFetchedArguments()[use.getOperandNumber()]);
         });
}

// Rows begin at cache lines, since the unit reads them line by line, each line
// a step of depth.
size_t Planner::addPartsBuffer(Value tile, bool turned) {
  constexpr int64_t line = matrixUnitDepth;
  auto type = cast<VectorType>(tile.getType());
  Buffer buffer;
  buffer.parts = holdsBFloats(tile) ? 1 : 2;
  buffer.element = IntegerType::get(type.getContext(), 16);
  buffer.shape.assign(type.getShape().begin(), type.getShape().end());
  if (turned)
    std::swap(buffer.shape[0], buffer.shape[1]);
  int64_t row = llvm::alignTo(buffer.shape.back(), line);
  row += row % 512 == 0 ? line : 0;
  buffer.strides = {row, 1};
  buffer.plane = row * buffer.shape.front() + getUnitSlack(buffer);
  buffer.bytes = buffer.parts * buffer.plane * sizeof(int16_t);
  buffer.first = count;
  plan.buffers.push_back(std::move(buffer));
  return plan.buffers.size() - 1;
}

/// [n / 16, k / 2, 16 x 2], the depth in whole steps.
size_t Planner::addPackedBuffer(tile::MmaOp mma) {
  ArrayRef<int64_t> shape = cast<VectorType>(mma.getB().getType()).getShape();
  bool turned = hasTurnedB(mma);
  int64_t columns = shape[turned ? 0 : 1];
  int64_t depth = llvm::alignTo(shape[turned ? 1 : 0], matrixUnitDepth);
  auto resolve = [&](Value value) { return plan.resolve(value); };
  if (takesIntegers(mma, resolve)) {
    auto result = cast<VectorType>(mma.getResult().getType());
    IntegerRows space(result.getDimSize(0), depth,
                      findQuantized(mma, resolve).getGroup());
    columns = matrixUnitRows;
    depth = llvm::divideCeil(space.bytes, columns * sizeof(int16_t));
  }
  Buffer buffer;
  buffer.element = IntegerType::get(mma.getContext(), 16);
  buffer.shape = {(columns + matrixUnitRows - 1) / matrixUnitRows, depth / 2,
                  2 * matrixUnitRows};
  buffer.strides = {depth * matrixUnitRows, 2 * matrixUnitRows, 1};
  buffer.bytes = buffer.shape[0] * buffer.strides[0] * sizeof(int16_t);
  buffer.first = count;
  plan.buffers.push_back(std::move(buffer));
  return plan.buffers.size() - 1;
}

// B as [N, K] is turned into rows [K, N], one batch element at a time. A that
// stands whole is taken apart.
void Planner::placeTemporary(tile::MmaOp mma) {
  auto resolve = [&](Value value) { return plan.resolve(value); };
  if (options.hasMatrixUnit && takesIntegers(mma, resolve)) {
    plan.packed[mma] = addPackedBuffer(mma);
    return;
  }
  if (usesMatrixUnit(mma)) {
    if (isPackedForUnit(mma) || findQuantized(mma, resolve))
      plan.packed[mma] = addPackedBuffer(mma);
    Value a = plan.resolve(mma.getA());
    Operation *op = a.getDefiningOp();
    if (!op || op->getNumRegions() != 0 || !feedsMatrixUnitOnly(a))
      plan.temporaries[mma] = addPartsBuffer(a, hasTurnedA(mma));
    return;
  }
  if (options.lanes == 1 || !hasTurnedB(mma) || findPanels(mma, resolve) ||
      findQuantized(mma, resolve) || hasLanesAlongDepth(mma, options.lanes))
    return;
  ArrayRef<int64_t> shape = cast<VectorType>(mma.getB().getType()).getShape();
  int64_t columns = shape[shape.size() - 2], depth = shape.back();
  auto type =
      VectorType::get({depth, columns}, Float32Type::get(mma.getContext()));
  plan.temporaries[mma] = addBuffer(type);
}

//===----------------------------------------------------------------------===//
// Carries
//===----------------------------------------------------------------------===//

// The next value may be written over the carried one when that is read no more:
// all readers stand before the writer, or read in the writer's own loops just
// the elements that it is about to write.
bool Planner::mayWriteInPlace(Value carried, Value next) {
  Operation *writer = next.getDefiningOp();
  if (!writer || writer->getBlock() != carried.getParentBlock() ||
      !plan.find(next) || next.getType() != carried.getType() ||
      plan.find(next)->parts != 0 ||
      isa<tile::StreamOp, scf::ForOp, scf::IfOp, tile::ReshapeOp>(writer))
    return false;
  bool readsOwnPlace = isElementwise(writer) || isa<tile::MmaOp>(writer) ||
                       (isa<tile::ScanOp>(writer) &&
                        next == cast<tile::ScanOp>(writer).getLast());
  Operation *root = getEmissionPoint(writer);
  int64_t position = positions.lookup(root);
  return llvm::all_of(getContexts(carried), [&](Context context) {
    if (context.root == root)
      return readsOwnPlace && !context.reshaped;
    return positions.lookup(context.root) < position;
  });
}

void Planner::placeCarry(Value carried, Value next, Value result) {
  if (!isTile(carried))
    return;
  size_t buffer = addBuffer(cast<VectorType>(carried.getType()));
  plan.places[carried] = buffer;
  plan.places[result] = buffer;
  next = plan.resolve(next);
  bool isTaken = llvm::any_of(carriedBuffers, [&](size_t other) {
    auto place = plan.places.find(next);
    return place != plan.places.end() && place->second == other;
  });
  if (!isTaken && mayWriteInPlace(carried, next))
    plan.places[next] = buffer;
  carriedBuffers.push_back(buffer);
}

void Planner::placeLoop(Operation *op) {
  if (auto stream = dyn_cast<tile::StreamOp>(op)) {
    Operation *yield = stream.getCompute().front().getTerminator();
    for (auto [carried, next, result] :
         llvm::zip_equal(stream.getCarriedArguments(), yield->getOperands(),
                         stream.getResults()))
      placeCarry(carried, next, result);
  }
  if (auto loop = dyn_cast<scf::ForOp>(op))
    for (auto [carried, next, result] :
         llvm::zip_equal(loop.getRegionIterArgs(), loop.getYieldedValues(),
                         loop.getResults()))
      placeCarry(carried, next, result);
  if (auto branch = dyn_cast<scf::IfOp>(op))
    for (Value result : branch.getResults())
      if (isTile(result))
        plan.places[result] = addBuffer(cast<VectorType>(result.getType()));
}

void Planner::placeValues() {
  SmallVector<Operation *> ops;
  grid.walk<WalkOrder::PreOrder>([&](Operation *op) { ops.push_back(op); });
  for (Operation *op : llvm::reverse(ops)) {
    placeLoop(op);
    if (auto mma = dyn_cast<tile::MmaOp>(op))
      placeTemporary(mma);
    if (op->getNumRegions() != 0)
      continue;
    for (Value result : op->getResults())
      if (isTile(result) && !streamsThrough(result) &&
          standsInScratch(op, result))
        placeResult(op, result);
  }
}

//===----------------------------------------------------------------------===//
// Lives and addresses
//===----------------------------------------------------------------------===//

void Planner::extend(Buffer &buffer, Value value) {
  Operation *definition = value.getDefiningOp();
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    definition = argument.getOwner()->getParentOp();
    buffer.last = std::max(buffer.last, ends.lookup(definition));
  }
  buffer.first = std::min(buffer.first, positions.lookup(definition));
  buffer.last = std::max(buffer.last, ends.lookup(definition));
  for (Context context : getContexts(value))
    buffer.last = std::max(
        buffer.last, getLastPosition(context.root, value.getParentRegion()));
}

void Planner::measureLives() {
  for (auto [value, buffer] : plan.places)
    extend(plan.buffers[buffer], value);
  for (auto *inside : {&plan.temporaries, &plan.packed})
    for (auto [op, buffer] : *inside) {
      plan.buffers[buffer].first = positions.lookup(op);
      plan.buffers[buffer].last = ends.lookup(op);
    }
}

// First fit, in the order of birth, below all buffers alive at the same time.
void Planner::assignOffsets() {
  SmallVector<Buffer *> order;
  for (Buffer &buffer : plan.buffers)
    order.push_back(&buffer);
  llvm::stable_sort(order,
                    [](Buffer *a, Buffer *b) { return a->first < b->first; });
  int64_t start = plan.pads.size() * Plan::padBytes;
  SmallVector<Buffer *> placed;
  plan.scratchBytes = start;
  for (Buffer *buffer : order) {
    buffer->offset = start;
    for (Buffer *other : placed) {
      bool together =
          other->first <= buffer->last && buffer->first <= other->last;
      if (together && buffer->offset < other->offset + other->bytes &&
          other->offset < buffer->offset + buffer->bytes)
        buffer->offset = other->offset + other->bytes;
    }
    placed.push_back(buffer);
    llvm::sort(placed,
               [](Buffer *a, Buffer *b) { return a->offset < b->offset; });
    plan.scratchBytes =
        std::max(plan.scratchBytes, buffer->offset + buffer->bytes);
  }
}

FailureOr<Plan> Planner::run() {
  if (failed(check()))
    return failure();
  numberOps();
  resolveFetched();
  if (failed(checkGroups()))
    return failure();
  fuseScans();
  placeValues();
  measureLives();
  assignOffsets();
  return std::move(plan);
}

FailureOr<Plan> Plan::make(tile::GridOp grid, const PlanOptions &options) {
  return Planner(grid, options).run();
}
