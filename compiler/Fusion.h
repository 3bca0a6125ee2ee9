// Collects what the passes say they did and did not do.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_FUSION_H
#define SENNIT_COMPILER_FUSION_H

#include "mlir/IR/Remarks.h"

namespace sennit {

/// One decision of a pass, and how often it was taken.
struct Decision {
  bool taken;
  std::string pass, place, reason;
  int64_t count;
};

/// Decisions of a compilation, equal ones counted together.
class Decisions {
public:
  /// Sends the context's remarks here; this object must outlive the context's
  /// use.
  llvm::LogicalResult listen(mlir::MLIRContext &context);
  void add(Decision decision);

  llvm::ArrayRef<Decision> all() const { return decisions; }
  int64_t countTaken() const;
  int64_t countMissed() const;
  /// Prints them by pass, taken and missed.
  void print(llvm::raw_ostream &os) const;

private:
  llvm::SmallVector<Decision> decisions;
};

} // namespace sennit

#endif // SENNIT_COMPILER_FUSION_H
