// Builds the walk over items and the roles around it, and says which views the
// copy engine can move.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cuda/ItemWalk.h"
#include "compiler/targets/cuda/DeviceBuilder.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cuda;

Value sennit::cuda::index(RoleBuilder &builder, int64_t value) {
  return builder.create<arith::ConstantIndexOp>(value);
}

Value sennit::cuda::add(RoleBuilder &builder, Value a, Value b) {
  return builder.create<arith::AddIOp>(a, b);
}

Value sennit::cuda::multiply(RoleBuilder &builder, Value a, Value b) {
  return builder.create<arith::MulIOp>(a, b);
}

static Value subtract(RoleBuilder &builder, Value a, Value b) {
  return builder.create<arith::SubIOp>(a, b);
}

static Value isOdd(RoleBuilder &builder, Value value) {
  Value parity = builder.create<arith::RemUIOp>(value, index(builder, 2));
  return builder.create<arith::CmpIOp>(arith::CmpIPredicate::eq, parity,
                                       index(builder, 1));
}

Value sennit::cuda::count(RoleBuilder &builder, Value lower, Value upper,
                          int64_t step) {
  Value length = builder.create<arith::SubIOp>(upper, lower);
  return builder.create<arith::CeilDivUIOp>(length, index(builder, step));
}

tile::StreamOp sennit::cuda::getOnlyStream(tile::GridOp grid) {
  auto streams = grid.getBody().getOps<tile::StreamOp>();
  return llvm::hasSingleElement(streams) ? *streams.begin() : tile::StreamOp();
}

Value sennit::cuda::locateStep(RoleBuilder &builder, const IRMapping &mapping,
                               tile::StreamOp stream, Value step) {
  return add(builder, mapping.lookupOrDefault(stream.getLower()),
             multiply(builder, step, index(builder, stream.getStep())));
}

Value sennit::cuda::openToRead(RoleBuilder &builder, Value ring, Value use) {
  auto type = cast<tile::RingType>(ring.getType());
  return builder
      .create<tile::OpenOp>(type.getTiles(), tile::SlotAccess::Read, ring, use)
      .getResult(0);
}

Value sennit::cuda::openToWrite(RoleBuilder &builder, Value ring, Value use) {
  auto type = cast<tile::RingType>(ring.getType());
  Type slot = tile::SlotType::get(builder.getContext(), type.getTiles());
  return builder.create<tile::OpenOp>(slot, tile::SlotAccess::Write, ring, use)
      .getResult(0);
}

//===----------------------------------------------------------------------===//
// The walk
//===----------------------------------------------------------------------===//

/// Waves that a group of lines fills at least where items differ.
constexpr int64_t groupWaves = 4;

ItemWalk::ItemWalk(tile::GridOp grid, int64_t group, Order order)
    : grid(grid), group(group), order(order),
      rank(static_cast<size_t>(grid.getLower().size())),
      outer(order == Order::FirstFirst && rank > 2 ? rank - 2 : 0) {}

ItemWalk::Numbers ItemWalk::number(RoleBuilder &builder) {
  Numbers made;
  made.lines = index(builder, 1);
  Value around = made.lines;
  for (auto [dim, lower, upper, step] :
       llvm::enumerate(grid.getLower(), grid.getUpper(), grid.getSteps())) {
    made.counts.push_back(count(builder, lower, upper, step));
    if (dim + 1 == rank)
      break;
    Value &product = dim < outer ? around : made.lines;
    product = multiply(builder, product, made.counts.back());
  }
  made.inside = multiply(builder, made.lines, made.counts.back());
  made.items = multiply(builder, around, made.inside);
  made.block = builder.create<gpu::BlockIdOp>(gpu::Dimension::x);
  made.blocks = builder.create<gpu::GridDimOp>(gpu::Dimension::x);
  return made;
}

scf::ForOp ItemWalk::openItems(RoleBuilder &builder, ValueRange inits) {
  Numbers all = number(builder);
  Value zero = index(builder, 0);
  Value left = builder.create<arith::MaxSIOp>(
      subtract(builder, all.items, all.block), zero);
  Value waves = builder.create<arith::CeilDivUIOp>(left, all.blocks);
  auto loop = builder.create<scf::ForOp>(zero, waves, index(builder, 1), inits);
  builder.setInsertionPointToStart(loop.getBody());
  return loop;
}

/// Whether `op` makes a number, not a tile: of numbers, or by reading it.
static bool isScalar(Operation &op) {
  auto isNumber = [](Type type) { return type.isIntOrIndexOrFloat(); };
  if (isa<memref::LoadOp>(op))
    return isNumber(op.getResult(0).getType());
  return isPure(&op) && op.getNumResults() != 0 &&
         llvm::all_of(op.getOperandTypes(), isNumber) &&
         llvm::all_of(op.getResultTypes(), isNumber) && op.getNumRegions() == 0;
}

