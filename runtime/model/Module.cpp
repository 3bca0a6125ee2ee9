// The C interface of modules.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#include "runtime/model/Module.h"

#include "runtime/model/ModuleLoader.h"
#include "runtime/model/Options.h"

using namespace sennit;

static constexpr uint32_t knownFlags = SENNIT_LOAD_NO_PINNING |
                                       SENNIT_LOAD_SKIP_WEIGHT_HASHES |
                                       SENNIT_LOAD_NO_DEVICE;
static constexpr uint32_t threadLimit = 1024;

static Status readLoadOptions(const sennit_load_options *given,
                              sennit_load_options &options) {
  SENNIT_RETURN_IF_ERROR(readOptions(given, "sennit_load_options", options));
  if (options.flags & ~knownFlags)
    return makeError(SENNIT_STATUS_INVALID_ARGUMENT,
                     "`sennit_load_options.flags` is 0x%x, expected bits of "
                     "0x%x",
                     options.flags, knownFlags);
  if (options.threads > threadLimit || options.reserved != 0)
    return makeError(SENNIT_STATUS_INVALID_ARGUMENT,
                     "`sennit_load_options` asks for %u threads with %u in "
                     "`reserved`, expected at most %u and 0",
                     options.threads, options.reserved, threadLimit);
  return {};
}

sennit_module::~sennit_module() {
  constants = ModelMemory();
  destroyObject(accelerator);
}

void sennit::releaseModule(sennit_module *module) {
  if (module && module->references.fetch_sub(1) == 1)
    destroyObject(module);
}

sennit_status sennit_module_load(const char *path,
                                 const sennit_load_options *options,
                                 sennit_module **out_module,
                                 sennit_error *out_error) {
  if (!out_module || !path)
    return makeError(SENNIT_STATUS_INVALID_ARGUMENT,
                     "`path` or `out_module` is NULL")
        .exportTo(out_error);
  *out_module = nullptr;
  sennit_load_options known;
  if (Status status = readLoadOptions(options, known); !status.isOk())
    return status.exportTo(out_error);
  auto *module = createObject<sennit_module>();
  if (!module)
    return makeOutOfMemory("a module", sizeof(*module)).exportTo(out_error);
  if (Status status = ModuleLoader(path, known, *module).load();
      !status.isOk()) {
    releaseModule(module);
    return status.exportTo(out_error, path);
  }
  *out_module = module;
  return SENNIT_STATUS_OK;
}

void sennit_module_destroy(sennit_module *module) { releaseModule(module); }

sennit_status sennit_module_get_info(const sennit_module *module,
                                     sennit_module_info *out_info,
                                     sennit_error *out_error) {
  if (!module || !out_info || out_info->size < sizeof(uint32_t))
    return makeError(SENNIT_STATUS_INVALID_ARGUMENT,
                     "`module` or `out_info` is NULL, or `out_info->size` is "
                     "not set")
        .exportTo(out_error);
  const Manifest &manifest = module->manifest;
  sennit_module_info info = {};
  info.size = out_info->size;
  info.abi_version = static_cast<uint32_t>(manifest.abi);
  info.producer = manifest.producer.data();
  info.machine = manifest.machine.data();
  info.isa = manifest.isa.data();
  bool isModel = manifest.vocabulary != 0;
  info.architecture = isModel ? manifest.architecture.data() : "";
  info.vocabulary = manifest.vocabulary;
  info.context_length = manifest.context;
  const ManifestEntry *prefill = manifest.findEntry("prefill");
  info.max_tokens = prefill ? prefill->maxTokens : 0;
  info.byte_level = manifest.byteLevel;
  info.has_score = manifest.findEntry("score") != nullptr;
  info.end_of_text = manifest.endOfText.data();
  info.end_of_text_count = manifest.endOfText.size();
  info.kernel_count = manifest.kernels.size();
  info.threads = static_cast<uint64_t>(module->pool.threads());
  info.constants_bytes = manifest.constantsBytes;
  info.state_bytes = manifest.stateBytes;
  info.arena_bytes = manifest.arenaBytes;
  info.scratch_bytes = manifest.scratchBytes;
  info.code_bytes = module->code.bytes();
  info.artifact_file_bytes = module->artifactBytes;
  info.weight_file_bytes = module->weightBytes;
  const ManifestEntry *verify = manifest.findEntry("verify");
  info.verify_tokens = verify ? verify->maxTokens : 0;
  memcpy(out_info, &info, std::min<size_t>(info.size, sizeof(info)));
  return SENNIT_STATUS_OK;
}
