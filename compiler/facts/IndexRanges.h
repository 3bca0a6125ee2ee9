// Ranges of the index arithmetic of tile programs and entries.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_FACTS_INDEXRANGES_H
#define SENNIT_COMPILER_FACTS_INDEXRANGES_H

#include "mlir/IR/Value.h"
#include "llvm/ADT/DenseMap.h"
#include <optional>

namespace sennit::facts {

/// The values that an integer may take, both ends included.
struct Range {
  double low = 0, high = 0;

  double middle() const { return (low + high) / 2; }
};

/// Ranges of arguments and induction variables, and what follows from them.
/// Integer arithmetic of one result is followed; what cannot be followed, such
/// as a number out of memory, has no range unless `read` gives it one.
class IndexRanges {
public:
  void set(mlir::Value value, Range range) { known[value] = range; }
  void set(mlir::Value value, double number) { set(value, {number, number}); }

  std::optional<Range> get(mlir::Value value) const;

  /// Element `index` of a table of numbers that memory holds when the program
  /// runs.
  std::function<std::optional<double>(mlir::Value table, double index)> read;

private:
  std::optional<Range> compute(mlir::Operation *op) const;

  llvm::DenseMap<mlir::Value, Range> known;
};

} // namespace sennit::facts

#endif // SENNIT_COMPILER_FACTS_INDEXRANGES_H
