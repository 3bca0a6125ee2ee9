// A file mapped read-only, closed and unmapped by its destructor.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#ifndef SENNIT_RUNTIME_ARTIFACT_MAPPEDFILE_H
#define SENNIT_RUNTIME_ARTIFACT_MAPPEDFILE_H

#include "runtime/Status.h"

#include <utility>

namespace sennit {

class MappedFile {
public:
  MappedFile() = default;
  MappedFile(MappedFile &&other) noexcept
      : address(std::exchange(other.address, nullptr)),
        fileBytes(std::exchange(other.fileBytes, 0)) {}
  ~MappedFile();

  /// Maps the regular file at |path| whole. The message follows the file's
  /// name: "cannot be opened: ...".
  Status open(const char *path);

  /// Null for an empty file.
  const uint8_t *data() const { return address; }
  uint64_t size() const { return fileBytes; }

private:
  uint8_t *address = nullptr;
  uint64_t fileBytes = 0;
};

} // namespace sennit

#endif // SENNIT_RUNTIME_ARTIFACT_MAPPEDFILE_H
