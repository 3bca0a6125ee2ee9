// Which fields a machine's file may have, and what each measures.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_MACHINE_SCHEMA_H
#define SENNIT_COMPILER_MACHINE_SCHEMA_H

#include "compiler/machine/Units.h"
#include <span>

namespace sennit::machine {

/// What stands at a field.
enum class FieldKind {
  quantity, ///< a number, its unit, its status and its source
  word,     ///< one of `words`, or any name where there are none
  text,     ///< free text
  list,     ///< a list of texts
  group,    ///< fields of `inner`
  table     ///< names of the file's own choice, or of `words`, each an `inner`
};

struct Field {
  std::string_view name;
  FieldKind kind;
  Measure measure = Measure::any;
  /// Groups: their fields. Tables: one field, of every entry.
  std::span<const Field> inner = {};
  /// The names permitted for a word or for the keys of a table; empty: any.
  std::span<const std::string_view> words = {};
  bool isRequired = false;
};

/// The whole file of a machine, as one group.
const Field &getSchema();

/// The whole file of a calibration.
const Field &getCalibrationSchema();

/// Element types, as in `rate: {bf16: ..}`, in the order of `Element`.
std::span<const std::string_view> getElementNames();

/// Special functions, as in `rate: {exp2: ..}`, in the order of `Special`.
std::span<const std::string_view> getSpecialNames();

/// The permitted name that begins with `name` or is nearest to it by edits, if
/// one is near.
std::string_view findNearest(std::string_view name,
                             std::span<const std::string_view> permitted);

} // namespace sennit::machine

#endif // SENNIT_COMPILER_MACHINE_SCHEMA_H
