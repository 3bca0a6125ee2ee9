// Loads a set of ELF objects into memory that is never writable and executable.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#ifndef SENNIT_RUNTIME_CODE_CODEIMAGE_H
#define SENNIT_RUNTIME_CODE_CODEIMAGE_H

#include "runtime/Memory.h"
#include "runtime/code/ElfObject.h"

#include <string_view>

namespace sennit {

struct ObjectBytes {
  std::string_view name;
  const uint8_t *data;
  uint64_t bytes;
};

/// One mapping: code and stubs (RX), read-only data and the table of addresses
/// (R), data (RW). Undefined symbols are looked for in the other objects, then
/// among `memcpy`, `memmove` and `memset`, which compilers call unasked;
/// anything else is an error that names it. Relocations: R_X86_64_64, PC64, 32,
/// 32S, PC32, PLT32, GOTPCREL, GOTPCRELX and REX_GOTPCRELX.
class CodeImage {
public:
  /// The objects' bytes must stay until `forgetSymbols`.
  Status load(const Array<ObjectBytes> &objects);

  /// The address of a global function, or null.
  void *findFunction(std::string_view symbol) const;
  /// Drops all that is only needed to find functions.
  void forgetSymbols();
  uint64_t bytes() const { return pages.size(); }

private:
  struct Global {
    std::string_view name;
    uint64_t address;
    bool isWeak;
  };
  /// One object with, by symbol, its place in the table of addresses plus one.
  struct Loaded {
    ElfObject elf;
    Array<uint32_t> slots;
  };

  Status openObjects(const Array<ObjectBytes> &objects);
  Status countSlots(Loaded &object);
  Status layOut();
  void copySections();
  void writeStubs();
  Status collectGlobals();
  Status locate(const Loaded &object, const Elf64_Sym &symbol,
                std::string_view name, uint64_t &out_address) const;
  Status resolve(const Loaded &object, uint64_t index,
                 uint64_t &out_address) const;
  Status relocateObject(Loaded &object);
  Status relocateSection(Loaded &object, const ElfSection &relocations);
  Status apply(Loaded &object, const ElfSection &section,
               const Elf64_Rela &relocation);
  Status protect();
  const Global *findGlobal(std::string_view name) const;
  uint64_t slotAddress(uint64_t slot) const;
  uint64_t stubAddress(uint64_t external) const;

  Pages pages;
  Array<Loaded> loaded;
  Array<Global> globals;
  uint64_t slotCount = 0;
  bool needsLow = false;
  /// Offsets in the image.
  uint64_t stubs = 0, slots = 0, readOnly = 0, writable = 0, end = 0;
};

} // namespace sennit

#endif // SENNIT_RUNTIME_CODE_CODEIMAGE_H
