// From PTX to a cubin by ptxas, a program that may or may not be there.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cuda/Cuda.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/Regex.h"

using namespace sennit::cuda;
using llvm::StringRef;

std::string sennit::cuda::findAssembler() {
  llvm::SmallVector<StringRef> folders;
  llvm::SmallString<128> home;
  if (auto root = llvm::sys::Process::GetEnv("CUDA_HOME")) {
    home = *root;
    llvm::sys::path::append(home, "bin");
    if (auto found = llvm::sys::findProgramByName("ptxas", {home.str()}))
      return *found;
  }
  if (auto found = llvm::sys::findProgramByName("ptxas"))
    return *found;
  auto found = llvm::sys::findProgramByName("ptxas", {"/usr/local/cuda/bin"});
  return found ? *found : "";
}

/// Bytes of a thread's stack that hold a few numbers which live long, and no
/// part of a tile.
constexpr int64_t fewBytes = 64;

StringRef sennit::cuda::findSpill(StringRef report, Spills spills) {
  static const llvm::Regex some("[1-9][0-9]* bytes (stack frame|spill)");
  static const llvm::Regex stack("([0-9]+) bytes stack frame");
  for (StringRef line : llvm::split(report, '\n')) {
    llvm::SmallVector<StringRef> found;
    int64_t bytes = 0;
    bool isFew = stack.match(line, &found) &&
                 !found[1].getAsInteger(10, bytes) && bytes <= fewBytes;
    if (some.match(line) && !(spills == Spills::Few && isFew))
      return line.trim();
  }
  return "";
}

/// What ptxas said that makes the code slow or wrong, or nothing.
static StringRef findFault(StringRef report, Spills spills) {
  // C7510 to C7520: wgmma is serialised, or a wait or fence was put in.
  static const llvm::Regex faults("C75(1[0-9]|20)|Unresolved extern|"
                                  "setmaxnreg (ignored|is ignored)|fatal|"
                                  "error");
  for (StringRef line : llvm::split(report, '\n'))
    if (faults.match(line))
      return line.trim();
  return spills == Spills::Allowed ? "" : findSpill(report, spills);
}

static std::string readFile(StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  return buffer ? (*buffer)->getBuffer().str() : "";
}

llvm::Expected<std::string> sennit::cuda::assemble(StringRef ptx,
                                                   StringRef assembler,
                                                   const CudaMachine &machine,
                                                   Spills spills,
                                                   std::string *report) {
  llvm::SmallString<128> paths[3];
  llvm::SmallVector<llvm::FileRemover, 3> removers;
  StringRef suffixes[] = {"ptx", "cubin", "txt"};
  for (auto [path, suffix] : llvm::zip_equal(paths, suffixes)) {
    if (auto error = llvm::sys::fs::createTemporaryFile("sennit", suffix, path))
      return llvm::createStringError(error, "no temporary file for ptxas: " +
                                                error.message());
    removers.emplace_back(path);
  }
  std::error_code error;
  llvm::raw_fd_ostream(paths[0], error) << ptx;
  if (error)
    return llvm::createStringError(error, paths[0] + ": " + error.message());
  std::string level = "-arch=" + machine.level;
  StringRef arguments[] = {assembler, level,    "-O3",   "-v",
                           "-o",      paths[1], paths[0]};
  std::optional<StringRef> redirects[] = {"", StringRef(paths[2]),
                                          StringRef(paths[2])};
  std::string message;
  int status = llvm::sys::ExecuteAndWait(assembler, arguments, std::nullopt,
                                         redirects, 0, 0, &message);
  std::string said = readFile(paths[2]);
  if (report)
    *report = said;
  if (StringRef fault = findFault(said, spills); !fault.empty())
    return llvm::createStringError("ptxas: " + fault);
  if (status != 0)
    return llvm::createStringError("ptxas ended with status " +
                                   llvm::Twine(status) + ": " + message + said);
  return readFile(paths[1]);
}
