// The manifest as typed values, every one checked; docs/artifact.md describes
// it. Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#ifndef SENNIT_RUNTIME_ARTIFACT_MANIFEST_H
#define SENNIT_RUNTIME_ARTIFACT_MANIFEST_H

#include "runtime/Memory.h"
#include "runtime/artifact/Json.h"
#include "runtime/artifact/Sha256.h"
#include "sennit/runtime.h"

#include <string_view>

namespace sennit {

/// The version of the artifact's format that this runtime reads.
inline constexpr int64_t artifactVersion = 1;

struct ManifestSection {
  std::string_view name;
  uint64_t bytes;
  Sha256 hash;
};

struct ManifestFile {
  std::string_view path;
  uint64_t bytes;
  Sha256 hash;
  bool embedded;
};

struct ManifestState {
  std::string_view name;
  uint64_t offset;
  uint64_t bytes;
  /// What it holds of tokens past a context's position is never read.
  bool rollsBackByPosition;
  /// It is kept as it was after each offered token.
  bool hasSnapshots;
};

enum class ArgumentKind { Constants, Arena, State, Weight, Input, Output };

struct ManifestArgument {
  ArgumentKind kind;
  /// Of a weight, input or output; else empty.
  std::string_view name;
  /// Of a weight: the index into `files` and a range inside that file.
  uint32_t file;
  uint64_t offset;
  /// Of a weight, or of an input or output: the whole tensor's, or where it has
  /// an extent of `tokens`, one token's.
  uint64_t bytes;
  /// Of an input or output.
  sennit_element element;
  /// SENNIT_EXTENT_TOKENS for `tokens`.
  Array<int64_t> shape;
  bool hasTokens;
};

enum class ScalarKind { Tokens, Past };

struct ManifestEntry {
  std::string_view name;
  std::string_view symbol;
  /// Most tokens of a call; 0 for an entry whose extents are all fixed.
  int64_t maxTokens;
  Array<ScalarKind> scalars;
  Array<ManifestArgument> arguments;
  /// Positions of the inputs and outputs among the arguments.
  Array<uint32_t> inputs, outputs;
  /// Whether it reads and updates the state: then its tokens extend the
  /// sequence.
  bool usesState;
};

/// Views point into the text that was parsed and are zero-terminated.
struct Manifest {
  std::string_view producer, machine, isa;
  Array<std::string_view> features;
  int64_t abi;
  /// Of a language model; empty and zero where the module is none.
  std::string_view architecture;
  int64_t vocabulary = 0;
  int64_t context = 0;
  bool byteLevel = false;
  Array<int64_t> endOfText;
  Array<ManifestSection> sections;
  Array<ManifestFile> files;
  uint64_t constantsBytes, stateBytes, arenaBytes, scratchBytes;
  Array<ManifestState> state;
  Array<std::string_view> kernels;
  Array<ManifestEntry> entries;

  /// Null where there is no such entry.
  const ManifestEntry *findEntry(std::string_view name) const;
};

/// The manifests of a container of several programs, by their members' names,
/// in the order in which they are tried; empty where |document| is itself that
/// of the one program. Each lies in a folder of its own.
Status readPrograms(const JsonDocument &document,
                    Array<std::string_view> &out_names);

/// Reads |document| into |out_manifest| and checks every field: kinds, ranges,
/// references, that there is an entry `initialize`, and that `prefill`,
/// `decode` and `score`, where present, are a language model's. Unknown members
/// are ignored.
Status readManifest(const JsonDocument &document, Manifest &out_manifest);

} // namespace sennit

#endif // SENNIT_RUNTIME_ARTIFACT_MANIFEST_H
