// Memory of a module or a context: pages of this process, or a device's.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_RUNTIME_MODEL_MODELMEMORY_H
#define SENNIT_RUNTIME_MODEL_MODELMEMORY_H

#include "runtime/drivers/Accelerator.h"

namespace sennit {

class ModelMemory {
public:
  ModelMemory() = default;
  ModelMemory(ModelMemory &&other) noexcept;
  ModelMemory &operator=(ModelMemory &&other) noexcept;
  ~ModelMemory();

  /// At least |bytes| zeros on |device|, which must outlive this, or in this
  /// process where it is null; |what| names them in an error.
  Status create(Accelerator *device, uint64_t bytes, const char *what);
  Status clear();
  /// Copies |bytes| bytes from |source|, which lies in memory of the same kind.
  Status copy(uint64_t offset, const uint8_t *source, uint64_t bytes);
  /// Refuses writes from now on, where this processor would make them.
  Status freeze();

  /// An address where the kernels run.
  uint8_t *data() const { return address; }
  uint64_t size() const { return byteCount; }

private:
  void swap(ModelMemory &other);

  Accelerator *accelerator = nullptr;
  Pages pages;
  uint8_t *address = nullptr;
  uint64_t byteCount = 0;
};

} // namespace sennit

#endif // SENNIT_RUNTIME_MODEL_MODELMEMORY_H
