// Reads JSON strictly and within bounds: no duplicate keys, no deep nesting,
// numbers kept exact.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/hf/Json.h"
#include "frontends/ImportError.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/JSON.h"
#include <cmath>
#include <limits>

using namespace sennit;
using namespace sennit::hf;
using llvm::StringRef;

const JsonValue *JsonValue::find(StringRef key) const {
  auto found = llvm::find(keys, key);
  return found == keys.end() ? nullptr : &elements[found - keys.begin()];
}

StringRef JsonValue::describe(Kind kind) {
  switch (kind) {
  case Kind::Null:
    return "null";
  case Kind::Boolean:
    return "a boolean";
  case Kind::Integer:
    return "an integer";
  case Kind::Number:
    return "a number";
  case Kind::String:
    return "a string";
  case Kind::Array:
    return "an array";
  case Kind::Object:
    return "an object";
  }
  llvm_unreachable("all kinds are listed");
}

JsonReader::JsonReader(StringRef text, bool allowNonFinite)
    : text(text), allowNonFinite(allowNonFinite) {
  size_t wrong = 0;
  if (llvm::json::isUTF8(text, &wrong))
    return;
  position = wrong;
  fail("the text is not UTF-8");
}

bool JsonReader::fail(const llvm::Twine &reason) {
  if (!message.empty())
    return false;
  StringRef before = text.take_front(position);
  size_t lineStart = before.rfind('\n');
  size_t column = lineStart == StringRef::npos ? before.size()
                                               : before.size() - lineStart - 1;
  message = ("line " + llvm::Twine(before.count('\n') + 1) + ", column " +
             llvm::Twine(column + 1) + ": " + reason)
                .str();
  return false;
}

void JsonReader::skipSpace() {
  position = std::min(text.find_first_not_of(" \t\r\n", position), text.size());
}

bool JsonReader::consume(char character) {
  if (!message.empty())
    return false;
  skipSpace();
  if (position == text.size() || text[position] != character)
    return false;
  ++position;
  return true;
}

bool JsonReader::expect(char character, StringRef what) {
  return consume(character) || fail("expected " + what);
}

bool JsonReader::readObject(llvm::function_ref<bool(StringRef)> member) {
  if (!expect('{', "an object"))
    return false;
  if (depth == maxDepth)
    return fail("values are nested deeper than " + llvm::Twine(maxDepth));
  ++depth;
  llvm::StringSet<> keys;
  bool closed = consume('}');
  while (!closed) {
    std::string key;
    if (!readString(key))
      return false;
    if (!keys.insert(key).second)
      return fail("the key " + quoted(key) + " occurs twice");
    if (!expect(':', "`:` after a key") || !member(key))
      return false;
    closed = consume('}');
    if (!closed && !expect(',', "`,` or `}` after a member"))
      return false;
  }
  --depth;
  return true;
}

bool JsonReader::readArray(llvm::function_ref<bool()> element) {
  if (!expect('[', "an array"))
    return false;
  if (depth == maxDepth)
    return fail("values are nested deeper than " + llvm::Twine(maxDepth));
  ++depth;
  bool closed = consume(']');
  while (!closed) {
    if (!element())
      return false;
    closed = consume(']');
    if (!closed && !expect(',', "`,` or `]` after an element"))
      return false;
  }
  --depth;
  return true;
}

bool JsonReader::readString(std::string &result) {
  result.clear();
  if (!expect('"', "a string"))
    return false;
  while (position < text.size()) {
    char character = text[position++];
    if (character == '"')
      return true;
    if (static_cast<unsigned char>(character) < 0x20)
      return fail("a control character stands in a string");
    if (character != '\\')
      result.push_back(character);
    else if (!readEscape(result))
      return false;
  }
  return fail("the text ends inside a string");
}

bool JsonReader::readHex4(unsigned &result) {
  StringRef digits = text.substr(position, 4);
  if (digits.size() != 4 || !llvm::all_of(digits, llvm::isHexDigit))
    return fail("expected four hexadecimal digits after `\\u`");
  digits.getAsInteger(16, result);
  position += 4;
  return true;
}

