// Reads tensors: their shape, their type, and their elements wherever they lie.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/onnx/MessageReader.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace sennit;
using namespace sennit::onnx;
using llvm::StringRef;
using llvm::Twine;

unsigned sennit::onnx::elementBytes(ElementType type) {
  switch (type) {
  case ElementType::U8:
  case ElementType::I8:
  case ElementType::Bool:
    return 1;
  case ElementType::U16:
  case ElementType::I16:
  case ElementType::F16:
  case ElementType::BF16:
    return 2;
  case ElementType::F32:
  case ElementType::I32:
  case ElementType::U32:
    return 4;
  case ElementType::I64:
  case ElementType::U64:
  case ElementType::F64:
    return 8;
  default:
    return 0;
  }
}

std::string sennit::onnx::spell(ElementType type) {
  static constexpr StringRef names[] = {
      "undefined", "float",  "uint8",     "int8",       "uint16",  "int16",
      "int32",     "int64",  "string",    "bool",       "float16", "double",
      "uint32",    "uint64", "complex64", "complex128", "bfloat16"};
  unsigned number = unsigned(type);
  return number < std::size(names) ? names[number].str()
                                   : "type " + std::to_string(int(type));
}

std::string sennit::onnx::spell(llvm::ArrayRef<int64_t> shape) {
  std::string result = "[";
  for (int64_t extent : shape)
    result += (result.size() > 1 ? ", " : "") + std::to_string(extent);
  return result + "]";
}

void StoredTensor::own(std::vector<char> bytes) {
  owned = std::make_shared<std::vector<char>>(std::move(bytes));
  data = StringRef(owned->data(), owned->size());
}

int64_t StoredTensor::elements() const {
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  return count;
}

/// What a message says of a tensor's elements, before it is known which of the
/// fields counts.
struct MessageReader::TensorData {
  std::optional<StringRef> raw;
  /// Which of the typed fields is there: 0, or its number.
  uint32_t field = 0;
  llvm::SmallVector<uint64_t> numbers;
  bool isExternal = false;
  std::string location;
  uint64_t offset = 0;
  std::optional<uint64_t> length;
};

static bool readDecimal(StringRef text, uint64_t &value) {
  return !text.empty() && !text.getAsInteger(10, value);
}

bool MessageReader::readTensorField(const Field &field, StoredTensor &tensor,
                                    TensorData &data) {
  std::string error;
  int64_t number = 0;
  switch (field.number) {
  case 1: {
    llvm::SmallVector<uint64_t> extents;
    if (!appendNumbers(field, WireKind::Varint, extents, error))
      return fail(error);
    for (uint64_t extent : extents)
      tensor.shape.push_back(int64_t(extent));
    return tensor.shape.size() <= 64 || fail("more than 64 dimensions");
  }
  case 2:
    if (!readInteger(field, number))
      return false;
    tensor.type = ElementType(int(number));
    return int64_t(int(number)) == number || fail("no element type");
  case 3:
    return failUnsupported("a tensor in segments");
  case 4:
  case 5:
  case 7:
  case 10:
  case 11: {
    if (data.field && data.field != field.number)
      return fail("elements in fields " + Twine(data.field) + " and " +
                  Twine(field.number) + ", expected one");
    data.field = field.number;
    WireKind kind = field.number == 4    ? WireKind::Fixed32
                    : field.number == 10 ? WireKind::Fixed64
                                         : WireKind::Varint;
    return appendNumbers(field, kind, data.numbers, error) || fail(error);
  }
  case 8:
    return readText(field, tensor.name);
  case 9: {
    StringRef raw;
    if (!readMessage(field, raw))
      return false;
    data.raw = raw;
    return true;
  }
  case 13: {
    StringRef message;
    std::string key, value;
    if (!readMessage(field, message) ||
        !forEach(message, "external data", [&](const Field &entry) {
          if (entry.number == 1)
            return readText(entry, key);
          return entry.number != 2 || readText(entry, value);
        }))
      return false;
    uint64_t size = 0;
    if (key == "location")
      data.location = value;
    else if ((key == "offset" || key == "length") && !readDecimal(value, size))
      return fail("external data has the " + key + " " + quoted(value) +
                  ", expected a number of bytes");
    else if (key == "offset")
      data.offset = size;
    else if (key == "length")
      data.length = size;
    return true;
  }
  case 14:
    if (!readInteger(field, number))
      return false;
    data.isExternal = number == 1;
    return number == 0 || number == 1 ||
           fail("data location " + Twine(number) + ", expected 0 or 1");
  default:
    return true;
  }
}

bool MessageReader::checkShape(StoredTensor &tensor) {
  int64_t count = 1;
  for (int64_t extent : tensor.shape) {
    if (extent < 0)
      return fail("shape " + spell(tensor.shape) + " has a negative extent");
    if (__builtin_mul_overflow(count, extent, &count) || count > maxElements)
      return fail("shape " + spell(tensor.shape) + " has more than " +
                  Twine(maxElements) + " elements");
  }
  if (elementBytes(tensor.type) == 0)
    return failUnsupported("elements of " + spell(tensor.type));
  return true;
}

