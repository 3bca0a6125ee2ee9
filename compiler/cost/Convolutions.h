// Convolutions: the equations of the cost model, and the form of least time.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_COST_CONVOLUTIONS_H
#define SENNIT_COMPILER_COST_CONVOLUTIONS_H

#include "compiler/cost/Families.h"

namespace sennit::cost {

/// A causal convolution of `taps` taps a channel, after a window of inputs or
/// after nothing.
struct Convolution {
  double batch = 1, channels = 1, tokens = 1, taps = 4;
  Element element = Element::f32;
  bool hasWindow = false;
  /// Whether the taps are constants, whose spectra are made at load.
  bool areTapsKnown = false;
};
/// direct: taps by shifts. blocks: a Toeplitz matrix by tiles. fft: over 2 L
/// points on vectors. matrixFft: two matrix products a transform (Monarch).
enum class ConvolutionForm { direct, blocks, fft, matrixFft };
KernelFacts getConvolutionFacts(const Convolution &problem,
                                ConvolutionForm form, const Tile &tile);

/// The digits by which a transform of `points`, a power of 2 from 16 on, goes:
/// two or more of at most 8 values, the largest first.
std::vector<double> listRadices(double points);

/// The taps added up one by one: an item walks all rows of up to 128 channels.
KernelFacts getTapFacts(const Convolution &problem);
/// Tiles of channels whose rows an item brings in together: lines side by side,
/// of which each page is looked up once.
constexpr int64_t tilesOfItem = 4;

/// Rows of a block: 1, which is taps by shifts, or 32, 64, .. up to the first
/// that holds all taps or all tokens, at most 16384, whose angles are half a
/// megabyte of constants.
std::vector<double> listBlocks(const Convolution &problem);
/// The convolution by products of spectra of blocks of `block` rows: each block
/// of taps and of inputs is transformed once, by passes over its digits.
KernelFacts getSpectralFacts(const Convolution &problem, double block);
/// The block of least time.
double chooseConvolutionBlock(const Convolution &problem,
                              const machine::Machine &machine);

} // namespace sennit::cost

#endif // SENNIT_COMPILER_COST_CONVOLUTIONS_H
