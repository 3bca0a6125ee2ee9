// Builds the typed machine from its tree.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/machine/Machine.h"

#include "compiler/machine/Expression.h"
#include <algorithm>
#include <cmath>
#include <set>

namespace sennit::machine {

double getBytes(Element element) {
  static constexpr double bytes[] = {8, 4, 4, 2, 2, 1, 0.5, 4, 2, 1};
  return bytes[size_t(element)];
}

Quantity Machine::getPeak(Element element) const {
  Quantity best;
  for (const Unit &unit : units) {
    const Quantity &rate = unit.rate[size_t(element)];
    if ((unit.kind == UnitKind::matrix || unit.kind == UnitKind::vector) &&
        rate.value * unit.instances > best.value)
      best = {rate.value * unit.instances, rate.status};
  }
  return best;
}

Quantity Machine::getArea() const {
  Quantity sum{die.value, die.status};
  if (!die)
    sum.status = Status::measured;
  for (const Unit &unit : units)
    if (unit.area) {
      sum.value += unit.area.value * unit.instances;
      sum.status = std::max(sum.status, unit.area.status);
    }
  return sum;
}

bool Machine::roundsOperands() const {
  auto takes = [&](Element element) {
    return std::any_of(units.begin(), units.end(), [&](const Unit &unit) {
      return unit.kind == UnitKind::matrix && unit.rate[size_t(element)];
    });
  };
  return (takes(Element::bf16) || takes(Element::f16)) && !takes(Element::f32);
}

namespace {
/// One building; goes over the tree from the outermost level inwards.
class Builder {
public:
  Builder(const Node &root, std::vector<Problem> &problems)
      : root(root), problems(problems), evaluator(root) {}

  std::optional<Machine> run() {
    size_t before = problems.size();
    readHead();
    if (const Node *levels = root.find("levels"))
      for (const Node &level : levels->children)
        readLevel(level);
    std::reverse(machine.memories.begin(), machine.memories.end());
    if (machine.memories.empty())
      complain(root, "no level has a memory of kind dram, cache or scratchpad");
    if (std::none_of(machine.units.begin(), machine.units.end(),
                     [](const Unit &u) { return u.kind == UnitKind::vector; }))
      complain(root, "no level has a unit of kind vector");
    checkRest(root);
    if (problems.size() != before)
      return std::nullopt;
    return std::move(machine);
  }

private:
  void complain(const Node &node, std::string message) {
    problems.push_back({node.file, node.line, std::move(message)});
  }

  /// The quantity at `node` in base units; 0 where there is no node.
  Quantity read(const Node *node, const Quantity *clock = nullptr) {
    if (!node)
      return {};
    std::string reason;
    auto known = evaluator.evaluate(*node, reason);
    double number = known ? known->value.number : 0;
    std::string is = "`" + node->name + "` is " + formatNumber(number);
    if (known && !(number > 0))
      reason = is + ", not a positive number";
    else if (known && node->field->measure == Measure::count &&
             number != std::floor(number))
      reason = is + ", not a whole number";
    if (!reason.empty()) {
      if (refused.insert(node).second)
        complain(*node, reason);
      return {};
    }
    Quantity quantity{number, known->status};
    // Cycles become seconds.
    int cycles = known->value.dimension.clock;
    bool isFrequency = node->field->measure == Measure::frequency;
    if (cycles == 0 || isFrequency || node->field->measure == Measure::any)
      return quantity;
    const Quantity &by = clock ? *clock : machine.clock;
    quantity.value =
        cycles > 0 ? quantity.value / by.value : quantity.value * by.value;
    quantity.status = std::max(quantity.status, by.status);
    return quantity;
  }

  static const Node *find(const Node *group, std::string_view name) {
    return group ? group->find(name) : nullptr;
  }
  std::string readWord(const Node *group, std::string_view name) {
    const Node *node = find(group, name);
    return node ? node->text : "";
  }
  double readOr(const Node *group, std::string_view name, double otherwise) {
    Quantity quantity = read(find(group, name));
    return quantity ? quantity.value : otherwise;
  }

  template <size_t count>
  void readTable(const Node *table, std::span<const std::string_view> names,
                 std::array<Quantity, count> &out,
                 const Quantity *clock = nullptr) {
    for (size_t i = 0; i < count; ++i)
      out[i] = read(find(table, names[i]), clock);
  }
  void readNumbers(const Node *table, std::array<double, elementCount> &out) {
    for (size_t i = 0; i < elementCount; ++i)
      out[i] = read(find(table, getElementNames()[i])).value;
  }

  void readHead() {
    machine.name = readWord(&root, "name");
    machine.summary = readWord(&root, "summary");
    const Node *runs = root.find("runs");
    machine.target = readWord(runs, "target");
    machine.level = readWord(runs, "level");
    const Node *clock = root.find("clock");
    machine.clock = read(find(clock, "max"));
    machine.matrixClock = read(find(clock, "matrix"));
    if (!machine.matrixClock)
      machine.matrixClock = machine.clock;
    const Node *power = root.find("power");
    machine.powerLimit = read(find(power, "limit"));
    machine.staticPower = read(find(power, "static"));
    machine.die = read(find(root.find("process"), "die"));
    readTable(root.find("peak"), getElementNames(), machine.peak);
    if (const Node *emulate = root.find("emulate"))
      for (size_t i = 0; i < specialCount; ++i)
        if (const Node *entry = emulate->find(getSpecialNames()[i]))
          machine.emulate[i] = read(entry->find("ops"));
    constexpr std::string_view tasks[] = {"scan", "fft", "route"};
    for (size_t i = 0; i < machine.emulateTask.size(); ++i)
      machine.emulateTask[i] =
          read(find(find(root.find("emulate"), tasks[i]), "ops"));
  }

