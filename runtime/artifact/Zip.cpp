// The ZIP reader: APPNOTE.TXT 6.3.10, sections 4.3.7 and 4.3.12 to 4.3.16.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "runtime/artifact/Zip.h"

#include <cstring>

namespace sennit {

namespace {

constexpr uint64_t endBytes = 22, locatorBytes = 20, end64Bytes = 56;
constexpr uint64_t centralBytes = 46, localBytes = 30;
constexpr uint64_t memberLimit = 4096, nameLimit = 1024;
constexpr uint16_t flagUtf8 = 1 << 11;

/// Little-endian fields of a range that the caller has checked to be whole.
struct Fields {
  const uint8_t *at;
  uint16_t u16(int offset) const { return load<uint16_t>(offset); }
  uint32_t u32(int offset) const { return load<uint32_t>(offset); }
  uint64_t u64(int offset) const { return load<uint64_t>(offset); }
  template <typename T> T load(int offset) const {
    T value;
    memcpy(&value, at + offset, sizeof(T));
    return value;
  }
};

struct Directory {
  uint64_t offset, bytes, entries, end;
};

/// What the two headers of a member say alike.
struct Header {
  std::string_view name;
  uint64_t storedBytes, bytes, offset;
  uint32_t crc;
};

using ull = unsigned long long;

} // namespace

uint32_t computeCrc32(const void *data, uint64_t size) {
  const uint8_t *bytes = static_cast<const uint8_t *>(data);
  uint32_t crc = ~0u;
  for (uint64_t i = 0; i < size; ++i) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; ++bit)
      crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
  }
  return ~crc;
}

static Status findDirectory64(const uint8_t *archive, uint64_t end,
                              Directory &directory) {
  if (end < locatorBytes + end64Bytes)
    return makeError(SENNIT_STATUS_MALFORMED,
                     "the ZIP64 end records do not fit before byte %llu",
                     ull(end));
  Fields locator{archive + end - locatorBytes};
  if (locator.u32(0) != 0x07064b50)
    return makeError(SENNIT_STATUS_MALFORMED,
                     "byte %llu holds no ZIP64 locator although sizes ask for "
                     "one",
                     ull(end - locatorBytes));
  uint64_t offset = locator.u64(8);
  if (offset != end - locatorBytes - end64Bytes || locator.u32(4) != 0 ||
      locator.u32(16) != 1)
    return makeError(
        SENNIT_STATUS_MALFORMED,
        "the ZIP64 end record is said to be at byte %llu, expected "
        "at %llu of the only volume",
        ull(offset), ull(end - locatorBytes - end64Bytes));
  Fields record{archive + offset};
  if (record.u32(0) != 0x06064b50 || record.u64(4) != end64Bytes - 12 ||
      record.u32(16) != 0 || record.u32(20) != 0 ||
      record.u64(24) != record.u64(32))
    return makeError(SENNIT_STATUS_MALFORMED,
                     "byte %llu holds no ZIP64 end record of one volume",
                     ull(offset));
  directory = {record.u64(48), record.u64(40), record.u64(32), offset};
  return {};
}

static Status findDirectory(const uint8_t *archive, uint64_t size,
                            Directory &directory) {
  if (size < endBytes)
    return makeError(SENNIT_STATUS_MALFORMED,
                     "%llu bytes are too few for a ZIP archive", ull(size));
  uint64_t end = size - endBytes;
  Fields record{archive + end};
  if (record.u32(0) != 0x06054b50 || record.u16(20) != 0)
    return makeError(SENNIT_STATUS_MALFORMED,
                     "the last %llu bytes are no ZIP end record: the file is "
                     "truncated, or no artifact",
                     ull(endBytes));
  if (record.u16(4) != 0 || record.u16(6) != 0 ||
      record.u16(8) != record.u16(10))
    return makeError(SENNIT_STATUS_MALFORMED,
                     "the ZIP end record speaks of several volumes");
  directory = {record.u32(16), record.u32(12), record.u16(10), end};
  if (directory.offset == 0xffffffff || directory.bytes == 0xffffffff ||
      directory.entries == 0xffff)
    SENNIT_RETURN_IF_ERROR(findDirectory64(archive, end, directory));
  if (directory.offset > directory.end ||
      directory.bytes != directory.end - directory.offset)
    return makeError(
        SENNIT_STATUS_MALFORMED,
        "the ZIP directory of %llu bytes at byte %llu does not end "
        "at byte %llu, where the end record begins",
        ull(directory.bytes), ull(directory.offset), ull(directory.end));
  if (directory.entries > memberLimit)
    return makeError(SENNIT_STATUS_MALFORMED,
                     "the ZIP directory has %llu members, more than %llu",
                     ull(directory.entries), ull(memberLimit));
  return {};
}

