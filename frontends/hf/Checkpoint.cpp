// The tensors of a model directory, whether they lie in one file or in shards.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/hf/Checkpoint.h"
#include "frontends/ImportError.h"
#include "frontends/hf/Json.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace sennit;
using namespace sennit::hf;
using llvm::StringRef;
using llvm::Twine;
namespace fs = llvm::sys::fs;
namespace path = llvm::sys::path;

namespace {
constexpr StringRef singleFile = "model.safetensors";
constexpr StringRef indexName = "model.safetensors.index.json";
constexpr uint64_t maxIndexSize = 100'000'000;

std::string join(StringRef directory, StringRef name) {
  llvm::SmallString<256> result(directory);
  path::append(result, name);
  return result.str().str();
}

bool liesIn(StringRef file, StringRef directory) {
  return !directory.empty() && file.starts_with(directory) &&
         file.substr(directory.size()).starts_with("/");
}
} // namespace

llvm::Expected<std::string> sennit::hf::resolveInside(StringRef directory,
                                                      StringRef name) {
  if (name.empty() || name == "." || name == ".." ||
      name.find_first_of(StringRef("/\\\0", 3)) != StringRef::npos)
    return brokenInput(directory + ": " + quoted(name) +
                       " is not the name of a file of this directory");
  std::string file = join(directory, name);
  llvm::SmallString<256> realFile, realDirectory, realBlobs;
  if (std::error_code code = fs::real_path(file, realFile))
    return brokenInput(directory + ": " + quoted(name) + ": " + code.message());
  if (std::error_code code = fs::real_path(directory, realDirectory))
    return brokenInput(directory + ": " + code.message());
  StringRef parent = path::parent_path(realDirectory);
  if (path::filename(parent) == "snapshots" &&
      fs::real_path(join(path::parent_path(parent), "blobs"), realBlobs))
    realBlobs.clear();
  if (!liesIn(realFile, realDirectory) && !liesIn(realFile, realBlobs))
    return brokenInput(file + ": the link leads out of the model's directory");
  return file;
}

llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
sennit::hf::readBounded(StringRef file, uint64_t limit) {
  fs::file_status status;
  if (std::error_code code = fs::status(file, status))
    return brokenInput(file + ": " + code.message());
  if (!fs::is_regular_file(status))
    return brokenInput(file + ": not a regular file");
  if (status.getSize() > limit)
    return brokenInput(file + ": the file has " + Twine(status.getSize()) +
                       " bytes, the limit is " + Twine(limit));
  auto buffer = llvm::MemoryBuffer::getFileSlice(file, status.getSize(), 0,
                                                 /*IsVolatile=*/true);
  if (!buffer)
    return brokenInput(file + ": " + buffer.getError().message());
  return std::move(*buffer);
}

llvm::Expected<Checkpoint> Checkpoint::open(StringRef directory) {
  Checkpoint checkpoint;
  bool isSingle = fs::exists(join(directory, singleFile));
  if (!isSingle && !fs::exists(join(directory, indexName))) {
    std::string none = (directory + ": has neither " + quoted(singleFile) +
                        " nor " + quoted(indexName))
                           .str();
    if (fs::exists(join(directory, "pytorch_model.bin")) ||
        fs::exists(join(directory, "pytorch_model.bin.index.json")))
      return unsupportedInput(
          none +
          "; pickled weights are not read, save the model as safetensors");
    return brokenInput(none);
  }
  llvm::Expected<std::string> file =
      resolveInside(directory, isSingle ? singleFile : indexName);
  if (!file)
    return file.takeError();
  checkpoint.contentsFile = *file;
  if (llvm::Error error = isSingle ? checkpoint.addFile(*file)
                                   : checkpoint.addShards(directory, *file))
    return error;
  return checkpoint;
}

Checkpoint Checkpoint::imagine(StringRef directory, StringRef elementType) {
  Checkpoint checkpoint;
  checkpoint.contentsFile = join(directory, singleFile);
  checkpoint.imagined = elementType;
  return checkpoint;
}

bool Checkpoint::exists(StringRef directory) {
  return fs::exists(join(directory, singleFile)) ||
         fs::exists(join(directory, indexName));
}

