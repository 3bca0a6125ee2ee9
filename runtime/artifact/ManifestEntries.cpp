// Reading of entry points: scalars, arguments, and what the runtime can bind.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#include "runtime/artifact/ManifestEntries.h"

#include <cstdio>

namespace sennit {

static constexpr uint32_t argumentLimit = 1 << 20;

/// What a shape's extents must be: the manifest's "tokens" as 0.
static constexpr int64_t tokensExtent = 0;

static Status readKind(const JsonField &field, ArgumentKind &out_kind) {
  static constexpr struct {
    const char *name;
    ArgumentKind kind;
  } table[] = {
      {"constants", ArgumentKind::Constants}, {"arena", ArgumentKind::Arena},
      {"state", ArgumentKind::State},         {"weight", ArgumentKind::Weight},
      {"input", ArgumentKind::Input},         {"output", ArgumentKind::Output}};
  JsonField kind = field;
  std::string_view name;
  SENNIT_RETURN_IF_ERROR(field.member("kind", kind));
  SENNIT_RETURN_IF_ERROR(kind.readString(name));
  for (const auto &row : table)
    if (name == row.name) {
      out_kind = row.kind;
      return {};
    }
  return kind.refuse("unknown", "`constants`, `arena`, `state`, `weight`, "
                                "`input` or `output`");
}

static Status readWeight(const JsonField &field, const Manifest &manifest,
                         ManifestArgument &argument) {
  int64_t file, offset, bytes;
  SENNIT_RETURN_IF_ERROR(field.readInteger(
      "file", 0, static_cast<int64_t>(manifest.files.size()) - 1, file));
  int64_t fileBytes = static_cast<int64_t>(manifest.files[file].bytes);
  SENNIT_RETURN_IF_ERROR(field.readInteger("offset", 0, fileBytes, offset));
  SENNIT_RETURN_IF_ERROR(
      field.readInteger("bytes", 0, fileBytes - offset, bytes));
  argument.file = static_cast<uint32_t>(file);
  argument.offset = static_cast<uint64_t>(offset);
  argument.bytes = static_cast<uint64_t>(bytes);
  return {};
}

static Status readExtents(const JsonField &field, Array<int64_t> &out_extents) {
  JsonField shape = field;
  SENNIT_RETURN_IF_ERROR(field.member("shape", shape));
  return shape.forEach(0, 16, [&](const JsonField &element) {
    int64_t extent = tokensExtent;
    if (element.kind() != JsonKind::String) {
      SENNIT_RETURN_IF_ERROR(element.readInteger(1, INT32_MAX, extent));
      return out_extents.append(extent);
    }
    std::string_view symbol;
    SENNIT_RETURN_IF_ERROR(element.readString(symbol));
    if (symbol != "tokens")
      return element.refuse("unknown", "`tokens` or an integer");
    return out_extents.append(extent);
  });
}

/// The inputs and outputs of the entries that the runtime calls: tokens
/// i32[tokens] and logits f32[rows, vocabulary]. An extent of `tokens` may be
/// written as 1 where an entry takes one token.
static Status checkTensor(const JsonField &field, const Manifest &manifest,
                          const ManifestEntry &entry, bool isInput,
                          std::string_view name) {
  JsonField dtypeField = field;
  std::string_view dtype;
  Array<int64_t> extents;
  SENNIT_RETURN_IF_ERROR(field.member("dtype", dtypeField));
  SENNIT_RETURN_IF_ERROR(dtypeField.readString(dtype));
  SENNIT_RETURN_IF_ERROR(readExtents(field, extents));
  if (name != (isInput ? "tokens" : "logits"))
    return makeError(SENNIT_STATUS_UNSUPPORTED,
                     "entry `%.*s` has the %s `%.*s`, and this runtime binds "
                     "only `%s`",
                     SENNIT_VIEW(entry.name), isInput ? "input" : "output",
                     SENNIT_VIEW(name), isInput ? "tokens" : "logits");
  if (dtype != (isInput ? "i32" : "f32"))
    return dtypeField.refuse("of another type", isInput ? "`i32`" : "`f32`");
  auto isTokens = [&](int64_t extent) {
    return extent == tokensExtent || (extent == 1 && entry.maxTokens == 1);
  };
  if (isInput)
    return extents.size() == 1 && isTokens(extents[0])
               ? Status()
               : field.refuse("of another shape", "[\"tokens\"]");
  bool isScore = entry.name == "score";
  bool rowsMatch = extents.size() == 2 &&
                   (isTokens(extents[0]) ? isScore || entry.maxTokens == 1
                                         : !isScore && extents[0] == 1);
  if (!rowsMatch || extents[1] != manifest.vocabulary)
    return field.refuse("of another shape", isScore ? "[\"tokens\", vocabulary]"
                                                    : "[1, vocabulary]");
  return {};
}

static bool isCalled(std::string_view name) {
  return name == "prefill" || name == "decode" || name == "score";
}

static Status readArgument(const JsonField &field, const Manifest &manifest,
                           ManifestEntry &entry) {
  ManifestArgument argument = {};
  SENNIT_RETURN_IF_ERROR(readKind(field, argument.kind));
  bool isInitialize = entry.name == "initialize";
  switch (argument.kind) {
  case ArgumentKind::Constants:
  case ArgumentKind::Arena:
    break;
  case ArgumentKind::State:
    if (isInitialize)
      return field.refuse("the state", "none in `initialize`");
    break;
  case ArgumentKind::Weight:
    SENNIT_RETURN_IF_ERROR(field.readString("name", argument.name));
    if (!isInitialize)
      return field.refuse("a weight", "one in `initialize` only");
    SENNIT_RETURN_IF_ERROR(readWeight(field, manifest, argument));
    break;
  case ArgumentKind::Input:
  case ArgumentKind::Output:
    SENNIT_RETURN_IF_ERROR(field.readString("name", argument.name));
    if (isInitialize)
      return field.refuse("an input or output", "none in `initialize`");
    if (isCalled(entry.name))
      SENNIT_RETURN_IF_ERROR(checkTensor(field, manifest, entry,
                                         argument.kind == ArgumentKind::Input,
                                         argument.name));
    break;
  }
  return entry.arguments.append(argument);
}

static Status readScalars(const JsonField &field, ManifestEntry &entry) {
  JsonField scalars = field;
  SENNIT_RETURN_IF_ERROR(field.member("scalars", scalars));
  return scalars.forEach(0, 16, [&](const JsonField &element) {
    std::string_view name;
    SENNIT_RETURN_IF_ERROR(element.readString(name));
    if (entry.name == "initialize" || (name != "tokens" && name != "past"))
      return element.refuse("unknown", entry.name == "initialize"
                                           ? "none in `initialize`"
                                           : "`tokens` or `past`");
    return entry.scalars.append(name == "tokens" ? ScalarKind::Tokens
                                                 : ScalarKind::Past);
  });
}

Status readEntry(const JsonField &field, Manifest &manifest) {
  ManifestEntry entry;
  JsonField arguments = field;
  SENNIT_RETURN_IF_ERROR(field.readString("name", entry.name));
  if (manifest.findEntry(entry.name))
    return field.refuse("a second entry of the same name", "one");
  SENNIT_RETURN_IF_ERROR(field.readString("symbol", entry.symbol));
  entry.maxTokens = 0;
  if (isCalled(entry.name))
    SENNIT_RETURN_IF_ERROR(field.readInteger(
        "max_tokens", 1, entry.name == "decode" ? 1 : INT32_MAX,
        entry.maxTokens));
  SENNIT_RETURN_IF_ERROR(readScalars(field, entry));
  SENNIT_RETURN_IF_ERROR(field.member("arguments", arguments));
  SENNIT_RETURN_IF_ERROR(
      arguments.forEach(0, argumentLimit, [&](const JsonField &element) {
        return readArgument(element, manifest, entry);
      }));
  unsigned inputs = 0, outputs = 0;
  for (const ManifestArgument &argument : entry.arguments) {
    inputs += argument.kind == ArgumentKind::Input;
    outputs += argument.kind == ArgumentKind::Output;
  }
  if (isCalled(entry.name) && (inputs != 1 || outputs != 1))
    return arguments.refuse("with other inputs and outputs",
                            "the input `tokens` and the output `logits` once");
  return manifest.entries.append(std::move(entry));
}

Status checkEntries(const JsonField &entries, const Manifest &manifest) {
  for (const char *name : {"initialize", "prefill", "decode"}) {
    char observed[64];
    snprintf(observed, sizeof(observed), "without an entry `%s`", name);
    if (!manifest.findEntry(name))
      return entries.refuse(observed, "one");
  }
  return {};
}

} // namespace sennit