  /// Levels come from the whole chip to the core: what a later one says of a
  /// core replaces what an earlier one said.
  void readLevel(const Node &level) {
    machine.cores = read(level.find("count"));
    isInmost = &level == &root.find("levels")->children.back();
    const Node *memories = level.find("memories");
    if (memories)
      // The list of the whole is turned around at the end.
      for (const Node &memory : memories->children)
        readMemory(memory);
    if (const Node *units = level.find("units"))
      for (const Node &unit : units->children)
        readUnit(unit);
    if (const Node *network = level.find("network"))
      machine.corePort = read(network->find("bandwidth"));
    if (const Node *launch = level.find("launch")) {
      machine.launchHost = read(launch->find("host"));
      machine.launchGap = read(launch->find("gap"));
      machine.launchFork = read(launch->find("fork"));
      machine.launchCall = read(launch->find("call"));
    }
    if (const Node *exec = level.find("exec")) {
      machine.isInTurn = readWord(exec, "overlap") == "in_turn";
      machine.unitsPower = read(exec->find("units_power"));
      machine.transfersPower = read(exec->find("transfers_power"));
      machine.itemsPerCore = read(exec->find("items"));
      machine.inFlight = read(exec->find("in_flight"));
      machine.vectorBytes = read(exec->find("vector"));
      machine.vectorRegisters = read(exec->find("registers"));
      machine.barrier = read(exec->find("barrier"));
      machine.itemStart = read(exec->find("start"));
      machine.itemThreads = read(exec->find("threads"));
      machine.asyncRows = read(exec->find("async_rows"));
      machine.itemNear = read(find(exec->find("item"), "near"));
      machine.itemFar = read(find(exec->find("item"), "far"));
    }
  }

  void readMemory(const Node &node) {
    Memory memory;
    memory.name = node.name;
    std::string kind = readWord(&node, "kind");
    memory.kind = kind == "dram"         ? MemoryKind::dram
                  : kind == "cache"      ? MemoryKind::cache
                  : kind == "scratchpad" ? MemoryKind::scratchpad
                                         : MemoryKind::reg;
    memory.instances = machine.cores.value;
    memory.isPrivate = isInmost;
    memory.capacity = read(node.find("capacity"));
    memory.perItem = read(node.find("per_item"));
    memory.usable = read(node.find("usable"));
    memory.bandwidth = read(node.find("bandwidth"));
    memory.write = read(node.find("write"));
    memory.latency = read(node.find("latency"));
    memory.energy = read(node.find("energy"));
    if (memory.kind != MemoryKind::reg)
      machine.memories.push_back(std::move(memory));
  }

  void readUnit(const Node &node) {
    static constexpr std::string_view kinds[] = {
        "matrix", "vector", "integer", "special", "scan", "fft", "route"};
    Unit unit;
    unit.name = node.name;
    unit.kind = UnitKind(
        std::find(std::begin(kinds), std::end(kinds), readWord(&node, "kind")) -
        std::begin(kinds));
    unit.instances = machine.cores.value;
    const Quantity *clock =
        unit.kind == UnitKind::matrix ? &machine.matrixClock : &machine.clock;
    readTable(node.find("rate"), getElementNames(), unit.rate, clock);
    readTable(node.find("rate"), getSpecialNames(), unit.special, clock);
    readTable(node.find("energy"), getElementNames(), unit.energy);
    readTable(node.find("energy"), getSpecialNames(), unit.specialEnergy);
    const Node *fragment = node.find("fragment");
    unit.fragmentM = readOr(fragment, "m", 1);
    unit.fragmentN = readOr(fragment, "n", 1);
    readNumbers(find(fragment, "k"), unit.fragmentK);
    const Node *block = node.find("block");
    unit.blockM = readOr(block, "m", unit.fragmentM);
    unit.blockN = readOr(block, "n", unit.fragmentN);
    const Node *systolic = node.find("systolic");
    unit.systolicRows = readOr(systolic, "rows", 0);
    unit.systolicColumns = readOr(systolic, "columns", 0);
    readNumbers(node.find("split"), unit.split);
    unit.group = readOr(&node, "group", 1);
    unit.latency = read(node.find("latency"), clock);
    unit.area = read(node.find("area"));
    machine.units.push_back(std::move(unit));
  }

  /// Quantities that nothing above has read must have values too.
  void checkRest(const Node &node) {
    if (node.field->kind == FieldKind::quantity)
      (void)read(&node);
    for (const Node &child : node.children)
      checkRest(child);
  }

  const Node &root;
  std::vector<Problem> &problems;
  Evaluator evaluator;
  Machine machine;
  /// Said once, however often they are read.
  std::set<const Node *> refused;
  bool isInmost = false;
};
} // namespace

std::optional<Machine> build(const Node &root, std::vector<Problem> &problems) {
  return Builder(root, problems).run();
}

} // namespace sennit::machine
