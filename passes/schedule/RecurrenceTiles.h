// The arithmetic on tiles that the programs of recurrences have in common.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_PASSES_SCHEDULE_RECURRENCETILES_H
#define SENNIT_PASSES_SCHEDULE_RECURRENCETILES_H

#include "passes/schedule/Models.h"

namespace sennit::schedule {

/// `box` in a tensor with a leading batch dimension, at `sequence`; the same
/// box where there is none.
Box addSequence(Box box, mlir::Value sequence);

/// Tiles of C rows, the tokens of a chunk. A decay g is a logarithm to base 2:
/// one number, one a row, or one an element; no value means no decay. Rows past
/// the end of the sequence are zero, and decay by nothing.
class RecurrenceTiles {
public:
  /// With `rounds`, products round what they multiply to bf16, for a matrix
  /// unit.
  explicit RecurrenceTiles(Program &program, bool rounds = false)
      : program(program), builder(program.builder), loc(program.loc),
        rounds(rounds) {}

  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value subtract(mlir::Value a, mlir::Value b);
  mlir::Value multiply(mlir::Value a, mlir::Value b);
  mlir::Value exp2(mlir::Value a);
  mlir::Value splatLike(mlir::Value tile, double value);
  mlir::Value transpose(mlir::Value tile);

  /// a b, on top of `acc` where there is one.
  mlir::Value product(mlir::Value a, mlir::Value b, mlir::Value acc,
                      tile::MmaForm form);
  /// x_i * numbers_i.
  mlir::Value scaleRows(mlir::Value x, mlir::Value numbers);
  /// x 2^g.
  mlir::Value decayRows(mlir::Value x, mlir::Value g);
  /// (x 2^g) state.
  mlir::Value readState(mlir::Value x, mlir::Value g, mlir::Value state);
  /// state + (key 2^g)^T rows.
  mlir::Value writeState(mlir::Value key, mlir::Value g, mlir::Value rows,
                         mlir::Value state);
  /// Sums of all rows through each.
  mlir::Value sumRows(mlir::Value tile);
  /// The last row, without the dimension of rows.
  mlir::Value lastRow(mlir::Value tile);
  /// The rows moved down by one, the first one zero.
  mlir::Value shiftRows(mlir::Value tile);
  /// Each row `count` times in succession.
  mlir::Value repeatRows(mlir::Value tile, int64_t count);
  /// The decay from behind each row through the last; none for one row.
  mlir::Value untilLast(mlir::Value g);

  /// [i, j] = sum_d x_id y_jd 2^(gx_id - g_jd) for j <= i, or j < i where
  /// `strict`, and zero elsewhere. Row i of y is followed by as many rows of x
  /// as there are more of them. No exponent is above 0, whatever the decay.
  mlir::Value multiplyDecayed(mlir::Value x, mlir::Value gx, mlir::Value y,
                              mlir::Value g, bool strict);
  /// The same of the products x_i y_j, where one number a row decays.
  mlir::Value weighDecayed(mlir::Value products, mlir::Value gx, mlir::Value g,
                           bool strict);
  /// (I + below)^-1 of a strictly lower triangle of 2^n rows: powers of 4x4
  /// blocks, then merges of blocks, which stay bounded where powers of the
  /// whole would not.
  mlir::Value invertUnitLower(mlir::Value below);

private:
  mlir::VectorType typeOf(mlir::Value tile) {
    return llvm::cast<mlir::VectorType>(tile.getType());
  }
  bool isOfRows(mlir::Value g) { return g && typeOf(g).getRank() == 1; }
  mlir::Value narrow(mlir::Value tile);
  mlir::Value slice(mlir::Value tile, llvm::ArrayRef<int64_t> offsets,
                    llvm::ArrayRef<int64_t> sizes);
  mlir::Value concat(mlir::Value first, mlir::Value second, int64_t dim);
  mlir::Value identity(int64_t size);
  /// The position along dimension `dim` of `shape`, divided by `each`.
  mlir::Value position(llvm::ArrayRef<int64_t> shape, int64_t dim,
                       int64_t each = 1);
  /// Which x rows see which y rows; `rows` and `columns` are the dimensions of
  /// `shape` along which they run.
  mlir::Value seen(llvm::ArrayRef<int64_t> shape, int64_t rows, int64_t columns,
                   bool strict);
  /// The product where each component decays by itself: at once, and of blocks.
  mlir::Value multiplyDecayedBlock(mlir::Value x, mlir::Value gx, mlir::Value y,
                                   mlir::Value g, bool strict);
  mlir::Value multiplyDecayedComponents(mlir::Value x, mlir::Value gx,
                                        mlir::Value y, mlir::Value g,
                                        bool strict);

  Program &program;
  mlir::OpBuilder &builder;
  mlir::Location loc;
  bool rounds;
};

} // namespace sennit::schedule

#endif // SENNIT_PASSES_SCHEDULE_RECURRENCETILES_H
