// Reads JSON strictly and within bounds: no duplicate keys, no deep nesting,
// numbers kept exact.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_FRONTENDS_HF_JSON_H
#define SENNIT_FRONTENDS_HF_JSON_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include <cstdint>
#include <string>
#include <vector>

namespace sennit::hf {

/// A parsed value. `Integer` is a number written without fraction or exponent
/// that fits 64 bits.
struct JsonValue {
  enum class Kind { Null, Boolean, Integer, Number, String, Array, Object };

  Kind kind = Kind::Null;
  bool boolean = false;
  int64_t integer = 0;
  double number = 0; // Also set for Integer.
  std::string string;
  std::vector<JsonValue>
      elements; // Of an array; of an object, the values of its keys.
  std::vector<std::string> keys;

  const JsonValue *find(llvm::StringRef key) const;
  /// "null", "a string", "an object", ...
  static llvm::StringRef describe(Kind kind);
};

/// A reader that goes through one document from front to back (RFC 8259) and
/// builds no tree unless asked. Every read returns false at the first error and
/// from then on; `error()` says what and where. Recursion is bounded by
/// `maxDepth`.
///
/// `llvm::json` accepts duplicate keys, refuses the bare `Infinity` that model
/// configurations carry, and needs a tree for headers of many megabytes.
class JsonReader {
public:
  static constexpr unsigned maxDepth = 64;

  /// `allowNonFinite` accepts `NaN`, `Infinity` and `-Infinity` as Python
  /// writes them.
  explicit JsonReader(llvm::StringRef text, bool allowNonFinite = false);

  /// Calls `member` after each key; it must read exactly the value.
  bool readObject(llvm::function_ref<bool(llvm::StringRef key)> member);
  /// Calls `element` before each element; it must read exactly that element.
  bool readArray(llvm::function_ref<bool()> element);
  bool readString(std::string &result);
  /// A number without sign, fraction or exponent.
  bool readUnsigned(uint64_t &result);
  bool readValue(JsonValue &result);
  /// Only white space is left.
  bool readEnd();

  /// Records an error at the current place; returns false.
  bool fail(const llvm::Twine &reason);
  llvm::StringRef error() const { return message; }

private:
  void skipSpace();
  bool consume(char character);
  bool expect(char character, llvm::StringRef what);
  bool readEscape(std::string &result);
  bool readHex4(unsigned &result);
  bool readNumber(JsonValue &result);
  bool readWord(JsonValue &result);

  llvm::StringRef text;
  size_t position = 0;
  unsigned depth = 0;
  bool allowNonFinite;
  std::string message;
};

} // namespace sennit::hf

#endif // SENNIT_FRONTENDS_HF_JSON_H
