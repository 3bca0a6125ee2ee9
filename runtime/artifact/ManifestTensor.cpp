// Reading of what the manifest says of a tensor.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "runtime/artifact/ManifestTensor.h"

namespace sennit {

/// No honest tensor meets it, and every sum of sizes stays below 2^63.
static constexpr int64_t byteLimit = int64_t(1) << 46;

static Status readElement(const JsonField &field, sennit_element &out_element,
                          int64_t &out_bits) {
  static constexpr struct {
    const char *name;
    sennit_element element;
    int bits;
  } table[] = {
      {"f64", SENNIT_ELEMENT_F64, 64},     {"f32", SENNIT_ELEMENT_F32, 32},
      {"f16", SENNIT_ELEMENT_F16, 16},     {"bf16", SENNIT_ELEMENT_BF16, 16},
      {"i64", SENNIT_ELEMENT_I64, 64},     {"i32", SENNIT_ELEMENT_I32, 32},
      {"i16", SENNIT_ELEMENT_I16, 16},     {"i8", SENNIT_ELEMENT_I8, 8},
      {"u64", SENNIT_ELEMENT_U64, 64},     {"u32", SENNIT_ELEMENT_U32, 32},
      {"u16", SENNIT_ELEMENT_U16, 16},     {"u8", SENNIT_ELEMENT_U8, 8},
      {"bool", SENNIT_ELEMENT_BOOL, 8},    {"i4", SENNIT_ELEMENT_I4, 4},
      {"u4", SENNIT_ELEMENT_U4, 4},        {"f8e4m3", SENNIT_ELEMENT_F8E4M3, 8},
      {"f8e5m2", SENNIT_ELEMENT_F8E5M2, 8}};
  JsonField dtype = field;
  std::string_view name;
  SENNIT_RETURN_IF_ERROR(field.member("dtype", dtype));
  SENNIT_RETURN_IF_ERROR(dtype.readString(name));
  for (const auto &row : table)
    if (name == row.name) {
      out_element = row.element;
      out_bits = row.bits;
      return {};
    }
  return dtype.refuse("unknown", "an element type such as `f32`");
}

Status readTensor(const JsonField &field, ManifestTensor &out_tensor) {
  int64_t bits;
  SENNIT_RETURN_IF_ERROR(readElement(field, out_tensor.element, bits));
  JsonField shape = field;
  SENNIT_RETURN_IF_ERROR(field.member("shape", shape));
  out_tensor.hasTokens = false;
  bool fits = true;
  SENNIT_RETURN_IF_ERROR(shape.forEach(0, 16, [&](const JsonField &element) {
    if (element.kind() == JsonKind::String) {
      std::string_view symbol;
      SENNIT_RETURN_IF_ERROR(element.readString(symbol));
      if (symbol != "tokens" || !out_tensor.shape.isEmpty())
        return element.refuse("unknown",
                              "`tokens` or an integer, and `tokens` first");
      out_tensor.hasTokens = true;
      return out_tensor.shape.append(SENNIT_EXTENT_TOKENS);
    }
    int64_t extent;
    SENNIT_RETURN_IF_ERROR(element.readInteger(0, byteLimit, extent));
    fits = fits && !__builtin_mul_overflow(bits, extent, &bits);
    return out_tensor.shape.append(extent);
  }));
  int64_t bytes = bits / 8 + (bits % 8 != 0);
  if (!fits || bytes > byteLimit)
    return shape.refuse("larger than any memory", "a smaller one");
  out_tensor.bytes = static_cast<uint64_t>(bytes);
  return {};
}

} // namespace sennit
