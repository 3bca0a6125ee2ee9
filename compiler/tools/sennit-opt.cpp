// sennit-opt: runs single passes and stages on IR text, for tests and for
// looking.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/Plugins.h"
#include "compiler/Register.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  if (int status = sennit::loadPassPlugins(argc, argv))
    return status;
  mlir::DialectRegistry registry;
  sennit::registerDialects(registry);
  sennit::registerPasses();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "Sennit's pass driver\n", registry));
}
