// The relocations of x86-64, as arithmetic on one patch of bytes.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#ifndef SENNIT_RUNTIME_CODE_RELOCATION_H
#define SENNIT_RUNTIME_CODE_RELOCATION_H

#include <cstdint>

namespace sennit {

/// Where a relocation writes: |offset| into a section of |bytes| writable
/// bytes at |section|, which is also where the code will run.
struct Patch {
  uint8_t *section;
  uint64_t bytes;
  uint64_t offset;
};

/// Whether a relocation of |type| refers to a slot of the table of addresses
/// instead of to its symbol.
bool readsSlot(uint32_t type);

/// Writes the relocation of |target| + |addend|. Returns null, or why not, to
/// follow "the relocation".
const char *relocate(const Patch &patch, uint32_t type, uint64_t target,
                     uint64_t addend);

} // namespace sennit

#endif // SENNIT_RUNTIME_CODE_RELOCATION_H
