// Attention as products and a softmax in plain linalg, under test: of every
// type, with the casts that exporters write, and of tokens counted at run time.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/lib/LinalgSpecimen.h"

#include <algorithm>
#include <cmath>

using namespace sennit::test;

using Tensors = std::vector<Tensor>;

namespace {
struct Softmax {
  std::string name, element;
  Element type;
  bool isDynamic;
  double tolerance;
};
} // namespace

static constexpr int64_t heads = 3, width = 7, columns = 5;
static constexpr double scale = 0.375;

// Queries, keys and values are [token, head, width]; sums and the softmax are
// of f32.
static const char *const text = R"(
  #q = affine_map<(h, i, j, d) -> (i, h, d)>
  #k = affine_map<(h, i, j, d) -> (j, h, d)>
  #s = affine_map<(h, i, j, d) -> (h, i, j)>
  #p = affine_map<(h, i, c, j) -> (h, i, j)>
  #v = affine_map<(h, i, c, j) -> (j, h, c)>
  #o = affine_map<(h, i, c, j) -> (i, h, c)>
  #id = affine_map<(h, i, j) -> (h, i, j)>
  #row = affine_map<(h, i, j) -> (h, i)>
  #mask = affine_map<(h, i, j) -> (i, j)>
  !q = tensor<{i}x3x7x{e}>
  !k = tensor<{j}x3x7x{e}>
  !v = tensor<{j}x3x5x{e}>
  !s32 = tensor<3x{i}x{j}xf32>
  !se = tensor<3x{i}x{j}x{e}>
  !r32 = tensor<3x{i}xf32>
  !o32 = tensor<{i}x3x5xf32>
  !oe = tensor<{i}x3x5x{e}>
  func.func @run(%q: !q, %k: !k, %v: !v{mask argument}) -> !oe {
    %zero = arith.constant 0.0 : f32
    %low = arith.constant 0xFF800000 : f32
    %c0 = arith.constant 0 : index
    %scale = arith.constant 0.375 : {e}
    {extents}
    %s32 = tensor.empty({i, j}) : !s32
    %se = tensor.empty({i, j}) : !se
    %r32 = tensor.empty({i only}) : !r32
    %o32 = tensor.empty({i only}) : !o32
    %oe = tensor.empty({i only}) : !oe
    %s0 = linalg.fill ins(%zero : f32) outs(%s32 : !s32) -> !s32
    %m0 = linalg.fill ins(%low : f32) outs(%r32 : !r32) -> !r32
    %l0 = linalg.fill ins(%zero : f32) outs(%r32 : !r32) -> !r32
    %o0 = linalg.fill ins(%zero : f32) outs(%o32 : !o32) -> !o32
    %x = linalg.generic {indexing_maps = [#q, #k, #s], iterator_types = {sums}}
        ins(%q, %k : !q, !k) outs(%s0 : !s32) {
    ^bb0(%a: {e}, %b: {e}, %c: f32):
      {multiply}
      %y = arith.addf %c, %t : f32
      linalg.yield %y : f32
    } -> !s32
    %rounded = linalg.generic {indexing_maps = [#id, #id], iterator_types = {map}}
        ins(%x : !s32) outs(%se : !se) {
    ^bb0(%a: f32, %b: {e}):
      {round a}
    } -> !se
    %scaled = linalg.generic {indexing_maps = [#id, #id], iterator_types = {map}}
        ins(%rounded : !se) outs(%se : !se) {
    ^bb0(%a: {e}, %b: {e}):
      %y = arith.mulf %a, %scale : {e}
      linalg.yield %y : {e}
    } -> !se
    %s = linalg.generic {indexing_maps = [#id, {mask map}#id], iterator_types = {map}}
        ins(%scaled{mask name} : !se{mask type}) outs(%s32 : !s32) {
    ^bb0(%a: {e}, {mask element}%b: f32):
      {masked}
      {widen shown}
    } -> !s32
    %m = linalg.generic {indexing_maps = [#id, #row], iterator_types = {row}}
        ins(%s : !s32) outs(%m0 : !r32) {
    ^bb0(%a: f32, %b: f32):
      %y = arith.maximumf %a, %b : f32
      linalg.yield %y : f32
    } -> !r32
    %e = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = {map}}
        ins(%s, %m : !s32, !r32) outs(%s32 : !s32) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %d = arith.subf %a, %b : f32
      %y = math.exp %d : f32
      linalg.yield %y : f32
    } -> !s32
    %l = linalg.generic {indexing_maps = [#id, #row], iterator_types = {row}}
        ins(%e : !s32) outs(%l0 : !r32) {
    ^bb0(%a: f32, %b: f32):
      %y = arith.addf %a, %b : f32
      linalg.yield %y : f32
    } -> !r32
    %p = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = {map}}
        ins(%e, %l : !s32, !r32) outs(%se : !se) {
    ^bb0(%a: f32, %b: f32, %c: {e}):
      %d = arith.divf %a, %b : f32
      {round d}
    } -> !se
    %o = linalg.generic {indexing_maps = [#p, #v, #o], iterator_types = {sums}}
        ins(%p, %v : !se, !v) outs(%o0 : !o32) {
    ^bb0(%a: {e}, %b: {e}, %c: f32):
      {multiply}
      %y = arith.addf %c, %t : f32
      linalg.yield %y : f32
    } -> !o32
    %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = {map}}
        ins(%o : !o32) outs(%oe : !oe) {
    ^bb0(%a: f32, %b: {e}):
      {round a}
    } -> !oe
    return %y : !oe
  })";

/// softmax_j(scale q_i . k_j + mask_ij, or j <= i where there is none) v_j.
static Tensors attend(const Tensors &in) {
  const Tensor &q = in[0], &k = in[1], &v = in[2];
  bool isCausal = in.size() == 3;
  Tensor out(q.element, {q.extent(0), heads, columns});
  std::vector<double> scores(k.extent(0));
  for (int64_t h = 0; h != heads; ++h)
    for (int64_t i = 0; i != q.extent(0); ++i) {
      int64_t keys = isCausal ? std::min(i + 1, k.extent(0)) : k.extent(0);
      double most = -INFINITY, sum = 0;
      for (int64_t j = 0; j != keys; ++j) {
        double product = 0;
        for (int64_t d = 0; d != width; ++d)
          product += q(i, h, d) * k(j, h, d);
        scores[j] = scale * product + (isCausal ? 0 : in[3](i, j));
        most = std::max(most, scores[j]);
      }
      for (int64_t j = 0; j != keys; ++j)
        sum += scores[j] = std::exp(scores[j] - most);
      for (int64_t c = 0; c != columns; ++c)
        for (int64_t j = 0; j != keys; ++j)
          out(i, h, c) += scores[j] / sum * v(j, h, c);
    }
  return {out};
}

/// A causal mask of tokens counted at run time, or a tensor that is added.
static std::string write(const Softmax &softmax) {
  bool isNarrow = softmax.type != Element::F32, isDynamic = softmax.isDynamic;
  std::string e = softmax.element;
  std::string masked =
      isDynamic ? "%row = linalg.index 1 : index\n"
                  "%column = linalg.index 2 : index\n"
                  "%low_e = arith.constant 0x" +
                      std::string(e == "f16"    ? "FC00"
                                  : e == "bf16" ? "FF80"
                                                : "FF800000") +
                      " : " + e +
                      "\n%sees = arith.cmpi sle, %column, %row : index\n"
                      "%shown = arith.select %sees, %a, %low_e : " +
                      e
                : "%shown = arith.addf %a, %added : " + e;
  std::string result = fill(
      text,
      {{"map", R"(["parallel", "parallel", "parallel"])"},
       {"row", R"(["parallel", "parallel", "reduction"])"},
       {"sums", R"(["parallel", "parallel", "parallel", "reduction"])"},
       {"extents", isDynamic ? "%i = tensor.dim %q, %c0 : tensor<?x3x7x{e}>\n"
                               "%j = tensor.dim %k, %c0 : tensor<?x3x7x{e}>"
                             : ""},
       {"masked", masked},
       {"mask argument", isDynamic ? "" : ", %mask: tensor<{i}x{j}x{e}>"},
       {"mask map", isDynamic ? "" : "#mask, "},
       {"mask name", isDynamic ? "" : ", %mask"},
       {"mask type", isDynamic ? "" : ", tensor<{i}x{j}x{e}>"},
       {"mask element", isDynamic ? "" : "%added: {e}, "},
       {"i, j", isDynamic ? "%i, %j" : ""},
       {"i only", isDynamic ? "%i" : ""}});
  auto yield = [&](const std::string &value, bool rounds) -> std::string {
    if (!isNarrow)
      return "linalg.yield %" + value + " : f32";
    return rounds ? "%y = arith.truncf %" + value +
                        " : f32 to {e}\nlinalg.yield %y : {e}"
                  : "%y = arith.extf %" + value +
                        " : {e} to f32\nlinalg.yield %y : f32";
  };
  result =
      fill(result, {{"multiply", isNarrow ? "%aw = arith.extf %a : {e} to f32\n"
                                            "%bw = arith.extf %b : {e} to f32\n"
                                            "%t = arith.mulf %aw, %bw : f32"
                                          : "%t = arith.mulf %a, %b : f32"},
                    {"widen shown", yield("shown", false)},
                    {"round a", yield("a", true)},
                    {"round d", yield("d", true)}});
  return fill(result, {{"e", e},
                       {"i", isDynamic ? "?" : "{n}"},
                       {"j", isDynamic ? "?" : "{2n+5}"}});
}

std::vector<LinalgSpecimen> sennit::test::makeSoftmaxes() {
  std::vector<LinalgSpecimen> all;
  for (bool isDynamic : {false, true})
    for (auto [element, type, tolerance] :
         {std::tuple("f32", Element::F32, 1e-5),
          std::tuple("f16", Element::F16, 1e-3),
          std::tuple("bf16", Element::BF16, 6e-3)}) {
      Softmax softmax{"attention_of_" + std::string(element) +
                          (isDynamic ? "_counted_at_run_time" : "_masked"),
                      element, type, isDynamic, tolerance};
      LinalgSpecimen specimen;
      specimen.name = softmax.name;
      specimen.text = write(softmax);
      specimen.arguments = [=](int64_t n, Random &random) {
        Tensors in{random.normal({n, heads, width}, 1, softmax.type),
                   random.normal({2 * n + 5, heads, width}, 1, softmax.type),
                   random.normal({2 * n + 5, heads, columns}, 1, softmax.type)};
        if (!softmax.isDynamic)
          in.push_back(random.normal({n, 2 * n + 5}, 1, softmax.type));
        return in;
      };
      specimen.formula = [](int64_t, const Tensors &in) { return attend(in); };
      specimen.tolerances = {softmax.tolerance};
      all.push_back(std::move(specimen));
    }
  return all;
}
