// Reads ranges and lists of values.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/machine/Axis.h"

#include "compiler/machine/Units.h"
#include <algorithm>
#include <charconv>

namespace sennit::machine {

static std::string_view trim(std::string_view text) {
  while (text.starts_with(' '))
    text.remove_prefix(1);
  while (text.ends_with(' '))
    text.remove_suffix(1);
  return text;
}

/// The number at the head of a text, and the unit after it.
static bool split(std::string_view text, double &number,
                  std::string_view &unit) {
  text = trim(text);
  auto [rest, error] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc())
    return false;
  unit = trim(text.substr(size_t(rest - text.data())));
  return true;
}

namespace {
/// `FIRST..LAST:STEP`, in the unit of `last`.
struct Span {
  double first = 0, last = 0, step = 0;
  bool isFactor = false;
  std::string_view unit;
};
} // namespace

/// In the last value's unit, whatever the others are written in.
static bool convert(std::string_view text, std::string_view unit,
                    double &number) {
  std::string_view own;
  if (!split(text, number, own))
    return false;
  if (own.empty() || own == unit)
    return true;
  auto from = parseUnit(own), to = parseUnit(unit);
  if (!from || !to || from->dimension != to->dimension)
    return false;
  number *= from->number / to->number;
  return true;
}

static bool parseSpan(std::string_view text, Span &span) {
  size_t dots = text.find(".."), colon = text.find(':');
  if (dots == std::string_view::npos || colon == std::string_view::npos ||
      colon < dots)
    return false;
  std::string_view last = text.substr(dots + 2, colon - dots - 2);
  std::string_view step = trim(text.substr(colon + 1));
  span.isFactor = step.starts_with('x');
  if (span.isFactor)
    step.remove_prefix(1);
  std::string_view rest;
  if (!split(last, span.last, span.unit) ||
      !convert(text.substr(0, dots), span.unit, span.first))
    return false;
  if (span.isFactor)
    return split(step, span.step, rest) && rest.empty() && span.step > 1 &&
           span.first > 0;
  return convert(step, span.unit, span.step) && span.step > 0;
}

std::optional<Axis> parseAxis(std::string_view text, std::string &reason) {
  size_t equals = text.find('=');
  if (equals == std::string_view::npos) {
    reason = "`" + std::string(text) + "` is not `PATH=VALUES`";
    return std::nullopt;
  }
  Axis axis{std::string(trim(text.substr(0, equals))), {}};
  std::string_view values = text.substr(equals + 1);
  Span span;
  if (values.find("..") != std::string_view::npos) {
    if (!parseSpan(values, span) || span.first > span.last) {
      reason = "`" + std::string(values) +
               "` is no range such as `64..160:16` or `64 KiB..1 MiB:x2`";
      return std::nullopt;
    }
    // A step more or less must not hang on the last bit of a sum.
    double end = span.last * (1 + 1e-9);
    for (double at = span.first, i = 0; at <= end; ++i) {
      if (axis.values.size() == mostValues) {
        reason = "`" + std::string(values) + "` has more than " +
                 std::to_string(mostValues) + " values";
        return std::nullopt;
      }
      axis.values.push_back(
          normalizeValue(formatNumber(at) + " " + std::string(span.unit)));
      at = span.isFactor ? at * span.step : span.first + (i + 1) * span.step;
    }
    return axis;
  }
  for (;;) {
    size_t comma = values.find(',');
    axis.values.emplace_back(trim(values.substr(0, comma)));
    if (comma == std::string_view::npos)
      break;
    values.remove_prefix(comma + 1);
  }
  std::string_view unit, own;
  double number;
  if (split(axis.values.back(), number, unit) && !unit.empty())
    for (std::string &value : axis.values)
      if (split(value, number, own) && own.empty())
        value += " " + std::string(unit);
  return axis;
}

std::optional<std::vector<std::vector<std::string>>>
combine(const std::vector<Axis> &axes, std::string &reason) {
  std::vector<std::vector<std::string>> points = {{}};
  for (const Axis &axis : axes) {
    if (points.size() * axis.values.size() > mostPoints) {
      reason =
          "there are more than " + std::to_string(mostPoints) + " combinations";
      return std::nullopt;
    }
    std::vector<std::vector<std::string>> more;
    for (const auto &point : points)
      for (const std::string &value : axis.values) {
        more.push_back(point);
        more.back().push_back(axis.path + "=" + value);
      }
    points = std::move(more);
  }
  return points;
}

} // namespace sennit::machine
