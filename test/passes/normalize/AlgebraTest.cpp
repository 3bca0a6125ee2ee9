// The laws by which loops merge and scans are cut, on random numbers in f64:
// partial results of reductions and maps of scans are monoids, and what merges
// them is linear, the same for every term, and the same in one step as in two.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "dialects/seq/SeqReductions.h"
#include "passes/normalize/ScanMaps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/BuiltinOps.h"

#include "gtest/gtest.h"

#include <cmath>
#include <random>

using namespace mlir;
using sennit::normalize::Semiring;
using sennit::seq::CorrectableReduction;
using sennit::seq::ScanAlgebra;

namespace {

using Numbers = std::vector<double>;
using Statistic = CorrectableReduction::Statistic;

/// Runs what the algebras write, op by op, as the folders compute it.
class Machine {
public:
  Machine() : builder(&context) {
    context.loadDialect<arith::ArithDialect, math::MathDialect>();
    module = ModuleOp::create(builder, loc);
    builder.setInsertionPointToEnd(module->getBody());
  }

  Value put(double number) {
    return arith::ConstantOp::create(builder, loc,
                                     builder.getF64FloatAttr(number));
  }
  double get(Value value) {
    Operation *op = value.getDefiningOp();
    SmallVector<Attribute> operands;
    for (Value operand : op->getOperands())
      operands.push_back(getAttribute(operand));
    SmallVector<OpFoldResult> results;
    if (failed(op->fold(operands, results)) || results.empty()) {
      ADD_FAILURE() << op->getName().getStringRef().str() << " is not folded";
      return NAN;
    }
    Attribute found = dyn_cast<Attribute>(results.front());
    return found ? cast<FloatAttr>(found).getValueAsDouble()
                 : get(cast<Value>(results.front()));
  }

  MLIRContext context;
  OpBuilder builder;
  Location loc = UnknownLoc::get(&context);

private:
  Attribute getAttribute(Value value) {
    if (value.getType().isInteger(1)) {
      SmallVector<Attribute> operands;
      Operation *op = value.getDefiningOp();
      for (Value operand : op->getOperands())
        operands.push_back(getAttribute(operand));
      SmallVector<OpFoldResult> results;
      EXPECT_TRUE(succeeded(op->fold(operands, results)));
      return cast<Attribute>(results.front());
    }
    return builder.getF64FloatAttr(get(value));
  }

  OwningOpRef<ModuleOp> module;
};

void expectNear(const Numbers &a, const Numbers &b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i != a.size(); ++i)
    if (a[i] != b[i])
      EXPECT_NEAR(a[i], b[i], 1e-9 * (1 + std::abs(a[i]))) << "number " << i;
}

/// Elements with a product, of which a run may be bracketed as one likes.
struct Monoid {
  Numbers identity;
  std::function<Numbers(std::mt19937 &)> draw;
  std::function<Numbers(const Numbers &, const Numbers &)> merge;
};

void expectMonoid(const Monoid &monoid) {
  std::mt19937 random(5);
  for (int turn = 0; turn != 20; ++turn) {
    Numbers a = monoid.draw(random), b = monoid.draw(random),
            c = monoid.draw(random);
    expectNear(monoid.merge(monoid.merge(a, b), c),
               monoid.merge(a, monoid.merge(b, c)));
    expectNear(monoid.merge(monoid.identity, a), a);
    expectNear(monoid.merge(a, monoid.identity), a);
  }
}

double drawNumber(std::mt19937 &random) {
  return std::normal_distribution<>(0, 2)(random);
}

struct Case {
  std::string name;
  Statistic statistic;
  double rate;
  unsigned degree;
};

/// The sums of powers up to `degree` about a statistic.
class Sums : public Machine {
public:
  explicit Sums(const Case &given)
      : given(given), reduction(given.statistic, given.rate),
        isMean(given.statistic == Statistic::Mean) {}

  double getCentre(ArrayRef<double> m) {
    SmallVector<Value> values;
    for (double number : m)
      values.push_back(put(number));
    return get(
        CorrectableReduction::getCentre(builder, loc, given.statistic, values));
  }
  double lift(double u, unsigned k) {
    Value term = reduction.lift(builder, loc, put(u), k);
    return term ? get(term) : 1;
  }
  Numbers act(double d, ArrayRef<double> r) {
    Value by = put(d), factor = reduction.getFactor(builder, loc, by);
    SmallVector<Value> values;
    Numbers after;
    for (double number : r) {
      values.push_back(put(number));
      after.push_back(get(reduction.act(builder, loc, factor, by, values)));
    }
    return after;
  }

  /// One element: its statistic, then its sums about itself.
  Numbers single(double x) {
    Numbers element = isMean ? Numbers{1, x} : Numbers{x};
    for (unsigned k = 0; k <= given.degree; ++k)
      element.push_back(lift(0, k));
    return element;
  }
  Numbers merge(const Numbers &a, const Numbers &b) {
    size_t count = isMean ? 2 : 1;
    Numbers merged;
    for (size_t i = 0; i != count; ++i)
      merged.push_back(isMean ? a[i] + b[i] : std::max(a[i], b[i]));
    double centre = getCentre(merged);
    auto moved = [&](const Numbers &part) {
      ArrayRef<double> all(part);
      return act(getCentre(all.take_front(count)) - centre,
                 all.drop_front(count));
    };
    Numbers left = moved(a), right = moved(b);
    for (size_t k = 0; k != left.size(); ++k)
      merged.push_back(left[k] + right[k]);
    return merged;
  }

