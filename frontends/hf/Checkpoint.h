// The tensors of a model directory, whether they lie in one file or in shards.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_FRONTENDS_HF_CHECKPOINT_H
#define SENNIT_FRONTENDS_HF_CHECKPOINT_H

#include "frontends/hf/Safetensors.h"
#include "llvm/ADT/StringMap.h"
#include <memory>

namespace llvm {
class MemoryBuffer;
} // namespace llvm

namespace sennit::hf {

/// The path of the file `name` of a model directory. `name` is a bare file
/// name, and what it resolves to lies inside the directory; in the layout of
/// the Hugging Face cache (`snapshots/<revision>`) also inside the `blobs`
/// beside `snapshots`, where that cache's links point.
llvm::Expected<std::string> resolveInside(llvm::StringRef directory,
                                          llvm::StringRef name);

/// Reads a whole regular file of at most `limit` bytes.
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
readBounded(llvm::StringRef file, uint64_t limit);

class Checkpoint {
public:
  struct Tensor {
    StoredTensor stored;
    std::string file;
    bool used = false;
  };

  /// Opens `model.safetensors`, or the shards that
  /// `model.safetensors.index.json` lists. Every tensor has one place, and
  /// index and shards list the same tensors.
  static llvm::Expected<Checkpoint> open(llvm::StringRef directory);

  /// A checkpoint of a directory without files, all of whose tensors have the
  /// shape that they are asked for with and `elementType`: enough to predict a
  /// model.
  static Checkpoint imagine(llvm::StringRef directory,
                            llvm::StringRef elementType);

  /// Whether the directory has files of tensors.
  static bool exists(llvm::StringRef directory);

  bool contains(llvm::StringRef name) const { return tensors.contains(name); }

  /// The tensor of that name, from now on used; null if there is none.
  const Tensor *use(llvm::StringRef name);
  /// The same; an imagined checkpoint has it from now on, unless its size is
  /// absurd.
  const Tensor *use(llvm::StringRef name, llvm::ArrayRef<int64_t> shape);
  /// Marks all tensors as used whose names begin so; false for none.
  bool useAll(llvm::StringRef prefix);

  /// An error with the first ten names if a tensor was not used: a model that
  /// drops weights is wrong.
  llvm::Error checkAllUsed() const;

  /// Where a missing tensor was looked for: the file, or the index.
  llvm::StringRef source() const { return contentsFile; }

private:
  llvm::Error addFile(llvm::StringRef file);
  llvm::Error addShards(llvm::StringRef directory, llvm::StringRef indexFile);

  std::string contentsFile;
  /// Of imagined tensors; empty where there are files.
  llvm::StringRef imagined;
  llvm::StringMap<Tensor> tensors;
};

} // namespace sennit::hf

#endif // SENNIT_FRONTENDS_HF_CHECKPOINT_H
