// Sequences of launches on a libcuda of no device: when a graph is made, what
// of it changes, and that the device runs the same as without one.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "runtime/drivers/cuda/CudaAccelerator.h"
#include "test/runtime/FakeLibrary.h"

#include <thread>

using namespace sennit;
using namespace sennit::cuda;
using namespace sennit::test;

namespace {

using Lines = std::vector<std::string>;

/// A kernel of a test: its number, and its slots.
struct Asked {
  int64_t number;
  std::vector<int64_t> slots;
};

/// Three kernels: `norm` of two slots, `attend` of a scalar and a map of rows
/// whose number is the sum of slots 1 and 2, `project` of one slot.
struct CudaSequence : testing::Test {
  explicit CudaSequence(const char *library = SENNIT_FakeCuda)
      : fake(library), library(library) {}

  void SetUp() override {
    ASSERT_EQ(fake.countLiving(), 0);
    accelerator = std::make_unique<CudaAccelerator>();
    ASSERT_TRUE(accelerator->open("sm_90a", library).isOk());
    add("norm", "{\"slot\":0},{\"slot\":1}");
    add("attend", "{\"scalar\":1},{\"view\":0,\"box\":[64,64],"
                  "\"element\":\"bf16\",\"shape\":[{\"scalars\":[1,2]},128],"
                  "\"strides\":[128,1]}");
    add("project", "{\"slot\":0}");
    ASSERT_TRUE(accelerator->createSequence(sequence).isOk());
    fake.takeText();
  }
  void TearDown() override {
    sequence.reset();
    accelerator.reset();
    EXPECT_EQ(fake.countLiving(), 0);
  }

  /// `more`: members of the launch line.
  void add(const std::string &name, const std::string &parameters,
           const std::string &more = "") {
    std::string text = "// sennit: {\"kernel\":\"" + name +
                       "\",\"threads\":256,\"shared\":64," + more +
                       "\"parameters\":[" + parameters + "]}\n";
    Status status = accelerator->addKernel({name, text, {}});
    ASSERT_TRUE(status.isOk()) << status.message();
  }

  /// Launches without an end. The slots are gone when the next are asked for.
  Status launch(const std::vector<Asked> &call) {
    for (Asked asked : call) {
      Status status = sequence->launch(asked.number, asked.slots.data(),
                                       int64_t(asked.slots.size()));
      std::fill(asked.slots.begin(), asked.slots.end(), -1);
      if (!status.isOk())
        return status;
    }
    return {};
  }
  /// A whole call; the lines of the log.
  Lines call(const std::vector<Asked> &call) {
    sequence->begin();
    Status status = launch(call);
    if (status.isOk())
      status = sequence->finish(nullptr);
    EXPECT_TRUE(status.isOk()) << status.message();
    return fake.takeLines();
  }
  /// The message of a call that is refused.
  std::string refusal(const std::vector<Asked> &call) {
    sequence->begin();
    Status status = launch(call);
    if (status.isOk())
      status = sequence->finish(nullptr);
    fake.takeText();
    return status.message();
  }

  FakeLibrary fake;
  const char *library;
  std::unique_ptr<CudaAccelerator> accelerator;
  Owned<LaunchSequence> sequence;
};

struct CudaWithoutGraphs : CudaSequence {
  CudaWithoutGraphs() : CudaSequence(SENNIT_FakeCudaWithoutGraphs) {}
};

std::vector<Asked> step(int64_t past) {
  return {{0, {5, 6}}, {1, {4096, past, 1}}, {2, {7}}};
}

Lines runs(int64_t past) {
  return {"run norm(5, 6)",
          "run attend(" + std::to_string(past) + ", [0x1000 " +
              std::to_string(past + 1) + "x128])",
          "run project(7)"};
}

} // namespace

TEST_F(CudaSequence, IsAGraphOnceItWasSeenTwice) {
  Lines plain = {"launch norm",   "run norm(5, 6)", "encode",
                 "launch attend", runs(9)[1],       "launch project",
                 "run project(7)"};
  EXPECT_EQ(call(step(9)), plain);
  Lines second = call(step(9));
  plain.erase(plain.begin() + 2);
  Lines built = {"node norm", "node attend", "node project", "build 3"};
  plain.insert(plain.end(), built.begin(), built.end());
  EXPECT_EQ(second, plain);
  Lines graph = {"graph 3", runs(9)[0], runs(9)[1], runs(9)[2]};
  EXPECT_EQ(call(step(9)), graph);
  EXPECT_EQ(call(step(9)), graph);
}

