// Random braids of the ops: normalised layers of attention, recurrences,
// convolution and experts, each added to what it reads.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/lib/Specimen.h"

#include <cmath>

using namespace sennit::test;

using Tensors = std::vector<Tensor>;

static std::string str(int64_t value) { return std::to_string(value); }

namespace {
/// Writes the text of a hybrid and notes what arguments it takes. Types have
/// {t} for the extent of tokens, lines %n for their number.
class Hybrid {
public:
  Hybrid(uint64_t seed, int64_t capacity)
      : random(seed), capacity(capacity), width(5 + random.below(20)) {
    define("x", rows(width), Kind::Tokens, {width}, 1);
    define("past", "index", Kind::Past, {}, 0);
    current = "%x";
    int64_t layers = 2 + random.below(3);
    for (int64_t layer = 0; layer != layers; ++layer)
      addLayer();
  }

  Specimen make(const std::string &name) const;

private:
  enum class Kind { Tokens, Past, Weight, Negative, State };
  struct Argument {
    std::string name, type;
    Kind kind;
    /// Without the tokens.
    std::vector<int64_t> shape;
    double deviation;
  };

  static std::string rows(int64_t width) {
    return "tensor<{t}x" + str(width) + "xf32>";
  }
  static std::string heads(int64_t count, int64_t width) {
    return "tensor<{t}x" + str(count) + "x" + str(width) + "xf32>";
  }
  static std::string typeOf(const std::vector<int64_t> &shape) {
    std::string type = "tensor<";
    for (int64_t extent : shape)
      type += str(extent) + "x";
    return type + "f32>";
  }

  std::string define(const std::string &name, const std::string &type,
                     Kind kind, std::vector<int64_t> shape, double deviation) {
    arguments.push_back({"%" + name, type, kind, shape, deviation});
    return "%" + name;
  }
  std::string weight(std::vector<int64_t> shape, Kind kind = Kind::Weight) {
    double deviation = 1 / std::sqrt(double(shape.back()));
    return define("w" + str(arguments.size()), typeOf(shape), kind, shape,
                  deviation);
  }
  std::string state(std::vector<int64_t> shape) {
    return define("s" + str(arguments.size()), typeOf(shape), Kind::State,
                  shape, 0.5);
  }
  std::string fresh() { return "%v" + str(values++); }

  /// Appends a line; {name} is replaced by its value.
  void
  emit(const std::string &line,
       std::initializer_list<std::pair<std::string, std::string>> replacing) {
    body += "    " + fill(line, replacing) + "\n";
  }

  std::string empty(const std::string &type);
  std::string map(const std::string &input, int64_t width,
                  const std::string &lines);
  std::string project(const std::string &input, int64_t from, int64_t to);
  std::string split(const std::string &input, int64_t count, int64_t each);
  std::string join(const std::string &input, int64_t count, int64_t each);
  std::string normalise(const std::string &input);
  std::string add(const std::string &a, const std::string &b);
  void addLayer();
  std::string addAttention(const std::string &input);
  std::string addScan(const std::string &input);
  std::string addLinearAttention(const std::string &input);
  std::string addConv(const std::string &input);
  std::string addExperts(const std::string &input);

  Random random;
  int64_t capacity, width, values = 0;
  std::vector<Argument> arguments;
  std::vector<std::string> after;
  std::string body, current;
};
} // namespace

//===----------------------------------------------------------------------===//
// What is between the ops
//===----------------------------------------------------------------------===//

std::string Hybrid::empty(const std::string &type) {
  std::string value = fresh();
  emit("{v} = tensor.empty({count}) : {T}", {{"v", value}, {"T", type}});
  return value;
}

/// An elementwise function: `lines` make %y of %a.
std::string Hybrid::map(const std::string &input, int64_t columns,
                        const std::string &lines) {
  std::string out = empty(rows(columns)), value = fresh();
  emit(
      R"({v} = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]}
        ins({x} : {T}) outs({o} : {T}) {
    ^bb0(%a: f32, %old: f32):
      {lines}
      linalg.yield %y : f32
    } -> {T})",
      {{"v", value},
       {"x", input},
       {"o", out},
       {"lines", lines},
       {"T", rows(columns)}});
  return value;
}

std::string Hybrid::project(const std::string &input, int64_t from,
                            int64_t to) {
  std::string out = empty(rows(to)), zeros = fresh(), value = fresh();
  emit("{z} = linalg.fill ins(%zero : f32) outs({o} : {T}) -> {T}",
       {{"z", zeros}, {"o", out}, {"T", rows(to)}});
  emit(R"({v} = linalg.matmul indexing_maps = [#left, #right, #product]
      ins({x}, {w} : {X}, {W}) outs({z} : {T}) -> {T})",
       {{"v", value},
        {"x", input},
        {"w", weight({to, from})},
        {"X", rows(from)},
        {"W", typeOf({to, from})},
        {"z", zeros},
        {"T", rows(to)}});
  return value;
}

