// Sizes that were measured to be the fastest, kept from one compilation to the
// next.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TOOLS_TUNECACHE_H
#define SENNIT_COMPILER_TOOLS_TUNECACHE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <optional>
#include <string>

struct sqlite3;

namespace sennit::tools {

/// What a measurement holds for: the text of the machine, the processor that it
/// was made on, the threads, and the version of Sennit.
struct TuneKey {
  std::string machine, processor, version;
  unsigned threads = 1;
};

/// A table in an SQLite file, which several processes may use at once.
class TuneCache {
public:
  /// Opens or makes the file, and folders above it.
  static llvm::Expected<TuneCache> open(llvm::StringRef path);

  /// The sizes for a question, as a schedule's file spells them.
  std::optional<std::string> find(const TuneKey &key,
                                  llvm::StringRef question) const;
  /// Replaces what is known of a question; `seconds` a run, of its kernels.
  llvm::Error store(const TuneKey &key, llvm::StringRef question,
                    llvm::StringRef sizes, double seconds);

private:
  struct Closer {
    void operator()(sqlite3 *database) const;
  };
  std::unique_ptr<sqlite3, Closer> database;
};

/// `$XDG_CACHE_HOME/sennit/tune.sqlite`, or below `~/.cache`.
std::string getTuneCachePath();

} // namespace sennit::tools

#endif // SENNIT_COMPILER_TOOLS_TUNECACHE_H
