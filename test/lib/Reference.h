// The reference, as tests call it.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_TEST_LIB_REFERENCE_H
#define SENNIT_TEST_LIB_REFERENCE_H

#include "compiler/reference/Program.h"
#include "test/lib/Tensor.h"

#include "mlir/IR/MLIRContext.h"

namespace sennit::test {

/// @run of a module, interpreted in f64.
class Reference {
public:
  static llvm::Expected<std::unique_ptr<Reference>>
  compile(llvm::StringRef text);

  /// The results of @run; their values are not rounded to their element type.
  llvm::Expected<std::vector<Tensor>>
  call(const std::vector<Tensor> &arguments);

private:
  Reference();
  mlir::MLIRContext context;
  std::unique_ptr<reference::Program> program;
};

} // namespace sennit::test

#endif // SENNIT_TEST_LIB_REFERENCE_H
