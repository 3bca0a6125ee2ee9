// Kernels and machines by chance, for the properties of the cost model.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_TEST_COMPILER_COST_KERNELS_H
#define SENNIT_TEST_COMPILER_COST_KERNELS_H

#include "compiler/cost/Families.h"
#include "compiler/machine/Machine.h"
#include <random>

namespace sennit::cost {

/// A shipped machine; ends the test where it cannot be read.
machine::Machine loadMachine(const std::string &name);
std::vector<machine::Machine> loadAllMachines();

/// A kernel of each family in turn, its shape by chance.
KernelFacts makeKernel(size_t which, std::mt19937 &random);
inline constexpr size_t kernelCount = 13;

/// Facts of no family: products, work and accesses by chance.
KernelFacts makeArbitrary(std::mt19937 &random);

/// Every rate, bandwidth and capacity of a machine, with its name.
std::vector<std::pair<std::string, machine::Quantity *>>
getResources(machine::Machine &machine);

} // namespace sennit::cost

#endif // SENNIT_TEST_COMPILER_COST_KERNELS_H
