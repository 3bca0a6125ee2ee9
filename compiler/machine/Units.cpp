// Reads and writes units of measure.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/machine/Units.h"

#include <array>
#include <charconv>
#include <cmath>
#include <iterator>
#include <utility>

namespace sennit::machine {

Dimension Dimension::times(const Dimension &other, int sign) const {
  auto add = [&](int8_t a, int8_t b) { return int8_t(a + sign * b); };
  return {add(byte, other.byte),     add(op, other.op),
          add(second, other.second), add(clock, other.clock),
          add(joule, other.joule),   add(metre, other.metre)};
}

namespace {
struct Base {
  std::string_view name;
  double scale;
  Dimension dimension;
};
} // namespace

static constexpr Dimension bytes{1, 0, 0, 0, 0, 0}, ops{0, 1, 0, 0, 0, 0},
    seconds{0, 0, 1, 0, 0, 0}, clocks{0, 0, 0, 1, 0, 0},
    joules{0, 0, 0, 0, 1, 0}, metres{0, 0, 0, 0, 0, 1},
    hertz{0, 0, -1, 1, 0, 0}, watts{0, 0, -1, 0, 1, 0};

static constexpr Base bases[] = {
    {"B", 1, bytes},    {"b", 0.125, bytes}, {"bit", 0.125, bytes},
    {"flop", 1, ops},   {"FLOP", 1, ops},    {"op", 1, ops},
    {"OP", 1, ops},     {"inst", 1, ops},    {"s", 1, seconds},
    {"clk", 1, clocks}, {"Hz", 1, hertz},    {"J", 1, joules},
    {"W", 1, watts},    {"m", 1, metres},
};

static constexpr std::pair<std::string_view, double> prefixes[] = {
    {"", 1},
    {"f", 1e-15},
    {"p", 1e-12},
    {"n", 1e-9},
    {"u", 1e-6},
    {"m", 1e-3},
    {"k", 1e3},
    {"K", 1e3},
    {"M", 1e6},
    {"G", 1e9},
    {"T", 1e12},
    {"P", 1e15},
    {"Ki", 1024.0},
    {"Mi", 1024.0 * 1024},
    {"Gi", 1024.0 * 1024 * 1024},
    {"Ti", 1024.0 * 1024 * 1024 * 1024},
};

/// A prefix, a base, a power: `mm2`.
static std::optional<Value> parseTerm(std::string_view text) {
  int power = 1;
  if (!text.empty() && text.back() == '2') {
    power = 2;
    text.remove_suffix(1);
  }
  for (const Base &base : bases) {
    if (!text.ends_with(base.name))
      continue;
    std::string_view prefix = text.substr(0, text.size() - base.name.size());
    for (auto [name, scale] : prefixes) {
      if (name != prefix)
        continue;
      Value value{1, {}};
      for (int i = 0; i < power; ++i) {
        value.number *= scale * base.scale;
        value.dimension = value.dimension.times(base.dimension);
      }
      return value;
    }
  }
  return std::nullopt;
}

std::optional<Value> parseUnit(std::string_view text) {
  Value value{1, {}};
  for (int sign = 1;; sign = -1) {
    size_t slash = text.find('/');
    auto term = parseTerm(text.substr(0, slash));
    if (!term)
      return std::nullopt;
    value.number *= sign > 0 ? term->number : 1 / term->number;
    value.dimension = value.dimension.times(term->dimension, sign);
    if (slash == std::string_view::npos)
      return value;
    text.remove_prefix(slash + 1);
  }
}

/// Splits `4.8 TB/s` into the number and the unit's text.
static bool split(std::string_view text, double &number,
                  std::string_view &unit) {
  while (!text.empty() && text.front() == ' ')
    text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ')
    text.remove_suffix(1);
  auto [rest, error] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || !std::isfinite(number))
    return false;
  unit = text.substr(rest - text.data());
  while (!unit.empty() && unit.front() == ' ')
    unit.remove_prefix(1);
  return true;
}

std::optional<Value> parseValue(std::string_view text) {
  double number;
  std::string_view unit;
  if (!split(text, number, unit))
    return std::nullopt;
  if (unit.empty())
    return Value{number, {}};
  auto scale = parseUnit(unit);
  if (!scale)
    return std::nullopt;
  return Value{number * scale->number, scale->dimension};
}

std::string formatNumber(double number) {
  std::array<char, 32> buffer;
  auto [end, error] =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), number);
  return std::string(buffer.data(), end);
}

std::string normalizeValue(std::string_view text) {
  double number = 0;
  std::string_view unit;
  split(text, number, unit);
  std::string result = formatNumber(number);
  if (!unit.empty())
    result.append(" ").append(unit);
  return result;
}

std::string formatDimension(const Dimension &dimension) {
  std::string above, below;
  for (auto [name, power] : {std::pair<const char *, int>{"B", dimension.byte},
                             {"op", dimension.op},
                             {"J", dimension.joule},
                             {"m", dimension.metre},
                             {"clk", dimension.clock},
                             {"s", dimension.second}}) {
    std::string &side = power > 0 ? above : below;
    if (power == 0)
      continue;
    side += (power < 0 ? "/" : side.empty() ? "" : "*") + std::string(name);
    if (std::abs(power) > 1)
      side += std::to_string(std::abs(power));
  }
  if (above.empty() && below.empty())
    return "no unit";
  return (above.empty() ? "1" : above) + below;
}

namespace {
struct MeasureFacts {
  std::string_view description;
  Dimension dimension, alternative;
};
} // namespace

/// In the order of the enumeration.
static constexpr MeasureFacts measures[] = {
    {"a number with its unit", {}, {}},
    {"a number without a unit", {}, {}},
    {"a ratio such as `0.7`", {}, {}},
    {"a size such as `50 MiB`", bytes, bytes},
    {"a bandwidth such as `4.8 TB/s` or `128 B/clk`",
     {1, 0, -1, 0, 0, 0},
     {1, 0, 0, -1, 0, 0}},
    {"a time such as `600 ns` or `29 clk`", seconds, clocks},
    {"a rate such as `989 TFLOP/s` or `4096 flop/clk`",
     {0, 1, -1, 0, 0, 0},
     {0, 1, 0, -1, 0, 0}},
    {"a frequency such as `1.83 GHz`", hertz, hertz},
    {"a power such as `700 W`", watts, watts},
    {"an energy a byte such as `4.5 pJ/bit`",
     {-1, 0, 0, 0, 1, 0},
     {-1, 0, 0, 0, 1, 0}},
    {"an energy an operation such as `0.3 pJ/flop`",
     {0, -1, 0, 0, 1, 0},
     {0, -1, 0, 0, 1, 0}},
    {"an area such as `814 mm2`", {0, 0, 0, 0, 0, 2}, {0, 0, 0, 0, 0, 2}},
};
static_assert(std::size(measures) == size_t(Measure::area) + 1);

bool isOf(Measure measure, const Dimension &dimension) {
  const MeasureFacts &facts = measures[size_t(measure)];
  return measure == Measure::any || dimension == facts.dimension ||
         dimension == facts.alternative;
}

std::string_view describe(Measure measure) {
  return measures[size_t(measure)].description;
}

} // namespace sennit::machine
