// A GPU as the device of a module: its memory, copies, kernels by number.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#include "runtime/drivers/cuda/CudaAccelerator.h"

#include "runtime/drivers/cuda/Sequence.h"

#include <algorithm>

namespace sennit::cuda {

static Address addressOf(const uint8_t *pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

/// The capability that `sm_90a` asks for, 10 major + minor; whether it runs on
/// no other.
static int readLevel(std::string_view isa, bool &isExact) {
  int level = 0;
  isExact = isa.ends_with('a');
  for (char c : isa)
    if (c >= '0' && c <= '9')
      level = level * 10 + (c - '0');
  return level;
}

Status CudaAccelerator::open(std::string_view isa, const char *library) {
  SENNIT_RETURN_IF_ERROR(driver.load(library));
  SENNIT_RETURN_IF_ERROR(device.open(driver, 0));
  bool isExact = false;
  int wanted = readLevel(isa, isExact), found = device.capability();
  if (isExact ? found != wanted : found < wanted)
    return makeError(SENNIT_STATUS_UNSUPPORTED,
                     "the module is compiled for `%.*s`, `%s` has compute "
                     "capability %d.%d; compile it for that with `--target`",
                     SENNIT_VIEW(isa), device.name(), found / 10, found % 10);
  return {};
}

CudaAccelerator::~CudaAccelerator() {
  (void)enter();
  for (Kernel *kernel : kernels)
    destroyObject(kernel);
  if (workspace)
    release(workspace);
}

Status CudaAccelerator::allocate(uint64_t bytes, const char *what,
                                 uint8_t *&out_address) {
  Address address = 0;
  // An empty range has an address too.
  bytes = std::max<uint64_t>(bytes, 1);
  if (driver.allocate(&address, bytes) != 0)
    return makeOutOfMemory(what, bytes);
  out_address = reinterpret_cast<uint8_t *>(address);
  return clear(out_address, bytes);
}

void CudaAccelerator::release(uint8_t *address) {
  (void)enter();
  driver.release(addressOf(address));
}

Status CudaAccelerator::clear(uint8_t *address, uint64_t bytes) {
  return driver.check(
      driver.fillBytes(addressOf(address), 0, bytes, device.stream()),
      "clearing memory of the device");
}

Status CudaAccelerator::copyIn(uint8_t *target, const void *source,
                               uint64_t bytes) {
  return driver.check(
      driver.copyToDevice(addressOf(target), source, bytes, device.stream()),
      "copying to the device");
}

Status CudaAccelerator::copyOut(void *target, const uint8_t *source,
                                uint64_t bytes) {
  SENNIT_RETURN_IF_ERROR(driver.check(
      driver.copyToHost(target, addressOf(source), bytes, device.stream()),
      "copying from the device"));
  return finish();
}

Status CudaAccelerator::copy(uint8_t *target, const uint8_t *source,
                             uint64_t bytes) {
  return driver.check(driver.copyOnDevice(addressOf(target), addressOf(source),
                                          bytes, device.stream()),
                      "copying on the device");
}

Status CudaAccelerator::growWorkspace(uint64_t bytes) {
  if (bytes <= workspaceBytes)
    return {};
  if (workspace)
    release(workspace);
  workspace = nullptr;
  workspaceBytes = 0;
  SENNIT_RETURN_IF_ERROR(allocate(bytes, "the kernels' workspace", workspace));
  workspaceBytes = bytes;
  return {};
}

Status CudaAccelerator::addKernel(const KernelCode &code) {
  Launch launch;
  SENNIT_RETURN_IF_ERROR(launch.read(code.text));
  auto *kernel = createObject<Kernel>();
  if (!kernel)
    return makeOutOfMemory("a kernel", sizeof(*kernel));
  SENNIT_RETURN_IF_ERROR(kernels.append(kernel));
  // The driver reads text up to a zero.
  Array<char> text;
  const void *image = code.binary.data();
  if (code.binary.empty()) {
    SENNIT_RETURN_IF_ERROR(text.grow(code.text.size() + 1));
    std::copy(code.text.begin(), code.text.end(), text.begin());
    image = text.data();
  }
  SENNIT_RETURN_IF_ERROR(kernel->load(device, image, std::move(launch)));
  return growWorkspace(kernel->workspaceBytes());
}

Status CudaAccelerator::findKernel(int64_t number,
                                   const Kernel *&out_kernel) const {
  if (number < 0 || static_cast<size_t>(number) >= kernels.size())
    return makeError(SENNIT_STATUS_INTERNAL,
                     "kernel %lld is launched, the module has %zu",
                     static_cast<long long>(number), kernels.size());
  out_kernel = kernels[static_cast<size_t>(number)];
  return {};
}

Address CudaAccelerator::workspaceAddress() const {
  return addressOf(workspace);
}

Status CudaAccelerator::createSequence(Owned<LaunchSequence> &out_sequence) {
  auto *sequence = createObject<Sequence>();
  if (!sequence)
    return makeOutOfMemory("a sequence of launches", sizeof(*sequence));
  out_sequence.reset(sequence);
  sequence->create(*this);
  return {};
}

Status CudaAccelerator::time(int64_t number, const int64_t *slots,
                             int64_t count, uint64_t &out_nanoseconds) {
  const Kernel *kernel = nullptr;
  SENNIT_RETURN_IF_ERROR(findKernel(number, kernel));
  Values values;
  SENNIT_RETURN_IF_ERROR(kernel->fill(slots, static_cast<size_t>(count),
                                      workspaceAddress(), values));
  // Made anew each time: several contexts may measure at once.
  Stopwatch watch;
  SENNIT_RETURN_IF_ERROR(watch.create(device));
  SENNIT_RETURN_IF_ERROR(watch.start());
  SENNIT_RETURN_IF_ERROR(kernel->launch(values));
  float milliseconds = 0;
  SENNIT_RETURN_IF_ERROR(watch.stop());
  SENNIT_RETURN_IF_ERROR(watch.read(kernel->name(), milliseconds));
  out_nanoseconds = static_cast<uint64_t>(double(milliseconds) * 1e6);
  return {};
}

} // namespace sennit::cuda
