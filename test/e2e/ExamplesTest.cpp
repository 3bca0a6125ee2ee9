// The example programs give what others computed: interpreted, compiled, and
// with their scans cut into segments.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/lib/Reference.h"
#include "test/lib/Specimen.h"
#include "test/lib/TiledProgram.h"

#include "compiler/targets/cpu/Cpu.h"
#include "frontends/hf/Safetensors.h"

#include "gtest/gtest.h"

#include "llvm/Support/MemoryBuffer.h"

#include <cstring>

using namespace sennit::test;

using Tensors = std::vector<Tensor>;

namespace {

struct Example {
  std::string name;
  /// Whether it has a scan that can be cut.
  bool hasSegments;
  /// The file of arguments and results.
  std::string golden = "examples/" + name;
};

/// Most tokens of a call, more than any example has.
constexpr int64_t kMost = 64;

class Examples : public testing::TestWithParam<Example> {
protected:
  static std::string pathOf(const std::string &file) {
    return std::getenv("SENNIT_TEST_DATA") + std::string("/") + file;
  }

  static std::string readText() {
    std::string path = pathOf("examples/" + GetParam().name + ".mlir");
    auto file = llvm::MemoryBuffer::getFile(path);
    if (file)
      return (*file)->getBuffer().str();
    ADD_FAILURE() << path << ": " << file.getError().message();
    return {};
  }

  static Element elementOf(llvm::StringRef type) {
    if (type == "I32")
      return Element::I32;
    return type == "F64" ? Element::F64 : Element::F32;
  }

  /// The tensors `kind`.0, `kind`.1 and so on.
  static Tensors read(const std::string &kind) {
    std::string path = pathOf(GetParam().golden + ".safetensors");
    auto stored = sennit::hf::readSafetensors(path);
    auto file = llvm::MemoryBuffer::getFile(path);
    if (!stored || !file) {
      ADD_FAILURE() << llvm::toString(stored.takeError());
      return {};
    }
    Tensors tensors;
    while (true) {
      std::string name = kind + "." + std::to_string(tensors.size());
      auto found = llvm::find_if(
          *stored, [&](const auto &each) { return each.name == name; });
      if (found == stored->end())
        return tensors;
      Tensor tensor(elementOf(found->elementType),
                    {found->shape.begin(), found->shape.end()});
      std::vector<std::byte> bytes(found->end - found->begin);
      std::memcpy(bytes.data(), (*file)->getBufferStart() + found->begin,
                  bytes.size());
      tensor.unpack(bytes);
      tensors.push_back(std::move(tensor));
    }
  }

  template <typename Program>
  static void expectGolden(Program program, double tolerance) {
    ASSERT_TRUE(bool(program)) << llvm::toString(program.takeError());
    Tensors want = read("output");
    auto got = (*program)->call(read("input"));
    ASSERT_TRUE(bool(got)) << llvm::toString(got.takeError());
    ASSERT_FALSE(want.empty());
    ASSERT_EQ(want.size(), got->size());
    for (size_t i = 0; i != want.size(); ++i)
      EXPECT_EQ("", difference((*got)[i], want[i], tolerance))
          << "result " << i;
  }

  static auto compile(const std::string &text) {
    auto host = sennit::cpu::getMachine("host");
    return TiledProgram::compile(
        text, kMost, "cpu:" + (host ? host->level : std::string("avx2")));
  }
};

TEST_P(Examples, MeanWhatOthersCompute) {
  // Both are f64; constants of the program are f32.
  expectGolden(Reference::compile(readText()), 2e-7);
}

TEST_P(Examples, AreCompiled) { expectGolden(compile(readText()), 4e-6); }

class Segments : public Examples {};

TEST_P(Segments, ChangeNothing) {
  for (int64_t segments : {2, 4, 16}) {
    SCOPED_TRACE(testing::Message() << segments << " segments");
    Specimen whole;
    whole.text = [](const std::string &) { return readText(); };
    expectGolden(compile(cutInto(segments, whole).text("?")), 4e-6);
  }
}

std::string nameOf(const testing::TestParamInfo<Example> &info) {
  return info.param.golden.starts_with("mixers/") ? info.param.name + "_package"
                                                  : info.param.name;
}

const Example all[] = {{"crf", true},
                       {"ctc", true},
                       {"mamba3", false},
                       {"mamba3", false, "mixers/mamba3"},
                       {"hyena", false}};

std::vector<Example> makeCut() {
  std::vector<Example> cut;
  llvm::copy_if(all, std::back_inserter(cut),
                [](const Example &example) { return example.hasSegments; });
  return cut;
}

INSTANTIATE_TEST_SUITE_P(All, Examples, testing::ValuesIn(all), nameOf);
INSTANTIATE_TEST_SUITE_P(All, Segments, testing::ValuesIn(makeCut()), nameOf);

} // namespace
