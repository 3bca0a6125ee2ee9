// Memory that ends where the process may touch nothing more.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_TEST_LIB_GUARDEDMEMORY_H
#define SENNIT_TEST_LIB_GUARDEDMEMORY_H

#include <cstddef>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

namespace sennit::test {

/// Zeros whose end is the end of what may be touched: an access beyond stops
/// the process.
class GuardedMemory {
public:
  explicit GuardedMemory(size_t bytes) {
    size_t page = sysconf(_SC_PAGESIZE);
    size_t body = (bytes + page - 1) / page * page;
    mapped = body + page;
    base = static_cast<char *>(mmap(nullptr, mapped, PROT_READ | PROT_WRITE,
                                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(base + body, page, PROT_NONE);
    start = base + body - bytes;
  }
  GuardedMemory(GuardedMemory &&other) noexcept
      : base(std::exchange(other.base, nullptr)), mapped(other.mapped),
        start(other.start) {}
  ~GuardedMemory() {
    if (base)
      munmap(base, mapped);
  }
  char *data() const { return start; }

private:
  char *base;
  size_t mapped;
  char *start;
};

} // namespace sennit::test

#endif // SENNIT_TEST_LIB_GUARDEDMEMORY_H
