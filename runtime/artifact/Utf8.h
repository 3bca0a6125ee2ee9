// UTF-8 (RFC 3629): the length of a valid character, and encoding one.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#ifndef SENNIT_RUNTIME_ARTIFACT_UTF8_H
#define SENNIT_RUNTIME_ARTIFACT_UTF8_H

#include <cstdint>

namespace sennit {

/// Bytes of the character at |at|, which is before |end|; 0 where it is
/// overlong, a surrogate, above U+10FFFF or cut off.
int utf8Length(const char *at, const char *end);

/// Writes |point|, a valid code point, and returns the end of what it wrote.
char *encodeUtf8(uint32_t point, char *write);

} // namespace sennit

#endif // SENNIT_RUNTIME_ARTIFACT_UTF8_H
