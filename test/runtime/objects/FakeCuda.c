/* A libcuda of no device: it checks what it is given, writes down what a device
 * would run, and runs nothing.
 * Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
 * LICENSE.
 *
 * Memory is the host's own. A kernel's values are copied when the driver copies
 * them, so that a caller who gives them up too late or changes them too early
 * is found out. Every function that needs a context refuses a thread that has
 * entered none.
 */
#include "test/runtime/objects/FakeCuda.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  invalidValue = 1,
  outOfMemory = 2,
  invalidContext = 201,
  mostNodes = 5000
};
enum Kind { Word, Half, Map };

/* --- What a test asks ----------------------------------------------------- */

static char logText[1 << 20], takenText[1 << 20];
static size_t logBytes;
static int living;
static char refusedSymbol[64];
static int refusedSkips, refusedResult;
static __thread void *entered;
static int primaryContext;

/* A test that forgets to take the log would otherwise read half of it. */
static void writeLine(const char *format, ...) {
  va_list values;
  va_start(values, format);
  size_t left = sizeof(logText) - logBytes;
  size_t bytes = (size_t)vsnprintf(logText + logBytes, left, format, values);
  va_end(values);
  if (bytes >= left)
    abort();
  logBytes += bytes;
}

const char *fake_cuda_take_log(void) {
  memcpy(takenText, logText, logBytes);
  takenText[logBytes] = 0;
  logBytes = 0;
  return takenText;
}

void fake_cuda_refuse(const char *symbol, int skipped, int result) {
  snprintf(refusedSymbol, sizeof(refusedSymbol), "%s", symbol);
  refusedSkips = skipped;
  refusedResult = result;
}

int fake_cuda_count_living(void) { return living; }

static int refuse(const char *symbol) {
  if (strcmp(symbol, refusedSymbol) != 0 || refusedSkips-- > 0)
    return 0;
  refusedSymbol[0] = 0;
  return refusedResult;
}

/* At the head of every function: what the test refuses, and, where |needed| is
 * 1, a thread without a context. */
#define BEGIN(needed)                                                          \
  do {                                                                         \
    int refused = refuse(__func__);                                            \
    if (refused)                                                               \
      return refused;                                                          \
    if ((needed) && !entered)                                                  \
      return invalidContext;                                                   \
  } while (0)

/* --- Device, memory, stream, events --------------------------------------- */

int cuInit(unsigned flags) { return flags ? invalidValue : 0; }
int cuGetErrorName(int result, const char **out_text) {
  (void)result;
  *out_text = "CUDA_ERROR_OF_A_TEST";
  return 0;
}
int cuGetErrorString(int result, const char **out_text) {
  static char text[32];
  snprintf(text, sizeof(text), "refusal %d", result);
  *out_text = text;
  return 0;
}
int cuDeviceGetCount(int *out_count) {
  *out_count = 1;
  return 0;
}
int cuDeviceGet(int *out_device, int ordinal) {
  *out_device = ordinal;
  return 0;
}
int cuDeviceGetName(char *name, int bytes, int device) {
  (void)device;
  snprintf(name, (size_t)bytes, "a fake");
  return 0;
}
int cuDeviceGetAttribute(int *out_value, int attribute, int device) {
  (void)device;
  /* Three processors of capability 9.0. */
  *out_value = attribute == 16 ? 3 : attribute == 75 ? 9 : 0;
  return 0;
}
int cuDevicePrimaryCtxRetain(void **out_context, int device) {
  (void)device;
  ++living;
  *out_context = &primaryContext;
  return 0;
}
int cuDevicePrimaryCtxRelease_v2(int device) {
  (void)device;
  --living;
  return 0;
}
int cuCtxSetCurrent(void *context) {
  entered = context;
  return 0;
}
int cuMemAlloc_v2(uint64_t *out_address, size_t bytes) {
  BEGIN(1);
  void *memory = aligned_alloc(256, (bytes + 255) / 256 * 256);
  memset(memory, 0xee, bytes);
  ++living;
  *out_address = (uint64_t)memory;
  return 0;
}
int cuMemFree_v2(uint64_t address) {
  BEGIN(1);
  --living;
  free((void *)address);
  return 0;
}
int cuMemcpyHtoDAsync_v2(uint64_t target, const void *source, size_t bytes,
                         void *stream) {
  BEGIN(1);
  writeLine("in %zu\n", bytes);
  memcpy((void *)target, source, bytes);
  return stream ? 0 : invalidValue;
}
int cuMemcpyDtoHAsync_v2(void *target, uint64_t source, size_t bytes,
                         void *stream) {
  BEGIN(1);
  writeLine("out %zu\n", bytes);
  memcpy(target, (void *)source, bytes);
  return stream ? 0 : invalidValue;
}
int cuMemcpyDtoDAsync_v2(uint64_t target, uint64_t source, size_t bytes,
                         void *stream) {
  BEGIN(1);
  memcpy((void *)target, (void *)source, bytes);
  return stream ? 0 : invalidValue;
}
int cuMemsetD8Async(uint64_t target, unsigned char value, size_t bytes,
                    void *stream) {
  BEGIN(1);
  memset((void *)target, value, bytes);
  return stream ? 0 : invalidValue;
}

