// What a schedule pins, and what was chosen: sizes by the question that they
// answer.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_PASSES_SCHEDULE_CHOICES_H
#define SENNIT_PASSES_SCHEDULE_CHOICES_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringSet.h"
#include <vector>

namespace sennit::schedule {

/// Of a module: a dictionary from questions to dictionaries of sizes, in which
/// `at` may say where a file has them.
inline constexpr llvm::StringRef kScheduleAttrName = "seq.schedule";
/// Beside it where a question that nobody asks is no error: another answer may
/// have made it superfluous.
inline constexpr llvm::StringRef kMayBeIdleAttrName =
    "seq.schedule_may_be_idle";
/// Of a module: how many of the best sizes for each question shall stand in
/// `seq.chosen` afterwards. There a question has the `sizes` that it got,
/// others under `next`, and the `kernels` that asked.
inline constexpr llvm::StringRef kRecordsChoicesAttrName = "seq.choices";
inline constexpr llvm::StringRef kChosenAttrName = "seq.chosen";

/// Sizes with their names, `m`, `n`, ..
using Sizes = llvm::SmallVector<std::pair<llvm::StringRef, int64_t>>;

/// The choices of one module. A question is spelled by what is asked, such as
/// `product_64x512x1024_f32_bf16`; kernels that ask the same are answered the
/// same.
class Choices {
public:
  explicit Choices(mlir::ModuleOp module);

  /// What is pinned for a question, or else `choice`. `rank` lists all sizes
  /// that code is made for, those of least predicted time first; it is called
  /// where something is pinned or noted. An error at the pin's place where its
  /// names are not those of `choice`, or where `rank` does not list it; then
  /// `choice`, and `finish` fails.
  Sizes answer(llvm::StringRef question, const Sizes &choice,
               llvm::function_ref<std::vector<Sizes>()> rank);

  /// States that the functions `names` were built by the questions since then.
  void attribute(llvm::ArrayRef<mlir::StringAttr> names);

  /// Notes what was chosen in the module, if that is asked for; kernels bear
  /// the names that `renamed` has for them. Fails after errors, one for each
  /// pin whose question no kernel asked among them.
  mlir::LogicalResult
  finish(const llvm::DenseMap<mlir::Attribute, mlir::StringAttr> &renamed);

private:
  struct Answer {
    Sizes sizes;
    std::vector<Sizes> next;
    llvm::SetVector<mlir::Attribute> kernels;
  };
  mlir::LogicalResult fill(mlir::DictionaryAttr pinned, Sizes &sizes,
                           llvm::StringRef question);
  mlir::InFlightDiagnostic emitError(mlir::DictionaryAttr pinned);

  mlir::ModuleOp module;
  mlir::DictionaryAttr pins;
  int64_t noted = 0;
  llvm::MapVector<mlir::StringAttr, Answer> answers;
  /// Questions whose kernels are not known yet.
  llvm::SetVector<mlir::StringAttr> open;
  llvm::StringSet<> refused;
};

} // namespace sennit::schedule

#endif // SENNIT_PASSES_SCHEDULE_CHOICES_H
