// Writes the body of one work item for the threads of a block.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TARGETS_CUDA_ITEMEMITTER_H
#define SENNIT_COMPILER_TARGETS_CUDA_ITEMEMITTER_H

#include "compiler/emit/Emitter.h"

namespace sennit::cuda {

class ColumnRing;
struct ColumnPart;
struct ItemProduct;
struct StagedOperand;

/// Threads of a block that runs items, a power of two.
constexpr int64_t itemThreads = 256;

/// Bytes in which threads leave parts of reductions, one number of at most
/// eight bytes each.
constexpr int64_t partBytes = itemThreads * 8;

/// All threads of a block walk the item together: each computes some elements
/// of every tile, scratch is the block's shared memory, and a barrier stands
/// between what one op writes and another reads.
class ItemEmitter : public emit::Emitter {
public:
  using Point = emit::Point;

  ItemEmitter(mlir::OpBuilder &builder, mlir::Location loc,
              const emit::Plan &plan, mlir::IRMapping &scalars,
              mlir::Region &function, mlir::Value scratch, mlir::Value shared,
              mlir::Value thread)
      : emit::Emitter(builder, loc, plan, scalars, function, scratch),
        shared(shared), thread(thread) {}

  struct MatrixBlock;

  // EmitItemColumns.cpp: what warps read ahead of their products.
  /// Where this lane begins to read an item's matrix: its bytes of the first
  /// column; the last column that there is, or null where all are; and whether
  /// there is anything, or null where there is.
  struct ColumnPlace {
    mlir::Value pointer, last, isThere;
  };
  /// Products of few rows read what `columns` finds in grid `number` through
  /// slots that begin at `start` in shared memory.
  void useRing(const ColumnRing &columns, size_t number, mlir::Value start) {
    ring = &columns;
    gridNumber = number;
    ringStart = start;
  }
  /// Where this lane begins an item, at the grid's indices.
  ColumnPlace getFirstColumns();
  /// Begins to copy what lies at `place`.
  void fillRing(const ColumnPlace &place);
  /// What this lane reads after the item that is emitted next.
  void setNextItem(const ColumnPlace &place) { nextItem = place; }

private:
  // EmitItemNests.cpp: elements over threads, and barriers.
  void emitNest(llvm::ArrayRef<int64_t> shape, mlir::Value read, Body body,
                llvm::ArrayRef<mlir::Value> limits = {}) override;
  void enterBlock() override { mayRead = true; }
  void leaveOp(mlir::Operation *op) override;
  mlir::Value loadInside(mlir::Value pointer, mlir::Type raw,
                         mlir::Value isInside, bool vector, mlir::Value mask,
                         mlir::TypedAttr pad) override;
  mlir::Value confine(mlir::Value position, mlir::Value bound) override;
  void storeRaw(mlir::Value pointer, mlir::Value value,
                mlir::Value mask = {}) override;
  /// Runs `body` on this thread's numbers below `count`, of which there are at
  /// most `most`; `unroll` or fewer of them in one group.
  void emitShare(mlir::Value count, int64_t most, int64_t unroll,
                 llvm::function_ref<void(mlir::Value)> body);
  /// Runs `body`, whose stores stand behind all of its loads.
  void emitGroup(llvm::function_ref<void()> body);
  /// Runs `body` where `condition` holds.
  void emitWhere(mlir::Value condition, llvm::function_ref<void()> body);
  mlir::Value isLess(mlir::Value a, mlir::Value b);
  /// The point of a tile's element by its row-major number.
  Point getPoint(llvm::ArrayRef<int64_t> shape, mlir::Value number);
  /// Waits for all threads, if any may still read what is written next.
  void beginWrites();
  /// Waits for all threads, so that all see what was written.
  void endWrites();
  void synchronize();

  // EmitItemTiles.cpp.
  void emitTile(mlir::Operation *op) override;

  // EmitItemProducts.cpp: products of few rows.
  void emitProduct(tile::MmaOp mma);
  void emitThreads(const ItemProduct &product);
  void emitColumns(const ItemProduct &product);
  llvm::SmallVector<mlir::Value>
  foldColumns(const ItemProduct &product, llvm::ArrayRef<mlir::Value> columns,
              mlir::Value lane);

