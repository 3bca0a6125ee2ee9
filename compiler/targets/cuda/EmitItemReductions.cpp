// Reductions: teams of threads share a result's elements.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cuda/DeviceBuilder.h"
#include "compiler/targets/cuda/ItemEmitter.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cuda;
using tile::ReduceKind;

/// As many threads share a result as leave none idle, a power of two; along
/// rows at least a warp, whose loads are then neighbours.
static int64_t chooseTeam(int64_t results, int64_t extent, bool alongRow) {
  int64_t idle = llvm::bit_floor(uint64_t(
      std::max<int64_t>(1, itemThreads / std::max<int64_t>(1, results))));
  int64_t team = alongRow ? std::max(idle, warpThreads) : idle;
  return std::min<int64_t>(team, llvm::bit_floor(uint64_t(extent)));
}

// This lane's share of a result's elements.
Value ItemEmitter::foldShare(tile::ReduceOp reduce, const Point &result,
                             Value lane, int64_t team) {
  auto type = cast<VectorType>(reduce.getValue().getType());
  int64_t dim = reduce.getDim(), extent = type.getDimSize(dim);
  Type element = emit::getComputeType(type.getElementType());
  Value identity = constantOf(getIdentity(reduce.getKind(), element), false);
  Point inner = result;
  inner.at.insert(inner.at.begin() + dim, Value());
  auto get = [&](Value index) {
    inner.at[dim] = index;
    return emit(reduce.getValue(), inner);
  };
  // Several chains hide the latency of loads and of sums.
  int64_t rounds = extent / team, chains = std::min<int64_t>(rounds, 4);
  int64_t whole = rounds / chains * chains;
  SmallVector<Value> sums(chains, identity);
  // Along a row they take what lies side by side.
  bool alongRow = dim == type.getRank() - 1;
  Value first = alongRow ? multiply(lane, chains) : lane;
  int64_t apart = alongRow ? 1 : team;
  sums = emitFold(whole * team, chains * team, sums,
                  [&](Value start, ValueRange carried) {
                    SmallVector<Value> next(carried);
                    for (int64_t i = 0; i < chains; ++i)
                      next[i] = combine(reduce.getKind(), next[i],
                                        get(add(add(start, first), i * apart)));
                    return next;
                  });
  for (int64_t i = whole; i < rounds; ++i)
    sums[i - whole] =
        combine(reduce.getKind(), sums[i - whole], get(add(lane, i * team)));
  Value total = combineAll(reduce.getKind(), sums);
  if (extent % team == 0)
    return total;
  auto rest = scf::IfOp::create(builder, loc, total.getType(),
                                isLess(lane, constant(extent % team)), true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(rest.elseBlock());
  scf::YieldOp::create(builder, loc, total);
  builder.setInsertionPointToStart(rest.thenBlock());
  caches.emplace_back();
  Value last = get(add(lane, rounds * team));
  scf::YieldOp::create(builder, loc, combine(reduce.getKind(), total, last));
  caches.pop_back();
  return rest.getResult(0);
}

// Butterflies inside of a warp: every lane ends with the whole.
Value ItemEmitter::combineTeam(ReduceKind kind, Value part, int64_t team) {
  Type type = part.getType();
  auto number = [&](int64_t value) -> Value {
    return arith::ConstantIntOp::create(builder, loc, value, 32);
  };
  for (int64_t step = team / 2; step > 0; step /= 2) {
    Value moved = NVVM::ShflOp::create(builder, loc, type, number(-1), part,
                                       number(step), number(warpThreads - 1),
                                       NVVM::ShflKind::bfly, UnitAttr());
    part = combine(kind, part, moved);
  }
  return part;
}

Value ItemEmitter::getPartPointer(Value number, Type type) {
  return pointerAt(shared, type, number);
}

// Through shared memory: lane 0 ends with the whole. Lanes of a team stand side
// by side, or where `together` does not hold, one team's a team count apart.
Value ItemEmitter::combineParts(ReduceKind kind, Value part, Value lane,
                                int64_t team, bool together) {
  int64_t stride = together ? 1 : itemThreads / team;
  Type type = part.getType();
  storeRaw(getPartPointer(thread, type), part);
  synchronize();
  // Halves onto halves.
  for (int64_t half = team / 2; half > 0; half /= 2) {
    emitWhere(isLess(lane, constant(half)), [&] {
      auto at = [&](int64_t lanes) {
        return loadRaw(getPartPointer(add(thread, lanes * stride), type), type,
                       /*vector=*/false);
      };
      storeRaw(getPartPointer(thread, type), combine(kind, at(0), at(half)));
    });
    synchronize();
  }
  return loadRaw(getPartPointer(thread, type), type, /*vector=*/false);
}

// A team of several warps: each by itself, then every lane adds their parts up.
Value ItemEmitter::combineWarps(ReduceKind kind, Value part, int64_t team) {
  Type type = part.getType();
  part = combineTeam(kind, part, warpThreads);
  Value warp = divide(thread, warpThreads);
  Value isFirst =
      arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                            remainder(thread, warpThreads), constant(0));
  emitWhere(isFirst, [&] { storeRaw(getPartPointer(warp, type), part); });
  synchronize();
  int64_t warps = team / warpThreads;
  Value own = subtract(warp, remainder(warp, warps));
  SmallVector<Value> parts;
  for (int64_t i = 0; i < warps; ++i)
    parts.push_back(
        loadRaw(getPartPointer(add(own, i), type), type, /*vector=*/false));
  return combineAll(kind, parts);
}

void ItemEmitter::emitReduce(tile::ReduceOp reduce) {
  if (tile::ScanOp scan = plan.findFusedScan(reduce))
    return emitFusedScan(scan, reduce);
  auto type = cast<VectorType>(reduce.getValue().getType());
  auto result = cast<VectorType>(reduce.getResult().getType());
  int64_t dim = reduce.getDim(), results = result.getNumElements();
  bool alongRow = dim == type.getRank() - 1;
  int64_t team = chooseTeam(results, type.getDimSize(dim), alongRow);
  int64_t teams = itemThreads / team;
  Value lane = alongRow ? remainder(thread, team) : divide(thread, teams);
  Value first = alongRow ? divide(thread, team) : remainder(thread, teams);
  bool isInWarps =
      alongRow &&
      emit::getComputeType(type.getElementType()).getIntOrFloatBitWidth() == 32;
  bool isShuffled = isInWarps && team <= warpThreads;
  beginWrites();
  // All threads take as many rounds; those past the end repeat the last.
  emitLoop(constant(0), constant(results), teams, [&](Value start) {
    Value number = add(first, start);
    bool isWhole = results % teams == 0;
    Value own = isWhole ? number : minimum(number, constant(results - 1));
    Point point = getPoint(result.getShape(), own);
    Value total = foldShare(reduce, point, lane, team);
    if (isShuffled)
      total = combineTeam(reduce.getKind(), total, team);
    else if (isInWarps)
      total = combineWarps(reduce.getKind(), total, team);
    else if (team != 1)
      total = combineParts(reduce.getKind(), total, lane, team, alongRow);
    Value writes = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                         lane, constant(0));
    if (!isWhole)
      writes = both(writes, isLess(number, constant(results)));
    emitWhere(writes, [&] {
      storeBuffer(*plan.find(reduce.getResult()), point,
                  roundTo(total, type.getElementType()));
    });
    if (!isShuffled && team != 1)
      synchronize();
  });
  endWrites();
}
