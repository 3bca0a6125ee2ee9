// Attention's settings under test, with their formula in f64: batches, ragged
// sequences, windows, sinks, score regions, with and without caches.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/lib/Specimen.h"

#include <cmath>
#include <limits>

using namespace sennit::test;

using Tensors = std::vector<Tensor>;

static constexpr double kScale = 0.375, kCap = 1.5;
static constexpr int64_t kCapacity = 160;

static std::string str(int64_t value) { return std::to_string(value); }

/// The arguments in their order: query, key, value, caches, then what the
/// setting has.
namespace {
struct Slots {
  explicit Slots(const AttentionSetting &setting) {
    unsigned next = setting.hasState ? 5 : 3;
    for (auto [slot, has] :
         {std::pair(&past, setting.hasPast || setting.hasState),
          std::pair(&lengths, setting.hasLengths),
          std::pair(&sinks, setting.hasSinks),
          std::pair(&bias, setting.hasScore),
          std::pair(&documents, setting.hasScore)})
      *slot = has ? next++ : 0;
  }
  unsigned past, lengths, sinks, bias, documents;
};
} // namespace

static std::string spellScore(const AttentionSetting &setting) {
  if (!setting.hasScore)
    return "";
  // Soft-cap, a bias a head and key, documents by key, a hole in a pattern.
  return fill(R"( captures(%bias, %documents : {B}, {D}) score {
      ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %x: {B}, %d: {D}):
        %cap = arith.constant 1.5 : f32
        %small = arith.divf %s, %cap : f32
        %bent = math.tanh %small : f32
        %capped = arith.mulf %bent, %cap : f32
        %added = tensor.extract %x[%h, %j] : {B}
        %biased = arith.addf %capped, %added : f32
        %document = tensor.extract %d[%j] : {D}
        %c2 = arith.constant 2 : i32
        %other = arith.cmpi eq, %document, %c2 : i32
        %place = arith.addi %i, %j : index
        %c5 = arith.constant 5 : index
        %rest = arith.remui %place, %c5 : index
        %c3 = arith.constant 3 : index
        %hole = arith.cmpi eq, %rest, %c3 : index
        %hidden = arith.ori %other, %hole : i1
        %none = arith.constant 0xFF800000 : f32
        %y = arith.select %hidden, %none, %biased : f32
        seq.yield %y : f32
      })",
              {{"B", "tensor<{hq}x{keys}xf32>"}, {"D", "tensor<{keys}xi32>"}});
}

static std::string spellAttention(const AttentionSetting &setting,
                                  const std::string &tokens) {
  std::string arguments, clauses, results = "%o", types = "{O}";
  std::string past = setting.batch ? "tensor<{b}xi32>" : "index";
  if (setting.hasState)
    arguments += ", %kc: {KC}, %vc: {VC}";
  if (setting.hasPast || setting.hasState) {
    arguments += ", %past: " + past;
    clauses += " past(%past : " + past + ")";
  }
  if (setting.hasLengths) {
    arguments += ", %lengths: " + past;
    clauses += " lengths(%lengths : " + past + ")";
  }
  if (setting.hasSinks) {
    arguments += ", %sinks: tensor<{hq}xf32>";
    clauses += " sinks(%sinks : tensor<{hq}xf32>)";
  }
  if (setting.hasState) {
    clauses += " state(%kc, %vc : {KC}, {VC})";
    results += ", %kn, %vn";
    types += ", {KC}, {VC}";
  }
  if (setting.hasScore)
    arguments +=
        ", %bias: tensor<{hq}x{keys}xf32>, %documents: tensor<{keys}xi32>";
  std::string attributes = "scale = 0.375 : f32";
  if (setting.left)
    attributes += ", window_left = " + str(*setting.left);
  if (setting.right)
    attributes += ", window_right = " + str(*setting.right);
  std::string batch = setting.batch ? str(setting.batch) + "x" : "";
  return fill("func.func @run(%q: {Q}, %k: {K}, %v: {V}" + arguments +
                  ") -> (" + types + ") {\n" + results +
                  (setting.hasState ? "" : "") + " = seq.attention %q, %k, %v" +
                  clauses + spellScore(setting) + " {" + attributes +
                  "} : {Q}, {K}, {V}\nreturn " + results + " : " + types +
                  "\n}",
              {{"Q", "tensor<" + batch + "{t}x{hq}x{dk}xf32>"},
               {"K", "tensor<" + batch + "{n}x{h}x{dk}xf32>"},
               {"V", "tensor<" + batch + "{n}x{h}x{dv}xf32>"},
               {"O", "tensor<" + batch + "{t}x{hq}x{dv}xf32>"},
               {"KC", "tensor<" + batch + "{keys}x{h}x{dk}xf32>"},
               {"VC", "tensor<" + batch + "{keys}x{h}x{dv}xf32>"},
               {"n", setting.hasState ? "{t}" : "{keys}"},
               {"keys", str(setting.hasState ? kCapacity : setting.keys)},
               {"b", str(setting.batch)},
               {"t", tokens},
               {"hq", str(setting.queryHeads)},
               {"h", str(setting.heads)},
               {"dk", str(setting.keyWidth)},
               {"dv", str(setting.valueWidth)}});
}

