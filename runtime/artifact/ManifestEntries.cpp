// Reading of entry points: scalars, arguments, and what the runtime can bind.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#include "runtime/artifact/ManifestEntries.h"

#include "runtime/artifact/ManifestTensor.h"

#include <cstdio>

namespace sennit {

static constexpr uint32_t argumentLimit = 1 << 20;

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

/// The inputs and outputs of a language model's entries: tokens i32[tokens] and
/// logits f32[rows, vocabulary]. An extent of `tokens` may be written as 1
/// where an entry takes one token.
static Status checkModelTensor(const JsonField &field, const Manifest &manifest,
                               const ManifestEntry &entry,
                               const ManifestArgument &argument) {
  bool isInput = argument.kind == ArgumentKind::Input;
  if (argument.name != (isInput ? "tokens" : "logits"))
    return makeError(SENNIT_STATUS_UNSUPPORTED,
                     "entry `%.*s` has the %s `%.*s`, and this runtime binds "
                     "only `%s`",
                     SENNIT_VIEW(entry.name), isInput ? "input" : "output",
                     SENNIT_VIEW(argument.name), isInput ? "tokens" : "logits");
  if (argument.element != (isInput ? SENNIT_ELEMENT_I32 : SENNIT_ELEMENT_F32))
    return field.refuse("of another element type", isInput ? "`i32`" : "`f32`");
  const Array<int64_t> &shape = argument.shape;
  auto isTokens = [&](int64_t extent) {
    return extent == SENNIT_EXTENT_TOKENS ||
           (extent == 1 && entry.maxTokens == 1);
  };
  if (isInput)
    return shape.size() == 1 && isTokens(shape[0])
               ? Status()
               : field.refuse("of another shape", "[\"tokens\"]");
  bool isScore = entry.name == "score" || entry.name == "verify";
  bool rowsMatch =
      shape.size() == 2 && (isTokens(shape[0]) ? isScore || entry.maxTokens == 1
                                               : !isScore && shape[0] == 1);
  if (!rowsMatch || shape[1] != manifest.vocabulary)
    return field.refuse("of another shape", isScore ? "[\"tokens\", vocabulary]"
                                                    : "[1, vocabulary]");
  return {};
}

/// The inputs and the output of `sample`, in this order, for one row of logits.
static Status checkSampleTensor(const JsonField &field,
                                const Manifest &manifest,
                                const ManifestEntry &entry,
                                const ManifestArgument &argument) {
  static constexpr struct {
    const char *name;
    sennit_element element;
    const char *form;
  } inputs[] = {{"logits", SENNIT_ELEMENT_F32, "`logits`, f32[1, vocabulary]"},
                {"uniform", SENNIT_ELEMENT_F64, "`uniform`, f64[1]"},
                {"temperature", SENNIT_ELEMENT_F32, "`temperature`, f32[1]"},
                {"top_k", SENNIT_ELEMENT_I32, "`top_k`, i32[1]"},
                {"top_p", SENNIT_ELEMENT_F32, "`top_p`, f32[1]"}},
    output = {"token", SENNIT_ELEMENT_I32, "`token`, i32[1]"};
  bool isInput = argument.kind == ArgumentKind::Input;
  size_t place = (isInput ? entry.inputs : entry.outputs).size() - 1;
  if (place >= (isInput ? std::size(inputs) : 1))
    return field.refuse("one more", "five inputs and one output of `sample`");
  const auto &wanted = isInput ? inputs[place] : output;
  const Array<int64_t> &shape = argument.shape;
  bool isRow = isInput && place == 0;
  bool fits = argument.name == wanted.name &&
              argument.element == wanted.element &&
              shape.size() == (isRow ? 2 : 1) && shape[0] == 1 &&
              (!isRow || shape[1] == manifest.vocabulary);
  return fits ? Status() : field.refuse("of another form", wanted.form);
}

/// Entries of a language model that take tokens and give logits.
static bool isModelEntry(std::string_view name) {
  return name == "prefill" || name == "decode" || name == "score" ||
         name == "verify";
}

static Status readInputOrOutput(const JsonField &field,
                                const Manifest &manifest, ManifestEntry &entry,
                                ManifestArgument &argument) {
  ManifestTensor tensor;
  SENNIT_RETURN_IF_ERROR(field.readString("name", argument.name));
  if (entry.name == "initialize")
    return field.refuse("an input or output", "none in `initialize`");
  SENNIT_RETURN_IF_ERROR(readTensor(field, tensor));
  if (tensor.hasTokens && entry.maxTokens == 0)
    return field.refuse("a shape with `tokens`",
                        "integers in an entry without `max_tokens`");
  argument.element = tensor.element;
  argument.shape = std::move(tensor.shape);
  argument.hasTokens = tensor.hasTokens;
  argument.bytes = tensor.bytes;
  bool isInput = argument.kind == ArgumentKind::Input;
  Array<uint32_t> &positions = isInput ? entry.inputs : entry.outputs;
  for (uint32_t position : positions)
    if (entry.arguments[position].name == argument.name)
      return field.refuse("a second one of the same name", "one");
  SENNIT_RETURN_IF_ERROR(
      positions.append(static_cast<uint32_t>(entry.arguments.size())));
  if (entry.name == "sample" && manifest.vocabulary != 0)
    return checkSampleTensor(field, manifest, entry, argument);
  return isModelEntry(entry.name)
             ? checkModelTensor(field, manifest, entry, argument)
             : Status();
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
    entry.usesState = true;
    break;
  case ArgumentKind::Weight:
    SENNIT_RETURN_IF_ERROR(field.readString("name", argument.name));
    if (!isInitialize)
      return field.refuse("a weight", "one in `initialize` only");
    SENNIT_RETURN_IF_ERROR(readWeight(field, manifest, argument));
    break;
  case ArgumentKind::Input:
  case ArgumentKind::Output:
    SENNIT_RETURN_IF_ERROR(readInputOrOutput(field, manifest, entry, argument));
    break;
  }
  return entry.arguments.append(std::move(argument));
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
  SENNIT_RETURN_IF_ERROR(readScalars(field, entry));
  entry.maxTokens = 0;
  entry.usesState = false;
  bool isModel = isModelEntry(entry.name);
  if (isModel || !entry.scalars.isEmpty())
    SENNIT_RETURN_IF_ERROR(field.readInteger(
        "max_tokens", 1, entry.name == "decode" ? 1 : INT32_MAX,
        entry.maxTokens));
  SENNIT_RETURN_IF_ERROR(field.member("arguments", arguments));
  SENNIT_RETURN_IF_ERROR(
      arguments.forEach(0, argumentLimit, [&](const JsonField &element) {
        return readArgument(element, manifest, entry);
      }));
  if (isModel && (entry.inputs.size() != 1 || entry.outputs.size() != 1))
    return arguments.refuse("with other inputs and outputs",
                            "the input `tokens` and the output `logits` once");
  if (entry.name == "sample" && manifest.vocabulary != 0 &&
      (entry.inputs.size() != 5 || entry.outputs.size() != 1))
    return arguments.refuse("with fewer inputs and outputs",
                            "five inputs and one output of `sample`");
  if (isModel && manifest.vocabulary == 0)
    return field.refuse("one of a language model",
                        "a manifest with `model` beside it");
  return manifest.entries.append(std::move(entry));
}

Status checkEntries(const JsonField &entries, const Manifest &manifest) {
  // A module without any of a language model's entries is none, and is called
  // by its entries' names.
  bool isModel = manifest.vocabulary != 0;
  for (const char *name : {"initialize", "prefill", "decode"}) {
    char observed[64];
    snprintf(observed, sizeof(observed), "without an entry `%s`", name);
    if (!manifest.findEntry(name) && (isModel || name[0] == 'i'))
      return entries.refuse(observed, "one");
  }
  return {};
}

} // namespace sennit
