// A linalg.generic, compiled once to strips of independent elements.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_REFERENCE_NEST_H
#define SENNIT_COMPILER_REFERENCE_NEST_H

#include "compiler/reference/Assembler.h"
#include "compiler/reference/Indices.h"
#include "compiler/reference/Lanes.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace sennit::reference {

/// A loop nest over the op's domain. Elements along one parallel loop are
/// computed side by side, up to `kLanes` of them; what is added to one element
/// is added serially, in the order of the loops.
class Nest {
public:
  static constexpr int64_t kLanes = 256;

  Nest(Assembler &assembler, mlir::linalg::GenericOp op);

  /// Null, or the first op of the body that strips cannot compute.
  mlir::Operation *compileBody(Assembler &assembler);
  /// Computes the body by its ops instead, element by element.
  llvm::Error compilePlainBody(Assembler &assembler);
  llvm::Error run(Frame &frame) const;

private:
  friend class NestRun;

  /// An op of the body, on registers.
  struct Step {
    LaneFunction function;
    llvm::SmallVector<unsigned, 3> in;
    unsigned out;
    /// An element of this tensor instead, at the indices `in`.
    std::optional<unsigned> tensor;
    mlir::Operation *op;
    /// The same at every point of the reductions.
    bool invariant;
  };

  unsigned registerOf(mlir::Value value);
  bool compileStep(Assembler &assembler, mlir::Operation &op);
  /// Registers that get their value before the loops.
  void compileOutside(Assembler &assembler, mlir::Value value, unsigned in);

  mlir::linalg::GenericOp op;
  std::vector<Operand> operands;
  std::vector<unsigned> results;
  unsigned inputs;
  std::vector<IndexMap> maps;
  /// From the operands' extents, one after the other, to the loops' extents.
  std::optional<IndexMap> extents;
  std::vector<bool> isReduction;

  llvm::DenseMap<mlir::Value, unsigned> registers;
  unsigned registerCount = 0;
  std::vector<bool> invariant;
  std::vector<Step> steps;
  std::vector<std::pair<unsigned, Cell>> constants;
  std::vector<std::pair<unsigned, unsigned>> captures;
  std::vector<std::pair<unsigned, unsigned>> indices;
  /// Registers that the body yields, one an output.
  std::vector<unsigned> yields;
  std::optional<Code> plain;
};

} // namespace sennit::reference

#endif // SENNIT_COMPILER_REFERENCE_NEST_H
