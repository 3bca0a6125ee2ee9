// Recognises a program of attention's form, and decides its rings.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cuda/AttentionRoles.h"
#include "compiler/targets/cuda/Rings.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cuda;

std::optional<AttentionRoles> AttentionRoles::match(tile::GridOp grid,
                                                    std::string &reason) {
  AttentionRoles roles;
  roles.grid = grid;
  roles.stream = getOnlyStream(grid);
  if (!roles.stream) {
    reason = "an item has other than one stream";
    return std::nullopt;
  }
  reason = roles.matchProducts();
  if (reason.empty())
    reason = roles.matchFixed();
  if (reason.empty())
    reason = roles.matchStores();
  if (!reason.empty())
    return std::nullopt;
  roles.masked = MaskedSteps::match(roles.stream);
  return roles;
}

/// The load whose tile, as a matrix, is `tile`; null where it is something
/// else.
static tile::LoadOp getLoad(Value tile) {
  if (auto reshape = tile.getDefiningOp<tile::ReshapeOp>())
    tile = reshape.getValue();
  return tile.getDefiningOp<tile::LoadOp>();
}

std::string AttentionRoles::matchProducts() {
  Block &compute = stream.getCompute().front();
  auto products = llvm::to_vector(compute.getOps<tile::MmaOp>());
  if (products.size() != 2)
    return "an iteration has other than two products";
  scores = products[0];
  sum = products[1];
  weights = sum.getA().getDefiningOp<arith::TruncFOp>();
  if (scores.getAcc() || !sum.getAcc() || !weights)
    return "an iteration's second product is not of rounded weights onto a sum";
  Operation *yield = compute.getTerminator();
  auto place = llvm::find(yield->getOperands(), sum.getResult());
  if (place == yield->operand_end() || !sum->hasOneUse())
    return "the sum of the products is not handed on as it is";
  sumNumber = place - yield->operand_begin();
  ValueRange fetched = stream.getFetchedArguments();
  for (auto [number, product] : llvm::enumerate(products)) {
    auto argument = llvm::find(fetched, product.getB());
    if (argument == fetched.end())
      return "a product's second operand is no fetched tile";
    Operation *fetch = stream.getFetch().front().getTerminator();
    loads[number] = fetch->getOperand(argument - fetched.begin())
                        .getDefiningOp<tile::LoadOp>();
    if (!loads[number] || loads[number].getPad())
      return "a fetched tile is not loaded as it is";
    if (std::string reason = views[number].match(loads[number]);
        !reason.empty())
      return reason;
  }
  for (Value value : stream.getFetch().front().getTerminator()->getOperands()) {
    auto load = value.getDefiningOp<tile::LoadOp>();
    if (!load ||
        (!llvm::is_contained(loads, load) && load.getType().getRank() > 1))
      return "an iteration fetches other than keys, values and numbers of rows "
             "or columns";
  }
  for (Operation &op : compute.without_terminator())
    if (!isPure(&op) || op.getNumRegions())
      return "an iteration does other than arithmetic";
  return dependsOnSum(weights) ? "the weights depend on the sum" : "";
}

bool AttentionRoles::dependsOnSum(Operation *op) {
  if (op->getBlock() != &stream.getCompute().front())
    return false;
  return llvm::any_of(op->getOperands(), [&](Value operand) {
    if (operand == stream.getCarriedArguments()[sumNumber])
      return true;
    Operation *producer = operand.getDefiningOp();
    return producer && producer != sum && dependsOnSum(producer);
  });
}

std::string AttentionRoles::matchFixed() {
  fixedLoad = getLoad(scores.getA());
  if (!fixedLoad || fixedLoad.getPad())
    return "the scores' first operand is not loaded as it is";
  return fixedView.match(fixedLoad);
}

bool AttentionRoles::isHeldByThreads(Operation &op) {
  return &op != fixedLoad && scores.getA().getDefiningOp() != &op &&
         llvm::any_of(op.getResultTypes(), llvm::IsaPred<VectorType>);
}

