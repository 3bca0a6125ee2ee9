// Parses and evaluates expressions in one walk.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/machine/Expression.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace sennit::machine {

static bool isWordStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
static bool isDigit(char c) { return c >= '0' && c <= '9'; }

namespace {
/// One expression, read from left to right. Every method returns nothing after
/// it has set `reason`.
class Walk {
public:
  Walk(Evaluator &evaluator, const Node &root, std::string_view text,
       std::string &reason)
      : evaluator(evaluator), root(root), text(text), reason(reason) {}

  std::optional<Known> run() {
    auto value = parseComparison();
    if (value && (skipBlanks(), position < text.size()))
      return fail("`" + std::string(text.substr(position)) +
                  "` stands after the end of the expression");
    return value;
  }

private:
  /// Nesting that an expression may have; far more than anybody writes.
  static constexpr int deepest = 32;

  std::nullopt_t fail(std::string message) {
    reason = std::move(message);
    return std::nullopt;
  }

  void skipBlanks() {
    while (position < text.size() && text[position] == ' ')
      ++position;
  }

  bool take(std::string_view token) {
    skipBlanks();
    if (!text.substr(position).starts_with(token))
      return false;
    position += token.size();
    return true;
  }

  std::optional<Known> parseComparison() {
    auto left = parseSum();
    if (!left)
      return left;
    for (std::string_view sign : {"<=", ">=", "==", "<", ">"}) {
      if (!take(sign))
        continue;
      auto right = parseSum();
      if (!right || !requireEqual(*left, *right, sign))
        return std::nullopt;
      double a = left->value.number, b = right->value.number;
      bool holds = sign == "<="   ? a <= b
                   : sign == ">=" ? a >= b
                   : sign == "==" ? a == b
                   : sign == "<"  ? a < b
                                  : a > b;
      return Known{{double(holds), {}}, std::max(left->status, right->status)};
    }
    return left;
  }

  bool requireEqual(const Known &a, const Known &b, std::string_view sign) {
    if (a.value.dimension == b.value.dimension)
      return true;
    fail("`" + std::string(sign) + "` stands between " +
         formatDimension(a.value.dimension) + " and " +
         formatDimension(b.value.dimension));
    return false;
  }

  std::optional<Known> parseSum() {
    auto left = parseProduct();
    while (left) {
      skipBlanks();
      int sign = take("+") ? 1 : take("-") ? -1 : 0;
      if (!sign)
        break;
      auto right = parseProduct();
      if (!right || !requireEqual(*left, *right, sign > 0 ? "+" : "-"))
        return std::nullopt;
      left->value.number += sign * right->value.number;
      left->status = std::max(left->status, right->status);
    }
    return left;
  }

  std::optional<Known> parseProduct() {
    auto left = parseFactor();
    while (left) {
      int sign = take("*") ? 1 : take("/") ? -1 : 0;
      if (!sign)
        break;
      auto right = parseFactor();
      if (!right)
        return right;
      if (sign < 0 && right->value.number == 0)
        return fail("a division is by zero");
      left->value.number = sign > 0 ? left->value.number * right->value.number
                                    : left->value.number / right->value.number;
      left->value.dimension =
          left->value.dimension.times(right->value.dimension, sign);
      left->status = std::max(left->status, right->status);
    }
    return left;
  }

  std::optional<Known> parseFactor() {
    skipBlanks();
    if (++depth > deepest)
      return fail("parentheses are nested deeper than " +
                  std::to_string(deepest));
    std::optional<Known> value;
    char next = position < text.size() ? text[position] : 0;
    if (take("(")) {
      value = parseComparison();
      if (value && !take(")"))
        return fail("a `)` is missing");
    } else if (take("-")) {
      if ((value = parseFactor()))
        value->value.number = -value->value.number;
    } else if (isDigit(next) || next == '.') {
      value = parseNumber();
    } else if (isWordStart(next)) {
      value = parseName();
    } else {
      return fail(next ? "`" + std::string(1, next) +
                             "` stands where a number, a field or `(` is "
                             "expected"
                       : "it ends where a number or a field is expected");
    }
    --depth;
    return value;
  }

