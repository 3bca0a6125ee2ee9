// Products of any form under test, named as einsums.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/lib/LinalgSpecimen.h"

#include <map>

using namespace sennit::test;

using Tensors = std::vector<Tensor>;
using Indices = std::vector<int64_t>;

namespace {
/// An equation such as "ij,jk->ik". Letters of `sizes` have those extents, all
/// others n.
struct Einsum {
  std::vector<std::string> terms;
  std::string letters;
  std::map<char, int64_t> sizes;
  Element element, result;

  bool isFloat() const { return element < Element::I1; }
  int64_t extent(char letter, int64_t n) const {
    auto found = sizes.find(letter);
    return found == sizes.end() ? n : found->second;
  }
  std::vector<int64_t> shape(const std::string &term, int64_t n) const {
    std::vector<int64_t> extents;
    for (char letter : term)
      extents.push_back(extent(letter, n));
    return extents;
  }
  /// The row-major place in a term's tensor where the letters stand `at`.
  int64_t place(const std::string &term, const Indices &at, int64_t n) const {
    int64_t linear = 0;
    for (char letter : term)
      linear = linear * extent(letter, n) + at[letters.find(letter)];
    return linear;
  }
  std::string type(size_t term) const;
  std::string body() const;
  std::string text() const;
};
} // namespace

static Einsum parse(const std::string &equation) {
  Einsum einsum;
  einsum.terms.emplace_back();
  for (char c : equation)
    if (c == ',' || c == '>')
      einsum.terms.emplace_back();
    else if (c != '-')
      einsum.terms.back() += c;
  for (const std::string &term : einsum.terms)
    for (char c : term)
      if (einsum.letters.find(c) == std::string::npos)
        einsum.letters += c;
  return einsum;
}

static std::string join(const std::string &term) {
  std::string text;
  for (char c : term)
    text += (text.empty() ? "" : ", ") + std::string(1, c);
  return text;
}

std::string Einsum::type(size_t term) const {
  std::string text = "tensor<";
  for (char c : terms[term])
    text += (sizes.count(c) ? std::to_string(sizes.at(c)) : "{n}") + "x";
  return text + spell(term + 1 == terms.size() ? result : element) + ">";
}

/// Widens the factors, multiplies them from left to right, adds.
std::string Einsum::body() const {
  std::string body, product, in = spell(element), out = spell(result),
                             kind = isFloat() ? "f " : "i ";
  for (size_t t = 0; t + 1 != terms.size(); ++t) {
    std::string i = std::to_string(t), factor = "%a" + i;
    if (in != out) {
      factor = "%w" + i;
      body +=
          factor + " = arith.extf %a" + i + " : " + in + " to " + out + "\n";
    }
    if (t != 0)
      body += "%p" + i + " = arith.mul" + kind + product + ", " + factor +
              " : " + out + "\n";
    product = t == 0 ? factor : "%p" + i;
  }
  return body + "%s = arith.add" + kind + "%acc, " + product + " : " + out;
}

std::string Einsum::text() const {
  std::string maps, kinds, arguments, names, types, block;
  for (size_t t = 0; t != terms.size(); ++t) {
    std::string i = std::to_string(t), comma = t ? ", " : "";
    maps += comma + "affine_map<(" + join(letters) + ") -> (" + join(terms[t]) +
            ")>";
    if (t + 1 == terms.size())
      continue;
    arguments += comma + "%x" + i + ": " + type(t);
    names += comma + "%x" + i;
    types += comma + type(t);
    block += "%a" + i + ": " + spell(element) + ", ";
  }
  for (char c : letters) {
    bool stays = terms.back().find(c) != std::string::npos;
    kinds += kinds.empty() ? "" : ", ";
    kinds += stays ? "\"parallel\"" : "\"reduction\"";
  }
  return fill(R"(
    func.func @run({arguments}) -> {y} {
      %zero = arith.constant {zero} : {out}
      %e = tensor.empty() : {y}
      %z = linalg.fill ins(%zero : {out}) outs(%e : {y}) -> {y}
      %y = linalg.generic {indexing_maps = [{maps}], iterator_types = [{kinds}]}
          ins({names} : {types}) outs(%z : {y}) {
      ^bb0({block}%acc: {out}):
        {body}
        linalg.yield %s : {out}
      } -> {y}
      return %y : {y}
    })",
              {{"arguments", arguments},
               {"y", type(terms.size() - 1)},
               {"maps", maps},
               {"kinds", kinds},
               {"names", names},
               {"types", types},
               {"block", block},
               {"body", body()},
               {"zero", isFloat() ? "0.0" : "0"},
               {"out", spell(result)}});
}

