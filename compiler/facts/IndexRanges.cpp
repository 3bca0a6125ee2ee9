// Follows integer arithmetic by ranges.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/facts/IndexRanges.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;

namespace sennit::facts {

std::optional<Range> IndexRanges::get(Value value) const {
  if (auto found = known.find(value); found != known.end())
    return found->second;
  APInt constant;
  if (value.getType().isIntOrIndex() &&
      matchPattern(value, m_ConstantInt(&constant)))
    return Range{double(constant.getSExtValue()),
                 double(constant.getSExtValue())};
  Operation *op = value.getDefiningOp();
  return op && op->getNumResults() == 1 && value.getType().isIntOrIndex()
             ? compute(op)
             : std::nullopt;
}

/// Over the corners of two ranges.
static Range combine(Range a, Range b,
                     llvm::function_ref<double(double, double)> apply) {
  double corners[] = {apply(a.low, b.low), apply(a.low, b.high),
                      apply(a.high, b.low), apply(a.high, b.high)};
  return {*llvm::min_element(corners), *llvm::max_element(corners)};
}

static double divide(double a, double b) {
  return b == 0 ? 0 : std::floor(a / b);
}

static Range takeRest(Range a, Range b) {
  bool isPoint = a.low == a.high && b.low == b.high && b.low > 0;
  if (isPoint)
    return {std::fmod(a.low, b.low), std::fmod(a.low, b.low)};
  return {0, std::max(0.0, std::min(a.high, b.high - 1))};
}

std::optional<Range> IndexRanges::compute(Operation *op) const {
  if (auto load = dyn_cast<memref::LoadOp>(op)) {
    auto index = load.getIndices().size() == 1 ? get(load.getIndices()[0])
                                               : std::nullopt;
    if (!index || !read)
      return std::nullopt;
    auto low = read(load.getMemRef(), index->low);
    auto high = read(load.getMemRef(), index->high);
    return low && high ? std::optional(Range{*low, *high}) : std::nullopt;
  }
  if (auto select = dyn_cast<arith::SelectOp>(op)) {
    auto a = get(select.getTrueValue()), b = get(select.getFalseValue());
    if (!a || !b)
      return std::nullopt;
    return Range{std::min(a->low, b->low), std::max(a->high, b->high)};
  }
  if (isa<arith::IndexCastOp, arith::IndexCastUIOp, arith::ExtSIOp,
          arith::ExtUIOp, arith::TruncIOp>(op))
    return get(op->getOperand(0));
  if (op->getNumOperands() != 2)
    return std::nullopt;
  auto a = get(op->getOperand(0)), b = get(op->getOperand(1));
  if (!a || !b)
    return std::nullopt;
  return llvm::TypeSwitch<Operation *, std::optional<Range>>(op)
      .Case([&](arith::AddIOp) {
        return Range{a->low + b->low, a->high + b->high};
      })
      .Case([&](arith::SubIOp) {
        return Range{a->low - b->high, a->high - b->low};
      })
      .Case([&](arith::MulIOp) {
        return combine(*a, *b, [](double x, double y) { return x * y; });
      })
      .Case<arith::DivSIOp, arith::DivUIOp, arith::FloorDivSIOp>(
          [&](auto) { return combine(*a, *b, divide); })
      .Case<arith::CeilDivSIOp, arith::CeilDivUIOp>([&](auto) {
        return combine(*a, *b, [](double x, double y) {
          return y == 0 ? 0 : std::ceil(x / y);
        });
      })
      .Case<arith::RemSIOp, arith::RemUIOp>(
          [&](auto) { return takeRest(*a, *b); })
      .Case<arith::MinSIOp, arith::MinUIOp>([&](auto) {
        return Range{std::min(a->low, b->low), std::min(a->high, b->high)};
      })
      .Case<arith::MaxSIOp, arith::MaxUIOp>([&](auto) {
        return Range{std::max(a->low, b->low), std::max(a->high, b->high)};
      })
      .Default([](Operation *) { return std::nullopt; });
}

} // namespace sennit::facts
