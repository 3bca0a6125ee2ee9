// A machine as the cost model reads it: typed, every number in base units.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_MACHINE_MACHINE_H
#define SENNIT_COMPILER_MACHINE_MACHINE_H

#include "compiler/machine/Description.h"
#include <array>

namespace sennit::machine {

/// Element types, in the order of `getElementNames`.
enum class Element { f64, f32, tf32, bf16, f16, f8, f4, i32, i16, i8 };
inline constexpr size_t elementCount = size_t(Element::i8) + 1;

/// Special functions, in the order of `getSpecialNames`.
enum class Special { exp, exp2, log, rsqrt, sqrt, rcp, sin, tanh, erf };
inline constexpr size_t specialCount = size_t(Special::erf) + 1;

/// Bytes of one element; f4 is half a byte.
double getBytes(Element element);

/// A number in base units (bytes, operations, seconds, joules, square metres;
/// cycles have become seconds) and how well it is known. 0 where the file says
/// nothing.
struct Quantity {
  double value = 0;
  Status status = Status::assumed;

  explicit operator bool() const { return value > 0; }
};

enum class MemoryKind { dram, cache, scratchpad, reg };

struct Memory {
  std::string name;
  MemoryKind kind = MemoryKind::cache;
  /// Memories of this kind on the chip: its level's count.
  double instances = 1;
  /// Of the innermost level: each core has its own.
  bool isPrivate = false;
  /// Of one instance: bytes, bytes a work item may take, bytes a second,
  /// seconds.
  Quantity capacity, perItem, bandwidth, latency;
  /// Bytes a second that are written; 0: as many as are read.
  Quantity write;
  /// The part of a cache that holds what one expects of it.
  Quantity usable;
  /// Joules a byte read or written.
  Quantity energy;

  /// Bytes that stay as long as they are expected to.
  double getUsable() const {
    return capacity.value * (usable ? usable.value : 1);
  }
};

enum class UnitKind { matrix, vector, integer, special, scan, fft, route };

struct Unit {
  std::string name;
  UnitKind kind = UnitKind::vector;
  double instances = 1;
  /// Operations a second of one level instance, by element and by function; a
  /// multiply-add is two.
  std::array<Quantity, elementCount> rate;
  std::array<Quantity, specialCount> special;
  /// Matrix units: the shape that one instruction computes, by depth for each
  /// element type; products are padded to it.
  double fragmentM = 1, fragmentN = 1;
  std::array<double, elementCount> fragmentK = {};
  /// Matrix units: rows and columns whose sums stay in registers, so that an
  /// operand is read once for them.
  double blockM = 1, blockN = 1;
  /// Systolic arrays: their shape; 0 otherwise.
  double systolicRows = 0, systolicColumns = 0;
  /// Pieces of a cheaper type that one operand of this type is split into, each
  /// a product by itself; 0 where it is not.
  std::array<double, elementCount> split = {};
  /// Elements of depth that stand side by side in the second operand.
  double group = 1;
  /// Seconds from operands to result.
  Quantity latency;
  /// Square metres that an instance adds to the machine's die.
  Quantity area;
  /// Joules an operation.
  std::array<Quantity, elementCount> energy;
  std::array<Quantity, specialCount> specialEnergy;
};

/// What is seen by one core, and how many there are.
struct Machine {
  std::string name, summary;
  /// The target and level that emit code for it; empty: it is predicted only.
  std::string target, level;
  /// Cores: instances of the innermost level.
  Quantity cores;
  /// Cycles a second.
  Quantity clock, matrixClock;
  /// From the memory that a core works in to the largest; registers are left
  /// out.
  std::vector<Memory> memories;
  /// Units of one core.
  std::vector<Unit> units;
  /// Bytes a second between a core and what lies outside it; 0: no limit.
  Quantity corePort;
  /// Whether a core's units work one after the other, and so do transfers
  /// between memories; else all side by side.
  bool isInTurn = false;
  /// How far the units of an item work side by side, and transfers beside them:
  /// times add up as their powers, (sum of t^p)^(1/p). 1 is one after the
  /// other; 0 stands for infinity, all side by side.
  Quantity unitsPower, transfersPower;
  /// Work items that a core may hold at once.
  Quantity itemsPerCore;
  /// Bytes that a core may have requested and not yet got; 0: no limit.
  Quantity inFlight;
  /// Bytes of a vector register, and how many there are; 0: not said.
  Quantity vectorBytes, vectorRegisters;
  /// Threads that compute one item together; 0: one.
  Quantity itemThreads;
  /// Rows from which on products go to a matrix unit that works beside the
  /// threads of an item, from tiles that an engine copies; 0: none do.
  Quantity asyncRows;
  /// Bytes that one item may fill of the nearest memory and of the next; 0: the
  /// memory, of a shared one a core's share.
  Quantity itemNear, itemFar;
  /// Seconds in which a core takes up an item.
  Quantity itemStart;
  /// Seconds of a barrier of a core's threads.
  Quantity barrier;
  /// Seconds of the host, and of the device, for each launch.
  Quantity launchHost, launchGap;
  /// Seconds more where a launch's items go to several cores.
  Quantity launchFork;
  /// Seconds of a call of an entry besides its launches.
  Quantity launchCall;
  /// Watts that are drawn always; the most that may be drawn.
  Quantity staticPower, powerLimit;
  /// Square metres of the die without the units that state an area.
  Quantity die;
  /// Vector operations that stand for one special function without a unit.
  std::array<Quantity, specialCount> emulate;
  /// Vector operations that stand for one of a scan, of a transform and of a
  /// choice where there is no unit for them; 0: one.
  std::array<Quantity, 3> emulateTask;
  /// Stated dense peaks, operations a second of the chip.
  std::array<Quantity, elementCount> peak;

  /// Square metres of the die and of the units that state an area; 0 where
  /// neither is said.
  Quantity getArea() const;
  /// Operations a second of the whole chip by its fastest unit for `element`;
  /// of matrix and vector units.
  Quantity getPeak(Element element) const;
  /// Whether products do well to round activations to the type of their
  /// matrices: a matrix unit takes bf16 or f16, and none takes f32.
  bool roundsOperands() const;
  /// The innermost level's memory nearest to the core.
  const Memory &getNear() const { return memories.front(); }
};

/// Reads the typed machine out of a complete tree: expressions evaluated,
/// cycles turned into seconds by `clock.max`, those of matrix units by
/// `clock.matrix` where it is given. Nothing, and problems, where an expression
/// has no value, or where no core has a memory and a vector unit.
std::optional<Machine> build(const Node &root, std::vector<Problem> &problems);

} // namespace sennit::machine

#endif // SENNIT_COMPILER_MACHINE_MACHINE_H
