// Distributes work over the units of a core.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/cost/UnitTimes.h"

#include <algorithm>
#include <cmath>

namespace sennit::cost {

using machine::Machine;
using machine::Quantity;
using machine::Unit;
using machine::UnitKind;

static double roundUp(double value, double step) {
  return step > 1 ? std::ceil(value / step) * step : value;
}

namespace {
/// A way to compute a product on a unit.
struct Way {
  size_t unit = 0;
  double seconds = 0;
  Element element = Element::f32;
  /// Products of `element` that stand for one.
  double pieces = 1;
  Status status = Status::measured;
};

class Distribution {
public:
  Distribution(const Machine &machine, UnitTimes &times, std::string &reason)
      : machine(machine), times(times), reason(reason) {
    for (const Unit &unit : machine.units)
      times.units.push_back({unit.name, 0, Status::measured});
    for (const machine::Memory &memory : machine.memories) {
      if (!memory.isPrivate || memory.kind != machine::MemoryKind::cache)
        break;
      times.refills.push_back(0);
    }
    times.written.assign(machine.memories.size(), 0);
  }

  bool add(const Product &product) {
    Way best;
    if (!find(product, best))
      return fail("products of " + name(product.a) + " by " + name(product.b));
    charge(best.unit, best.seconds, best.status);
    const Unit &unit = machine.units[best.unit];
    addOperands(product, best);
    chargeEnergy(unit.energy[size_t(best.element)],
                 product.getFlops() * best.pieces,
                 unit.name + ".energy." + name(best.element));
    return best.pieces <= 1 || addSplit(product, best.pieces);
  }

  /// What a product reads and writes, block by block.
  void addOperands(const Product &product, const Way &way) {
    const Unit &unit = machine.units[way.unit];
    double pieces = way.pieces;
    double bytesA = machine::getBytes(product.a);
    double bytesB = machine::getBytes(product.b);
    // Pieces are of the cheaper type.
    if (pieces > 1)
      (bytesA > bytesB ? bytesA : bytesB) = pieces * std::min(bytesA, bytesB);
    double down = std::ceil(product.m / unit.blockM);
    double across = std::ceil(product.n / unit.blockN);
    double a = product.m * product.k * bytesA;
    double b = product.n * product.k * bytesB;
    times.operandBytes += product.times * (a * across + b * down);
    if (machine.getNear().kind != machine::MemoryKind::cache)
      return;
    double sums = product.m * product.n * machine::getBytes(Element::f32);
    double split = pieces <= 1 ? 0 : bytesA > bytesB ? a : b;
    times.operandBytes += product.times * (2 * sums + split);
    times.written[0] += product.times * (sums + split);
    // Sums leave the unit when a block ends: it drains.
    charge(way.unit, product.times * down * across * unit.latency.value,
           unit.latency.status);
    // A block's part of `b` stays while the rows pass by.
    double rowBlock = (a + b) / (down * across) + a / down;
    double columnBlock = a + b / across;
    Access again[] = {{"a",
                       a / down,
                       {{across, 1, columnBlock}, {down, down, rowBlock}},
                       false},
                      {"b",
                       b / across,
                       {{across, across, columnBlock}, {down, 1, rowBlock}},
                       false}};
    for (size_t i = 0; i < times.refills.size(); ++i) {
      double capacity = machine.memories[i].getUsable();
      for (const Access &access : again)
        times.refills[i] +=
            product.times *
            (getTraffic(access, capacity, 1, false) - access.getCompulsory());
      if (a + b + sums + product.beside <= capacity)
        continue;
      times.refills[i] += 2 * product.times * sums;
      if (i + 1 < times.written.size())
        times.written[i + 1] += product.times * sums;
    }
  }

  /// For two pieces: each rounded (two operations), one widened again (two),
  /// subtracted, and what infinity leaves out tested and cleared.
  bool addSplit(const Product &product, double pieces) {
    constexpr double operations = 4.5;
    bool isA = machine::getBytes(product.a) > machine::getBytes(product.b);
    double elements = (isA ? product.m : product.n) * product.k;
    return addVector(Element::f32,
                     operations * pieces * elements * product.times);
  }

