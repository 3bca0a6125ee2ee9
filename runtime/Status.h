// A status as a value: a code and one sentence, both usable when memory is out.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#ifndef SENNIT_RUNTIME_STATUS_H
#define SENNIT_RUNTIME_STATUS_H

#include "sennit/runtime.h"

#include <cstdint>
#include <string_view>

namespace sennit {

/// OK, or a code with a message. The message is allocated; where that is
/// refused too, the code survives and the message says so.
class [[nodiscard]] Status {
public:
  Status() = default;
  Status(Status &&other) noexcept
      : errorCode(other.errorCode), text(other.text) {
    other.text = nullptr;
  }
  Status &operator=(Status &&other) noexcept;
  ~Status();

  bool isOk() const { return errorCode == SENNIT_STATUS_OK; }
  sennit_status code() const { return errorCode; }
  /// Never null; empty when OK.
  const char *message() const;

  /// Writes the message into |out_error|, which may be null, with |context| in
  /// backticks before it when it is not null, and returns the code: the way out
  /// through the C boundary.
  sennit_status exportTo(sennit_error *out_error,
                         const char *context = nullptr) const;

private:
  friend Status makeError(sennit_status code, const char *format, ...);
  sennit_status errorCode = SENNIT_STATUS_OK;
  char *text = nullptr;
};

/// Formats as printf; control characters of the result become '?', since names
/// from files end on terminals.
__attribute__((format(printf, 2, 3))) Status makeError(sennit_status code,
                                                       const char *format, ...);

/// "no memory for |what| (|bytes| bytes)".
Status makeOutOfMemory(const char *what, uint64_t bytes);

} // namespace sennit

#define SENNIT_RETURN_IF_ERROR(expression)                                     \
  do {                                                                         \
    if (::sennit::Status status_ = (expression); !status_.isOk())              \
      return status_;                                                          \
  } while (false)

/// The two arguments of a "%.*s" for a string view.
#define SENNIT_VIEW(view) static_cast<int>((view).size()), (view).data()

#endif // SENNIT_RUNTIME_STATUS_H