  const Case &given;
  CorrectableReduction reduction;
  bool isMean;
};

class Reductions : public testing::TestWithParam<Case> {};

TEST_P(Reductions, PartialResultsAreAMonoid) {
  Sums sums(GetParam());
  Numbers none = sums.isMean ? Numbers{0, 0} : Numbers{-INFINITY};
  none.resize(none.size() + GetParam().degree + 1);
  expectMonoid(
      {none,
       [&](std::mt19937 &random) {
         Numbers run = sums.single(drawNumber(random));
         for (int more = 0; more != 3; ++more)
           run = sums.merge(run, sums.single(drawNumber(random)));
         return run;
       },
       [&](const Numbers &a, const Numbers &b) { return sums.merge(a, b); }});
}

TEST_P(Reductions, ThereIsACorrection) {
  Sums sums(GetParam());
  std::mt19937 random(9);
  for (int turn = 0; turn != 20; ++turn) {
    double u = drawNumber(random), d = drawNumber(random),
           more = drawNumber(random);
    Numbers r, s, both, terms, moved;
    for (unsigned k = 0; k <= GetParam().degree; ++k) {
      r.push_back(drawNumber(random));
      s.push_back(drawNumber(random));
      both.push_back(r.back() + s.back());
      terms.push_back(sums.lift(u, k));
      moved.push_back(sums.lift(u + d, k));
    }
    // C1: of a sum, the sum; of nothing, nothing.
    Numbers added = sums.act(d, r), other = sums.act(d, s);
    for (size_t k = 0; k != added.size(); ++k)
      added[k] += other[k];
    expectNear(sums.act(d, both), added);
    expectNear(sums.act(d, Numbers(r.size())), Numbers(r.size()));
    // C2: every term changes alike.
    expectNear(sums.act(d, terms), moved);
    // C3: not at all, and twice as once.
    expectNear(sums.act(0, r), r);
    expectNear(sums.act(more, sums.act(d, r)), sums.act(d + more, r));
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, Reductions,
    testing::Values(Case{"softmax", Statistic::Max, 1, 0},
                    Case{"cooler_softmax", Statistic::Max, 0.25, 0},
                    Case{"entropy", Statistic::Max, 1, 1},
                    Case{"variance", Statistic::Mean, 0, 2},
                    Case{"fourth_moment", Statistic::Mean, 0, 4}),
    [](const auto &info) { return info.param.name; });

struct Scans : testing::TestWithParam<ScanAlgebra> {
  double plus(double a, double b) {
    return machine.get(ring.plus(machine.builder, machine.loc, machine.put(a),
                                 machine.put(b)));
  }
  double times(double a, double b) {
    return machine.get(ring.times(machine.builder, machine.loc, machine.put(a),
                                  machine.put(b)));
  }
  Monoid makeMonoid(double identity, double (Scans::*merge)(double, double)) {
    return {{identity},
            [](std::mt19937 &random) { return Numbers{drawNumber(random)}; },
            [=, this](const Numbers &a, const Numbers &b) {
              return Numbers{(this->*merge)(a[0], b[0])};
            }};
  }

  Machine machine;
  Semiring ring{GetParam()};
};

TEST_P(Scans, BothOperationsAreMonoids) {
  expectMonoid(makeMonoid(ring.zero(), &Scans::plus));
  expectMonoid(makeMonoid(ring.one(), &Scans::times));
}

TEST_P(Scans, PathsThroughASumAreSummed) {
  std::mt19937 random(3);
  for (int turn = 0; turn != 20; ++turn) {
    double a = drawNumber(random), b = drawNumber(random),
           c = drawNumber(random);
    expectNear({times(a, plus(b, c))}, {plus(times(a, b), times(a, c))});
    expectNear({times(a, ring.zero())}, {ring.zero()});
  }
  EXPECT_EQ(plus(ring.zero(), ring.zero()), ring.zero());
}

// (M2, b2) after (M1, b1) is (M2 M1, M2 b1 + b2): what a scan's segments do.
TEST_P(Scans, MapsAreAMonoid) {
  auto after = [&](const Numbers &first, const Numbers &second) {
    return Numbers{times(second[0], first[0]),
                   plus(times(second[0], first[1]), second[1])};
  };
  expectMonoid({{ring.one(), ring.zero()},
                [](std::mt19937 &random) {
                  return Numbers{drawNumber(random), drawNumber(random)};
                },
                after});
}

INSTANTIATE_TEST_SUITE_P(All, Scans,
                         testing::Values(ScanAlgebra::Affine,
                                         ScanAlgebra::MaxPlus,
                                         ScanAlgebra::LogSumExp),
                         [](const auto &info) {
                           return stringifyScanAlgebra(info.param).str();
                         });

} // namespace
