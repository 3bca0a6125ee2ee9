// How a kernel says that it is launched: the line before its PTX.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_RUNTIME_DRIVERS_CUDA_LAUNCH_H
#define SENNIT_RUNTIME_DRIVERS_CUDA_LAUNCH_H

#include "runtime/Memory.h"
#include "runtime/artifact/JsonField.h"

namespace sennit::cuda {

/// Dimensions that a tensor map can have, parameters of a kernel, and arguments
/// that an extent can be the sum of.
constexpr int maxRank = 5, maxParameters = 256, maxTerms = 4;

/// An extent that the line states: a number, and the scalars of arguments added
/// to it.
struct StatedExtent {
  int64_t number = 0;
  int64_t terms[maxTerms] = {};
  int termCount = 0;
};

/// What a kernel asks of an argument of the program: the low 32 bits of its
/// scalar, the extent of a view along a dimension, a tensor map of a view, or
/// all 8 bytes of its slot. A workspace is memory for each block, of `argument`
/// bytes.
struct Parameter {
  enum Kind { Scalar, Extent, Map, Slot, Workspace };
  Kind kind = Scalar;
  int64_t argument = 0;
  int64_t dimension = 0;
  bool isBfloat = false;
  int rank = 0;
  /// Elements that one copy moves, outermost dimension first.
  uint32_t box[maxRank] = {};
  /// Whether the line says how the view lies in memory; otherwise the caller
  /// does. Outermost dimension first, strides in elements, the last one 1.
  bool isStated = false;
  StatedExtent shape[maxRank];
  int64_t strides[maxRank] = {};
};

/// How a kernel is launched: what the line `// sennit: {..}` before its PTX
/// says.
struct Launch {
  /// Zero-terminated.
  char kernel[256] = "";
  int64_t threads = 0;
  int64_t sharedBytes = 0;
  /// How many items blocks walk over; 0 where only a launch knows.
  int64_t items = 0;
  /// Whether it may start before the kernel ahead of it has ended: it waits for
  /// that itself.
  bool isEarly = false;
  Array<Parameter> parameters;

  /// Reads the first such line of |ptx|. MALFORMED where there is none.
  Status read(std::string_view ptx);
  /// Parameters that are tensor maps.
  size_t countMaps() const;
};

} // namespace sennit::cuda

#endif // SENNIT_RUNTIME_DRIVERS_CUDA_LAUNCH_H
