// The PTX lint finds what it is for and passes what only looks like it; ptxas's
// words are read.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cuda/Cuda.h"

#include <fstream>
#include <gtest/gtest.h>
#include <sys/stat.h>

using namespace sennit::cuda;

namespace {

std::string check(const std::string &body) {
  llvm::Error error = checkPtx(".visible .entry k()\n{\n" + body + "}\n");
  return error ? llvm::toString(std::move(error)) : "";
}

/// A product of registers %r1, %r2 by shared memory onto %f1, %f2, in flight.
const std::string product =
    "\t{ wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {%f1, %f2}, "
    "{%r1, %r2}, %rd1, 1, 1, 1, 1; }\n"
    "\twgmma.commit_group.sync.aligned;\n";

/// Assembles by a program that runs `script`, and returns what went wrong.
std::string assembleBy(const std::string &script) {
  std::string path = testing::TempDir() + "ptxas-of-a-test";
  std::ofstream(path) << "#!/bin/sh\n" << script;
  chmod(path.c_str(), 0700);
  auto cubin = assemble(".version 8.6\n", path,
                        llvm::cantFail(getMachine("sm_90a")), Spills::Refused);
  return cubin ? "cubin " + *cubin : llvm::toString(cubin.takeError());
}

} // namespace

TEST(Assemble, ReturnsWhatTheAssemblerWrote) {
  EXPECT_EQ(assembleBy("echo '0 bytes stack frame, 0 bytes spill stores' >&2\n"
                       "printf code > \"$5\"\n"),
            "cubin code");
}

TEST(Assemble, RefusesSlowOrUnfinishedCode) {
  EXPECT_EQ(assembleBy("echo 'info : (C7515) wgmma are serialized' >&2\n"),
            "ptxas: info : (C7515) wgmma are serialized");
  EXPECT_EQ(assembleBy("echo '    0 bytes stack frame, 8 bytes spill loads'\n"),
            "ptxas: 0 bytes stack frame, 8 bytes spill loads");
  EXPECT_EQ(assembleBy("echo 'Unresolved extern function __nv_tanhf' >&2\n"
                       "exit 255\n"),
            "ptxas: Unresolved extern function __nv_tanhf");
  EXPECT_EQ(assembleBy("exit 3\n"), "ptxas ended with status 3: ");
}

TEST(Assemble, LetsFewNumbersOfRolesSpill) {
  llvm::StringRef few = "16 bytes stack frame, 100 bytes spill loads",
                  many = "72 bytes stack frame, 72 bytes spill loads";
  EXPECT_EQ(findSpill(few, Spills::Few), "");
  EXPECT_EQ(findSpill(few, Spills::Refused), few);
  EXPECT_EQ(findSpill(many, Spills::Few), many);
}

TEST(CheckPtx, RefusesWritesToAnOperandInFlight) {
  EXPECT_EQ(check(product + "\tmov.b32 \t%r2, 0;\n"),
            "PTX writes `%r2`, which a wgmma in flight reads: "
            "`mov.b32 \t%r2, 0;`");
}

TEST(CheckPtx, RefusesWritesToAnAccumulatorInFlight) {
  EXPECT_EQ(check(product + "\t@%p1 add.f32 \t%f1, %f3, %f4;\n"),
            "PTX writes `%f1`, which a wgmma in flight writes: "
            "`add.f32 \t%f1, %f3, %f4;`");
}

TEST(CheckPtx, PassesReadsAndWritesAfterTheWait) {
  EXPECT_EQ(check(product + "\tadd.f32 \t%f3, %f4, %f5;\n"
                            "\tst.shared.b32 \t[%r2], %r7;\n"
                            "\twgmma.wait_group.sync.aligned 0;\n"
                            "\tmov.b32 \t%r2, 0;\n"),
            "");
}

TEST(CheckPtx, KnowsHowManyGroupsAWaitLeaves) {
  std::string younger =
      "\t{ wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {%f5, %f6}, "
      "%rd1, %rd2, sum, 1, 1, 0, 0; }\n"
      "\twgmma.commit_group.sync.aligned;\n"
      "\twgmma.wait_group.sync.aligned 1;\n";
  EXPECT_EQ(check(product + younger + "\tmov.b32 \t%r2, 0;\n"), "");
  EXPECT_NE(check(product + younger + "\tmov.b32 \t%f6, 0;\n"), "");
}

TEST(CheckPtx, BeginsEachKernelWithNothingInFlight) {
  EXPECT_EQ(check(product + "}\n.visible .entry next()\n{\n"
                            "\tmov.b32 \t%r2, 0;\n"),
            "");
}

TEST(CheckPtx, RefusesCallsAndLocalMemory) {
  EXPECT_EQ(check("\tcall.uni (retval0), __nv_tanhf, (param0);\n"),
            "PTX calls a function: "
            "`call.uni (retval0), __nv_tanhf, (param0);`");
  EXPECT_EQ(check("\t.local .align 16 .b8 \t__local_depot0[16];\n"),
            "PTX uses local memory: "
            "`.local .align 16 .b8 \t__local_depot0[16];`");
}
