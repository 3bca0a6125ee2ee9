// Keeps measured sizes in a table of an SQLite file.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/tools/TuneCache.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include <sqlite3.h>

namespace sennit::tools {

void TuneCache::Closer::operator()(sqlite3 *database) const {
  sqlite3_close(database);
}

static llvm::Error fail(sqlite3 *database, llvm::StringRef what) {
  return llvm::createStringError("the cache of measurements cannot be " + what +
                                 ": " + sqlite3_errmsg(database));
}

namespace {
struct Finalizer {
  void operator()(sqlite3_stmt *statement) const {
    sqlite3_finalize(statement);
  }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalizer>;
} // namespace

/// A statement whose first parameters are the key and the question.
static Statement prepare(sqlite3 *database, const char *text,
                         const TuneKey &key, llvm::StringRef question) {
  sqlite3_stmt *made = nullptr;
  if (sqlite3_prepare_v2(database, text, -1, &made, nullptr) != SQLITE_OK)
    return nullptr;
  Statement statement(made);
  int place = 0;
  for (llvm::StringRef value :
       {question, llvm::StringRef(key.machine), llvm::StringRef(key.processor),
        llvm::StringRef(key.version)})
    sqlite3_bind_text(made, ++place, value.data(), int(value.size()),
                      SQLITE_TRANSIENT);
  sqlite3_bind_int64(made, ++place, key.threads);
  return statement;
}

llvm::Expected<TuneCache> TuneCache::open(llvm::StringRef path) {
  llvm::StringRef folder = llvm::sys::path::parent_path(path);
  if (!folder.empty())
    if (std::error_code code = llvm::sys::fs::create_directories(folder))
      return llvm::createStringError("`" + folder + "`: " + code.message());
  sqlite3 *made = nullptr;
  int status = sqlite3_open(path.str().c_str(), &made);
  TuneCache cache;
  cache.database.reset(made);
  if (status != SQLITE_OK)
    return fail(made, "opened at `" + path.str() + "`");
  // Another process may be writing.
  constexpr int patience = 5000;
  sqlite3_busy_timeout(made, patience);
  if (sqlite3_exec(made,
                   "CREATE TABLE IF NOT EXISTS measured (question TEXT, "
                   "machine TEXT, processor TEXT, version TEXT, threads "
                   "INTEGER, sizes TEXT NOT NULL, seconds REAL NOT NULL, "
                   "PRIMARY KEY (question, machine, processor, version, "
                   "threads))",
                   nullptr, nullptr, nullptr) != SQLITE_OK)
    return fail(made, "used at `" + path.str() + "`");
  return std::move(cache);
}

std::optional<std::string> TuneCache::find(const TuneKey &key,
                                           llvm::StringRef question) const {
  Statement statement =
      prepare(database.get(),
              "SELECT sizes FROM measured WHERE question = ? AND machine = ? "
              "AND processor = ? AND version = ? AND threads = ?",
              key, question);
  if (!statement || sqlite3_step(statement.get()) != SQLITE_ROW)
    return std::nullopt;
  return reinterpret_cast<const char *>(
      sqlite3_column_text(statement.get(), 0));
}

llvm::Error TuneCache::store(const TuneKey &key, llvm::StringRef question,
                             llvm::StringRef sizes, double seconds) {
  Statement statement =
      prepare(database.get(),
              "INSERT OR REPLACE INTO measured VALUES (?, ?, ?, ?, ?, ?, ?)",
              key, question);
  if (!statement)
    return fail(database.get(), "written");
  constexpr int sizesPlace = 6, secondsPlace = 7;
  sqlite3_bind_text(statement.get(), sizesPlace, sizes.data(),
                    int(sizes.size()), SQLITE_TRANSIENT);
  sqlite3_bind_double(statement.get(), secondsPlace, seconds);
  if (sqlite3_step(statement.get()) != SQLITE_DONE)
    return fail(database.get(), "written");
  return llvm::Error::success();
}

std::string getTuneCachePath() {
  llvm::SmallString<128> path;
  if (auto cache = llvm::sys::Process::GetEnv("XDG_CACHE_HOME"))
    path = *cache;
  else if (llvm::sys::path::home_directory(path))
    llvm::sys::path::append(path, ".cache");
  llvm::sys::path::append(path, "sennit", "tune.sqlite");
  return path.str().str();
}

} // namespace sennit::tools
