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

/// What was chosen for a question: its sizes by name as a file has them,
/// `k: 512, m: 24`; others that code can be made for, the next best first; and
/// the kernels that asked.
struct Choice {
  std::string question, sizes;
  std::vector<std::string> next, kernels;
};

/// Reads what `passes/schedule` notes in a module.
std::vector<Choice> readChoices(mlir::DictionaryAttr chosen);

/// The text of such a file.
std::string printSchedule(llvm::ArrayRef<Choice> choices);

} // namespace sennit

#endif // SENNIT_COMPILER_SCHEDULE_H
