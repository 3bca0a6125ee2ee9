// The program of a matrix product, or of two that share their activations.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/Models.h"
#include "passes/schedule/TileSizes.h"

#include "dialects/seq/SeqForms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace sennit::schedule {

Value multiply(Program &program, Value a, Value b, Value acc,
               tile::MmaForm form) {
  auto left = cast<VectorType>(a.getType()),
       right = cast<VectorType>(b.getType());
  bool leftTurned = form == tile::MmaForm::TN || form == tile::MmaForm::TT;
  bool rightTurned = form == tile::MmaForm::NT || form == tile::MmaForm::TT;
  auto type = VectorType::get({left.getDimSize(leftTurned ? 1 : 0),
                               right.getDimSize(rightTurned ? 0 : 1)},
                              program.builder.getF32Type());
  return tile::MmaOp::create(program.builder, program.loc, type, form, a, b,
                             acc);
}

/// The products of the kernel: one, or a pair of equal shape.
static SmallVector<Operation *> getProducts(seq::KernelOp kernel) {
  SmallVector<Operation *> products;
  for (Operation &op : kernel.getBody().front())
    if (seq::isContraction(&op))
      products.push_back(&op);
  return products;
}

/// Whether something behind the products merges their rows, which must then be
/// whole in one tile.
static bool mergesRows(seq::KernelOp kernel, Operation *product) {
  for (Operation *op = product->getNextNode(); op; op = op->getNextNode())
    if (auto generic = dyn_cast<linalg::GenericOp>(op))
      if (seq::isRowReduction(generic))
        return true;
  return false;
}

LogicalResult buildProductProgram(KernelBuilder &kernel) {
  SmallVector<Operation *> products = getProducts(kernel.kernel);
  Value activations = seq::getActivations(products.front());
  auto matrix =
      cast<RankedTensorType>(seq::getMatrix(products.front()).get().getType());
  int64_t width = matrix.getDimSize(0), depth = matrix.getDimSize(1);
  int64_t most = kernel.rowBound(activations);
  bool isWhole = mergesRows(kernel.kernel, products.back());
  bool isCopied =
      !isWhole && !kernel.isInside(activations) &&
      isAsynchronous(kernel.core, most,
                     cast<RankedTensorType>(activations.getType()), matrix);
  ProductSizes sizes =
      isCopied
          ? getAsynchronousSizes(most, width, products.size())
          : getProductSizes(kernel.core, most, width, depth, getGroup(matrix));
  if (isWhole)
    sizes.n = std::max(sizes.n, width);

  Program program(kernel, kernel.kernel.getKind());
  Value rows = program.extent(activations, 0);
  // Rows vary fastest: consecutive items read the same panels of the matrix.
  SmallVector<Value> position = program.openGrid(
      {program.index(width), rows}, {sizes.n, sizes.m}, {"n", "m"});
  OpFoldResult n = position[0], m = position[1];
  if (failed(program.hoistRowReductions(activations, Box({m}, {sizes.m}))))
    return failure();

  auto type = VectorType::get({sizes.m, sizes.n}, program.builder.getF32Type());
  auto step = [&](Value k,
                  ValueRange carries) -> FailureOr<SmallVector<Value>> {
    OpFoldResult at = sizes.k == depth
                          ? OpFoldResult(program.builder.getIndexAttr(0))
                          : OpFoldResult(k);
    Box rows({m, at}, {sizes.m, sizes.k});
    FailureOr<Value> a = isCopied ? program.tile(activations, rows)
                                  : program.tileF32(activations, rows);
    if (failed(a))
      return failure();
    SmallVector<Value> sums;
    for (auto [i, product] : llvm::enumerate(products)) {
      Value b = program.load(seq::getMatrix(product).get(),
                             Box({n, at}, {sizes.n, sizes.k}));
      sums.push_back(multiply(program, *a, b,
                              carries.empty() ? Value() : carries[i],
                              tile::MmaForm::NT));
    }
    return sums;
  };
  SmallVector<Value> sums;
  if (sizes.k == depth) {
    FailureOr<SmallVector<Value>> result = step(nullptr, {});
    if (failed(result))
      return failure();
    sums = *result;
  } else {
    SmallVector<Value> zeros(products.size(), program.splat(type, 0.0));
    auto result = buildStream(program, "k", program.index(0),
                              program.index(depth), sizes.k, zeros, step);
    if (failed(result))
      return failure();
    sums.assign(result->begin(), result->end());
  }
  Box box({m, n}, {sizes.m, sizes.n});
  if (sizes.n >= width)
    box = Box({m, program.builder.getIndexAttr(0)}, {sizes.m, width});
  for (auto [product, sum] : llvm::zip_equal(products, sums))
    program.seed(product->getResult(0), box, program.trim(sum, box.sizes));
  if (failed(program.storeOutputs(box)))
    return failure();
  return program.finish();
}

} // namespace sennit::schedule
