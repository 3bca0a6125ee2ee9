// Reads the table of contents of one safetensors file, and trusts nothing in
// it.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_FRONTENDS_HF_SAFETENSORS_H
#define SENNIT_FRONTENDS_HF_SAFETENSORS_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <string>
#include <vector>

namespace sennit::hf {

/// A tensor of a file: C order, little endian, packed, without alignment.
struct StoredTensor {
  std::string name;
  llvm::StringRef elementType; // As the file spells it: "BF16"; static storage.
  llvm::SmallVector<int64_t, 4> shape;
  uint64_t begin = 0; // Absolute offset of the first byte in the file.
  uint64_t end = 0;   // One past the last byte.
};

/// The largest header that is read, in bytes; the format's own limit.
constexpr uint64_t maxSafetensorsHeader = 100'000'000;

/// Checks `header`, the JSON text of `file`, against the `dataSize` bytes that
/// follow it: each size is the product of its shape, and the tensors cover the
/// data without overlap, gap or rest. Offsets of the result count from the
/// start of the file. Rules: the `safetensors` crate, `tensor.rs`.
llvm::Expected<std::vector<StoredTensor>>
parseSafetensorsHeader(llvm::StringRef file, llvm::StringRef header,
                       uint64_t dataSize);

/// Reads the header of the regular file `file`, never its data. Tensors come in
/// the order of their data.
llvm::Expected<std::vector<StoredTensor>> readSafetensors(llvm::StringRef file);

} // namespace sennit::hf

#endif // SENNIT_FRONTENDS_HF_SAFETENSORS_H
