// The launches of an entry, as one graph when a call repeats the one before.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_RUNTIME_DRIVERS_CUDA_SEQUENCE_H
#define SENNIT_RUNTIME_DRIVERS_CUDA_SEQUENCE_H

#include "runtime/drivers/Accelerator.h"
#include "runtime/drivers/cuda/Kernel.h"

namespace sennit::cuda {

class CudaAccelerator;

/// Remembers each launch of a call. Two calls in a row of the same kernels make
/// a graph of them; from then on a call changes the nodes whose slots are
/// others, and launches the graph when it finishes. A call of other kernels
/// launches them one by one, and the graph is gone.
class Sequence final : public LaunchSequence {
public:
  /// |accelerator| must outlive this.
  void create(CudaAccelerator &accelerator);
  ~Sequence() override;

  void begin() override;
  Status launch(int64_t number, const int64_t *slots, int64_t count) override;
  Status finish(uint64_t *out_nanoseconds) override;

private:
  /// A launch of a call: its values, and the slots that they were made of.
  struct Site {
    Values values;
    Array<int64_t> slots;
    size_t slotCount = 0;
    Handle node = nullptr;
  };

  Status launchSite(Site &site, const Kernel &kernel, const int64_t *slots,
                    size_t slotCount);
  Status launchGraph(uint64_t *out_nanoseconds);
  /// Whether the driver makes a graph of this call's launches.
  bool buildGraph();
  bool addNodes();
  /// Gives up the graph: the first |launches| are made by themselves.
  Status leaveGraph(size_t launches);
  void destroyGraph();
  void forget();

  CudaAccelerator *accelerator = nullptr;
  Address workspace = 0;
  Array<Site> sites;
  /// Launches of the last call that finished, and of this one so far.
  size_t lastCount = 0, count = 0;
  /// Whether this call's kernels have been those of the last one.
  bool isRepeated = false;
  /// A graph was refused, for its memory say: launches go on one by one.
  bool isRefused = false;
  /// The graph and what is launched of it; null while there is none.
  Handle graph = nullptr, executable = nullptr;
};

} // namespace sennit::cuda

#endif // SENNIT_RUNTIME_DRIVERS_CUDA_SEQUENCE_H
