// Layout, symbols and protection of loaded code; Relocation.cpp does the rest.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#include "runtime/code/CodeImage.h"

#include "runtime/code/Relocation.h"

#include <algorithm>
#include <cstring>
#include <sys/mman.h>

namespace sennit {

/// All that code may call outside its objects.
static const struct External {
  std::string_view name;
  void *address;
} externals[] = {{"memcpy", reinterpret_cast<void *>(&memcpy)},
                 {"memmove", reinterpret_cast<void *>(&memmove)},
                 {"memset", reinterpret_cast<void *>(&memset)}};
static constexpr uint64_t externalCount = 3;

/// `jmp *slot(%rip)`, padded: a call reaches 2 GiB, libc may lie farther away.
static constexpr uint64_t stubBytes = 16;
/// Every distance inside the image must fit 32 bits.
static constexpr uint64_t imageLimit = uint64_t(1) << 30;

static uint64_t address(const uint8_t *pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

uint64_t CodeImage::slotAddress(uint64_t slot) const {
  return address(pages.data()) + slots + 8 * slot;
}

uint64_t CodeImage::stubAddress(uint64_t external) const {
  return address(pages.data()) + stubs + stubBytes * external;
}

Status CodeImage::openObjects(const Array<ObjectBytes> &objects) {
  SENNIT_RETURN_IF_ERROR(loaded.grow(objects.size()));
  slotCount = externalCount;
  for (size_t i = 0; i < objects.size(); ++i) {
    const ObjectBytes &bytes = objects[i];
    SENNIT_RETURN_IF_ERROR(
        loaded[i].elf.open(bytes.name, bytes.data, bytes.bytes));
    SENNIT_RETURN_IF_ERROR(countSlots(loaded[i]));
  }
  return {};
}

/// Gives a slot to each symbol that a relocation reads through the table.
Status CodeImage::countSlots(Loaded &object) {
  ElfObject &elf = object.elf;
  SENNIT_RETURN_IF_ERROR(object.slots.grow(elf.symbolCount()));
  for (const ElfSection &section : elf.sections()) {
    if (section.header.sh_type != SHT_RELA ||
        elf.sections()[section.header.sh_info].group == SectionGroup::NotLoaded)
      continue;
    uint64_t count = section.header.sh_size / sizeof(Elf64_Rela);
    for (uint64_t i = 0; i < count; ++i) {
      Elf64_Rela relocation = elf.readRelocation(section, i);
      uint32_t type = ELF64_R_TYPE(relocation.r_info);
      uint64_t symbol = ELF64_R_SYM(relocation.r_info);
      needsLow |= type == R_X86_64_32 || type == R_X86_64_32S;
      if (readsSlot(type) && symbol < object.slots.size() &&
          object.slots[symbol] == 0)
        object.slots[symbol] = static_cast<uint32_t>(++slotCount);
    }
  }
  return {};
}

Status CodeImage::layOut() {
  uint64_t at = 0;
  auto place = [&](SectionGroup group) {
    for (Loaded &object : loaded)
      for (ElfSection &section : object.elf.sections()) {
        if (section.group != group)
          continue;
        const Elf64_Shdr &header = section.header;
        at = roundUp(at, header.sh_addralign ? header.sh_addralign : 1);
        section.imageOffset = at;
        if (header.sh_size > imageLimit - std::min(at, imageLimit))
          return false;
        at += header.sh_size;
      }
    return true;
  };
  bool fits = place(SectionGroup::Code);
  stubs = roundUp(at, stubBytes);
  at = readOnly = roundUp(stubs + stubBytes * externalCount, pageBytes());
  fits = fits && place(SectionGroup::ReadOnly);
  slots = roundUp(at, 8);
  at = writable = roundUp(slots + 8 * slotCount, pageBytes());
  fits = fits && place(SectionGroup::Writable);
  end = at;
  if (!fits || end > imageLimit)
    return makeError(SENNIT_STATUS_UNSUPPORTED,
                     "the code takes more than %llu bytes",
                     static_cast<unsigned long long>(imageLimit));
  return pages.map(end, "code", needsLow);
}

void CodeImage::copySections() {
  for (Loaded &object : loaded)
    for (const ElfSection &section : object.elf.sections())
      if (section.group != SectionGroup::NotLoaded &&
          section.header.sh_type == SHT_PROGBITS && section.header.sh_size)
        memcpy(pages.data() + section.imageOffset, object.elf.contents(section),
               section.header.sh_size);
}

void CodeImage::writeStubs() {
  for (uint64_t i = 0; i < externalCount; ++i) {
    uint8_t *stub = pages.data() + stubs + stubBytes * i;
    uint32_t distance =
        static_cast<uint32_t>(slotAddress(i) - (address(stub) + 6));
    const uint8_t jump[] = {0xff, 0x25};
    memset(stub, 0xcc, stubBytes);
    memcpy(stub, jump, sizeof(jump));
    memcpy(stub + 2, &distance, sizeof(distance));
    memcpy(pages.data() + slots + 8 * i, &externals[i].address, 8);
  }
}

/// Collects the defined globals of all objects, sorted by name.
Status CodeImage::collectGlobals() {
  for (Loaded &object : loaded)
    for (uint64_t i = 1; i < object.elf.symbolCount(); ++i) {
      Elf64_Sym symbol;
      std::string_view name;
      SENNIT_RETURN_IF_ERROR(object.elf.readSymbol(i, symbol, name));
      unsigned binding = ELF64_ST_BIND(symbol.st_info);
      if (binding == STB_LOCAL || symbol.st_shndx == SHN_UNDEF)
        continue;
      uint64_t where;
      SENNIT_RETURN_IF_ERROR(locate(object, symbol, name, where));
      SENNIT_RETURN_IF_ERROR(
          globals.append({name, where, binding == STB_WEAK}));
    }
  std::sort(globals.begin(), globals.end(),
            [](const Global &a, const Global &b) {
              return a.name != b.name ? a.name < b.name : a.isWeak < b.isWeak;
            });
  for (size_t i = 1; i < globals.size(); ++i)
    if (globals[i].name == globals[i - 1].name && !globals[i].isWeak)
      return makeError(SENNIT_STATUS_MALFORMED,
                       "two objects define the symbol `%.*s`",
                       SENNIT_VIEW(globals[i].name));
  return {};
}

const CodeImage::Global *CodeImage::findGlobal(std::string_view name) const {
  const Global *found = std::lower_bound(
      globals.begin(), globals.end(), name,
      [](const Global &a, std::string_view b) { return a.name < b; });
  return found != globals.end() && found->name == name ? found : nullptr;
}

/// The address at which |object| itself defines |symbol|.
Status CodeImage::locate(const Loaded &object, const Elf64_Sym &symbol,
                         std::string_view name, uint64_t &out_address) const {
  auto refuse = [&](const char *what) {
    return makeError(SENNIT_STATUS_MALFORMED,
                     "symbol `%.*s` of object `%.*s` %s", SENNIT_VIEW(name),
                     SENNIT_VIEW(object.elf.name()), what);
  };
  unsigned type = ELF64_ST_TYPE(symbol.st_info);
  if (type == STT_TLS || type == STT_GNU_IFUNC)
    return refuse("is thread-local or chosen at run time");
  if (symbol.st_shndx == SHN_ABS) {
    out_address = symbol.st_value;
    return {};
  }
  if (symbol.st_shndx >= object.elf.sections().size())
    return refuse("lies in no section: common, or of a reserved index");
  const ElfSection &section = object.elf.sections()[symbol.st_shndx];
  if (section.group == SectionGroup::NotLoaded)
    return refuse("lies in a section that is not loaded");
  if (symbol.st_value > section.header.sh_size)
    return refuse("lies past the end of its section");
  out_address = address(pages.data()) + section.imageOffset + symbol.st_value;
  return {};
}

/// The address that symbol |index| of |object| means among all objects.
Status CodeImage::resolve(const Loaded &object, uint64_t index,
                          uint64_t &out_address) const {
  Elf64_Sym symbol;
  std::string_view name;
  SENNIT_RETURN_IF_ERROR(object.elf.readSymbol(index, symbol, name));
  if (ELF64_ST_BIND(symbol.st_info) != STB_LOCAL)
    if (const Global *global = findGlobal(name)) {
      out_address = global->address;
      return {};
    }
  if (symbol.st_shndx != SHN_UNDEF)
    return locate(object, symbol, name, out_address);
  for (uint64_t i = 0; i < externalCount; ++i)
    if (externals[i].name == name) {
      out_address = stubAddress(i);
      return {};
    }
  return makeError(SENNIT_STATUS_UNSUPPORTED,
                   "object `%.*s` needs the symbol `%.*s`, which no object "
                   "defines; the runtime provides only `memcpy`, `memmove` "
                   "and `memset`",
                   SENNIT_VIEW(object.elf.name()), SENNIT_VIEW(name));
}

Status CodeImage::relocateObject(Loaded &object) {
  for (uint64_t i = 0; i < object.slots.size(); ++i) {
    if (object.slots[i] == 0)
      continue;
    uint64_t where;
    SENNIT_RETURN_IF_ERROR(resolve(object, i, where));
    memcpy(pages.data() + slots + 8 * (object.slots[i] - 1), &where, 8);
  }
  for (const ElfSection &section : object.elf.sections())
    if (section.header.sh_type == SHT_RELA)
      SENNIT_RETURN_IF_ERROR(relocateSection(object, section));
  return {};
}

Status CodeImage::relocateSection(Loaded &object,
                                  const ElfSection &relocations) {
  const ElfSection &section = object.elf.sections()[relocations.header.sh_info];
  if (section.group == SectionGroup::NotLoaded)
    return {};
  uint64_t count = relocations.header.sh_size / sizeof(Elf64_Rela);
  for (uint64_t i = 0; i < count; ++i)
    SENNIT_RETURN_IF_ERROR(
        apply(object, section, object.elf.readRelocation(relocations, i)));
  return {};
}

Status CodeImage::apply(Loaded &object, const ElfSection &section,
                        const Elf64_Rela &relocation) {
  uint32_t type = ELF64_R_TYPE(relocation.r_info);
  uint64_t symbol = ELF64_R_SYM(relocation.r_info);
  if (type == R_X86_64_NONE)
    return {};
  uint64_t target;
  SENNIT_RETURN_IF_ERROR(resolve(object, symbol, target));
  if (readsSlot(type))
    target = slotAddress(object.slots[symbol] - 1);
  bool hasContents = section.header.sh_type == SHT_PROGBITS;
  Patch patch = {pages.data() + section.imageOffset,
                 hasContents ? section.header.sh_size : 0, relocation.r_offset};
  const char *reason =
      relocate(patch, type, target, static_cast<uint64_t>(relocation.r_addend));
  if (!reason)
    return {};
  return makeError(SENNIT_STATUS_MALFORMED,
                   "relocation of type %u at byte %llu of section `%.*s` of "
                   "object `%.*s` %s",
                   type, static_cast<unsigned long long>(relocation.r_offset),
                   SENNIT_VIEW(section.name), SENNIT_VIEW(object.elf.name()),
                   reason);
}

Status CodeImage::protect() {
  SENNIT_RETURN_IF_ERROR(pages.protect(0, readOnly, PROT_READ | PROT_EXEC));
  return pages.protect(readOnly, writable - readOnly, PROT_READ);
}

Status CodeImage::load(const Array<ObjectBytes> &objects) {
  SENNIT_RETURN_IF_ERROR(openObjects(objects));
  SENNIT_RETURN_IF_ERROR(layOut());
  copySections();
  writeStubs();
  SENNIT_RETURN_IF_ERROR(collectGlobals());
  for (Loaded &object : loaded)
    SENNIT_RETURN_IF_ERROR(relocateObject(object));
  return protect();
}

void *CodeImage::findFunction(std::string_view symbol) const {
  const Global *global = findGlobal(symbol);
  uint64_t base = address(pages.data());
  if (!global || global->address < base || global->address >= base + stubs)
    return nullptr;
  return reinterpret_cast<void *>(global->address);
}

void CodeImage::forgetSymbols() {
  loaded = Array<Loaded>();
  globals = Array<Global>();
}

} // namespace sennit
