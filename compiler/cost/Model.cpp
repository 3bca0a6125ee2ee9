// Times every resource of a machine for a kernel and takes the slowest.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/cost/Model.h"

#include "compiler/cost/UnitTimes.h"
#include <algorithm>
#include <cmath>
#include <queue>

namespace sennit::cost {

using machine::Machine;
using machine::Memory;
using machine::MemoryKind;
using machine::Quantity;

/// Items that are dealt one by one; beyond, the spread is even.
static constexpr double mostDealt = 4096;

double dealItems(const std::vector<std::pair<double, double>> &items,
                 double slots) {
  double count = 0, sum = 0, longest = 0;
  for (auto [seconds, times] : items) {
    count += times;
    sum += seconds * times;
    longest = std::max(longest, seconds);
  }
  slots = std::max(1.0, std::floor(slots));
  if (items.size() == 1)
    return std::ceil(count / slots) * longest;
  if (count > mostDealt)
    return sum / slots + longest * (1 - 1 / slots);
  std::priority_queue<double, std::vector<double>, std::greater<>> free;
  double last = 0;
  for (auto [seconds, times] : items)
    for (double i = 0; i < times; ++i) {
      double start = 0;
      if (double(free.size()) >= slots) {
        start = free.top();
        free.pop();
      }
      free.push(start + seconds);
      last = std::max(last, start + seconds);
    }
  return last;
}

/// (sum of t^p)^(1/p), the largest where `power` is none.
static double combine(const std::vector<double> &times, const Quantity &power) {
  double largest = 0, sum = 0;
  for (double time : times)
    largest = std::max(largest, time);
  if (!power || largest <= 0)
    return largest;
  for (double time : times)
    sum += std::pow(time / largest, power.value);
  return largest * std::pow(sum, 1 / power.value);
}

namespace {
/// One prediction; `run` goes from top to bottom.
class Predictor {
public:
  Predictor(const KernelFacts &facts, const Machine &machine,
            const Surroundings &surroundings, std::string &reason)
      : facts(facts), machine(machine), surroundings(surroundings),
        reason(reason) {}

  std::optional<Prediction> run() {
    countTraffic();
    setOccupancy();
    if (!timeItems())
      return std::nullopt;
    timeShared();
    finish();
    return std::move(result);
  }

private:
  /// Bytes that are read in the time that a byte's writing takes longer.
  static double getSlowness(const Memory &memory) {
    return memory.write
               ? std::max(0.0, memory.bandwidth.value / memory.write.value - 1)
               : 0;
  }

  /// Bytes into each memory from the next one outwards; the last gets none.
  void countTraffic() {
    size_t count = machine.memories.size();
    traffic.assign(count, 0);
    refilled.assign(count, 0);
    slow.assign(count, 0);
    for (size_t i = 0; i + 1 < count; ++i) {
      const Memory &memory = machine.memories[i];
      double capacity = memory.getUsable();
      double copies = memory.isPrivate ? machine.cores.value : 1;
      double together = memory.isPrivate ? 1 : machine.cores.value;
      bool isLast = i + 2 == count;
      double resident =
          isLast ? std::clamp(surroundings.resident, 0.0, 1.0) : 0;
      double more = getSlowness(machine.memories[i + 1]);
      for (const Access &access : facts.accesses) {
        double bytes =
            getTraffic(access, capacity, copies,
                       memory.kind == MemoryKind::scratchpad, together) -
            resident * access.getCompulsory();
        traffic[i] += bytes;
        if (access.isWrite)
          slow[i] += more * bytes;
      }
    }
    for (const Access &access : facts.accesses)
      moved += access.getTotal();
    result.bytes = count > 1 ? traffic[count - 2] : facts.getCompulsory();
  }

  void setOccupancy() {
    const Memory &near = machine.getNear();
    double most = near.perItem ? near.perItem.value : near.capacity.value;
    bool isScratchpad = near.kind == MemoryKind::scratchpad;
    result.fits = !isScratchpad || facts.footprint <= most;
    double held = machine.itemsPerCore ? machine.itemsPerCore.value : 1;
    if (isScratchpad && facts.footprint > 0)
      held = std::min(held, std::floor(near.capacity.value / facts.footprint));
    result.itemsPerCore = std::max(1.0, held);
    result.waves = std::ceil(facts.countItems() /
                             (machine.cores.value * result.itemsPerCore));
  }