std::string Hybrid::split(const std::string &input, int64_t count,
                          int64_t each) {
  std::string value = fresh();
  emit("{v} = tensor.expand_shape {x} [[0], [1, 2]] output_shape "
       "[{extent}, {h}, {d}] : {X} into {T}",
       {{"v", value},
        {"x", input},
        {"h", str(count)},
        {"d", str(each)},
        {"X", rows(count * each)},
        {"T", heads(count, each)}});
  return value;
}

std::string Hybrid::join(const std::string &input, int64_t count,
                         int64_t each) {
  std::string value = fresh();
  emit("{v} = tensor.collapse_shape {x} [[0], [1, 2]] : {X} into {T}",
       {{"v", value},
        {"x", input},
        {"X", heads(count, each)},
        {"T", rows(count * each)}});
  return value;
}

/// Root mean square norm, without weights.
std::string Hybrid::normalise(const std::string &input) {
  std::string squares = fresh(), zeros = fresh(), value = fresh();
  std::string column = empty("tensor<{t}xf32>"), out = empty(rows(width));
  emit("{z} = linalg.fill ins(%zero : f32) outs({o} : tensor<{t}xf32>) -> "
       "tensor<{t}xf32>",
       {{"z", zeros}, {"o", column}});
  emit(
      R"({s} = linalg.generic {indexing_maps = [#row, #column], iterator_types = ["parallel", "reduction"]}
        ins({x} : {T}) outs({z} : tensor<{t}xf32>) {
    ^bb0(%a: f32, %sum: f32):
      %square = arith.mulf %a, %a : f32
      %y = arith.addf %sum, %square : f32
      linalg.yield %y : f32
    } -> tensor<{t}xf32>)",
      {{"s", squares}, {"x", input}, {"z", zeros}, {"T", rows(width)}});
  emit(
      R"({v} = linalg.generic {indexing_maps = [#row, #column, #row], iterator_types = ["parallel", "parallel"]}
        ins({x}, {s} : {T}, tensor<{t}xf32>) outs({o} : {T}) {
    ^bb0(%a: f32, %sum: f32, %old: f32):
      %width = arith.constant {d}.0 : f32
      %small = arith.constant 1.0e-5 : f32
      %mean = arith.divf %sum, %width : f32
      %safe = arith.addf %mean, %small : f32
      %scale = math.rsqrt %safe : f32
      %y = arith.mulf %a, %scale : f32
      linalg.yield %y : f32
    } -> {T})",
      {{"v", value},
       {"x", input},
       {"s", squares},
       {"o", out},
       {"d", str(width)},
       {"T", rows(width)}});
  return value;
}

std::string Hybrid::add(const std::string &a, const std::string &b) {
  std::string out = empty(rows(width)), value = fresh();
  emit(
      R"({v} = linalg.generic {indexing_maps = [#row, #row, #row], iterator_types = ["parallel", "parallel"]}
        ins({a}, {b} : {T}, {T}) outs({o} : {T}) {
    ^bb0(%a: f32, %b: f32, %old: f32):
      %y = arith.addf %a, %b : f32
      linalg.yield %y : f32
    } -> {T})",
      {{"v", value}, {"a", a}, {"b", b}, {"o", out}, {"T", rows(width)}});
  return value;
}

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

std::string Hybrid::addAttention(const std::string &input) {
  int64_t groups = 1 + random.below(3), each = 1 + random.below(3);
  int64_t queries = groups * each, key = 3 + random.below(9),
          wide = 3 + random.below(9);
  std::string q = split(project(input, width, queries * key), queries, key);
  std::string k = split(project(input, width, groups * key), groups, key);
  std::string v = split(project(input, width, groups * wide), groups, wide);
  std::string keys = state({capacity, groups, key});
  std::string valuesBefore = state({capacity, groups, wide});
  std::string value = fresh(), settings;
  if (random.below(2))
    settings += ", window_left = " + str(random.below(40));
  std::string sinks, score;
  if (random.below(2))
    sinks = fill("sinks({s} : {S})",
                 {{"s", weight({queries})}, {"S", typeOf({queries})}});
  if (random.below(2))
    score = R"(score {
      ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
        %cap = arith.constant 1.5 : f32
        %small = arith.divf %s, %cap : f32
        %bent = math.tanh %small : f32
        %y = arith.mulf %bent, %cap : f32
        seq.yield %y : f32
      })";
  emit(R"({v}:3 = seq.attention {q}, {k}, {x} past(%past : index) {sinks}
      state({kc}, {vc} : {KC}, {VC}) {score}
      {scale = 0.25 : f32, window_right = 0{settings}} : {Q}, {K}, {X})",
       {{"v", value},
        {"q", q},
        {"k", k},
        {"x", v},
        {"kc", keys},
        {"vc", valuesBefore},
        {"sinks", sinks},
        {"score", score},
        {"settings", settings},
        {"Q", heads(queries, key)},
        {"K", heads(groups, key)},
        {"X", heads(groups, wide)},
        {"KC", typeOf({capacity, groups, key})},
        {"VC", typeOf({capacity, groups, wide})}});
  after.push_back(value + "#1");
  after.push_back(value + "#2");
  return project(join(value + "#0", queries, wide), queries * wide, width);
}

