// The look-up of rows under test, with its formula in f64.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/lib/Specimen.h"

using namespace sennit::test;

using Tensors = std::vector<Tensor>;

static std::string str(int64_t value) { return std::to_string(value); }

static Tensors evaluateEmbed(const Tensors &in) {
  const Tensor &tokens = in[0], &table = in[1];
  Tensor output(Element::F32, {tokens.extent(0), table.extent(1)});
  for (int64_t t = 0; t != tokens.extent(0); ++t)
    if (tokens(t) >= 0 && tokens(t) < table.extent(0))
      for (int64_t d = 0; d != table.extent(1); ++d)
        output(t, d) = table(int64_t(tokens(t)), d);
  return {output};
}

Specimen sennit::test::makeEmbed(int64_t vocabulary, int64_t width,
                                 Element table) {
  Specimen specimen;
  specimen.name = "embed_" + spell(table);
  specimen.text = [=](const std::string &tokens) {
    return fill(R"(
    func.func @run(%t: {T}, %e: {E}) -> {Y} {
      %y = seq.embed %t, %e : {T}, {E} -> {Y}
      return %y : {Y}
    })",
                {{"T", "tensor<{t}xi32>"},
                 {"E", "tensor<{v}x{d}x{e}>"},
                 {"Y", "tensor<{t}x{d}xf32>"},
                 {"t", tokens},
                 {"v", str(vocabulary)},
                 {"d", str(width)},
                 {"e", spell(table)}});
  };
  specimen.arguments = [=](int64_t tokens, int64_t, uint64_t seed) {
    Random random(seed);
    Tensor ids = random.below(vocabulary + 2, {tokens});
    for (double &id : ids.values)
      id -= 1;
    return Tensors{ids, random.normal({vocabulary, width}, 1, table)};
  };
  specimen.formula = evaluateEmbed;
  specimen.tolerances = {0};
  specimen.tokenArguments = {0};
  specimen.tokenResults = {0};
  return specimen;
}
