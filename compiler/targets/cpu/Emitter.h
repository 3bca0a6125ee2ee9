// Writes the body of one work item as loops over vectors of 16 lanes.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TARGETS_CPU_EMITTER_H
#define SENNIT_COMPILER_TARGETS_CPU_EMITTER_H

#include "compiler/emit/Emitter.h"
#include "compiler/targets/cpu/Cpu.h"

namespace sennit::cpu {

using emit::Buffer;
using emit::lanes;
using emit::Point;

class Emitter : public emit::Emitter {
public:
  Emitter(mlir::OpBuilder &builder, mlir::Location loc, const emit::Plan &plan,
          const CpuMachine &machine, mlir::IRMapping &scalars,
          mlir::Region &function, mlir::Value scratch)
      : emit::Emitter(builder, loc, plan, scalars, function, scratch),
        machine(machine) {}

private:
  // EmitNests.cpp: loops over a tile's elements.
  void emitNest(llvm::ArrayRef<int64_t> shape, mlir::Value read, Body body,
                llvm::ArrayRef<mlir::Value> limits = {}) override;
  void emitNestDim(llvm::ArrayRef<int64_t> shape, mlir::Value read, Body body,
                   llvm::ArrayRef<mlir::Value> limits, Point &point,
                   size_t dim);
  /// Loops over `shape` one element at a time, its last dimension from `first`.
  void emitScalarNest(llvm::ArrayRef<int64_t> shape, Body body,
                      int64_t first = 0);

  struct Product;

  // EmitPrefetches.cpp.
  void emitPanelPrefetch(const Product &product, mlir::Value m, mlir::Value n,
                         mlir::Value k, int64_t blockRows, int64_t depth);
  void emitPrefetches(tile::StreamOp stream) override;
  using GetPointerAt = std::function<mlir::Value(llvm::ArrayRef<mlir::Value>)>;
  void emitPrefetch(mlir::VectorType type, bool forWriting,
                    llvm::ArrayRef<int64_t> walk, GetPointerAt getPointerAt);
  /// Asks for what is awaited of a step of a recurrence, [T, D].
  void emitAwaited(const Point &point);
  void emitNextRow(tile::LoadOp load, int64_t dim,
                   llvm::ArrayRef<mlir::Value> at);

  // EmitTiles.cpp: tiles that only move elements.
  void emitTile(mlir::Operation *op) override;
  void emitReshape(tile::ReshapeOp op);
  void emitTranspose(tile::TransposeOp op);
  void emitTurned(
      int64_t rowCount, int64_t columnCount,
      llvm::function_ref<mlir::Value(mlir::Value, mlir::Value)> load,
      llvm::function_ref<void(mlir::Value, mlir::Value, mlir::Value)> store);
  llvm::SmallVector<mlir::Value>
  transposeBlock(llvm::SmallVector<mlir::Value> rows);

  // EmitProducts.cpp.
  void emitProduct(tile::MmaOp mma);
  void emitTurnedB(const Product &product);
  void emitProductMatrix(const Product &product);
  int64_t getBlockRows(int64_t rows) const;
  /// Runs `emitBlock` on each block of `rows` rows: its first, and how many.
  void emitRowBlocks(
      int64_t rows,
      llvm::function_ref<void(mlir::Value m, int64_t rows)> emitBlock);
  void emitNextDepth(const Product &product, mlir::Value k, mlir::Value n,
                     int64_t depth, int64_t vectors);
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