std::string Hybrid::addScan(const std::string &input) {
  int64_t channels = 5 + random.below(30), states = 1 + random.below(17);
  std::string u = project(input, width, channels);
  std::string delta = map(project(input, width, channels), channels,
                          R"(%two = arith.constant 2.0 : f32
      %low = arith.subf %a, %two : f32
      %y = math.exp %low : f32)");
  std::string b = project(input, width, states);
  std::string c = project(input, width, states);
  std::string a = weight({channels, states}, Kind::Negative);
  std::string before = state({channels, states}), value = fresh();
  emit("{v}:2 = seq.selective_scan {u}, {delta}, {a}, {b}, {c} state({s}) : "
       "{U}, {U}, {A}, {B}, {B}, {A}",
       {{"v", value},
        {"u", u},
        {"delta", delta},
        {"a", a},
        {"b", b},
        {"c", c},
        {"s", before},
        {"U", rows(channels)},
        {"A", typeOf({channels, states})},
        {"B", rows(states)}});
  after.push_back(value + "#1");
  return project(value + "#0", channels, width);
}

std::string Hybrid::addLinearAttention(const std::string &input) {
  int64_t groups = 1 + random.below(3), each = 1 + random.below(3);
  int64_t count = groups * each, key = 3 + random.below(9),
          wide = 3 + random.below(9);
  std::string q = split(project(input, width, groups * key), groups, key);
  std::string k = split(project(input, width, groups * key), groups, key);
  std::string v = split(project(input, width, count * wide), count, wide);
  std::string decay = map(project(input, width, count), count,
                          R"(%e = math.exp %a : f32
      %y = arith.negf %e : f32)");
  std::string before = state({count, key, wide}), value = fresh();
  emit(R"({v}:2 = seq.linear_attention gated {q}, {k}, {x} decay({g} : {G})
      state({s}) {scale = 0.25 : f32} : {Q}, {Q}, {X}, {S})",
       {{"v", value},
        {"q", q},
        {"k", k},
        {"x", v},
        {"g", decay},
        {"s", before},
        {"G", rows(count)},
        {"Q", heads(groups, key)},
        {"X", heads(count, wide)},
        {"S", typeOf({count, key, wide})}});
  after.push_back(value + "#1");
  return project(join(value + "#0", count, wide), count * wide, width);
}

std::string Hybrid::addConv(const std::string &input) {
  int64_t taps = 2 + random.below(4);
  std::string w = weight({width, taps}), before = state({taps - 1, width});
  std::string value = fresh();
  emit("{v}:2 = seq.conv {x}, {w} state({s} : {S}) : {X}, {W}",
       {{"v", value},
        {"x", input},
        {"w", w},
        {"s", before},
        {"X", rows(width)},
        {"W", typeOf({width, taps})},
        {"S", typeOf({taps - 1, width})}});
  after.push_back(value + "#1");
  return map(value + "#0", width, R"(%one = arith.constant 1.0 : f32
      %minus = arith.negf %a : f32
      %e = math.exp %minus : f32
      %below = arith.addf %one, %e : f32
      %y = arith.divf %a, %below : f32)");
}

