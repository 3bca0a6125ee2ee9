// Mapping of files: only regular ones, so that no device or pipe can block.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#include "runtime/artifact/MappedFile.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sennit {

MappedFile::~MappedFile() {
  if (address)
    munmap(address, fileBytes);
}

static Status mapDescriptor(int descriptor, uint8_t *&out_address,
                            uint64_t &out_bytes) {
  struct stat facts;
  if (fstat(descriptor, &facts) != 0)
    return makeError(SENNIT_STATUS_IO, "cannot be examined: %s",
                     strerror(errno));
  if (!S_ISREG(facts.st_mode))
    return makeError(SENNIT_STATUS_IO, "is not a regular file");
  if (facts.st_size == 0)
    return {};
  size_t bytes = static_cast<size_t>(facts.st_size);
  void *mapped = mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (mapped == MAP_FAILED)
    return makeError(SENNIT_STATUS_IO, "cannot be mapped: %s", strerror(errno));
  // Hashing and packing both read in order; a refusal only costs speed.
  (void)madvise(mapped, bytes, MADV_SEQUENTIAL);
  out_address = static_cast<uint8_t *>(mapped);
  out_bytes = bytes;
  return {};
}

Status MappedFile::open(const char *path) {
  // O_NONBLOCK: opening a FIFO must be refused, not waited for.
  int descriptor = ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    return makeError(SENNIT_STATUS_IO, "cannot be opened: %s", strerror(errno));
  Status status = mapDescriptor(descriptor, address, fileBytes);
  close(descriptor);
  return status;
}

} // namespace sennit
