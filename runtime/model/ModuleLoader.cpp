// Loading: container, manifest, members, processor, files, hashes, code,
// weights. Part of Sennit, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE.
#include "runtime/model/ModuleLoader.h"

#include "runtime/code/CpuFeatures.h"
#include "runtime/model/BoundEntry.h"

#include <cstring>

namespace sennit {

static constexpr std::string_view manifestName = "manifest.json";
static constexpr uint64_t manifestLimit = 256 << 20;

using ull = unsigned long long;

Status ModuleLoader::readManifestMember() {
  const ZipMember *member =
      zip.members().isEmpty() ? nullptr : &zip.members()[0];
  if (!member || member->name != manifestName)
    return makeError(SENNIT_STATUS_MALFORMED,
                     "the first member is `%.*s`, expected `manifest.json`",
                     SENNIT_VIEW(member ? member->name : "none"));
  if (member->bytes > manifestLimit)
    return makeError(SENNIT_STATUS_MALFORMED,
                     "the manifest has %llu bytes, more than %llu",
                     ull(member->bytes), ull(manifestLimit));
  SENNIT_RETURN_IF_ERROR(module.manifestText.grow(member->bytes));
  char *text = module.manifestText.data();
  if (member->bytes)
    memcpy(text, member->data, member->bytes);
  uint32_t crc = computeCrc32(text, member->bytes);
  if (crc != member->crc)
    return makeError(SENNIT_STATUS_INTEGRITY,
                     "the manifest has CRC-32 %08x where the container says "
                     "%08x",
                     crc, member->crc);
  JsonDocument document;
  Status status = document.parse(text, member->bytes);
  if (!status.isOk())
    return makeError(status.code(), "the manifest is not the JSON expected: %s",
                     status.message());
  return readManifest(document, module.manifest);
}

/// Container and manifest must speak of the same members, all of them.
Status ModuleLoader::checkMembers() {
  for (const ManifestSection &section : module.manifest.sections) {
    const ZipMember *member = zip.find(section.name);
    if (!member)
      return makeError(SENNIT_STATUS_MALFORMED,
                       "section `%.*s` of the manifest is not in the container",
                       SENNIT_VIEW(section.name));
    if (member->bytes != section.bytes)
      return makeError(SENNIT_STATUS_INTEGRITY,
                       "section `%.*s` has %llu bytes where the manifest says "
                       "%llu",
                       SENNIT_VIEW(section.name), ull(member->bytes),
                       ull(section.bytes));
  }
  for (const ZipMember &member : zip.members()) {
    bool isListed = member.name == manifestName;
    for (const ManifestSection &section : module.manifest.sections)
      isListed |= section.name == member.name;
    for (const ManifestFile &file : module.manifest.files)
      isListed |= file.embedded && file.path == member.name;
    if (!isListed)
      return makeError(SENNIT_STATUS_MALFORMED,
                       "member `%.*s` is not in the manifest, so nothing "
                       "verifies it",
                       SENNIT_VIEW(member.name));
  }
  return {};
}

Status ModuleLoader::copyObjects() {
  for (const ManifestSection &section : module.manifest.sections) {
    const ZipMember *member = zip.find(section.name);
    const uint8_t *data = member->data;
    if (section.name.starts_with("code/")) {
      Array<uint8_t> copy;
      SENNIT_RETURN_IF_ERROR(copy.grow(member->bytes));
      if (member->bytes)
        memcpy(copy.data(), member->data, member->bytes);
      data = copy.data();
      Array<ObjectBytes> &list =
          section.name.ends_with(".o") ? objects : deviceCode;
      SENNIT_RETURN_IF_ERROR(list.append({section.name, data, member->bytes}));
      SENNIT_RETURN_IF_ERROR(copies.append(std::move(copy)));
    }
    SENNIT_RETURN_IF_ERROR(jobs.append(
        {"section", section.name, data, member->bytes, section.hash, {}}));
  }
  return {};
}

Status ModuleLoader::openFile(const ManifestFile &file) {
  const uint8_t *data;
  uint64_t bytes;
  if (file.embedded) {
    const ZipMember *member = zip.find(file.path);
    if (!member)
      return makeError(SENNIT_STATUS_MALFORMED,
                       "embedded file `%.*s` is not in the container",
                       SENNIT_VIEW(file.path));
    data = member->data;
    bytes = member->bytes;
  } else {
    const char *slash = strrchr(path, '/');
    bool isRelative = file.path.front() != '/' && slash;
    std::string_view folder(path, isRelative ? slash + 1 - path : 0);
    Array<char> joined;
    SENNIT_RETURN_IF_ERROR(joined.grow(folder.size() + file.path.size() + 1));
    if (!folder.empty())
      memcpy(joined.data(), folder.data(), folder.size());
    memcpy(joined.data() + folder.size(), file.path.data(), file.path.size());
    MappedFile mapping;
    if (Status status = mapping.open(joined.data()); !status.isOk())
      return makeError(status.code(), "weight file `%s` %s", joined.data(),
                       status.message());
    data = mapping.data();
    bytes = mapping.size();
    SENNIT_RETURN_IF_ERROR(mappings.append(std::move(mapping)));
  }
  if (bytes != file.bytes)
    return makeError(
        SENNIT_STATUS_INTEGRITY,
        "weight file `%.*s` has %llu bytes where the manifest says "
        "%llu",
        SENNIT_VIEW(file.path), ull(bytes), ull(file.bytes));
  module.weightBytes += bytes;
  SENNIT_RETURN_IF_ERROR(files.append(data));
  if (options.flags & SENNIT_LOAD_SKIP_WEIGHT_HASHES)
    return {};
  return jobs.append({"weight file", file.path, data, bytes, file.hash, {}});
}

Status ModuleLoader::openFiles() {
  for (const ManifestFile &file : module.manifest.files)
    SENNIT_RETURN_IF_ERROR(openFile(file));
  return {};
}

void ModuleLoader::hashItems(const int64_t *arguments, int64_t begin,
                             int64_t end, void *) {
  auto *jobs = reinterpret_cast<HashJob *>(arguments[0]);
  for (int64_t i = begin; i < end; ++i)
    jobs[i].found = hashSha256(jobs[i].data, jobs[i].bytes);
}

Status ModuleLoader::verifyHashes() {
  int64_t arguments[] = {
      static_cast<int64_t>(reinterpret_cast<intptr_t>(jobs.data()))};
  module.pool.parallelFor(hashItems, arguments,
                          static_cast<int64_t>(jobs.size()), nullptr);
  for (const HashJob &job : jobs) {
    if (job.found == job.expected)
      continue;
    char found[65], expected[65];
    formatSha256(job.found, found);
    formatSha256(job.expected, expected);
    return makeError(SENNIT_STATUS_INTEGRITY,
                     "%s `%.*s` has sha256 %s where the manifest says %s",
                     job.kind, SENNIT_VIEW(job.name), found, expected);
  }
  return {};
}

Status ModuleLoader::findFunction(const ManifestEntry &entry) {
  void *function = module.code.findFunction(entry.symbol);
  if (!function)
    return makeError(SENNIT_STATUS_MALFORMED,
                     "entry `%.*s` names the function `%.*s`, which no object "
                     "defines",
                     SENNIT_VIEW(entry.name), SENNIT_VIEW(entry.symbol));
  return module.functions.append(reinterpret_cast<sennit_entry_fn>(function));
}

Status ModuleLoader::loadCode() {
  if (objects.isEmpty())
    return makeError(SENNIT_STATUS_MALFORMED,
                     "the artifact has no section `code/*.o`");
  SENNIT_RETURN_IF_ERROR(module.code.load(objects));
  for (const ManifestEntry &entry : module.manifest.entries)
    SENNIT_RETURN_IF_ERROR(findFunction(entry));
  return {};
}

Status ModuleLoader::initialize() {
  const Manifest &manifest = module.manifest;
  const ManifestEntry *description = manifest.findEntry("initialize");
  sennit_entry_fn function = module.functions[static_cast<size_t>(
      description - manifest.entries.begin())];
  Accelerator *accelerator = module.accelerator;
  SENNIT_RETURN_IF_ERROR(module.constants.create(
      accelerator, manifest.constantsBytes, "the module's constants"));
  ModelMemory arena;
  SENNIT_RETURN_IF_ERROR(
      arena.create(accelerator, manifest.arenaBytes, "the arena"));
  KernelRunner runner;
  SENNIT_RETURN_IF_ERROR(
      runner.create(module.pool, accelerator, manifest.scratchBytes, 0));
  BoundEntry entry;
  SENNIT_RETURN_IF_ERROR(entry.bind(
      *description, function,
      {module.constants.data(), arena.data(), nullptr, &files, accelerator}));
  SENNIT_RETURN_IF_ERROR(entry.call(runner, nullptr, nullptr, 0, 0));
  // Shared by all contexts: a kernel that writes here must not go unnoticed.
  return module.constants.freeze();
}

/// Opens the device that the manifest names, and gives it the kernels.
Status ModuleLoader::loadKernels() {
  const Manifest &manifest = module.manifest;
  SENNIT_RETURN_IF_ERROR(
      openAccelerator(manifest.machine, manifest.isa, module.accelerator));
  if (!module.accelerator)
    return {};
  for (std::string_view kernel : manifest.kernels) {
    KernelCode code = {kernel, findCode(kernel, ".ptx"),
                       findCode(kernel, ".cubin")};
    if (code.text.empty())
      return makeError(SENNIT_STATUS_MALFORMED,
                       "the artifact has no section `code/%.*s.ptx`",
                       SENNIT_VIEW(kernel));
    SENNIT_RETURN_IF_ERROR(module.accelerator->addKernel(code));
  }
  return {};
}

/// The section `code/KERNEL` + |suffix|, which has been verified; empty where
/// there is none.
std::string_view ModuleLoader::findCode(std::string_view kernel,
                                        std::string_view suffix) {
  constexpr std::string_view folder = "code/";
  for (const ObjectBytes &section : deviceCode) {
    std::string_view name = section.name;
    if (name.size() != folder.size() + kernel.size() + suffix.size() ||
        !name.starts_with(folder) || !name.ends_with(suffix) ||
        name.substr(folder.size(), kernel.size()) != kernel)
      continue;
    return {reinterpret_cast<const char *>(section.data), section.bytes};
  }
  return {};
}

Status ModuleLoader::load() {
  SENNIT_RETURN_IF_ERROR(artifact.open(path));
  module.artifactBytes = artifact.size();
  SENNIT_RETURN_IF_ERROR(zip.open(artifact.data(), artifact.size()));
  SENNIT_RETURN_IF_ERROR(readManifestMember());
  SENNIT_RETURN_IF_ERROR(checkMembers());
  SENNIT_RETURN_IF_ERROR(enableCpuFeatures(module.manifest.features));
  SENNIT_RETURN_IF_ERROR(copyObjects());
  SENNIT_RETURN_IF_ERROR(openFiles());
  int threads =
      options.threads ? static_cast<int>(options.threads) : onlineProcessors();
  SENNIT_RETURN_IF_ERROR(
      module.pool.start(threads, module.manifest.scratchBytes,
                        !(options.flags & SENNIT_LOAD_NO_PINNING)));
  SENNIT_RETURN_IF_ERROR(verifyHashes());
  SENNIT_RETURN_IF_ERROR(loadCode());
  SENNIT_RETURN_IF_ERROR(loadKernels());
  SENNIT_RETURN_IF_ERROR(initialize());
  module.code.forgetSymbols();
  return {};
}

} // namespace sennit
