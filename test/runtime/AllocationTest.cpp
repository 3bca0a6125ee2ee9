// Memory: none is taken in steady state, and a refusal anywhere is an error.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
// The executable's own malloc family, and the calls by which the system gives
// memory, files and threads, stand before libc's, count, and refuse on demand.
// Sanitizers bring their own, so these tests rest there.
#include "runtime/drivers/cuda/CudaAccelerator.h"
#include "test/runtime/FakeLibrary.h"
#include "test/runtime/Loaded.h"

#include <atomic>
#include <cerrno>
#include <dlfcn.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SENNIT_OWN_MALLOC 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||     \
    __has_feature(memory_sanitizer)
#define SENNIT_OWN_MALLOC 0
#endif
#endif
#ifndef SENNIT_OWN_MALLOC
#define SENNIT_OWN_MALLOC 1
#endif

#if SENNIT_OWN_MALLOC
namespace {

std::atomic<bool> isCounting{false};
std::atomic<long> requests{0};
/// The request to refuse, counted from 1; 0 for none.
std::atomic<long> refused{0};
/// Whether all later requests are refused too.
std::atomic<bool> staysRefused{false};

bool isRefused() {
  if (!isCounting)
    return false;
  long number = ++requests, first = refused;
  return first != 0 && (number == first || (staysRefused && number > first));
}

struct Counting {
  explicit Counting(long refuse = 0, bool stays = false) {
    requests = 0;
    refused = refuse;
    staysRefused = stays;
    isCounting = true;
  }
  ~Counting() { isCounting = false; }
};

} // namespace

extern "C" {
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);

void *malloc(size_t bytes) {
  return isRefused() ? nullptr : __libc_malloc(bytes);
}
void *calloc(size_t count, size_t bytes) {
  return isRefused() ? nullptr : __libc_calloc(count, bytes);
}
void *realloc(void *old, size_t bytes) {
  return isRefused() ? nullptr : __libc_realloc(old, bytes);
}
void *aligned_alloc(size_t alignment, size_t bytes) {
  return isRefused() ? nullptr : __libc_memalign(alignment, bytes);
}
void free(void *memory) {
  if (isCounting && memory)
    ++requests;
  __libc_free(memory);
}
void *mmap(void *address, size_t bytes, int protection, int flags,
           int descriptor, off_t offset) {
  if (isRefused()) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  return reinterpret_cast<void *>(
      syscall(SYS_mmap, address, bytes, protection, flags, descriptor, offset));
}
int mprotect(void *address, size_t bytes, int protection) {
  if (isRefused()) {
    errno = ENOMEM;
    return -1;
  }
  return int(syscall(SYS_mprotect, address, bytes, protection));
}
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                   void *(*start)(void *), void *argument) {
  static const auto real = reinterpret_cast<decltype(&pthread_create)>(
      dlsym(RTLD_NEXT, "pthread_create"));
  return isRefused() ? EAGAIN : real(thread, attributes, start, argument);
}
}

using namespace sennit::test;

TEST(Allocation, NoneInSteadyState) {
  Demo demo;
  Loaded loaded(demo, "allocation-steady", 3);
  sennit_sampler *sampler;
  sennit_sampler_options options = {sizeof(options), 0.8f, 40, 0.9f, 1};
  ASSERT_EQ(sennit_sampler_create(loaded.module, &options, &sampler, nullptr),
            0);
  std::vector<int> tokens = makeTokens(40);
  std::vector<float> logits(40 * 256);
  int32_t token = 0, failures = 0;
  uint64_t trace = 0;
  ASSERT_EQ(sennit_module_find_entry(loaded.module, "trace", &trace, nullptr),
            0);
  const sennit_buffer input = {tokens.data(), 16 * 4};
  const sennit_buffer output = {logits.data(), 16 * 8 * 4};
  {
    Counting counting;
    for (int round = 0; round < 200; ++round) {
      sennit_context_profile_enable(loaded.context, sennit_profile(round % 3));
      failures += 0 != sennit_context_prefill(loaded.context, tokens.data(), 40,
                                              logits.data(), nullptr);
      for (int i = 0; i < 20; ++i) {
        failures +=
            0 != sennit_sampler_sample(sampler, logits.data(), &token, nullptr);
        failures += 0 != sennit_context_decode(loaded.context, token,
                                               logits.data(), nullptr);
      }
      sennit_context_reset(loaded.context);
      failures += 0 != sennit_context_score(loaded.context, tokens.data(), 40,
                                            logits.data(), nullptr);
      sennit_context_reset(loaded.context);
      failures += 0 != sennit_context_call(loaded.context, trace, &input, 1,
                                           &output, 1, nullptr);
      sennit_context_reset(loaded.context);
    }
  }
  EXPECT_EQ(requests, 0);
  EXPECT_EQ(failures, 0);
  sennit_sampler_destroy(sampler);
}

