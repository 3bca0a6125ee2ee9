// Which unit of a machine does which work, and how long it takes.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_COST_UNITTIMES_H
#define SENNIT_COMPILER_COST_UNITTIMES_H

#include "compiler/cost/Model.h"

namespace sennit::cost {

/// Seconds of one core's units for some work, by unit in the machine's order,
/// and the bytes that products read from the memory that the core works in.
struct UnitTimes {
  std::vector<Resource> units;
  double operandBytes = 0;
  /// Joules of the operations; less than 0 where an energy is left out.
  double energy = 0;
  std::string missingEnergy;
};

/// Gives every product to a matrix unit with a rate for the wider element, or
/// for the narrower where it splits the wider one; else, or where padding would
/// multiply the work by more than eight, to a vector unit. Shapes are padded to
/// fragments; a systolic array fills and drains; splitting costs two vector
/// operations a piece. Special functions without a unit become vector
/// operations. False, and a reason, where no unit can.
bool timeUnits(const Work &work, const machine::Machine &machine,
               UnitTimes &times, std::string &reason);

/// Seconds of a chain of dependent operations.
Resource timeChain(const Chain &chain, const machine::Machine &machine);

} // namespace sennit::cost

#endif // SENNIT_COMPILER_COST_UNITTIMES_H
