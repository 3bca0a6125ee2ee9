// What a machine's file claims against what follows from it.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_MACHINE_LINT_H
#define SENNIT_COMPILER_MACHINE_LINT_H

#include "compiler/machine/Machine.h"

namespace sennit::machine {

/// How far a stated peak or bandwidth may lie from what units and pins give.
inline constexpr double peakTolerance = 0.03;

/// Adds problems: a stated dense peak more than 3 % from units x rate x clock,
/// a bandwidth more than 3 % from bus width x pin rate, an assertion that does
/// not hold. Adds remarks: numbers without a source that
/// are not marked as assumed; when `strict`, bare ones too. The tree must be
/// complete.
void lint(const Node &root, const Machine &machine, bool strict,
          std::vector<Problem> &problems);

} // namespace sennit::machine

#endif // SENNIT_COMPILER_MACHINE_LINT_H
