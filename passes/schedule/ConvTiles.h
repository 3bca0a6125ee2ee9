// Where the programs of convolutions read their inputs, and the form by
// spectra.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_PASSES_SCHEDULE_CONVTILES_H
#define SENNIT_PASSES_SCHEDULE_CONVTILES_H

#include "passes/schedule/Models.h"

namespace sennit::schedule {

/// A tile of channels of one sequence; no sequence without a batch.
struct ConvPlace {
  mlir::Value sequence;
  mlir::OpFoldResult channel;
  int64_t width;
};

/// Rows `start` .. `start + count` of [window, input], where row 0 is the
/// input's first and negative rows are the window's: a gather from each, in
/// which the other's rows read zero, as do rows behind the input's last.
mlir::Value loadHistory(Program &program, seq::ConvOp op, mlir::Value start,
                        int64_t count, const ConvPlace &place);

/// The programs of a convolution with many taps by the spectra of blocks of
/// `block` rows, a power of 2. The next window is left to its own program.
mlir::LogicalResult buildSpectralConv(KernelBuilder &kernel, seq::ConvOp op,
                                      int64_t block);

} // namespace sennit::schedule

#endif // SENNIT_PASSES_SCHEDULE_CONVTILES_H
