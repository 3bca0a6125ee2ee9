// The meaning of the recurrences is what the naive functions of the packages
// that define them compute.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/lib/Reference.h"
#include "test/lib/Specimen.h"

#include "frontends/hf/Safetensors.h"

#include "gtest/gtest.h"

#include "llvm/Support/MemoryBuffer.h"

#include <cstring>

using namespace sennit::test;

using Tensors = std::vector<Tensor>;

namespace {

/// An op that reads the golden file's tensors `inputs` in order. Not every
/// function tells the state after the last token.
struct Rule {
  std::string name, op, inputs;
  bool hasState = true;
};

class Mixers : public testing::TestWithParam<Rule> {
protected:
  /// The tensors of these names.
  static Tensors read(const std::string &names) {
    std::string path = std::getenv("SENNIT_TEST_DATA") +
                       std::string("/mixers/") + GetParam().name +
                       ".safetensors";
    auto stored = sennit::hf::readSafetensors(path);
    auto file = llvm::MemoryBuffer::getFile(path);
    if (!stored || !file) {
      ADD_FAILURE() << llvm::toString(stored.takeError());
      return {};
    }
    Tensors tensors;
    llvm::SmallVector<llvm::StringRef> wanted;
    llvm::StringRef(names).split(wanted, ' ');
    for (llvm::StringRef name : wanted) {
      auto found = llvm::find_if(*stored, [&](const auto &each) {
        return each.name == name && each.elementType == "F32";
      });
      if (found == stored->end()) {
        ADD_FAILURE() << path << " has no " << name.str();
        continue;
      }
      Tensor tensor(Element::F32, {found->shape.begin(), found->shape.end()});
      std::vector<std::byte> bytes(found->end - found->begin);
      std::memcpy(bytes.data(), (*file)->getBufferStart() + found->begin,
                  bytes.size());
      tensor.unpack(bytes);
      tensors.push_back(std::move(tensor));
    }
    return tensors;
  }

  static std::string typeOf(const Tensor &tensor) {
    std::string type = "tensor<";
    for (int64_t extent : tensor.shape)
      type += std::to_string(extent) + "x";
    return type + "f32>";
  }
};

TEST_P(Mixers, MeanWhatThePackagesCompute) {
  bool hasState = GetParam().hasState;
  Tensors inputs = read(GetParam().inputs),
          want = read(hasState ? "output state_after" : "output");
  ASSERT_EQ(hasState ? 2u : 1u, want.size());
  std::string op = GetParam().op, arguments;
  llvm::SmallVector<llvm::StringRef> names;
  llvm::StringRef(GetParam().inputs).split(names, ' ');
  ASSERT_EQ(names.size(), inputs.size());
  for (auto [name, tensor] : llvm::zip_equal(names, inputs)) {
    op = fill(op, {{name.str(), typeOf(tensor)}});
    arguments +=
        (arguments.empty() ? "%" : ", %") + name.str() + ": " + typeOf(tensor);
  }
  auto reference = Reference::compile(fill(
      R"(func.func @run({arguments}) -> ({types}) {
      {op}
      return {results} : {types}
    })",
      {{"arguments", arguments},
       {"results", hasState ? "%y, %n" : "%y"},
       {"types", typeOf(want[0]) + (hasState ? ", " + typeOf(want[1]) : "")},
       {"op", op}}));
  ASSERT_TRUE(bool(reference)) << llvm::toString(reference.takeError());
  auto got = (*reference)->call(inputs);
  ASSERT_TRUE(bool(got)) << llvm::toString(got.takeError());
  // The golden values are of f32 arithmetic.
  for (size_t i = 0; i != want.size(); ++i)
    EXPECT_EQ("", difference((*got)[i], want[i], 1e-6));
}

/// A setting of linear attention; the packages scale by the reciprocal root of
/// the key width, 6.
Rule makeRule(const std::string &name, const std::string &rule,
              const std::string &more, const std::string &names,
              const std::string &scale = "0.408248290463863",
              bool hasState = true) {
  return {name,
          "%y, %n = seq.linear_attention " + rule + " %q, %k, %v " + more +
              " state(%state) {scale = " + scale +
              " : f32} : {q}, {k}, {v}, {state}",
          "q k v " + (names.empty() ? "" : names + " ") + "state", hasState};
}