namespace {
/// One call, element by element; tensors are addressed as if batched.
class Formula {
public:
  Formula(const AttentionSetting &setting, const Tensors &in)
      : setting(setting), in(in), slots(setting), keys(in[1]), values(in[2]),
        tokens(in[0].extent(setting.batch ? 1 : 0)) {}

  Tensors evaluate() {
    if (setting.hasState) {
      keys = in[3];
      values = in[4];
      append(in[1], keys);
      append(in[2], values);
    }
    std::vector<int64_t> shape = in[0].shape;
    shape.back() = setting.valueWidth;
    Tensor output(Element::F32, shape);
    for (int64_t b = 0; b != batch(); ++b)
      for (int64_t t = 0; t != tokens; ++t)
        for (int64_t h = 0; h != setting.queryHeads; ++h)
          attend(b, t, h, output);
    if (setting.hasState)
      return {output, keys, values};
    return {output};
  }

private:
  int64_t batch() const { return std::max<int64_t>(1, setting.batch); }

  static double &at(Tensor &tensor, int64_t b, int64_t t, int64_t h,
                    int64_t d) {
    size_t rank = tensor.shape.size();
    int64_t rows = tensor.shape[rank - 3], heads = tensor.shape[rank - 2];
    return tensor
        .values[((b * rows + t) * heads + h) * tensor.shape[rank - 1] + d];
  }
  static double at(const Tensor &tensor, int64_t b, int64_t t, int64_t h,
                   int64_t d) {
    return at(const_cast<Tensor &>(tensor), b, t, h, d);
  }

  int64_t past(int64_t b) const {
    return slots.past ? in[slots.past].values[setting.batch ? b : 0] : 0;
  }

  void append(const Tensor &rows, Tensor &cache) const {
    for (int64_t b = 0; b != batch(); ++b)
      for (int64_t t = 0; t != tokens; ++t)
        for (int64_t h = 0; h != setting.heads; ++h)
          for (int64_t d = 0; d != rows.shape.back(); ++d)
            at(cache, b, past(b) + t, h, d) = at(rows, b, t, h, d);
  }

  bool isSeen(int64_t b, int64_t t, int64_t j) const {
    int64_t position = past(b) + t;
    int64_t existing = setting.hasState ? past(b) + tokens : setting.keys;
    if (setting.hasLengths)
      existing = std::min<int64_t>(
          existing, in[slots.lengths].values[setting.batch ? b : 0]);
    return j < existing && (!setting.left || j >= position - *setting.left) &&
           (!setting.right || j <= position + *setting.right);
  }

  double score(int64_t b, int64_t t, int64_t h, int64_t j) const {
    double sum = 0;
    int64_t head = h / (setting.queryHeads / setting.heads);
    for (int64_t d = 0; d != setting.keyWidth; ++d)
      sum += at(in[0], b, t, h, d) * at(keys, b, j, head, d);
    sum *= kScale;
    if (!setting.hasScore)
      return sum;
    if (in[slots.documents](j) == 2 || (t + j) % 5 == 3)
      return -std::numeric_limits<double>::infinity();
    return kCap * std::tanh(sum / kCap) + in[slots.bias](h, j);
  }

  void attend(int64_t b, int64_t t, int64_t h, Tensor &output) const {
    double infinity = std::numeric_limits<double>::infinity();
    double maximum = setting.hasSinks ? in[slots.sinks](h) : -infinity;
    std::vector<std::pair<int64_t, double>> scores;
    for (int64_t j = 0; j != keys.shape[keys.shape.size() - 3]; ++j)
      if (isSeen(b, t, j)) {
        double s = score(b, t, h, j);
        if (s == -infinity)
          continue;
        scores.push_back({j, s});
        maximum = std::max(maximum, s);
      }
    double sum = setting.hasSinks ? std::exp(in[slots.sinks](h) - maximum) : 0;
    for (auto &[j, s] : scores)
      sum += s = std::exp(s - maximum);
    int64_t head = h / (setting.queryHeads / setting.heads);
    for (auto [j, s] : scores)
      for (int64_t d = 0; d != setting.valueWidth; ++d)
        at(output, b, t, h, d) += s / sum * at(values, b, j, head, d);
  }

