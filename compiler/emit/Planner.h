// The working state of `Plan::make`.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_EMIT_PLANNER_H
#define SENNIT_COMPILER_EMIT_PLANNER_H

#include "compiler/emit/Plan.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include <set>
#include <tuple>

namespace sennit::emit {

/// One place in the program that reads a value: the op whose loops read it,
/// and the shape op, if any, through which other elements are read than those
/// at the reader's own position.
struct Context {
  mlir::Operation *root;
  mlir::Operation *reshaped;
  bool operator==(const Context &other) const = default;
  bool operator<(const Context &other) const {
    return std::tie(root, reshaped) < std::tie(other.root, other.reshaped);
  }
};
using Contexts = std::set<Context>;

/// Walks the program from its end to its start, so that the readers of a value
/// are decided before it.
class Planner {
public:
  Planner(tile::GridOp grid, const PlanOptions &options)
      : grid(grid), options(options) {}
  llvm::FailureOr<Plan> run();

private:
  static bool isElementwise(mlir::Operation *op);
  bool canBeInline(mlir::Operation *op) const;

  // PlanCheck.cpp: what the target has no loops for.
  llvm::LogicalResult check();
  llvm::LogicalResult checkGroups();
  bool isPanelOfMatrixUnit(mlir::OpOperand &use) const;

  // PlanFusion.cpp: recurrences that never reach memory.
  void fuseScans();
  bool streamsThrough(mlir::Value value) const;

  // Plan.cpp: the decision.
  int64_t getCost(mlir::Value value);
  Contexts getContexts(mlir::Value value);
  mlir::Operation *getEmissionPoint(mlir::Operation *op) const;
  int64_t getLastPosition(mlir::Operation *root,
                          mlir::Region *definition) const;
  bool isOvertakenByStore(tile::LoadOp load, const Contexts &contexts);
  bool isWantedInScratch(mlir::Value value, mlir::OpOperand &use);
  bool standsInScratch(mlir::Operation *op, mlir::Value value);

  // PlanScratch.cpp: carries, buffers and their addresses.
  void numberOps();
  void resolveFetched();
  void placeValues();
  size_t addBuffer(mlir::VectorType type, bool dense = false,
                   int64_t slack = 0);
  void placeResult(mlir::Operation *op, mlir::Value value);
  void placeLoop(mlir::Operation *loop);
  void placeCarry(mlir::Value carried, mlir::Value next, mlir::Value result);
  bool mayWriteInPlace(mlir::Value carried, mlir::Value next);
  void placeTemporary(tile::MmaOp mma);
  bool usesMatrixUnit(tile::MmaOp mma) const;
  bool isPackedForUnit(tile::MmaOp mma) const;
  bool holdsBFloats(mlir::Value tile) const;
  bool feedsMatrixUnitOnly(mlir::Value value) const;
  size_t addPartsBuffer(mlir::Value tile, bool turned = false);
  size_t addPackedBuffer(tile::MmaOp mma);
  void extend(Buffer &buffer, mlir::Value value);
  void measureLives();
  void assignOffsets();

  tile::GridOp grid;
  const PlanOptions &options;
  Plan plan;
  /// The order of ops, and the position of the last op inside each.
  llvm::DenseMap<mlir::Operation *, int64_t> positions, ends;
  llvm::DenseMap<mlir::Value, int64_t> costs;
  llvm::SmallVector<tile::StoreOp> stores;
  llvm::SmallVector<size_t> carriedBuffers;
  int64_t count = 0;
};

} // namespace sennit::emit

#endif // SENNIT_COMPILER_EMIT_PLANNER_H
