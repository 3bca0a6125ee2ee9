// The JSON reader: recursive descent of bounded depth over bytes in place.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#include "runtime/artifact/Json.h"

#include "runtime/artifact/Utf8.h"

namespace sennit {

namespace {

constexpr int depthLimit = 16;
constexpr uint32_t memberLimit = 256;
constexpr uint32_t valueLimit = 4 << 20;

class Parser {
public:
  Parser(char *text, uint64_t size, Array<JsonValue> &values)
      : start(text), at(text), end(text + size), values(values) {}

  Status parseDocument() {
    SENNIT_RETURN_IF_ERROR(parseValue({}, 0));
    skipSpace();
    return at == end ? Status() : expected("the end");
  }

private:
  Status expected(const char *what) const {
    return makeError(SENNIT_STATUS_MALFORMED, "expected %s at byte %llu", what,
                     static_cast<unsigned long long>(at - start));
  }
  void skipSpace() {
    while (at != end &&
           (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
      ++at;
  }
  bool take(char c) {
    if (at == end || *at != c)
      return false;
    ++at;
    return true;
  }
  bool takeWord(std::string_view word) {
    if (size_t(end - at) < word.size() ||
        std::string_view(at, word.size()) != word)
      return false;
    at += word.size();
    return true;
  }
  bool isDigit() const { return at != end && *at >= '0' && *at <= '9'; }

  Status parseValue(std::string_view key, int depth);
  Status parseLiteral(JsonValue &value);
  Status parseNumber(JsonValue &value);
  Status parseString(std::string_view &out_text);
  Status parseEscape(char *&write);
  Status parseHex(uint32_t &out_unit);
  Status parseElements(uint32_t parent, bool isObject, int depth);
  Status checkKeyIsNew(uint32_t parent, std::string_view key) const;

  char *start, *at, *end;
  Array<JsonValue> &values;
};

} // namespace

Status Parser::parseValue(std::string_view key, int depth) {
  skipSpace();
  if (values.size() == valueLimit)
    return expected("no more than 4 Mi values");
  if (depth > depthLimit)
    return expected("no more than 16 levels");
  uint32_t index = static_cast<uint32_t>(values.size());
  JsonValue value;
  value.key = key;
  if (at != end && (*at == '{' || *at == '[')) {
    bool isObject = *at++ == '{';
    value.kind = isObject ? JsonKind::Object : JsonKind::Array;
    SENNIT_RETURN_IF_ERROR(values.append(value));
    return parseElements(index, isObject, depth);
  }
  if (take('"')) {
    value.kind = JsonKind::String;
    SENNIT_RETURN_IF_ERROR(parseString(value.text));
  } else if (isDigit() || (at != end && *at == '-')) {
    SENNIT_RETURN_IF_ERROR(parseNumber(value));
  } else {
    SENNIT_RETURN_IF_ERROR(parseLiteral(value));
  }
  return values.append(value);
}

Status Parser::parseLiteral(JsonValue &value) {
  if (takeWord("null"))
    return {};
  value.kind = JsonKind::Boolean;
  if (takeWord("true")) {
    value.integer = 1;
    return {};
  }
  return takeWord("false") ? Status() : expected("a value");
}

Status Parser::parseNumber(JsonValue &value) {
  bool negative = take('-');
  if (!isDigit())
    return expected("a digit");
  bool leadingZero = *at == '0', fits = true;
  int64_t integer = 0;
  for (; isDigit(); ++at) {
    int64_t digit = negative ? '0' - *at : *at - '0';
    fits = fits && !__builtin_mul_overflow(integer, 10, &integer) &&
           !__builtin_add_overflow(integer, digit, &integer);
    if (leadingZero) {
      ++at;
      break;
    }
  }
  if (leadingZero && isDigit())
    return expected("no digit after a leading zero");
  if (take('.')) {
    fits = false;
    if (!isDigit())
      return expected("a digit");
    while (isDigit())
      ++at;
  }
  if (take('e') || take('E')) {
    fits = false;
    if (!take('+'))
      (void)take('-');
    if (!isDigit())
      return expected("a digit");
    while (isDigit())
      ++at;
  }
  value.kind = fits ? JsonKind::Integer : JsonKind::OtherNumber;
  value.integer = fits ? integer : 0;
  return {};
}

/// Decodes in place: the decoded text is never longer, and its terminating
/// zero falls on the closing quote at the latest.
Status Parser::parseString(std::string_view &out_text) {
  char *first = at, *write = at;
  for (;;) {
    if (at == end || static_cast<unsigned char>(*at) < 0x20)
      return expected("a closing quote");
    if (*at == '"')
      break;
    if (take('\\')) {
      SENNIT_RETURN_IF_ERROR(parseEscape(write));
      continue;
    }
    int length = utf8Length(at, end);
    if (length == 0)
      return expected("UTF-8");
    while (length--)
      *write++ = *at++;
  }
  ++at;
  *write = 0;
  out_text = {first, size_t(write - first)};
  return {};
}

Status Parser::parseHex(uint32_t &out_unit) {
  out_unit = 0;
  for (int i = 0; i < 4; ++i, ++at) {
    char c = at == end ? 0 : *at;
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
    if (digit < 0)
      return expected("four hexadecimal digits");
    out_unit = out_unit << 4 | uint32_t(digit);
  }
  return {};
}

Status Parser::parseEscape(char *&write) {
  constexpr std::string_view letters = "\"\\/bfnrt";
  constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
  size_t letter = at == end ? letters.npos : letters.find(*at);
  if (letter != letters.npos) {
    ++at;
    *write++ = meanings[letter];
    return {};
  }
  if (!take('u'))
    return expected("an escape of JSON");
  uint32_t point, low;
  SENNIT_RETURN_IF_ERROR(parseHex(point));
  if (point >= 0xd800 && point < 0xdc00) {
    if (!takeWord("\\u"))
      return expected("the second half of a surrogate pair");
    SENNIT_RETURN_IF_ERROR(parseHex(low));
    if (low < 0xdc00 || low > 0xdfff)
      return expected("the second half of a surrogate pair before this");
    point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
  } else if (point == 0 || (point >= 0xdc00 && point <= 0xdfff)) {
    return expected("neither a zero nor half a surrogate pair before this");
  }
  write = encodeUtf8(point, write);
  return {};
}

Status Parser::checkKeyIsNew(uint32_t parent, std::string_view key) const {
  for (uint32_t i = values[parent].first; i; i = values[i].next)
    if (values[i].key == key)
      return expected("no key twice before this");
  return {};
}

Status Parser::parseElements(uint32_t parent, bool isObject, int depth) {
  const char close = isObject ? '}' : ']';
  skipSpace();
  if (take(close))
    return {};
  uint32_t previous = 0;
  for (;;) {
    std::string_view key;
    if (isObject) {
      skipSpace();
      if (!take('"'))
        return expected("a key");
      SENNIT_RETURN_IF_ERROR(parseString(key));
      SENNIT_RETURN_IF_ERROR(checkKeyIsNew(parent, key));
      skipSpace();
      if (!take(':'))
        return expected("`:`");
      if (values[parent].count == memberLimit)
        return expected("no more than 256 members");
    }
    uint32_t index = static_cast<uint32_t>(values.size());
    SENNIT_RETURN_IF_ERROR(parseValue(key, depth + 1));
    (previous ? values[previous].next : values[parent].first) = index;
    previous = index;
    ++values[parent].count;
    skipSpace();
    if (take(close))
      return {};
    if (!take(','))
      return expected(isObject ? "`,` or `}`" : "`,` or `]`");
  }
}

Status JsonDocument::parse(char *text, uint64_t size) {
  return Parser(text, size, values).parseDocument();
}

const JsonValue *JsonDocument::find(const JsonValue &object,
                                    std::string_view key) const {
  for (uint32_t i = object.first; i; i = values[i].next)
    if (values[i].key == key)
      return &values[i];
  return nullptr;
}

const char *describe(JsonKind kind) {
  switch (kind) {
  case JsonKind::Null:
    return "null";
  case JsonKind::Boolean:
    return "a boolean";
  case JsonKind::Integer:
    return "an integer";
  case JsonKind::OtherNumber:
    return "a number that is no 64-bit integer";
  case JsonKind::String:
    return "a string";
  case JsonKind::Array:
    return "an array";
  case JsonKind::Object:
    return "an object";
  }
  return "nothing";
}

} // namespace sennit
