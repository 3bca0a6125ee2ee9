// Reading of the manifest: model, sections, files, memory, state, kernels.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#include "runtime/artifact/Manifest.h"

#include "runtime/artifact/JsonField.h"
#include "runtime/artifact/ManifestEntries.h"
#include "runtime/artifact/ManifestTensor.h"
#include "sennit/abi.h"

#include <cstdio>
#include <cstring>

namespace sennit {

/// Limits that no honest module meets and that keep every sum below 2^63.
static constexpr int64_t memoryLimit = int64_t(1) << 46;
static constexpr int64_t vocabularyLimit = 1 << 28;
static constexpr int64_t contextLimit = int64_t(1) << 40;
static constexpr uint32_t listLimit = 1 << 20;
/// Names are compared pairwise; real modules have a handful.
static constexpr uint32_t sectionLimit = 4096, fileLimit = 4096;
static constexpr uint32_t programLimit = 64;

const ManifestEntry *Manifest::findEntry(std::string_view name) const {
  for (const ManifestEntry &entry : entries)
    if (entry.name == name)
      return &entry;
  return nullptr;
}

static Status readBytes(const JsonField &field, const char *key,
                        uint64_t &out_bytes) {
  int64_t value;
  SENNIT_RETURN_IF_ERROR(field.readInteger(key, 0, memoryLimit, value));
  out_bytes = static_cast<uint64_t>(value);
  return {};
}

static Status readHash(const JsonField &field, Sha256 &out_hash) {
  JsonField member = field;
  std::string_view text;
  SENNIT_RETURN_IF_ERROR(field.member("sha256", member));
  SENNIT_RETURN_IF_ERROR(member.readString(text));
  return parseSha256(text, out_hash)
             ? Status()
             : member.refuse("no hash", "64 lower-case hexadecimal digits");
}

static Status checkFormat(const JsonField &root) {
  std::string_view format;
  int64_t version;
  SENNIT_RETURN_IF_ERROR(root.readString("format", format));
  if (format != "sennit-artifact")
    return makeError(SENNIT_STATUS_MALFORMED,
                     "the manifest's format is `%.*s`, expected "
                     "`sennit-artifact`",
                     SENNIT_VIEW(format));
  SENNIT_RETURN_IF_ERROR(root.readInteger("version", 1, INT32_MAX, version));
  if (version != artifactVersion)
    return makeError(SENNIT_STATUS_UNSUPPORTED,
                     "the artifact has version %lld, this runtime reads %lld",
                     static_cast<long long>(version),
                     static_cast<long long>(artifactVersion));
  return {};
}

static Status checkVersions(const JsonField &root, Manifest &manifest) {
  SENNIT_RETURN_IF_ERROR(checkFormat(root));
  SENNIT_RETURN_IF_ERROR(root.readInteger("abi", 1, INT32_MAX, manifest.abi));
  if (manifest.abi != SENNIT_ABI_VERSION)
    return makeError(SENNIT_STATUS_UNSUPPORTED,
                     "the artifact has ABI version %lld, this runtime has %d",
                     static_cast<long long>(manifest.abi), SENNIT_ABI_VERSION);
  return root.readString("producer", manifest.producer);
}

static Status readMachine(const JsonField &root, Manifest &manifest) {
  JsonField machine = root, features = root;
  SENNIT_RETURN_IF_ERROR(root.member("machine", machine));
  SENNIT_RETURN_IF_ERROR(machine.readString("name", manifest.machine));
  SENNIT_RETURN_IF_ERROR(machine.readString("isa", manifest.isa));
  SENNIT_RETURN_IF_ERROR(machine.member("features", features));
  return features.forEach(0, 256, [&](const JsonField &element) {
    std::string_view name;
    SENNIT_RETURN_IF_ERROR(element.readString(name));
    return manifest.features.append(name);
  });
}

static Status readModel(const JsonField &root, Manifest &manifest) {
  JsonField model = root, byteLevel = root, endOfText = root;
  bool present;
  SENNIT_RETURN_IF_ERROR(root.optionalMember("model", model, present));
  if (!present)
    return {};
  SENNIT_RETURN_IF_ERROR(
      model.readString("architecture", manifest.architecture));
  SENNIT_RETURN_IF_ERROR(
      model.readInteger("vocabulary", 1, vocabularyLimit, manifest.vocabulary));
  SENNIT_RETURN_IF_ERROR(
      model.readInteger("context", 1, contextLimit, manifest.context));
  SENNIT_RETURN_IF_ERROR(model.member("byte_level", byteLevel));
  SENNIT_RETURN_IF_ERROR(byteLevel.readBoolean(manifest.byteLevel));
  if (manifest.byteLevel && manifest.vocabulary < 256)
    return byteLevel.refuse("true", "false where the vocabulary is below 256");
  SENNIT_RETURN_IF_ERROR(model.member("end_of_text", endOfText));
  return endOfText.forEach(0, 1024, [&](const JsonField &element) {
    int64_t token;
    SENNIT_RETURN_IF_ERROR(
        element.readInteger(0, manifest.vocabulary - 1, token));
    return manifest.endOfText.append(token);
  });
}

static Status readSections(const JsonField &root, Manifest &manifest) {
  JsonField sections = root;
  SENNIT_RETURN_IF_ERROR(root.member("sections", sections));
  return sections.forEach(1, sectionLimit, [&](const JsonField &element) {
    ManifestSection section;
    SENNIT_RETURN_IF_ERROR(element.readString("name", section.name));
    for (const ManifestSection &other : manifest.sections)
      if (other.name == section.name)
        return element.refuse("a second section of the same name", "one");
    SENNIT_RETURN_IF_ERROR(readBytes(element, "bytes", section.bytes));
    SENNIT_RETURN_IF_ERROR(readHash(element, section.hash));
    return manifest.sections.append(section);
  });
}

static Status readFiles(const JsonField &root, Manifest &manifest) {
  JsonField files = root;
  SENNIT_RETURN_IF_ERROR(root.member("files", files));
  return files.forEach(0, fileLimit, [&](const JsonField &element) {
    ManifestFile file;
    JsonField embedded = element;
    bool present;
    SENNIT_RETURN_IF_ERROR(element.readString("path", file.path));
    SENNIT_RETURN_IF_ERROR(readBytes(element, "bytes", file.bytes));
    SENNIT_RETURN_IF_ERROR(readHash(element, file.hash));
    file.embedded = false;
    SENNIT_RETURN_IF_ERROR(
        element.optionalMember("embedded", embedded, present));
    if (present)
      SENNIT_RETURN_IF_ERROR(embedded.readBoolean(file.embedded));
    return manifest.files.append(file);
  });
}

static Status readMemory(const JsonField &root, Manifest &manifest) {
  JsonField memory = root;
  SENNIT_RETURN_IF_ERROR(root.member("memory", memory));
  SENNIT_RETURN_IF_ERROR(
      readBytes(memory, "constants", manifest.constantsBytes));
  SENNIT_RETURN_IF_ERROR(readBytes(memory, "state", manifest.stateBytes));
  SENNIT_RETURN_IF_ERROR(readBytes(memory, "arena", manifest.arenaBytes));
  return readBytes(memory, "scratch", manifest.scratchBytes);
}

/// How a state is taken back: by the context's position, by a copy of it before
/// the call, or by one after each token.
static Status readRollBack(const JsonField &element, ManifestState &state) {
  std::string_view way;
  SENNIT_RETURN_IF_ERROR(element.readString("roll_back", way));
  state.rollsBackByPosition = way == "position";
  state.hasSnapshots = way == "snapshots";
  return state.rollsBackByPosition || state.hasSnapshots || way == "copy"
             ? Status()
             : element.refuse("with an unknown `roll_back`",
                              "`position`, `copy` or `snapshots`");
}

static Status readStateElement(const JsonField &element, Manifest &manifest) {
  ManifestState state;
  ManifestTensor tensor;
  int64_t offset;
  SENNIT_RETURN_IF_ERROR(element.readString("name", state.name));
  SENNIT_RETURN_IF_ERROR(readRollBack(element, state));
  SENNIT_RETURN_IF_ERROR(readTensor(element, tensor));
  if (tensor.hasTokens)
    return element.refuse("a shape with `tokens`", "integers");
  SENNIT_RETURN_IF_ERROR(element.readInteger(
      "offset", 0, static_cast<int64_t>(manifest.stateBytes), offset));
  state.offset = static_cast<uint64_t>(offset);
  state.bytes = tensor.bytes;
  if (state.bytes > manifest.stateBytes - state.offset)
    return element.refuse("a range past the end of the state",
                          "one inside `memory.state`");
  return manifest.state.append(state);
}

Status readPrograms(const JsonDocument &document,
                    Array<std::string_view> &out_names) {
  JsonField root(document), list = root;
  bool isList = false;
  SENNIT_RETURN_IF_ERROR(checkFormat(root));
  SENNIT_RETURN_IF_ERROR(root.optionalMember("programs", list, isList));
  if (!isList)
    return {};
  return list.forEach(1, programLimit, [&](const JsonField &element) {
    std::string_view name;
    SENNIT_RETURN_IF_ERROR(element.readString(name));
    size_t slash = name.find('/');
    bool isFree = true;
    for (std::string_view other : out_names)
      isFree &= other != name;
    if (slash == 0 || slash == name.npos ||
        name.substr(slash + 1) != "manifest.json" || !isFree)
      return element.refuse("another name",
                            "`FOLDER/manifest.json`, each folder once");
    return out_names.append(name);
  });
}

Status readManifest(const JsonDocument &document, Manifest &out_manifest) {
  JsonField root(document), list = root;
  SENNIT_RETURN_IF_ERROR(checkVersions(root, out_manifest));
  SENNIT_RETURN_IF_ERROR(readMachine(root, out_manifest));
  SENNIT_RETURN_IF_ERROR(readModel(root, out_manifest));
  SENNIT_RETURN_IF_ERROR(readSections(root, out_manifest));
  SENNIT_RETURN_IF_ERROR(readFiles(root, out_manifest));
  SENNIT_RETURN_IF_ERROR(readMemory(root, out_manifest));
  SENNIT_RETURN_IF_ERROR(root.member("state", list));
  SENNIT_RETURN_IF_ERROR(
      list.forEach(0, listLimit, [&](const JsonField &element) {
        return readStateElement(element, out_manifest);
      }));
  SENNIT_RETURN_IF_ERROR(root.member("kernels", list));
  SENNIT_RETURN_IF_ERROR(
      list.forEach(0, listLimit, [&](const JsonField &element) {
        std::string_view name;
        SENNIT_RETURN_IF_ERROR(element.readString(name));
        return out_manifest.kernels.append(name);
      }));
  SENNIT_RETURN_IF_ERROR(root.member("entries", list));
  SENNIT_RETURN_IF_ERROR(list.forEach(0, 256, [&](const JsonField &element) {
    return readEntry(element, out_manifest);
  }));
  return checkEntries(list, out_manifest);
}

} // namespace sennit
