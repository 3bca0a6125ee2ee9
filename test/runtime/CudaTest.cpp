// The CUDA driver's side without a GPU: what is refused, and in which words.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "runtime/drivers/cuda/Kernel.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

using namespace sennit;
using namespace sennit::cuda;

namespace {

/// A driver that says what it was given: tensor maps and launches of no device.
struct FakeDriver {
  static inline int result = 0;
  static inline uint64_t shape[maxRank], strides[maxRank];
  static inline uint32_t box[maxRank], rank;
  static inline int elementType, encodings;
  static inline void *address;
  static inline void *map;
  static inline unsigned blocks, threads, shared;
  static inline int32_t firstScalar, secondScalar;

  static int encode(TensorMap *, int type, uint32_t count, void *start,
                    const uint64_t *sizes, const uint64_t *steps,
                    const uint32_t *extents, const uint32_t *, int, int, int,
                    int) {
    ++encodings;
    address = start;
    elementType = type;
    rank = count;
    for (uint32_t i = 0; i < count; ++i) {
      shape[i] = sizes[i];
      box[i] = extents[i];
      strides[i] = i ? steps[i - 1] : 0;
    }
    return result;
  }
  static int launch(Handle, unsigned x, unsigned, unsigned, unsigned width,
                    unsigned, unsigned, unsigned bytes, Handle, void **values,
                    void **) {
    blocks = x;
    threads = width;
    shared = bytes;
    firstScalar = *static_cast<int32_t *>(values[0]);
    secondScalar = *static_cast<int32_t *>(values[1]);
    map = values[2];
    return result;
  }
  static int loadModule(Handle *module, const void *, unsigned, int *,
                        void **) {
    *module = module;
    return result;
  }
  static int getFunction(Handle *, Handle, const char *) { return 0; }
  static int setAttribute(Handle, int, int) { return 0; }
  static int unload(Handle) { return 0; }
  static int count(int *devices) { return *devices = 1, 0; }
  static int get(int *device, int) { return *device = 0, 0; }
  static int deviceName(char *name, int, int) { return *name = 0; }
  static int attribute(int *value, int, int) { return *value = 9, 0; }
  static int retain(Handle *context, int) { return *context = context, 0; }
  static int ignoreDevice(int) { return 0; }
  static int ignoreHandle(Handle) { return 0; }
  static int countBlocks(int *each, Handle, int, size_t) {
    return *each = 2, 0;
  }
  static int stream(Handle *made, unsigned) { return *made = made, 0; }
  static int describe(int, const char **text) { return *text = "too bad", 0; }

  static Driver make() {
    result = encodings = 0;
    Driver driver;
    driver.getErrorName = driver.getErrorString = describe;
    driver.getDeviceCount = count;
    driver.getDevice = get;
    driver.getDeviceName = deviceName;
    driver.getDeviceAttribute = attribute;
    driver.retainContext = retain;
    driver.releaseContext = ignoreDevice;
    driver.setContext = driver.destroyStream = ignoreHandle;
    driver.createStream = stream;
    driver.loadModule = loadModule;
    driver.unloadModule = unload;
    driver.getFunction = getFunction;
    driver.setFunctionAttribute = setAttribute;
    driver.encodeTensorMap = encode;
    driver.launchKernel = launch;
    driver.countBlocks = countBlocks;
    return driver;
  }
};

constexpr char description[] =
    "// sennit: {\"kernel\":\"matmul\",\"threads\":384,\"shared\":1024,"
    "\"parameters\":[{\"view\":0,\"extent\":1},{\"scalar\":1},"
    "{\"view\":0,\"element\":\"bf16\",\"box\":[1,128,64]}]}\n.version 8.6\n";

Argument makeView(int64_t rowStride) {
  Argument view;
  view.address = 4096;
  view.rank = 3;
  int64_t shape[] = {2, 100, 72}, strides[] = {100 * rowStride, rowStride, 1};
  for (int i = 0; i < 3; ++i) {
    view.shape[i] = shape[i];
    view.strides[i] = strides[i];
  }
  return view;
}

/// The message of reading `text` as a launch.
std::string readingOf(const std::string &text) {
  Launch launch;
  return launch.read(text).message();
}

} // namespace

TEST(CudaDriver, SaysThatThereIsNoDriver) {
  Driver driver;
  Status status = driver.load("libcuda-that-is-not-there.so.1");
  EXPECT_EQ(status.code(), SENNIT_STATUS_UNSUPPORTED);
  EXPECT_EQ(std::string(status.message()),
            "no CUDA driver on this machine: libcuda-that-is-not-there.so.1: "
            "cannot open shared object file: No such file or directory");
}

