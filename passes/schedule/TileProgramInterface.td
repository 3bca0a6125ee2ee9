// How an op becomes part of a tile program; models are attached by this room or by a plugin.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_PASSES_SCHEDULE_TILEPROGRAMINTERFACE_TD
#define SENNIT_PASSES_SCHEDULE_TILEPROGRAMINTERFACE_TD

include "mlir/IR/Interfaces.td"

def TileProgramOpInterface : OpInterface<"TileProgramOpInterface"> {
  let cppNamespace = "::sennit::schedule";
  let description = [{
    An op that can be computed tile by tile. Both methods have defaults, so an
    op states only what it can do.
  }];
  let methods = [
    InterfaceMethod<[{
        Emits the tile of result `result` at `box` at the program's insertion
        point and returns it: a vector of the box's sizes and the result's
        element type. Operands come from `program.tile`. Elements outside the
        result may hold anything. Fails after an error that says why not.
      }], "::llvm::FailureOr<::mlir::Value>", "emitTile",
      (ins "::sennit::schedule::Program &":$program, "unsigned":$result, "const ::sennit::schedule::Box &":$box), "",
      [{ return $_op->emitOpError("cannot be computed tile by tile inside another kernel"); }]>,
    InterfaceMethod<[{
        Builds the programs of the kernel whose root this op is, in the order in
        which they run. The default walks the kernel's outputs by tiles.
      }], "::llvm::LogicalResult", "buildPrograms",
      (ins "::sennit::schedule::KernelBuilder &":$builder), "",
      [{ return ::sennit::schedule::buildMapProgram(builder); }]>
  ];
}

#endif // SENNIT_PASSES_SCHEDULE_TILEPROGRAMINTERFACE_TD