/// Cuts the innermost of `counts` off a number of all of them.
static Value cut(RoleBuilder &builder, Value &number, Value count) {
  Value inner = builder.create<arith::RemUIOp>(number, count);
  number = builder.create<arith::DivUIOp>(number, count);
  return inner;
}

Value ItemWalk::findItem(RoleBuilder &builder, const Numbers &all, Value wave) {
  Value first = multiply(builder, wave, all.blocks);
  Value item = add(builder, first, all.block);
  if (order == Order::FirstFirst)
    return item;
  // The last wave may be short.
  Value width = builder.create<arith::MinUIOp>(
      all.blocks, subtract(builder, all.items, first));
  Value mirrored = subtract(
      builder, subtract(builder, add(builder, first, width), all.block),
      index(builder, 1));
  return builder.create<arith::SelectOp>(isOdd(builder, wave), mirrored, item);
}

std::pair<Value, Value> ItemWalk::locate(RoleBuilder &builder,
                                         const Numbers &all, Value item) {
  Value one = index(builder, 1), height = index(builder, group), groups;
  if (order == Order::LastFirst) {
    Value several = builder.create<arith::CeilDivUIOp>(
        multiply(builder, all.blocks, index(builder, groupWaves)),
        all.counts.back());
    height = builder.create<arith::MaxUIOp>(height, several);
    // Groups of one size.
    groups = builder.create<arith::CeilDivUIOp>(all.lines, height);
    height = builder.create<arith::CeilDivUIOp>(all.lines, groups);
  }
  Value inside =
      cut(builder, item, multiply(builder, all.counts.back(), height));
  Value first = multiply(builder, item, height);
  Value beside = builder.create<arith::MinUIOp>(
      subtract(builder, all.lines, first), height);
  Value line = add(builder, first, cut(builder, inside, beside));
  if (order == Order::FirstFirst)
    return {line, inside};
  Value after = subtract(builder, subtract(builder, groups, one), item);
  Value mirrored =
      subtract(builder, subtract(builder, all.counts.back(), one), inside);
  return {line, builder.create<arith::SelectOp>(isOdd(builder, after), inside,
                                                mirrored)};
}

IRMapping ItemWalk::enter(RoleBuilder &builder, Value wave) {
  Numbers all = number(builder);
  Value item = findItem(builder, all, wave);
  SmallVector<Value> tiles(rank);
  // A position in the dimensions from `first` to `last`.
  auto place = [&](Value position, size_t first, size_t last) {
    for (size_t dim = last; dim > first; --dim)
      tiles[dim] = cut(builder, position, all.counts[dim]);
    tiles[first] = position;
  };
  if (outer > 0) {
    Value inside = cut(builder, item, all.inside);
    place(item, 0, outer - 1);
    item = inside;
  }
  if (rank == 1) {
    tiles[0] = item;
  } else {
    auto [line, last] = locate(builder, all, item);
    place(line, outer, rank - 2);
    tiles.back() = last;
  }
  IRMapping mapping;
  for (auto [argument, tile, lower, step] : llvm::zip_equal(
           grid.getInductionVars(), tiles, grid.getLower(), grid.getSteps()))
    mapping.map(argument, add(builder, lower,
                              multiply(builder, tile, index(builder, step))));
  for (Operation &op : grid.getBody().front())
    if (isScalar(op))
      builder.clone(op, mapping);
  return mapping;
}

//===----------------------------------------------------------------------===//
// Roles
//===----------------------------------------------------------------------===//

/// Registers of a thread that copies, in steps of 8.
constexpr int64_t copyRegisters = 24;

int64_t sennit::cuda::getComputeRegisters(int64_t copies, int64_t blocks) {
  return std::min<int64_t>(
      (65536 / blocks / groupThreads - copyRegisters) / copies / 8 * 8, 240);
}

tile::RolesOp sennit::cuda::openRoles(RoleBuilder &builder, int64_t registers,
                                      int64_t copies, bool turns) {
  MLIRContext *context = builder.getContext();
  auto role = [&](StringRef name, int64_t registers, int64_t copies,
                  bool turns) {
    return tile::RoleAttr::get(context, StringAttr::get(context, name), 4,
                               registers, copies, turns);
  };
  OperationState state(builder.getLoc(), tile::RolesOp::getOperationName());
  state.getOrAddProperties<tile::RolesOp::Properties>().roles =
      builder.getArrayAttr({role("copy", copyRegisters, 1, false),
                            role("compute", registers, copies, turns)});
  for (int i = 0; i < 2; ++i)
    tile::RolesOp::ensureRoleTerminator(*state.addRegion(), OpBuilder(context),
                                        builder.getLoc());
  return cast<tile::RolesOp>(builder.create(state));
}

RoleBuilder sennit::cuda::enterRole(tile::RolesOp roles, unsigned role) {
  return RoleBuilder(roles.getLoc(),
                     roles.getBodies()[role].front().getTerminator());
}

//===----------------------------------------------------------------------===//
// Views
//===----------------------------------------------------------------------===//