static int make(void **out_handle, size_t bytes) {
  *out_handle = calloc(1, bytes);
  living += *out_handle != 0;
  return *out_handle ? 0 : outOfMemory;
}
static int destroy(void *handle) {
  --living;
  free(handle);
  return 0;
}
int cuStreamCreate(void **out_stream, unsigned flags) {
  BEGIN(1);
  return flags == 1 ? make(out_stream, 1) : invalidValue;
}
int cuStreamDestroy_v2(void *stream) { return destroy(stream); }
int cuStreamSynchronize(void *stream) {
  BEGIN(1);
  return stream ? 0 : invalidValue;
}
int cuEventCreate(void **out_event, unsigned flags) {
  BEGIN(1);
  return flags == 0 ? make(out_event, 1) : invalidValue;
}
int cuEventDestroy_v2(void *event) { return destroy(event); }
int cuEventRecord(void *event, void *stream) {
  BEGIN(1);
  return event && stream ? 0 : invalidValue;
}
int cuEventSynchronize(void *event) {
  BEGIN(1);
  return event ? 0 : invalidValue;
}
int cuEventElapsedTime(float *out_milliseconds, void *start, void *end) {
  BEGIN(1);
  *out_milliseconds = 0.25f;
  return start && end ? 0 : invalidValue;
}

int cuMemAllocHost_v2(void **out_memory, size_t bytes) {
  BEGIN(1);
  return make(out_memory, bytes);
}
int cuMemFreeHost(void *memory) { return destroy(memory); }
int cuStreamWaitValue32_v2(void *stream, uint64_t address, uint32_t value,
                           unsigned flags) {
  BEGIN(1);
  writeLine("hold back\n");
  return stream && address && value && flags == 1 ? 0 : invalidValue;
}

/* --- Kernels -------------------------------------------------------------- */

/* A module, and its one function: what its launch line says. */
struct Function {
  char name[64];
  enum Kind kinds[16];
  int count;
  unsigned threads, shared;
};

/* Reads the elements of `parameters`: the first word of each tells its kind. */
static void readLine(struct Function *function, const char *text) {
  const char *end = strchr(text, '\n');
  int depth = 0;
  sscanf(strstr(text, "\"threads\""), "\"threads\":%u,\"shared\":%u",
         &function->threads, &function->shared);
  for (text = strstr(text, "\"parameters\""); text && text < end; ++text) {
    depth -= *text == '}';
    if (*text != '{' || depth++ != 0)
      continue;
    int isView = strncmp(text + 1, "\"view\"", 6) == 0;
    int isScalar = strncmp(text + 1, "\"scalar\"", 8) == 0;
    function->kinds[function->count++] = isView ? Map : isScalar ? Half : Word;
  }
}

