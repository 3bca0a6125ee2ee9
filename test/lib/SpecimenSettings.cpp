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
    unsigned next = 2;
    for (auto [slot, has] :
         {std::pair(&value, !setting.sharesValue),
          std::pair(&keyCache, setting.hasState),
          std::pair(&valueCache, setting.hasState && !setting.sharesValue),
          std::pair(&past, setting.hasPast || setting.hasState),
          std::pair(&lengths, setting.hasLengths),
          std::pair(&sinks, setting.hasSinks),
          std::pair(&pages, setting.pageRows != 0),
          std::pair(&bias, setting.hasScore),
          std::pair(&documents, setting.hasScore)})
      *slot = has ? next++ : 0;
  }
  unsigned value, keyCache, valueCache, past, lengths, sinks, pages, bias,
      documents;
};
} // namespace

static int64_t countSequences(const AttentionSetting &setting) {
  return std::max<int64_t>(1, setting.batch);
}

/// Pages of the pool: those of the sequences, and one that is nobody's.
static int64_t countPages(const AttentionSetting &setting) {
  return countSequences(setting) * (kCapacity / setting.pageRows) + 1;
}

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
  std::string states = setting.sharesValue ? "{KC}" : "{KC}, {VC}";
  if (!setting.sharesValue)
    arguments += ", %v: {V}";
  if (setting.hasState)
    arguments += ", %kc: {KC}";
  if (setting.hasState && !setting.sharesValue)
    arguments += ", %vc: {VC}";
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
    clauses += std::string(" state(") +
               (setting.sharesValue ? "%kc" : "%kc, %vc") + " : " + states +
               ")";
    results += setting.sharesValue ? ", %kn" : ", %kn, %vn";
    types += ", " + states;
  }
  if (setting.pageRows) {
    arguments += ", %pages: {P}";
    clauses += " pages(%pages : {P})";
  }
  if (setting.hasScore)
    arguments +=
        ", %bias: tensor<{hq}x{keys}xf32>, %documents: tensor<{keys}xi32>";
  std::string attributes = "scale = 0.375 : f32";
  if (setting.sharesValue)
    attributes += ", value_width = " + str(setting.valueWidth);
  if (setting.left)
    attributes += ", window_left = " + str(*setting.left);
  if (setting.right)
    attributes += ", window_right = " + str(*setting.right);
  std::string batch = setting.batch ? str(setting.batch) + "x" : "";
  std::string value = setting.sharesValue ? "" : ", %v",
              valueType = setting.sharesValue ? "" : ", {V}";
  std::string cache =
      setting.pageRows ? str(countPages(setting)) + "x" + str(setting.pageRows)
                       : batch + "{keys}";
  return fill(
      "func.func @run(%q: {Q}, %k: {K}" + arguments + ") -> (" + types +
          ") {\n" + results + " = seq.attention %q, %k" + value + clauses +
          spellScore(setting) + " {" + attributes + "} : {Q}, {K}" + valueType +
          "\nreturn " + results + " : " + types + "\n}",
      {{"Q", "tensor<" + batch + "{t}x{hq}x{dk}xf32>"},
       {"K", "tensor<" + batch + "{n}x{h}x{dk}xf32>"},
       {"V", "tensor<" + batch + "{n}x{h}x{dv}xf32>"},
       {"O", "tensor<" + batch + "{t}x{hq}x{dv}xf32>"},
       {"KC", "tensor<" + cache + "x{h}x{dk}xf32>"},
       {"VC", "tensor<" + cache + "x{h}x{dv}xf32>"},
       {"P", "tensor<" + batch + "{pages}xi32>"},
       {"pages", setting.pageRows ? str(kCapacity / setting.pageRows) : ""},
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
      : setting(setting), in(in), slots(setting), keys(in[1]),
        values(setting.sharesValue ? in[1] : in[slots.value]),
        tokens(in[0].extent(setting.batch ? 1 : 0)) {}

  Tensors evaluate() {
    if (setting.hasState) {
      keys = appended(in[1], in[slots.keyCache]);
      values = setting.sharesValue
                   ? keys
                   : appended(in[slots.value], in[slots.valueCache]);
    }
    std::vector<int64_t> shape = in[0].shape;
    shape.back() = setting.valueWidth;
    Tensor output(Element::F32, shape);
    for (int64_t b = 0; b != batch(); ++b)
      for (int64_t t = 0; t != tokens; ++t)
        for (int64_t h = 0; h != setting.queryHeads; ++h)
          attend(b, t, h, output);
    if (!setting.hasState)
      return {output};
    if (setting.sharesValue)
      return {output, stored(keys, in[slots.keyCache])};
    return {output, stored(keys, in[slots.keyCache]),
            stored(values, in[slots.valueCache])};
  }

private:
  int64_t batch() const { return countSequences(setting); }

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

  /// Where row j of a sequence lies in a pool, counted in rows.
  int64_t place(int64_t b, int64_t j) const {
    int64_t rows = setting.pageRows, each = kCapacity / rows;
    return in[slots.pages].values[b * each + j / rows] * rows + j % rows;
  }

  /// The rows of a cache as they stand in sequences, and the way back.
  Tensor dense(const Tensor &cache) const {
    if (!setting.pageRows)
      return cache;
    int64_t size = cache.shape[2] * cache.shape[3];
    Tensor rows(Element::F32,
                {batch(), kCapacity, cache.shape[2], cache.shape[3]});
    for (int64_t b = 0; b != batch(); ++b)
      for (int64_t j = 0; j != kCapacity; ++j)
        std::copy_n(&cache.values[place(b, j) * size], size,
                    &rows.values[(b * kCapacity + j) * size]);
    return rows;
  }
  Tensor stored(const Tensor &rows, Tensor cache) const {
    if (!setting.pageRows)
      return rows;
    int64_t size = cache.shape[2] * cache.shape[3];
    for (int64_t b = 0; b != batch(); ++b)
      for (int64_t j = 0; j != kCapacity; ++j)
        std::copy_n(&rows.values[(b * kCapacity + j) * size], size,
                    &cache.values[place(b, j) * size]);
    return cache;
  }

  Tensor appended(const Tensor &rows, const Tensor &cache) const {
    Tensor all = dense(cache);
    for (int64_t b = 0; b != batch(); ++b)
      for (int64_t t = 0; t != tokens; ++t)
        for (int64_t h = 0; h != setting.heads; ++h)
          for (int64_t d = 0; d != rows.shape.back(); ++d)
            at(all, b, past(b) + t, h, d) = at(rows, b, t, h, d);
    return all;
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

/// Pages in no order; page 0 is nobody's.
static Tensor makePages(const AttentionSetting &setting) {
  int64_t each = kCapacity / setting.pageRows, count = countPages(setting) - 1;
  std::vector<int64_t> shape{each};
  if (setting.batch)
    shape.insert(shape.begin(), setting.batch);
  Tensor pages(Element::I32, shape);
  // 7 divides no count of pages used here.
  for (int64_t i = 0; i != count; ++i)
    pages.values[i] = 1 + (7 * i + 3) % count;
  return pages;
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
             tensor(rows, setting.heads, setting.keyWidth)};
  if (!setting.sharesValue)
    in.push_back(tensor(rows, setting.heads, setting.valueWidth));
  auto cache = [&](int64_t width) {
    return setting.pageRows
               ? random.normal({countPages(setting), setting.pageRows,
                                setting.heads, width})
               : tensor(keys, setting.heads, width);
  };
  if (setting.hasState)
    in.push_back(cache(setting.keyWidth));
  if (setting.hasState && !setting.sharesValue)
    in.push_back(cache(setting.valueWidth));
  // Without a cache, some sequences begin before their first key.
  if (setting.hasState)
    in.push_back(makeNumbers(setting, past, 3));
  else if (setting.hasPast)
    in.push_back(makeNumbers(setting, past, -4));
  if (setting.hasLengths)
    in.push_back(makeNumbers(setting, 2 + past, 9));
  if (setting.hasSinks)
    in.push_back(random.normal({setting.queryHeads}));
  if (setting.pageRows)
    in.push_back(makePages(setting));
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
  Slots slots(setting);
  for (unsigned slot : {slots.keyCache, slots.valueCache})
    if (slot) {
      specimen.tolerances.push_back(0);
      specimen.stateArguments.push_back(slot);
      specimen.stateResults.push_back(specimen.tolerances.size() - 1);
    }
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
  // The sequences are tokens, and their keys the rows of earlier layers.
  AttentionSetting layers{"over_a_depth_axis", 3, 3, 9, 7};
  layers.keys = 5;
  layers.batch = 4;
  AttentionSetting latent{"of_latent_keys", 8, 1, 24, 16};
  latent.sharesValue = true;
  latent.right = 0;
  AttentionSetting cachedLatent = latent;
  cachedLatent.name = "of_a_latent_cache";
  cachedLatent.hasState = true;
  AttentionSetting paged = everything;
  paged.name = "with_pages_and_everything";
  paged.pageRows = 16;
  AttentionSetting oddPages = plain;
  oddPages.name = "with_pages_of_20_rows";
  oddPages.pageRows = 20;
  oddPages.hasState = true;
  oddPages.right = 0;
  std::vector<Specimen> all;
  for (const AttentionSetting &setting :
       {layers, latent, cachedLatent, paged, oddPages, plain, causal, wide,
        banded, scored, batched, ragged, cached, sinks, everything})
    all.push_back(makeAttention(setting));
  return all;
}
