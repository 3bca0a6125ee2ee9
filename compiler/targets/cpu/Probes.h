// Measures this processor: bandwidths, latencies, rates of units.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TARGETS_CPU_PROBES_H
#define SENNIT_COMPILER_TARGETS_CPU_PROBES_H

#include <cstddef>

namespace sennit::cpu {

/// The widest instructions that probes may use.
enum class Width { avx2, avx512 };

enum class Stream { read, write, copy };

/// Bytes a second that `threads` threads together read, write, or copy (each
/// byte counted twice), each in `bytes` of its own; the best of many rounds.
double measureBandwidth(Width width, Stream stream, size_t bytes,
                        unsigned threads);

/// Seconds from the address of a cache line to its contents, in `bytes` walked
/// in an order that nothing foresees.
double measureLatency(size_t bytes);

/// Cycles a second of one thread, from multiplications of integers that wait
/// for one another: 3 cycles each (uops.info, all x86-64 since 2013).
double measureClock();

/// Operations a second of one thread: multiply-adds of f32 in registers, each
/// two.
double measureMultiplyAdds(Width width);

/// Operations a second of one thread: bf16 products in registers, of AMX's
/// tiles or of pairs in vectors. The process must be permitted to use tiles; 0
/// where it is not.
double measureTiles();
double measurePairs();

} // namespace sennit::cpu

#endif // SENNIT_COMPILER_TARGETS_CPU_PROBES_H
