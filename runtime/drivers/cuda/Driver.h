// The CUDA driver's functions, found in libcuda when a program asks for them.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
//
// Declared here and not taken from NVIDIA's headers, so that the runtime is
// built without a toolkit and starts without a driver. The signatures are those
// of the CUDA driver API's manual; CUresult and CUdevice are int, handles are
// pointers, addresses on the device are 64-bit integers.
#ifndef SENNIT_RUNTIME_DRIVERS_CUDA_DRIVER_H
#define SENNIT_RUNTIME_DRIVERS_CUDA_DRIVER_H

#include "runtime/Status.h"

#include <cstddef>

namespace sennit::cuda {

using Address = uint64_t;
using Handle = void *;

/// A tensor map: what the copy engine knows of a view. Opaque; aligned as CUDA
/// 13 declares it, twice what CUDA 12 asks for.
struct alignas(128) TensorMap {
  unsigned char bytes[128];
};

/// A kernel in a graph: CUDA_KERNEL_NODE_PARAMS_v2. Its values are copied when
/// the driver is given it.
struct KernelNode {
  Handle function = nullptr;
  unsigned blocks[3] = {1, 1, 1}, threads[3] = {1, 1, 1};
  unsigned sharedBytes = 0;
  void **values = nullptr, **extra = nullptr;
  /// Not needed where there is a function.
  Handle kernel = nullptr, context = nullptr;
};

/// What an edge of a graph waits for: CUgraphEdgeData.
struct GraphEdge {
  /// CU_GRAPH_KERNEL_NODE_PORT_PROGRAMMATIC: that all blocks of the kernel
  /// ahead have started and said that others may. The kernel behind waits for
  /// the rest itself.
  unsigned char from = 1, to = 0;
  /// CU_GRAPH_DEPENDENCY_TYPE_PROGRAMMATIC.
  unsigned char type = 1;
  unsigned char reserved[5] = {};
};

/// Every function: its name here, its symbol, its parameters.
#define SENNIT_CUDA_FUNCTIONS(ENTRY)                                           \
  ENTRY(initialize, "cuInit", (unsigned))                                      \
  ENTRY(getErrorName, "cuGetErrorName", (int, const char **))                  \
  ENTRY(getErrorString, "cuGetErrorString", (int, const char **))              \
  ENTRY(getDeviceCount, "cuDeviceGetCount", (int *))                           \
  ENTRY(getDevice, "cuDeviceGet", (int *, int))                                \
  ENTRY(getDeviceName, "cuDeviceGetName", (char *, int, int))                  \
  ENTRY(getDeviceAttribute, "cuDeviceGetAttribute", (int *, int, int))         \
  ENTRY(retainContext, "cuDevicePrimaryCtxRetain", (Handle *, int))            \
  ENTRY(releaseContext, "cuDevicePrimaryCtxRelease_v2", (int))                 \
  ENTRY(setContext, "cuCtxSetCurrent", (Handle))                               \
  ENTRY(allocate, "cuMemAlloc_v2", (Address *, size_t))                        \
  ENTRY(release, "cuMemFree_v2", (Address))                                    \
  ENTRY(copyToDevice, "cuMemcpyHtoDAsync_v2",                                  \
        (Address, const void *, size_t, Handle))                               \
  ENTRY(copyToHost, "cuMemcpyDtoHAsync_v2", (void *, Address, size_t, Handle)) \
  ENTRY(copyOnDevice, "cuMemcpyDtoDAsync_v2",                                  \
        (Address, Address, size_t, Handle))                                    \
  ENTRY(fillBytes, "cuMemsetD8Async",                                          \
        (Address, unsigned char, size_t, Handle))                              \
  ENTRY(createStream, "cuStreamCreate", (Handle *, unsigned))                  \
  ENTRY(destroyStream, "cuStreamDestroy_v2", (Handle))                         \
  ENTRY(synchronizeStream, "cuStreamSynchronize", (Handle))                    \
  ENTRY(createEvent, "cuEventCreate", (Handle *, unsigned))                    \
  ENTRY(destroyEvent, "cuEventDestroy_v2", (Handle))                           \
  ENTRY(recordEvent, "cuEventRecord", (Handle, Handle))                        \
  ENTRY(synchronizeEvent, "cuEventSynchronize", (Handle))                      \
  ENTRY(getElapsedTime, "cuEventElapsedTime", (float *, Handle, Handle))       \
  ENTRY(loadModule, "cuModuleLoadDataEx",                                      \
        (Handle *, const void *, unsigned, int *, void **))                    \
  ENTRY(unloadModule, "cuModuleUnload", (Handle))                              \
  ENTRY(getFunction, "cuModuleGetFunction", (Handle *, Handle, const char *))  \
  ENTRY(setFunctionAttribute, "cuFuncSetAttribute", (Handle, int, int))        \
  ENTRY(countBlocks, "cuOccupancyMaxActiveBlocksPerMultiprocessor",            \
        (int *, Handle, int, size_t))                                          \
  ENTRY(launchKernel, "cuLaunchKernel",                                        \
        (Handle, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,   \
         unsigned, Handle, void **, void **))                                  \
  ENTRY(encodeTensorMap, "cuTensorMapEncodeTiled",                             \
        (TensorMap *, int, uint32_t, void *, const uint64_t *,                 \
         const uint64_t *, const uint32_t *, const uint32_t *, int, int, int,  \
         int))

/// Those of graphs, without which a driver is of use too, and of measuring
/// them. A node is added after others, and its values are set in the executable
/// made of its graph. Memory of the host has one address on both sides.
#define SENNIT_CUDA_GRAPH_FUNCTIONS(ENTRY)                                     \
  ENTRY(createGraph, "cuGraphCreate", (Handle *, unsigned))                    \
  ENTRY(destroyGraph, "cuGraphDestroy", (Handle))                              \
  ENTRY(addKernelNode, "cuGraphAddKernelNode_v2",                              \
        (Handle *, Handle, const Handle *, size_t, const KernelNode *))        \
  ENTRY(instantiateGraph, "cuGraphInstantiateWithFlags",                       \
        (Handle *, Handle, uint64_t))                                          \
  ENTRY(setKernelNode, "cuGraphExecKernelNodeSetParams_v2",                    \
        (Handle, Handle, const KernelNode *))                                  \
  ENTRY(launchGraph, "cuGraphLaunch", (Handle, Handle))                        \
  ENTRY(destroyExecutable, "cuGraphExecDestroy", (Handle))                     \
  ENTRY(allocateHost, "cuMemAllocHost_v2", (void **, size_t))                  \
  ENTRY(releaseHost, "cuMemFreeHost", (void *))                                \
  ENTRY(waitForValue, "cuStreamWaitValue32_v2",                                \
        (Handle, Address, uint32_t, unsigned))

/// That of edges with data, which drivers have from CUDA 12.3 on.
#define SENNIT_CUDA_EDGE_FUNCTIONS(ENTRY)                                      \
  ENTRY(addEdges, "cuGraphAddDependencies_v2",                                 \
        (Handle, const Handle *, const Handle *, const GraphEdge *, size_t))

/// The functions of one libcuda. Loaded once and never unloaded: the driver
/// keeps threads of its own.
class Driver {
public:
#define SENNIT_CUDA_ENTRY(name, symbol, parameters)                            \
  int(*name) parameters = nullptr;
  SENNIT_CUDA_FUNCTIONS(SENNIT_CUDA_ENTRY)
  SENNIT_CUDA_GRAPH_FUNCTIONS(SENNIT_CUDA_ENTRY)
  SENNIT_CUDA_EDGE_FUNCTIONS(SENNIT_CUDA_ENTRY)
#undef SENNIT_CUDA_ENTRY

  /// Opens |library| and initialises it. UNSUPPORTED where it is not there, is
  /// too old for a function above, or finds no device.
  Status load(const char *library = "libcuda.so.1");

  /// Whether the library has all functions of graphs.
  bool hasGraphs() const { return areGraphsThere; }
  /// Whether an edge of a graph may be a `GraphEdge`.
  bool hasEdges() const { return addEdges != nullptr; }

  /// OK for 0, otherwise the driver's name and sentence for |result|. |what|
  /// says what was asked, with the name of the kernel where there is one:
  /// "launch of kernel `matmul`".
  Status check(int result, const char *what, const char *name = nullptr) const;

private:
  bool areGraphsThere = false;
};

} // namespace sennit::cuda

#endif // SENNIT_RUNTIME_DRIVERS_CUDA_DRIVER_H
