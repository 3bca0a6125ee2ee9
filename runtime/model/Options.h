// Structures of the C interface whose size says which version they have.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#ifndef SENNIT_RUNTIME_MODEL_OPTIONS_H
#define SENNIT_RUNTIME_MODEL_OPTIONS_H

#include "runtime/Status.h"

#include <algorithm>
#include <cstring>

namespace sennit {

/// Copies |given|, which may be null, into |out_options|: members that an
/// older caller does not know stay zero; members that this library does not
/// know must be zero. |name| is the structure's.
template <typename Options>
Status readOptions(const Options *given, const char *name,
                   Options &out_options) {
  out_options = {};
  if (!given)
    return {};
  if (given->size < sizeof(uint32_t) || given->size > 4096)
    return makeError(SENNIT_STATUS_INVALID_ARGUMENT,
                     "`%s.size` is %u, expected sizeof(%s), which is %zu", name,
                     given->size, name, sizeof(Options));
  const auto *bytes = reinterpret_cast<const unsigned char *>(given);
  for (size_t i = sizeof(Options); i < given->size; ++i)
    if (bytes[i] != 0)
      return makeError(SENNIT_STATUS_UNSUPPORTED,
                       "byte %zu of `%s` is %d, and this library knows only "
                       "%zu bytes",
                       i, name, bytes[i], sizeof(Options));
  memcpy(&out_options, given, std::min<size_t>(given->size, sizeof(Options)));
  return {};
}

} // namespace sennit

#endif // SENNIT_RUNTIME_MODEL_OPTIONS_H
