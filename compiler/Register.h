// The one list of dialects, passes, translations and targets.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_REGISTER_H
#define SENNIT_COMPILER_REGISTER_H

#include "mlir/IR/DialectRegistry.h"

namespace sennit {

/// Sennit's dialects, the upstream ones its stages use, and their interfaces.
void registerDialects(mlir::DialectRegistry &registry);

/// Sennit's passes and stages, and the upstream passes that help in tests.
void registerPasses();

/// Frontends as translations of sennit-translate.
void registerTranslations();

} // namespace sennit

#endif // SENNIT_COMPILER_REGISTER_H