std::string AttentionRoles::matchStores() {
  for (Operation &op : grid.getBody().front().without_terminator()) {
    if (&op == stream)
      continue;
    if (auto made = dyn_cast<tile::StoreOp>(op)) {
      if (made->isBeforeInBlock(stream))
        return "an item stores before its stream";
      if (std::string reason = matchStore(made); !reason.empty())
        return reason;
    } else if (!isa<tile::LoadOp, memref::LoadOp>(op) &&
               (!isPure(&op) || op.getNumRegions())) {
      return ("`" + op.getName().getStringRef() +
              "` stands beside the stream and the stores")
          .str();
    }
  }
  return "";
}

/// One tile of 16 bits goes by the copy engine; threads store those of f32.
std::string AttentionRoles::matchStore(tile::StoreOp made) {
  auto type = cast<VectorType>(made.getValue().getType());
  if (type.getElementType().isF32() && type.getRank() <= 2)
    return "";
  if (store)
    return "an item stores more than one tile by the copy engine";
  store = made;
  output = store.getValue();
  if (auto reshape = output.getDefiningOp<tile::ReshapeOp>())
    output = reshape.getValue();
  type = cast<VectorType>(output.getType());
  if (type.getRank() != 2 || !isStorable(type))
    return "the stored tile has no swizzled rows";
  return target.match(store);
}

/// Of the computing role; with the one that copies, a block of 512 threads.
constexpr int64_t mostCopies = 3;

std::string AttentionRoles::plan() {
  MLIRContext *context = grid.getContext();
  auto ring = [&](int64_t depth, tile::Place place, VectorType tile) {
    return tile::RingType::get(context, depth, place, {Type(tile)});
  };
  auto fixed = cast<VectorType>(scores.getA().getType());
  VectorType streamed[2] = {cast<VectorType>(scores.getB().getType()),
                            cast<VectorType>(sum.getB().getType())};
  for (VectorType tile : {fixed, streamed[0], streamed[1]})
    if (!isStorable(tile))
      return "a tile has no swizzled rows";
  auto scored = scores.getType(), summed = sum.getType();
  int64_t rows = fixed.getDimSize(0);
  copies = std::clamp<int64_t>(rows / 64, 1, mostCopies);
  if (rows % (64 * copies) || scored.getDimSize(1) % 16 ||
      summed.getDimSize(1) % 8)
    return "the products have no rows of 64 for each copy";
  int64_t blocks = rows / 64 / copies;
  // Scores, their weights in pairs, and the sum.
  int64_t taken =
      blocks * (scored.getDimSize(1) * 3 / 4 + summed.getDimSize(1) / 2);
  // Positions, statistics of rows and what a step computes on its way.
  constexpr int64_t others = 28;
  registers = getComputeRegisters(copies);
  if (taken + others > registers)
    return "scores, weights and sum take " + std::to_string(taken) +
           " registers a thread";
  int64_t bytes = getTileBytes(streamed[0]) + getTileBytes(streamed[1]);
  int64_t left = sharedCapacity - 1024;
  if (store) {
    auto part =
        VectorType::get({rows, panelColumns},
                        cast<VectorType>(output.getType()).getElementType());
    left -= getTileBytes(part);
    outType = ring(1, tile::Place::Shared, part);
  }
  // Two fixed tiles, so that the next item's is there in time.
  int64_t fixedDepth = left >= 2 * getTileBytes(fixed) + 2 * bytes ? 2 : 1;
  int64_t depth =
      std::min<int64_t>((left - fixedDepth * getTileBytes(fixed)) / bytes, 4);
  if (depth < 2)
    return "shared memory holds less than two steps";
  fixedType = ring(fixedDepth, tile::Place::Shared, fixed);
  for (int i : {0, 1})
    inTypes[i] = ring(depth, tile::Place::Shared, streamed[i]);
  weightType =
      ring(1, tile::Place::Registers, cast<VectorType>(weights.getType()));
  return "";
}

std::string AttentionRoles::describe() const {
  return std::to_string(copies) + " copies of " + std::to_string(registers) +
         " registers that take turns, " +
         std::to_string(inTypes[0].getDepth()) +
         (masked ? " slots, steps without a mask" : " slots");
}