static LinalgSpecimen makeEinsum(const std::string &name,
                                 const std::string &equation,
                                 std::map<char, int64_t> sizes, Element element,
                                 double tolerance,
                                 Element result = Element::F32) {
  Einsum einsum = parse(equation);
  einsum.sizes = std::move(sizes);
  einsum.element = element;
  einsum.result = result;
  LinalgSpecimen specimen;
  specimen.name = name;
  specimen.text = einsum.text();
  specimen.tolerances = {tolerance};
  specimen.arguments = [=](int64_t n, Random &random) {
    Tensors in;
    for (size_t t = 0; t + 1 != einsum.terms.size(); ++t) {
      std::vector<int64_t> shape = einsum.shape(einsum.terms[t], n);
      in.push_back(einsum.isFloat() ? random.normal(shape, 1, element)
                                    : random.below(20, shape));
      in.back().element = element;
    }
    return in;
  };
  specimen.formula = [=](int64_t n, const Tensors &in) {
    const std::string &last = einsum.terms.back();
    Tensor y(result, einsum.shape(last, n));
    tabulate(Element::F64, einsum.shape(einsum.letters, n),
             [&](const Indices &at) {
               double product = 1;
               for (size_t t = 0; t != in.size(); ++t)
                 product *= in[t].values[einsum.place(einsum.terms[t], at, n)];
               y.values[einsum.place(last, at, n)] += product;
               return 0.0;
             });
    return Tensors{y};
  };
  return specimen;
}

std::vector<LinalgSpecimen> sennit::test::makeContractions() {
  using E = Element;
  return {makeEinsum("product_nn", "ij,jk->ik", {{'k', 40}}, E::F32, 2e-6),
          makeEinsum("product_nt", "ij,kj->ik", {{'k', 40}}, E::F32, 2e-6),
          makeEinsum("product_tn", "ji,jk->ik", {{'i', 33}}, E::F32, 2e-6),
          makeEinsum("product_tt", "ji,kj->ki", {{'k', 19}, {'i', 9}}, E::F32,
                     2e-6),
          makeEinsum("product_batch", "bij,bjk->bik",
                     {{'b', 3}, {'i', 18}, {'k', 7}}, E::F32, 2e-6),
          makeEinsum("product_heads", "bihd,bjhd->bhij",
                     {{'b', 2}, {'h', 3}, {'d', 8}, {'i', 5}}, E::F32, 2e-6),
          makeEinsum("product_two_depths", "iab,abj->ij",
                     {{'a', 3}, {'j', 20}, {'i', 17}}, E::F32, 2e-6),
          makeEinsum("product_three", "ij,jk,kl->il",
                     {{'i', 5}, {'j', 4}, {'l', 6}}, E::F32, 2e-6),
          makeEinsum("dot", "i,i->", {}, E::F32, 2e-6),
          makeEinsum("outer", "i,j->ij", {{'j', 21}}, E::F32, 1e-6),
          makeEinsum("matrix_vector", "ij,j->i", {{'i', 35}}, E::F32, 2e-6),
          makeEinsum("diagonal", "bii->bi", {{'b', 3}}, E::F32, 0),
          makeEinsum("trace", "ii->", {}, E::F32, 2e-5),
          makeEinsum("product_f64", "ij,jk->ik", {{'i', 13}, {'k', 23}}, E::F64,
                     1e-14, E::F64),
          makeEinsum("product_i32", "ij,jk->ik", {{'i', 13}, {'k', 23}}, E::I32,
                     0, E::I32),
          makeEinsum("product_i64", "ij,kj->ik", {{'i', 3}, {'k', 17}}, E::I64,
                     0, E::I64),
          makeEinsum("product_f16", "ij,jk->ik", {{'i', 13}, {'k', 23}}, E::F16,
                     2e-3, E::F16),
          makeEinsum("product_bf16_f32", "ij,jk->ik", {{'i', 13}, {'k', 37}},
                     E::BF16, 2e-6, E::F32)};
}
