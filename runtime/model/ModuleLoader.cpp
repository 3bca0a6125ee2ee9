// Loading: container, manifest, members, processor, files, hashes, code,
// weights. Part of Sennit, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE.
#include "runtime/model/ModuleLoader.h"

#include "runtime/code/CpuFeatures.h"
#include "runtime/model/BoundEntry.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace sennit {

static constexpr std::string_view manifestName = "manifest.json";
static constexpr std::string_view codeFolder = "code/";
static constexpr uint64_t manifestLimit = 256 << 20;

using ull = unsigned long long;

Status ModuleLoader::readText(std::string_view name, Array<char> &text,
                              JsonDocument &document) {
  const ZipMember *member = zip.find(name);
  if (!member)
    return makeError(SENNIT_STATUS_MALFORMED,
                     "the manifest `%.*s` is not in the container",
                     SENNIT_VIEW(name));
  if (member->bytes > manifestLimit)
    return makeError(SENNIT_STATUS_MALFORMED,
                     "the manifest has %llu bytes, more than %llu",
                     ull(member->bytes), ull(manifestLimit));
  SENNIT_RETURN_IF_ERROR(text.grow(member->bytes));
  if (member->bytes)
    memcpy(text.data(), member->data, member->bytes);
  uint32_t crc = computeCrc32(text.data(), member->bytes);
  if (crc != member->crc)
    return makeError(SENNIT_STATUS_INTEGRITY,
                     "the manifest has CRC-32 %08x where the container says "
                     "%08x",
                     crc, member->crc);
  Status status = document.parse(text.data(), member->bytes);
  if (!status.isOk())
    return makeError(status.code(), "the manifest is not the JSON expected: %s",
                     status.message());
  return {};
}

Status ModuleLoader::readProgram(std::string_view name) {
  JsonDocument document;
  module.manifestText = Array<char>();
  module.manifest = Manifest();
  SENNIT_RETURN_IF_ERROR(readText(name, module.manifestText, document));
  folder = name.substr(0, name.size() - manifestName.size());
  return readManifest(document, module.manifest);
}

Status ModuleLoader::enterMachine() {
  const Manifest &manifest = module.manifest;
  if ((options.flags & SENNIT_LOAD_NO_DEVICE) && isDevice(manifest.machine))
    return makeError(SENNIT_STATUS_UNSUPPORTED,
                     "the program is for a device, and none is wanted");
  SENNIT_RETURN_IF_ERROR(enableCpuFeatures(manifest.features));
  Status status =
      openAccelerator(manifest.machine, manifest.isa, module.accelerator);
  if (!status.isOk())
    destroyObject(std::exchange(module.accelerator, nullptr));
  return status;
}

Status ModuleLoader::chooseProgram() {
  if (zip.members().isEmpty() || zip.members()[0].name != manifestName)
    return makeError(
        SENNIT_STATUS_MALFORMED,
        "the first member is `%.*s`, expected `manifest.json`",
        SENNIT_VIEW(zip.members().isEmpty() ? "none" : zip.members()[0].name));
  JsonDocument list;
  SENNIT_RETURN_IF_ERROR(readText(manifestName, listText, list));
  Status status = readPrograms(list, programs);
  if (!status.isOk())
    return status;
  if (programs.isEmpty()) {
    SENNIT_RETURN_IF_ERROR(readProgram(manifestName));
    return enterMachine();
  }
  char reasons[1024] = "";
  size_t used = 0;
  for (std::string_view name : programs) {
    SENNIT_RETURN_IF_ERROR(readProgram(name));
    status = enterMachine();
    if (status.code() != SENNIT_STATUS_UNSUPPORTED)
      return status;
    used += static_cast<size_t>(
        snprintf(reasons + used, sizeof(reasons) - used, "%s%.*s:%.*s: %s",
                 used ? "; " : "", SENNIT_VIEW(module.manifest.machine),
                 SENNIT_VIEW(module.manifest.isa), status.message()));
    used = std::min(used, sizeof(reasons) - 1);
  }
  return makeError(SENNIT_STATUS_UNSUPPORTED,
                   "none of the artifact's programs can run here: %s", reasons);
}

bool ModuleLoader::isOfOther(std::string_view member) const {
  for (std::string_view name : programs) {
    std::string_view other = name.substr(0, name.size() - manifestName.size());
    if (member == name || (other != folder && member.starts_with(other)))
      return true;
  }
  return false;
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
    bool isListed = member.name == manifestName || isOfOther(member.name);
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
    if (section.name.starts_with(folder) &&
        section.name.substr(folder.size()).starts_with(codeFolder)) {
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

/// Gives the device the kernels.
Status ModuleLoader::loadKernels() {
  if (!module.accelerator)
    return {};
  for (std::string_view kernel : module.manifest.kernels) {
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

/// The section `code/KERNEL` + |suffix| of the program, which has been
/// verified; empty where there is none.
std::string_view ModuleLoader::findCode(std::string_view kernel,
                                        std::string_view suffix) {
  size_t start = folder.size() + codeFolder.size();
  for (const ObjectBytes &section : deviceCode) {
    std::string_view name = section.name;
    if (name.size() != start + kernel.size() + suffix.size() ||
        !name.ends_with(suffix) || name.substr(start, kernel.size()) != kernel)
      continue;
    return {reinterpret_cast<const char *>(section.data), section.bytes};
  }
  return {};
}

Status ModuleLoader::load() {
  SENNIT_RETURN_IF_ERROR(artifact.open(path));
  module.artifactBytes = artifact.size();
  SENNIT_RETURN_IF_ERROR(zip.open(artifact.data(), artifact.size()));
  SENNIT_RETURN_IF_ERROR(chooseProgram());
  SENNIT_RETURN_IF_ERROR(checkMembers());
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
