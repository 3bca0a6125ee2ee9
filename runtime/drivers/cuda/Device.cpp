// Opens a GPU, and owns its memory and events.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#include "runtime/drivers/cuda/Device.h"

namespace sennit::cuda {

// CUdevice_attribute.
constexpr int multiprocessorCount = 16, capabilityMajor = 75,
              capabilityMinor = 76;

Status Device::open(const Driver &driver, int ordinal) {
  functions = &driver;
  int count = 0, major = 0, minor = 0;
  SENNIT_RETURN_IF_ERROR(
      driver.check(driver.getDeviceCount(&count), "counting CUDA devices"));
  if (ordinal < 0 || ordinal >= count)
    return makeError(SENNIT_STATUS_UNSUPPORTED,
                     "no CUDA device %d, the driver has %d", ordinal, count);
  int found = 0;
  SENNIT_RETURN_IF_ERROR(
      driver.check(driver.getDevice(&found, ordinal), "opening a CUDA device"));
  SENNIT_RETURN_IF_ERROR(driver.check(driver.retainContext(&context, found),
                                      "making a CUDA context"));
  device = found;
  SENNIT_RETURN_IF_ERROR(enter());
  driver.getDeviceName(deviceName, sizeof(deviceName), device);
  driver.getDeviceAttribute(&processorCount, multiprocessorCount, device);
  driver.getDeviceAttribute(&major, capabilityMajor, device);
  driver.getDeviceAttribute(&minor, capabilityMinor, device);
  computeCapability = 10 * major + minor;
  constexpr unsigned nonBlocking = 1;
  return driver.check(driver.createStream(&streamHandle, nonBlocking),
                      "making a CUDA stream");
}

Status Device::enter() const {
  // A device that was not opened holds nothing that must be entered for.
  if (!context)
    return {};
  return functions->check(functions->setContext(context),
                          "entering a CUDA context");
}

Device::~Device() {
  if (streamHandle)
    functions->destroyStream(streamHandle);
  if (device >= 0)
    functions->releaseContext(device);
}

Status Device::synchronize(const char *kernel) const {
  return functions->check(functions->synchronizeStream(streamHandle),
                          kernel ? "running kernel" : "waiting for the device",
                          kernel);
}

Status DeviceMemory::allocate(const Device &device, uint64_t bytes) {
  const Driver &driver = device.driver();
  if (driver.allocate(&start, bytes) != 0) {
    start = 0;
    return makeOutOfMemory("a buffer on the device", bytes);
  }
  this->device = &device;
  byteCount = bytes;
  return {};
}

DeviceMemory::~DeviceMemory() {
  if (start)
    device->driver().release(start);
}

Status DeviceMemory::write(const void *source) {
  const Driver &driver = device->driver();
  SENNIT_RETURN_IF_ERROR(driver.check(
      driver.copyToDevice(start, source, byteCount, device->stream()),
      "copying to the device"));
  return device->synchronize();
}

Status DeviceMemory::read(void *target) const {
  const Driver &driver = device->driver();
  SENNIT_RETURN_IF_ERROR(driver.check(
      driver.copyToHost(target, start, byteCount, device->stream()),
      "copying from the device"));
  return device->synchronize();
}

Status DeviceMemory::fill(unsigned char value) {
  const Driver &driver = device->driver();
  return driver.check(
      driver.fillBytes(start, value, byteCount, device->stream()),
      "filling memory of the device");
}

Status Stopwatch::create(const Device &device) {
  this->device = &device;
  const Driver &driver = device.driver();
  for (Handle &event : events)
    SENNIT_RETURN_IF_ERROR(
        driver.check(driver.createEvent(&event, 0), "making a CUDA event"));
  return {};
}

Stopwatch::~Stopwatch() {
  for (Handle event : events)
    if (event)
      device->driver().destroyEvent(event);
}

Status Stopwatch::start() {
  const Driver &driver = device->driver();
  return driver.check(driver.recordEvent(events[0], device->stream()),
                      "recording a CUDA event");
}

Status Stopwatch::stop() {
  const Driver &driver = device->driver();
  return driver.check(driver.recordEvent(events[1], device->stream()),
                      "recording a CUDA event");
}

Status Stopwatch::read(const char *kernel, float &out_milliseconds) {
  const Driver &driver = device->driver();
  SENNIT_RETURN_IF_ERROR(driver.check(driver.synchronizeEvent(events[1]),
                                      "running kernel", kernel));
  return driver.check(
      driver.getElapsedTime(&out_milliseconds, events[0], events[1]),
      "reading a CUDA event");
}

Status Gate::close(const Device &device) {
  const Driver &driver = device.driver();
  SENNIT_RETURN_IF_ERROR(work.allocate(device, 1 << 20));
  SENNIT_RETURN_IF_ERROR(work.fill(0));
  void *memory = nullptr;
  SENNIT_RETURN_IF_ERROR(
      driver.check(driver.allocateHost(&memory, sizeof(*isOpen)),
                   "reserving memory that the device reads"));
  this->device = &device;
  isOpen = static_cast<uint32_t *>(memory);
  *isOpen = 0;
  // CU_STREAM_WAIT_VALUE_EQ.
  SENNIT_RETURN_IF_ERROR(
      driver.check(driver.waitForValue(device.stream(),
                                       reinterpret_cast<Address>(memory), 1, 1),
                   "holding back a CUDA stream"));
  // The device fetches what is measured while it does this.
  for (int i = 0; i < 4; ++i)
    SENNIT_RETURN_IF_ERROR(work.fill(0));
  return {};
}

void Gate::open() { *isOpen = 1; }

Gate::~Gate() {
  if (!isOpen)
    return;
  open();
  (void)device->synchronize();
  device->driver().releaseHost(const_cast<uint32_t *>(isOpen));
}

} // namespace sennit::cuda
