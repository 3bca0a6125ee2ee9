// Parsing of ELF objects: System V ABI, and its AMD64 supplement.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#include "runtime/code/ElfObject.h"

#include <cstring>

namespace sennit {

static constexpr uint64_t alignmentLimit = 4096;
static constexpr uint32_t unwindType = 0x70000001; // SHT_X86_64_UNWIND

Status ElfObject::refuse(const char *what) const {
  return makeError(SENNIT_STATUS_MALFORMED, "object `%.*s` %s",
                   SENNIT_VIEW(objectName), what);
}

Status ElfObject::checkHeader(const Elf64_Ehdr &header) const {
  if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
    return refuse("is no ELF file");
  if (header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_ident[EI_DATA] != ELFDATA2LSB || header.e_machine != EM_X86_64)
    return refuse("is for another machine, expected x86-64");
  if (header.e_type != ET_REL || header.e_version != EV_CURRENT)
    return refuse("is not relocatable");
  if (header.e_shentsize != sizeof(Elf64_Shdr) || header.e_shnum == 0 ||
      header.e_shstrndx >= header.e_shnum)
    return refuse("has no readable section table");
  uint64_t tableBytes = uint64_t(header.e_shnum) * sizeof(Elf64_Shdr);
  if (header.e_shoff > bytes || tableBytes > bytes - header.e_shoff)
    return refuse("has a section table past its end");
  return {};
}

Status ElfObject::readString(const Elf64_Shdr &table, uint64_t offset,
                             std::string_view &out_text) const {
  if (table.sh_type != SHT_STRTAB || offset >= table.sh_size)
    return refuse("has a name outside its string table");
  const char *text =
      reinterpret_cast<const char *>(data + table.sh_offset + offset);
  const void *zero = memchr(text, 0, table.sh_size - offset);
  if (!zero)
    return refuse("has a name without an end");
  out_text = {text, size_t(static_cast<const char *>(zero) - text)};
  return {};
}

/// Decides the group of an allocated section.
Status ElfObject::classify(ElfSection &section) const {
  const Elf64_Shdr &header = section.header;
  section.group = SectionGroup::NotLoaded;
  section.imageOffset = 0;
  // Unwinding tables and notes are for debuggers, which read the file instead.
  if (!(header.sh_flags & SHF_ALLOC) || header.sh_type == SHT_NOTE ||
      header.sh_type == unwindType || section.name == ".eh_frame")
    return {};
  if (header.sh_size == 0)
    section.group = SectionGroup::ReadOnly;
  if (header.sh_type != SHT_PROGBITS && header.sh_type != SHT_NOBITS)
    return header.sh_size == 0
               ? Status()
               : makeError(SENNIT_STATUS_MALFORMED,
                           "section `%.*s` of object `%.*s` "
                           "has type 0x%x, expected plain bits",
                           SENNIT_VIEW(section.name), SENNIT_VIEW(objectName),
                           header.sh_type);
  if (header.sh_flags & (SHF_TLS | SHF_COMPRESSED))
    return refuse("has thread-local or compressed sections");
  if (header.sh_addralign > alignmentLimit ||
      (header.sh_addralign & (header.sh_addralign - 1)) != 0)
    return refuse("has a section aligned to no power of two up to 4096");
  bool writable = header.sh_flags & SHF_WRITE;
  bool executable = header.sh_flags & SHF_EXECINSTR;
  if (writable && executable)
    return refuse("has a section that is writable and executable");
  if (executable && header.sh_type == SHT_NOBITS)
    return refuse("has an executable section without contents");
  section.group = executable ? SectionGroup::Code
                  : writable ? SectionGroup::Writable
                             : SectionGroup::ReadOnly;
  return {};
}

Status ElfObject::readSections(const Elf64_Ehdr &header) {
  SENNIT_RETURN_IF_ERROR(sectionTable.grow(header.e_shnum));
  for (uint64_t i = 0; i < header.e_shnum; ++i) {
    Elf64_Shdr &section = sectionTable[i].header;
    memcpy(&section, data + header.e_shoff + i * sizeof(section),
           sizeof(section));
    if (section.sh_type != SHT_NOBITS && section.sh_type != SHT_NULL &&
        (section.sh_offset > bytes ||
         section.sh_size > bytes - section.sh_offset))
      return refuse("has a section past its end");
  }
  for (ElfSection &section : sectionTable) {
    section.group = SectionGroup::NotLoaded;
    if (section.header.sh_type == SHT_NULL)
      continue;
    SENNIT_RETURN_IF_ERROR(readString(sectionTable[header.e_shstrndx].header,
                                      section.header.sh_name, section.name));
    SENNIT_RETURN_IF_ERROR(classify(section));
  }
  return {};
}

Status ElfObject::checkTable(const ElfSection &section,
                             uint64_t entryBytes) const {
  if (section.header.sh_entsize != entryBytes ||
      section.header.sh_size % entryBytes != 0 ||
      section.header.sh_link >= sectionTable.size())
    return refuse("has a symbol or relocation table of another shape");
  return {};
}

Status ElfObject::open(std::string_view name, const uint8_t *objectData,
                       uint64_t size) {
  objectName = name;
  data = objectData;
  bytes = size;
  Elf64_Ehdr header;
  if (size < sizeof(header))
    return refuse("is shorter than an ELF header");
  memcpy(&header, data, sizeof(header));
  SENNIT_RETURN_IF_ERROR(checkHeader(header));
  SENNIT_RETURN_IF_ERROR(readSections(header));
  for (const ElfSection &section : sectionTable) {
    if (section.header.sh_type == SHT_RELA) {
      SENNIT_RETURN_IF_ERROR(checkTable(section, sizeof(Elf64_Rela)));
      if (section.header.sh_info >= sectionTable.size())
        return refuse("has relocations of a section that it has not");
    }
    if (section.header.sh_type == SHT_REL)
      return refuse("has relocations without addends, which x86-64 never has");
    if (section.header.sh_type != SHT_SYMTAB)
      continue;
    SENNIT_RETURN_IF_ERROR(checkTable(section, sizeof(Elf64_Sym)));
    if (symbols)
      return refuse("has two symbol tables");
    symbolTable = section.header;
    symbolNames = sectionTable[section.header.sh_link].header;
    symbols = section.header.sh_size / sizeof(Elf64_Sym);
  }
  return {};
}

Status ElfObject::readSymbol(uint64_t index, Elf64_Sym &out_symbol,
                             std::string_view &out_name) const {
  if (index >= symbols)
    return refuse("has a relocation against a symbol that it has not");
  memcpy(&out_symbol, data + symbolTable.sh_offset + index * sizeof(out_symbol),
         sizeof(out_symbol));
  return readString(symbolNames, out_symbol.st_name, out_name);
}

Elf64_Rela ElfObject::readRelocation(const ElfSection &section,
                                     uint64_t index) const {
  Elf64_Rela relocation;
  memcpy(&relocation, contents(section) + index * sizeof(relocation),
         sizeof(relocation));
  return relocation;
}

} // namespace sennit
