// Marks the views of a kernel that hold constants in every launch.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
//   %w = rt.buffer constants at 0 : memref<64x64xf32>
//   rt.launch @k(%x, %w : ..)
//   the kernel becomes
//   func.func private @k(%x: .., %w: memref<64x64xf32> {rt.constant})
//
// Declines silently a view that some launch takes from another memory, or that
// `@initialize`, which writes constants, gives to the kernel.

#include "dialects/rt/Rt.h"
#include "passes/schedule/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/BitVector.h"

using namespace mlir;

namespace sennit {
#define GEN_PASS_DEF_MARKCONSTANTS
#include "passes/schedule/Passes.h.inc"

namespace {
bool isConstant(Value argument) {
  auto buffer = argument.getDefiningOp<rt::BufferOp>();
  return buffer && buffer.getMemory() == rt::Memory::Constants;
}

struct MarkConstants : impl::MarkConstantsBase<MarkConstants> {
  void runOnOperation() override {
    // Of each kernel that is launched, the arguments that were constants so
    // far.
    llvm::MapVector<StringAttr, llvm::BitVector> constants;
    for (auto entry : getOperation().getOps<func::FuncOp>())
      entry.walk([&](rt::LaunchOp launch) {
        auto [place, isFirst] =
            constants.try_emplace(launch.getKernelAttr().getAttr(),
                                  launch.getArguments().size(), true);
        bool initializes = entry.getName() == "initialize";
        for (auto [i, argument] : llvm::enumerate(launch.getArguments()))
          if (initializes || !isConstant(argument))
            place->second.reset(i);
      });
    SymbolTable symbols(getOperation());
    for (auto &[name, marked] : constants)
      if (auto kernel = symbols.lookup<func::FuncOp>(name))
        for (unsigned i : marked.set_bits())
          kernel.setArgAttr(i, "rt.constant", UnitAttr::get(&getContext()));
  }
};
} // namespace
} // namespace sennit
