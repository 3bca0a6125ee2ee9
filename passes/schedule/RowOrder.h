// The order in which elements of a row are chosen, in tiles.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_PASSES_SCHEDULE_ROWORDER_H
#define SENNIT_PASSES_SCHEDULE_ROWORDER_H

#include "passes/schedule/Program.h"

namespace sennit::schedule {

/// An i32 tile of the order of an f32 tile: larger numbers have larger keys,
/// both zeros the same, and what is not a number the least of all.
mlir::Value emitKeys(Program &program, mlir::Value numbers);
/// The numbers of these keys; NaN for the least.
mlir::Value emitNumbers(Program &program, mlir::Value keys);

/// Chooses as `seq.top_k` does, one of each row at a time. A choice is an i64:
/// key, then index reversed, so that of two the larger comes first; the least
/// i64 is none.
class RowOrder {
public:
  /// Loads the f32 tile [rows, columns] from column `first` on.
  using Loader = std::function<llvm::FailureOr<mlir::Value>(mlir::Value first,
                                                            int64_t columns)>;

  RowOrder(Program &program, int64_t rows, int64_t elements, bool smallest,
           Loader load = nullptr)
      : program(program), rows(rows), elements(elements), smallest(smallest),
        load(std::move(load)) {}

  /// Rows of at most `rowBound` that are chosen from at a time.
  static int64_t getRows(KernelBuilder &kernel, int64_t rowBound,
                         int64_t elements);

  /// To be called where all choices are made: short rows are packed once.
  llvm::LogicalResult prepare();
  /// The same where the rows are a tile already, and nothing is loaded.
  void prepare(mlir::Value numbers);
  /// What comes before every choice, [rows].
  mlir::Value start();
  /// The choices after `previous`, [rows].
  llvm::FailureOr<mlir::Value> next(mlir::Value previous);
  /// Which elements of prepared rows are among the choices up to `last`, i1
  /// [rows, elements].
  mlir::Value isChosen(mlir::Value last);
  /// The values, f32 [rows], and the indices, i32 [rows], of choices.
  mlir::Value getValues(mlir::Value choices);
  mlir::Value getIndices(mlir::Value choices);

private:
  /// Elements of a row that are packed once and kept.
  static constexpr int64_t wholeRow = 2048;

  llvm::FailureOr<mlir::Value> pack(mlir::Value first, int64_t columns);
  mlir::Value pack(mlir::Value numbers, mlir::Value first, int64_t columns);
  mlir::Value nextOf(mlir::Value packed, mlir::Value previous);
  mlir::Value isNone(mlir::Value choices);

  Program &program;
  int64_t rows, elements;
  bool smallest;
  Loader load;
  mlir::Value whole;
};

} // namespace sennit::schedule

#endif // SENNIT_PASSES_SCHEDULE_ROWORDER_H