const Checkpoint::Tensor *Checkpoint::use(StringRef name,
                                          llvm::ArrayRef<int64_t> shape) {
  constexpr int64_t most = int64_t(1) << 40;
  if (imagined.empty() || tensors.contains(name))
    return use(name);
  int64_t elements = 1;
  for (int64_t extent : shape)
    if (extent < 0 || llvm::MulOverflow(elements, extent, elements) ||
        elements > most)
      return nullptr;
  Tensor &tensor = tensors[name];
  tensor.stored.name = name.str();
  tensor.stored.elementType = imagined;
  tensor.stored.shape.assign(shape.begin(), shape.end());
  tensor.file = contentsFile;
  return use(name);
}

llvm::Error Checkpoint::addFile(StringRef file) {
  llvm::Expected<std::vector<StoredTensor>> stored = readSafetensors(file);
  if (!stored)
    return stored.takeError();
  for (StoredTensor &tensor : *stored) {
    auto [entry, isNew] = tensors.try_emplace(tensor.name);
    if (!isNew)
      return brokenInput(file + ": tensor " + quoted(tensor.name) +
                         ": also in " + entry->second.file);
    entry->second.stored = std::move(tensor);
    entry->second.file = file.str();
  }
  return llvm::Error::success();
}

llvm::Error Checkpoint::addShards(StringRef directory, StringRef indexFile) {
  auto buffer = readBounded(indexFile, maxIndexSize);
  if (!buffer)
    return buffer.takeError();
  llvm::StringMap<std::string> shardOf;
  llvm::StringMap<std::string> shardFiles;
  JsonReader reader((*buffer)->getBuffer(), /*allowNonFinite=*/true);
  bool hasMap = false;
  bool good = reader.readObject([&](StringRef key) {
    JsonValue ignored;
    if (key != "weight_map")
      return reader.readValue(ignored);
    hasMap = true;
    return reader.readObject([&](StringRef tensor) {
      std::string shard;
      if (!reader.readString(shard))
        return false;
      shardFiles.try_emplace(shard);
      shardOf[tensor] = std::move(shard);
      return true;
    });
  });
  if (!good || !reader.readEnd())
    return brokenInput(indexFile + ": " + reader.error());
  if (!hasMap || shardOf.empty())
    return brokenInput(indexFile + ": `weight_map` lists no tensor");

  for (auto &shard : shardFiles) {
    llvm::Expected<std::string> file = resolveInside(directory, shard.first());
    if (!file)
      return brokenInput(indexFile + ": " + llvm::toString(file.takeError()));
    shard.second = *file;
    if (llvm::Error error = addFile(*file))
      return error;
  }
  for (const auto &entry : shardOf) {
    auto found = tensors.find(entry.first());
    const std::string &file = shardFiles[entry.second];
    if (found == tensors.end() || found->second.file != file)
      return brokenInput(file + ": tensor " + quoted(entry.first()) +
                         ": not in this file, although " + indexFile +
                         " says so");
  }
  for (const auto &entry : tensors)
    if (!shardOf.contains(entry.first()))
      return brokenInput(entry.second.file + ": tensor " +
                         quoted(entry.first()) + ": not listed in " +
                         indexFile);
  return llvm::Error::success();
}

const Checkpoint::Tensor *Checkpoint::use(StringRef name) {
  auto found = tensors.find(name);
  if (found == tensors.end())
    return nullptr;
  found->second.used = true;
  return &found->second;
}

bool Checkpoint::useAll(StringRef prefix) {
  bool isAny = false;
  for (auto &entry : tensors)
    if (entry.getKey().starts_with(prefix))
      isAny = entry.second.used = true;
  return isAny;
}

llvm::Error Checkpoint::checkAllUsed() const {
  constexpr size_t most = 10;
  std::vector<std::string> names;
  for (const auto &entry : tensors)
    if (!entry.second.used)
      names.push_back(quoted(entry.first()));
  if (names.empty())
    return llvm::Error::success();
  llvm::sort(names);
  size_t count = names.size();
  names.resize(std::min(count, most));
  return brokenInput(contentsFile + ": the architecture has no place for " +
                     Twine(count) + (count == 1 ? " tensor: " : " tensors: ") +
                     llvm::join(names, ", ") + (count > most ? ", ..." : ""));
}
