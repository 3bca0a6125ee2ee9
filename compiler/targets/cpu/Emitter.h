// Writes the body of one work item as loops over vectors of 16 lanes.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TARGETS_CPU_EMITTER_H
#define SENNIT_COMPILER_TARGETS_CPU_EMITTER_H

#include "compiler/targets/cpu/Plan.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/TypeUtilities.h"

#include "llvm/ADT/SmallBitVector.h"

#include <map>

namespace sennit::cpu {

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

class Emitter {
public:
  using Body = llvm::function_ref<void(const Point &)>;

  Emitter(mlir::OpBuilder &builder, mlir::Location loc, const Plan &plan,
          const CpuMachine &machine, mlir::IRMapping &scalars,
          mlir::Region &function, mlir::Value scratch)
      : builder(builder), loc(loc), plan(plan), machine(machine),
        scalars(scalars), function(function), scratch(scratch) {}

  /// Fills the places that loads outside their bounds are led to.
  void emitPads();
  /// Emits an op on scalars that stands before the grid.
  void emitScalar(mlir::Operation *op) { emitOp(op); }
  /// Emits the ops of an item, a branch or an iteration, less the terminator.
  void emitBlock(mlir::Block &block);

private:
  // EmitLoops.cpp: control flow and carries.
  using LoopBody = llvm::function_ref<mlir::ValueRange(mlir::Value)>;
  void emitOp(mlir::Operation *op);
  void emitExtract(mlir::vector::ExtractOp extract);
  void emitStream(tile::StreamOp stream);
  void emitFor(mlir::scf::ForOp loop);
  void emitPrefetches(tile::StreamOp stream);
  void emitIf(mlir::scf::IfOp branch);
  void emitBranch(mlir::scf::IfOp branch, mlir::Block &from);
  void emitCarriedLoop(mlir::Value lower, mlir::Value upper, mlir::Value step,
                       mlir::ValueRange inits, mlir::ValueRange carried,
                       mlir::ValueRange results, LoopBody body);
  void emitNextCarries(mlir::ValueRange carried, mlir::ValueRange next);
  void copyTo(const Buffer &target, mlir::Value tile);

  // EmitNests.cpp: loops over a tile's elements.
  void emitLoop(mlir::Value lower, mlir::Value upper, int64_t step,
                llvm::function_ref<void(mlir::Value)> body);
  /// Loops from zero to `extent`; `body` takes the index and the values of the
  /// last round and returns the next.
  using FoldBody = llvm::function_ref<llvm::SmallVector<mlir::Value>(
      mlir::Value, mlir::ValueRange)>;
  llvm::SmallVector<mlir::Value>
  emitFold(int64_t extent, int64_t step, mlir::ValueRange inits, FoldBody body);
  /// Loops over the vectors of `shape`. `read` is evaluated at the body's
  /// point: what it needs of outer loops only is computed there. `limits` may
  /// hold, per dimension, an end below the extent.
  void emitNest(llvm::ArrayRef<int64_t> shape, mlir::Value read, Body body,
                llvm::ArrayRef<mlir::Value> limits = {});
  void emitNestDim(llvm::ArrayRef<int64_t> shape, mlir::Value read, Body body,
                   llvm::ArrayRef<mlir::Value> limits, Point &point,
                   size_t dim);
  /// Loops over `shape` one element at a time, its last dimension from `first`.
  void emitScalarNest(llvm::ArrayRef<int64_t> shape, Body body,
                      int64_t first = 0);

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
  /// 32 neighbours of 16 bits as 16 integers of 32; none may lie outside.
  mlir::Value emitPairLoad(tile::LoadOp load, llvm::ArrayRef<mlir::Value> at,
                           int64_t laneDim);
  mlir::Value getPointer(tile::LoadOp load, llvm::ArrayRef<mlir::Value> at);
  void emitPrefetch(tile::LoadOp load, int64_t dim, int64_t ahead);
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
  void storeRaw(mlir::Value pointer, mlir::Value value, mlir::Value mask = {});
  mlir::Value getPadPointer(mlir::TypedAttr pad);
  mlir::Value getMask(mlir::Value limit);
  mlir::Value hide(mlir::Value index);
  mlir::Value getLanePointers(const Address &address);
  mlir::Value both(mlir::Value a, mlir::Value b);
  mlir::Value getBufferPointer(const Buffer &buffer,
                               llvm::ArrayRef<mlir::Value> at);
  void storeBuffer(const Buffer &buffer, const Point &point, mlir::Value value);
  mlir::Value widen(mlir::Value raw, mlir::Type element);
  mlir::Value narrow(mlir::Value value, mlir::Type element);
  mlir::Value roundTo(mlir::Value value, mlir::Type element);
  mlir::Value roundToBFloat(mlir::Value value);

