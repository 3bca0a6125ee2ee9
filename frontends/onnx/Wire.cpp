// Reads the fields of one protobuf message.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/onnx/Wire.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/Endian.h"

using namespace sennit::onnx;

float Field::single() const {
  return llvm::bit_cast<float>(static_cast<uint32_t>(scalar));
}

bool WireReader::fail(const std::string &what) {
  message = "byte " + std::to_string(rest.begin() - start) + ": " + what;
  return false;
}

bool WireReader::readVarint(uint64_t &value) {
  value = 0;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    if (rest.empty())
      return fail("a number is cut short");
    uint8_t byte = static_cast<uint8_t>(rest.front());
    if (shift == 63 && byte > 1)
      return fail("a number has more than 64 bits");
    rest = rest.drop_front();
    value |= uint64_t(byte & 0x7f) << shift;
    if (byte < 0x80)
      return true;
  }
  return fail("a number has more than 10 bytes");
}

bool WireReader::readFixed(unsigned bytes, uint64_t &value) {
  if (rest.size() < bytes)
    return fail("a number of " + std::to_string(bytes) + " bytes is cut short");
  value = bytes == 8 ? llvm::support::endian::read64le(rest.data())
                     : llvm::support::endian::read32le(rest.data());
  rest = rest.drop_front(bytes);
  return true;
}

bool WireReader::next(Field &field) {
  if (rest.empty() || !message.empty())
    return false;
  uint64_t tag, length;
  if (!readVarint(tag))
    return false;
  field = Field();
  field.number = static_cast<uint32_t>(tag >> 3);
  if (tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
    return fail("field number " + std::to_string(tag >> 3) +
                " is none that protobuf has");
  switch (tag & 7) {
  case 0:
    return readVarint(field.scalar);
  case 1:
    field.kind = WireKind::Fixed64;
    return readFixed(8, field.scalar);
  case 2:
    field.kind = WireKind::Bytes;
    if (!readVarint(length))
      return false;
    if (length > rest.size())
      return fail("field " + std::to_string(field.number) + " claims " +
                  std::to_string(length) + " bytes, " +
                  std::to_string(rest.size()) + " are left");
    field.bytes = rest.take_front(length);
    rest = rest.drop_front(length);
    return true;
  case 5:
    field.kind = WireKind::Fixed32;
    return readFixed(4, field.scalar);
  default:
    return fail("wire type " + std::to_string(tag & 7) + " of field " +
                std::to_string(field.number) + " is none that ONNX uses");
  }
}

bool sennit::onnx::appendNumbers(const Field &field, WireKind kind,
                                 llvm::SmallVectorImpl<uint64_t> &values,
                                 std::string &error) {
  if (field.kind == kind) {
    values.push_back(field.scalar);
    return true;
  }
  if (field.kind != WireKind::Bytes) {
    error = "field " + std::to_string(field.number) + " has another wire type";
    return false;
  }
  llvm::StringRef rest = field.bytes;
  if (kind != WireKind::Varint) {
    unsigned bytes = kind == WireKind::Fixed64 ? 8 : 4;
    if (rest.size() % bytes != 0) {
      error = "field " + std::to_string(field.number) + " packs " +
              std::to_string(rest.size()) + " bytes, no multiple of " +
              std::to_string(bytes);
      return false;
    }
    for (; !rest.empty(); rest = rest.drop_front(bytes))
      values.push_back(bytes == 8
                           ? llvm::support::endian::read64le(rest.data())
                           : llvm::support::endian::read32le(rest.data()));
    return true;
  }
  while (!rest.empty()) {
    uint64_t value = 0;
    unsigned shift = 0;
    for (bool more = true; more; shift += 7) {
      if (rest.empty() || shift > 63) {
        error = "field " + std::to_string(field.number) +
                " packs a number that is cut short or too long";
        return false;
      }
      uint8_t byte = static_cast<uint8_t>(rest.front());
      rest = rest.drop_front();
      value |= uint64_t(byte & 0x7f) << shift;
      more = byte >= 0x80;
    }
    values.push_back(value);
  }
  return true;
}
