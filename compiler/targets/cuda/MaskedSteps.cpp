// Finds the steps in which a mask of positions hides nothing.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cuda/MaskedSteps.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cuda;

std::optional<MaskedSteps> MaskedSteps::match(tile::StreamOp stream) {
  MaskedSteps steps;
  steps.stream = stream;
  auto selections =
      llvm::to_vector(stream.getCompute().front().getOps<arith::SelectOp>());
  if (selections.size() != 1)
    return std::nullopt;
  steps.select = selections.front();
  if (!steps.addCondition(steps.select.getCondition()))
    return std::nullopt;
  return steps;
}

std::optional<MaskedSteps::Positions> MaskedSteps::getPositions(Value tile) {
  if (auto sum = tile.getDefiningOp<arith::AddIOp>()) {
    SplatElementsAttr splat;
    auto positions = getPositions(sum.getLhs());
    if (!positions || !matchPattern(sum.getRhs(), m_Constant(&splat)))
      return std::nullopt;
    positions->offset += splat.getSplatValue<APInt>().getSExtValue();
    return positions;
  }
  if (auto iota = tile.getDefiningOp<tile::IotaOp>())
    return Positions{iota.getBase(), 0, iota.getType().getDimSize(0)};
  if (auto reshape = tile.getDefiningOp<tile::ReshapeOp>())
    return getPositions(reshape.getValue());
  auto broadcast = tile.getDefiningOp<tile::BroadcastOp>();
  if (!broadcast)
    return std::nullopt;
  if (isa<VectorType>(broadcast.getValue().getType()))
    return getPositions(broadcast.getValue());
  IntegerAttr scalar;
  if (matchPattern(broadcast.getValue(), m_Constant(&scalar)))
    return Positions{Value(), scalar.getValue().getSExtValue(), 1};
  auto cast = broadcast.getValue().getDefiningOp<arith::IndexCastOp>();
  if (!cast)
    return std::nullopt;
  return Positions{cast.getIn(), 0, 1};
}

bool MaskedSteps::addCondition(Value condition) {
  if (auto both = condition.getDefiningOp<arith::AndIOp>())
    return addCondition(both.getLhs()) && addCondition(both.getRhs());
  auto comparison = condition.getDefiningOp<arith::CmpIOp>();
  if (!comparison)
    return false;
  auto streamed = getPositions(comparison.getLhs()),
       other = getPositions(comparison.getRhs());
  Value position = stream.getComputeInductionVar();
  if (!streamed || !other || streamed->base != position ||
      other->base == position ||
      (other->base && other->base.getParentRegion() == &stream.getCompute()))
    return false;
  int64_t offset = other->offset - streamed->offset;
  switch (comparison.getPredicate()) {
  case arith::CmpIPredicate::sle:
    highest.push_back({other->base, offset - streamed->extent + 2});
    return true;
  case arith::CmpIPredicate::slt:
    highest.push_back({other->base, offset - streamed->extent + 1});
    return true;
  case arith::CmpIPredicate::sge:
    lowest.push_back({other->base, offset + other->extent - 1});
    return true;
  default:
    return false;
  }
}

/// How many steps begin before a position of the stream.
Value MaskedSteps::buildStep(RoleBuilder &builder, IRMapping &mapping,
                             Extreme position) {
  Value at = index(builder, position.offset);
  if (position.base)
    at = add(builder, mapping.lookupOrDefault(position.base), at);
  Value distance = builder.create<arith::SubIOp>(
      at, mapping.lookupOrDefault(stream.getLower()));
  distance = builder.create<arith::MaxSIOp>(distance, index(builder, 0));
  return builder.create<arith::CeilDivUIOp>(distance,
                                            index(builder, stream.getStep()));
}

std::pair<Value, Value>
MaskedSteps::buildClear(RoleBuilder &builder, IRMapping &mapping, Value trips) {
  Value from = index(builder, 1), to = trips;
  for (Extreme position : lowest)
    from = builder.create<arith::MaxSIOp>(
        from, buildStep(builder, mapping, position));
  from = builder.create<arith::MinSIOp>(from, trips);
  for (Extreme position : highest)
    to = builder.create<arith::MinSIOp>(to,
                                        buildStep(builder, mapping, position));
  return {from, builder.create<arith::MaxSIOp>(to, from)};
}