  // EmitTiles.cpp: tiles that only move elements.
  void emitTile(mlir::Operation *op);
  void emitReshape(tile::ReshapeOp op);
  void emitTranspose(tile::TransposeOp op);
  void emitConcat(tile::ConcatOp op);
  void emitTurned(
      int64_t rowCount, int64_t columnCount,
      llvm::function_ref<mlir::Value(mlir::Value, mlir::Value)> load,
      llvm::function_ref<void(mlir::Value, mlir::Value, mlir::Value)> store);
  llvm::SmallVector<mlir::Value>
  transposeBlock(llvm::SmallVector<mlir::Value> rows);

  // EmitProducts.cpp.
  struct Product;
  void emitProduct(tile::MmaOp mma);
  void emitTurnedB(const Product &product);
  void emitProductMatrix(const Product &product);
  void emitProductColumns(const Product &product, mlir::Value n,
                          int64_t vectors);
  void emitProductBlock(const Product &product, mlir::Value m, mlir::Value n,
                        int64_t rows, int64_t vectors);
  void emitDotProducts(const Product &product);
  void emitDotProductBlock(const Product &product, mlir::Value m, mlir::Value n,
                           int64_t columns);
  static bool readsPairs(const Product &product);
  void emitPanelPair(const Product &product, mlir::Value k, mlir::Value n,
                     llvm::SmallVectorImpl<mlir::Value> &columns);
  void shufflePairs(llvm::SmallVectorImpl<mlir::Value> &vectors, bool apart);
  mlir::Value emitProductB(const Product &product, mlir::Value k,
                           mlir::Value n);

  // EmitMatrixUnit.cpp: products of bf16 panels by AMX.
  void emitUnitProduct(const Product &product);
  void emitUnitBlock(const Product &product, mlir::Value m, mlir::Value n,
                     int64_t tilesDown, int64_t tilesAcross);
  void emitUnitStep(const Product &product, mlir::Value m, mlir::Value n,
                    mlir::Value k, int64_t tilesDown, int64_t tilesAcross,
                    llvm::SmallVectorImpl<mlir::Value> &sums);
  void emitPairProduct(const Product &product);
  void emitPairColumns(const Product &product, mlir::Value n, int64_t vectors);
  mlir::Value loadUnitTile(mlir::Value pointer, int64_t rows, int64_t stride);
  mlir::Value callUnit(llvm::StringRef intrinsic, llvm::ArrayRef<int64_t> sizes,
                       mlir::ValueRange operands, bool givesTile = true);
  void storeSplit(const Buffer &buffer, mlir::Value pointer, mlir::Value value);

  // EmitReductions.cpp.
  void emitReduce(tile::ReduceOp reduce);
  void emitReduceLanes(tile::ReduceOp reduce);
  int64_t emitReduceLaneBlocks(tile::ReduceOp reduce);
  mlir::Value foldRows(tile::ReduceKind kind,
                       llvm::SmallVector<mlir::Value> rows);
  void emitReduceRows(tile::ReduceOp reduce);
  mlir::Value emitChains(tile::ReduceKind kind, int64_t count, int64_t step,
                         mlir::Value identity,
                         llvm::function_ref<mlir::Value(mlir::Value)> get);
  mlir::Value combine(tile::ReduceKind kind, mlir::Value a, mlir::Value b);
  mlir::Value combineAll(tile::ReduceKind kind,
                         llvm::SmallVector<mlir::Value> parts);
  mlir::Value combineLanes(tile::ReduceKind kind, mlir::Value value);
  mlir::TypedAttr getIdentity(tile::ReduceKind kind, mlir::Type element);

  // EmitScans.cpp.
  void emitScan(tile::ScanOp scan);
  void emitFusedScan(tile::ScanOp scan, tile::ReduceOp reduce);
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
  const CpuMachine &machine;
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

} // namespace sennit::cpu

#endif // SENNIT_COMPILER_TARGETS_CPU_EMITTER_H
