// Typed access to config.json, with one clear error and a list of the keys that
// nobody read.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_FRONTENDS_HF_CONFIG_H
#define SENNIT_FRONTENDS_HF_CONFIG_H

#include "frontends/hf/Json.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <optional>

namespace sennit::hf {

/// An object of the configuration. A getter that finds something wrong records
/// an error and returns its fallback (or 1, 0, false, ""), so that a family
/// reads its keys in a row and asks once. A key whose value is `null` counts as
/// absent.
class ConfigSection {
public:
  bool has(llvm::StringRef key);
  /// Between 1 and 2^31 - 1. Without a fallback the key is required, here and
  /// below.
  int64_t positive(llvm::StringRef key,
                   std::optional<int64_t> fallback = std::nullopt);
  int64_t natural(llvm::StringRef key,
                  std::optional<int64_t> fallback = std::nullopt);
  /// Positive and at most `most`; more is not supported, so that no short file
  /// makes a long module.
  int64_t limited(llvm::StringRef key, int64_t most,
                  std::optional<int64_t> fallback = std::nullopt);
  /// The product of two positive extents, which must stay below 2^31; `key` is
  /// blamed if it does not.
  int64_t product(llvm::StringRef key, int64_t a, int64_t b);
  /// Here `null` says that there is none; only an absent key means the
  /// fallback.
  std::optional<int64_t> window(llvm::StringRef key,
                                std::optional<int64_t> fallback);
  /// Also `Infinity` and the like, bare or as `{"__float__": "Infinity"}`.
  double number(llvm::StringRef key,
                std::optional<double> fallback = std::nullopt);
  bool boolean(llvm::StringRef key, bool fallback);
  llvm::StringRef
  string(llvm::StringRef key,
         std::optional<llvm::StringRef> fallback = std::nullopt);
  bool isString(llvm::StringRef key, llvm::StringRef text);
  std::vector<std::string> strings(llvm::StringRef key);
  std::vector<double> numbers(llvm::StringRef key);
  /// One integer or a list of them.
  std::vector<int64_t> integers(llvm::StringRef key);
  std::optional<ConfigSection> section(llvm::StringRef key);

  /// Record the first error; `key` is named in the message.
  void failBroken(llvm::StringRef key, const llvm::Twine &reason);
  void failUnsupported(llvm::StringRef key, const llvm::Twine &reason);
  /// Record what is worth a warning, though nothing is wrong.
  void note(llvm::StringRef key, const llvm::Twine &remark);

protected:
  struct Shared {
    std::string file;
    JsonValue root;
    llvm::StringSet<> read; // Keys of the root that were asked for.
    std::vector<std::string> notes;
    std::string error;
    bool unsupported = false;
  };

  ConfigSection(std::shared_ptr<Shared> shared, const JsonValue &object,
                std::string prefix);
  const JsonValue *get(llvm::StringRef key, bool required);
  void failType(llvm::StringRef key, llvm::StringRef expected,
                const JsonValue &found);
  int64_t integer(llvm::StringRef key, int64_t least,
                  std::optional<int64_t> fallback);
  bool toNumber(const JsonValue &value, double &result) const;

  std::shared_ptr<Shared> shared;
  const JsonValue *object;
  std::string prefix; // "rope_parameters."
};

class Config : public ConfigSection {
public:
  /// `file` is only named in messages.
  static llvm::Expected<Config> parse(llvm::StringRef file,
                                      llvm::StringRef text);

  llvm::StringRef file() const { return shared->file; }
  bool failed() const { return !shared->error.empty(); }
  llvm::Error takeError() const;
  /// Keys of the outermost object that were not asked for and are not known to
  /// be harmless.
  std::vector<std::string> unreadKeys() const;
  llvm::ArrayRef<std::string> notes() const { return shared->notes; }

private:
  explicit Config(std::shared_ptr<Shared> shared);
};

} // namespace sennit::hf

#endif // SENNIT_FRONTENDS_HF_CONFIG_H
