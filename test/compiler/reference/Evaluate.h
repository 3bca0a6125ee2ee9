// Runs IR text by the reference, for its own tests.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_TEST_COMPILER_REFERENCE_EVALUATE_H
#define SENNIT_TEST_COMPILER_REFERENCE_EVALUATE_H

#include "compiler/reference/Program.h"

namespace sennit::test {

using reference::Cell;
using reference::Value;

/// Parses, or fails with the diagnostics.
llvm::Expected<std::unique_ptr<reference::Program>>
makeProgram(llvm::StringRef text);

/// The results of @run in text, or the error: numbers and integers in order,
/// tensors in brackets after their extents, such as "2x2[1 2 3 4]".
std::string evaluate(std::vector<Value> arguments, llvm::StringRef text);

Value number(double value);
Value integer(int64_t value);
Value numbers(llvm::ArrayRef<int64_t> shape, std::vector<double> values);
Value integers(llvm::ArrayRef<int64_t> shape, std::vector<int64_t> values);

} // namespace sennit::test

#endif // SENNIT_TEST_COMPILER_REFERENCE_EVALUATE_H
