// Writes protobuf messages of ONNX, sound or not, and the files they stand in.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_TEST_FRONTENDS_ONNX_MESSAGES_H
#define SENNIT_TEST_FRONTENDS_ONNX_MESSAGES_H

#include "llvm/Support/Error.h"
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <string>
#include <unistd.h>
#include <vector>

namespace sennit::onnx::test {

inline std::string varint(uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7)
    out.push_back(char(value | 0x80));
  out.push_back(char(value));
  return out;
}

inline std::string field(unsigned number, uint64_t value) {
  return varint(number << 3) + varint(value);
}

inline std::string field(unsigned number, const std::string &bytes) {
  return varint(number << 3 | 2) + varint(bytes.size()) + bytes;
}

inline std::string field(unsigned number, const char *text) {
  return field(number, std::string(text));
}

inline std::string floatField(unsigned number, float value) {
  std::string bytes(4, 0);
  std::memcpy(bytes.data(), &value, 4);
  return varint(number << 3 | 5) + bytes;
}

/// The elements of numbers as they lie in memory.
template <typename T> std::string raw(const std::vector<T> &values) {
  return std::string(reinterpret_cast<const char *>(values.data()),
                     values.size() * sizeof(T));
}

/// TensorProto: type 1 is float, 7 is int64.
inline std::string tensor(const std::string &name, int type,
                          const std::vector<int64_t> &shape,
                          const std::string &data) {
  std::string out;
  for (int64_t extent : shape)
    out += field(1, uint64_t(extent));
  return out + field(2, type) + field(8, name) + field(9, data);
}

/// ValueInfoProto; an extent of -1 is left open.
inline std::string value(const std::string &name, int type,
                         const std::vector<int64_t> &shape) {
  std::string extents;
  for (int64_t extent : shape)
    extents +=
        field(1, extent < 0 ? field(2, "n") : field(1, uint64_t(extent)));
  return field(1, name) +
         field(2, field(1, field(1, type) + field(2, extents)));
}

inline std::string intAttribute(const std::string &name, int64_t number) {
  return field(1, name) + field(3, uint64_t(number)) + field(20, 2);
}

inline std::string textAttribute(const std::string &name,
                                 const std::string &text) {
  return field(1, name) + field(4, text) + field(20, 3);
}

inline std::string graphAttribute(const std::string &name,
                                  const std::string &graph) {
  return field(1, name) + field(6, graph) + field(20, 5);
}

inline std::string node(const std::string &operation,
                        const std::vector<std::string> &inputs,
                        const std::vector<std::string> &outputs,
                        const std::vector<std::string> &attributes = {},
                        const std::string &domain = "") {
  std::string out;
  for (const std::string &input : inputs)
    out += field(1, input);
  for (const std::string &output : outputs)
    out += field(2, output);
  out += field(4, operation) + field(7, domain);
  for (const std::string &attribute : attributes)
    out += field(5, attribute);
  return out;
}

/// GraphProto.
struct GraphText {
  std::vector<std::string> nodes, initializers, inputs, outputs;

  std::string text() const {
    std::string out;
    for (const std::string &part : nodes)
      out += field(1, part);
    for (const std::string &part : initializers)
      out += field(5, part);
    for (const std::string &part : inputs)
      out += field(11, part);
    for (const std::string &part : outputs)
      out += field(12, part);
    return out;
  }
};

inline std::string modelOf(const std::string &graph, int64_t version = 23,
                           const std::string &more = "") {
  return field(1, 10) + field(7, graph) + field(8, field(2, version)) +
         field(8, field(1, "ai.onnx.preview") + field(2, 1)) + more;
}

class Directory {
public:
  Directory() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "sennit-onnx-XXXXXX")
            .string();
    root = mkdtemp(pattern.data());
  }
  ~Directory() { std::filesystem::remove_all(root); }

  std::string path(const std::string &name = "") const {
    return name.empty() ? root.string() : (root / name).string();
  }
  /// Writes a file; returns its path.
  std::string write(const std::string &name, const std::string &content) const {
    std::ofstream(path(name), std::ios::binary) << content;
    return path(name);
  }

private:
  std::filesystem::path root;
};

/// The text of an error, or "" for a result.
template <typename T> std::string errorOf(llvm::Expected<T> result) {
  return result ? "" : llvm::toString(result.takeError());
}

inline bool contains(const std::string &text, const std::string &part) {
  return text.find(part) != std::string::npos;
}

} // namespace sennit::onnx::test

#endif // SENNIT_TEST_FRONTENDS_ONNX_MESSAGES_H
