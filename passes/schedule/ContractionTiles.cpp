// Tiles of products of two operands by matrix units: any batch, any transposes.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/GenericTiles.h"
#include "passes/schedule/Models.h"
#include "passes/schedule/TileSizes.h"

#include "dialects/seq/SeqForms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace sennit::schedule {

/// The argument that a factor widens, or null.
static BlockArgument getFactor(Value value) {
  if (auto widened = value.getDefiningOp<arith::ExtFOp>())
    value = widened.getIn();
  return dyn_cast<BlockArgument>(value);
}

/// Whether the body is `acc + a b`, up to widening, in f32 or less.
static bool multipliesAndAdds(linalg::GenericOp op) {
  Block *body = op.getBody();
  Value yielded = body->getTerminator()->getOperand(0);
  auto sum = yielded.getDefiningOp<arith::AddFOp>();
  BlockArgument acc = body->getArgument(2);
  if (!sum || yielded.getType().isF64() || !acc.hasOneUse() ||
      *acc.user_begin() != sum)
    return false;
  Value element = sum.getLhs() == acc ? sum.getRhs() : sum.getLhs();
  auto product = element.getDefiningOp<arith::MulFOp>();
  if (!product)
    return false;
  BlockArgument a = getFactor(product.getLhs()),
                b = getFactor(product.getRhs());
  return a && b && a != b && a.getOwner() == body && b.getOwner() == body &&
         a != acc && b != acc;
}

std::optional<Product> matchProduct(Operation *root) {
  auto op = dyn_cast_or_null<linalg::GenericOp>(root);
  if (!op || op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1 ||
      !seq::isStructured(op) || !multipliesAndAdds(op))
    return std::nullopt;
  Product product;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  for (AffineMap map : maps)
    if (!map.isProjectedPermutation())
      return std::nullopt;
  for (unsigned loop = 0; loop < op.getNumLoops(); ++loop) {
    bool inA = maps[0].isFunctionOfDim(loop),
         inB = maps[1].isFunctionOfDim(loop),
         inY = maps[2].isFunctionOfDim(loop);
    if (inY && (inA || inB))
      (inA && inB ? product.batch
       : inA      ? product.m
                  : product.n)
          .push_back(loop);
    else if (inA && inB)
      product.k.push_back(loop);
    else
      return std::nullopt;
  }
  if (product.k.empty() || (product.m.empty() && product.n.empty()))
    return std::nullopt;
  product.op = op;
  // Columns, which lanes run along, are those of the result's last dimension.
  auto last = dyn_cast<AffineDimExpr>(maps[2].getResults().back());
  if (last && llvm::is_contained(product.m, int64_t(last.getPosition()))) {
    std::swap(product.m, product.n);
    std::swap(product.a, product.b);
  }
  return product;
}

/// The longest of some loops, or -1 for none.
static int64_t getLongest(linalg::GenericOp op, ArrayRef<int64_t> loops) {
  SmallVector<int64_t> extents = op.getStaticLoopRanges();
  int64_t longest = -1;
  for (int64_t loop : loops)
    if (longest < 0 || ShapedType::isDynamic(extents[loop]) ||
        extents[loop] > extents[longest])
      longest = loop;
  return longest;
}

/// The extent of a loop, or its bound where it is known at run time only.
static int64_t getExtent(KernelBuilder &kernel, linalg::GenericOp op,
                         int64_t loop) {
  if (loop < 0)
    return 1;
  AffineExpr dim = getAffineDimExpr(loop, op.getContext());
  for (OpOperand &operand : op->getOpOperands())
    if (auto place = op.getMatchingIndexingMap(&operand).getResultPosition(dim))
      return std::max<int64_t>(kernel.rowBound(operand.get(), *place), 1);
  llvm_unreachable("every loop of a product walks an operand");
}

static ProductSizes getSizes(const Product &product, KernelBuilder &kernel) {
  linalg::GenericOp op = product.op;
  auto longest = [&](ArrayRef<int64_t> loops) {
    return getExtent(kernel, op, getLongest(op, loops));
  };
  Type f32 = Float32Type::get(op.getContext());
  return getProductSizes(kernel.core,
                         {longest(product.m), longest(product.n),
                          longest(product.k), /*type=*/f32, /*element=*/f32},
                         kernel.choices);
}

