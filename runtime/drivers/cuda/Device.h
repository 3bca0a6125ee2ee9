// One GPU: its context, memory, a stream, and the time between two events.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#ifndef SENNIT_RUNTIME_DRIVERS_CUDA_DEVICE_H
#define SENNIT_RUNTIME_DRIVERS_CUDA_DEVICE_H

#include "runtime/drivers/cuda/Driver.h"

#include <utility>

namespace sennit::cuda {

/// A device's primary context, current on the thread that opened it, and a
/// stream in it. The driver must outlive the device, the device its memory and
/// modules.
class Device {
public:
  Device() = default;
  Device(const Device &) = delete;
  Device &operator=(const Device &) = delete;
  ~Device();

  /// UNSUPPORTED where the driver has no device number |ordinal|.
  Status open(const Driver &driver, int ordinal);

  /// Makes the device's context the calling thread's.
  Status enter() const;

  const Driver &driver() const { return *functions; }
  Handle stream() const { return streamHandle; }
  /// Multiprocessors, and the compute capability as 10 major + minor.
  int processors() const { return processorCount; }
  int capability() const { return computeCapability; }
  const char *name() const { return deviceName; }
  /// Waits for all that the stream was given; |kernel| names what ran in an
  /// error.
  Status synchronize(const char *kernel = nullptr) const;

private:
  const Driver *functions = nullptr;
  Handle context = nullptr, streamHandle = nullptr;
  int device = -1;
  int processorCount = 0, computeCapability = 0;
  char deviceName[128] = "";
};

/// Memory on a device. What is asked of it is done in the order of the stream.
class DeviceMemory {
public:
  DeviceMemory() = default;
  DeviceMemory(DeviceMemory &&other) noexcept
      : device(std::exchange(other.device, nullptr)),
        start(std::exchange(other.start, 0)),
        byteCount(std::exchange(other.byteCount, 0)) {}
  DeviceMemory &operator=(DeviceMemory &&) = delete;
  ~DeviceMemory();

  Status allocate(const Device &device, uint64_t bytes);
  /// Copies all bytes, and waits for the stream.
  Status write(const void *source);
  Status read(void *target) const;
  Status fill(unsigned char value);

  Address address() const { return start; }
  uint64_t bytes() const { return byteCount; }

private:
  const Device *device = nullptr;
  Address start = 0;
  uint64_t byteCount = 0;
};

/// The time between two points of a device's stream.
class Stopwatch {
public:
  Stopwatch() = default;
  Stopwatch(const Stopwatch &) = delete;
  Stopwatch &operator=(const Stopwatch &) = delete;
  ~Stopwatch();

  Status create(const Device &device);
  Status start();
  Status stop();
  /// Waits for the stop; |kernel| names what ran in an error.
  Status read(const char *kernel, float &out_milliseconds);

private:
  const Device *device = nullptr;
  Handle events[2] = {nullptr, nullptr};
};

/// Holds back the stream, so that the way of what is launched meanwhile to the
/// device is not in its time; once open, lets the device do a few microseconds
/// of work, as it finds itself in the middle of a program. Nothing may be
/// loaded behind a closed gate: the driver may wait for the stream to do that.
class Gate {
public:
  Gate() = default;
  Gate(const Gate &) = delete;
  Gate &operator=(const Gate &) = delete;
  /// Opens it and waits for the stream.
  ~Gate();

  Status close(const Device &device);
  void open();

private:
  const Device *device = nullptr;
  /// In the host's memory: not zero when the gate is open.
  volatile uint32_t *isOpen = nullptr;
  /// Filled between the gate and what is behind it.
  DeviceMemory work;
};

} // namespace sennit::cuda

#endif // SENNIT_RUNTIME_DRIVERS_CUDA_DEVICE_H
