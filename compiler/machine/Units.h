// Units of measure: what a number in a machine's file counts, and by which
// scale.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_MACHINE_UNITS_H
#define SENNIT_COMPILER_MACHINE_UNITS_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sennit::machine {

/// Powers of the base measures: byte, operation, second, clock cycle, joule,
/// metre. A hertz is a cycle a second, so that rates a cycle times a clock are
/// rates a second.
struct Dimension {
  int8_t byte = 0, op = 0, second = 0, clock = 0, joule = 0, metre = 0;

  bool operator==(const Dimension &) const = default;
  bool isNone() const { return *this == Dimension(); }
  /// Of a product with `other` to the power `sign`: 1 multiplies, -1 divides.
  Dimension times(const Dimension &other, int sign = 1) const;
};

/// A number of base units.
struct Value {
  double number = 0;
  Dimension dimension;
};

/// The scale of a unit such as `GB/s`, `flop/clk`, `pJ/bit` or `mm2`, as the
/// value of one; nothing when it is no unit. Prefixes are SI's (f p n u m k M G
/// T P) and IEC's (Ki Mi Gi Ti). One multiply-add is two flop.
std::optional<Value> parseUnit(std::string_view text);

/// A number and its unit, `4.8 TB/s`, or a number alone.
std::optional<Value> parseValue(std::string_view text);

/// `4.80  TB/s` as `4.8 TB/s`: the shortest number that reads back as the same,
/// one blank, the unit as written. The text must be a value.
std::string normalizeValue(std::string_view text);

/// The shortest text that reads back as the same number.
std::string formatNumber(double number);

/// A dimension in base units, for messages: `B/s`, `op/clk`, `no unit`.
std::string formatDimension(const Dimension &dimension);

/// What a field measures; it fixes the dimensions that are permitted.
enum class Measure {
  any,
  count,
  ratio,
  size,
  bandwidth,
  duration,
  rate,
  frequency,
  power,
  energyPerByte,
  energyPerOp,
  area
};

/// Whether a value of this dimension is of that measure.
bool isOf(Measure measure, const Dimension &dimension);

/// What is expected, for messages: "a bandwidth such as `4.8 TB/s` or `128
/// B/clk`".
std::string_view describe(Measure measure);

} // namespace sennit::machine

#endif // SENNIT_COMPILER_MACHINE_UNITS_H
