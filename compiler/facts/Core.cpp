// Puts a machine into an attribute.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/facts/Core.h"

namespace sennit::machine {

CoreAttr makeCore(const Node &root, const Machine &machine,
                  mlir::MLIRContext &context) {
  auto getShare = [&](size_t index, const Quantity &stated) {
    const Memory &memory =
        machine.memories[std::min(index, machine.memories.size() - 1)];
    return int64_t(stated ? stated.value
                          : memory.capacity.value * memory.instances /
                                machine.cores.value);
  };
  auto getOr = [](const Quantity &quantity, int64_t otherwise) {
    return quantity ? int64_t(quantity.value) : otherwise;
  };
  bool isPredicted = machine.target.empty();
  int64_t threads = getOr(machine.itemThreads, 1);
  int64_t near = getShare(0, machine.itemNear);
  // Schedules ask for vectors of whole registers of 32 bits.
  int64_t bits = getOr(machine.vectorBytes, 64) * 8 / 32 * 32;
  return CoreAttr::get(&context, isPredicted ? machine.name : machine.target,
                       isPredicted ? "none" : machine.level,
                       std::max<int64_t>(bits, 32),
                       getOr(machine.vectorRegisters, 32), near,
                       std::max(near, getShare(1, machine.itemFar)), threads,
                       getOr(machine.asyncRows, 0), print(root));
}

} // namespace sennit::machine