/// Replaces those of |wide|'s values that are all ones by the ZIP64 extra
/// field's, in its order (section 4.5.3).
static Status widen(const uint8_t *extra, uint64_t extraBytes,
                    std::string_view name, uint64_t *const *wide, int count) {
  bool needed = false;
  for (int i = 0; i < count; ++i)
    needed |= *wide[i] == 0xffffffff;
  uint64_t at = 0;
  while (needed && extraBytes - at >= 4) {
    Fields record{extra + at};
    uint64_t bytes = record.u16(2);
    at += 4;
    if (bytes > extraBytes - at)
      break;
    if (record.u16(0) != 1) {
      at += bytes;
      continue;
    }
    uint64_t used = 0;
    for (int i = 0; i < count; ++i) {
      if (*wide[i] != 0xffffffff)
        continue;
      if (bytes - used < 8)
        return makeError(SENNIT_STATUS_MALFORMED,
                         "member `%.*s` has a ZIP64 field of %llu bytes, too "
                         "few for its sizes",
                         SENNIT_VIEW(name), ull(bytes));
      *wide[i] = Fields{extra + at + used}.u64(0);
      used += 8;
    }
    return {};
  }
  if (needed)
    return makeError(SENNIT_STATUS_MALFORMED,
                     "member `%.*s` has no ZIP64 field although its sizes ask "
                     "for one",
                     SENNIT_VIEW(name));
  return {};
}

static bool isPlainName(std::string_view name) {
  if (name.empty() || name.size() > nameLimit || name.front() == '/')
    return false;
  size_t start = 0;
  for (size_t i = 0; i <= name.size(); ++i) {
    if (i < name.size() && name[i] != '/') {
      unsigned char c = static_cast<unsigned char>(name[i]);
      if (c < 0x20 || c == 0x7f || c == '\\' || c == ':')
        return false;
      continue;
    }
    size_t length = i - start;
    bool dots = (length == 1 && name[start] == '.') ||
                (length == 2 && name[start] == '.' && name[start + 1] == '.');
    if (length == 0 || dots)
      return false;
    start = i + 1;
  }
  return true;
}

/// Checks flags and method, which lie alike at |at| in both headers.
static Status checkStored(std::string_view name, uint16_t flags,
                          uint16_t method) {
  if (method != 0)
    return makeError(
        SENNIT_STATUS_MALFORMED,
        "member `%.*s` is compressed by method %d, expected stored",
        SENNIT_VIEW(name), method);
  if (flags & ~flagUtf8)
    return makeError(SENNIT_STATUS_MALFORMED,
                     "member `%.*s` has flags 0x%x, expected none but the one "
                     "of UTF-8: no encryption, no data descriptor",
                     SENNIT_VIEW(name), flags);
  return {};
}

static Status readCentral(const uint8_t *archive, const Directory &directory,
                          uint64_t &at, Header &header) {
  uint64_t left = directory.offset + directory.bytes - at;
  Fields fields{archive + at};
  if (left < centralBytes || fields.u32(0) != 0x02014b50)
    return makeError(SENNIT_STATUS_MALFORMED,
                     "byte %llu holds no ZIP directory entry", ull(at));
  uint64_t nameBytes = fields.u16(28), extraBytes = fields.u16(30);
  uint64_t commentBytes = fields.u16(32);
  if (nameBytes + extraBytes + commentBytes > left - centralBytes)
    return makeError(SENNIT_STATUS_MALFORMED,
                     "the ZIP directory entry at byte %llu runs past the "
                     "directory's end",
                     ull(at));
  const uint8_t *extra = archive + at + centralBytes + nameBytes;
  header.name = {reinterpret_cast<const char *>(archive + at + centralBytes),
                 nameBytes};
  if (!isPlainName(header.name))
    return makeError(SENNIT_STATUS_MALFORMED,
                     "the ZIP directory entry at byte %llu has the name "
                     "`%.*s`, expected a plain relative path",
                     ull(at), SENNIT_VIEW(header.name));
  if (fields.u16(34) != 0)
    return makeError(SENNIT_STATUS_MALFORMED, "member `%.*s` lies on volume %d",
                     SENNIT_VIEW(header.name), fields.u16(34));
  SENNIT_RETURN_IF_ERROR(
      checkStored(header.name, fields.u16(8), fields.u16(10)));
  header.crc = fields.u32(16);
  header.storedBytes = fields.u32(20);
  header.bytes = fields.u32(24);
  header.offset = fields.u32(42);
  uint64_t *wide[] = {&header.bytes, &header.storedBytes, &header.offset};
  at += centralBytes + nameBytes + extraBytes + commentBytes;
  return widen(extra, extraBytes, header.name, wide, 3);
}

