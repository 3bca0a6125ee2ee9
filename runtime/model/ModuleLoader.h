// The steps from a path to a module whose constants are packed.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#ifndef SENNIT_RUNTIME_MODEL_MODULELOADER_H
#define SENNIT_RUNTIME_MODEL_MODULELOADER_H

#include "runtime/artifact/MappedFile.h"
#include "runtime/artifact/Zip.h"
#include "runtime/model/Module.h"

namespace sennit {

/// Loads one artifact. Lives only while it does so: the files are unmapped with
/// it.
class ModuleLoader {
public:
  ModuleLoader(const char *path, const sennit_load_options &options,
               sennit_module &module)
      : path(path), options(options), module(module) {}

  Status load();

private:
  /// Bytes that must have a hash.
  struct HashJob {
    const char *kind;
    std::string_view name;
    const uint8_t *data;
    uint64_t bytes;
    Sha256 expected, found;
  };

  /// Copies and parses a manifest.
  Status readText(std::string_view name, Array<char> &text,
                  JsonDocument &document);
  Status readProgram(std::string_view name);
  /// Makes processor and device ready for the program; UNSUPPORTED where they
  /// are not what it is for.
  Status enterMachine();
  /// Reads the manifest of the first program that can run here.
  Status chooseProgram();
  /// Whether a member is part of a program that is not loaded.
  bool isOfOther(std::string_view member) const;
  Status checkMembers();
  Status copyObjects();
  Status openFiles();
  Status openFile(const ManifestFile &file);
  Status verifyHashes();
  Status loadCode();
  Status findFunction(const ManifestEntry &entry);
  Status loadKernels();
  std::string_view findCode(std::string_view kernel, std::string_view suffix);
  Status initialize();
  static void hashItems(const int64_t *arguments, int64_t begin, int64_t end,
                        void *scratch);

  const char *path;
  const sennit_load_options &options;
  sennit_module &module;
  MappedFile artifact;
  ZipReader zip;
  /// The list of programs, where there are several, and the text that holds
  /// their names.
  Array<char> listText;
  Array<std::string_view> programs;
  /// With which the names of the program's members begin.
  std::string_view folder;
  /// The objects' bytes: copied first, then hashed and loaded, so that what
  /// was checked is what runs, whoever writes to the file meanwhile.
  Array<Array<uint8_t>> copies;
  Array<ObjectBytes> objects, deviceCode;
  Array<MappedFile> mappings;
  Array<const uint8_t *> files;
  Array<HashJob> jobs;
};

} // namespace sennit

#endif // SENNIT_RUNTIME_MODEL_MODULELOADER_H
