// A machine's file in memory: a tree of fields, with where each number comes
// from.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_MACHINE_DESCRIPTION_H
#define SENNIT_COMPILER_MACHINE_DESCRIPTION_H

#include "compiler/machine/Schema.h"
#include <optional>
#include <vector>

namespace sennit::machine {

/// How well a number is known, best first.
enum class Status { measured, datasheet, literature, assumed };

std::span<const std::string_view> getStatusNames();
inline std::string_view getName(Status status) {
  return getStatusNames()[size_t(status)];
}

/// Something to say about a file; `file` is empty and `line` 0 where there is
/// none.
struct Problem {
  std::string file;
  int line = 0;
  std::string message;
  /// A remark of the linter, which does not make the file unreadable.
  bool isRemark = false;
};

/// `FILE:LINE: MESSAGE`.
std::string format(const Problem &problem);

/// One field of a file. Which members count, `field->kind` says.
struct Node {
  std::string name;
  const Field *field = nullptr;
  std::string file;
  int line = 0;
  /// Fields of a group, entries of a table, in the order of the file.
  std::vector<Node> children;
  /// A word, a text, or a quantity as written: `4.8 TB/s`, or `= ` and an
  /// expression.
  std::string text;
  std::vector<std::string> items;
  /// Of quantities. A bare one is assumed and has no source.
  Status status = Status::assumed;
  std::string source;
  /// `none`: takes away what the extended machine has.
  bool isRemoval = false;

  bool isExpression() const { return text.starts_with("= "); }
  const Node *find(std::string_view child) const;
  Node *find(std::string_view child);

  /// Equal in everything but the place in a file.
  bool operator==(const Node &other) const;
};

/// The field at `path`, names with dots between. Names of groups may be left
/// out as long as one field is nearest: `core.count`, `wgmma.rate.bf16`.
/// Nothing, and a reason, where no field or more than one fits.
const Node *findField(const Node &root, std::string_view path,
                      std::string &reason);

/// Gives the quantity or word at `path` another text, as if the file had it,
/// with the status `assumed`. False, and a reason, where the text does not fit
/// the field.
bool setField(Node &root, std::string_view path, std::string_view text,
              std::string &reason);

/// Takes the unit at `path` away, as if no file had it. False, and a reason,
/// where there is none.
bool removeUnit(Node &root, std::string_view path, std::string &reason);

/// Whether `text` is what a field of that kind may hold; else a reason.
bool fits(const Field &field, std::string_view text, std::string &reason);

/// The canonical text. Reading it gives an equal tree.
std::string print(const Node &root);

/// A quantity with everything that decides it, for the parts of a difference.
struct Difference {
  /// Path from the root.
  std::string path;
  /// As written; empty where one side has no such field.
  std::string before, after;
};

/// What differs between two machines, in the order of the fields; texts,
/// sources and the name are left out.
std::vector<Difference> compare(const Node &before, const Node &after);

} // namespace sennit::machine

#endif // SENNIT_COMPILER_MACHINE_DESCRIPTION_H