/// Reads the local header that |header| points to, which must say the same;
/// |at| is where it has to be, and becomes the end of the member's data.
static Status readLocal(const uint8_t *archive, const Directory &directory,
                        const Header &header, uint64_t &at, ZipMember &member) {
  if (header.offset != at)
    return makeError(
        SENNIT_STATUS_MALFORMED,
        "member `%.*s` begins at byte %llu, expected at %llu where "
        "the one before it ends",
        SENNIT_VIEW(header.name), ull(header.offset), ull(at));
  uint64_t left = directory.offset - at;
  Fields fields{archive + at};
  if (left < localBytes || fields.u32(0) != 0x04034b50)
    return makeError(SENNIT_STATUS_MALFORMED,
                     "byte %llu holds no local header of member `%.*s`",
                     ull(at), SENNIT_VIEW(header.name));
  uint64_t nameBytes = fields.u16(26), extraBytes = fields.u16(28);
  if (nameBytes + extraBytes > left - localBytes)
    return makeError(SENNIT_STATUS_MALFORMED,
                     "the local header of member `%.*s` runs past byte %llu",
                     SENNIT_VIEW(header.name), ull(directory.offset));
  const uint8_t *name = archive + at + localBytes;
  uint64_t bytes = fields.u32(22), storedBytes = fields.u32(18);
  SENNIT_RETURN_IF_ERROR(
      checkStored(header.name, fields.u16(6), fields.u16(8)));
  uint64_t *wide[] = {&bytes, &storedBytes};
  SENNIT_RETURN_IF_ERROR(
      widen(name + nameBytes, extraBytes, header.name, wide, 2));
  if (nameBytes != header.name.size() ||
      memcmp(name, header.name.data(), nameBytes) != 0 ||
      fields.u32(14) != header.crc || bytes != header.bytes ||
      storedBytes != header.storedBytes || bytes != storedBytes)
    return makeError(SENNIT_STATUS_MALFORMED,
                     "the local header of member `%.*s` differs from its entry "
                     "in the directory",
                     SENNIT_VIEW(header.name));
  at += localBytes + nameBytes + extraBytes;
  if (bytes > directory.offset - at)
    return makeError(SENNIT_STATUS_MALFORMED,
                     "member `%.*s` of %llu bytes at byte %llu runs past byte "
                     "%llu, where the directory begins",
                     SENNIT_VIEW(header.name), ull(bytes), ull(at),
                     ull(directory.offset));
  member = {header.name, archive + at, bytes, header.crc};
  at += bytes;
  return {};
}

Status ZipReader::open(const uint8_t *archive, uint64_t size) {
  Directory directory = {};
  SENNIT_RETURN_IF_ERROR(findDirectory(archive, size, directory));
  SENNIT_RETURN_IF_ERROR(found.reserve(directory.entries));
  uint64_t central = directory.offset, local = 0;
  for (uint64_t i = 0; i < directory.entries; ++i) {
    Header header;
    ZipMember member;
    SENNIT_RETURN_IF_ERROR(readCentral(archive, directory, central, header));
    SENNIT_RETURN_IF_ERROR(
        readLocal(archive, directory, header, local, member));
    if (find(member.name))
      return makeError(SENNIT_STATUS_MALFORMED, "member `%.*s` appears twice",
                       SENNIT_VIEW(member.name));
    SENNIT_RETURN_IF_ERROR(found.append(member));
  }
  if (local != directory.offset ||
      central != directory.offset + directory.bytes)
    return makeError(SENNIT_STATUS_MALFORMED,
                     "the members end at byte %llu and the directory at %llu, "
                     "expected %llu and %llu",
                     ull(local), ull(central), ull(directory.offset),
                     ull(directory.offset + directory.bytes));
  return {};
}

const ZipMember *ZipReader::find(std::string_view name) const {
  for (const ZipMember &member : found)
    if (member.name == name)
      return &member;
  return nullptr;
}

} // namespace sennit
