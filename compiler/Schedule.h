// Schedules as files: sizes that a compilation takes instead of its own
// choices.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_SCHEDULE_H
#define SENNIT_COMPILER_SCHEDULE_H

#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/Support/Error.h"

namespace sennit {

/// Reads a schedule's file, YAML that is read as a machine's is:
///
///   sennit_schedule: 1
///   choices:
///     product_64x512x1024_f32_bf16_walks: {m: 64, n: 32, k: 512, span: 64}
///
/// into what `passes/schedule` takes of a module, each entry with its place in
/// the file. Fails with all problems, one a line, by file and line.
llvm::Expected<mlir::DictionaryAttr> readSchedule(llvm::StringRef path,
                                                  mlir::MLIRContext &context);

/// The text of such a file, of what was chosen.
std::string printSchedule(mlir::DictionaryAttr chosen);

} // namespace sennit

#endif // SENNIT_COMPILER_SCHEDULE_H
