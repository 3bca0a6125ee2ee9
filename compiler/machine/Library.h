// Finds machines: files, shipped ones by name, and what they extend.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_MACHINE_LIBRARY_H
#define SENNIT_COMPILER_MACHINE_LIBRARY_H

#include "compiler/machine/Description.h"

namespace sennit::machine {

/// Reads a file (a path that ends in `.yaml`), or the shipped machine of that
/// name, laid over what it extends: its fields replace those of the same path,
/// `none` takes one away, its assertions are added. A machine that it extends
/// is looked for beside the file and then among the shipped ones. What the
/// schema requires is there, and every source that is named is among the
/// `sources`; else nothing, and problems.
std::optional<Node> readMachine(const std::string &nameOrPath,
                                std::vector<Problem> &problems);

/// Reads the shipped machine that `target` emits code for at `level`.
std::optional<Node> readMachineOf(const std::string &target,
                                  const std::string &level,
                                  std::vector<Problem> &problems);

/// Lays `over` on `base`: its fields replace those of the same path, `none`
/// takes one away.
void overlay(Node &base, Node over);

/// Checks that what the schema requires is there, and that sources are known.
bool checkComplete(const Node &root, std::vector<Problem> &problems);

/// The names of the shipped machines, sorted.
std::vector<std::string> getShippedMachines();

} // namespace sennit::machine

#endif // SENNIT_COMPILER_MACHINE_LIBRARY_H
