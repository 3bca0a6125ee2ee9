// Statuses: formatting, ownership, and the way out through the C boundary.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#include "runtime/Status.h"

#include "sennit/abi.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace sennit {

Status &Status::operator=(Status &&other) noexcept {
  if (this == &other)
    return *this;
  free(text);
  errorCode = other.errorCode;
  text = other.text;
  other.text = nullptr;
  return *this;
}

Status::~Status() { free(text); }

const char *Status::message() const {
  if (text)
    return text;
  return isOk() ? "" : "no memory is left to describe the error";
}

static void replaceControlCharacters(char *text) {
  for (; *text; ++text)
    if (static_cast<unsigned char>(*text) < 0x20 || *text == 0x7f)
      *text = '?';
}

sennit_status Status::exportTo(sennit_error *out_error,
                               const char *context) const {
  if (isOk() || !out_error)
    return errorCode;
  if (context)
    snprintf(out_error->message, sizeof(out_error->message), "`%s`: %s",
             context, message());
  else
    snprintf(out_error->message, sizeof(out_error->message), "%s", message());
  replaceControlCharacters(out_error->message);
  return errorCode;
}

Status makeError(sennit_status code, const char *format, ...) {
  char buffer[SENNIT_ERROR_BYTES];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(buffer, sizeof(buffer), format, arguments);
  va_end(arguments);
  replaceControlCharacters(buffer);
  Status status;
  status.errorCode = code;
  status.text = strdup(buffer);
  return status;
}

Status makeOutOfMemory(const char *what, uint64_t bytes) {
  return makeError(SENNIT_STATUS_OUT_OF_MEMORY, "no memory for %s (%llu bytes)",
                   what, static_cast<unsigned long long>(bytes));
}

} // namespace sennit

const char *sennit_status_name(sennit_status status) {
  switch (status) {
  case SENNIT_STATUS_OK:
    return "ok";
  case SENNIT_STATUS_INVALID_ARGUMENT:
    return "invalid argument";
  case SENNIT_STATUS_IO:
    return "input or output";
  case SENNIT_STATUS_MALFORMED:
    return "malformed";
  case SENNIT_STATUS_INTEGRITY:
    return "integrity";
  case SENNIT_STATUS_UNSUPPORTED:
    return "unsupported";
  case SENNIT_STATUS_CONTEXT_FULL:
    return "context full";
  case SENNIT_STATUS_OUT_OF_MEMORY:
    return "out of memory";
  case SENNIT_STATUS_NUMERICAL:
    return "numerical";
  case SENNIT_STATUS_INTERNAL:
    return "internal";
  }
  return "unknown";
}

uint32_t sennit_runtime_version(void) { return SENNIT_RUNTIME_VERSION; }

uint32_t sennit_runtime_abi_version(void) { return SENNIT_ABI_VERSION; }