bool JsonReader::readEscape(std::string &result) {
  static constexpr StringRef escapes = "\"\\/bfnrt",
                             meanings = "\"\\/\b\f\n\r\t";
  if (position == text.size())
    return fail("the text ends inside a string");
  char character = text[position++];
  if (size_t index = escapes.find(character); index != StringRef::npos) {
    result.push_back(meanings[index]);
    return true;
  }
  unsigned high, low, code;
  if (character != 'u')
    return fail("a string has an escape that JSON does not define");
  if (!readHex4(high))
    return false;
  code = high;
  if (high >= 0xD800 && high < 0xE000) {
    bool paired = high < 0xDC00 && text.substr(position).starts_with("\\u");
    position += paired ? 2 : 0;
    if (!paired || !readHex4(low) || low < 0xDC00 || low >= 0xE000)
      return fail("a surrogate stands without its pair");
    code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
  }
  char bytes[UNI_MAX_UTF8_BYTES_PER_CODE_POINT], *end = bytes;
  llvm::ConvertCodePointToUTF8(code, end);
  result.append(bytes, end);
  return true;
}

bool JsonReader::readUnsigned(uint64_t &result) {
  JsonValue value;
  size_t start = (skipSpace(), position);
  if (position == text.size() || !llvm::isDigit(text[position]))
    return fail("expected a number without sign");
  if (!readNumber(value))
    return false;
  if (text.slice(start, position).getAsInteger(10, result))
    return fail("expected a whole number below 2^64, found " +
                quoted(text.slice(start, position)));
  return true;
}

bool JsonReader::readNumber(JsonValue &result) {
  size_t start = position;
  auto digits = [&] {
    size_t first = position;
    while (position < text.size() && llvm::isDigit(text[position]))
      ++position;
    return position - first;
  };
  auto take = [&](StringRef characters) {
    bool found = position < text.size() && characters.contains(text[position]);
    position += found;
    return found;
  };
  take("-");
  bool leadingZero = position < text.size() && text[position] == '0';
  size_t whole = digits();
  if (whole == 0 || (leadingZero && whole > 1))
    return fail("a number is not written as JSON writes it");
  bool isInteger = true;
  if (take(".")) {
    isInteger = false;
    if (digits() == 0)
      return fail("a number has no digit after its point");
  }
  if (take("eE")) {
    isInteger = false;
    take("+-");
    if (digits() == 0)
      return fail("a number has no digit in its exponent");
  }
  StringRef number = text.slice(start, position);
  // Thousands of digits are legal JSON, but cost quadratic time and say nothing
  // about a model.
  if (number.size() > 64)
    return fail("a number has more than 64 characters");
  isInteger = isInteger && !number.getAsInteger(10, result.integer);
  result.kind = isInteger ? JsonValue::Kind::Integer : JsonValue::Kind::Number;
  if (isInteger)
    result.number = static_cast<double>(result.integer);
  else if (!llvm::to_float(number, result.number) || std::isinf(result.number))
    return fail("the number " + quoted(number) + " cannot be represented");
  return true;
}

bool JsonReader::readWord(JsonValue &result) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  StringRef rest = text.substr(position);
  auto word = [&](StringRef spelling, JsonValue::Kind kind, double number = 0) {
    if (!rest.starts_with(spelling))
      return false;
    position += spelling.size();
    result.kind = kind;
    result.number = number;
    return true;
  };
  if (word("null", JsonValue::Kind::Null) ||
      word("false", JsonValue::Kind::Boolean))
    return true;
  if (word("true", JsonValue::Kind::Boolean)) {
    result.boolean = true;
    return true;
  }
  if (allowNonFinite && (word("NaN", JsonValue::Kind::Number,
                              std::numeric_limits<double>::quiet_NaN()) ||
                         word("Infinity", JsonValue::Kind::Number, infinity) ||
                         word("-Infinity", JsonValue::Kind::Number, -infinity)))
    return true;
  return fail("expected a value");
}

bool JsonReader::readValue(JsonValue &result) {
  if (!message.empty())
    return false;
  skipSpace();
  StringRef rest = text.substr(position);
  if (rest.starts_with("{")) {
    result.kind = JsonValue::Kind::Object;
    return readObject([&](StringRef key) {
      result.keys.push_back(key.str());
      return readValue(result.elements.emplace_back());
    });
  }
  if (rest.starts_with("[")) {
    result.kind = JsonValue::Kind::Array;
    return readArray([&] { return readValue(result.elements.emplace_back()); });
  }
  if (rest.starts_with("\"")) {
    result.kind = JsonValue::Kind::String;
    return readString(result.string);
  }
  if (!rest.empty() &&
      (llvm::isDigit(rest[0]) || (rest[0] == '-' && !rest.starts_with("-I"))))
    return readNumber(result);
  return readWord(result);
}

bool JsonReader::readEnd() {
  if (!message.empty())
    return false;
  skipSpace();
  return position == text.size() || fail("text follows the document");
}
