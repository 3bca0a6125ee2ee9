// What a kernel does, in numbers that know no machine: work, bytes, chains.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_COST_FACTS_H
#define SENNIT_COMPILER_COST_FACTS_H

#include "compiler/machine/Machine.h"

namespace sennit::cost {

using machine::Element;
using machine::Special;

using machine::UnitKind;

/// Tasks that a machine may have units of their own for; elsewhere vectors do
/// them. The kinds of such units, in the order of `Work::given`.
inline constexpr std::array tasks = {UnitKind::scan, UnitKind::fft,
                                     UnitKind::route};
static_assert(tasks.size() ==
              std::tuple_size_v<decltype(machine::Machine::emulateTask)>);

/// `times` matrix products of [m, k] by [k, n], of elements `a` and `b`.
struct Product {
  double m = 1, n = 1, k = 1;
  Element a = Element::f32, b = Element::f32;
  double times = 1;
  /// Bytes of other values that the item touches from one time to the next.
  double beside = 0;

  /// A multiply-add is two.
  double getFlops() const { return 2 * m * n * k * times; }
};

/// Operations that wait for one another, from the first to the last of an item.
struct Chain {
  /// Elementwise operations, special functions, matrix products, reads of
  /// memory that nothing runs ahead of, barriers of a core.
  double vector = 0, special = 0, matrix = 0, memory = 0, barrier = 0;
  /// Scans, and the elementwise operations that they are without a unit.
  double scans = 0, scanSteps = 0;
  /// Reads of the memory that a core works in.
  double near = 0;

  void add(const Chain &other, double times);
  /// Links, whatever their kind.
  double count() const {
    return vector + special + matrix + memory + barrier + near + scanSteps;
  }
};

/// One loop around an access.
struct Reuse {
  double trips = 1;
  /// Bytes touched in all trips over bytes touched in one: from 1 (the same
  /// each time) to `trips` (others each time).
  double growth = 1;
  /// Bytes that all of the kernel's accesses touch in one trip: what a memory
  /// must hold for the next trip to find the same again.
  double window = 0;
  /// Trips are work items, which run on any core at any time.
  bool isParallel = false;
};

/// A read or write of memory, with the loops around it.
struct Access {
  std::string name;
  /// Bytes of one execution.
  double bytes = 0;
  /// Outermost first.
  std::vector<Reuse> loops;
  bool isWrite = false;

  /// Bytes touched at least once: what no memory can spare.
  double getCompulsory() const;
  /// Bytes of all executions: what a core asks for.
  double getTotal() const;
};

/// The work of one item, an iteration of the grid.
struct Work {
  std::vector<Product> products;
  /// Elementwise operations of each element type.
  std::array<double, machine::elementCount> vector = {};
  std::array<double, machine::specialCount> special = {};
  /// Elementwise operations that a unit of the task's own can take over, by
  /// task and element type.
  std::array<std::array<double, machine::elementCount>, tasks.size()> given =
      {};
  /// Bytes read and written by loads and stores.
  double moved = 0;
  /// Bytes of values that threads hand to each other through the memory that a
  /// core works in.
  double exchanged = 0;
  Chain chain;

  void add(const Work &other, double times);
};

/// `count` items in a row that do the same.
struct ItemRun {
  Work work;
  double count = 1;
};

/// A kernel, or the whole of a fused operation.
struct KernelFacts {
  std::string name;
  /// In the order in which items are handed out.
  std::vector<ItemRun> items;
  std::vector<Access> accesses;
  /// Bytes that an item holds at once in the memory that a core works in.
  double footprint = 0;
  /// Kernels that are launched for it.
  double launches = 1;
  /// Whether the threads of an item go through its ops one by one, so that it
  /// waits for all of its work in turn, and only other items fill the gaps.
  bool isStepwise = false;

  double countItems() const;
  /// Of all items.
  Work getTotal() const;
  /// Multiply-adds as two, elementwise operations as one, special ones as one.
  double countOperations() const;
  /// Bytes touched at least once, read and written.
  double getCompulsory() const;
};

/// Bytes that come into a memory of `capacity` bytes for one access. Across a
/// loop whose window fits, only what is new comes; else everything again. Of
/// `copies` private memories, each that takes part in a parallel loop needs its
/// own; those that programs fill (`isScratchpad`) keep nothing from one item to
/// the next. What `together` items ask for that run at the same time comes once
/// to a memory that they share. Never less than `getCompulsory`, never more
/// than `getTotal`, and never more for a larger capacity.
double getTraffic(const Access &access, double capacity, double copies,
                  bool isScratchpad, double together = 1);

} // namespace sennit::cost

#endif // SENNIT_COMPILER_COST_FACTS_H
