// The programs of the model's edges: embedding rows, packed weights; and their
// registration.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "passes/schedule/Models.h"
#include "passes/schedule/Passes.h"
#include "passes/schedule/TileSizes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace sennit::schedule {

namespace {
struct EmbedModel
    : TileProgramOpInterface::ExternalModel<EmbedModel, seq::EmbedOp> {
  FailureOr<Value> emitTile(Operation *op, Program &program, unsigned,
                            const Box &box) const {
    auto embed = cast<seq::EmbedOp>(op);
    OpBuilder &b = program.builder;
    auto table = embed.getTable().getType();
    SmallVector<std::pair<int64_t, Value>> bounds, columns;
    if (box.sizes[0] > 1)
      bounds.push_back({0, program.extent(embed.getTokens(), 0)});
    if (table.getDimSize(1) % box.sizes[1] != 0)
      columns.push_back({1, program.index(table.getDimSize(1))});
    auto indexType = VectorType::get({box.sizes[0]}, b.getI32Type());
    Value row = tile::LoadOp::create(
        b, program.loc, indexType, program.view(embed.getTokens()),
        ValueRange{program.value(box.offsets[0])}, ArrayRef<int64_t>{0}, bounds,
        b.getI32IntegerAttr(-1));
    // No view holds row -1; one past the table's last would be read.
    Value end = program.broadcast(program.extent(embed.getTable(), 0),
                                  indexType.getShape(), {});
    Value isRow = arith::CmpIOp::create(b, program.loc,
                                        arith::CmpIPredicate::slt, row, end);
    row = arith::SelectOp::create(b, program.loc, isRow, row,
                                  program.splatInt(indexType, -1));
    Value tile = tile::LoadOp::create(
        b, program.loc, VectorType::get(box.sizes, table.getElementType()),
        program.view(embed.getTable()),
        ValueRange{row, program.value(box.offsets[1])}, ArrayRef<int64_t>{0, 1},
        columns);
    return program.toF32(tile);
  }
};

/// One program an operand: panels of a matrix turned so that a vector runs over
/// its rows, or a plain copy into the stack.
struct PackModel
    : TileProgramOpInterface::ExternalModel<PackModel, seq::PackOp> {
  LogicalResult buildPrograms(Operation *op, KernelBuilder &kernel) const {
    auto pack = cast<seq::PackOp>(op);
    Program program(kernel, kernel.kernel.getKind());
    OpBuilder &b = program.builder;
    auto target = cast<RankedTensorType>(pack.getOutput().getType());
    int64_t rank = target.getRank(), rows = target.getDimSize(rank - 2),
            depth = target.getDimSize(rank - 1);
    auto blocked = dyn_cast_if_present<tile::BlockedAttr>(target.getEncoding());
    // The excess is written too, and holds zeros.
    if (blocked)
      depth = blocked.getGroupCount(depth) * blocked.getGroup();
    int64_t panel = blocked ? blocked.getRows() : 32,
            step = std::min<int64_t>(depth, 128);
    SmallVector<Value> item = program.openGrid(
        {program.index(rows), program.index(depth)}, {panel, step}, {"n", "k"});
    Value memory = program.outputView(pack.getOutput());
    for (auto [position, input] : llvm::enumerate(pack.getInputs())) {
      auto source = cast<RankedTensorType>(input.getType());
      if (source.getRank() != 2)
        return op->emitOpError("packs a tensor of rank ")
               << source.getRank() << ", and matrices only have a program";
      Box box({item[0], item[1]}, {panel, step});
      Value tile = program.load(input, box);
      SmallVector<Value> indices{item[0], item[1]};
      SmallVector<std::pair<int64_t, Value>> bounds;
      if (rank == 3)
        indices.insert(indices.begin(), program.index(position));
      if (!blocked && rows % panel != 0)
        bounds.push_back({0, program.index(rows)});
      if (depth % step != 0)
        bounds.push_back({blocked ? 0 : 1, program.index(depth)});
      SmallVector<int64_t> dims{rank - 2, rank - 1};
      if (blocked) {
        // Tiles are f32 between memory and memory; 16-bit values survive
        // exactly.
        bool isFloat = isa<FloatType>(target.getElementType());
        Value wide = isFloat ? program.toF32(tile) : tile;
        auto turned = VectorType::get({step, panel},
                                      getElementTypeOrSelf(wide.getType()));
        tile = tile::TransposeOp::create(b, program.loc, turned, wide,
                                         ArrayRef<int64_t>{1, 0});
        if (isFloat && !target.getElementType().isF32())
          tile = arith::TruncFOp::create(
              b, program.loc, turned.clone(target.getElementType()), tile);
        std::swap(dims[0], dims[1]);
      }
      tile::StoreOp::create(b, program.loc, tile, memory, indices, dims,
                            bounds);
    }
    return program.finish();
  }
};
} // namespace

void attachQuantizationModels(MLIRContext *context);

void attachModelModels(MLIRContext *context) {
  attachQuantizationModels(context);
  seq::EmbedOp::attachInterface<EmbedModel>(*context);
  seq::PackOp::attachInterface<PackModel>(*context);
}

} // namespace sennit::schedule

namespace sennit {
void registerTileProgramModels(DialectRegistry &registry) {
  // The models are of ops of both dialects: attach when both are there.
  registry.addExtension(+[](MLIRContext *context, seq::SeqDialect *,
                            linalg::LinalgDialect *, tensor::TensorDialect *) {
    schedule::attachLinalgModels(context);
    schedule::attachAttentionModels(context);
    schedule::attachRopeModels(context);
    schedule::attachRecurrenceModels(context);
    schedule::attachChoiceModels(context);
    schedule::attachRoutingModels(context);
    schedule::attachModelModels(context);
  });
}
} // namespace sennit
