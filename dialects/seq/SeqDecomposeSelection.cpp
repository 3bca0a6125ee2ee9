// The reference meanings of selection: the first of a row, and a token drawn.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "dialects/seq/SeqDecompose.h"

#include <limits>

using namespace mlir;
using namespace sennit::seq;

using Extents = MeaningBuilder::Extents;
using FloatPredicate = arith::CmpFPredicate;
using IntegerPredicate = arith::CmpIPredicate;

static constexpr float infinity = std::numeric_limits<float>::infinity();

static int64_t extentOf(Value value, unsigned dim) {
  return cast<RankedTensorType>(value.getType()).getDimSize(dim);
}

static Value compare(MeaningBuilder &b, FloatPredicate predicate, Value left,
                     Value right) {
  return arith::CmpFOp::create(b, predicate, left, right);
}

static Value compare(MeaningBuilder &b, IntegerPredicate predicate, Value left,
                     Value right) {
  return arith::CmpIOp::create(b, predicate, left, right);
}

static Value both(MeaningBuilder &b, Value left, Value right) {
  return arith::AndIOp::create(b, left, right);
}

static Value either(MeaningBuilder &b, Value left, Value right) {
  return arith::OrIOp::create(b, left, right);
}

static Value select(MeaningBuilder &b, Value condition, Value yes, Value no) {
  return arith::SelectOp::create(b, condition, yes, no);
}

//===----------------------------------------------------------------------===//
// The order of a row
//===----------------------------------------------------------------------===//

namespace {
/// An element of a row: its value, and its index as i32.
struct Element {
  Value value, index;
};

/// The elements of one row in the order in which they are chosen.
struct RowOrder {
  MeaningBuilder &b;
  Value input, row;
  bool smallest = false;

  /// What comes before every element.
  Element start() const {
    return {b.f32(smallest ? -infinity : infinity), b.i32(-1)};
  }
  Value exists(Element element) const {
    return compare(b, IntegerPredicate::slt, element.index,
                   b.i32(extentOf(input, 1)));
  }
  /// The element after `previous`; behind the last the index is the row's
  /// extent.
  Element next(Element previous) const;
};
} // namespace

Element RowOrder::next(Element previous) const {
  FloatPredicate behind = smallest ? FloatPredicate::OGT : FloatPredicate::OLT;
  FloatPredicate before = smallest ? FloatPredicate::OLT : FloatPredicate::OGT;
  auto step = [&](Value i, ValueRange best) -> SmallVector<Value> {
    Value candidate = b.extract(input, {row, i}), index = b.toI32(i);
    Value tied =
        both(b, compare(b, FloatPredicate::OEQ, candidate, previous.value),
             compare(b, IntegerPredicate::sgt, index, previous.index));
    Value follows =
        either(b, compare(b, behind, candidate, previous.value), tied);
    Value first =
        either(b, compare(b, IntegerPredicate::slt, best[1], b.i32(0)),
               compare(b, before, candidate, best[0]));
    Value wins = both(b, follows, first);
    return {select(b, wins, candidate, best[0]),
            select(b, wins, index, best[1])};
  };
  int64_t elements = extentOf(input, 1);
  ValueRange best =
      b.loop(b.index(0), b.index(elements), {previous.value, b.i32(-1)}, step);
  Value none = compare(b, IntegerPredicate::slt, best[1], b.i32(0));
  return {best[0], select(b, none, b.i32(elements), best[1])};
}

//===----------------------------------------------------------------------===//
// seq.top_k
//===----------------------------------------------------------------------===//

ValueRange sennit::seq::buildTopK(MeaningBuilder &b, Value input, int64_t count,
                                  bool smallest) {
  Extents extents{b.extent(input, 0), b.getIndexAttr(count)};
  Value notANumber = b.f32(std::numeric_limits<float>::quiet_NaN());
  auto chooseForRow = [&](Value row, ValueRange chosen) {
    RowOrder order{b, input, row, smallest};
    auto choose = [&](Value j, ValueRange carried) -> SmallVector<Value> {
      Element element = order.next({carried[2], carried[3]});
      Value exists = order.exists(element);
      Value value = select(b, exists, element.value, notANumber);
      Value index = select(b, exists, element.index, b.i32(0));
      return {b.insert(value, carried[0], {row, j}),
              b.insert(index, carried[1], {row, j}), element.value,
              element.index};
    };
    Element start = order.start();
    ValueRange choices =
        b.loop(b.index(0), b.index(count),
               {chosen[0], chosen[1], start.value, start.index}, choose);
    return SmallVector<Value>{choices[0], choices[1]};
  };
  return b.loop(
      b.index(0), b.toValue(extents[0]),
      {b.empty(extents, b.getF32Type()), b.empty(extents, b.getI32Type())},
      chooseForRow);
}

SmallVector<Value> TopKOp::decompose(OpBuilder &builder) {
  MeaningBuilder b(builder, *this);
  return b.asResults(
      buildTopK(b, getInput(), extentOf(getValues(), 1), getSmallest()));
}

//===----------------------------------------------------------------------===//
// seq.sample
//===----------------------------------------------------------------------===//

namespace {
/// One row of `seq.sample`, in f64.
class RowSample {
public:
  RowSample(MeaningBuilder &b, SampleOp op, Value row)
      : b(b), op(op), row(row), vocabulary(extentOf(op.getLogits(), 1)) {}

  /// The token, as i32.
  Value build();

private:
  using Condition = function_ref<Value(Value rank, Value sum)>;

  Value f64(double value) {
    return arith::ConstantOp::create(b, b.getF64FloatAttr(value));
  }
  Value toF64(Value value) {
    return arith::ExtFOp::create(b, b.getF64Type(), value);
  }
  Value setting(Value tensor) { return b.extract(tensor, row); }
  void findLargest();
  Value weigh();
  Value keepFirst(Value weights, Condition keeps);
  Value sum(Value weights);
  Value draw(Value weights);

