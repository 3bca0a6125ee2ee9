// A ZIP of stored members whose data can be mapped: each starts at a multiple
// of 64 bytes.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_ZIP_H
#define SENNIT_COMPILER_ZIP_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace sennit {

/// Collects members in memory and writes them at once, with 64-bit sizes where
/// needed.
class ZipWriter {
public:
  /// Appends a member; `name` is unique.
  void add(llvm::StringRef name, llvm::StringRef content);
  /// Bytes of the archive.
  int64_t size() const;
  /// Writes to a temporary name beside `path` and renames.
  llvm::Error write(llvm::StringRef path) const;

private:
  struct Member {
    std::string name;
    uint32_t crc;
    uint64_t bytes, header;
  };
  std::string directory() const;

  std::string body;
  std::vector<Member> members;
};

} // namespace sennit

#endif // SENNIT_COMPILER_ZIP_H
