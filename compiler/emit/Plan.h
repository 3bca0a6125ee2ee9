// Where each tile of a kernel stands: at its uses, or in scratch memory.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_EMIT_PLAN_H
#define SENNIT_COMPILER_EMIT_PLAN_H

#include "dialects/tile/Tile.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SetVector.h"

#include <deque>
#include <limits>

namespace sennit::emit {

/// Rows of a tile of a CPU's matrix unit, and elements of depth that it takes.
constexpr int64_t matrixUnitRows = 16, matrixUnitDepth = 32;

/// What a plan must know of the target that will run it.
struct PlanOptions {
  /// The target's level, for messages.
  llvm::StringRef level;
  /// Elements of a row that are computed at once; with 1, every change of shape
  /// is a change of indices.
  int64_t lanes;
  /// Rows of a product that share one load of its second operand.
  int64_t productRows;
  /// Which products copy their operands themselves, step by step, so that these
  /// need not stand; null where none does.
  bool (*stagesOperands)(tile::MmaOp mma) = nullptr;
  /// Bytes of the largest tile that stands without need, although several uses
  /// would share it.
  int64_t largestTile = std::numeric_limits<int64_t>::max();
  /// Whether panels in groups of two are multiplied by a matrix unit.
  bool hasMatrixUnit = false;
};

/// A tile in scratch memory: row-major, its rows padded so that whole vectors
/// may be written past the last element.
struct Buffer {
  /// f32 for all floats up to 32 bits, i8 for i1, else the tile's own type; i16
  /// in parts.
  mlir::Type element;
  llvm::SmallVector<int64_t> shape;
  /// In elements.
  llvm::SmallVector<int64_t> strides;
  /// In bytes from the start of scratch.
  int64_t offset = 0;
  int64_t bytes = 0;
  /// How many bf16 hold an element of a matrix unit's operand: one, of a tile
  /// that was rounded to bf16, or two, an f32's rounding and what that leaves
  /// out. 0: the tile is no such operand.
  int64_t parts = 0;
  /// Elements from one part to the next.
  int64_t plane = 0;
  /// Positions in the program between which the contents matter.
  int64_t first = 0, last = 0;
};

/// The type in which a value of `element` is computed and stored in scratch.
mlir::Type getComputeType(mlir::Type element);
mlir::Type getStorageType(mlir::Type element);

/// Whether lanes of a vector of the result stay lanes of one row of the
/// operand.
bool isIndexMap(tile::ReshapeOp op, int64_t lanes);

/// Whether the last dimension stays the last.
bool keepsLanes(tile::TransposeOp op, int64_t lanes);

/// Whether the view's elements along the tile's last dimension are neighbours.
bool hasContiguousLanes(mlir::MemRefType view, llvm::ArrayRef<int64_t> dims);

/// Whether an operand is stored transposed.
bool hasTurnedA(tile::MmaOp mma);
bool hasTurnedB(tile::MmaOp mma);

/// The load of blocked weights that a product reads panel by panel, or null.
tile::LoadOp findPanels(tile::MmaOp mma,
                        llvm::function_ref<mlir::Value(mlir::Value)> resolve);

/// What unfolds the quantised words that a product reads, or null.
tile::DequantizeOp
findQuantized(tile::MmaOp mma,
              llvm::function_ref<mlir::Value(mlir::Value)> resolve);

/// Where the parts of rows as integers stand, in bytes: two planes of bytes,
/// the factor and the bias of each block of depth, then room of the unit's.
struct IntegerRows {
  IntegerRows(int64_t rows, int64_t depth, int64_t group);
  /// Numbers that share a factor; rows of a plane lie `stride` apart.
  int64_t block, blocks, stride, plane, factors, biases, words, sums, bytes;
};

/// Whether a product reads quantised words, and has rows few enough that a
/// matrix unit takes them as integers.
bool takesIntegers(tile::MmaOp mma,
                   llvm::function_ref<mlir::Value(mlir::Value)> resolve);

/// Whether a product reads its panels as a matrix unit takes them.
bool readsUnitPanels(tile::MmaOp mma,
                     llvm::function_ref<mlir::Value(mlir::Value)> resolve);

/// A number that divides `index` whatever item or iteration it is taken in.
int64_t getDivisor(mlir::Value index);

/// Whether a product of few rows with B stored [N, K] runs its lanes along K,
/// and adds them up at the end, instead of turning B.
bool hasLanesAlongDepth(tile::MmaOp mma, int64_t lanes);

/// The element that a load reads outside its bounds.
mlir::TypedAttr getPad(tile::LoadOp load);

class Plan {
public:
  /// Fails with a diagnostic on what the target has no loops for.
  static llvm::FailureOr<Plan> make(tile::GridOp grid,
                                    const PlanOptions &options);

  /// The value that a block argument of `do` stands for, when it was fetched.
  mlir::Value resolve(mlir::Value value) const;
  /// Where a tile stands, or null when it is computed at its uses.
  const Buffer *find(mlir::Value tile) const;
  /// The place of an op's intermediate, such as a product's turned operand.
  const Buffer *findTemporary(mlir::Operation *op) const;
  /// The place where a product packs its second operand for a matrix unit, or
  /// null: panels of 16 columns, in pairs of depth, [n / 16, k / 2, 16 x 2].
  /// Where few rows meet quantised words it holds the rows as integers.
  const Buffer *findPacked(tile::MmaOp mma) const;
  /// The recurrence that is computed in this reduction's loops, or null.
  tile::ScanOp findFusedScan(tile::ReduceOp reduce) const;
  /// Whether an op's loops stand at the op that uses it.
  bool isFused(mlir::Operation *op) const;
  int64_t getScratchBytes() const { return scratchBytes; }
  /// The elements that loads read outside their bounds; a vector of the i-th
  /// stands `i * padBytes` into scratch, so that a load may be led there.
  llvm::ArrayRef<mlir::TypedAttr> getPads() const { return pads; }
  static constexpr int64_t padBytes = 2 * 64;

private:
  friend class Planner;
  std::deque<Buffer> buffers;
  llvm::DenseMap<mlir::Value, size_t> places;
  llvm::DenseMap<mlir::Operation *, size_t> temporaries, packed;
  llvm::DenseMap<mlir::Value, mlir::Value> fetched;
  llvm::DenseMap<mlir::Operation *, mlir::Operation *> fusedScans;
  llvm::DenseSet<mlir::Operation *> fused;
  llvm::SmallVector<mlir::TypedAttr> pads;
  int64_t scratchBytes = 0;
};

} // namespace sennit::emit

#endif // SENNIT_COMPILER_EMIT_PLAN_H
