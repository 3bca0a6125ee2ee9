// The table of a machine file's fields.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/machine/Schema.h"

#include <algorithm>
#include <vector>

namespace sennit::machine {

using enum FieldKind;

static constexpr std::string_view elementNames[] = {
    "f64", "f32", "tf32", "bf16", "f16", "f8", "f4", "i32", "i16", "i8"};
static constexpr std::string_view specialNames[] = {
    "exp", "exp2", "log", "rsqrt", "sqrt", "rcp", "sin", "tanh", "erf"};
/// What vectors may have to do in its place: functions, and tasks in the order
/// of units' kinds.
static constexpr std::string_view emulatedNames[] = {
    "exp", "exp2", "log", "rsqrt", "sqrt", "rcp",
    "sin", "tanh", "erf", "scan",  "fft",  "route"};
/// A unit's rates are of element types or of special functions.
static constexpr std::string_view rateNames[] = {
    "f64", "f32",  "tf32", "bf16",  "f16",  "f8",  "f4",  "i32",  "i16", "i8",
    "exp", "exp2", "log",  "rsqrt", "sqrt", "rcp", "sin", "tanh", "erf"};
static constexpr std::string_view memoryKinds[] = {"dram", "cache",
                                                   "scratchpad", "register"};
static constexpr std::string_view unitKinds[] = {
    "matrix", "vector", "integer", "special", "scan", "fft", "route"};
static constexpr std::string_view overlaps[] = {"full", "in_turn"};
static constexpr std::string_view versions[] = {"1"};

static constexpr Field rates[] = {{"", quantity, Measure::rate}};
static constexpr Field counts[] = {{"", quantity, Measure::count}};
static constexpr Field energies[] = {{"", quantity, Measure::energyPerOp}};
static constexpr Field texts[] = {{"", text}};
static constexpr Field values[] = {{"", quantity, Measure::any}};

static constexpr Field process[] = {{"node", text},
                                    {"die", quantity, Measure::area}};
static constexpr Field power[] = {{"limit", quantity, Measure::power},
                                  {"static", quantity, Measure::power}};
static constexpr Field clock_[] = {
    {"max", quantity, Measure::frequency, {}, {}, true},
    {"matrix", quantity, Measure::frequency}};
static constexpr Field runs[] = {{"target", word, Measure::any, {}, {}, true},
                                 {"level", word, Measure::any, {}, {}, true}};

static constexpr Field bus[] = {
    {"width", quantity, Measure::size, {}, {}, true},
    {"pin", quantity, Measure::bandwidth, {}, {}, true}};
static constexpr Field memory[] = {
    {"kind", word, Measure::any, {}, memoryKinds, true},
    {"capacity", quantity, Measure::size, {}, {}, true},
    {"per_item", quantity, Measure::size},
    {"usable", quantity, Measure::ratio},
    {"bandwidth", quantity, Measure::bandwidth, {}, {}, true},
    {"write", quantity, Measure::bandwidth},
    {"latency", quantity, Measure::duration},
    {"bus", group, Measure::any, bus},
    {"energy", quantity, Measure::energyPerByte}};

static constexpr Field fragment[] = {
    {"m", quantity, Measure::count, {}, {}, true},
    {"n", quantity, Measure::count, {}, {}, true},
    {"k", table, Measure::any, counts, elementNames, true}};
static constexpr Field block[] = {
    {"m", quantity, Measure::count, {}, {}, true},
    {"n", quantity, Measure::count, {}, {}, true}};
static constexpr Field systolic[] = {
    {"rows", quantity, Measure::count, {}, {}, true},
    {"columns", quantity, Measure::count, {}, {}, true}};
static constexpr Field unit[] = {
    {"kind", word, Measure::any, {}, unitKinds, true},
    {"rate", table, Measure::any, rates, rateNames, true},
    {"fragment", group, Measure::any, fragment},
    {"block", group, Measure::any, block},
    {"systolic", group, Measure::any, systolic},
    {"split", table, Measure::any, counts, elementNames},
    {"group", quantity, Measure::count},
    {"latency", quantity, Measure::duration},
    {"energy", table, Measure::any, energies, rateNames},
    {"area", quantity, Measure::area}};

static constexpr Field network[] = {
    {"bandwidth", quantity, Measure::bandwidth, {}, {}, true},
    {"latency", quantity, Measure::duration}};
static constexpr Field item[] = {
    {"near", quantity, Measure::size, {}, {}, true},
    {"far", quantity, Measure::size, {}, {}, true}};
static constexpr Field exec[] = {
    {"overlap", word, Measure::any, {}, overlaps, true},
    {"units_power", quantity, Measure::ratio},
    {"transfers_power", quantity, Measure::ratio},
    {"items", quantity, Measure::count},
    {"in_flight", quantity, Measure::size},
    {"vector", quantity, Measure::size},
    {"registers", quantity, Measure::count},
    {"threads", quantity, Measure::count},
    {"async_rows", quantity, Measure::count},
    {"item", group, Measure::any, item},
    {"start", quantity, Measure::duration},
    {"barrier", quantity, Measure::duration}};
static constexpr Field launch[] = {
    {"host", quantity, Measure::duration, {}, {}, true},
    {"gap", quantity, Measure::duration, {}, {}, true},
    {"fork", quantity, Measure::duration},
    {"call", quantity, Measure::duration}};
static constexpr Field link[] = {
    {"bandwidth", quantity, Measure::bandwidth, {}, {}, true},
    {"count", quantity, Measure::count},
    {"latency", quantity, Measure::duration}};

static constexpr Field memories[] = {{"", group, Measure::any, memory}};
static constexpr Field units[] = {{"", group, Measure::any, unit}};
static constexpr Field links[] = {{"", group, Measure::any, link}};
static constexpr Field level[] = {
    {"count", quantity, Measure::count, {}, {}, true},
    {"memories", table, Measure::any, memories},
    {"units", table, Measure::any, units},
    {"network", group, Measure::any, network},
    {"exec", group, Measure::any, exec},
    {"launch", group, Measure::any, launch},
    {"links", table, Measure::any, links}};
static constexpr Field levels[] = {{"", group, Measure::any, level}};
static constexpr Field emulation[] = {
    {"ops", quantity, Measure::count, {}, {}, true}};
static constexpr Field emulations[] = {{"", group, Measure::any, emulation}};

static constexpr Field root[] = {
    {"sennit_machine", word, Measure::any, {}, versions, true},
    {"name", word, Measure::any, {}, {}, true},
    {"extends", word},
    {"summary", text, Measure::any, {}, {}, true},
    {"sources", table, Measure::any, texts},
    {"runs", group, Measure::any, runs},
    {"process", group, Measure::any, process},
    {"power", group, Measure::any, power},
    {"clock", group, Measure::any, clock_, {}, true},
    {"peak", table, Measure::any, rates, elementNames},
    {"levels", table, Measure::any, levels, {}, true},
    {"emulate", table, Measure::any, emulations, emulatedNames},
    {"derive", table, Measure::any, values},
    {"assert", list}};

const Field &getSchema() {
  static constexpr Field schema = {"", group, Measure::any, root};
  return schema;
}

/// What stands below the head is laid over a machine.
static constexpr Field calibration[] = {
    {"sennit_calibration", word, Measure::any, {}, versions, true},
    {"machine", word, Measure::any, {}, {}, true},
    {"hash", word, Measure::any, {}, {}, true},
    {"processor", text, Measure::any, {}, {}, true},
    {"date", text, Measure::any, {}, {}, true},
    {"command", text, Measure::any, {}, {}, true},
    {"clock", group, Measure::any, clock_},
    {"levels", table, Measure::any, levels},
    {"emulate", table, Measure::any, emulations, emulatedNames}};

const Field &getCalibrationSchema() {
  static constexpr Field schema = {"", group, Measure::any, calibration};
  return schema;
}

std::span<const std::string_view> getElementNames() { return elementNames; }
std::span<const std::string_view> getSpecialNames() { return specialNames; }

/// Levenshtein's distance.
static size_t countEdits(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1,
                         diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row.back();
}

std::string_view findNearest(std::string_view name,
                             std::span<const std::string_view> permitted) {
  std::string_view nearest;
  size_t fewest = std::max<size_t>(2, name.size() / 3) + 1;
  for (std::string_view candidate : permitted)
    if (name.size() > 3 && candidate.starts_with(name))
      return candidate;
  for (std::string_view candidate : permitted)
    if (size_t edits = countEdits(name, candidate); edits < fewest) {
      fewest = edits;
      nearest = candidate;
    }
  return nearest;
}

} // namespace sennit::machine
