// sennit-translate: turns a source into seq IR text without running any stage.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/Register.h"
#include "mlir/Tools/mlir-translate/MlirTranslateMain.h"

int main(int argc, char **argv) {
  sennit::registerTranslations();
  return mlir::failed(
      mlir::mlirTranslateMain(argc, argv, "Sennit's translation driver"));
}