/// One whose vectors read the state after its decay, which they have in them.
Rule makeReading(const std::string &name) {
  return {name,
          "%y, %n = seq.linear_attention rank_one %q, %k, %written decay(%g : "
          "{g}) erase(%reading, %k : {reading}, {k}) state(%state) {scale = "
          "0.408248290463863 : f32} : {q}, {k}, {written}, {state}",
          "q k written g reading state"};
}

/// h <- e^g h + x, element by element.
const char *const kHgrn =
    R"(%y, %n = seq.scan affine inputs(%x, %g : {x}, {g}) state(%state : {state}) {
      ^bb0(%row: {state}, %gates: {state}, %before: {state}):
        %e = tensor.empty() : {state}
        %next = linalg.generic {
            indexing_maps = [affine_map<(c) -> (c)>, affine_map<(c) -> (c)>, affine_map<(c) -> (c)>, affine_map<(c) -> (c)>],
            iterator_types = ["parallel"]}
            ins(%row, %gates, %before : {state}, {state}, {state}) outs(%e : {state}) {
        ^bb0(%a: f32, %b: f32, %h: f32, %o: f32):
          %f = math.exp %b : f32
          %kept = arith.mulf %f, %h : f32
          %sum = arith.addf %kept, %a : f32
          linalg.yield %sum : f32
        } -> {state}
        seq.yield %next, %next : {state}, {state}
      } -> {x}, {state})";

/// s + c_i - c_j, where c are the gates' sums.
const char *const kForgetting =
    R"(%y = seq.attention %q, %k, %v captures(%summed : {summed}) score {
      ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %c: {summed}):
        %now = tensor.extract %c[%i, %h] : {summed}
        %then = tensor.extract %c[%j, %h] : {summed}
        %gone = arith.subf %now, %then : f32
        %z = arith.addf %s, %gone : f32
        seq.yield %z : f32
      } {scale = 0.408248290463863 : f32, window_right = 0} : {q}, {k}, {v})";

INSTANTIATE_TEST_SUITE_P(
    Packages, Mixers,
    testing::Values(
        makeRule("linear", "linear", "", ""),
        makeRule("gated", "gated", "decay(%g : {g})", "g"),
        makeRule("lightning", "gated", "decay(%g : {g})", "g"),
        makeRule("gated-components", "gated", "decay(%gk : {gk})", "gk"),
        makeRule("delta", "delta", "beta(%beta : {beta})", "beta"),
        makeRule("gated-delta", "gated_delta",
                 "decay(%g : {g}) beta(%beta : {beta})", "g beta"),
        makeRule("kda", "gated_delta", "decay(%g : {g}) beta(%beta : {beta})",
                 "g beta"),
        makeRule("rwkv7", "rank_one",
                 "decay(%w : {w}) erase(%a, %b : {a}, {b})", "w a b"),
        // What does not scale, and what tells no state.
        makeRule("ssd", "gated", "decay(%g : {g})", "g", "1.0"),
        makeRule("retention", "gated", "decay(%g : {g})", "g",
                 "0.408248290463863", false),
        Rule{"depth",
             "%y = seq.attention %q, %k, %v {scale = 1.0 : f32} : {q}, {k}, "
             "{v}",
             "q k v", false},
        makeRule("iplr", "rank_one", "erase(%alpha, %beta : {alpha}, {beta})",
                 "alpha beta"),
        makeReading("gdn2"), makeReading("comba"),
        Rule{"hgrn", kHgrn, "x g state"},
        Rule{"forgetting", kForgetting, "q k v summed", false},
        Rule{"sinks",
             "%y = seq.attention %q, %k, %v sinks(%sink_bias : {sink_bias}) "
             "{scale = 0.408248290463863 : f32, window_left = 5, window_right "
             "= 0} : {q}, {k}, {v}",
             "q k v sink_bias", false},
        Rule{"selective-scan",
             "%y, %n = seq.selective_scan %u, %delta, %A, %B, %C state(%state) "
             ": {u}, "
             "{delta}, {A}, {B}, {C}, {state}",
             "u delta A B C state"}),
    [](const testing::TestParamInfo<Rule> &info) {
      std::string name = info.param.name;
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

} // namespace
