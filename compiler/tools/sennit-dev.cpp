#include "dialects/rt/Rt.h"
#include "dialects/seq/Seq.h"
#include "dialects/tile/Tile.h"
#include "passes/fuse/Passes.h"
#include "passes/normalize/Passes.h"
#include "passes/schedule/Passes.h"
#include "dialects/machine/Machine.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllPasses();
  registry.insert<sennit::seq::SeqDialect, sennit::tile::TileDialect, sennit::rt::RtDialect, sennit::machine::MachineDialect>();
  sennit::registerNormalizePasses();
  sennit::registerFusePasses();
  sennit::registerSchedulePasses();
  sennit::registerTileProgramModels(registry);
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "dev\n", registry));
}