SmallVector<int64_t> getContractionSizes(const Product &product,
                                         KernelBuilder &kernel) {
  linalg::GenericOp op = product.op;
  ProductSizes sizes = getSizes(product, kernel);
  int64_t m = getLongest(op, product.m), n = getLongest(op, product.n);
  SmallVector<int64_t> result;
  AffineMap map = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  for (AffineExpr expr : map.getResults()) {
    int64_t loop = cast<AffineDimExpr>(expr).getPosition();
    int64_t size = loop == m ? sizes.m : loop == n ? sizes.n : 1;
    result.push_back(std::min(size, getExtent(kernel, op, loop)));
  }
  return result;
}

namespace {
class ProductEmitter {
public:
  ProductEmitter(Program &program, const Product &product, const Box &box)
      : program(program), product(product), op(product.op), box(box),
        b(program.builder) {}

  FailureOr<Value> emit();

private:
  int64_t findWide(ArrayRef<int64_t> candidates);
  FailureOr<Value> readMatrix(unsigned operand, int64_t row, int64_t column,
                              bool &isTurned);
  FailureOr<Value> multiplyStep(Value acc);
  FailureOr<Value> fold(ArrayRef<int64_t> reductions, Value acc);
  FailureOr<Value> toResult(Value sum);

  Program &program;
  const Product &product;
  linalg::GenericOp op;
  const Box &box;
  OpBuilder &b;
  Box loops;
  int64_t m = -1, n = -1, k = -1;
};
} // namespace

/// The only loop of `candidates` that is wider than one, or the first; -2 when
/// several are.
int64_t ProductEmitter::findWide(ArrayRef<int64_t> candidates) {
  int64_t wide = -1;
  for (int64_t loop : candidates) {
    if (loops.sizes[loop] == 1)
      continue;
    if (wide >= 0)
      return -2;
    wide = loop;
  }
  return wide >= 0 || candidates.empty() ? wide : candidates.front();
}

/// The part of an operand as a matrix of two loops, in the order in which it
/// lies in memory; -1 stands for a dimension of one.
FailureOr<Value> ProductEmitter::readMatrix(unsigned operand, int64_t row,
                                            int64_t column, bool &isTurned) {
  AffineMap map = op.getIndexingMapsArray()[operand];
  Box part;
  SmallVector<int64_t> order;
  for (AffineExpr expr : map.getResults()) {
    int64_t loop = cast<AffineDimExpr>(expr).getPosition();
    part.offsets.push_back(loops.offsets[loop]);
    part.sizes.push_back(loops.sizes[loop]);
    part.aligned.push_back(loops.aligned[loop]);
    if (loop == row || loop == column)
      order.push_back(loop);
  }
  FailureOr<Value> tile = program.tile(op->getOperand(operand), part);
  if (failed(tile))
    return failure();
  isTurned = order.size() == 2 && order.front() == column;
  int64_t rows = row < 0 ? 1 : loops.sizes[row], columns = loops.sizes[column];
  if (isTurned)
    std::swap(rows, columns);
  return program.reshape(*tile, {rows, columns});
}

FailureOr<Value> ProductEmitter::multiplyStep(Value acc) {
  bool turnedA = false, turnedB = false;
  FailureOr<Value> left = readMatrix(product.a, m, k, turnedA);
  if (failed(left))
    return failure();
  // The other way round B is [K, N].
  FailureOr<Value> right = readMatrix(product.b, n, k, turnedB);
  if (failed(right))
    return failure();
  tile::MmaForm form = turnedA
                           ? (turnedB ? tile::MmaForm::TN : tile::MmaForm::TT)
                           : (turnedB ? tile::MmaForm::NN : tile::MmaForm::NT);
  return multiply(program, program.toF32(*left), *right, acc, form);
}

FailureOr<Value> ProductEmitter::fold(ArrayRef<int64_t> reductions, Value acc) {
  if (reductions.empty())
    return multiplyStep(acc);
  int64_t loop = reductions.front(), extent = op.getStaticLoopRanges()[loop];
  if (extent == loops.sizes[loop])
    return fold(reductions.drop_front(), acc);
  Value end = program.index(extent);
  if (ShapedType::isDynamic(extent)) {
    AffineMap map = op.getIndexingMapsArray()[product.a];
    auto position = map.getResultPosition(b.getAffineDimExpr(loop));
    end = program.extent(op->getOperand(product.a), *position);
  }
  auto results = buildStream(
      program, loop == k ? "k" : "d" + std::to_string(loop), program.index(0),
      end, loops.sizes[loop], acc,
      [&](Value position, ValueRange carry) -> FailureOr<SmallVector<Value>> {
        loops.offsets[loop] = position;
        FailureOr<Value> next = fold(reductions.drop_front(), carry[0]);
        if (failed(next))
          return failure();
        return SmallVector<Value>{*next};
      });
  if (failed(results))
    return failure();
  return (*results)[0];
}

