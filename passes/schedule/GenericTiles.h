// Reads the operands of a generic op and computes its body, for one tile.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_PASSES_SCHEDULE_GENERICTILES_H
#define SENNIT_PASSES_SCHEDULE_GENERICTILES_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/IRMapping.h"
#include "passes/schedule/Program.h"

namespace sennit::schedule {

/// The part of a generic op's loops that one tile walks.
struct Loops {
  /// Where each loop begins and how far it goes.
  Box box;
  /// The loop behind each dimension of the tile.
  llvm::SmallVector<int64_t> order;

  llvm::SmallVector<int64_t> shape() const;
  /// The dimension of the tile along which `loop` runs.
  int64_t dimOf(int64_t loop) const;
};

/// The value of every element of `tensor` when that is known to be one: a
/// constant of equal elements, a fill with a constant.
std::optional<mlir::TypedAttr> getSplatValue(mlir::Value tensor);

/// Elements of `tensor` at row-major positions `linear`, an i32 tile. Positions
/// outside the tensor read one inside. Fails after an error at `reader`.
llvm::FailureOr<mlir::Value> gather(Program &program, mlir::Operation *reader,
                                    mlir::Value tensor, mlir::Value linear);

/// The tile of an operand of a generic op, in the shape of its loops.
llvm::FailureOr<mlir::Value> readOperand(Program &program,
                                         mlir::linalg::GenericOp op,
                                         mlir::OpOperand &operand,
                                         const Loops &loops);

/// Computes the body of a generic op on tiles of the loops' shape; indices are
/// computed as i64.
class BodyEmitter {
public:
  BodyEmitter(Program &program, mlir::linalg::GenericOp op, const Loops &loops)
      : program(program), op(op), loops(loops), shape(loops.shape()) {}

  /// States the tile of a value of the body.
  void map(mlir::Value scalar, mlir::Value tile) { mapping.map(scalar, tile); }
  bool isMapped(mlir::Value scalar) const { return mapping.contains(scalar); }
  /// Reads operands and emits all ops of the body but the terminator.
  llvm::LogicalResult run();
  /// Reads the inputs whose tiles are not stated.
  llvm::LogicalResult readInputs() { return readOperands(/*isInput=*/true); }
  /// Emits one op of the body, whose operands have tiles.
  llvm::LogicalResult emitOp(mlir::Operation *inner);
  /// The tile of a value of the body or of a constant outside.
  mlir::Value lookup(mlir::Value scalar);

private:
  mlir::Value splat(mlir::TypedAttr value);
  mlir::Value emitIndex(mlir::linalg::IndexOp index);
  mlir::Value castIndex(mlir::Value tile, mlir::Type to, bool isSigned);
  llvm::FailureOr<mlir::Value> emitExtract(mlir::Operation *extract);
  llvm::LogicalResult readOperands(bool isInput);

  Program &program;
  mlir::linalg::GenericOp op;
  const Loops &loops;
  llvm::SmallVector<int64_t> shape;
  mlir::IRMapping mapping;
};

/// A generic op that multiplies two operands and adds up in f32 or less, and
/// its loops by where they occur: in both operands and the result; in the first
/// of `a` and `b`, or the second, and the result; in both and not the result.
struct Product {
  mlir::linalg::GenericOp op;
  unsigned a = 0, b = 1;
  llvm::SmallVector<int64_t> batch, m, n, k;
};

/// `op` as a product, or nothing.
std::optional<Product> matchProduct(mlir::Operation *op);

/// Tile sizes of a product's result: rows and columns of one matrix.
llvm::SmallVector<int64_t> getContractionSizes(const Product &product,
                                               KernelBuilder &kernel);

/// Whether a tile at `box` is one product of matrices.
bool fitsProduct(const Product &product, const Box &box);

/// The tile of a product at a box that fits.
llvm::FailureOr<mlir::Value>
emitProduct(Program &program, const Product &product, const Box &box);

/// The tiles of all results of a generic op at `box`.
llvm::FailureOr<llvm::SmallVector<mlir::Value>>
emitGeneric(Program &program, mlir::linalg::GenericOp op, const Box &box);

} // namespace sennit::schedule

#endif // SENNIT_PASSES_SCHEDULE_GENERICTILES_H
