// A view of one x86-64 ELF relocatable object in memory; every access is
// checked. Part of Sennit, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE.
#ifndef SENNIT_RUNTIME_CODE_ELFOBJECT_H
#define SENNIT_RUNTIME_CODE_ELFOBJECT_H

#include "runtime/Memory.h"

#include <elf.h>
#include <string_view>

namespace sennit {

/// What becomes of a section.
enum class SectionGroup : uint8_t { Code, ReadOnly, Writable, NotLoaded };

struct ElfSection {
  Elf64_Shdr header;
  std::string_view name;
  SectionGroup group;
  /// Where it lies in the image; set by the image's layout.
  uint64_t imageOffset;
};

class ElfObject {
public:
  /// Reads headers, sections and the place of the symbols. |name| is for
  /// messages; it and |data| must outlive the object. Refuses what cannot be
  /// loaded: other machines, sections writable and executable, thread-local
  /// data, constructors.
  Status open(std::string_view name, const uint8_t *data, uint64_t size);

  std::string_view name() const { return objectName; }
  Array<ElfSection> &sections() { return sectionTable; }
  const Array<ElfSection> &sections() const { return sectionTable; }
  uint64_t symbolCount() const { return symbols; }

  /// The contents of |section|, which is not SHT_NOBITS.
  const uint8_t *contents(const ElfSection &section) const {
    return data + section.header.sh_offset;
  }
  /// Symbol |index| and its name.
  Status readSymbol(uint64_t index, Elf64_Sym &out_symbol,
                    std::string_view &out_name) const;
  /// Element |index| of the SHT_RELA |section|.
  Elf64_Rela readRelocation(const ElfSection &section, uint64_t index) const;

private:
  Status refuse(const char *what) const;
  Status checkHeader(const Elf64_Ehdr &header) const;
  Status readSections(const Elf64_Ehdr &header);
  Status classify(ElfSection &section) const;
  Status checkTable(const ElfSection &section, uint64_t entryBytes) const;
  Status readString(const Elf64_Shdr &table, uint64_t offset,
                    std::string_view &out_text) const;

  std::string_view objectName;
  const uint8_t *data = nullptr;
  uint64_t bytes = 0;
  Array<ElfSection> sectionTable;
  Elf64_Shdr symbolTable = {}, symbolNames = {};
  uint64_t symbols = 0;
};

} // namespace sennit

#endif // SENNIT_RUNTIME_CODE_ELFOBJECT_H
