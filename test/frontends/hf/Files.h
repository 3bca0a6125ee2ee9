// Writes the files that the reader tests read: a directory of their own,
// removed afterwards.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_TEST_FRONTENDS_HF_FILES_H
#define SENNIT_TEST_FRONTENDS_HF_FILES_H

#include "llvm/Support/Error.h"
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <string>
#include <unistd.h>

namespace sennit::hf::test {

/// A safetensors file: the length of `header` unless another is given, the
/// header, `dataSize` zeros.
inline std::string safetensors(const std::string &header, size_t dataSize,
                               int64_t claimed = -1) {
  uint64_t length = claimed < 0 ? header.size() : uint64_t(claimed);
  std::string result;
  for (int byte = 0; byte < 8; ++byte)
    result.push_back(char(length >> (8 * byte)));
  return result + header + std::string(dataSize, '\0');
}

class Directory {
public:
  Directory() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "sennit-hf-XXXXXX").string();
    root = mkdtemp(pattern.data());
  }
  ~Directory() { std::filesystem::remove_all(root); }

  std::string path(const std::string &name = "") const {
    return name.empty() ? root.string() : (root / name).string();
  }
  void write(const std::string &name, const std::string &content) const {
    std::ofstream(path(name), std::ios::binary) << content;
  }

private:
  std::filesystem::path root;
};

/// The text of an error, or "" for a result.
template <typename T> std::string errorOf(llvm::Expected<T> result) {
  return result ? "" : llvm::toString(result.takeError());
}

} // namespace sennit::hf::test

#endif // SENNIT_TEST_FRONTENDS_HF_FILES_H
