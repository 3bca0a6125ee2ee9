// Values of one field to try, one after the other.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_MACHINE_AXIS_H
#define SENNIT_COMPILER_MACHINE_AXIS_H

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sennit::machine {

/// A field and its values, as `setField` takes them.
struct Axis {
  std::string path;
  std::vector<std::string> values;
};

/// Most values of an axis, and most points of all axes together.
inline constexpr size_t mostValues = 10000;
inline constexpr size_t mostPoints = 100000;

/// Reads `core.count=64..160:16` (steps), `smem.capacity=64 KiB..1 MiB:x2`
/// (factors), or values with commas between. The unit of the last value counts
/// for those without one. Nothing, and a reason, for anything else.
std::optional<Axis> parseAxis(std::string_view text, std::string &reason);

/// Every combination of the axes' values, the last axis fastest: a value a
/// path, `PATH=VALUE`. Nothing, and a reason, where they are too many.
std::optional<std::vector<std::vector<std::string>>>
combine(const std::vector<Axis> &axes, std::string &reason);

} // namespace sennit::machine

#endif // SENNIT_COMPILER_MACHINE_AXIS_H
