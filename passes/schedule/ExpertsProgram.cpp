// The program of the experts' products: each expert's rows gathered, nothing
// padded.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/Models.h"
#include "passes/schedule/TileSizes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace sennit::schedule {

namespace {
/// One item is one expert and a tile of columns; it walks the expert's rows.
class Experts {
public:
  explicit Experts(KernelBuilder &kernel)
      : program(kernel, kernel.kernel.getKind()) {
    for (auto op : kernel.kernel.getBody().front().getOps<seq::ExpertsOp>())
      products.push_back(op);
    first = products.front();
    auto weight = first.getWeight().getType();
    width = weight.getDimSize(1);
    depth = weight.getDimSize(2);
    // An even share of the rows, or a block; a tile of many more rows than an
    // expert has left computes rows of nobody, which only a unit of fragments
    // does not mind.
    constexpr int64_t mostFragments = 8, mostOfVectors = 24;
    int64_t share = llvm::divideCeil(kernel.rowBound(first.getOutput()),
                                     weight.getDimSize(0));
    BlockRows rows = getBlockRows(kernel.core, weight);
    sizes = getProductSizes(kernel.core,
                            {std::max(share, rows.block), width, depth,
                             first.getInput().getType().getElementType(),
                             weight.getElementType(), getGroup(weight),
                             int64_t(products.size())},
                            kernel.choices);
    sizes.m =
        std::min(sizes.m, rows.fragment == 1 ? mostOfVectors
                                             : mostFragments * rows.fragment);
    if (kernel.extents.bound(first.getInput()) == 1)
      sizes.m = 1;
  }

  LogicalResult build() {
    int64_t experts = first.getWeight().getType().getDimSize(0);
    SmallVector<Value> item =
        program.openGrid({program.index(experts), program.index(width)},
                         {1, sizes.n}, {"expert", "n"});
    expert = item[0];
    column = item[1];
    Value begin = offset(expert),
          end = offset(program.add(expert, program.index(1)));
    last = end;
    auto rows = buildStream(program, "rows", begin, end, sizes.m, {},
                            [&](Value row, ValueRange) { return step(row); });
    if (failed(rows))
      return failure();
    return program.finish();
  }

private:
  Value offset(Value position) {
    OpBuilder &b = program.builder;
    Value loaded = memref::LoadOp::create(
        b, program.loc, program.view(first.getOffsets()), position);
    return arith::IndexCastOp::create(b, program.loc, b.getIndexType(), loaded);
  }

  /// The tokens of the rows; -1 past the expert's last.
  Value sources(Value row) {
    OpBuilder &b = program.builder;
    auto type = VectorType::get({sizes.m}, b.getI32Type());
    if (!first.getPairs())
      return nullptr;
    int64_t choices = *first.getTopK();
    SmallVector<std::pair<int64_t, Value>> bounds;
    if (sizes.m > 1)
      bounds.push_back({0, last});
    // Padded so that the quotient is -1, which no view holds.
    Value pair = tile::LoadOp::create(
        b, program.loc, type, program.view(first.getPairs()), ValueRange{row},
        ArrayRef<int64_t>{0}, bounds, b.getI32IntegerAttr(-choices));
    return arith::DivSIOp::create(b, program.loc, pair,
                                  program.splatInt(type, choices));
  }

  Value loadRows(Value row, Value source, Value k) {
    OpBuilder &b = program.builder;
    auto type = VectorType::get({sizes.m, sizes.k},
                                first.getInput().getType().getElementType());
    SmallVector<std::pair<int64_t, Value>> bounds;
    if (!source && sizes.m > 1)
      bounds.push_back({0, last});
    if (depth % sizes.k != 0)
      bounds.push_back({1, program.index(depth)});
    return tile::LoadOp::create(
        b, program.loc, type, program.view(first.getInput()),
        ValueRange{source ? source : row, k}, ArrayRef<int64_t>{0, 1}, bounds);
  }

  Value loadMatrix(Value matrix, Value k) {
    OpBuilder &b = program.builder;
    auto tensor = cast<RankedTensorType>(matrix.getType());
    auto type = VectorType::get({sizes.n, sizes.k}, tensor.getElementType());
    SmallVector<std::pair<int64_t, Value>> bounds;
    if (!tensor.getEncoding() && width % sizes.n != 0)
      bounds.push_back({0, program.index(width)});
    // Steps of groups are stored whole.
    if (depth % sizes.k != 0 && getGroup(tensor) == 1)
      bounds.push_back({1, program.index(depth)});
    return tile::LoadOp::create(b, program.loc, type, program.view(matrix),
                                ValueRange{expert, column, k},
                                ArrayRef<int64_t>{1, 2}, bounds);
  }

  /// The products' sums over one step of the depth, on top of `carries`.
  SmallVector<Value> sumStep(Value row, Value source, Value k,
                             ValueRange carries) {
    Value a = loadRows(row, source, k);
    SmallVector<Value> sums;
    for (auto [i, product] : llvm::enumerate(products))
      sums.push_back(multiply(program, a, loadMatrix(product.getWeight(), k),
                              carries.empty() ? Value() : carries[i],
                              tile::MmaForm::NT));
    return sums;
  }

  FailureOr<SmallVector<Value>> sumOverDepth(Value row, Value source) {
    if (sizes.k == depth)
      return sumStep(row, source, program.index(0), {});
    auto type =
        VectorType::get({sizes.m, sizes.n}, program.builder.getF32Type());
    SmallVector<Value> zeros(products.size(), program.splat(type, 0.0));
    auto sums = buildStream(
        program, "k", program.index(0), program.index(depth), sizes.k, zeros,
        [&](Value k, ValueRange carries) -> FailureOr<SmallVector<Value>> {
          return sumStep(row, source, k, carries);
        });
    if (failed(sums))
      return failure();
    return SmallVector<Value>(sums->begin(), sums->end());
  }

  FailureOr<SmallVector<Value>> step(Value row) {
    OpBuilder &b = program.builder;
    Value source = sources(row);
    FailureOr<SmallVector<Value>> sums = sumOverDepth(row, source);
    if (failed(sums))
      return failure();
    Box box({row, column}, {sizes.m, sizes.n});
    if (sizes.n >= width)
      box = Box({row, b.getIndexAttr(0)}, {sizes.m, width});
    // An expert's rows begin anywhere.
    box.aligned[0] = false;
    for (auto [product, sum] : llvm::zip_equal(products, *sums))
      program.seed(product.getOutput(), box, program.trim(sum, box.sizes));
    // The rows of the next expert begin inside this tile: its end is the bound.
    if (failed(program.storeOutputs(box, last)))
      return failure();
    return SmallVector<Value>{};
  }

  Program program;
  SmallVector<seq::ExpertsOp> products;
  seq::ExpertsOp first;
  int64_t width, depth;
  ProductSizes sizes;
  Value expert, column, last;
};

struct ExpertsModel
    : TileProgramOpInterface::ExternalModel<ExpertsModel, seq::ExpertsOp> {
  LogicalResult buildPrograms(Operation *, KernelBuilder &kernel) const {
    return Experts(kernel).build();
  }
};
} // namespace

void attachExpertsModel(MLIRContext *context) {
  seq::ExpertsOp::attachInterface<ExpertsModel>(*context);
}

} // namespace sennit::schedule
