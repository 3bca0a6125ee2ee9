/* What a test asks of the libcuda of FakeCuda.c, by dlsym.
 * Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
 */
#ifndef SENNIT_TEST_RUNTIME_OBJECTS_FAKECUDA_H
#define SENNIT_TEST_RUNTIME_OBJECTS_FAKECUDA_H

/* The lines written since the last question:
 *
 *   launch KERNEL, graph COUNT    what the host asked to start
 *   run KERNEL(VALUE, ..)         what the device then runs, in order; a map is
 *                                 [ADDRESS ROWSxCOLUMNS]
 *   node KERNEL, set KERNEL       a node added to a graph, and one changed
 *   build COUNT, drop             a graph of so many nodes, and its end
 *   encode                        a tensor map
 *   in BYTES, out BYTES           copies to the device and from it */
typedef const char *(*fake_cuda_take_log_fn)(void);

/* Makes call number |skipped| + 1 from now of |symbol| return |result|, once.
 */
typedef void (*fake_cuda_refuse_fn)(const char *symbol, int skipped,
                                    int result);

/* Contexts, streams, events, modules, graphs, executables and buffers that were
 * made and not given back. */
typedef int (*fake_cuda_count_living_fn)(void);

#endif /* SENNIT_TEST_RUNTIME_OBJECTS_FAKECUDA_H */
