// Says why a model cannot be imported: it is broken, or it asks for what
// Sennit does not have.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_FRONTENDS_IMPORTERROR_H
#define SENNIT_FRONTENDS_IMPORTERROR_H

#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"
#include <string>

namespace sennit {

/// One line that names the file, the part of it, and the reason. Tools exit
/// with 4 when `unsupported` is set (a sound model that is out of scope) and
/// with 1 otherwise (broken input).
struct ImportError : llvm::ErrorInfo<ImportError> {
  static char ID;

  ImportError(bool unsupported, std::string message)
      : unsupported(unsupported), message(std::move(message)) {}

  void log(llvm::raw_ostream &stream) const override;
  std::error_code convertToErrorCode() const override;

  bool unsupported;
  std::string message;
};

llvm::Error brokenInput(const llvm::Twine &message);
llvm::Error unsupportedInput(const llvm::Twine &message);

/// `text` in backticks for a message: control characters escaped, cut after 200
/// bytes.
std::string quoted(llvm::StringRef text);

} // namespace sennit

#endif // SENNIT_FRONTENDS_IMPORTERROR_H
