// Finds the CUDA driver's functions in libcuda, and words its errors.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#include "runtime/drivers/cuda/Driver.h"

#include <dlfcn.h>

namespace sennit::cuda {

Status Driver::load(const char *library) {
  void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    return makeError(SENNIT_STATUS_UNSUPPORTED,
                     "no CUDA driver on this machine: %s", dlerror());
  struct Entry {
    void *place;
    const char *symbol;
  };
#define SENNIT_CUDA_ENTRY(name, symbol, parameters) {&name, symbol},
  const Entry entries[] = {SENNIT_CUDA_FUNCTIONS(SENNIT_CUDA_ENTRY)};
  const Entry graphs[] = {SENNIT_CUDA_GRAPH_FUNCTIONS(SENNIT_CUDA_ENTRY)};
  const Entry edges[] = {SENNIT_CUDA_EDGE_FUNCTIONS(SENNIT_CUDA_ENTRY)};
#undef SENNIT_CUDA_ENTRY
  auto find = [&](const Entry &entry) {
    return *static_cast<void **>(entry.place) = dlsym(handle, entry.symbol);
  };
  for (const Entry &entry : entries)
    if (!find(entry))
      return makeError(SENNIT_STATUS_UNSUPPORTED,
                       "%s has no `%s`; a driver of CUDA 12 or later has",
                       library, entry.symbol);
  areGraphsThere = true;
  for (const Entry &entry : graphs)
    areGraphsThere &= find(entry) != nullptr;
  for (const Entry &entry : edges)
    find(entry);
  return check(initialize(0), "initialising the CUDA driver");
}

Status Driver::check(int result, const char *what, const char *name) const {
  if (result == 0)
    return {};
  const char *code = nullptr, *sentence = nullptr;
  getErrorName(result, &code);
  getErrorString(result, &sentence);
  constexpr int outOfMemory = 2;
  return makeError(result == outOfMemory ? SENNIT_STATUS_OUT_OF_MEMORY
                                         : SENNIT_STATUS_INTERNAL,
                   "%s%s%s%s: %s (%s)", what, name ? " `" : "",
                   name ? name : "", name ? "`" : "",
                   sentence ? sentence : "no description",
                   code ? code : "unknown code");
}

} // namespace sennit::cuda
