// What a schedule pins, and what was chosen: sizes by the question that they
// answer.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_PASSES_SCHEDULE_CHOICES_H
#define SENNIT_PASSES_SCHEDULE_CHOICES_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSet.h"

namespace sennit::schedule {

/// Of a module: a dictionary from questions to dictionaries of sizes, in which
/// `at` may say where a file has them.
inline constexpr llvm::StringRef kScheduleAttrName = "seq.schedule";
/// Of a module: that what was chosen shall stand in `machine.chosen`
/// afterwards.
inline constexpr llvm::StringRef kRecordsChoicesAttrName = "seq.records_choices";
inline constexpr llvm::StringRef kChosenAttrName = "seq.chosen";

/// Sizes with their names, `m`, `n`, ..
using Sizes = llvm::SmallVector<std::pair<llvm::StringRef, int64_t>>;

/// The choices of one module. A question is spelled by what is asked, such as
/// `product_64x512x1024_f32_bf16`; kernels that ask the same are answered the
/// same.
class Choices {
public:
  explicit Choices(mlir::ModuleOp module);

  /// What is pinned for a question, or else what `choose` says. An error at the
  /// pin's place where its names are not those of `choose`, or where `isLegal`
  /// refuses it; then what `choose` says, and `finish` fails.
  Sizes answer(llvm::StringRef question, const Sizes &choice,
               llvm::function_ref<bool(const Sizes &)> isLegal);

  /// Notes what was chosen in the module, if that is asked for. Fails after
  /// errors, one for each pin whose question no kernel asked among them.
  mlir::LogicalResult finish();

private:
  mlir::LogicalResult fill(mlir::DictionaryAttr pinned, Sizes &sizes,
                           llvm::StringRef question);
  mlir::InFlightDiagnostic emitError(mlir::DictionaryAttr pinned);

  mlir::ModuleOp module;
  mlir::DictionaryAttr pins;
  llvm::MapVector<mlir::StringAttr, Sizes> chosen;
  llvm::StringSet<> refused;
};

} // namespace sennit::schedule

#endif // SENNIT_PASSES_SCHEDULE_CHOICES_H
