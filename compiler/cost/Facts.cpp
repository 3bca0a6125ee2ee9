// Sums over items and loops.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/cost/Facts.h"

#include <algorithm>

namespace sennit::cost {

void Chain::add(const Chain &other, double times) {
  vector += other.vector * times;
  special += other.special * times;
  matrix += other.matrix * times;
  memory += other.memory * times;
  barrier += other.barrier * times;
  near += other.near * times;
  scans += other.scans * times;
  scanSteps += other.scanSteps * times;
}

double Access::getCompulsory() const {
  double result = bytes;
  for (const Reuse &loop : loops)
    result *= std::clamp(loop.growth, 1.0, std::max(1.0, loop.trips));
  return result;
}

double Access::getTotal() const {
  double result = bytes;
  for (const Reuse &loop : loops)
    result *= std::max(1.0, loop.trips);
  return result;
}

void Work::add(const Work &other, double times) {
  for (Product product : other.products) {
    product.times *= times;
    products.push_back(product);
  }
  for (size_t i = 0; i < vector.size(); ++i)
    vector[i] += other.vector[i] * times;
  for (size_t i = 0; i < special.size(); ++i)
    special[i] += other.special[i] * times;
  for (size_t task = 0; task < given.size(); ++task)
    for (size_t i = 0; i < vector.size(); ++i)
      given[task][i] += other.given[task][i] * times;
  moved += other.moved * times;
  exchanged += other.exchanged * times;
  chain.add(other.chain, times);
}

double KernelFacts::countItems() const {
  double count = 0;
  for (const ItemRun &run : items)
    count += run.count;
  return count;
}

Work KernelFacts::getTotal() const {
  Work total;
  for (const ItemRun &run : items)
    total.add(run.work, run.count);
  return total;
}

double KernelFacts::countOperations() const {
  double count = 0;
  for (const ItemRun &run : items) {
    double ofItem = 0;
    for (const Product &product : run.work.products)
      ofItem += product.getFlops();
    for (double operations : run.work.vector)
      ofItem += operations;
    for (double operations : run.work.special)
      ofItem += operations;
    for (const auto &ofTask : run.work.given)
      for (double operations : ofTask)
        ofItem += operations;
    count += ofItem * run.count;
  }
  return count;
}

double KernelFacts::getCompulsory() const {
  double bytes = 0;
  for (const Access &access : accesses)
    bytes += access.getCompulsory();
  return bytes;
}

double getTraffic(const Access &access, double capacity, double copies,
                  bool isScratchpad, double together) {
  double bytes = access.bytes;
  for (size_t i = access.loops.size(); i-- > 0;) {
    const Reuse &loop = access.loops[i];
    double trips = std::max(1.0, loop.trips);
    double growth = std::clamp(loop.growth, 1.0, trips);
    bool isKept = loop.window <= capacity && !(loop.isParallel && isScratchpad);
    double beside = loop.isParallel ? std::clamp(together, 1.0, trips) : 1;
    together /= beside;
    if (!isKept) {
      // Trips at the same time touch from 1 to `beside` times one trip's bytes.
      double touched =
          trips > 1 ? 1 + (beside - 1) * (growth - 1) / (trips - 1) : 1;
      bytes *= trips * touched / beside;
      continue;
    }
    double repeats =
        loop.isParallel ? std::min(std::max(1.0, copies), trips / growth) : 1;
    bytes *= growth * repeats;
    copies /= repeats;
  }
  return bytes;
}

} // namespace sennit::cost