  // EmitItemColumns.cpp
  bool emitRingColumns(const ItemProduct &product);
  mlir::Value getFirstDepth();
  mlir::Value getFirstColumn();
  ColumnPlace getColumns(const ColumnPart &part);
  mlir::Value getSlot(int64_t slot);
  void copyStep(const ColumnPlace &from, mlir::Value depth, int64_t column,
                int64_t slot);
  llvm::SmallVector<mlir::Value> foldRing(const ItemProduct &product,
                                          const ColumnPlace &own,
                                          const ColumnPlace &next);
  llvm::SmallVector<mlir::Value> readRows(const ItemProduct &product,
                                          mlir::Value depth);
  llvm::SmallVector<mlir::Value>
  takeSteps(const ItemProduct &product, llvm::SmallVector<mlir::Value> sums,
            llvm::ArrayRef<mlir::Value> rows, int64_t slot,
            const ColumnPlace &from, mlir::Value depth);
  std::pair<mlir::Value, mlir::Value>
  combineLanes(llvm::SmallVector<mlir::Value> sums);
  void storeRingSums(const ItemProduct &product,
                     llvm::ArrayRef<mlir::Value> sums);

  // EmitItemMatrix.cpp: products on the matrix unit.
  void emitMatrix(const ItemProduct &product);
  void emitMatrixBlock(const MatrixBlock &block);
  void forEachSum(const MatrixBlock &block,
                  llvm::function_ref<void(mlir::Value, mlir::Value)> body);
  mlir::Value isResult(const MatrixBlock &block, mlir::Value row,
                       mlir::Value column);
  llvm::SmallVector<mlir::Value> startSums(const MatrixBlock &block);
  void storeSums(const MatrixBlock &block, mlir::ValueRange sums);
  /// A row, the first of neighbours along its depth, and whether this thread
  /// copies them; null when every thread does.
  struct CopyPlace {
    mlir::Value row, start, isOwn;
  };
  CopyPlace getCopyPlace(const StagedOperand &operand, int64_t round,
                         bool alongRows);
  llvm::SmallVector<mlir::Value> readOperand(const MatrixBlock &block, bool isA,
                                             mlir::Value depth);
  llvm::SmallVector<mlir::Value> readStep(const MatrixBlock &block,
                                          mlir::Value depth);
  void writeOperand(const MatrixBlock &block, bool isA,
                    mlir::ValueRange values);
  void writeStep(const MatrixBlock &block, mlir::ValueRange values);
  mlir::Value packPair(mlir::Value low, mlir::Value high);
  mlir::Value packRests(mlir::Value low, mlir::Value high, mlir::Value pair);
  llvm::SmallVector<mlir::Value> loadFragment(const StagedOperand &operand,
                                              mlir::Value lane, mlir::Value row,
                                              int64_t depth, int64_t part,
                                              bool isA);
  void multiplyFragments(llvm::ArrayRef<mlir::Value> a,
                         llvm::ArrayRef<mlir::Value> b,
                         llvm::MutableArrayRef<mlir::Value> sums);
  llvm::SmallVector<mlir::Value>
  multiplyBlock(const MatrixBlock &block, llvm::SmallVector<mlir::Value> sums);

  // EmitItemReductions.cpp.
  void emitReduce(tile::ReduceOp reduce);
  mlir::Value foldShare(tile::ReduceOp reduce, const Point &result,
                        mlir::Value lane, int64_t team);
  mlir::Value combineTeam(tile::ReduceKind kind, mlir::Value part,
                          int64_t team);
  mlir::Value combineParts(tile::ReduceKind kind, mlir::Value part,
                           mlir::Value lane, int64_t team, bool together);
  mlir::Value combineWarps(tile::ReduceKind kind, mlir::Value part,
                           int64_t team);
  mlir::Value getPartPointer(mlir::Value number, mlir::Type type);

  // EmitItemScans.cpp.
  void emitScan(tile::ScanOp scan);
  void emitFusedScan(tile::ScanOp scan, tile::ReduceOp reduce);

  /// The block's shared memory: parts of reductions, then staged operands.
  mlir::Value shared;
  /// This thread's number in its block, an index.
  mlir::Value thread;
  /// Whether a thread may still read scratch or a view, outside of nests.
  bool mayRead = true;
  /// The ring of the kernel's columns, if it has one, the grid's number, and
  /// where the block's next item begins to read.
  const ColumnRing *ring = nullptr;
  size_t gridNumber = 0;
  mlir::Value ringStart;
  ColumnPlace nextItem;
  /// The block of a group of elements, if one is emitted, and the stores that
  /// wait for its end: pointer, value, mask.
  mlir::Block *group = nullptr;
  llvm::SmallVector<std::array<mlir::Value, 3>> waiting;
};

} // namespace sennit::cuda

#endif // SENNIT_COMPILER_TARGETS_CUDA_ITEMEMITTER_H