  // EmitMatrixUnit.cpp and EmitUnitOperands.cpp: products of bf16 by AMX.
  void emitUnitProduct(const Product &product);
  void emitUnitBlock(const Product &product, mlir::Value m, mlir::Value n,
                     int64_t tilesDown, int64_t tilesAcross);
  void emitUnitStep(const Product &product, mlir::Value m, mlir::Value n,
                    mlir::Value k, int64_t tilesDown, int64_t tilesAcross,
                    llvm::SmallVectorImpl<mlir::Value> &sums);
  mlir::Value getPanelPointer(const Product &product, mlir::Value n,
                              mlir::Value k, int64_t &stride);
  void emitParts(const Product &product);
  void emitDepthEnd(const Product &product);
  using StoreWords =
      llvm::function_ref<void(mlir::Value, mlir::Value, mlir::Value)>;
  void emitPacked(const Product &product, bool isTurned);
  void emitPackedTurned(const Product &product, StoreWords store);
  void emitPackedRows(const Product &product, StoreWords store);
  // EmitPairs.cpp: by dot products of pairs.
  void emitPairProduct(const Product &product);
  tile::LoadOp findHalves(const Product &product);
  llvm::SmallVector<mlir::Value> emitHalfProducts(const Product &product,
                                                  tile::LoadOp load,
                                                  mlir::Value m, mlir::Value n,
                                                  mlir::ValueRange sums);
  void emitPairColumns(const Product &product, mlir::Value n, int64_t vectors);
  void emitPairBlock(const Product &product, mlir::Value m, mlir::Value n,
                     int64_t rows, int64_t vectors);
  void emitPairStep(const Product &product, mlir::Value m, mlir::Value n,
                    mlir::Value k, int64_t rows, int64_t vectors,
                    llvm::SmallVectorImpl<mlir::Value> &sums);
  mlir::Value loadUnitTile(mlir::Value pointer, int64_t rows, int64_t stride);
  mlir::Value callUnit(llvm::StringRef intrinsic, llvm::ArrayRef<int64_t> sizes,
                       mlir::ValueRange operands, bool givesTile = true);
  void storeParts(const Buffer &buffer, mlir::Value pointer,
                  mlir::Value value) override;
  mlir::Value roundToBFloat(mlir::Value value) override;

  // EmitQuantized.cpp and EmitUnfolded.cpp: products of quantised words.
  struct Words;
  using EmitGroup = llvm::function_ref<void(mlir::Value group, int64_t depth)>;
  void emitQuantized(const Product &product);
  void emitGroups(const Words &words, int64_t depth, EmitGroup body);
  mlir::Value loadWords(const Words &words, mlir::Value n, mlir::Value word);
  void prefetchWords(const Words &words, mlir::Value n, mlir::Value word);
  void scaleInto(const Product &product, const Words &words, mlir::Value group,
                 mlir::Value m, mlir::Value n, mlir::Value sum);
  void startResult(const Product &product);
  void emitWordRows(const Product &product, const Words &words, mlir::Value m,
                    int64_t rows, mlir::Value n);
  void emitWordProduct(const Product &product, const Words &words);
  mlir::Value takeNumber(const Words &words, mlir::Value raw, int64_t i);
  // EmitIntegers.cpp and EmitIntegerTiles.cpp: by rows as integers.
  void emitIntegerRows(const Product &product, const Words &words);
  void emitIntegerBlock(const Product &product, const Words &words,
                        mlir::Value row, mlir::Value block, int64_t depth);
  mlir::Value getIntegerPointer(const Product &product, mlir::Value bytes);
  llvm::SmallVector<mlir::Value> unfoldBytes(const Words &words,
                                             mlir::Value raw, int64_t flipped);
  void emitIntegerProduct(const Product &product, const Words &words);
  void emitByteProducts(const Product &product, const Words &words,
                        mlir::Value block, int64_t depth, mlir::Value m,
                        int64_t rows, mlir::Value n);
  void addIntegerSum(const Product &product, const Words &words,
                     mlir::Value block, mlir::Value m, mlir::Value n,
                     mlir::Value high, mlir::Value low);
  void emitIntegerTiles(const Product &product, const Words &words,
                        int64_t blocks, mlir::Value n);
  void multiplyTiles(const Product &product, const Words &words,
                     mlir::Value block, mlir::Value n);
  mlir::Value getTileSum(const Product &product, const Words &words,
                         mlir::Value block, int64_t plane, int64_t row,
                         int64_t column);
  void addTileSums(const Product &product, const Words &words,
                   mlir::Value block, mlir::Value n);
  // EmitUnfolded.cpp: many rows.
  void emitUnfolded(const Product &product, const Words &words);
  mlir::Value roundPairs(mlir::Value even, mlir::Value odd);

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
  mlir::Value combineLanes(tile::ReduceKind kind, mlir::Value value);

  // EmitScans.cpp.
  void emitScan(tile::ScanOp scan);
  void emitFusedScan(tile::ScanOp scan, tile::ReduceOp reduce);

  const CpuMachine &machine;
  /// A tile of a stream whose lines the steps of the next recurrence ask for.
  struct Awaited {
    GetPointerAt getPointerAt;
    bool forWriting;
  };
  std::vector<Awaited> awaited;
};

} // namespace sennit::cpu

#endif // SENNIT_COMPILER_TARGETS_CPU_EMITTER_H
