// UTF-8 validation and encoding, one character at a time.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#include "runtime/artifact/Utf8.h"

namespace sennit {

int utf8Length(const char *at, const char *end) {
  auto byte = [&](int i) { return static_cast<unsigned char>(at[i]); };
  unsigned lead = byte(0);
  if (lead < 0x80)
    return 1;
  int length = lead >= 0xc2 && lead < 0xe0   ? 2
               : lead >= 0xe0 && lead < 0xf0 ? 3
               : lead >= 0xf0 && lead < 0xf5 ? 4
                                             : 0;
  if (length == 0 || end - at < length)
    return 0;
  for (int i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80)
      return 0;
  // The second byte excludes overlong forms, surrogates and the far end.
  unsigned second = byte(1);
  if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) ||
      (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f))
    return 0;
  return length;
}

char *encodeUtf8(uint32_t point, char *write) {
  if (point < 0x80) {
    *write++ = char(point);
    return write;
  }
  int more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
  constexpr unsigned leads[] = {0, 0xc0, 0xe0, 0xf0};
  *write++ = char(leads[more] | point >> (6 * more));
  while (more--)
    *write++ = char(0x80 | (point >> (6 * more) & 0x3f));
  return write;
}

} // namespace sennit