/// The field that holds elements of a type; the standard's table.
static uint32_t fieldOf(ElementType type) {
  switch (type) {
  case ElementType::F32:
    return 4;
  case ElementType::I64:
    return 7;
  case ElementType::F64:
    return 10;
  case ElementType::U32:
  case ElementType::U64:
    return 11;
  default:
    return 5;
  }
}

bool MessageReader::packNumbers(StoredTensor &tensor, const TensorData &data) {
  unsigned width = elementBytes(tensor.type);
  if (data.field && data.field != fieldOf(tensor.type))
    return fail("elements of " + spell(tensor.type) + " in field " +
                Twine(data.field) + ", expected field " +
                Twine(fieldOf(tensor.type)));
  if (int64_t(data.numbers.size()) != tensor.elements())
    return fail(Twine(data.numbers.size()) + " elements, shape " +
                spell(tensor.shape) + " has " + Twine(tensor.elements()));
  std::vector<char> packed(data.numbers.size() * width);
  for (auto [index, number] : llvm::enumerate(data.numbers))
    std::memcpy(packed.data() + index * width, &number, width);
  tensor.own(std::move(packed));
  return true;
}

bool MessageReader::openExternal(StoredTensor &tensor, TensorData &data,
                                 uint64_t size) {
  namespace path = llvm::sys::path;
  namespace fs = llvm::sys::fs;
  StringRef location = data.location;
  bool isInside = !location.empty() && !path::is_absolute(location) &&
                  !location.contains('\0');
  for (auto part = path::begin(location), end = path::end(location);
       isInside && part != end; ++part)
    isInside = *part != ".." && *part != ".";
  if (!isInside)
    return fail("external data at " + quoted(location) +
                ", expected a path inside the model's folder");
  llvm::SmallString<256> folder(path::parent_path(file)), whole, real, base;
  if (folder.empty())
    folder = ".";
  whole = folder;
  path::append(whole, location);
  fs::file_status status;
  if (fs::real_path(whole, real) || fs::real_path(folder, base) ||
      fs::status(real, status))
    return fail("external data at " + quoted(location) + " cannot be found");
  path::append(base, "");
  if (!StringRef(real).starts_with(base))
    return fail("external data at " + quoted(location) +
                " lies outside the model's folder");
  if (!fs::is_regular_file(status))
    return fail("external data at " + quoted(location) + " is no regular file");
  uint64_t length = data.length.value_or(size);
  if (length != size)
    return fail("external data has " + Twine(length) + " bytes, shape " +
                spell(tensor.shape) + " of " + spell(tensor.type) + " has " +
                Twine(size));
  if (data.offset > status.getSize() || size > status.getSize() - data.offset)
    return fail("external data ends at byte " + Twine(data.offset + size) +
                " of " + quoted(location) + ", which has " +
                Twine(status.getSize()));
  // Volatile: bytes are read and not mapped, so that a file that shrinks
  // meanwhile raises no signal.
  auto slice = llvm::MemoryBuffer::getFileSlice(real, size, data.offset,
                                                /*IsVolatile=*/true);
  if (!slice)
    return fail("external data at " + quoted(location) + ": " +
                slice.getError().message());
  StringRef content = (*slice)->getBuffer();
  tensor.own(std::vector<char>(content.begin(), content.end()));
  tensor.file = std::string(real);
  tensor.offset = data.offset;
  return true;
}

bool MessageReader::placeData(StoredTensor &tensor, TensorData &data) {
  uint64_t size = uint64_t(tensor.elements()) * elementBytes(tensor.type);
  if (data.isExternal)
    return (!data.raw && !data.field) ||
                   fail("elements both here and in external data")
               ? openExternal(tensor, data, size)
               : false;
  if (!data.raw)
    return packNumbers(tensor, data);
  if (data.field)
    return fail("elements both raw and in field " + Twine(data.field));
  if (data.raw->size() != size)
    return fail(Twine(data.raw->size()) + " bytes, shape " +
                spell(tensor.shape) + " of " + spell(tensor.type) + " has " +
                Twine(size));
  tensor.data = *data.raw;
  tensor.file = file;
  tensor.offset = uint64_t(data.raw->begin() - bytes.begin());
  return true;
}

bool MessageReader::readTensor(StringRef message, StoredTensor &tensor) {
  TensorData data;
  if (!forEach(message, "tensor", [&](const Field &field) {
        return readTensorField(field, tensor, data);
      }))
    return false;
  std::string before = place;
  place += "tensor " + quoted(tensor.name) + ": ";
  if (!checkShape(tensor) || !placeData(tensor, data))
    return false;
  place = before;
  return true;
}
