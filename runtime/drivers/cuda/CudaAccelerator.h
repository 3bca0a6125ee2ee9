// A GPU as the device of a module.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#ifndef SENNIT_RUNTIME_DRIVERS_CUDA_CUDAACCELERATOR_H
#define SENNIT_RUNTIME_DRIVERS_CUDA_CUDAACCELERATOR_H

#include "runtime/drivers/Accelerator.h"
#include "runtime/drivers/cuda/Kernel.h"

namespace sennit::cuda {

class CudaAccelerator final : public Accelerator {
public:
  /// Opens the first device. UNSUPPORTED where it does not run |isa|, as
  /// ptxas spells it.
  Status open(std::string_view isa, const char *library = "libcuda.so.1");
  ~CudaAccelerator() override;

  const char *name() const override { return device.name(); }
  Status enter() override { return device.enter(); }
  Status allocate(uint64_t bytes, const char *what,
                  uint8_t *&out_address) override;
  void release(uint8_t *address) override;
  Status clear(uint8_t *address, uint64_t bytes) override;
  Status copyIn(uint8_t *target, const void *source, uint64_t bytes) override;
  Status copyOut(void *target, const uint8_t *source, uint64_t bytes) override;
  Status copy(uint8_t *target, const uint8_t *source, uint64_t bytes) override;
  Status addKernel(const KernelCode &code) override;
  Status createSequence(Owned<LaunchSequence> &out_sequence) override;
  Status time(int64_t number, const int64_t *slots, int64_t count,
              uint64_t &out_nanoseconds) override;
  Status finish() override { return device.synchronize(); }

  const Device &cudaDevice() const { return device; }
  Status findKernel(int64_t number, const Kernel *&out_kernel) const;
  /// Where kernels find their workspace; another place once one was added.
  Address workspaceAddress() const;

private:
  /// Makes the workspace at least |bytes| long, while no kernel runs.
  Status growWorkspace(uint64_t bytes);

  Driver driver;
  Device device;
  Array<Kernel *> kernels;
  /// Scratch of kernels whose blocks need more than shared memory; kernels run
  /// one after the other.
  uint8_t *workspace = nullptr;
  uint64_t workspaceBytes = 0;
};

} // namespace sennit::cuda

#endif // SENNIT_RUNTIME_DRIVERS_CUDA_CUDAACCELERATOR_H