TEST_F(CudaSequence, KernelsThatWaitThemselvesStartEarly) {
  add("early", "{\"slot\":0}", "\"early\":1,");
  std::vector<Asked> kernels = {{3, {1}}, {0, {5, 6}}, {3, {2}}, {3, {3}}};
  call(kernels);
  // The first has none ahead of it.
  Lines built = {"node early", "node norm",   "node early", "early early",
                 "node early", "early early", "build 4"};
  Lines second = call(kernels);
  EXPECT_EQ(Lines(second.end() - 7, second.end()), built);
  Lines expected = {"run early(1)", "run norm(5, 6)", "run early(2)",
                    "run early(3)"};
  EXPECT_EQ(select(call(kernels), "run"), expected);
}

TEST_F(CudaSequence, ChangesOnlyWhatHasOtherSlots) {
  for (int64_t past : {0, 1, 2, 3}) {
    Lines lines = call(step(past));
    EXPECT_EQ(select(lines, "run"), runs(past)) << past;
    EXPECT_EQ(select(lines, "encode").size(), 1u);
    EXPECT_EQ(select(lines, "set"), past < 2 ? Lines() : Lines{"set attend"});
    EXPECT_EQ(select(lines, "launch").size(), past < 2 ? 3u : 0u);
  }
  // Slots of which no map depends are changed without one.
  std::vector<Asked> other = step(3);
  other[2].slots = {8};
  Lines expected = {"set project", "graph 3", runs(3)[0], runs(3)[1],
                    "run project(8)"};
  EXPECT_EQ(call(other), expected);
}

TEST_F(CudaSequence, OtherKernelsLeaveTheGraph) {
  call(step(0));
  call(step(1));
  std::vector<Asked> other = step(2);
  other[2] = {0, {1, 2}};
  Lines lines = call(other);
  Lines expected = runs(2);
  expected[2] = "run norm(1, 2)";
  EXPECT_EQ(select(lines, "run"), expected);
  EXPECT_EQ(select(lines, "graph"), Lines());
  EXPECT_EQ(select(lines, "drop"), Lines{"drop"});
  // It is learned as the first was, and the first again.
  EXPECT_EQ(select(call(other), "build"), Lines{"build 3"});
  EXPECT_EQ(select(call(other), "graph"), Lines{"graph 3"});
  EXPECT_EQ(select(call(step(3)), "run"), runs(3));
  EXPECT_EQ(select(call(step(4)), "build"), Lines{"build 3"});
}

TEST_F(CudaSequence, FewerAndMoreKernelsLeaveTheGraph) {
  call(step(0));
  call(step(1));
  std::vector<Asked> fewer = step(2), more = step(3);
  fewer.pop_back();
  Lines expected = runs(2);
  expected.pop_back();
  EXPECT_EQ(select(call(fewer), "run"), expected);
  EXPECT_EQ(select(call(fewer), "build"), Lines{"build 2"});
  more[2].slots = {9};
  more.push_back({0, {1, 2}});
  expected = runs(3);
  expected[2] = "run project(9)";
  expected.push_back("run norm(1, 2)");
  EXPECT_EQ(select(call(more), "run"), expected);
  EXPECT_EQ(select(call(more), "run"), expected);
  EXPECT_EQ(select(call(more), "graph"), Lines{"graph 4"});
  EXPECT_EQ(select(call({}), "run"), Lines());
  EXPECT_EQ(select(call({}), "build"), Lines());
}

TEST_F(CudaSequence, ForgetsACallThatDidNotFinish) {
  call(step(0));
  call(step(1));
  sequence->begin();
  ASSERT_TRUE(launch({step(2)[0], step(2)[1]}).isOk());
  EXPECT_EQ(select(fake.takeLines(), "run"), Lines());
  Lines lines = call(step(3));
  EXPECT_EQ(select(lines, "run"), runs(3));
  EXPECT_EQ(select(lines, "launch").size(), 3u);
  EXPECT_EQ(select(lines, "drop"), Lines{"drop"});
  EXPECT_EQ(select(call(step(4)), "build"), Lines{"build 3"});
}

TEST_F(CudaSequence, NamesTheKernelThatIsRefused) {
  const std::string why = ": refusal 1 (CUDA_ERROR_OF_A_TEST)";
  fake.refuse("cuLaunchKernel", 1, 1);
  EXPECT_EQ(refusal(step(0)), "launch of kernel `attend`" + why);
  call(step(0));
  call(step(1));
  fake.refuse("cuGraphExecKernelNodeSetParams_v2", 0, 1);
  EXPECT_EQ(refusal(step(2)), "changing in a graph kernel `attend`" + why);
  EXPECT_EQ(select(call(step(2)), "run"), runs(2));
  call(step(3));
  fake.refuse("cuGraphLaunch", 0, 1);
  EXPECT_EQ(refusal(step(3)), "launch of the graph from kernel `norm`" + why);
  EXPECT_EQ(select(call(step(4)), "run"), runs(4));
  std::vector<Asked> wrong = step(4);
  wrong[1].slots[0] = 4100;
  EXPECT_EQ(refusal(wrong), "kernel `attend`: argument 0 lies at 0x1004, not "
                            "at a multiple of 16 bytes");
  EXPECT_EQ(select(call(step(5)), "run"), runs(5));
  EXPECT_EQ(refusal({{0, {5}}}), "kernel `norm` reads argument 1 of 1");
  EXPECT_EQ(refusal({{3, {}}}), "kernel 3 is launched, the module has 3");
}

