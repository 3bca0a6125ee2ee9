// Reads PTX for what must not be in it: calls, local memory, and writes to
// registers of a wgmma in flight.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cuda/Cuda.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace sennit::cuda;
using llvm::StringRef;

namespace {

/// Registers that the products of one group read and write.
struct Group {
  llvm::StringSet<> operands, accumulators;
};

/// Reads a kernel line by line, in textual order: a loop's body is read once,
/// which sees a write that follows its products in the same round.
class Reader {
public:
  llvm::Error read(StringRef line);

private:
  void readProduct(StringRef line);
  void readWait(StringRef line);

  std::vector<Group> inFlight;
  Group open;
};

} // namespace

/// The registers in the first pair of braces of `text`, which moves behind it.
static llvm::SmallVector<StringRef> takeRegisters(StringRef &text) {
  auto [inside, rest] = text.substr(text.find('{') + 1).split('}');
  text = rest;
  llvm::SmallVector<StringRef> registers;
  for (StringRef name : llvm::split(inside, ','))
    registers.push_back(name.trim());
  return registers;
}

void Reader::readProduct(StringRef line) {
  StringRef rest = line.substr(line.find("wgmma.mma_async"));
  for (StringRef name : takeRegisters(rest))
    open.accumulators.insert(name);
  if (rest.consume_front(",") && rest.ltrim().starts_with("{"))
    for (StringRef name : takeRegisters(rest))
      open.operands.insert(name);
}

void Reader::readWait(StringRef line) {
  unsigned behind = 0;
  line.substr(line.find("aligned") + 7).trim(" \t;").getAsInteger(10, behind);
  if (behind < inFlight.size())
    inFlight.erase(inFlight.begin(), inFlight.end() - behind);
}

llvm::Error Reader::read(StringRef line) {
  line = line.trim();
  if (line.contains("wgmma.mma_async")) {
    readProduct(line);
    return llvm::Error::success();
  }
  if (line.contains("wgmma.commit_group"))
    inFlight.push_back(std::exchange(open, Group()));
  else if (line.contains("wgmma.wait_group"))
    readWait(line);
  else if (line.starts_with("call"))
    return llvm::createStringError("PTX calls a function: `" + line + "`");
  else if (line.contains(".local ") || line.contains("__local_depot"))
    return llvm::createStringError("PTX uses local memory: `" + line + "`");
  // An instruction's first operand is what it writes; stores have none.
  if (line.starts_with("@"))
    line = line.split(' ').second.ltrim();
  auto [mnemonic, operands] = line.split(' ');
  auto [split, more] = mnemonic.split('\t');
  StringRef written = (more.empty() ? operands : more).ltrim();
  if (!written.starts_with("%"))
    return llvm::Error::success();
  written =
      written
          .take_until([](char c) { return c == ',' || c == '|' || c == ';'; })
          .trim();
  for (const Group &group : inFlight)
    if (group.operands.contains(written) ||
        group.accumulators.contains(written))
      return llvm::createStringError(
          "PTX writes `" + written + "`, which a wgmma in flight " +
          (group.operands.contains(written) ? "reads" : "writes") + ": `" +
          line + "`");
  return llvm::Error::success();
}

llvm::Error sennit::cuda::checkPtx(StringRef ptx) {
  Reader reader;
  for (StringRef line : llvm::split(ptx, '\n')) {
    if (line.contains(".entry "))
      reader = Reader();
    if (auto error = reader.read(line))
      return error;
  }
  return llvm::Error::success();
}
