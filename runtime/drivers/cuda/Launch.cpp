// Reads the line that says how a kernel is launched.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "runtime/drivers/cuda/Launch.h"

#include <cstring>

namespace sennit::cuda {

/// Arguments of a program, and elements of memory, are fewer.
constexpr int64_t lastArgument = 4095, mostElements = int64_t(1) << 40;

static Status readExtent(const JsonField &field, StatedExtent &extent) {
  if (field.kind() == JsonKind::Integer)
    return field.readInteger(0, mostElements, extent.number);
  JsonField terms(field);
  SENNIT_RETURN_IF_ERROR(field.member("scalars", terms));
  return terms.forEach(1, maxTerms, [&](const JsonField &term) {
    return term.readInteger(0, lastArgument, extent.terms[extent.termCount++]);
  });
}

/// Where the line says how the view lies in memory, reads that.
static Status readShape(const JsonField &field, Parameter &parameter) {
  JsonField shape(field), strides(field);
  SENNIT_RETURN_IF_ERROR(
      field.optionalMember("shape", shape, parameter.isStated));
  if (!parameter.isStated)
    return {};
  uint32_t rank = static_cast<uint32_t>(parameter.rank);
  int dimension = 0;
  SENNIT_RETURN_IF_ERROR(
      shape.forEach(rank, rank, [&](const JsonField &extent) {
        return readExtent(extent, parameter.shape[dimension++]);
      }));
  SENNIT_RETURN_IF_ERROR(field.member("strides", strides));
  dimension = 0;
  return strides.forEach(rank, rank, [&](const JsonField &stride) {
    // The engine reads neighbours along the last dimension.
    int64_t most = dimension + 1 == parameter.rank ? 1 : mostElements;
    return stride.readInteger(1, most, parameter.strides[dimension++]);
  });
}

static Status readMap(const JsonField &field, Parameter &parameter) {
  std::string_view element;
  SENNIT_RETURN_IF_ERROR(field.readString("element", element));
  parameter.isBfloat = element == "bf16";
  if (!parameter.isBfloat && element != "f16")
    return field.refuse("of another element", "bf16 or f16");
  JsonField box(field);
  SENNIT_RETURN_IF_ERROR(field.member("box", box));
  SENNIT_RETURN_IF_ERROR(
      box.forEach(1, maxRank, [&](const JsonField &extent) -> Status {
        int64_t value = 0;
        SENNIT_RETURN_IF_ERROR(extent.readInteger(1, 256, value));
        parameter.box[parameter.rank++] = static_cast<uint32_t>(value);
        return {};
      }));
  return readShape(field, parameter);
}

static Status readParameter(const JsonField &field, Parameter &parameter) {
  JsonField found(field);
  bool isFound = false;
  SENNIT_RETURN_IF_ERROR(field.optionalMember("slot", found, isFound));
  parameter.kind = Parameter::Slot;
  if (isFound)
    return found.readInteger(0, lastArgument, parameter.argument);
  SENNIT_RETURN_IF_ERROR(field.optionalMember("workspace", found, isFound));
  parameter.kind = Parameter::Workspace;
  if (isFound)
    return found.readInteger(0, mostElements, parameter.argument);
  SENNIT_RETURN_IF_ERROR(field.optionalMember("scalar", found, isFound));
  parameter.kind = Parameter::Scalar;
  if (isFound)
    return found.readInteger(0, lastArgument, parameter.argument);
  SENNIT_RETURN_IF_ERROR(
      field.readInteger("view", 0, lastArgument, parameter.argument));
  SENNIT_RETURN_IF_ERROR(field.optionalMember("extent", found, isFound));
  parameter.kind = isFound ? Parameter::Extent : Parameter::Map;
  return isFound ? found.readInteger(0, maxRank - 1, parameter.dimension)
                 : readMap(field, parameter);
}

Status Launch::read(std::string_view ptx) {
  constexpr std::string_view mark = "// sennit: ";
  size_t start = ptx.find(mark);
  if (start == ptx.npos)
    return makeError(SENNIT_STATUS_MALFORMED,
                     "PTX has no line `// sennit: {..}` that says how to "
                     "launch its kernel");
  std::string_view line = ptx.substr(start + mark.size());
  line = line.substr(0, line.find('\n'));
  Array<char> text;
  SENNIT_RETURN_IF_ERROR(text.grow(line.size() + 1));
  memcpy(text.data(), line.data(), line.size());
  JsonDocument document;
  SENNIT_RETURN_IF_ERROR(document.parse(text.data(), line.size()));
  JsonField root(document), list(document);
  std::string_view name;
  SENNIT_RETURN_IF_ERROR(root.readString("kernel", name));
  if (name.size() >= sizeof(kernel))
    return makeError(SENNIT_STATUS_MALFORMED,
                     "kernel has a name of %zu bytes, at most %zu fit",
                     name.size(), sizeof(kernel) - 1);
  memcpy(kernel, name.data(), name.size());
  kernel[name.size()] = 0;
  SENNIT_RETURN_IF_ERROR(root.readInteger("threads", 1, 1024, threads));
  SENNIT_RETURN_IF_ERROR(root.readInteger("shared", 0, 1 << 20, sharedBytes));
  JsonField count(document), early(document);
  bool isCounted = false;
  SENNIT_RETURN_IF_ERROR(root.optionalMember("items", count, isCounted));
  if (isCounted)
    SENNIT_RETURN_IF_ERROR(count.readInteger(0, mostElements, items));
  SENNIT_RETURN_IF_ERROR(root.optionalMember("early", early, isEarly));
  SENNIT_RETURN_IF_ERROR(root.member("parameters", list));
  return list.forEach(0, maxParameters, [&](const JsonField &field) -> Status {
    Parameter parameter;
    SENNIT_RETURN_IF_ERROR(readParameter(field, parameter));
    return parameters.append(parameter);
  });
}

size_t Launch::countMaps() const {
  size_t count = 0;
  for (const Parameter &parameter : parameters)
    count += parameter.kind == Parameter::Map;
  return count;
}

} // namespace sennit::cuda
