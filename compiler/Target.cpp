// Finds a target and its machine by what the user wrote.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/Target.h"

#include "compiler/Compile.h"
#include "mlir/IR/OwningOpRef.h"

namespace sennit {

llvm::Expected<std::pair<const Target *, TargetMachineInfo>>
resolveTarget(llvm::StringRef spelling, mlir::MLIRContext &context) {
  auto [name, level] = spelling.split(':');
  std::string known;
  for (const Target *target : getTargets()) {
    known += (known.empty() ? "`" : ", `") + target->name.str() + "`";
    if (target->name != name)
      continue;
    auto machine = target->describe(level.empty() ? "host" : level, context);
    if (!machine)
      return llvm::make_error<CompileError>(llvm::toString(machine.takeError()),
                                            2);
    return std::pair(target, *machine);
  }
  return llvm::make_error<CompileError>(
      "no target is called `" + name.str() + "`; there is " + known, 2);
}

std::function<bool(mlir::func::FuncOp)>
getStepwiseTest(machine::CoreAttr core) {
  for (const Target *target : getTargets())
    if (core && target->name == core.getName() && target->isStepwise &&
        core.getAsyncRows() != 0)
      return [target](mlir::func::FuncOp kernel) {
        mlir::OwningOpRef<mlir::ModuleOp> module =
            mlir::ModuleOp::create(kernel.getLoc());
        module->push_back(kernel->clone());
        auto copy = mlir::cast<mlir::func::FuncOp>(module->getBody()->front());
        copy.setPublic();
        return target->isStepwise(*module);
      };
  return {};
}

} // namespace sennit
