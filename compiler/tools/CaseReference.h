// Runs a test case of the ONNX project by the reference.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TOOLS_CASEREFERENCE_H
#define SENNIT_COMPILER_TOOLS_CASEREFERENCE_H

#include "frontends/onnx/Model.h"
#include "llvm/Support/Error.h"

namespace sennit::tools {

/// The bytes of the outputs of an imported ONNX model, `text` in seq and
/// linalg, which is interpreted in f64: floats are rounded once, to the type of
/// the `expected` output, integers are exact. An error says what the model
/// wants of its inputs, or names the op that is not interpreted.
llvm::Expected<std::vector<std::vector<char>>>
interpretCase(llvm::StringRef text, llvm::ArrayRef<onnx::StoredTensor> inputs,
              llvm::ArrayRef<onnx::StoredTensor> expected);

} // namespace sennit::tools

#endif // SENNIT_COMPILER_TOOLS_CASEREFERENCE_H
