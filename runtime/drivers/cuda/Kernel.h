// A kernel on a GPU: its code, how it says it is launched, its arguments.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#ifndef SENNIT_RUNTIME_DRIVERS_CUDA_KERNEL_H
#define SENNIT_RUNTIME_DRIVERS_CUDA_KERNEL_H

#include "runtime/Memory.h"
#include "runtime/artifact/JsonField.h"
#include "runtime/drivers/cuda/Device.h"

namespace sennit::cuda {

/// Dimensions that a tensor map can have, and maps that a kernel can take.
constexpr int maxRank = 5, maxMaps = 16, maxParameters = 256;

/// What a kernel asks of an argument of the program: its scalar, the extent of
/// a view along a dimension, a tensor map of a view, or all 8 bytes of its
/// slot. A workspace is memory for each block, of `argument` bytes.
struct Parameter {
  enum Kind { Scalar, Extent, Map, Slot, Workspace };
  Kind kind = Scalar;
  int64_t argument = 0;
  int64_t dimension = 0;
  bool isBfloat = false;
  int rank = 0;
  /// Elements that one copy moves, outermost dimension first.
  uint32_t box[maxRank] = {};
};

/// How a kernel is launched: what the line `// sennit: {..}` before its PTX
/// says.
struct Launch {
  /// Zero-terminated.
  char kernel[256] = "";
  int64_t threads = 0;
  int64_t sharedBytes = 0;
  Array<Parameter> parameters;

  /// Reads the first such line of |ptx|. MALFORMED where there is none.
  Status read(std::string_view ptx);
};

/// An argument of a program: a scalar, or a view of 16-bit floats, outermost
/// dimension first, strides in elements, the last one 1.
struct Argument {
  int64_t scalar = 0;
  Address address = 0;
  int rank = 0;
  int64_t shape[maxRank] = {};
  int64_t strides[maxRank] = {};
};

class Kernel {
public:
  Kernel() = default;
  Kernel(const Kernel &) = delete;
  Kernel &operator=(const Kernel &) = delete;
  ~Kernel();

  /// Loads |image|, a cubin or zero-terminated PTX, of the kernel that |launch|
  /// describes. The driver's assembler's words come with a refusal.
  Status load(const Device &device, const void *image, Launch launch);

  /// Makes the arguments once; |arguments| are the program's, in order.
  /// INVALID_ARGUMENT where the copy engine cannot move a view: its address or
  /// a stride is no multiple of 16 bytes.
  Status bind(const Argument *arguments, size_t count);

  /// Puts one launch of |blocks| blocks on the device's stream.
  Status launch(unsigned blocks) const;

  /// Puts one launch on the device's stream, of as many blocks as run at once:
  /// for kernels whose parameters are slots and a workspace.
  Status launchOn(const int64_t *slots, size_t count, Address workspace) const;

  /// Bytes of workspace of all blocks that run at once.
  uint64_t workspaceBytes() const;

  const char *name() const { return description.kernel; }

private:
  Status bindView(const Parameter &parameter, const Argument &view);

  const Device *device = nullptr;
  Handle module = nullptr, function = nullptr;
  /// Blocks that the device runs at once.
  unsigned blocks = 0;
  Launch description;
  TensorMap maps[maxMaps];
  int mapCount = 0;
  Array<int32_t> scalars;
  Array<void *> slots;
};

} // namespace sennit::cuda

#endif // SENNIT_RUNTIME_DRIVERS_CUDA_KERNEL_H
