// The libcuda of objects/FakeCuda.c, and what it has written down.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_TEST_RUNTIME_FAKELIBRARY_H
#define SENNIT_TEST_RUNTIME_FAKELIBRARY_H

#include "test/runtime/objects/FakeCuda.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sstream>
#include <string>
#include <vector>

namespace sennit::test {

/// Loads |path|. SENNIT_FakeCuda is then the process's libcuda.so.1, too.
struct FakeLibrary {
  explicit FakeLibrary(const char *path = SENNIT_FakeCuda) {
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    EXPECT_NE(handle, nullptr) << dlerror();
    find(handle, "fake_cuda_take_log", takeText);
    find(handle, "fake_cuda_refuse", refuse);
    find(handle, "fake_cuda_count_living", countLiving);
    takeText();
  }

  /// Lines since the last question, as FakeCuda.h describes them.
  std::vector<std::string> takeLines() const {
    std::vector<std::string> lines;
    std::istringstream text(takeText());
    for (std::string line; std::getline(text, line);)
      lines.push_back(line);
    return lines;
  }

  fake_cuda_take_log_fn takeText = nullptr;
  fake_cuda_refuse_fn refuse = nullptr;
  fake_cuda_count_living_fn countLiving = nullptr;

private:
  template <typename Function>
  static void find(void *handle, const char *symbol, Function &function) {
    function = reinterpret_cast<Function>(dlsym(handle, symbol));
    EXPECT_NE(function, nullptr) << symbol;
  }
};

/// The lines that begin with |word|.
inline std::vector<std::string> select(const std::vector<std::string> &lines,
                                       const std::string &word) {
  std::vector<std::string> found;
  for (const std::string &line : lines)
    if (line.rfind(word + " ", 0) == 0 || line == word)
      found.push_back(line);
  return found;
}

} // namespace sennit::test

#endif // SENNIT_TEST_RUNTIME_FAKELIBRARY_H