  bool addVector(Element element, double operations) {
    if (operations <= 0)
      return true;
    // Types that no unit computes in are widened.
    for (Element type : {element, Element::f32})
      for (size_t i = 0; i < machine.units.size(); ++i) {
        const Unit &unit = machine.units[i];
        const Quantity &rate = unit.rate[size_t(type)];
        if ((unit.kind != UnitKind::vector && unit.kind != UnitKind::integer) ||
            !rate)
          continue;
        // A rate counts a multiply-add as two; other operations fill a slot.
        double slots =
            type == Element::i32 || type == Element::i16 || type == Element::i8
                ? 1
                : 2;
        charge(i, slots * operations / rate.value, rate.status);
        chargeEnergy(unit.energy[size_t(type)], operations,
                     unit.name + ".energy." + name(type));
        return true;
      }
    return fail("elementwise operations of " + name(element));
  }

  bool addSpecial(size_t function, double operations) {
    if (operations <= 0)
      return true;
    if (const Unit *unit = findSpecial(function)) {
      const Quantity &rate = unit->special[function];
      charge(size_t(unit - machine.units.data()), operations / rate.value,
             rate.status);
      chargeEnergy(unit->specialEnergy[function], operations,
                   unit->name + ".energy." +
                       std::string(machine::getSpecialNames()[function]));
      return true;
    }
    if (const Quantity &emulation = machine.emulate[function])
      return addVector(Element::f32, operations * emulation.value);
    return fail("`" + std::string(machine::getSpecialNames()[function]) +
                "`, neither by a unit nor under `emulate`");
  }

  /// By the first unit of the task's kind that takes the element.
  bool addTask(size_t task, Element element, double operations) {
    if (operations <= 0)
      return true;
    for (size_t i = 0; i < machine.units.size(); ++i) {
      const Unit &unit = machine.units[i];
      const Quantity &rate = unit.rate[size_t(element)];
      if (unit.kind != tasks[task] || !rate)
        continue;
      charge(i, operations / rate.value, rate.status);
      chargeEnergy(unit.energy[size_t(element)], operations,
                   unit.name + ".energy." + name(element));
      return true;
    }
    const Quantity &emulation = machine.emulateTask[task];
    return addVector(element, operations * (emulation ? emulation.value : 1));
  }

private:
  /// The unit that has the function and the fewest others: one that was made
  /// for it comes before one for many.
  const Unit *findSpecial(size_t function) const {
    const Unit *found = nullptr;
    auto count = [](const Unit &unit) {
      return std::count_if(unit.special.begin(), unit.special.end(),
                           [](const Quantity &rate) { return bool(rate); });
    };
    for (const Unit &unit : machine.units)
      if (unit.special[function] && (!found || count(unit) < count(*found)))
        found = &unit;
    return found;
  }

  static std::string name(Element element) {
    return std::string(machine::getElementNames()[size_t(element)]);
  }

  bool fail(const std::string &what) {
    reason = "the machine `" + machine.name + "` does not compute " + what;
    return false;
  }

  void charge(size_t unit, double seconds, Status status) {
    times.units[unit].seconds += seconds;
    times.units[unit].status = std::max(times.units[unit].status, status);
  }

  void chargeEnergy(const Quantity &energy, double operations,
                    const std::string &what) {
    times.energy += energy.value * operations;
    if (!energy && times.missingEnergy.empty())
      times.missingEnergy = what;
  }

  /// The first way that there is, whatever its rate: that a faster unit never
  /// makes a kernel slower holds only when no choice depends on rates.
  bool find(const Product &product, Way &way) const {
    Element wide = product.a, narrow = product.b;
    if (machine::getBytes(wide) < machine::getBytes(narrow))
      std::swap(wide, narrow);
    for (UnitKind kind : {UnitKind::matrix, UnitKind::vector})
      for (size_t i = 0; i < machine.units.size(); ++i) {
        const Unit &unit = machine.units[i];
        if (unit.kind != kind || (kind == UnitKind::matrix &&
                                  getPadding(unit, product) > mostPadding))
          continue;
        if (take(i, product, wide, 1, way))
          return true;
        double pieces = unit.split[size_t(wide)];
        if (wide != narrow && pieces > 0 &&
            take(i, product, narrow, pieces, way))
          return true;
        if (kind == UnitKind::vector && take(i, product, Element::f32, 1, way))
          return true;
      }
    return false;
  }

