// Reads the artifact's container: a ZIP whose members are all stored.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#ifndef SENNIT_RUNTIME_ARTIFACT_ZIP_H
#define SENNIT_RUNTIME_ARTIFACT_ZIP_H

#include "runtime/Memory.h"

#include <string_view>

namespace sennit {

struct ZipMember {
  /// Points into the archive; relative, without `..`, backslashes or control
  /// characters.
  std::string_view name;
  const uint8_t *data;
  uint64_t bytes;
  /// Recorded, and not checked on opening.
  uint32_t crc;
};

/// The members of a ZIP or ZIP64 archive in memory. Only the plain shape that
/// the artifact writer produces is accepted: members stored, one after the
/// other from byte 0 without a gap, in the order of the central directory,
/// which follows them at once. Nothing can then hide between members, and two
/// tools cannot see two different archives in one file.
class ZipReader {
public:
  /// |archive| must outlive the reader.
  Status open(const uint8_t *archive, uint64_t size);

  const Array<ZipMember> &members() const { return found; }
  /// Null where there is no such member.
  const ZipMember *find(std::string_view name) const;

private:
  Array<ZipMember> found;
};

/// CRC-32 as in ZIP (ISO 3309, reflected).
uint32_t computeCrc32(const void *data, uint64_t size);

} // namespace sennit

#endif // SENNIT_RUNTIME_ARTIFACT_ZIP_H