  /// Seconds of a core for `bytes` from memory `index`, the port between cores
  /// and what they share included. Writes take as long as `more` bytes beside.
  Resource timeTransfer(size_t index, double bytes, double more) const {
    const Memory &memory = machine.memories[index];
    Resource time{memory.name, 0, memory.bandwidth.status};
    auto limit = [&](double seconds, Status status) {
      if (seconds <= time.seconds)
        return;
      time.seconds = seconds;
      time.status = status;
    };
    limit((bytes + more) / memory.bandwidth.value, memory.bandwidth.status);
    if (memory.isPrivate)
      return time;
    // A shared memory's own bandwidth is timed for all cores together.
    time.seconds = 0;
    if (machine.corePort)
      limit(bytes / machine.corePort.value, machine.corePort.status);
    if (machine.inFlight)
      limit(bytes * memory.latency.value / machine.inFlight.value,
            std::max(machine.inFlight.status, memory.latency.status));
    return time;
  }

  /// What a core needs for one item, by resource.
  bool timeItem(const Work &work, std::vector<Resource> &resources,
                double &seconds) {
    UnitTimes units;
    if (!timeUnits(work, machine, units, reason))
      return false;
    resources = units.units;
    double share = moved > 0 ? work.moved / moved : 0;
    double computing = 0, transfers = 0, slowest = 0;
    std::vector<double> times;
    for (const Resource &unit : units.units) {
      computing += unit.seconds;
      times.push_back(unit.seconds);
    }
    if (!machine.isInTurn)
      computing = combine(times, machine.unitsPower);
    times = {computing};
    double nearBytes = units.operandBytes + work.moved + work.exchanged,
           perByte = 0;
    units.refills.resize(machine.memories.size());
    for (size_t i = 0; i < machine.memories.size(); ++i) {
      auto getBytes = [&](size_t index) {
        if (index >= machine.memories.size())
          return 0.0;
        return index == 0
                   ? nearBytes
                   : traffic[index - 1] * share + units.refills[index - 1];
      };
      double bytes = getBytes(i);
      double more = units.written[i] * getSlowness(machine.memories[i]) +
                    (i == 0 ? 0 : slow[i - 1] * share);
      Resource time = timeTransfer(i, bytes, more);
      slowest = std::max(slowest, time.seconds);
      times.push_back(time.seconds);
      // A byte from afar has passed the nearer memories on its way, at the
      // speed of the slowest.
      if (bytes > 0)
        perByte = std::max(perByte, time.seconds / bytes);
      transfers += std::max(0.0, bytes - getBytes(i + 1)) * perByte;
      resources.push_back(std::move(time));
      if (i > 0)
        refilled[i - 1] += units.refills[i - 1] * itemCount;
    }
    transfers = std::max(transfers, slowest);
    seconds = machine.isInTurn ? std::max(computing, transfers)
                               : combine(times, machine.transfersPower);
    seconds += machine.itemStart.value;
    nearTotal += nearBytes * itemCount;
    energy += units.energy * itemCount;
    if (result.missingEnergy.empty())
      result.missingEnergy = units.missingEnergy;
    return true;
  }

  /// Seconds of an item's units and of its nearest memory, one after the other.
  /// Reads of operands are hidden behind what is computed of those before.
  double timeInTurn(const Work &work,
                    const std::vector<Resource> &resources) const {
    double computing = 0,
           reads = work.chain.near * machine.getNear().latency.value;
    for (size_t i = 0; i < machine.units.size(); ++i)
      computing += resources[i].seconds;
    return std::max(0.0, computing - reads) +
           resources[machine.units.size()].seconds;
  }

