// Loads a kernel, makes its tensor maps and launches it.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#include "runtime/drivers/cuda/Kernel.h"

#include <algorithm>

namespace sennit::cuda {

Kernel::~Kernel() {
  if (module)
    device->driver().unloadModule(module);
}

Status Kernel::load(const Device &device, const void *image, Launch launch) {
  this->device = &device;
  description = std::move(launch);
  mapCount = description.countMaps();
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
  // A block without an item costs its launch.
  if (description.items > 0 && description.items < blocks)
    blocks = static_cast<unsigned>(description.items);
  return {};
}

uint64_t Kernel::workspaceBytes() const {
  for (const Parameter &parameter : description.parameters)
    if (parameter.kind == Parameter::Workspace)
      return static_cast<uint64_t>(parameter.argument) * blocks;
  return 0;
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

Status Kernel::checkSlot(int64_t number, size_t count) const {
  if (static_cast<size_t>(number) < count)
    return {};
  return makeError(SENNIT_STATUS_MALFORMED,
                   "kernel `%s` reads argument %lld of %zu", name(),
                   static_cast<long long>(number), count);
}

/// The view that a parameter means: as its line states, or as the caller does.
Status Kernel::findView(const Parameter &parameter, const int64_t *slots,
                        size_t count, const Argument *arguments,
                        View &view) const {
  if (!parameter.isStated) {
    if (arguments)
      view = arguments[parameter.argument];
    if (parameter.kind == Parameter::Extent ? parameter.dimension < view.rank
                                            : parameter.rank == view.rank)
      return {};
    return makeError(SENNIT_STATUS_INVALID_ARGUMENT,
                     "kernel `%s` takes a view of rank %d as argument %lld, "
                     "not %d",
                     name(),
                     parameter.kind == Parameter::Extent
                         ? static_cast<int>(parameter.dimension) + 1
                         : parameter.rank,
                     static_cast<long long>(parameter.argument), view.rank);
  }
  view.address = static_cast<Address>(slots[parameter.argument]);
  view.rank = parameter.rank;
  for (int i = 0; i < parameter.rank; ++i) {
    const StatedExtent &extent = parameter.shape[i];
    uint64_t sum = static_cast<uint64_t>(extent.number);
    for (int term = 0; term < extent.termCount; ++term) {
      SENNIT_RETURN_IF_ERROR(checkSlot(extent.terms[term], count));
      sum += static_cast<uint64_t>(slots[extent.terms[term]]);
    }
    view.shape[i] = static_cast<int64_t>(sum);
    view.strides[i] = parameter.strides[i];
  }
  return {};
}

// The engine counts dimensions from the innermost, and strides in bytes from
// the second one on. It refuses an extent of 0, of which a kernel has no items.
Status Kernel::makeMap(const Parameter &parameter, const View &view,
                       TensorMap &map) const {
  auto argument = static_cast<long long>(parameter.argument);
  if (view.address % 16)
    return makeError(SENNIT_STATUS_INVALID_ARGUMENT,
                     "kernel `%s`: argument %lld lies at 0x%llx, not at a "
                     "multiple of 16 bytes",
                     name(), argument,
                     static_cast<unsigned long long>(view.address));
  uint64_t shape[maxRank], strides[maxRank];
  uint32_t box[maxRank], steps[maxRank];
  for (int i = 0; i < view.rank; ++i) {
    int dimension = view.rank - 1 - i;
    shape[i] =
        static_cast<uint64_t>(std::max<int64_t>(view.shape[dimension], 1));
    strides[i] = static_cast<uint64_t>(view.strides[dimension]) * 2;
    box[i] = parameter.box[dimension];
    steps[i] = 1;
    if (i > 0 && strides[i] % 16)
      return makeError(SENNIT_STATUS_INVALID_ARGUMENT,
                       "kernel `%s`: argument %lld has a stride of %llu bytes "
                       "along dimension %d, not a multiple of 16",
                       name(), argument,
                       static_cast<unsigned long long>(strides[i]), dimension);
  }
  // CUtensorMapDataType FLOAT16 and BFLOAT16; no interleave; swizzle of 128
  // bytes, L2 promotion of 256; zeros outside the view.
  const Driver &driver = device->driver();
  return driver.check(
      driver.encodeTensorMap(&map, parameter.isBfloat ? 9 : 6,
                             static_cast<uint32_t>(view.rank),
                             reinterpret_cast<void *>(view.address), shape,
                             strides + 1, box, steps, 0, 3, 3, 0),
      "making a tensor map for kernel", name());
}

Status Kernel::fill(const int64_t *slots, size_t count,
                    const Argument *arguments, Address workspace,
                    Values &values) const {
  size_t parameters = description.parameters.size();
  SENNIT_RETURN_IF_ERROR(values.pointers.grow(parameters));
  SENNIT_RETURN_IF_ERROR(values.words.grow(parameters));
  SENNIT_RETURN_IF_ERROR(values.maps.grow(mapCount));
  SENNIT_RETURN_IF_ERROR(values.views.grow(mapCount));
  // Another kernel's maps have other boxes.
  if (std::exchange(values.kernel, this) != this)
    for (View &view : values.views)
      view = View();
  size_t map = 0;
  for (size_t i = 0; i < parameters; ++i) {
    const Parameter &parameter = description.parameters[i];
    values.pointers[i] = &values.words[i];
    if (parameter.kind == Parameter::Workspace) {
      values.words[i] = static_cast<int64_t>(workspace);
      continue;
    }
    SENNIT_RETURN_IF_ERROR(checkSlot(parameter.argument, count));
    values.words[i] = slots[parameter.argument];
    if (parameter.kind != Parameter::Map && parameter.kind != Parameter::Extent)
      continue;
    View view;
    SENNIT_RETURN_IF_ERROR(findView(parameter, slots, count, arguments, view));
    if (parameter.kind == Parameter::Extent) {
      values.words[i] = view.shape[parameter.dimension];
      continue;
    }
    values.pointers[i] = &values.maps[map];
    View &made = values.views[map];
    if (view != made) {
      made = View();
      SENNIT_RETURN_IF_ERROR(makeMap(parameter, view, values.maps[map]));
      made = view;
    }
    ++map;
  }
  return {};
}

Status Kernel::fill(const int64_t *slots, size_t count, Address workspace,
                    Values &values) const {
  return fill(slots, count, nullptr, workspace, values);
}

Status Kernel::bind(const Argument *arguments, size_t count) {
  Array<int64_t> slots;
  for (size_t i = 0; i < count; ++i)
    SENNIT_RETURN_IF_ERROR(slots.append(
        arguments[i].rank ? static_cast<int64_t>(arguments[i].address)
                          : arguments[i].scalar));
  return fill(slots.data(), count, arguments, 0, bound);
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

Status Kernel::launch(const Values &values, unsigned blocks) const {
  const Driver &driver = device->driver();
  return driver.check(
      driver.launchKernel(
          function, blocks, 1, 1, static_cast<unsigned>(description.threads), 1,
          1, static_cast<unsigned>(description.sharedBytes), device->stream(),
          const_cast<void **>(values.pointers.data()), nullptr),
      "launch of kernel", name());
}

Status Kernel::launch(const Values &values) const {
  return launch(values, blocks);
}

Status Kernel::launch(unsigned blocks) const { return launch(bound, blocks); }

KernelNode Kernel::describeNode(const Values &values) const {
  KernelNode node;
  node.function = function;
  node.blocks[0] = blocks;
  node.threads[0] = static_cast<unsigned>(description.threads);
  node.sharedBytes = static_cast<unsigned>(description.sharedBytes);
  node.values = const_cast<void **>(values.pointers.data());
  return node;
}

int Kernel::addNode(Handle graph, const Handle *previous, const Values &values,
                    Handle &out_node) const {
  const Driver &driver = device->driver();
  KernelNode node = describeNode(values);
  bool isEarly = previous && description.isEarly && driver.hasEdges();
  int result =
      driver.addKernelNode(&out_node, graph, isEarly ? nullptr : previous,
                           previous && !isEarly, &node);
  if (result != 0 || !isEarly)
    return result;
  GraphEdge edge;
  return driver.addEdges(graph, previous, &out_node, &edge, 1);
}

Status Kernel::setNode(Handle executable, Handle node,
                       const Values &values) const {
  const Driver &driver = device->driver();
  KernelNode changed = describeNode(values);
  return driver.check(driver.setKernelNode(executable, node, &changed),
                      "changing in a graph kernel", name());
}

} // namespace sennit::cuda