TEST(CudaDriver, NamesTheFunctionThatALibraryHasNot) {
  Driver driver;
  Status status = driver.load("libc.so.6");
  EXPECT_EQ(status.code(), SENNIT_STATUS_UNSUPPORTED);
  EXPECT_EQ(std::string(status.message()),
            "libc.so.6 has no `cuInit`; a driver of CUDA 12 or later has");
}

TEST(CudaLaunch, ReadsTheLineBeforeThePtx) {
  Launch launch;
  Status status = launch.read(std::string("// other\n") + description);
  ASSERT_TRUE(status.isOk()) << status.message();
  EXPECT_STREQ(launch.kernel, "matmul");
  EXPECT_EQ(launch.threads, 384);
  EXPECT_EQ(launch.sharedBytes, 1024);
  ASSERT_EQ(launch.parameters.size(), 3u);
  EXPECT_EQ(launch.parameters[0].kind, Parameter::Extent);
  EXPECT_EQ(launch.parameters[0].dimension, 1);
  EXPECT_EQ(launch.parameters[1].argument, 1);
  EXPECT_EQ(launch.parameters[2].rank, 3);
  EXPECT_EQ(launch.parameters[2].box[1], 128u);
}

TEST(CudaLaunch, RefusesWhatItCannotRead) {
  EXPECT_EQ(readingOf(".version 8.6\n"),
            "PTX has no line `// sennit: {..}` that says how to launch its "
            "kernel");
  std::string text = description;
  EXPECT_EQ(readingOf(std::string(text).replace(text.find("384"), 3, "0")),
            "`threads` of the manifest is 0, expected 1 to 1024");
  EXPECT_EQ(readingOf(std::string(text).replace(text.find("bf16"), 4, "f64")),
            "`parameters[2]` of the manifest is of another element, expected "
            "bf16 or f16");
}

namespace {

struct CudaKernel : testing::Test {
  void SetUp() override {
    driver = FakeDriver::make();
    ASSERT_TRUE(device.open(driver, 0).isOk());
    Launch launch;
    ASSERT_TRUE(launch.read(description).isOk());
    ASSERT_TRUE(kernel.load(device, "", std::move(launch)).isOk());
  }
  Driver driver;
  Device device;
  Kernel kernel;
};

} // namespace

TEST_F(CudaKernel, PassesViewsInnermostFirst) {
  Argument arguments[] = {makeView(80), {}};
  arguments[1].scalar = 42;
  ASSERT_TRUE(kernel.bind(arguments, 2).isOk());
  EXPECT_EQ(FakeDriver::rank, 3u);
  EXPECT_EQ(FakeDriver::elementType, 9);
  EXPECT_EQ(FakeDriver::shape[0], 72u);
  EXPECT_EQ(FakeDriver::shape[2], 2u);
  EXPECT_EQ(FakeDriver::strides[1], 160u);
  EXPECT_EQ(FakeDriver::strides[2], 16000u);
  EXPECT_EQ(FakeDriver::box[0], 64u);
  EXPECT_EQ(FakeDriver::box[1], 128u);
  ASSERT_TRUE(kernel.launch(7).isOk());
  EXPECT_EQ(FakeDriver::blocks, 7u);
  EXPECT_EQ(FakeDriver::threads, 384u);
  EXPECT_EQ(FakeDriver::shared, 1024u);
  EXPECT_EQ(FakeDriver::firstScalar, 100);
  EXPECT_EQ(FakeDriver::secondScalar, 42);
}

