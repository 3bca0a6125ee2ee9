// How a compiled model takes offered tokens back: by the cost model's choice.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_ROLLBACK_H
#define SENNIT_COMPILER_ROLLBACK_H

#include "mlir/IR/BuiltinOps.h"
#include <optional>

namespace sennit {

/// What is done about states that have no rows of single tokens. Replay: they
/// are kept as they were before a `verify`, and the tokens that stay are fed
/// again. Snapshots: offered tokens are steps, after each of which the states
/// are kept.
enum class RollBack { Replay, Snapshots };

/// Chooses for a module after stage `place` that has an entry `verify`, and
/// notes it in `rt.state`: the form whose round takes less time on the machine,
/// if any number of tokens is as likely to stay as any other, or `pinned`. A
/// remark says why; there is none where no state needs a copy.
void chooseRollBack(mlir::ModuleOp module, std::optional<RollBack> pinned);

} // namespace sennit

#endif // SENNIT_COMPILER_ROLLBACK_H
