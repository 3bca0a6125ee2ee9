// A device that runs a module's kernels from memory of its own.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#ifndef SENNIT_RUNTIME_DRIVERS_ACCELERATOR_H
#define SENNIT_RUNTIME_DRIVERS_ACCELERATOR_H

#include "runtime/Memory.h"

#include <string_view>

namespace sennit {

/// The forms of one kernel's code; empty where the artifact has none.
struct KernelCode {
  std::string_view name;
  /// As text, which names the kernel's way of launch, and as machine code.
  std::string_view text, binary;
};

/// The launches of an entry, call after call, so that the device is told at
/// once what a call repeats of the one before. Used by one thread at a time.
class LaunchSequence {
public:
  virtual ~LaunchSequence() = default;

  /// Begins a call. A call that did not finish is forgotten, with what it had
  /// not started.
  virtual void begin() = 0;
  /// Asks for kernel |number| on |count| slots, as sennit/abi.h describes them,
  /// and copies these. The kernel starts now or when the call finishes.
  virtual Status launch(int64_t number, const int64_t *slots,
                        int64_t count) = 0;
  /// Starts all that was asked for. |out_nanoseconds|, unless null, is the time
  /// that the device took, for which this waits; unchanged where the launches
  /// did not start together.
  virtual Status finish(uint64_t *out_nanoseconds) = 0;
};

/// One device, opened for one module. What is asked of it is done in order;
/// copies to and from the host wait for what came before.
class Accelerator {
public:
  virtual ~Accelerator() = default;

  /// Its name, as its driver gives it.
  virtual const char *name() const = 0;
  /// Makes the device the calling thread's.
  virtual Status enter() = 0;

  /// |bytes| zeros; |what| names them in an error.
  virtual Status allocate(uint64_t bytes, const char *what,
                          uint8_t *&out_address) = 0;
  virtual void release(uint8_t *address) = 0;
  virtual Status clear(uint8_t *address, uint64_t bytes) = 0;
  virtual Status copyIn(uint8_t *target, const void *source,
                        uint64_t bytes) = 0;
  virtual Status copyOut(void *target, const uint8_t *source,
                         uint64_t bytes) = 0;
  virtual Status copy(uint8_t *target, const uint8_t *source,
                      uint64_t bytes) = 0;

  /// Loads the next kernel; the first is number 0.
  virtual Status addKernel(const KernelCode &code) = 0;
  /// Makes a sequence of launches of the kernels, which ends before the device.
  virtual Status createSequence(Owned<LaunchSequence> &out_sequence) = 0;
  /// Runs kernel |number| by itself, and waits: the time that the device took.
  virtual Status time(int64_t number, const int64_t *slots, int64_t count,
                      uint64_t &out_nanoseconds) = 0;
  /// Waits for all that was asked.
  virtual Status finish() = 0;
};

/// Opens the device that runs the code of machine |name| at |isa|; null, and
/// OK, where this processor runs it itself. UNSUPPORTED where there is no such
/// device or driver.
Status openAccelerator(std::string_view name, std::string_view isa,
                       Accelerator *&out_accelerator);

} // namespace sennit

#endif // SENNIT_RUNTIME_DRIVERS_ACCELERATOR_H
