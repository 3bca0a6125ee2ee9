// An op under test on several sequences, from the same op on one.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/lib/Specimen.h"

#include "llvm/ADT/STLExtras.h"

using namespace sennit::test;

using Tensors = std::vector<Tensor>;

std::string sennit::test::spellBatch(const std::string &tokens) {
  return tokens.substr(0, tokens.find_last_of('x') + 1);
}

/// One sequence of a tensor of several, and a tensor of all.
static Tensor takeSequence(const Tensor &all, int64_t sequence) {
  Tensor one = all.rows(sequence, 1);
  one.shape.erase(one.shape.begin());
  return one;
}

static Tensor stack(const Tensors &sequences) {
  Tensor all;
  for (Tensor one : sequences) {
    one.shape.insert(one.shape.begin(), 1);
    if (all.shape.empty())
      all = one;
    else
      all.append(one);
  }
  return all;
}

Specimen sennit::test::makeBatch(const Specimen &one, int64_t sequences,
                                 const std::vector<unsigned> &shared) {
  Specimen specimen = one;
  auto isShared = [=](size_t i) { return llvm::is_contained(shared, i); };
  specimen.name += "_" + std::to_string(sequences) + "_sequences";
  specimen.text = [=](const std::string &tokens) {
    return one.text(std::to_string(sequences) + "x" + tokens);
  };
  specimen.arguments = [=](int64_t tokens, int64_t past, uint64_t seed) {
    std::vector<Tensors> each;
    for (int64_t i = 0; i != sequences; ++i)
      each.push_back(one.arguments(tokens, past, seed + i));
    Tensors all;
    for (size_t i = 0; i != each[0].size(); ++i) {
      Tensors parts;
      for (const Tensors &sequence : each)
        parts.push_back(sequence[i]);
      all.push_back(isShared(i) ? parts[0] : stack(parts));
    }
    return all;
  };
  specimen.formula = [=](const Tensors &in) {
    std::vector<Tensors> results;
    for (int64_t i = 0; i != sequences; ++i) {
      Tensors own = in;
      for (size_t k = 0; k != own.size(); ++k)
        if (!isShared(k))
          own[k] = takeSequence(in[k], i);
      Tensors got = one.formula(own);
      results.resize(got.size());
      for (size_t k = 0; k != got.size(); ++k)
        results[k].push_back(got[k]);
    }
    Tensors all;
    for (const Tensors &parts : results)
      all.push_back(stack(parts));
    return all;
  };
  specimen.hasStaticTokens = true;
  // Their dimension 0 is not the token.
  specimen.tokenArguments.clear();
  specimen.tokenResults.clear();
  return specimen;
}
