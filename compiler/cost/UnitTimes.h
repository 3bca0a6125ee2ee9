// Which unit of a machine does which work, and how long it takes.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_COST_UNITTIMES_H
#define SENNIT_COMPILER_COST_UNITTIMES_H

#include "compiler/cost/Model.h"

namespace sennit::cost {

/// Seconds of one core's units for some work, by unit in the machine's order,
/// and the bytes that products move: between the core and the memory that it
/// works in, and again into each private cache, nearest first, from the next
/// memory, because it does not hold a product's operands and sums.
struct UnitTimes {
  std::vector<Resource> units;
  double operandBytes = 0;
  std::vector<double> refills;
  /// Of these, bytes that are written, by the memory that takes them.
  std::vector<double> written;
  /// Joules of the operations; less than 0 where an energy is left out.
  double energy = 0;
  std::string missingEnergy;
};

/// Gives every product to a matrix unit with a rate for the wider element, or
/// for the narrower where it splits the wider one; else, or where padding would
/// multiply the work by more than eight, to a vector unit. Shapes are padded to
/// fragments; a systolic array fills and drains; splitting costs nine vector
/// operations for two pieces, which are written before they are read. Special
/// functions go to the unit that has the fewest of them, and become vector
/// operations without one; so do tasks without a unit of their kind. A product
/// goes by blocks of sums, columns outside and rows inside; where a core works
/// in a cache, each block waits for the unit's latency and its sums pass the
/// cache twice, for a product that goes on or a reader. False, and a reason,
/// where no unit can.
bool timeUnits(const Work &work, const machine::Machine &machine,
               UnitTimes &times, std::string &reason);

/// Seconds of a chain of dependent operations. The part `resident` of what it
/// reads comes from the last cache.
Resource timeChain(const Chain &chain, const machine::Machine &machine,
                   double resident);

} // namespace sennit::cost

#endif // SENNIT_COMPILER_COST_UNITTIMES_H
