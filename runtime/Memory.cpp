// Anonymous pages: mapping, clearing and protecting.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#include "runtime/Memory.h"

#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

namespace sennit {

/// Above this size, dropping the pages is faster than writing zeros to them.
static constexpr uint64_t dropThreshold = 1 << 20;
static constexpr uint64_t hugePageBytes = 2 << 20;

uint64_t pageBytes() { return static_cast<uint64_t>(sysconf(_SC_PAGESIZE)); }

Pages::~Pages() {
  if (address)
    munmap(address, mappedBytes);
}

Status Pages::map(uint64_t bytes, const char *what, bool low) {
  if (bytes > UINT64_MAX / 2)
    return makeOutOfMemory(what, bytes);
  uint64_t wanted = roundUp(bytes ? bytes : 1, pageBytes());
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
#ifdef MAP_32BIT
  if (low)
    flags |= MAP_32BIT;
#endif
  void *mapped = mmap(nullptr, wanted, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (mapped == MAP_FAILED)
    return makeOutOfMemory(what, bytes);
  if (address)
    munmap(address, mappedBytes);
  address = static_cast<uint8_t *>(mapped);
  mappedBytes = wanted;
  // Streaming weights through 4 KiB pages costs a walk of the page table every
  // few dozen cache lines. A refusal only costs speed.
  if (wanted >= 2 * hugePageBytes)
    (void)madvise(address, mappedBytes, MADV_HUGEPAGE);
  return {};
}

void Pages::clear() {
  if (mappedBytes >= dropThreshold &&
      madvise(address, mappedBytes, MADV_DONTNEED) == 0)
    return;
  if (address)
    memset(address, 0, mappedBytes);
}

Status Pages::protect(uint64_t offset, uint64_t bytes, int protection) {
  if (bytes == 0)
    return {};
  if (mprotect(address + offset, bytes, protection) != 0)
    return makeError(SENNIT_STATUS_IO,
                     "the system refuses to protect %llu bytes of pages: %s",
                     static_cast<unsigned long long>(bytes), strerror(errno));
  return {};
}

} // namespace sennit
