// Reading of the manifest's entry points, apart from the rest by size alone.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#ifndef SENNIT_RUNTIME_ARTIFACT_MANIFESTENTRIES_H
#define SENNIT_RUNTIME_ARTIFACT_MANIFESTENTRIES_H

#include "runtime/artifact/JsonField.h"
#include "runtime/artifact/Manifest.h"

namespace sennit {

/// Reads one element of `entries` into |manifest|, whose `files` and `model`
/// have been read.
Status readEntry(const JsonField &field, Manifest &manifest);

/// Checks that the entries that the runtime calls are there.
Status checkEntries(const JsonField &entries, const Manifest &manifest);

} // namespace sennit

#endif // SENNIT_RUNTIME_ARTIFACT_MANIFESTENTRIES_H