  bool timeItems() {
    using Times = std::vector<std::pair<double, double>>;
    Times items, chains;
    std::vector<Times> byResource;
    for (const ItemRun &run : facts.items) {
      itemCount = run.count;
      std::vector<Resource> resources;
      double seconds = 0;
      if (!timeItem(run.work, resources, seconds))
        return false;
      Resource chain =
          timeChain(run.work.chain, machine, surroundings.resident);
      if (facts.isStepwise)
        chain.seconds += timeInTurn(run.work, resources);
      items.push_back({seconds, run.count});
      chains.push_back({chain.seconds, run.count});
      latency.status = std::max(latency.status, chain.status);
      byResource.resize(resources.size());
      result.resources.resize(resources.size(), {"", 0, Status::measured});
      for (size_t i = 0; i < resources.size(); ++i) {
        byResource[i].push_back({resources[i].seconds, run.count});
        Resource &known = result.resources[i];
        known.name = resources[i].name;
        if (resources[i].seconds > 0)
          known.status = std::max(known.status, resources[i].status);
      }
    }
    for (size_t i = 0; i < traffic.size(); ++i)
      traffic[i] += refilled[i];
    double cores = machine.cores.value;
    for (size_t i = 0; i < byResource.size(); ++i)
      result.resources[i].seconds = dealItems(byResource[i], cores);
    latency.seconds = dealItems(chains, cores * result.itemsPerCore);
    body = std::max(dealItems(items, cores), latency.seconds);
    result.resources.push_back(latency);
    return true;
  }

  /// Memories that cores share move the bytes of all.
  void timeShared() {
    std::vector<double> times = {body};
    for (size_t i = 1; i < machine.memories.size(); ++i) {
      const Memory &memory = machine.memories[i];
      if (memory.isPrivate)
        continue;
      double seconds = (traffic[i - 1] + slow[i - 1]) /
                       (memory.bandwidth.value * memory.instances);
      times.push_back(seconds);
      Resource &resource = result.resources[machine.units.size() + i];
      if (seconds > resource.seconds)
        resource = {memory.name, seconds, memory.bandwidth.status};
    }
    body =
        combine(times, machine.isInTurn ? Quantity() : machine.transfersPower);
  }

  void finish() {
    Resource launch{"launch", facts.launches * machine.launchGap.value,
                    machine.launchGap.status};
    // The core that launches begins at once, the others a fork later; if it is
    // through by then, it has done all items alone.
    double items = facts.countItems();
    double together = items / std::ceil(items / machine.cores.value);
    if (together > 1) {
      launch.seconds +=
          (together - 1) *
          std::min(facts.launches * machine.launchFork.value / together, body);
      launch.status = std::max(launch.status, machine.launchFork.status);
    }
    // The first bytes arrive a latency after the start.
    const Memory &last = machine.memories.back();
    double starts = std::ceil(facts.countItems() / machine.cores.value) *
                    machine.itemStart.value;
    if (surroundings.resident < 1)
      launch.seconds += last.latency.value;
    result.seconds = body + launch.seconds;
    launch.seconds += starts;
    result.resources.push_back(launch);
    result.bound =
        *std::max_element(result.resources.begin(), result.resources.end(),
                          [](const Resource &a, const Resource &b) {
                            return a.seconds < b.seconds;
                          });
    result.operations = facts.countOperations();
    result.bytesByMemory.push_back(nearTotal);
    for (size_t i = 1; i < machine.memories.size(); ++i)
      result.bytesByMemory.push_back(traffic[i - 1]);
    addEnergy();
  }

  void addEnergy() {
    auto charge = [&](const Memory &memory, double bytes) {
      energy += bytes * memory.energy.value;
      if (bytes > 0 && !memory.energy && result.missingEnergy.empty())
        result.missingEnergy = memory.name + ".energy";
    };
    charge(machine.memories.front(), nearTotal);
    for (size_t i = 1; i < machine.memories.size(); ++i)
      charge(machine.memories[i], traffic[i - 1]);
    if (!machine.staticPower && result.missingEnergy.empty())
      result.missingEnergy = "power.static";
    if (result.missingEnergy.empty())
      result.energy = energy + machine.staticPower.value * result.seconds;
  }

  const KernelFacts &facts;
  const Machine &machine;
  const Surroundings &surroundings;
  std::string &reason;
  Prediction result;
  /// Into each memory: for accesses, and again for products.
  std::vector<double> traffic, refilled;
  /// Bytes that could be read beside, in the time that writes take longer.
  std::vector<double> slow;
  Resource latency{"latency", 0, Status::measured};
  double moved = 0, body = 0, energy = 0, nearTotal = 0, itemCount = 1;
};
} // namespace

std::optional<Prediction> predict(const KernelFacts &facts,
                                  const Machine &machine,
                                  const Surroundings &surroundings,
                                  std::string &reason) {
  return Predictor(facts, machine, surroundings, reason).run();
}

} // namespace sennit::cost