TEST_F(CudaSequence, GoesOnOneByOneWhereAGraphIsRefused) {
  for (const char *symbol : {"cuGraphCreate", "cuGraphAddKernelNode_v2",
                             "cuGraphInstantiateWithFlags"}) {
    ASSERT_TRUE(accelerator->createSequence(sequence).isOk());
    int before = fake.countLiving();
    fake.refuse(symbol, 0, 2);
    for (int64_t past = 0; past < 4; ++past) {
      Lines lines = call(step(past));
      EXPECT_EQ(select(lines, "run"), runs(past)) << symbol;
      EXPECT_EQ(select(lines, "launch").size(), 3u);
      EXPECT_EQ(select(lines, "build").size(), 0u);
    }
    EXPECT_EQ(fake.countLiving(), before);
  }
}

TEST_F(CudaWithoutGraphs, GoesOnOneByOne) {
  for (int64_t past = 0; past < 4; ++past) {
    Lines lines = call(step(past));
    EXPECT_EQ(select(lines, "run"), runs(past));
    EXPECT_EQ(select(lines, "launch").size(), 3u);
  }
}

TEST_F(CudaSequence, RemembersABoundedNumberOfLaunches) {
  constexpr int most = 4096;
  std::vector<Asked> many(most, {2, {7}}), more = many;
  for (int i = 0; i < most; ++i)
    many[size_t(i)].slots[0] = i;
  more.push_back({2, {-2}});
  more.push_back({2, {-3}});
  call(many);
  EXPECT_EQ(select(call(many), "build"), Lines{"build 4096"});
  EXPECT_EQ(select(call(many), "graph"), Lines{"graph 4096"});
  for (int i = 0; i < 3; ++i) {
    Lines lines = call(more), run = select(lines, "run");
    ASSERT_EQ(run.size(), size_t(most + 2));
    EXPECT_EQ(run[most - 1], "run project(7)");
    EXPECT_EQ(run[most], "run project(-2)");
    EXPECT_EQ(run[most + 1], "run project(-3)");
    EXPECT_EQ(select(lines, "graph").size() + select(lines, "build").size(),
              0u);
  }
}

TEST_F(CudaSequence, FindsAWorkspaceThatWasMoved) {
  add("scan", "{\"workspace\":64}");
  auto place = [&] {
    return "run scan(" + std::to_string(accelerator->workspaceAddress()) + ")";
  };
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(select(call({{3, {}}}), "run"), Lines{place()});
  std::string before = place();
  add("sort", "{\"workspace\":65536}");
  ASSERT_NE(place(), before);
  EXPECT_EQ(select(call({{3, {}}}), "run"), Lines{place()});
}

TEST_F(CudaSequence, EndsOnAThreadThatHasNotEnteredTheDevice) {
  call(step(0));
  call(step(1));
  std::thread([&] {
    sequence.reset();
    accelerator.reset();
  }).join();
  EXPECT_EQ(fake.countLiving(), 0);
}

TEST_F(CudaSequence, OneOfSeveralHasAGraphOfItsOwn) {
  Owned<LaunchSequence> first = std::move(sequence);
  ASSERT_TRUE(accelerator->createSequence(sequence).isOk());
  std::swap(first, sequence);
  for (int64_t past = 0; past < 2; ++past) {
    call(step(past));
    std::swap(first, sequence);
    call({{0, {1, 2}}});
    std::swap(first, sequence);
  }
  EXPECT_EQ(select(call(step(2)), "graph"), Lines{"graph 3"});
  std::swap(first, sequence);
  EXPECT_EQ(select(call({{0, {1, 2}}}), "graph"), Lines{"graph 1"});
}

TEST_F(CudaSequence, IsPassedByWhereAKernelIsMeasured) {
  call(step(0));
  call(step(1));
  int before = fake.countLiving();
  uint64_t nanoseconds = 0;
  int64_t slots[] = {3};
  ASSERT_TRUE(accelerator->time(2, slots, 1, nanoseconds).isOk());
  EXPECT_EQ(nanoseconds, 250000u);
  EXPECT_EQ(fake.takeLines(), (Lines{"launch project", "run project(3)"}));
  EXPECT_EQ(fake.countLiving(), before);
  EXPECT_EQ(select(call(step(2)), "graph"), Lines{"graph 3"});
}
