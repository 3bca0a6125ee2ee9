// The relocations of x86-64: System V ABI, AMD64 supplement, table 4.9.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#include "runtime/code/Relocation.h"

#include <cstring>
#include <elf.h>

namespace sennit {

bool readsSlot(uint32_t type) {
  return type == R_X86_64_GOTPCREL || type == R_X86_64_GOTPCRELX ||
         type == R_X86_64_REX_GOTPCRELX;
}

const char *relocate(const Patch &patch, uint32_t type, uint64_t target,
                     uint64_t addend) {
  uint64_t place = reinterpret_cast<uintptr_t>(patch.section) + patch.offset;
  uint64_t value = target + addend, bytes = 4;
  bool fits = true;
  auto fitsSigned = [&] { return int64_t(value) == int32_t(value); };
  switch (type) {
  case R_X86_64_64:
    bytes = 8;
    break;
  case R_X86_64_PC64:
    bytes = 8;
    value -= place;
    break;
  case R_X86_64_32:
    fits = value <= UINT32_MAX;
    break;
  case R_X86_64_32S:
    fits = fitsSigned();
    break;
  case R_X86_64_PC32:
  case R_X86_64_PLT32:
  case R_X86_64_GOTPCREL:
  case R_X86_64_GOTPCRELX:
  case R_X86_64_REX_GOTPCRELX:
    value -= place;
    fits = fitsSigned();
    break;
  default:
    return "is of a kind that this runtime does not know";
  }
  if (!fits)
    return "does not reach its target in 32 bits";
  if (patch.offset > patch.bytes || bytes > patch.bytes - patch.offset)
    return "writes past the end of its section";
  memcpy(patch.section + patch.offset, &value, bytes);
  return nullptr;
}

} // namespace sennit
