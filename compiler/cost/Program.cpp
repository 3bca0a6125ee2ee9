// Adds up the kernels of an entry.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/cost/Program.h"

#include <algorithm>
#include <array>

namespace sennit::cost {

double EntryFacts::countLaunches() const {
  double count = 0;
  for (const KernelUse &use : kernels)
    count += use.calls * use.facts.launches;
  return count;
}

/// The part of a call's bytes that the last cache holds from before.
static double getResident(const EntryFacts &entry, const KernelUse &use,
                          const machine::Machine &machine) {
  if (machine.memories.size() < 2)
    return 1;
  const machine::Memory &cache = machine.memories[machine.memories.size() - 2];
  if (cache.kind != machine::MemoryKind::cache)
    return 0;
  double capacity = cache.capacity.value * cache.instances *
                    (cache.usable ? cache.usable.value : 1);
  if (entry.touched <= capacity)
    return 1;
  double all = use.facts.getCompulsory();
  return entry.arena <= capacity && all > 0 ? std::min(1.0, use.arena / all)
                                            : 0;
}

std::optional<EntryPrediction> predict(const EntryFacts &entry,
                                       const machine::Machine &machine,
                                       std::string &reason) {
  EntryPrediction result;
  double energy = 0, device = 0;
  std::array<double, size_t(Status::assumed) + 1> byStatus = {};
  for (const KernelUse &use : entry.kernels) {
    auto prediction =
        predict(use.facts, machine, {getResident(entry, use, machine)}, reason);
    if (!prediction) {
      reason = "kernel `" + use.facts.name + "`: " + reason;
      return std::nullopt;
    }
    double seconds = prediction->seconds * use.calls;
    device += seconds;
    byStatus[size_t(prediction->bound.status)] += seconds;
    energy += prediction->energy.value_or(0) * use.calls;
    if (!prediction->energy && result.missingEnergy.empty())
      result.missingEnergy = prediction->missingEnergy;
    result.kernels.push_back(std::move(*prediction));
  }
  device += machine.launchCall.value;
  result.seconds =
      std::max(device, entry.countLaunches() * machine.launchHost.value);
  if (result.missingEnergy.empty())
    result.energy = energy;
  result.fits = entry.touched <= machine.memories.back().capacity.value *
                                     machine.memories.back().instances;
  for (size_t status = byStatus.size(); status-- > 0;)
    if (byStatus[status] >= device / 10) {
      result.confidence = Status(status);
      break;
    }
  return result;
}

} // namespace sennit::cost
