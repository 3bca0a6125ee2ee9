// Loads machines for the verbs, and prints them as DLTI.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/tools/Machines.h"

#include "compiler/facts/Core.h"
#include "compiler/machine/Calibration.h"
#include "compiler/machine/Library.h"
#include "compiler/tools/Verbs.h"
#include "mlir/Dialect/DLTI/DLTI.h"
#include "mlir/IR/Builders.h"

namespace sennit::tools {

/// `PATH=VALUE`, or `+units.NAME=on|off`.
static bool apply(machine::Node &root, llvm::StringRef path,
                  const std::string &value, std::string &reason) {
  if (!path.consume_front("+"))
    return setField(root, path.str(), value, reason);
  machine::Node without = root;
  if (!removeUnit(without, path.str(), reason))
    return false;
  if (value != "on" && value != "off") {
    reason = "a unit is `on` or `off`, not `" + value + "`";
    return false;
  }
  if (value == "off")
    root = std::move(without);
  return true;
}

int loadMachine(llvm::StringRef nameOrPath, llvm::StringRef calibration,
                llvm::ArrayRef<std::string> changes, LoadedMachine &loaded) {
  std::vector<machine::Problem> problems;
  auto root = machine::readMachine(nameOrPath.str(), problems);
  if (root && !calibration.empty() &&
      !calibrate(*root, calibration.str(), problems))
    root.reset();
  for (llvm::StringRef change : changes) {
    auto [path, value] = change.split('=');
    std::string reason;
    if (!change.contains('='))
      return complain("`--set " + change + "` is not `PATH=VALUE`", usage);
    if (root && !apply(*root, path.trim(), value.trim().str(), reason))
      return complain("`--set " + change + "`: " + reason, usage);
  }
  auto built = root ? machine::build(*root, problems) : std::nullopt;
  if (!built) {
    for (const machine::Problem &problem : problems)
      complain(format(problem), failed);
    return failed;
  }
  loaded.root = std::move(*root);
  loaded.machine = std::move(*built);
  return done;
}

void scheduleFor(const LoadedMachine &loaded, CompileOptions &options) {
  options.makeCore = [&](mlir::MLIRContext &context) {
    return makeCore(loaded.root, loaded.machine, context);
  };
  if (!options.roundsOperands)
    options.roundsOperands = loaded.machine.roundsOperands();
  if (options.chunk == 0 && loaded.machine.itemThreads.value > 1)
    options.chunk = kSharedItemChunk;
}

void printDlti(const machine::Machine &machine, llvm::raw_ostream &os) {
  mlir::MLIRContext context;
  context.loadDialect<mlir::DLTIDialect>();
  mlir::Builder builder(&context);
  llvm::SmallVector<mlir::DataLayoutEntryInterface> entries;
  auto add = [&](const llvm::Twine &key, const machine::Quantity &quantity) {
    if (quantity)
      entries.push_back(mlir::DataLayoutEntryAttr::get(
          builder.getStringAttr(key), builder.getF64FloatAttr(quantity.value)));
  };
  add("cores", machine.cores);
  for (const machine::Memory &memory : machine.memories) {
    add(memory.name + ".capacity", memory.capacity);
    add(memory.name + ".bandwidth", memory.bandwidth);
    add(memory.name + ".latency", memory.latency);
  }
  for (const machine::Unit &unit : machine.units) {
    for (size_t i = 0; i < machine::elementCount; ++i)
      add(unit.name + ".rate." + std::string(machine::getElementNames()[i]),
          unit.rate[i]);
    for (size_t i = 0; i < machine::specialCount; ++i)
      add(unit.name + ".rate." + std::string(machine::getSpecialNames()[i]),
          unit.special[i]);
  }
  auto device = mlir::TargetDeviceSpecAttr::get(&context, entries);
  auto name = builder.getStringAttr(machine.name);
  os << mlir::TargetSystemSpecAttr::get(
            &context, {mlir::DataLayoutEntryAttr::get(name, device)})
     << "\n";
}

} // namespace sennit::tools