/// Whether an extent is a sum of the kernel's scalars.
static bool isSumOfScalars(Value extent) {
  if (auto sum = extent.getDefiningOp<arith::AddIOp>())
    return isSumOfScalars(sum.getLhs()) && isSumOfScalars(sum.getRhs());
  auto argument = dyn_cast<BlockArgument>(extent);
  return argument &&
         isa<FunctionOpInterface>(argument.getOwner()->getParentOp());
}

std::string CopiedView::matchExtents(ValueRange bounds,
                                     ArrayRef<int64_t> boundDims) {
  auto type = cast<MemRefType>(view.getType());
  SmallVector<int64_t> strides;
  int64_t offset = 0;
  bool isStated = succeeded(type.getStridesAndOffset(strides, offset)) &&
                  llvm::none_of(strides, ShapedType::isDynamic);
  // Bounds that are the view's own extents need not be stated.
  bool isWhole = llvm::is_sorted(dims) && !(isStated && bounds.empty());
  for (auto [dim, bound] : llvm::zip_equal(boundDims, bounds)) {
    auto size = bound.getDefiningOp<memref::DimOp>();
    isWhole &=
        size && size.getSource() == view && size.getConstantIndex() == dim;
  }
  if (isWhole)
    return "";
  if (!isStated)
    return "a bound is not the extent of its view";
  for (int64_t stride : ArrayRef(strides).drop_back())
    if (stride * type.getElementTypeBitWidth() % 128 != 0)
      return "a view's rows do not lie multiples of 16 bytes apart";
  Builder builder(view.getContext());
  for (int64_t extent : type.getShape())
    extents.push_back(ShapedType::isDynamic(extent)
                          ? OpFoldResult()
                          : OpFoldResult(builder.getIndexAttr(extent)));
  for (auto [dim, bound] : llvm::zip_equal(boundDims, bounds)) {
    if (auto constant = getConstantIntValue(bound))
      extents[dim] = builder.getIndexAttr(*constant);
    else if (isSumOfScalars(bound))
      extents[dim] = bound;
    else
      return "a bound is no sum of the kernel's scalars";
  }
  if (llvm::any_of(extents, [](OpFoldResult extent) { return !extent; }))
    return "a view has an extent that no bound says";
  return "";
}

template <typename MemoryOp> std::string CopiedView::match(MemoryOp op) {
  view = op.getView();
  auto type = cast<MemRefType>(view.getType());
  if (!isa<BlockArgument>(view))
    return "a view is no argument of the kernel";
  tileRank = op.getTileDims().size();
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (!llvm::is_contained(op.getTileDims(), dim))
      dims.push_back(dim);
  llvm::append_range(dims, op.getTileDims());
  if (dims.back() != type.getRank() - 1)
    return "a tile's columns do not run along its view's last dimension";
  for (int64_t dim = 0; dim < tileRank; ++dim)
    if (op.isIndexed(dim))
      return "a tile is gathered or scattered";
  SmallVector<int64_t> boundDims;
  for (int64_t dim : op.getBoundDims())
    boundDims.push_back(op.getViewDim(dim));
  return matchExtents(op.getBounds(), boundDims);
}

template std::string CopiedView::match(tile::LoadOp);
template std::string CopiedView::match(tile::StoreOp);

SmallVector<Value> CopiedView::order(ValueRange indices) const {
  return llvm::map_to_vector(dims, [&](int64_t dim) { return indices[dim]; });
}

SmallVector<int64_t> CopiedView::getBox(ArrayRef<int64_t> tile) const {
  SmallVector<int64_t> box(dims.size() - tileRank, 1);
  llvm::append_range(box, tile);
  return box;
}

/// A sum of scalars, outside of the grid.
static Value copySum(RoleBuilder &builder, Value extent) {
  auto sum = extent.getDefiningOp<arith::AddIOp>();
  if (!sum)
    return extent;
  return add(builder, copySum(builder, sum.getLhs()),
             copySum(builder, sum.getRhs()));
}

Value CopiedView::build(RoleBuilder &builder) {
  if (extents.empty())
    return view;
  auto type = cast<MemRefType>(view.getType());
  SmallVector<int64_t> strides, shape, ordered;
  int64_t offset = 0;
  (void)type.getStridesAndOffset(strides, offset);
  SmallVector<OpFoldResult> sizes, steps;
  for (int64_t dim : dims) {
    OpFoldResult extent = extents[dim];
    if (auto value = dyn_cast<Value>(extent))
      extent = copySum(builder, value);
    sizes.push_back(extent);
    shape.push_back(getConstantIntValue(extent).value_or(ShapedType::kDynamic));
    steps.push_back(builder.getIndexAttr(strides[dim]));
    ordered.push_back(strides[dim]);
  }
  auto stated =
      MemRefType::get(shape, type.getElementType(),
                      StridedLayoutAttr::get(type.getContext(), 0, ordered));
  return builder.create<memref::ReinterpretCastOp>(
      stated, view, builder.getIndexAttr(0), sizes, steps);
}
