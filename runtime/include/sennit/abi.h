/* The contract between generated code and the runtime: all that the two share.
 * Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
 *
 * A compiled module is a set of ELF relocatable objects that export entries and
 * import nothing. The runtime loads them, fills a `sennit_invocation` and calls
 * an entry; the entry calls `parallel_for` once per kernel. This header stands
 * alone: it is read by the compiler (which emits these structures as LLVM
 * types), by the runtime, and by hand-written modules in tests. Any change to a
 * layout here raises SENNIT_ABI_VERSION.
 */
#ifndef SENNIT_ABI_H
#define SENNIT_ABI_H

#include <stdint.h>

#define SENNIT_ABI_VERSION 1

#ifdef __cplusplus
extern "C" {
#endif

/* Work items [|begin|, |end|) of one kernel.
 *
 * |arguments| holds one 8-byte slot per kernel argument: an address for a
 * buffer, a signed integer for an extent or position. Items are independent and
 * may run in any order and at once. |scratch| is private to the calling thread,
 * 64-byte aligned, of at least the manifest's `memory.scratch` bytes, and its
 * contents are undefined on entry. */
typedef void (*sennit_kernel_fn)(const int64_t *arguments, int64_t begin,
                                 int64_t end, void *scratch);

struct sennit_invocation;

/* Runs |count| items of |kernel| on the runtime's threads and returns when all
 * are done; |count| may be zero. |id| is the kernel's index in the manifest's
 * `kernels` list, for profiles and messages.
 *
 * Where kernels run on a device, |kernel| is NULL, |count| is the number of
 * |arguments|, which are copied, and addresses are the device's. The kernel may
 * still run, or not have begun, when this and even the entry returns; kernels
 * run in the order of the calls. */
typedef void (*sennit_parallel_for_fn)(struct sennit_invocation *invocation,
                                       int64_t id, sennit_kernel_fn kernel,
                                       const int64_t *arguments, int64_t count);

/* One call of an entry. All fields are 8 bytes. */
typedef struct sennit_invocation {
  /* SENNIT_ABI_VERSION of the caller. */
  int64_t abi_version;
  /* One base address per element of the entry's `arguments` list in the
   * manifest, in that order; each 64-byte aligned except inputs, outputs and
   * weights, which are aligned to their element. */
  void *const *bindings;
  /* One value per element of the entry's `scalars` list in the manifest. */
  const int64_t *scalars;
  sennit_parallel_for_fn parallel_for;
  /* The runtime's own; entries hand it on untouched. */
  void *host;
} sennit_invocation;

/* An entry returns 0, or 1 when the caller's abi_version is not the one that it
 * was compiled for, in which case nothing was read or written. */
typedef int32_t (*sennit_entry_fn)(sennit_invocation *invocation);

#ifdef __cplusplus
}
#endif

#endif /* SENNIT_ABI_H */