  const AttentionSetting &setting;
  const Tensors &in;
  Slots slots;
  Tensor keys, values;
  int64_t tokens;
};
} // namespace

/// One number a sequence, or an index for the only one.
static Tensor makeNumbers(const AttentionSetting &setting, int64_t first,
                          int64_t step) {
  if (!setting.batch)
    return Tensor::index(first);
  Tensor numbers(Element::I32, {setting.batch});
  for (int64_t b = 0; b != setting.batch; ++b)
    numbers(b) = first + b * step;
  return numbers;
}

static Tensors makeArguments(const AttentionSetting &setting, int64_t tokens,
                             int64_t past, uint64_t seed) {
  Random random(seed);
  auto tensor = [&](int64_t rows, int64_t heads, int64_t width) {
    std::vector<int64_t> shape{rows, heads, width};
    if (setting.batch)
      shape.insert(shape.begin(), setting.batch);
    return random.normal(shape);
  };
  int64_t keys = setting.hasState ? kCapacity : setting.keys;
  int64_t rows = setting.hasState ? tokens : keys;
  Tensors in{tensor(tokens, setting.queryHeads, setting.keyWidth),
             tensor(rows, setting.heads, setting.keyWidth),
             tensor(rows, setting.heads, setting.valueWidth)};
  if (setting.hasState) {
    in.push_back(tensor(keys, setting.heads, setting.keyWidth));
    in.push_back(tensor(keys, setting.heads, setting.valueWidth));
  }
  // Without a cache, some sequences begin before their first key.
  if (setting.hasState)
    in.push_back(makeNumbers(setting, past, 3));
  else if (setting.hasPast)
    in.push_back(makeNumbers(setting, past, -4));
  if (setting.hasLengths)
    in.push_back(makeNumbers(setting, 2 + past, 9));
  if (setting.hasSinks)
    in.push_back(random.normal({setting.queryHeads}));
  if (setting.hasScore) {
    in.push_back(random.normal({setting.queryHeads, keys}));
    in.push_back(random.below(4, {keys}));
  }
  return in;
}

Specimen sennit::test::makeAttention(AttentionSetting setting) {
  Specimen specimen;
  specimen.name = "attention_" + setting.name;
  specimen.hasStaticTokens = setting.batch != 0;
  specimen.text = [=](const std::string &tokens) {
    return spellAttention(setting, tokens);
  };
  specimen.arguments = [=](int64_t tokens, int64_t past, uint64_t seed) {
    return makeArguments(setting, tokens, past, seed);
  };
  specimen.formula = [=](const Tensors &in) {
    return Formula(setting, in).evaluate();
  };
  specimen.tolerances = {3e-6};
  if (!setting.hasState)
    return specimen;
  specimen.tolerances = {3e-6, 0, 0};
  specimen.stateArguments = {3, 4};
  specimen.stateResults = {1, 2};
  return specimen;
}

std::vector<Specimen> sennit::test::makeAttentionSettings() {
  AttentionSetting plain{"without_cache", 6, 3, 10, 7};
  AttentionSetting causal = plain, wide = plain, banded = plain, scored = plain,
                   ragged = plain, batched = plain, cached = plain,
                   everything = plain;
  causal.name = "causal_without_cache";
  causal.right = 0;
  wide = {"of_40_heads_on_1", 40, 1, 9, 16};
  wide.right = 0;
  banded.name = "in_a_band";
  banded.left = 3;
  banded.right = 2;
  banded.hasPast = true;
  scored.name = "with_score_region";
  scored.hasScore = true;
  batched.name = "in_a_batch";
  batched.batch = 3;
  batched.right = 0;
  ragged = batched;
  ragged.name = "of_ragged_sequences";
  ragged.hasPast = ragged.hasLengths = true;
  cached = batched;
  cached.name = "with_caches_of_a_batch";
  cached.hasState = true;
  everything = cached;
  everything.name = "with_everything";
  everything.hasScore = everything.hasSinks = true;
  everything.left = 30;
  AttentionSetting sinks = causal;
  sinks.name = "with_sinks";
  sinks.hasSinks = true;
  std::vector<Specimen> all;
  for (const AttentionSetting &setting :
       {plain, causal, wide, banded, scored, batched, ragged, cached, sinks,
        everything})
    all.push_back(makeAttention(setting));
  return all;
}
