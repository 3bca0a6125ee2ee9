// Walks the body of one work item: control flow, elements of tiles, memory.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_EMIT_EMITTER_H
#define SENNIT_COMPILER_EMIT_EMITTER_H

#include "compiler/emit/Plan.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/TypeUtilities.h"

#include "llvm/ADT/SmallBitVector.h"

#include <map>

namespace sennit::emit {

/// Lanes of a vector of neighbours in a tile's row. LLVM scalarises other
/// widths on a CPU (48 lanes ran 50 times slower), and splits 16 into two where
/// it must.
constexpr int64_t lanes = 16;

/// Where a tile is evaluated: one index per dimension. With `vector`, the last
/// one is the first of `lanes` neighbours; lanes past the tile's extent hold
/// anything.
struct Point {
  llvm::SmallVector<mlir::Value> at;
  bool vector = false;
  /// With `vector`: no lane lies at or past this index along the last
  /// dimension.
  int64_t reach = 0;

  /// Whether all indices are known; outer loops see points with holes.
  bool isKnown() const { return !llvm::is_contained(at, mlir::Value()); }
};

/// The order of a map whose entries stay where they are.
struct ByAddress {
  bool operator()(mlir::Value a, mlir::Value b) const {
    return a.getAsOpaquePointer() < b.getAsOpaquePointer();
  }
};

/// What one target's emission adds to the walk over an item: how the loops over
/// a tile's elements run, and what computes products, reductions and scans.
class Emitter {
public:
  using Body = llvm::function_ref<void(const Point &)>;

  Emitter(mlir::OpBuilder &builder, mlir::Location loc, const Plan &plan,
          mlir::IRMapping &scalars, mlir::Region &function, mlir::Value scratch)
      : builder(builder), loc(loc), plan(plan), scalars(scalars),
        function(function), scratch(scratch) {}
  virtual ~Emitter() = default;

  /// Fills the places that loads outside their bounds are led to.
  void emitPads();
  /// Emits an op on scalars that stands before the grid.
  void emitScalar(mlir::Operation *op) { emitOp(op); }
  /// Emits the ops of an item, a branch or an iteration, less the terminator.
  void emitBlock(mlir::Block &block);

protected:
  //===--------------------------------------------------------------------===//
  // The target's
  //===--------------------------------------------------------------------===//

  /// Runs `body` at the points of `shape`, in any order. `read` is evaluated at
  /// the body's point: what it needs of outer loops only may be computed there.
  /// `limits` may hold, per dimension, an end below the extent.
  virtual void emitNest(llvm::ArrayRef<int64_t> shape, mlir::Value read,
                        Body body, llvm::ArrayRef<mlir::Value> limits = {}) = 0;
  /// Fills the buffers of an op whose results stand in scratch.
  virtual void emitTile(mlir::Operation *op) = 0;
  /// Before the iteration of a stream: what its next tiles may be asked for.
  virtual void emitPrefetches(tile::StreamOp stream) {}
  /// At the start of a block, and after each of its ops.
  virtual void enterBlock() {}
  virtual void leaveOp(mlir::Operation *op) {}
  /// Loads from `pointer`, or gives `pad` where `isInside`, which may be null,
  /// does not hold. Lanes outside `mask`, which may be null, are `pad` too.
  virtual mlir::Value loadInside(mlir::Value pointer, mlir::Type raw,
                                 mlir::Value isInside, bool vector,
                                 mlir::Value mask, mlir::TypedAttr pad);

  /// A position that `bound` limits, where reading outside of it would fault.
  virtual mlir::Value confine(mlir::Value position, mlir::Value bound) {
    return position;
  }

