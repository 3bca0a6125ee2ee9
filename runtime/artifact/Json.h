// A strict JSON reader (RFC 8259) for the manifest: bounded, in place, no
// floats. Part of Sennit, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE.
#ifndef SENNIT_RUNTIME_ARTIFACT_JSON_H
#define SENNIT_RUNTIME_ARTIFACT_JSON_H

#include "runtime/Memory.h"

#include <string_view>

namespace sennit {

enum class JsonKind : uint8_t {
  Null,
  Boolean,
  Integer,
  /// A number that is not an integer of 64 bits; its value is not kept.
  OtherNumber,
  String,
  Array,
  Object
};

/// The kind as it is called in messages: "a string".
const char *describe(JsonKind kind);

struct JsonValue {
  JsonKind kind = JsonKind::Null;
  /// The name under which an object holds this value; zero-terminated.
  std::string_view key;
  /// A string's characters, zero-terminated and without a zero inside.
  std::string_view text;
  /// An integer's value; a boolean's as 0 or 1.
  int64_t integer = 0;
  /// An array's or object's number of elements, and the indexes of the first
  /// and of the one after this; 0 where there is none.
  uint32_t count = 0;
  uint32_t first = 0;
  uint32_t next = 0;
};

/// A parsed document. Accepted is less than the standard allows: at most 16
/// levels, 256 members an object, 4 Mi values, no key twice, no zero
/// character, and valid UTF-8.
class JsonDocument {
public:
  /// Parses |size| bytes at |text|, decoding strings in place: |text| must
  /// outlive the document and may not be parsed again. The message names the
  /// byte.
  Status parse(char *text, uint64_t size);

  const JsonValue &root() const { return values[0]; }
  const JsonValue &at(uint32_t index) const { return values[index]; }
  /// Null where |object| has no such member.
  const JsonValue *find(const JsonValue &object, std::string_view key) const;

private:
  Array<JsonValue> values;
};

} // namespace sennit

#endif // SENNIT_RUNTIME_ARTIFACT_JSON_H