int cuModuleLoadDataEx(void **out_module, const void *image, unsigned count,
                       int *options, void **values) {
  BEGIN(1);
  (void)count, (void)options, (void)values;
  make(out_module, sizeof(struct Function));
  readLine(*out_module, image);
  return 0;
}
int cuModuleUnload(void *module) { return destroy(module); }
int cuModuleGetFunction(void **out_function, void *module, const char *name) {
  struct Function *function = module;
  snprintf(function->name, sizeof(function->name), "%s", name);
  *out_function = function;
  return 0;
}
int cuFuncSetAttribute(void *function, int attribute, int value) {
  unsigned shared = ((struct Function *)function)->shared;
  return attribute == 8 && (unsigned)value == shared ? 0 : invalidValue;
}
int cuOccupancyMaxActiveBlocksPerMultiprocessor(int *out_count, void *function,
                                                int threads, size_t bytes) {
  (void)bytes;
  *out_count = 2;
  return function && threads > 0 ? 0 : invalidValue;
}

struct FakeMap {
  void *address;
  uint64_t columns, rows;
};
int cuTensorMapEncodeTiled(void *map, int type, uint32_t rank, void *address,
                           const uint64_t *shape, const uint64_t *strides,
                           const uint32_t *box, const uint32_t *steps,
                           int interleave, int swizzle, int promotion,
                           int fill) {
  BEGIN(1);
  writeLine("encode\n");
  if ((uintptr_t)map % 64 || (uintptr_t)address % 16 || strides[0] % 16 ||
      (type != 6 && type != 9) || rank != 2 || interleave || swizzle != 3 ||
      promotion != 3 || fill)
    return invalidValue;
  for (uint32_t i = 0; i < rank; ++i)
    if (!shape[i] || !box[i] || box[i] > 256 || steps[i] != 1)
      return invalidValue;
  struct FakeMap made = {address, shape[0], shape[1]};
  memcpy(map, &made, sizeof(made));
  return 0;
}

/* Writes "KERNEL(VALUE, ..)" from the values as they are now. */
static void describe(char *text, size_t bytes, const struct Function *function,
                     void **values) {
  size_t used = (size_t)snprintf(text, bytes, "%s(", function->name);
  for (int i = 0; i < function->count; ++i) {
    const char *comma = i ? ", " : "";
    if (function->kinds[i] == Word) {
      used += (size_t)snprintf(text + used, bytes - used, "%s%lld", comma,
                               *(long long *)values[i]);
    } else if (function->kinds[i] == Half) {
      used += (size_t)snprintf(text + used, bytes - used, "%s%d", comma,
                               *(int *)values[i]);
    } else {
      struct FakeMap map;
      memcpy(&map, values[i], sizeof(map));
      used += (size_t)snprintf(text + used, bytes - used, "%s[%p %llux%llu]",
                               comma, map.address, (unsigned long long)map.rows,
                               (unsigned long long)map.columns);
    }
  }
  if (used + 2 > bytes)
    abort();
  strcpy(text + used, ")");
}

/* Six blocks are what runs at once; the rest is as the launch line says. */
static int checkGrid(const struct Function *function, const unsigned *grid) {
  const unsigned wanted[] = {
      6, 1, 1, function->threads, 1, 1, function->shared};
  return memcmp(grid, wanted, sizeof(wanted)) ? invalidValue : 0;
}

int cuLaunchKernel(void *handle, unsigned x, unsigned y, unsigned z,
                   unsigned width, unsigned height, unsigned depth,
                   unsigned bytes, void *stream, void **values, void **extra) {
  BEGIN(1);
  struct Function *function = handle;
  const unsigned grid[] = {x, y, z, width, height, depth, bytes};
  char text[1024];
  describe(text, sizeof(text), function, values);
  writeLine("launch %s\nrun %s\n", function->name, text);
  return stream && !extra ? checkGrid(function, grid) : invalidValue;
}

/* --- Graphs ----------------------------------------------------------------
 */

