// Counts what each op of a tile program computes.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/facts/TileWork.h"

#include "dialects/tile/Tile.h"
#include "dialects/tile/TileUnits.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;
using sennit::cost::Chain;
using sennit::cost::Element;
using sennit::cost::Special;
using sennit::cost::Work;

namespace sennit::facts {

/// The element type that stands for `type`: integers of 32 bits and more are
/// i32, of which wider ones are several.
static Element getElement(Type type) {
  type = getElementTypeOrSelf(type);
  if (type.isF64())
    return Element::f64;
  if (type.isBF16())
    return Element::bf16;
  if (type.isF16())
    return Element::f16;
  if (auto floating = dyn_cast<FloatType>(type))
    return floating.getWidth() == 8 ? Element::f8 : Element::f32;
  unsigned width = type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
  return width == 8 ? Element::i8 : width == 16 ? Element::i16 : Element::i32;
}

static double countElements(Type type) {
  auto vector = dyn_cast<VectorType>(type);
  return vector ? double(vector.getNumElements()) : 1;
}

SmallVector<bool> TileWork::getVarying(Value value) {
  auto type = dyn_cast<VectorType>(value.getType());
  if (!type)
    return {};
  if (auto found = varying.find(value); found != varying.end())
    return found->second;
  int64_t rank = type.getRank();
  SmallVector<bool> result(rank, true);
  Operation *op = value.getDefiningOp();
  if (SplatElementsAttr splat; op && matchPattern(value, m_Constant(&splat))) {
    result.assign(rank, false);
  } else if (auto broadcast = dyn_cast_if_present<tile::BroadcastOp>(op)) {
    result.assign(rank, false);
    SmallVector<bool> inner = getVarying(broadcast.getValue());
    for (auto [from, to] : llvm::enumerate(broadcast.getDims()))
      result[to] = inner[from];
  } else if (auto transpose = dyn_cast_if_present<tile::TransposeOp>(op)) {
    SmallVector<bool> inner = getVarying(transpose.getValue());
    for (auto [to, from] : llvm::enumerate(transpose.getPermutation()))
      result[to] = inner[from];
  } else if (auto reduce = dyn_cast_if_present<tile::ReduceOp>(op)) {
    result = getVarying(reduce.getValue());
    result.erase(result.begin() + reduce.getDim());
  } else if (op && op->hasTrait<OpTrait::Elementwise>()) {
    result.assign(rank, false);
    for (Value operand : op->getOperands())
      for (auto [dim, varies] : llvm::enumerate(getVarying(operand)))
        result[dim] = result[dim] || varies;
  }
  varying[value] = result;
  return result;
}

double TileWork::countDistinct(Value value) {
  double count = 1;
  if (auto type = dyn_cast<VectorType>(value.getType()))
    for (auto [extent, varies] :
         llvm::zip_equal(type.getShape(), getVarying(value)))
      count *= varies ? double(extent) : 1;
  return count;
}

/// The special function that a math op is, if it is one.
static std::optional<Special> getSpecial(Operation *op) {
  return llvm::TypeSwitch<Operation *, std::optional<Special>>(op)
      .Case<math::ExpOp, math::ExpM1Op>([](auto) { return Special::exp; })
      .Case<math::Exp2Op>([](auto) { return Special::exp2; })
      .Case<math::LogOp, math::Log1pOp, math::Log2Op>(
          [](auto) { return Special::log; })
      .Case<math::RsqrtOp>([](auto) { return Special::rsqrt; })
      .Case<math::SqrtOp>([](auto) { return Special::sqrt; })
      .Case<arith::DivFOp>([](auto) { return Special::rcp; })
      .Case<math::SinOp, math::CosOp>([](auto) { return Special::sin; })
      .Case<math::TanhOp>([](auto) { return Special::tanh; })
      .Case<math::ErfOp>([](auto) { return Special::erf; })
      .Default([](Operation *) { return std::nullopt; });
}

/// The type that a product reads an operand in: what was narrow before it was
/// widened is taken as it was.
static Type getReadType(Value operand) {
  auto widened = operand.getDefiningOp<arith::ExtFOp>();
  return (widened ? widened.getIn() : operand).getType();
}

static cost::Product getProduct(tile::MmaOp mma) {
  auto a = cast<VectorType>(mma.getA().getType());
  auto result = cast<VectorType>(mma.getResult().getType());
  int64_t rank = result.getRank();
  cost::Product product;
  product.m = result.getDimSize(rank - 2);
  product.n = result.getDimSize(rank - 1);
  product.times = 1;
  for (int64_t i = 0; i + 2 < rank; ++i)
    product.times *= result.getDimSize(i);
  product.k = a.getNumElements() / (product.times * product.m);
  product.a = getElement(getReadType(mma.getA()));
  product.b = getElement(getReadType(mma.getB()));
  return product;
}

/// The task that the op is part of, as a place in `cost::tasks`, if it is.
static std::optional<size_t> getTask(Operation *op) {
  if (isa<tile::ScanOp>(op))
    return 0;
  auto unit = op->getAttrOfType<StringAttr>(tile::kUnitAttrName);
  if (!unit)
    return std::nullopt;
  return unit == tile::kTransformUnit ? 1 : 2;
}

Work TileWork::count(Operation *op) {
  Work work;
  auto addVector = [&](Type type, double operations) {
    Type element = getElementTypeOrSelf(type);
    bool isWide = element.isIndex() || element.isInteger(64);
    std::optional<size_t> task = getTask(op);
    (task ? work.given[*task] : work.vector)[size_t(getElement(type))] +=
        operations * (isWide ? 2 : 1);
  };
  if (auto mma = dyn_cast<tile::MmaOp>(op)) {
    work.products.push_back(getProduct(mma));
  } else if (auto reduce = dyn_cast<tile::ReduceOp>(op)) {
    addVector(reduce.getValue().getType(), countDistinct(reduce.getValue()));
  } else if (auto scan = dyn_cast<tile::ScanOp>(op)) {
    // A multiply-add an element, or an add.
    addVector(scan.getScanned().getType(),
              countElements(scan.getScanned().getType()));
  } else if (auto transpose = dyn_cast<tile::TransposeOp>(op)) {
    addVector(transpose.getType(), countDistinct(transpose.getResult()));
  } else if (isa<tile::IotaOp>(op)) {
    addVector(op->getResult(0).getType(),
              countElements(op->getResult(0).getType()));
  } else if (isa<arith::BitcastOp>(op)) {
    // The same bits.
  } else if (auto special = getSpecial(op)) {
    work.special[size_t(*special)] += countDistinct(op->getResult(0));
  } else if (op->getNumResults() == 1 && op->hasTrait<OpTrait::Elementwise>() &&
             isa<VectorType>(op->getResult(0).getType())) {
    addVector(op->getOperand(0).getType(), countDistinct(op->getResult(0)));
  }
  return work;
}

/// The larger branch, by operations.
static Work getLarger(Work a, Work b) {
  auto size = [](const Work &work) {
    cost::KernelFacts facts;
    facts.items.push_back({work, 1});
    return facts.countOperations();
  };
  return size(a) < size(b) ? b : a;
}

Work TileWork::count(Block &block, SmallVectorImpl<Operation *> &streams) {
  Work work;
  for (Operation &op : block) {
    if (isa<tile::StreamOp>(op)) {
      streams.push_back(&op);
      continue;
    }
    work.add(count(&op), 1);
    if (auto branch = dyn_cast<scf::IfOp>(op)) {
      Work otherwise;
      if (!branch.getElseRegion().empty())
        otherwise = count(*branch.elseBlock(), streams);
      work.add(getLarger(count(*branch.thenBlock(), streams), otherwise), 1);
    }
  }
  return work;
}

/// What an op adds to a chain that runs through it.
static Chain getLink(Operation *op) {
  if (isa<tile::MmaOp>(op))
    return {0, 0, 1, 0, 0};
  if (auto reduce = dyn_cast<tile::ReduceOp>(op)) {
    auto type = cast<VectorType>(reduce.getValue().getType());
    return {std::ceil(std::log2(double(type.getDimSize(reduce.getDim())))) + 1,
            0, 0, 0, 0};
  }
  if (auto scan = dyn_cast<tile::ScanOp>(op)) {
    auto type = cast<VectorType>(scan.getScanned().getType());
    return {0, 0, 0, 0, 0, 1, double(type.getDimSize(scan.getDim()))};
  }
  if (getSpecial(op))
    return {0, 1, 0, 0, 0};
  bool isComputed = op->hasTrait<OpTrait::Elementwise>() &&
                    op->getNumResults() == 1 &&
                    isa<VectorType>(op->getResult(0).getType());
  return {isComputed ? 1.0 : 0.0, 0, 0, 0, 0};
}

Chain TileWork::findChain(Block &block, ArrayRef<Value> starts,
                          ValueRange ends) {
  llvm::DenseMap<Value, Chain> longest;
  for (Value start : starts)
    longest[start] = {};
  Chain overall;
  for (Operation &op : block) {
    std::optional<Chain> before;
    if (starts.empty())
      before = Chain();
    for (Value operand : op.getOperands())
      if (auto found = longest.find(operand);
          found != longest.end() &&
          (!before || before->count() < found->second.count()))
        before = found->second;
    if (!before)
      continue;
    before->add(getLink(&op), 1);
    for (Value result : op.getResults())
      longest[result] = *before;
    if (overall.count() < before->count())
      overall = *before;
  }
  if (ends.empty())
    return starts.empty() ? overall : Chain();
  Chain result;
  for (Value end : ends)
    if (auto found = longest.find(end);
        found != longest.end() && result.count() < found->second.count())
      result = found->second;
  return result;
}

static double countBytes(Type type) {
  auto vector = dyn_cast<VectorType>(type);
  return vector ? double(vector.getNumElements()) *
                      std::max(8u, vector.getElementTypeBitWidth()) / 8
                : 0;
}

/// Elements of the depth that a thread adds up one after the other. Threads
/// share a depth that lies along the rows of both operands, where there are
/// fewer sums than threads.
static double countReads(tile::MmaOp product, double threads) {
  double depth = getProduct(product).k;
  double sums = countElements(product.getResult().getType());
  bool isShared = product.getForm() == tile::MmaForm::NT && sums < threads;
  return isShared ? std::ceil(depth * sums / threads) : depth;
}

TileWork::Exchanges TileWork::countExchanges(Block &block, int64_t threads) {
  Exchanges sum;
  bool isStream = isa<tile::StreamOp>(block.getParentOp());
  for (Operation &op : block) {
    if (auto branch = dyn_cast<scf::IfOp>(op))
      for (Region &region : branch->getRegions())
        for (Block &inner : region) {
          Exchanges more = countExchanges(inner, threads);
          sum.meetings += more.meetings;
          sum.reads += more.reads;
          sum.bytes += more.bytes;
        }
    if (isa<tile::StreamOp, scf::IfOp>(op))
      continue;
    bool isExchange = isa<tile::MmaOp, tile::ReduceOp, tile::ScanOp,
                          tile::TransposeOp, tile::SliceOp, tile::ConcatOp>(op);
    sum.meetings += isExchange;
    if (!isExchange && !isStream)
      continue;
    if (auto product = dyn_cast<tile::MmaOp>(op))
      sum.reads += countReads(product, double(threads));
    // Of what is sliced, the slice alone is read.
    for (Type type : isa<tile::SliceOp>(op) ? TypeRange(op.getResultTypes())
                                            : TypeRange(op.getOperandTypes()))
      sum.bytes += countBytes(type);
    for (Type type : op.getResultTypes())
      sum.bytes += countBytes(type);
  }
  return sum;
}

} // namespace sennit::facts
