// Expressions over the fields of a machine: counts that follow others, derived
// peaks, assertions.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_MACHINE_EXPRESSION_H
#define SENNIT_COMPILER_MACHINE_EXPRESSION_H

#include "compiler/machine/Description.h"
#include <map>

namespace sennit::machine {

/// A value and how well everything that it rests on is known.
struct Known {
  Value value;
  Status status = Status::assumed;
};

/// Evaluates quantities of one file, each once. An expression has numbers with
/// units (`989 TFLOP/s`, `3 %`), paths as `findField` takes them, `+ - * /`,
/// comparisons, `min max abs floor ceil`, parentheses. Units are checked: what
/// is added or compared has one dimension.
class Evaluator {
public:
  explicit Evaluator(const Node &root) : root(root) {}

  /// The value of a quantity; nothing, and a reason, where its expression has
  /// none. A quantity that needs itself has none.
  std::optional<Known> evaluate(const Node &quantity, std::string &reason);

  /// The value of an expression; a comparison is 1 or 0.
  std::optional<Known> evaluate(std::string_view expression,
                                std::string &reason);

private:
  const Node &root;
  std::map<const Node *, Known> values;
  std::vector<const Node *> open;
};

} // namespace sennit::machine

#endif // SENNIT_COMPILER_MACHINE_EXPRESSION_H
