// Compares stated peaks and bandwidths with units and pins, checks assertions.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/machine/Lint.h"

#include "compiler/machine/Expression.h"
#include <cmath>
#include <cstdio>

namespace sennit::machine {

namespace {
class Linter {
public:
  Linter(const Node &root, const Machine &machine, bool strict,
         std::vector<Problem> &problems)
      : root(root), machine(machine), strict(strict), problems(problems),
        evaluator(root) {}

  void run() {
    checkPeaks();
    checkBuses();
    checkAssertions();
    checkTasks();
    checkProvenance(root, "");
  }

private:
  void add(const Node &node, std::string message, bool isRemark = false) {
    problems.push_back({node.file, node.line, std::move(message), isRemark});
  }

  static std::string print(const char *layout, double a, double b) {
    char buffer[160];
    std::snprintf(buffer, sizeof(buffer), layout, a, b);
    return buffer;
  }

  void checkPeaks() {
    const Node *peak = root.find("peak");
    for (size_t i = 0; i < elementCount; ++i) {
      std::string name(getElementNames()[i]);
      const Node *stated = peak ? peak->find(name) : nullptr;
      double computed = machine.getPeak(Element(i)).value;
      if (!stated)
        continue;
      double said = machine.peak[i].value;
      if (std::abs(computed / said - 1) <= peakTolerance)
        continue;
      std::string message =
          "`peak." + name +
          print("` is stated as %.4g TFLOP/s, units x rate x clock give %.4g "
                "TFLOP/s",
                said / 1e12, computed / 1e12);
      if (std::abs(computed * 2 / said - 1) <= peakTolerance)
        message += "; twice as much is the peak of sparse operands, peaks are "
                   "dense";
      add(*stated, message);
    }
  }

  void checkBuses() {
    const Node *levels = root.find("levels");
    for (const Node &level : levels->children)
      if (const Node *memories = level.find("memories"))
        for (const Node &memory : memories->children)
          if (const Node *bus = memory.find("bus"))
            checkBus(memory, *bus);
  }

  void checkBus(const Node &memory, const Node &bus) {
    std::string reason;
    auto read = [&](const Node *node) {
      auto known = evaluator.evaluate(*node, reason);
      return known ? known->value.number : 0;
    };
    // A width in bits is in bytes here, a pin carries a bit at a time.
    double pins = read(bus.find("width")) * 8;
    double computed = pins * read(bus.find("pin"));
    const Node *bandwidth = memory.find("bandwidth");
    double stated = read(bandwidth);
    if (std::abs(computed / stated - 1) > peakTolerance)
      add(*bandwidth, "`" + memory.name +
                          print(".bandwidth` is stated as %.4g GB/s, bus "
                                "width x pin rate give %.4g GB/s",
                                stated / 1e9, computed / 1e9));
  }

  void checkAssertions() {
    const Node *assertions = root.find("assert");
    if (!assertions)
      return;
    for (const std::string &assertion : assertions->items) {
      std::string reason;
      auto known = evaluator.evaluate(assertion, reason);
      if (!known)
        add(*assertions, "`" + assertion + "`: " + reason);
      else if (known->value.number != 1)
        add(*assertions, "`" + assertion + "` does not hold");
    }
  }

  /// A unit that costs nothing is worth having on any machine.
  void checkTasks() {
    for (const Node &level : root.find("levels")->children)
      if (const Node *units = level.find("units"))
        for (const Node &unit : units->children) {
          const std::string &kind = unit.find("kind")->text;
          if (kind != "scan" && kind != "fft" && kind != "route")
            continue;
          for (const char *field : {"latency", "area", "energy"})
            if (!unit.find(field))
              add(unit,
                  "the " + kind + " unit `" + unit.name + "` says no `" +
                      field + "`, as if it cost none",
                  true);
        }
  }

  void checkProvenance(const Node &node, const std::string &path) {
    bool isNumber =
        node.field->kind == FieldKind::quantity && !node.isExpression();
    if (isNumber && node.source.empty() && node.status != Status::assumed)
      add(node,
          "`" + path + "` is marked " + std::string(getName(node.status)) +
              " and names no source",
          true);
    else if (isNumber && node.source.empty() && strict)
      add(node, "`" + path + "` has no source, it counts as assumed", true);
    for (const Node &child : node.children)
      checkProvenance(child,
                      path.empty() ? child.name : path + "." + child.name);
  }

  const Node &root;
  const Machine &machine;
  bool strict;
  std::vector<Problem> &problems;
  Evaluator evaluator;
};
} // namespace

void lint(const Node &root, const Machine &machine, bool strict,
          std::vector<Problem> &problems) {
  Linter(root, machine, strict, problems).run();
}

} // namespace sennit::machine
