// Reads the text of a machine's file: YAML of the schema, strictly.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_MACHINE_READER_H
#define SENNIT_COMPILER_MACHINE_READER_H

#include "compiler/machine/Description.h"

namespace sennit::machine {

/// Reads the text of one file of `schema`, without what it extends. Nothing,
/// and problems that name line, field and what was expected, where the text
/// does not follow the schema. The text may hold 256 KiB and 16 levels;
/// anchors, aliases, tags, several documents and doubled keys are refused.
std::optional<Node> readText(std::string_view text, const std::string &file,
                             std::vector<Problem> &problems,
                             const Field &schema = getSchema());

} // namespace sennit::machine

#endif // SENNIT_COMPILER_MACHINE_READER_H
