// A kernel on a GPU: its code and the values of its parameters.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#ifndef SENNIT_RUNTIME_DRIVERS_CUDA_KERNEL_H
#define SENNIT_RUNTIME_DRIVERS_CUDA_KERNEL_H

#include "runtime/drivers/cuda/Device.h"
#include "runtime/drivers/cuda/Launch.h"

namespace sennit::cuda {

/// 16-bit floats in memory: outermost dimension first, strides in elements, the
/// last one 1.
struct View {
  Address address = 0;
  int rank = 0;
  int64_t shape[maxRank] = {};
  int64_t strides[maxRank] = {};

  bool operator==(const View &other) const = default;
};

/// An argument of a program: a scalar, or a view where the rank is not 0.
struct Argument : View {
  int64_t scalar = 0;
};

class Kernel;

/// The values of a kernel's parameters at a launch. Kept for the next one, they
/// need no memory then, and no tensor map of a view that is the same.
struct Values {
  const Kernel *kernel = nullptr;
  /// For each parameter where its value lies, and the value unless it is a map.
  Array<void *> pointers;
  Array<int64_t> words;
  /// In the parameters' order, each with the view that it was made of.
  Array<TensorMap> maps;
  Array<View> views;
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

  /// Makes |values| of |count| slots, as sennit/abi.h describes them, and of
  /// the |workspace|. MALFORMED where a parameter asks for what is not there,
  /// INVALID_ARGUMENT where the copy engine cannot move a view: its address or
  /// a stride is no multiple of 16 bytes.
  Status fill(const int64_t *slots, size_t count, Address workspace,
              Values &values) const;
  /// Puts one launch on the device's stream, of as many blocks as run at once,
  /// or as there are items.
  Status launch(const Values &values) const;

  /// Adds such a launch to |graph|, after |previous| unless that is null: after
  /// its end, or its start where this kernel waits for the end itself. The
  /// driver's result.
  int addNode(Handle graph, const Handle *previous, const Values &values,
              Handle &out_node) const;
  /// Gives the |node| of the graph that |executable| was made of other values,
  /// from its next launch on.
  Status setNode(Handle executable, Handle node, const Values &values) const;

  /// Makes values once; |arguments| are the program's, in order. Refuses as
  /// `fill` does.
  Status bind(const Argument *arguments, size_t count);
  /// Puts one launch of these values on the device's stream, of |blocks|
  /// blocks.
  Status launch(unsigned blocks) const;

  /// Bytes of workspace of all blocks that run at once.
  uint64_t workspaceBytes() const;

  const char *name() const { return description.kernel; }

private:
  Status fill(const int64_t *slots, size_t count, const Argument *arguments,
              Address workspace, Values &values) const;
  Status checkSlot(int64_t number, size_t count) const;
  Status findView(const Parameter &parameter, const int64_t *slots,
                  size_t count, const Argument *arguments, View &view) const;
  Status makeMap(const Parameter &parameter, const View &view,
                 TensorMap &map) const;
  Status launch(const Values &values, unsigned blocks) const;
  KernelNode describeNode(const Values &values) const;

  const Device *device = nullptr;
  Handle module = nullptr, function = nullptr;
  /// Blocks that the device runs at once.
  unsigned blocks = 0;
  Launch description;
  size_t mapCount = 0;
  /// What `bind` made.
  Values bound;
};

} // namespace sennit::cuda

#endif // SENNIT_RUNTIME_DRIVERS_CUDA_KERNEL_H
