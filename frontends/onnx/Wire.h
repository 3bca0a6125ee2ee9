// Reads the fields of one protobuf message, and trusts nothing in it.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_FRONTENDS_ONNX_WIRE_H
#define SENNIT_FRONTENDS_ONNX_WIRE_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <string>

namespace sennit::onnx {

/// How a field's bytes are laid out; groups, which ONNX never had, are refused.
enum class WireKind { Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5 };

struct Field {
  uint32_t number = 0;
  WireKind kind = WireKind::Varint;
  /// Of a varint or a fixed field.
  uint64_t scalar = 0;
  /// Of a field of bytes: a view of the message.
  llvm::StringRef bytes;

  int64_t integer() const { return static_cast<int64_t>(scalar); }
  float single() const;
};

/// Walks the fields of a message from front to back. Every length is compared
/// with what is left before it is used. Specification: protobuf.dev,
/// "Encoding".
class WireReader {
public:
  explicit WireReader(llvm::StringRef message)
      : start(message.begin()), rest(message) {}

  /// Reads the next field; false at the end, and on an error.
  bool next(Field &field);

  /// Empty, or why `next` stopped: "byte 12: ...".
  const std::string &error() const { return message; }

private:
  bool fail(const std::string &what);
  bool readVarint(uint64_t &value);
  bool readFixed(unsigned bytes, uint64_t &value);

  const char *start;
  llvm::StringRef rest;
  std::string message;
};

/// Appends the values of a repeated number, which is one value or, packed, the
/// values one after the other. False, and `error`, where they are cut short or
/// the field is of another kind. `kind` is the element's.
bool appendNumbers(const Field &field, WireKind kind,
                   llvm::SmallVectorImpl<uint64_t> &values, std::string &error);

} // namespace sennit::onnx

#endif // SENNIT_FRONTENDS_ONNX_WIRE_H