TEST_F(CudaKernel, RefusesStridesThatCannotBeCopied) {
  Argument arguments[] = {makeView(75), {}};
  Status status = kernel.bind(arguments, 2);
  EXPECT_EQ(status.code(), SENNIT_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(std::string(status.message()),
            "kernel `matmul`: argument 0 has a stride of 150 bytes along "
            "dimension 1, not a multiple of 16");
}

TEST_F(CudaKernel, RefusesArgumentsThatAreNotThere) {
  Argument arguments[] = {makeView(80)};
  Status status = kernel.bind(arguments, 1);
  EXPECT_EQ(std::string(status.message()),
            "kernel `matmul` reads argument 1 of 1");
}

TEST_F(CudaKernel, NamesItselfInErrors) {
  Argument arguments[] = {makeView(80), {}};
  ASSERT_TRUE(kernel.bind(arguments, 2).isOk());
  FakeDriver::result = 700;
  Status status = kernel.launch(1);
  EXPECT_EQ(status.code(), SENNIT_STATUS_INTERNAL);
  EXPECT_EQ(std::string(status.message()),
            "launch of kernel `matmul`: too bad (too bad)");
  FakeDriver::result = 2;
  EXPECT_EQ(kernel.launch(1).code(), SENNIT_STATUS_OUT_OF_MEMORY);
}

TEST_F(CudaKernel, RefusesADeviceThatIsNotThere) {
  Device other;
  Status status = other.open(driver, 3);
  EXPECT_EQ(status.code(), SENNIT_STATUS_UNSUPPORTED);
  EXPECT_EQ(std::string(status.message()),
            "no CUDA device 3, the driver has 1");
}

namespace {

/// A kernel of a module on a device of nine processors, two blocks on each.
struct CudaItems : testing::Test {
  void load(Kernel &kernel, const std::string &parameters, int items = 0) {
    Launch launch;
    Status status = launch.read(
        "// sennit: {\"kernel\":\"rows\",\"threads\":256,\"shared\":2048,"
        "\"items\":" +
        std::to_string(items) + ",\"parameters\":[" + parameters + "]}\n");
    ASSERT_TRUE(status.isOk()) << status.message();
    ASSERT_TRUE(kernel.load(device, "", std::move(launch)).isOk());
  }
  void SetUp() override {
    driver = FakeDriver::make();
    ASSERT_TRUE(device.open(driver, 0).isOk());
  }
  Status fill(const Kernel &kernel, std::vector<int64_t> slots) {
    return kernel.fill(slots.data(), slots.size(), 1234, values);
  }
  Driver driver;
  Device device;
  Values values;
};

/// Rows of 64 of past + tokens (slots 1 and 2), at slot 0.
constexpr char statedView[] =
    "{\"scalar\":1},{\"scalar\":2},"
    "{\"view\":0,\"box\":[64,64],\"element\":\"f16\","
    "\"shape\":[{\"scalars\":[1,2]},72],\"strides\":[80,1]}";

} // namespace

TEST_F(CudaItems, TakeSlotsAndAWorkspaceForAllBlocksAtOnce) {
  Kernel kernel;
  load(kernel, "{\"slot\":1},{\"workspace\":4096},{\"slot\":0}");
  EXPECT_EQ(kernel.workspaceBytes(), 18u * 4096);
  ASSERT_TRUE(fill(kernel, {5, 17}).isOk());
  ASSERT_TRUE(kernel.launch(values).isOk());
  EXPECT_EQ(FakeDriver::blocks, 18u);
  EXPECT_EQ(FakeDriver::threads, 256u);
  EXPECT_EQ(FakeDriver::shared, 2048u);
  EXPECT_EQ(FakeDriver::firstScalar, 17);
  EXPECT_EQ(FakeDriver::secondScalar, 1234);
  Status status = fill(kernel, {5});
  EXPECT_EQ(status.code(), SENNIT_STATUS_MALFORMED);
  EXPECT_EQ(std::string(status.message()),
            "kernel `rows` reads argument 1 of 1");
}

TEST_F(CudaItems, AreNotFewerThanBlocks) {
  for (auto [items, blocks] : {std::pair(5, 5u), std::pair(100, 18u)}) {
    Kernel kernel;
    load(kernel, "{\"slot\":0},{\"workspace\":4096}", items);
    EXPECT_EQ(kernel.workspaceBytes(), blocks * 4096u);
    ASSERT_TRUE(fill(kernel, {7}).isOk());
    ASSERT_TRUE(kernel.launch(values).isOk());
    EXPECT_EQ(FakeDriver::blocks, blocks);
  }
}

TEST_F(CudaItems, MapTheMemoryOfASlot) {
  Kernel kernel;
  load(kernel, statedView);
  ASSERT_TRUE(fill(kernel, {4096, 100, (int64_t(7) << 32) - 3}).isOk());
  EXPECT_EQ(FakeDriver::address, reinterpret_cast<void *>(4096));
  EXPECT_EQ(FakeDriver::elementType, 6);
  EXPECT_EQ(FakeDriver::rank, 2u);
  EXPECT_EQ(FakeDriver::shape[0], 72u);
  EXPECT_EQ(FakeDriver::shape[1], (uint64_t(7) << 32) + 97);
  EXPECT_EQ(FakeDriver::strides[1], 160u);
  EXPECT_EQ(FakeDriver::box[1], 64u);
  ASSERT_TRUE(kernel.launch(values).isOk());
  EXPECT_EQ(FakeDriver::firstScalar, 100);
  EXPECT_EQ(FakeDriver::secondScalar, -3);
  EXPECT_EQ(FakeDriver::map, &values.maps[0]);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(FakeDriver::map) % 128, 0u);
}

