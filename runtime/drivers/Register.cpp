// Lists every driver of the runtime.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#include "runtime/drivers/cuda/CudaAccelerator.h"

namespace sennit {

bool isDevice(std::string_view name) { return name == "cuda"; }

Status openAccelerator(std::string_view name, std::string_view isa,
                       Accelerator *&out_accelerator) {
  out_accelerator = nullptr;
  if (!isDevice(name))
    return {};
  auto *accelerator = createObject<cuda::CudaAccelerator>();
  if (!accelerator)
    return makeOutOfMemory("a device", sizeof(*accelerator));
  out_accelerator = accelerator;
  return accelerator->open(isa);
}

} // namespace sennit