#ifndef FAKE_CUDA_WITHOUT_GRAPHS

struct Params {
  struct Function *function;
  unsigned grid[7];
  void **values, **extra, *kernel, *context;
};

/* A node's handle is the place of its function. The last one may have no edge
 * yet. */
struct Graph {
  int count, isLoose;
  struct Function *functions[mostNodes];
  char texts[mostNodes][128];
};

static int setText(char *text, const struct Params *params) {
  describe(text, sizeof(((struct Graph *)0)->texts[0]), params->function,
           params->values);
  return params->extra || params->context
             ? invalidValue
             : checkGrid(params->function, params->grid);
}

int cuGraphCreate(void **out_graph, unsigned flags) {
  BEGIN(0);
  return flags ? invalidValue : make(out_graph, sizeof(struct Graph));
}

int cuGraphDestroy(void *graph) { return destroy(graph); }
int cuGraphExecDestroy(void *executable) {
  BEGIN(1);
  writeLine("drop\n");
  return destroy(executable);
}

/* Nodes stand in a row: each comes after the one before, and after no other,
 * by the edge that it is added with or by one that is added next. */
int cuGraphAddKernelNode_v2(void **out_node, void *handle,
                            void *const *dependencies, size_t count,
                            const struct Params *params) {
  BEGIN(0);
  struct Graph *graph = handle;
  writeLine("node %s\n", params->function->name);
  if (graph->count == mostNodes || graph->isLoose || count > 1 ||
      (count && (graph->count == 0 ||
                 dependencies[0] != &graph->functions[graph->count - 1])))
    return invalidValue;
  graph->isLoose = count == 0 && graph->count != 0;
  graph->functions[graph->count] = params->function;
  *out_node = &graph->functions[graph->count];
  return setText(graph->texts[graph->count++], params);
}

/* An edge from the end of a kernel or, programmatic, from its start. */
int cuGraphAddDependencies_v2(void *handle, void *const *from, void *const *to,
                              const unsigned char *data, size_t count) {
  BEGIN(0);
  struct Graph *graph = handle;
  static const unsigned char programmatic[8] = {1, 0, 1};
  if (count != 1 || !graph->isLoose ||
      from[0] != &graph->functions[graph->count - 2] ||
      to[0] != &graph->functions[graph->count - 1] ||
      memcmp(data, programmatic, sizeof(programmatic)))
    return invalidValue;
  writeLine("early %s\n", graph->functions[graph->count - 1]->name);
  graph->isLoose = 0;
  return 0;
}

struct Executable {
  struct Graph nodes;
  struct Graph *graph;
};
int cuGraphInstantiateWithFlags(void **out_executable, void *handle,
                                unsigned long long flags) {
  BEGIN(1);
  struct Graph *graph = handle;
  if (flags || graph->isLoose)
    return invalidValue;
  if (make(out_executable, sizeof(struct Executable)))
    return outOfMemory;
  struct Executable *made = *out_executable;
  made->graph = graph;
  made->nodes.count = graph->count;
  for (int i = 0; i < graph->count; ++i)
    strcpy(made->nodes.texts[i], graph->texts[i]);
  writeLine("build %d\n", graph->count);
  return 0;
}

int cuGraphExecKernelNodeSetParams_v2(void *handle, void *node,
                                      const struct Params *params) {
  BEGIN(0);
  struct Executable *executable = handle;
  struct Graph *graph = executable->graph;
  writeLine("set %s\n", params->function->name);
  for (int i = 0; i < graph->count; ++i)
    if (node == &graph->functions[i] && graph->functions[i] == params->function)
      return setText(executable->nodes.texts[i], params);
  return invalidValue;
}

int cuGraphLaunch(void *handle, void *stream) {
  BEGIN(1);
  struct Executable *executable = handle;
  writeLine("graph %d\n", executable->nodes.count);
  for (int i = 0; i < executable->nodes.count; ++i)
    writeLine("run %s\n", executable->nodes.texts[i]);
  return stream ? 0 : invalidValue;
}

#endif
