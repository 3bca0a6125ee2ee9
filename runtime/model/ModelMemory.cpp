// Memory of a module or a context, wherever its kernels run.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "runtime/model/ModelMemory.h"

#include <cstring>
#include <sys/mman.h>

namespace sennit {

ModelMemory::ModelMemory(ModelMemory &&other) noexcept { swap(other); }

ModelMemory &ModelMemory::operator=(ModelMemory &&other) noexcept {
  ModelMemory moved(std::move(other));
  swap(moved);
  return *this;
}

ModelMemory::~ModelMemory() {
  if (accelerator && address)
    accelerator->release(address);
}

void ModelMemory::swap(ModelMemory &other) {
  std::swap(accelerator, other.accelerator);
  std::swap(pages, other.pages);
  std::swap(address, other.address);
  std::swap(byteCount, other.byteCount);
}

Status ModelMemory::create(Accelerator *device, uint64_t bytes,
                           const char *what) {
  *this = ModelMemory();
  byteCount = bytes;
  if (device) {
    SENNIT_RETURN_IF_ERROR(device->allocate(bytes, what, address));
    accelerator = device;
    return {};
  }
  SENNIT_RETURN_IF_ERROR(pages.map(bytes, what));
  address = pages.data();
  return {};
}

Status ModelMemory::clear() {
  if (accelerator)
    return accelerator->clear(address, byteCount);
  pages.clear();
  return {};
}

Status ModelMemory::copy(uint64_t offset, const uint8_t *source,
                         uint64_t bytes) {
  if (accelerator)
    return accelerator->copy(address + offset, source, bytes);
  memcpy(address + offset, source, bytes);
  return {};
}

Status ModelMemory::freeze() {
  return accelerator ? Status() : pages.protect(0, pages.size(), PROT_READ);
}

} // namespace sennit
