// Says why a model cannot be imported: it is broken, or it asks for what
// Sennit does not have.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/ImportError.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace sennit;

char ImportError::ID;

void ImportError::log(llvm::raw_ostream &stream) const { stream << message; }

std::error_code ImportError::convertToErrorCode() const {
  return llvm::inconvertibleErrorCode();
}

llvm::Error sennit::brokenInput(const llvm::Twine &message) {
  return llvm::make_error<ImportError>(/*unsupported=*/false, message.str());
}

llvm::Error sennit::unsupportedInput(const llvm::Twine &message) {
  return llvm::make_error<ImportError>(/*unsupported=*/true, message.str());
}

std::string sennit::quoted(llvm::StringRef text) {
  constexpr size_t longest = 200;
  std::string result = "`";
  llvm::raw_string_ostream stream(result);
  // Names come from files that nobody vouches for: a message stays one
  // printable line.
  llvm::printEscapedString(text.take_front(longest), stream);
  if (text.size() > longest)
    stream << "...";
  stream << '`';
  return result;
}