  MeaningBuilder &b;
  SampleOp op;
  Value row;
  int64_t vocabulary;
  Value largest, firstLargest, isRefused;
};
} // namespace

void RowSample::findLargest() {
  auto step = [&](Value i, ValueRange best) -> SmallVector<Value> {
    Value logit = b.extract(op.getLogits(), {row, i});
    Value larger = compare(b, FloatPredicate::OGT, logit, best[0]);
    // Neither NaN nor +infinity is less than +infinity.
    Value bad = compare(b, FloatPredicate::UGE, logit, b.f32(infinity));
    return {select(b, larger, logit, best[0]),
            select(b, larger, b.toI32(i), best[1]), either(b, best[2], bad)};
  };
  Value no = arith::ConstantOp::create(b, b.getBoolAttr(false));
  ValueRange found = b.loop(b.index(0), b.index(vocabulary),
                            {b.f32(-infinity), b.i32(-1), no}, step);
  largest = found[0];
  firstLargest = found[1];
  isRefused = found[2];
}

Value RowSample::weigh() {
  Value temperature = toF64(setting(op.getTemperature()));
  auto step = [&](Value i, ValueRange weights) -> SmallVector<Value> {
    Value logit = toF64(b.extract(op.getLogits(), {row, i}));
    Value distance = arith::SubFOp::create(b, logit, toF64(largest));
    Value weight =
        math::ExpOp::create(b, arith::DivFOp::create(b, distance, temperature));
    return {b.insert(weight, weights[0], i)};
  };
  return b.loop(b.index(0), b.index(vocabulary),
                b.filled({b.getIndexAttr(vocabulary)}, f64(0)), step)[0];
}

/// The weights of the tokens that `keeps` keeps, which it is asked in falling
/// order with the token's rank and the sum of what was kept; else zero.
Value RowSample::keepFirst(Value weights, Condition keeps) {
  RowOrder order{b, op.getLogits(), row};
  auto step = [&](Value rank, ValueRange carried) -> SmallVector<Value> {
    Element token = order.next({carried[2], carried[3]});
    Value exists = order.exists(token);
    Value index = b.toIndex(select(b, exists, token.index, b.i32(0)));
    Value kept = both(b, exists, keeps(rank, carried[1]));
    Value weight = b.extract(weights, index);
    Value sum = arith::AddFOp::create(b, carried[1], weight);
    Value old = b.extract(carried[0], index);
    return {b.insert(select(b, kept, weight, old), carried[0], index),
            select(b, kept, sum, carried[1]), token.value, token.index};
  };
  Element start = order.start();
  return b.loop(b.index(0), b.index(vocabulary),
                {b.filled({b.getIndexAttr(vocabulary)}, f64(0)), f64(0),
                 start.value, start.index},
                step)[0];
}

Value RowSample::sum(Value weights) {
  auto step = [&](Value i, ValueRange sum) -> SmallVector<Value> {
    return {arith::AddFOp::create(b, sum[0], b.extract(weights, i))};
  };
  return b.loop(b.index(0), b.index(vocabulary), f64(0), step)[0];
}

Value RowSample::draw(Value weights) {
  Value target =
      arith::MulFOp::create(b, setting(op.getUniform()), sum(weights));
  auto step = [&](Value i, ValueRange carried) -> SmallVector<Value> {
    Value sum = arith::AddFOp::create(b, carried[0], b.extract(weights, i));
    Value isFirst =
        both(b, compare(b, FloatPredicate::OGT, sum, target),
             compare(b, IntegerPredicate::slt, carried[1], b.i32(0)));
    return {sum, select(b, isFirst, b.toI32(i), carried[1])};
  };
  return b.loop(b.index(0), b.index(vocabulary), {f64(0), b.i32(-1)}, step)[1];
}

Value RowSample::build() {
  findLargest();
  Value topK = setting(op.getTopK());
  Value all = compare(b, IntegerPredicate::sle, topK, b.i32(0));
  Value weights = keepFirst(weigh(), [&](Value rank, Value) {
    return either(b, all,
                  compare(b, IntegerPredicate::slt, b.toI32(rank), topK));
  });
  Value topP = toF64(setting(op.getTopP()));
  Value wanted = arith::MulFOp::create(b, topP, sum(weights));
  // NaN is not between 0 and 1 either.
  Value whole = either(b, compare(b, FloatPredicate::ULE, topP, f64(0)),
                       compare(b, FloatPredicate::UGE, topP, f64(1)));
  weights = keepFirst(weights, [&](Value rank, Value sum) {
    Value isFirst = compare(b, IntegerPredicate::eq, rank, b.index(0));
    return either(b, either(b, whole, isFirst),
                  compare(b, FloatPredicate::OLT, sum, wanted));
  });
  Value isGreedy =
      compare(b, FloatPredicate::OEQ, setting(op.getTemperature()), b.f32(0));
  Value token = select(b, isGreedy, firstLargest, draw(weights));
  return select(b, isRefused, b.i32(-1), token);
}

SmallVector<Value> SampleOp::decompose(OpBuilder &builder) {
  MeaningBuilder b(builder, *this);
  Extents rows{b.extent(getLogits(), 0)};
  auto sampleRow = [&](Value row, ValueRange tokens) -> SmallVector<Value> {
    Value token = RowSample(b, *this, row).build();
    return {b.insert(token, tokens[0], row)};
  };
  return b.asResults(b.loop(b.index(0), b.toValue(rows[0]),
                            b.empty(rows, b.getI32Type()), sampleRow));
}
