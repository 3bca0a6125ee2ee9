// Reads the table of contents of one safetensors file, and trusts nothing in
// it.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/hf/Safetensors.h"
#include "frontends/ImportError.h"
#include "frontends/hf/Json.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include <optional>
#include <tuple>

using namespace sennit;
using namespace sennit::hf;
using llvm::StringRef;
using llvm::Twine;

namespace {

constexpr uint64_t lengthBytes = 8;
constexpr size_t maxRank = 32;

struct ElementWidth {
  StringRef name;
  unsigned bits;
};

constexpr ElementWidth elementWidths[] = {
    {"BOOL", 8},    {"U8", 8},          {"I8", 8},      {"U16", 16},
    {"I16", 16},    {"U32", 32},        {"I32", 32},    {"U64", 64},
    {"I64", 64},    {"F16", 16},        {"BF16", 16},   {"F32", 32},
    {"F64", 64},    {"C64", 64},        {"F8_E4M3", 8}, {"F8_E5M2", 8},
    {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F4", 4},      {"F6_E2M3", 6},
    {"F6_E3M2", 6}, {"F8_E5M2FNUZ", 8}};

/// Reads the members of one tensor; `tensor` has its name, and gets offsets
/// relative to the data.
bool readTensor(JsonReader &reader, StoredTensor &tensor) {
  std::string typeName;
  bool hasShape = false;
  llvm::SmallVector<uint64_t, 2> offsets;
  bool good = reader.readObject([&](StringRef key) {
    if (key == "dtype")
      return reader.readString(typeName);
    if (key == "shape") {
      hasShape = true;
      return reader.readArray([&] {
        uint64_t extent = 0;
        if (tensor.shape.size() == maxRank)
          return reader.fail("has more than 32 dimensions");
        if (!reader.readUnsigned(extent))
          return false;
        if (extent > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
          return reader.fail("has an extent above 2^63");
        tensor.shape.push_back(static_cast<int64_t>(extent));
        return true;
      });
    }
    if (key == "data_offsets")
      return reader.readArray([&] {
        if (offsets.size() == 2)
          return reader.fail("has more than two offsets");
        return reader.readUnsigned(offsets.emplace_back());
      });
    return reader.fail("has the unknown key " + quoted(key));
  });
  if (!good)
    return false;
  if (typeName.empty() || !hasShape || offsets.size() != 2)
    return reader.fail("needs `dtype`, `shape` and two `data_offsets`");
  const auto *width = llvm::find_if(
      elementWidths, [&](const ElementWidth &w) { return w.name == typeName; });
  if (width == std::end(elementWidths))
    return reader.fail("has the unknown dtype " + quoted(typeName));
  tensor.elementType = width->name;
  std::tie(tensor.begin, tensor.end) = std::pair(offsets[0], offsets[1]);
  return true;
}

/// The bytes that shape and type ask for; nothing if they overflow or are no
/// whole bytes.
std::optional<uint64_t> requiredBytes(const StoredTensor &tensor) {
  const auto *width = llvm::find_if(elementWidths, [&](const auto &w) {
    return w.name == tensor.elementType;
  });
  uint64_t bits = width->bits;
  bool overflow = false;
  for (int64_t extent : tensor.shape) {
    bool here = false;
    bits = llvm::SaturatingMultiply<uint64_t>(bits, extent, &here);
    overflow |= here;
  }
  if (overflow || bits % 8 != 0)
    return std::nullopt;
  return bits / 8;
}

/// Sorts by place and checks that every tensor begins where the one before it
/// ended.
llvm::Error checkPlaces(StringRef file, std::vector<StoredTensor> &tensors,
                        uint64_t dataSize) {
  llvm::sort(tensors, [](const StoredTensor &a, const StoredTensor &b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  uint64_t covered = 0;
  for (const StoredTensor &tensor : tensors) {
    std::string name = quoted(tensor.name);
    std::string range =
        ("[" + Twine(tensor.begin) + ", " + Twine(tensor.end) + ")").str();
    if (tensor.end < tensor.begin)
      return brokenInput(file + ": tensor " + name + ": its data " + range +
                         " ends before it begins");
    std::optional<uint64_t> bytes = requiredBytes(tensor);
    if (!bytes)
      return brokenInput(
          file + ": tensor " + name +
          ": its shape overflows or is no whole number of bytes");
    if (*bytes != tensor.end - tensor.begin)
      return brokenInput(file + ": tensor " + name + ": its shape needs " +
                         Twine(*bytes) + " bytes, its data " + range + " has " +
                         Twine(tensor.end - tensor.begin));
    if (tensor.end > dataSize)
      return brokenInput(file + ": tensor " + name + ": its data " + range +
                         " lies past the end of the file, which has " +
                         Twine(dataSize) + " bytes of data: truncated");
    if (tensor.begin < covered)
      return brokenInput(file + ": tensor " + name + ": its data " + range +
                         " overlaps the tensor before it, which ends at " +
                         Twine(covered));
    if (tensor.begin > covered)
      return brokenInput(
          file + ": tensor " + name + ": " + Twine(tensor.begin - covered) +
          " bytes before its data " + range + " belong to no tensor");
    covered = tensor.end;
  }
  if (covered != dataSize)
    return brokenInput(file + ": " + Twine(dataSize - covered) +
                       " bytes at the end belong to no tensor");
  return llvm::Error::success();
}

} // namespace

llvm::Expected<std::vector<StoredTensor>>
sennit::hf::parseSafetensorsHeader(StringRef file, StringRef header,
                                   uint64_t dataSize) {
  if (!header.starts_with("{"))
    return brokenInput(
        file + ": the header does not begin with `{`: not a safetensors file");
  std::vector<StoredTensor> tensors;
  std::string current;
  JsonReader reader(header);
  bool good = reader.readObject([&](StringRef key) {
    if (key == "__metadata__")
      return reader.readObject([&](StringRef) {
        std::string ignored;
        return reader.readString(ignored);
      });
    StoredTensor tensor;
    tensor.name = key.str();
    current = "tensor " + quoted(key) + ": ";
    if (!readTensor(reader, tensor))
      return false;
    current.clear();
    tensors.push_back(std::move(tensor));
    return true;
  });
  if (!good || !reader.readEnd())
    return brokenInput(file + ": " + current + "header, " + reader.error());
  if (llvm::Error error = checkPlaces(file, tensors, dataSize))
    return error;
  for (StoredTensor &tensor : tensors) {
    tensor.begin += lengthBytes + header.size();
    tensor.end += lengthBytes + header.size();
  }
  return tensors;
}

llvm::Expected<std::vector<StoredTensor>>
sennit::hf::readSafetensors(StringRef file) {
  llvm::sys::fs::file_status status;
  if (std::error_code code = llvm::sys::fs::status(file, status))
    return brokenInput(file + ": " + code.message());
  // A pipe or a device would block or never end.
  if (!llvm::sys::fs::is_regular_file(status))
    return brokenInput(file + ": not a regular file");
  uint64_t size = status.getSize();
  if (size < lengthBytes)
    return brokenInput(file + ": the file has " + Twine(size) +
                       " bytes, a safetensors file at least 8: truncated");
  // Volatile, so that the bytes are read and not mapped: a file that shrinks
  // meanwhile must not raise SIGBUS.
  auto read = [&](uint64_t offset, uint64_t bytes) {
    return llvm::MemoryBuffer::getFileSlice(file, bytes, offset,
                                            /*IsVolatile=*/true);
  };
  auto length = read(0, lengthBytes);
  if (!length)
    return brokenInput(file + ": " + length.getError().message());
  uint64_t headerSize =
      llvm::support::endian::read64le((*length)->getBufferStart());
  if (headerSize > maxSafetensorsHeader)
    return brokenInput(file + ": the header claims " + Twine(headerSize) +
                       " bytes, the limit is " + Twine(maxSafetensorsHeader));
  if (headerSize > size - lengthBytes)
    return brokenInput(file + ": the header claims " + Twine(headerSize) +
                       " bytes, the file has " + Twine(size - lengthBytes) +
                       " after the length: truncated");
  auto header = read(lengthBytes, headerSize);
  if (!header)
    return brokenInput(file + ": " + header.getError().message());
  return parseSafetensorsHeader(file, (*header)->getBuffer(),
                                size - lengthBytes - headerSize);
}
