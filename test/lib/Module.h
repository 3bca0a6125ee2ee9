// A program compiled into an artifact and loaded by the runtime, for a test.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_TEST_LIB_MODULE_H
#define SENNIT_TEST_LIB_MODULE_H

#include "compiler/Compile.h"
#include "compiler/Register.h"
#include "sennit/runtime.h"

#include "gtest/gtest.h"

#include "llvm/Support/FileSystem.h"

namespace sennit::test {

/// What `options` compile, for two threads; null, with a failure of the test,
/// where something goes wrong. No file is left behind.
inline sennit_module *compileAndLoad(CompileOptions options) {
  registerPasses();
  llvm::SmallString<128> path;
  if (llvm::sys::fs::createTemporaryFile("test", "snt", path)) {
    ADD_FAILURE() << "no temporary file can be made";
    return nullptr;
  }
  options.output = path.str();
  CompileReport report;
  if (llvm::Error error =
          compile(options, report, [](llvm::StringRef, int64_t, int64_t) {})) {
    ADD_FAILURE() << llvm::toString(std::move(error));
    return nullptr;
  }
  sennit_load_options load = {sizeof(load), SENNIT_LOAD_NO_PINNING, 2, 0};
  sennit_module *module = nullptr;
  sennit_error reason = {};
  EXPECT_EQ(SENNIT_STATUS_OK,
            sennit_module_load(path.c_str(), &load, &module, &reason))
      << reason.message;
  llvm::sys::fs::remove(path);
  return module;
}

} // namespace sennit::test

#endif // SENNIT_TEST_LIB_MODULE_H