  // EmitLoops.cpp: control flow and carries.
  using LoopBody = llvm::function_ref<mlir::ValueRange(mlir::Value)>;
  void emitOp(mlir::Operation *op);
  void emitExtract(mlir::vector::ExtractOp extract);
  void emitStream(tile::StreamOp stream);
  void emitFor(mlir::scf::ForOp loop);
  void emitIf(mlir::scf::IfOp branch);
  void emitBranch(mlir::scf::IfOp branch, mlir::Block &from);
  void emitCarriedLoop(mlir::Value lower, mlir::Value upper, mlir::Value step,
                       mlir::ValueRange inits, mlir::ValueRange carried,
                       mlir::ValueRange results, LoopBody body);
  void emitNextCarries(mlir::ValueRange carried, mlir::ValueRange next);
  void copyTo(const Buffer &target, mlir::Value tile);
  /// `copyTo` of a tile that is computed here, not read from its own buffer.
  void compute(mlir::Value tile);
  void emitConcat(tile::ConcatOp op);

  // EmitNests.cpp: loops of the thread that emits them.
  void emitLoop(mlir::Value lower, mlir::Value upper, int64_t step,
                llvm::function_ref<void(mlir::Value)> body);
  /// Loops from zero to `extent`; `body` takes the index and the values of the
  /// last round and returns the next.
  using FoldBody = llvm::function_ref<llvm::SmallVector<mlir::Value>(
      mlir::Value, mlir::ValueRange)>;
  llvm::SmallVector<mlir::Value>
  emitFold(int64_t extent, int64_t step, mlir::ValueRange inits, FoldBody body);

  // EmitValues.cpp: elements of tiles.
  mlir::Value emit(mlir::Value tile, const Point &point);
  mlir::Value emitUncached(mlir::Value tile, const Point &point);
  mlir::Value emitElementwise(mlir::Operation *op, const Point &point);
  mlir::Value emitConstant(mlir::arith::ConstantOp op, const Point &point);
  mlir::Value emitTable(mlir::arith::ConstantOp op, const Point &point);
  mlir::Value emitIota(tile::IotaOp op, const Point &point);
  mlir::Value emitBuffer(const Buffer &buffer, mlir::Type element,
                         const Point &point);
  void hoist(mlir::Value tile, const Point &point);
  Point getOperandPoint(mlir::Operation *shapeOp, const Point &point);
  Point getReshapedPoint(tile::ReshapeOp op, const Point &point);
  Point getEssentialPoint(mlir::Value tile, const Point &point);
  const llvm::SmallBitVector &getVaryingDims(mlir::Value tile);
  llvm::SmallBitVector findVaryingDims(mlir::Value tile);
  void remember(mlir::Value tile, const Point &point, mlir::Value value);

  // EmitMemory.cpp: views and scratch.
  struct Address;
  template <typename OpTy>
  Address getAddress(OpTy op, llvm::ArrayRef<mlir::Value> at, int64_t laneDim,
                     int64_t reach);
  template <typename OpTy>
  mlir::Value getLaneLimit(OpTy op, llvm::ArrayRef<mlir::Value> at,
                           int64_t laneDim, int64_t reach, int64_t extent);
  mlir::Value emitLoad(tile::LoadOp load, const Point &point);
  /// Lanes run along tile dimension `laneDim`, or nowhere when it is -1.
  mlir::Value emitLoadAlong(tile::LoadOp load, llvm::ArrayRef<mlir::Value> at,
                            int64_t laneDim, int64_t reach);
  /// 32 neighbours of 16 bits as 16 integers of 32: none may lie outside along
  /// the lanes.
  mlir::Value emitPairLoad(tile::LoadOp load, llvm::ArrayRef<mlir::Value> at,
                           int64_t laneDim);
  mlir::Value getPointer(tile::LoadOp load, llvm::ArrayRef<mlir::Value> at);
  mlir::Value getPointer(tile::StoreOp store, llvm::ArrayRef<mlir::Value> at);
  mlir::Value emitMemrefLoad(mlir::memref::LoadOp load);
  mlir::Value emitGather(tile::LoadOp load, const Address &address,
                         mlir::Value mask);
  void emitStore(tile::StoreOp store);
  void emitGroupedStore(tile::StoreOp store);
  void storeVector(tile::StoreOp store, const Point &point, mlir::Value value);
  void emitScatter(tile::StoreOp store, const Address &address,
                   mlir::Value value, mlir::Value mask);