  /// A number and the longest unit after it.
  std::optional<Known> parseNumber() {
    double number = 0;
    auto [rest, error] = std::from_chars(text.data() + position,
                                         text.data() + text.size(), number);
    if (error != std::errc())
      return fail("`" + std::string(text.substr(position)) + "` is no number");
    position = rest - text.data();
    if (take("%"))
      return Known{{number / 100, {}}, Status::measured};
    size_t start = position;
    while (start < text.size() && text[start] == ' ')
      ++start;
    size_t end = start;
    while (end < text.size() &&
           (isWordStart(text[end]) || isDigit(text[end]) || text[end] == '/'))
      ++end;
    // `2 GB/s/core.count` is a unit and a division by a field.
    for (; end > start && isWordStart(text[start]); --end)
      if (auto unit = parseUnit(text.substr(start, end - start))) {
        position = end;
        return Known{{number * unit->number, unit->dimension},
                     Status::measured};
      }
    // Constants of an expression are no claims about hardware.
    return Known{{number, {}}, Status::measured};
  }

  std::optional<Known> parseName() {
    size_t start = position;
    while (position < text.size() &&
           (isWordStart(text[position]) || isDigit(text[position]) ||
            text[position] == '.'))
      ++position;
    std::string_view name = text.substr(start, position - start);
    if (take("("))
      return parseCall(name);
    const Node *field = findField(root, name, reason);
    if (!field)
      return std::nullopt;
    if (field->field->kind != FieldKind::quantity)
      return fail("`" + std::string(name) + "` is not a quantity");
    return evaluator.evaluate(*field, reason);
  }

  std::optional<Known> parseCall(std::string_view name) {
    std::vector<Known> arguments;
    do {
      auto argument = parseComparison();
      if (!argument)
        return argument;
      arguments.push_back(*argument);
    } while (take(","));
    if (!take(")"))
      return fail("a `)` is missing");
    Known &first = arguments.front();
    double &number = first.value.number;
    if (arguments.size() == 1 &&
        (name == "abs" || name == "floor" || name == "ceil")) {
      number = name == "abs"     ? std::abs(number)
               : name == "floor" ? std::floor(number)
                                 : std::ceil(number);
      return first;
    }
    if (arguments.size() != 2 || (name != "min" && name != "max"))
      return fail("`" + std::string(name) + "` of " +
                  std::to_string(arguments.size()) +
                  " is not one of `abs(x)`, `floor(x)`, `ceil(x)`, `min(x, "
                  "y)`, `max(x, y)`");
    if (!requireEqual(first, arguments[1], name))
      return std::nullopt;
    double other = arguments[1].value.number;
    number = name == "min" ? std::min(number, other) : std::max(number, other);
    first.status = std::max(first.status, arguments[1].status);
    return first;
  }

  Evaluator &evaluator;
  const Node &root;
  std::string_view text;
  std::string &reason;
  size_t position = 0;
  int depth = 0;
};
} // namespace

std::optional<Known> Evaluator::evaluate(const Node &quantity,
                                         std::string &reason) {
  if (auto found = values.find(&quantity); found != values.end())
    return found->second;
  if (!quantity.isExpression()) {
    auto value = parseValue(quantity.text);
    if (!value) {
      reason =
          "`" + quantity.name + "` is `" + quantity.text + "`, no quantity";
      return std::nullopt;
    }
    return values[&quantity] = {*value, quantity.status};
  }
  if (std::find(open.begin(), open.end(), &quantity) != open.end()) {
    reason = "`" + quantity.name + "` needs its own value";
    return std::nullopt;
  }
  open.push_back(&quantity);
  auto known = evaluate(std::string_view(quantity.text).substr(2), reason);
  open.pop_back();
  if (!known)
    return known;
  if (!isOf(quantity.field->measure, known->value.dimension)) {
    reason = "`" + quantity.name + "` comes out in " +
             formatDimension(known->value.dimension) + "; " +
             std::string(describe(quantity.field->measure)) + " is expected";
    return std::nullopt;
  }
  return values[&quantity] = *known;
}

std::optional<Known> Evaluator::evaluate(std::string_view expression,
                                         std::string &reason) {
  return Walk(*this, root, expression, reason).run();
}

} // namespace sennit::machine