TEST_F(CudaItems, MapAnEmptyViewAsOneRow) {
  Kernel kernel;
  load(kernel, statedView);
  ASSERT_TRUE(fill(kernel, {4096, 0, 0}).isOk());
  EXPECT_EQ(FakeDriver::shape[1], 1u);
  ASSERT_TRUE(fill(kernel, {4096, -5, 0}).isOk());
  EXPECT_EQ(FakeDriver::shape[1], 1u);
}

TEST_F(CudaItems, MapAgainOnlyWhatIsAnotherView) {
  Kernel kernel, other;
  load(kernel, statedView);
  load(other, statedView);
  ASSERT_TRUE(fill(kernel, {4096, 1, 2}).isOk());
  ASSERT_TRUE(fill(kernel, {4096, 2, 1}).isOk());
  EXPECT_EQ(FakeDriver::encodings, 1);
  ASSERT_TRUE(fill(kernel, {4096, 2, 2}).isOk());
  EXPECT_EQ(FakeDriver::encodings, 2);
  ASSERT_TRUE(fill(kernel, {8192, 2, 2}).isOk());
  EXPECT_EQ(FakeDriver::encodings, 3);
  // Another kernel's boxes may differ.
  ASSERT_TRUE(fill(other, {8192, 2, 2}).isOk());
  EXPECT_EQ(FakeDriver::encodings, 4);
  // What was refused is not there.
  FakeDriver::result = 1;
  EXPECT_FALSE(fill(other, {4096, 2, 2}).isOk());
  FakeDriver::result = 0;
  ASSERT_TRUE(fill(other, {8192, 2, 2}).isOk());
  EXPECT_EQ(FakeDriver::encodings, 6);
}

TEST_F(CudaItems, RefuseViewsThatCannotBeCopied) {
  Kernel kernel, narrow, unstated;
  load(kernel, statedView);
  EXPECT_EQ(std::string(fill(kernel, {4104, 1, 2}).message()),
            "kernel `rows`: argument 0 lies at 0x1008, not at a multiple of "
            "16 bytes");
  EXPECT_EQ(std::string(fill(kernel, {4096, 1}).message()),
            "kernel `rows` reads argument 2 of 2");
  std::string text = statedView;
  load(narrow, text.replace(text.find("80"), 2, "76"));
  EXPECT_EQ(std::string(fill(narrow, {4096, 1, 2}).message()),
            "kernel `rows`: argument 0 has a stride of 152 bytes along "
            "dimension 0, not a multiple of 16");
  load(unstated,
       "{\"view\":0,\"box\":[64,64],\"element\":\"f16\"},{\"slot\":0}");
  EXPECT_EQ(std::string(fill(unstated, {4096, 1, 2}).message()),
            "kernel `rows` takes a view of rank 2 as argument 0, not 0");
  EXPECT_EQ(FakeDriver::encodings, 0);
}

TEST(CudaLaunch, RefusesViewsThatAreHalfStated) {
  auto read = [](std::string from, const std::string &to) {
    std::string text = statedView;
    text.replace(text.find(from), from.size(), to);
    return readingOf("// sennit: {\"kernel\":\"rows\",\"threads\":256,"
                     "\"shared\":0,\"parameters\":[" +
                     text + "]}\n");
  };
  EXPECT_EQ(read("72", "72"), "");
  EXPECT_EQ(read("80,1", "80,2"),
            "`parameters[2].strides[1]` of the manifest is 2, expected 1 to 1");
  EXPECT_EQ(read("80,1", "1"), "`parameters[2].strides` of the manifest is an "
                               "array of 1, expected 2 to 2 elements");
  EXPECT_EQ(read(",\"strides\":[80,1]", ""),
            "`parameters[2]` of the manifest is without `strides`, expected "
            "one");
  EXPECT_EQ(read(",72]", "]"), "`parameters[2].shape` of the manifest is an "
                               "array of 1, expected 2 to 2 elements");
  EXPECT_EQ(read("[1,2]", "[1,2,3,4,5]"),
            "`parameters[2].shape[0].scalars` of the manifest is an array of "
            "5, expected 1 to 4 elements");
}
