// Fourier transforms of channels side by side, in the memory of a program.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_PASSES_SCHEDULE_SPECTRUMTILES_H
#define SENNIT_PASSES_SCHEDULE_SPECTRUMTILES_H

#include "passes/schedule/Models.h"

namespace sennit::schedule {

/// How 2 N real rows become N complex points: row n and row n + N are the parts
/// of point n, turned by e^{i pi n / 2N}. Products of such spectra are products
/// of the rows modulo x^{2N} + 1, so a filter of N rows wraps round into the
/// other half only, and no spectrum has a mirror image to be sorted out
/// (Nussbaumer 1981; the folding of negacyclic transforms).
///
/// A point's position is a number of digits, the first the most significant.
/// A pass transforms one digit of all points in place; the first digit comes
/// first forward and last back. Frequencies keep the places of their digits:
/// nothing is ever reversed (Cooley and Tukey 1965; Bailey 1990).
struct SpectrumShape {
  /// N points, a power of 2 that is at least 16.
  SpectrumShape(int64_t points, int64_t channels);

  int64_t digits() const { return radices.size(); }
  /// Rows from one value of a digit to the next.
  int64_t stride(int64_t digit) const;
  /// [sequence, slot, tile of channels, part, digits.., channel], with one
  /// place more for each digit than it has values.
  mlir::RankedTensorType getType(mlir::Type f32, int64_t sequences,
                                 int64_t slots) const;
  /// The angles' cosines and sines, [table, part, digits..]: table 0 turns the
  /// points, table d what stands before the pass over digit d.
  mlir::RankedTensorType getTableType(mlir::Type f32) const;
  mlir::DenseElementsAttr makeTables(mlir::Type f32) const;

  int64_t points, tiles;
  llvm::SmallVector<int64_t> radices;
  /// Channels of a tile: the lanes of a vector.
  static constexpr int64_t lanes = 16;
};

/// The spectrum of one slot and one tile of channels under construction.
class SpectrumTiles {
public:
  /// `memory` is the tensor that the program's view stands for, `tables` that
  /// of the angles; `at` are sequence, slot and tile.
  SpectrumTiles(Program &program, const SpectrumShape &shape,
                mlir::Value memory, mlir::Value tables,
                llvm::ArrayRef<mlir::Value> at)
      : program(program), shape(shape), memory(memory), tables(tables), at(at) {
  }

  /// Where a pass or a copy stands: an offset and a size for each digit.
  struct Digits {
    llvm::SmallVector<mlir::OpFoldResult> offsets;
    llvm::SmallVector<int64_t> sizes;
  };
  /// A part (0 real, 1 imaginary) at `digits`, [digits.., lane].
  mlir::Value load(int64_t part, const Digits &digits);
  void store(mlir::Value tile, int64_t part, const Digits &digits);
  /// A table's cosines (part 0) or sines, repeated along the lanes.
  mlir::Value loadAngles(int64_t table, int64_t part, const Digits &digits);

  /// Calls `body` for each run of neighbouring points, with the first one's
  /// number.
  mlir::LogicalResult
  forRows(llvm::function_ref<mlir::LogicalResult(mlir::Value first,
                                                 const Digits &digits)>
              body);
  int64_t rowsOfRun() const { return shape.stride(shape.digits() - 3); }

  /// All passes, from rows to frequencies, with the turn before them; or back,
  /// without the turn behind them and without the division by N.
  mlir::LogicalResult transform(bool isInverse);

private:
  mlir::LogicalResult
  forDigits(llvm::ArrayRef<int64_t> sizes,
            llvm::function_ref<mlir::LogicalResult(const Digits &)> body);
  mlir::LogicalResult emitPass(int64_t digit, std::optional<int64_t> table,
                               bool isInverse);
  /// One point of all lanes.
  struct Complex {
    mlir::Value re, im;
  };
  Complex turnEighths(Complex point, int64_t eighths, bool isInverse);
  Complex turn(Complex point, int64_t table, const Digits &digits,
               bool isInverse);
  llvm::SmallVector<Complex> transformPoints(llvm::ArrayRef<Complex> points,
                                             bool isInverse);

  Program &program;
  const SpectrumShape &shape;
  mlir::Value memory, tables;
  llvm::SmallVector<mlir::Value> at;
};

} // namespace sennit::schedule

#endif // SENNIT_PASSES_SCHEDULE_SPECTRUMTILES_H