/// The sum [M, N] in the box's shape and the result's elements, the init added.
FailureOr<Value> ProductEmitter::toResult(Value sum) {
  OpOperand *init = op.getDpsInitOperand(0);
  AffineMap map = op.getMatchingIndexingMap(init);
  auto type = cast<VectorType>(sum.getType());
  for (AffineExpr expr : map.getResults()) {
    int64_t loop = cast<AffineDimExpr>(expr).getPosition();
    if (loop == m && m >= 0)
      break;
    if (loop != n)
      continue;
    if (m < 0)
      break;
    auto turned = VectorType::get({type.getDimSize(1), type.getDimSize(0)},
                                  type.getElementType());
    sum = tile::TransposeOp::create(b, program.loc, turned, sum,
                                    ArrayRef<int64_t>{1, 0});
    break;
  }
  sum = program.reshape(sum, box.sizes);
  auto start = getSplatValue(init->get());
  bool isZero = start && isa<FloatAttr>(*start) &&
                cast<FloatAttr>(*start).getValue().isZero();
  if (!isZero) {
    FailureOr<Value> tile = program.tileF32(init->get(), box);
    if (failed(tile))
      return failure();
    sum = arith::AddFOp::create(b, program.loc, *tile, sum);
  }
  Type element = cast<RankedTensorType>(init->get().getType()).getElementType();
  if (element.isF32())
    return sum;
  return arith::TruncFOp::create(b, program.loc,
                                 cast<VectorType>(sum.getType()).clone(element),
                                 sum)
      .getResult();
}

FailureOr<Value> ProductEmitter::emit() {
  int64_t count = op.getNumLoops();
  loops.offsets.assign(count, b.getIndexAttr(0));
  loops.sizes.assign(count, 1);
  loops.aligned.assign(count, true);
  AffineMap map = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  for (auto [position, expr] : llvm::enumerate(map.getResults())) {
    int64_t loop = cast<AffineDimExpr>(expr).getPosition();
    loops.offsets[loop] = box.offsets[position];
    loops.sizes[loop] = box.sizes[position];
    loops.aligned[loop] = box.aligned[position];
  }
  m = findWide(product.m);
  n = findWide(product.n);
  k = getLongest(op, product.k);
  int64_t depth = op.getStaticLoopRanges()[k];
  loops.sizes[k] = std::min(getSizes(product, program.kernel).k,
                            ShapedType::isDynamic(depth) ? 64 : depth);
  bool isWhole = llvm::all_of(product.k, [&](int64_t loop) {
    return op.getStaticLoopRanges()[loop] == loops.sizes[loop];
  });
  Value acc;
  if (!isWhole) {
    int64_t rows = m < 0 ? 1 : loops.sizes[m],
            columns = n < 0 ? 1 : loops.sizes[n];
    acc = program.splat(VectorType::get({rows, columns}, b.getF32Type()), 0.0);
  }
  // The longest depth innermost.
  SmallVector<int64_t> reductions(product.k);
  llvm::erase(reductions, k);
  reductions.push_back(k);
  FailureOr<Value> sum = fold(reductions, acc);
  if (failed(sum))
    return failure();
  return toResult(*sum);
}

FailureOr<Value> emitProduct(Program &program, const Product &product,
                             const Box &box) {
  return ProductEmitter(program, product, box).emit();
}

bool fitsProduct(const Product &product, const Box &box) {
  linalg::GenericOp op = product.op;
  auto countWide = [&](ArrayRef<int64_t> loops) {
    AffineMap map = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
    return llvm::count_if(llvm::enumerate(map.getResults()), [&](auto result) {
      int64_t loop = cast<AffineDimExpr>(result.value()).getPosition();
      return llvm::is_contained(loops, loop) && box.sizes[result.index()] != 1;
    });
  };
  bool hasDepth = llvm::none_of(product.k, [&](int64_t loop) {
    return op.getStaticLoopRanges()[loop] == 0;
  });
  return hasDepth && countWide(product.batch) == 0 &&
         countWide(product.m) <= 1 && countWide(product.n) <= 1;
}

} // namespace sennit::schedule
