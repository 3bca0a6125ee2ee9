// Loads a kernel, makes its tensor maps and launches it.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#include "runtime/drivers/cuda/Kernel.h"

#include <cstring>

namespace sennit::cuda {

//===----------------------------------------------------------------------===//
// The description
//===----------------------------------------------------------------------===//

static Status readParameter(const JsonField &field, Parameter &parameter) {
  JsonField scalar(field), extent(field), box(field), slot(field),
      workspace(field);
  bool isScalar = false, isExtent = false, isSlot = false, isWorkspace = false;
  SENNIT_RETURN_IF_ERROR(field.optionalMember("slot", slot, isSlot));
  parameter.kind = Parameter::Slot;
  if (isSlot)
    return slot.readInteger(0, 4095, parameter.argument);
  SENNIT_RETURN_IF_ERROR(
      field.optionalMember("workspace", workspace, isWorkspace));
  parameter.kind = Parameter::Workspace;
  if (isWorkspace)
    return workspace.readInteger(0, int64_t(1) << 40, parameter.argument);
  parameter.kind = Parameter::Scalar;
  SENNIT_RETURN_IF_ERROR(field.optionalMember("scalar", scalar, isScalar));
  if (isScalar)
    return scalar.readInteger(0, 4095, parameter.argument);
  SENNIT_RETURN_IF_ERROR(
      field.readInteger("view", 0, 4095, parameter.argument));
  SENNIT_RETURN_IF_ERROR(field.optionalMember("extent", extent, isExtent));
  parameter.kind = isExtent ? Parameter::Extent : Parameter::Map;
  if (isExtent)
    return extent.readInteger(0, maxRank - 1, parameter.dimension);
  std::string_view element;
  SENNIT_RETURN_IF_ERROR(
      field.readInteger("view", 0, 4095, parameter.argument));
  SENNIT_RETURN_IF_ERROR(field.readString("element", element));
  parameter.isBfloat = element == "bf16";
  if (!parameter.isBfloat && element != "f16")
    return field.refuse("of another element", "bf16 or f16");
  SENNIT_RETURN_IF_ERROR(field.member("box", box));
  return box.forEach(1, maxRank, [&](const JsonField &extent) -> Status {
    int64_t value = 0;
    SENNIT_RETURN_IF_ERROR(extent.readInteger(1, 256, value));
    parameter.box[parameter.rank++] = static_cast<uint32_t>(value);
    return {};
  });
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
  SENNIT_RETURN_IF_ERROR(root.member("parameters", list));
  return list.forEach(0, maxParameters, [&](const JsonField &field) -> Status {
    Parameter parameter;
    SENNIT_RETURN_IF_ERROR(readParameter(field, parameter));
    return parameters.append(parameter);
  });
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

Kernel::~Kernel() {
  if (module)
    device->driver().unloadModule(module);
}

Status Kernel::load(const Device &device, const void *image, Launch launch) {
  this->device = &device;
  description = std::move(launch);
  const Driver &driver = device.driver();
  // CUjit_option: the assembler's complaint, and its size.
  int options[] = {5, 6};
  char complaint[1024] = "";
  void *values[] = {complaint, reinterpret_cast<void *>(sizeof(complaint))};
  int result = driver.loadModule(&module, image, 2, options, values);
  if (result != 0) {
    module = nullptr;
    Status status = driver.check(result, "loading kernel", name());
    return *complaint
               ? makeError(status.code(), "%s: %s", status.message(), complaint)
               : std::move(status);
  }
  SENNIT_RETURN_IF_ERROR(driver.check(
      driver.getFunction(&function, module, name()), "finding kernel", name()));
  // CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES.
  SENNIT_RETURN_IF_ERROR(
      driver.check(driver.setFunctionAttribute(
                       function, 8, static_cast<int>(description.sharedBytes)),
                   "reserving shared memory of kernel", name()));
  int each = 0;
  SENNIT_RETURN_IF_ERROR(driver.check(
      driver.countBlocks(&each, function, static_cast<int>(description.threads),
                         static_cast<size_t>(description.sharedBytes)),
      "counting blocks of kernel", name()));
  if (each < 1)
    return makeError(SENNIT_STATUS_UNSUPPORTED,
                     "kernel `%s` needs %lld threads and %lld bytes of shared "
                     "memory a block, which `%s` does not have",
                     name(), static_cast<long long>(description.threads),
                     static_cast<long long>(description.sharedBytes),
                     device.name());
  blocks = static_cast<unsigned>(each * device.processors());
  return {};
}

uint64_t Kernel::workspaceBytes() const {
  for (const Parameter &parameter : description.parameters)
    if (parameter.kind == Parameter::Workspace)
      return static_cast<uint64_t>(parameter.argument) * blocks;
  return 0;
}

Status Kernel::launchOn(const int64_t *slots, size_t count,
                        Address workspace) const {
  void *values[maxParameters];
  size_t filled = 0;
  for (const Parameter &parameter : description.parameters) {
    bool isSlot = parameter.kind == Parameter::Slot &&
                  static_cast<size_t>(parameter.argument) < count;
    if (!isSlot && parameter.kind != Parameter::Workspace)
      return makeError(SENNIT_STATUS_MALFORMED,
                       "parameter %zu of kernel `%s` is none of its %zu slots",
                       filled, name(), count);
    values[filled++] = isSlot
                           ? const_cast<int64_t *>(slots + parameter.argument)
                           : static_cast<void *>(&workspace);
  }
  const Driver &driver = device->driver();
  return driver.check(
      driver.launchKernel(function, blocks, 1, 1,
                          static_cast<unsigned>(description.threads), 1, 1,
                          static_cast<unsigned>(description.sharedBytes),
                          device->stream(), values, nullptr),
      "launch of kernel", name());
}

// The engine counts dimensions from the innermost, and strides in bytes from
// the second one on.
Status Kernel::bindView(const Parameter &parameter, const Argument &view) {
  int rank = parameter.rank;
  if (view.rank != rank)
    return makeError(SENNIT_STATUS_INVALID_ARGUMENT,
                     "kernel `%s` takes a view of rank %d as argument %lld, "
                     "not %d",
                     name(), rank, static_cast<long long>(parameter.argument),
                     view.rank);
  uint64_t shape[maxRank], strides[maxRank];
  uint32_t box[maxRank], steps[maxRank];
  for (int i = 0; i < rank; ++i) {
    int dimension = rank - 1 - i;
    shape[i] = static_cast<uint64_t>(view.shape[dimension]);
    strides[i] = static_cast<uint64_t>(view.strides[dimension]) * 2;
    box[i] = parameter.box[dimension];
    steps[i] = 1;
    if (i > 0 && strides[i] % 16)
      return makeError(SENNIT_STATUS_INVALID_ARGUMENT,
                       "kernel `%s`: argument %lld has a stride of %llu bytes "
                       "along dimension %d, not a multiple of 16",
                       name(), static_cast<long long>(parameter.argument),
                       static_cast<unsigned long long>(strides[i]), dimension);
  }
  if (mapCount == maxMaps)
    return makeError(SENNIT_STATUS_UNSUPPORTED,
                     "kernel `%s` takes more than %d tensor maps", name(),
                     maxMaps);
  // CUtensorMapDataType FLOAT16 and BFLOAT16; no interleave; swizzle of 128
  // bytes, L2 promotion of 256; zeros outside the view.
  const Driver &driver = device->driver();
  return driver.check(
      driver.encodeTensorMap(&maps[mapCount++], parameter.isBfloat ? 9 : 6,
                             static_cast<uint32_t>(rank),
                             reinterpret_cast<void *>(view.address), shape,
                             strides + 1, box, steps, 0, 3, 3, 0),
      "making a tensor map for kernel", name());
}

Status Kernel::bind(const Argument *arguments, size_t count) {
  mapCount = 0;
  scalars = Array<int32_t>();
  slots = Array<void *>();
  for (const Parameter &parameter : description.parameters) {
    if (static_cast<size_t>(parameter.argument) >= count)
      return makeError(SENNIT_STATUS_INVALID_ARGUMENT,
                       "kernel `%s` reads argument %lld of %zu", name(),
                       static_cast<long long>(parameter.argument), count);
    const Argument &argument = arguments[parameter.argument];
    if (parameter.kind == Parameter::Map)
      SENNIT_RETURN_IF_ERROR(bindView(parameter, argument));
    else
      SENNIT_RETURN_IF_ERROR(scalars.append(
          static_cast<int32_t>(parameter.kind == Parameter::Extent
                                   ? argument.shape[parameter.dimension]
                                   : argument.scalar)));
  }
  // Addresses of scalars hold once their array has grown.
  size_t map = 0, scalar = 0;
  for (const Parameter &parameter : description.parameters)
    SENNIT_RETURN_IF_ERROR(slots.append(parameter.kind == Parameter::Map
                                            ? static_cast<void *>(&maps[map++])
                                            : &scalars[scalar++]));
  return {};
}

Status Kernel::launch(unsigned blocks) const {
  const Driver &driver = device->driver();
  return driver.check(
      driver.launchKernel(
          function, blocks, 1, 1, static_cast<unsigned>(description.threads), 1,
          1, static_cast<unsigned>(description.sharedBytes), device->stream(),
          const_cast<void **>(slots.data()), nullptr),
      "launch of kernel", name());
}

} // namespace sennit::cuda