  // EmitAccess.cpp: pointers, masks and the forms that elements have in memory.
  mlir::Value loadRaw(mlir::Value pointer, mlir::Type element, bool vector,
                      mlir::Value mask = {}, mlir::TypedAttr pad = {});
  virtual void storeRaw(mlir::Value pointer, mlir::Value value,
                        mlir::Value mask = {});
  mlir::Value getPadPointer(mlir::TypedAttr pad);
  mlir::Value getMask(mlir::Value limit);
  mlir::Value hide(mlir::Value index);
  mlir::Value getLanePointers(const Address &address);
  mlir::Value both(mlir::Value a, mlir::Value b);
  mlir::Value getBufferPointer(const Buffer &buffer,
                               llvm::ArrayRef<mlir::Value> at);
  void storeBuffer(const Buffer &buffer, const Point &point, mlir::Value value);
  /// Elements of a matrix unit's operand, in its parts.
  virtual void storeParts(const Buffer &buffer, mlir::Value pointer,
                          mlir::Value value) {
    llvm_unreachable("the target's plan has no parts");
  }
  mlir::Value widen(mlir::Value raw, mlir::Type element);
  mlir::Value narrow(mlir::Value value, mlir::Type element);
  mlir::Value roundTo(mlir::Value value, mlir::Type element);
  virtual mlir::Value roundToBFloat(mlir::Value value);
  /// The upper halves of words of 32 bits.
  mlir::Value takeUpper(mlir::Value words);

  // EmitFolds.cpp: one step of reductions and scans.
  mlir::Value combine(tile::ReduceKind kind, mlir::Value a, mlir::Value b);
  mlir::Value combineAll(tile::ReduceKind kind,
                         llvm::SmallVector<mlir::Value> parts);
  mlir::TypedAttr getIdentity(tile::ReduceKind kind, mlir::Type element);
  mlir::Value emitScanStep(tile::ScanOp scan, const Point &point,
                           mlir::Value state);
  mlir::Value emitScanInit(tile::ScanOp scan, const Point &point);

  // EmitScalars.cpp: indices and vectors.
  mlir::Value constant(int64_t value);
  mlir::Value constantOf(mlir::TypedAttr value, bool vector);
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value add(mlir::Value a, int64_t b);
  mlir::Value subtract(mlir::Value a, mlir::Value b);
  mlir::Value multiply(mlir::Value a, int64_t b);
  mlir::Value divide(mlir::Value a, int64_t b);
  mlir::Value remainder(mlir::Value a, int64_t b);
  mlir::Value minimum(mlir::Value a, mlir::Value b);
  mlir::Value splat(mlir::Value scalar);
  mlir::Value toInteger(mlir::Value index, unsigned width = 64);
  mlir::Value laneNumbers(unsigned width);
  mlir::Value pointerAt(mlir::Value base, mlir::Type element,
                        mlir::Value offset);
  mlir::Type vectorOf(mlir::Type element);

  mlir::OpBuilder &builder;
  mlir::Location loc;
  const Plan &plan;
  /// Program scalars and views to what stands for them.
  mlir::IRMapping &scalars;
  mlir::Region &function;
  mlir::Value scratch;
  /// The tile in scratch whose elements are being computed, not read.
  mlir::Value computing;
  std::map<int64_t, mlir::Value> constants;
  int64_t tables = 0;

  /// Elements emitted in the blocks around the insertion point.
  using Key = std::tuple<void *, bool, llvm::SmallVector<void *>>;
  using Cache = std::map<Key, mlir::Value>;
  static Key getKey(mlir::Value tile, const Point &point);
  llvm::SmallVector<Cache> caches{Cache()};
  std::map<mlir::Value, llvm::SmallBitVector, ByAddress> varyingDims;
};

} // namespace sennit::emit

#endif // SENNIT_COMPILER_EMIT_EMITTER_H
