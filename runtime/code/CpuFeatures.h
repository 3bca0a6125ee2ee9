// What the processor and the system can do, by the manifest's feature names.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#ifndef SENNIT_RUNTIME_CODE_CPUFEATURES_H
#define SENNIT_RUNTIME_CODE_CPUFEATURES_H

#include "runtime/Memory.h"

#include <string_view>

namespace sennit {

/// Checks that each of |features| is known, that the processor has it and that
/// the system saves its registers; asks the system for AMX tiles where one of
/// them needs it. Names are those of /proc/cpuinfo or LLVM: `-`, `_` and `.`
/// do not count. The message names the feature.
Status enableCpuFeatures(const Array<std::string_view> &features);

} // namespace sennit

#endif // SENNIT_RUNTIME_CODE_CPUFEATURES_H
