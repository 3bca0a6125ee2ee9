// Counts what a scan's region computes, and reads the machine that computes it.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/normalize/ScanWork.h"

#include "compiler/machine/Reader.h"
#include "dialects/seq/SeqScanAlgebra.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;
using sennit::cost::Chain;
using sennit::cost::Element;
using sennit::cost::Special;
using sennit::cost::Work;

namespace sennit::normalize {

static Element getElement(Type type) {
  type = getElementTypeOrSelf(type);
  if (type.isF64())
    return Element::f64;
  if (type.isBF16())
    return Element::bf16;
  if (type.isF16())
    return Element::f16;
  return isa<FloatType>(type) ? Element::f32 : Element::i32;
}

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

static double getBytes(Type type) {
  Type element = getElementTypeOrSelf(type);
  double bits = element.isIndex() ? 64 : element.getIntOrFloatBitWidth();
  return double(cast<ShapedType>(type).getNumElements()) * std::ceil(bits / 8);
}

namespace {
/// Work and chains of a region, from its first op to its last.
class Region {
public:
  /// `items` share each of the region's tensors.
  Region(seq::ScanOp scan, double items) : items(items) {
    for (Value state : scan.getStateArguments())
      chains[state] = {};
    for (Operation &op : scan.getBody().front().without_terminator())
      count(&op);
    for (Value next : scan.getYieldedStates())
      if (auto found = chains.find(next);
          found != chains.end() && work.chain.count() < found->second.count())
        work.chain = found->second;
  }

  Work work;
  double meetings = 0;

private:
  /// Vectors are computed whole.
  static constexpr double lanes = 16;

  void count(Operation *op) {
    auto generic = dyn_cast<linalg::GenericOp>(op);
    if (!generic) {
      if (op->hasTrait<OpTrait::Elementwise>() && op->getNumResults() == 1)
        add(op, getElements(op->getResult(0).getType()));
      follow(getLink(op), op->getOperands(), op->getResults());
      return;
    }
    double elements = 1, reduced = 1;
    for (auto [extent, kind] : llvm::zip_equal(generic.getStaticLoopRanges(),
                                               generic.getIteratorTypesArray()))
      (kind == utils::IteratorType::parallel ? elements : reduced) *=
          double(std::max<int64_t>(extent, 1));
    elements = pad(elements / items);
    meetings += reduced > 1;
    for (auto [operand, argument] : llvm::zip_equal(
             generic->getOperands(), generic.getBody()->getArguments()))
      if (auto found = chains.find(operand); found != chains.end())
        chains[argument] = found->second;
    for (Operation &inner : generic.getBody()->without_terminator()) {
      add(&inner, elements * reduced);
      follow(getLink(&inner), inner.getOperands(), inner.getResults());
    }
    // Partial results of lanes meet as a tree.
    Chain tree{std::ceil(std::log2(reduced))};
    for (auto [yielded, result] :
         llvm::zip_equal(generic.getBody()->getTerminator()->getOperands(),
                         generic->getResults()))
      follow(tree, yielded, result);
  }

  static double pad(double elements) {
    return std::ceil(elements / lanes) * lanes;
  }
  double getElements(Type type) const {
    auto shaped = dyn_cast<ShapedType>(type);
    return shaped ? pad(double(shaped.getNumElements()) / items) : 1;
  }

  void add(Operation *op, double elements) {
    if (std::optional<Special> special = getSpecial(op))
      work.special[size_t(*special)] += elements;
    else if (op->hasTrait<OpTrait::Elementwise>() && op->getNumResults() == 1)
      work.vector[size_t(getElement(op->getResult(0).getType()))] += elements;
  }

  static Chain getLink(Operation *op) {
    if (getSpecial(op))
      return {0, 1};
    return {op->hasTrait<OpTrait::Elementwise>() ? 1.0 : 0.0};
  }

  void follow(const Chain &link, ValueRange from, ValueRange to) {
    std::optional<Chain> longest;
    for (Value value : from)
      if (auto found = chains.find(value);
          found != chains.end() &&
          (!longest || longest->count() < found->second.count()))
        longest = found->second;
    if (!longest)
      return;
    longest->add(link, 1);
    for (Value value : to)
      chains[value] = *longest;
  }

  double items;
  llvm::DenseMap<Value, Chain> chains;
};
} // namespace

cost::Walk countWalk(seq::ScanOp scan) {
  constexpr int64_t widest = 128;
  cost::Walk walk;
  if (seq::worksByElement(scan)) {
    auto slice =
        cast<RankedTensorType>(scan.getBody().getArgument(0).getType());
    int64_t last = slice.getRank() ? slice.getShape().back() : 1;
    walk.items = std::ceil(double(last) / widest) *
                 double(slice.getNumElements()) / double(last);
  }
  Region region(scan, walk.items);
  walk.step = region.work;
  walk.meetings = region.meetings;
  for (Value input : scan.getInputArguments())
    walk.inputs += getBytes(input.getType());
  for (Value output : scan.getYieldedOutputs())
    walk.outputs += getBytes(output.getType());
  for (Value state : scan.getStateArguments())
    walk.states += getBytes(state.getType());
  return walk;
}

std::optional<machine::Machine> readMachine(ModuleOp module,
                                            std::string &reason) {
  auto core = module->getAttrOfType<machine::CoreAttr>("machine.target");
  if (!core || core.getDescription().empty()) {
    reason =
        core ? "its machine has no description" : "the module names no machine";
    return std::nullopt;
  }
  std::vector<machine::Problem> problems;
  std::optional<machine::Machine> machine;
  if (auto root = machine::readText(core.getDescription().str(),
                                    "machine.target", problems))
    machine = machine::build(*root, problems);
  if (!machine)
    reason = "the description of its machine is none: " +
             machine::format(problems.front());
  return machine;
}

} // namespace sennit::normalize
