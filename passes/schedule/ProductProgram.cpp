// The program of a matrix product, or of two that share their activations.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/Models.h"
#include "passes/schedule/TileSizes.h"

#include "dialects/seq/SeqForms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/MathExtras.h"

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

namespace {
/// One item: a tile of rows by the columns that it walks.
class ProductItem {
public:
  explicit ProductItem(KernelBuilder &kernel)
      : kernel(kernel), products(getProducts(kernel.kernel)),
        activations(seq::getActivations(products.front())),
        matrix(cast<RankedTensorType>(
            seq::getMatrix(products.front()).get().getType())),
        width(matrix.getDimSize(0)), depth(matrix.getDimSize(1)),
        program(kernel, kernel.kernel.getKind()) {
    chooseSizes();
  }

  LogicalResult build() {
    // Rows vary fastest: consecutive items read the same panels of the matrix.
    SmallVector<Value> position =
        program.openGrid({program.index(width), program.extent(activations, 0)},
                         {sizes.span, sizes.m}, {"n", "m"});
    row = position[1];
    if (failed(
            program.hoistRowReductions(activations, Box({row}, {sizes.m}))) ||
        failed(sizes.k == depth ? walkColumns(position[0])
                                : walkDepth(position[0])))
      return failure();
    return program.finish();
  }

private:
  void chooseSizes() {
    int64_t most = kernel.rowBound(activations), count = products.size();
    auto type = cast<RankedTensorType>(activations.getType());
    bool isWhole = mergesRows(kernel.kernel, products.back());
    isCopied = !isWhole && !kernel.isInside(activations) &&
               isAsynchronous(kernel.core, most, type, matrix);
    if (isCopied)
      sizes = getAsynchronousSizes(kernel.core, most, width, depth, count);
    else
      chooseProductSizes({most, width, depth, type.getElementType(),
                          matrix.getElementType(), getGroup(matrix), count,
                          /*walks=*/!isWhole});
    // Words are read by whole panels.
    if (isWhole)
      sizes.n = sizes.span = std::max(
          sizes.n,
          seq::getQuantized(products.front())
              ? int64_t(llvm::alignTo(width, getPanelRows(kernel.core)))
              : width);
  }

  /// Of quantised words, few rows take all of the depth and many columns, and
  /// parts of the depth do not part groups.
  void chooseProductSizes(ProductShape shape) {
    constexpr int64_t fewRows = 16, mostPanels = 64;
    seq::DequantizeOp words = seq::getQuantized(products.front());
    if (words) {
      shape.group = chooseGroup(kernel.core, matrix);
      shape.keepsDepth = shape.rows <= fewRows || shape.group == 1;
    }
    sizes = getProductSizes(kernel.core, shape, kernel.choices);
    if (!words)
      return;
    int64_t group = words.getGroup();
    if (sizes.k != depth && sizes.k % group != 0 && group % sizes.k != 0) {
      shape.keepsDepth = true;
      sizes = getProductSizes(kernel.core, shape, kernel.choices);
    }
    int64_t panel = getPanelRows(kernel.core);
    if (sizes.m <= fewRows && sizes.k == depth)
      sizes.n = panel * getDivisor(sizes.span / panel, mostPanels);
  }

  FailureOr<Value> emitRows(OpFoldResult k) {
    Box box({row, k}, {sizes.m, sizes.k});
    return isCopied ? program.tile(activations, box)
                    : program.tileF32(activations, box);
  }

  FailureOr<SmallVector<Value>> multiplyAll(Value a, OpFoldResult n,
                                            OpFoldResult k, ValueRange sums) {
    SmallVector<Value> next;
    for (auto [i, product] : llvm::enumerate(products)) {
      FailureOr<Value> b = program.tile(seq::getMatrix(product).get(),
                                        Box({n, k}, {sizes.n, sizes.k}));
      if (failed(b))
        return failure();
      next.push_back(multiply(program, a, *b, sums.empty() ? Value() : sums[i],
                              tile::MmaForm::NT));
    }
    return next;
  }

  LogicalResult emitOutputs(OpFoldResult n, ValueRange sums) {
    Box box({row, n}, {sizes.m, sizes.n});
    if (sizes.n >= width)
      box = Box({row, program.builder.getIndexAttr(0)}, {sizes.m, width});
    for (auto [product, sum] : llvm::zip_equal(products, sums))
      program.seed(product->getResult(0), box, program.trim(sum, box.sizes));
    return program.storeOutputs(box);
  }

  /// Sums over parts of the depth.
  LogicalResult walkDepth(Value n) {
    auto type =
        VectorType::get({sizes.m, sizes.n}, program.builder.getF32Type());
    SmallVector<Value> zeros(products.size(), program.splat(type, 0.0));
    auto sums = buildStream(
        program, "k", program.index(0), program.index(depth), sizes.k, zeros,
        [&](Value k, ValueRange carried) -> FailureOr<SmallVector<Value>> {
          FailureOr<Value> a = emitRows(k);
          if (failed(a))
            return failure();
          return multiplyAll(*a, n, k, carried);
        });
    return failed(sums) ? failure() : emitOutputs(n, *sums);
  }

  /// The rows are made ready once for all columns.
  LogicalResult walkColumns(Value first) {
    OpFoldResult zero = program.builder.getIndexAttr(0);
    FailureOr<Value> a = emitRows(zero);
    if (failed(a))
      return failure();
    auto emitColumns = [&](Value n) -> LogicalResult {
      auto sums = multiplyAll(*a, n, zero, {});
      return failed(sums) ? failure() : emitOutputs(n, *sums);
    };
    if (sizes.span == sizes.n)
      return emitColumns(first);
    Value end = program.add(first, program.index(sizes.span));
    return buildStream(
        program, "n", first, end, sizes.n, {},
        [&](Value n, ValueRange) -> FailureOr<SmallVector<Value>> {
          if (failed(emitColumns(n)))
            return failure();
          return SmallVector<Value>();
        });
  }

  KernelBuilder &kernel;
  /// One, or several of the same activations.
  SmallVector<Operation *> products;
  Value activations;
  RankedTensorType matrix;
  int64_t width, depth;
  Program program;
  ProductSizes sizes;
  /// Whether an engine copies the activations, as they are.
  bool isCopied = false;
  OpFoldResult row;
};
} // namespace

LogicalResult buildProductProgram(KernelBuilder &kernel) {
  return ProductItem(kernel).build();
}

} // namespace sennit::schedule