  /// Work on padded rows and columns over work; beyond this many times, vectors
  /// do better.
  static constexpr double mostPadding = 8;
  static double getPadding(const Unit &unit, const Product &product) {
    return roundUp(product.m, unit.fragmentM) *
           roundUp(product.n, unit.fragmentN) / (product.m * product.n);
  }

  bool take(size_t index, const Product &product, Element element,
            double pieces, Way &way) const {
    const Unit &unit = machine.units[index];
    const Quantity &rate = unit.rate[size_t(element)];
    if (!rate)
      return false;
    double m = roundUp(product.m, unit.fragmentM);
    double n = roundUp(product.n, unit.fragmentN);
    double k = roundUp(product.k, unit.fragmentK[size_t(element)]);
    if (unit.systolicRows > 0) {
      k = roundUp(product.k, unit.systolicRows);
      n = roundUp(product.n, unit.systolicColumns);
      // A pass of m rows fills and drains the array (SCALE-Sim's count).
      m += unit.systolicRows + unit.systolicColumns - 2;
    }
    way = {index, 2 * m * n * k * product.times * pieces / rate.value, element,
           pieces, rate.status};
    return true;
  }

  const Machine &machine;
  UnitTimes &times;
  std::string &reason;
};
} // namespace

bool timeUnits(const Work &work, const Machine &machine, UnitTimes &times,
               std::string &reason) {
  Distribution distribution(machine, times, reason);
  for (const Product &product : work.products)
    if (!distribution.add(product))
      return false;
  for (size_t i = 0; i < work.vector.size(); ++i)
    if (!distribution.addVector(Element(i), work.vector[i]))
      return false;
  for (size_t task = 0; task < tasks.size(); ++task)
    for (size_t i = 0; i < machine::elementCount; ++i)
      if (!distribution.addTask(task, Element(i), work.given[task][i]))
        return false;
  for (size_t i = 0; i < work.special.size(); ++i)
    if (!distribution.addSpecial(i, work.special[i]))
      return false;
  return true;
}

Resource timeChain(const Chain &chain, const Machine &machine,
                   double resident) {
  Resource result{"latency", 0, Status::measured};
  auto charge = [&](double count, const Quantity &latency) {
    if (count <= 0)
      return;
    result.seconds += count * latency.value;
    result.status = std::max(result.status, latency.status);
  };
  auto find = [&](UnitKind kind) -> Quantity {
    Quantity latency;
    for (const Unit &unit : machine.units)
      if (unit.kind == kind)
        latency = unit.latency;
    return latency;
  };
  Quantity vector = find(UnitKind::vector);
  Quantity special = find(UnitKind::special);
  Quantity matrix = find(UnitKind::matrix);
  Quantity scan = find(UnitKind::scan);
  charge(chain.vector, vector);
  // What has no unit of its own is a few vector operations.
  charge(chain.special,
         special ? special : Quantity{8 * vector.value, vector.status});
  const Quantity &emulation = machine.emulateTask[0];
  charge(scan ? chain.scans
              : chain.scanSteps * (emulation ? emulation.value : 1),
         scan ? scan : vector);
  charge(chain.matrix, matrix ? matrix : vector);
  // What the last cache holds comes from there.
  size_t count = machine.memories.size();
  resident = std::clamp(resident, 0.0, 1.0);
  charge(chain.memory * (1 - resident), machine.memories.back().latency);
  charge(chain.memory * resident,
         machine.memories[count > 1 ? count - 2 : 0].latency);
  charge(chain.barrier, machine.barrier);
  charge(chain.near, machine.getNear().latency);
  return result;
}

} // namespace sennit::cost