/// Loads, creates a context and a sampler, and decodes, with the
/// |refuse|-th request refused. False once there are fewer requests.
static bool runRefusing(const std::string &path, long refuse, bool stays) {
  sennit_load_options options = {sizeof(options), SENNIT_LOAD_NO_PINNING, 2, 0};
  sennit_sampler_options sampling = {sizeof(sampling), 1, 0, 0, 1};
  sennit_module *module = nullptr;
  sennit_context *context = nullptr;
  sennit_sampler *sampler = nullptr;
  sennit_error error = {};
  sennit_status status;
  {
    Counting counting(refuse, stays);
    status = sennit_module_load(path.c_str(), &options, &module, &error);
    if (status == 0)
      status = sennit_context_create(module, &context, &error);
    if (status == 0)
      status = sennit_sampler_create(module, &sampling, &sampler, &error);
    if (status == 0)
      status = sennit_context_decode(context, 3, nullptr, &error);
    sennit_sampler_destroy(sampler);
    sennit_context_destroy(context);
    sennit_module_destroy(module);
  }
  bool wasReached = requests >= refuse;
  // A request may also be a free, which is never refused.
  EXPECT_TRUE(status == SENNIT_STATUS_OK ||
              status == SENNIT_STATUS_OUT_OF_MEMORY ||
              status == SENNIT_STATUS_IO)
      << refuse << ": " << error.message;
  EXPECT_EQ(status != SENNIT_STATUS_OK, error.message[0] != 0);
  return wasReached;
}

TEST(Allocation, ARefusalAnywhereIsAnErrorAndNotACrash) {
  std::string path = Demo().install(makeFolder("allocation-refused"));
  for (bool stays : {false, true}) {
    long refuse = 1;
    while (runRefusing(path, refuse, stays))
      ++refuse;
    EXPECT_GT(refuse, 40);
  }
  EXPECT_FALSE(runRefusing(path, 1000000, false));
}
namespace {

/// A device of one kernel, which takes a map of as many rows as its slot says.
struct MappingDevice {
  MappingDevice() {
    EXPECT_TRUE(accelerator.open("sm_90a", SENNIT_FakeCuda).isOk());
    EXPECT_TRUE(accelerator
                    .addKernel({"rows",
                                "// sennit: {\"kernel\":\"rows\",\"threads\":"
                                "256,\"shared\":0,\"parameters\":[{\"view\":0,"
                                "\"box\":[8,64],\"element\":\"f16\","
                                "\"shape\":[{\"scalars\":[1]},64],"
                                "\"strides\":[64,1]}]}\n",
                                {}})
                    .isOk());
  }
  static sennit::Status call(sennit::LaunchSequence &sequence, int64_t rows,
                             int launches = 3) {
    sequence.begin();
    int64_t slots[] = {4096, rows};
    for (int i = 0; i < launches; ++i)
      SENNIT_RETURN_IF_ERROR(sequence.launch(0, slots, 2));
    return sequence.finish(nullptr);
  }
  FakeLibrary fake;
  sennit::cuda::CudaAccelerator accelerator;
};

} // namespace

TEST(Allocation, NoneInSequencesOfADevice) {
  MappingDevice device;
  sennit::Owned<sennit::LaunchSequence> sequence;
  ASSERT_TRUE(device.accelerator.createSequence(sequence).isOk());
  for (int i = 0; i < 2; ++i)
    EXPECT_TRUE(device.call(*sequence, 5).isOk());
  {
    Counting counting;
    for (int64_t rows = 0; rows < 20; ++rows)
      (void)device.call(*sequence, rows);
  }
  EXPECT_EQ(requests, 0);
  EXPECT_EQ(select(device.fake.takeLines(), "graph").size(), 20u);
  // Calls that never repeat have no graph, and need no more memory.
  (void)device.call(*sequence, 1, 2);
  {
    Counting counting;
    for (int i = 0; i < 20; ++i)
      (void)device.call(*sequence, i, 2 + (i + 1) % 2);
  }
  EXPECT_EQ(requests, 0);
  EXPECT_EQ(select(device.fake.takeLines(), "launch").size(), 52u);
}

TEST(Allocation, ASequenceGoesOnAfterARefusal) {
  MappingDevice device;
  bool isAsked = true;
  for (long refuse = 1; isAsked; ++refuse) {
    sennit::Owned<sennit::LaunchSequence> sequence;
    {
      Counting counting(refuse);
      bool isOk = device.accelerator.createSequence(sequence).isOk();
      for (int i = 0; isOk && i < 3; ++i)
        isOk = device.call(*sequence, i).isOk();
      isAsked = requests >= refuse;
    }
    device.fake.takeText();
    if (!sequence)
      continue;
    EXPECT_TRUE(device.call(*sequence, 9).isOk()) << refuse;
    EXPECT_EQ(select(device.fake.takeLines(), "run"),
              std::vector<std::string>(3, "run rows([0x1000 9x64])"))
        << refuse;
  }
}
#endif