std::string Hybrid::addExperts(const std::string &input) {
  int64_t experts = 2 + random.below(6), topK = 1 + random.below(experts);
  std::string logits = project(input, width, experts);
  std::string routed = fresh(), placed = fresh(), made = fresh(),
              value = fresh();
  emit("{v}:2 = seq.route softmax {l} {renormalize} : {L} -> {W}, {E}",
       {{"v", routed},
        {"l", logits},
        {"L", rows(experts)},
        {"W", rows(topK)},
        {"E", "tensor<{t}x" + str(topK) + "xi32>"}});
  emit("{v}:3 = seq.dispatch {e}#1 : {E} -> {P}, {E}, {O}",
       {{"v", placed},
        {"e", routed},
        {"E", "tensor<{t}x" + str(topK) + "xi32>"},
        {"P", "tensor<{t*" + str(topK) + "}xi32>"},
        {"O", "tensor<" + str(experts + 1) + "xi32>"}});
  emit(
      R"({v} = seq.experts {x}, {w} offsets({p}#2) gather({p}#0 : {P}) top_k {k}
      : {X}, {W}, {O} -> {Y})",
      {{"v", made},
       {"x", input},
       {"w", weight({experts, width, width})},
       {"p", placed},
       {"P", "tensor<{t*" + str(topK) + "}xi32>"},
       {"k", str(topK)},
       {"X", rows(width)},
       {"W", typeOf({experts, width, width})},
       {"O", "tensor<" + str(experts + 1) + "xi32>"},
       {"Y", "tensor<{t*" + str(topK) + "}x" + str(width) + "xf32>"}});
  emit("{v} = seq.combine {y}, {r}#0, {p}#1 : {Y}, {W}, {E} -> {T}",
       {{"v", value},
        {"y", made},
        {"r", routed},
        {"p", placed},
        {"Y", "tensor<{t*" + str(topK) + "}x" + str(width) + "xf32>"},
        {"W", rows(topK)},
        {"E", "tensor<{t}x" + str(topK) + "xi32>"},
        {"T", rows(width)}});
  return value;
}

void Hybrid::addLayer() {
  using Add = std::string (Hybrid::*)(const std::string &);
  constexpr Add layers[] = {&Hybrid::addAttention, &Hybrid::addScan,
                            &Hybrid::addLinearAttention, &Hybrid::addConv,
                            &Hybrid::addExperts};
  Add layer = layers[random.below(std::size(layers))];
  current = add(current, (this->*layer)(normalise(current)));
}

//===----------------------------------------------------------------------===//
// The specimen
//===----------------------------------------------------------------------===//

/// Replaces {t}, {t*k}, and what else depends on the number of tokens.
static std::string settle(std::string text, const std::string &tokens) {
  bool known = tokens != "?";
  text = fill(std::move(text), {{"t", tokens},
                                {"extent", known ? tokens : "%n"},
                                {"count", known ? "" : "%n"},
                                {"renormalize", "renormalize"}});
  for (size_t at = text.find("{t*"); at != std::string::npos;
       at = text.find("{t*", at)) {
    size_t end = text.find('}', at);
    int64_t each = std::stoll(text.substr(at + 3, end - at - 3));
    text.replace(at, end - at + 1,
                 known ? str(std::stoll(tokens) * each) : "?");
  }
  return text;
}

Specimen Hybrid::make(const std::string &name) const {
  Specimen specimen;
  specimen.name = name;
  std::string head, results = rows(width), returned = current;
  specimen.tokenArguments = {0};
  specimen.tokenResults = {0};
  specimen.pastArgument = 1;
  specimen.tolerances = {1e-5};
  for (unsigned i = 0; i != arguments.size(); ++i) {
    head += (i ? ", " : "") + arguments[i].name + ": " + arguments[i].type;
    if (arguments[i].kind != Kind::State)
      continue;
    results += ", " + arguments[i].type;
    specimen.stateArguments.push_back(i);
    specimen.stateResults.push_back(specimen.stateResults.size() + 1);
    specimen.tolerances.push_back(1e-5);
  }
  for (const std::string &state : after)
    returned += ", " + state;
  std::string text = R"(
  #row = affine_map<(m, n) -> (m, n)>
  #column = affine_map<(m, n) -> (m)>
  #left = affine_map<(m, n, k) -> (m, k)>
  #right = affine_map<(m, n, k) -> (n, k)>
  #product = affine_map<(m, n, k) -> (m, n)>
  func.func @run()" + head +
                     ") -> (" + results +
                     R"() {
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %n = tensor.dim %x, %c0 : )" +
                     rows(width) + "\n" + body + "    return " + returned +
                     " : " + results + "\n  }";
  specimen.text = [text](const std::string &tokens) {
    return settle(text, tokens);
  };
  specimen.arguments = [taken = arguments](int64_t tokens, int64_t past,
                                           uint64_t seed) {
    Random random(seed);
    Tensors tensors;
    for (const Argument &argument : taken) {
      std::vector<int64_t> shape = argument.shape;
      if (argument.kind == Kind::Tokens)
        shape.insert(shape.begin(), tokens);
      tensors.push_back(argument.kind == Kind::Past
                            ? Tensor::index(past)
                            : random.normal(shape, argument.deviation));
      if (argument.kind == Kind::Negative)
        for (double &value : tensors.back().values)
          value = roundTo(Element::F32, -std::exp(value));
    }
    return tensors;
  };
  return specimen;
}

Specimen sennit::test::makeHybrid(uint64_t seed, int64_t capacity) {
  return Hybrid(seed, capacity).make("hybrid_" + std::to_string(seed));
}
