// Remembers an entry's launches and makes a graph of them.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "runtime/drivers/cuda/Sequence.h"

#include "runtime/drivers/cuda/CudaAccelerator.h"

#include <algorithm>

namespace sennit::cuda {

/// Launches that are remembered, about a kilobyte each; those after them share
/// the last place, and no graph is made.
constexpr size_t mostSites = 4096;

void Sequence::create(CudaAccelerator &owner) { accelerator = &owner; }

Sequence::~Sequence() {
  (void)accelerator->enter();
  destroyGraph();
}

//===----------------------------------------------------------------------===//
// A call
//===----------------------------------------------------------------------===//

void Sequence::begin() {
  Address current = accelerator->workspaceAddress();
  if (count != 0 || current != workspace)
    forget();
  workspace = current;
  isRepeated = lastCount != 0;
}

Status Sequence::launch(int64_t number, const int64_t *slots,
                        int64_t slotCount) {
  const Kernel *kernel = nullptr;
  SENNIT_RETURN_IF_ERROR(accelerator->findKernel(number, kernel));
  // Counted first: a call that is refused here has not finished.
  size_t index = count++;
  if (isRepeated)
    isRepeated = index < lastCount && sites[index].values.kernel == kernel;
  if (!isRepeated)
    SENNIT_RETURN_IF_ERROR(leaveGraph(index));
  index = std::min(index, mostSites - 1);
  if (index == sites.size())
    SENNIT_RETURN_IF_ERROR(sites.append(Site()));
  return launchSite(sites[index], *kernel, slots,
                    static_cast<size_t>(slotCount));
}

Status Sequence::launchSite(Site &site, const Kernel &kernel,
                            const int64_t *slots, size_t slotCount) {
  bool isSame = site.values.kernel == &kernel && site.slotCount == slotCount &&
                std::equal(slots, slots + slotCount, site.slots.begin());
  if (!isSame) {
    SENNIT_RETURN_IF_ERROR(site.slots.grow(slotCount));
    std::copy(slots, slots + slotCount, site.slots.begin());
    site.slotCount = slotCount;
    SENNIT_RETURN_IF_ERROR(
        kernel.fill(slots, slotCount, workspace, site.values));
  }
  if (!executable)
    return kernel.launch(site.values);
  return isSame ? Status() : kernel.setNode(executable, site.node, site.values);
}

Status Sequence::launchGraph(uint64_t *out_nanoseconds) {
  const Device &device = accelerator->cudaDevice();
  const char *first = sites[0].values.kernel->name();
  auto launch = [&] {
    return device.driver().check(
        device.driver().launchGraph(executable, device.stream()),
        "launch of the graph from kernel", first);
  };
  if (!out_nanoseconds)
    return launch();
  Stopwatch watch;
  Gate gate;
  SENNIT_RETURN_IF_ERROR(watch.create(device));
  SENNIT_RETURN_IF_ERROR(gate.close(device));
  SENNIT_RETURN_IF_ERROR(watch.start());
  SENNIT_RETURN_IF_ERROR(launch());
  SENNIT_RETURN_IF_ERROR(watch.stop());
  gate.open();
  float milliseconds = 0;
  SENNIT_RETURN_IF_ERROR(watch.read(first, milliseconds));
  *out_nanoseconds = static_cast<uint64_t>(double(milliseconds) * 1e6);
  return {};
}

Status Sequence::finish(uint64_t *out_nanoseconds) {
  if (count != lastCount)
    isRepeated = false;
  if (!isRepeated) {
    SENNIT_RETURN_IF_ERROR(leaveGraph(count));
  } else if (executable) {
    SENNIT_RETURN_IF_ERROR(launchGraph(out_nanoseconds));
  } else if (!isRefused) {
    isRefused = !buildGraph();
  }
  lastCount = count <= mostSites ? count : 0;
  count = 0;
  return {};
}

void Sequence::forget() {
  destroyGraph();
  for (Site &site : sites)
    site.values.kernel = nullptr;
  lastCount = count = 0;
}

//===----------------------------------------------------------------------===//
// The graph
//===----------------------------------------------------------------------===//

bool Sequence::buildGraph() {
  const Driver &driver = accelerator->cudaDevice().driver();
  Handle made = nullptr;
  if (!driver.hasGraphs() || driver.createGraph(&made, 0) != 0)
    return false;
  graph = made;
  if (addNodes() && driver.instantiateGraph(&made, graph, 0) == 0) {
    executable = made;
    return true;
  }
  destroyGraph();
  return false;
}

/// Kernels run one after the other, as on a stream.
bool Sequence::addNodes() {
  const Handle *previous = nullptr;
  for (size_t i = 0; i < count; ++i) {
    Site &site = sites[i];
    if (site.values.kernel->addNode(graph, previous, site.values, site.node) !=
        0)
      return false;
    previous = &site.node;
  }
  return true;
}

Status Sequence::leaveGraph(size_t launches) {
  if (!executable)
    return {};
  destroyGraph();
  for (size_t i = 0; i < launches; ++i)
    SENNIT_RETURN_IF_ERROR(sites[i].values.kernel->launch(sites[i].values));
  return {};
}

// What still runs is freed when it ends.
void Sequence::destroyGraph() {
  const Driver &driver = accelerator->cudaDevice().driver();
  if (executable)
    driver.destroyExecutable(executable);
  if (graph)
    driver.destroyGraph(graph);
  executable = graph = nullptr;
}

} // namespace sennit::cuda
