// Builds tile programs: a kernel region in, functions of tiles and their
// dispatches out.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_PASSES_SCHEDULE_PROGRAM_H
#define SENNIT_PASSES_SCHEDULE_PROGRAM_H

#include "dialects/machine/Machine.h"
#include "dialects/seq/Seq.h"
#include "dialects/tile/Tile.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/schedule/Choices.h"
#include "passes/schedule/Extents.h"

namespace sennit::schedule {

class KernelBuilder;

/// Where a tile lies in a tensor: one offset and one static size a dimension.
struct Box {
  llvm::SmallVector<mlir::OpFoldResult> offsets;
  llvm::SmallVector<int64_t> sizes;
  /// Dimensions whose offset is a multiple of the size, so that a static extent
  /// which the size divides cannot be overrun.
  llvm::SmallVector<bool> aligned;

  Box() = default;
  Box(llvm::ArrayRef<mlir::OpFoldResult> offsets, llvm::ArrayRef<int64_t> sizes)
      : offsets(offsets), sizes(sizes), aligned(sizes.size(), true) {}
  int64_t rank() const { return sizes.size(); }
  /// The box of the given dimensions, in that order.
  Box project(llvm::ArrayRef<int64_t> dims) const;
  bool operator==(const Box &other) const {
    return offsets == other.offsets && sizes == other.sizes;
  }
};

/// One kernel function under construction. Values of the kernel's region and
/// of its surroundings are asked for by `tile`; each is loaded or computed once
/// a box.
class Program {
public:
  Program(KernelBuilder &kernel, llvm::StringRef name);

  KernelBuilder &kernel;
  mlir::OpBuilder builder;
  mlir::Location loc;

  /// Opens the grid; the insertion point moves into it. Returns the item's
  /// position. Bounds run from zero to `upper`.
  llvm::SmallVector<mlir::Value> openGrid(llvm::ArrayRef<mlir::Value> upper,
                                          llvm::ArrayRef<int64_t> steps,
                                          llvm::ArrayRef<llvm::StringRef> dims);

  /// The tile of `value` at `box`.
  llvm::FailureOr<mlir::Value> tile(mlir::Value value, const Box &box);
  /// The tile widened or converted to f32.
  llvm::FailureOr<mlir::Value> tileF32(mlir::Value value, const Box &box);
  /// States that `value` at `box` is this tile.
  void seed(mlir::Value value, const Box &box, mlir::Value tile);
  /// Emits the row reductions that `value` depends on for these rows here, so
  /// that a loop opened afterwards does not repeat them.
  llvm::LogicalResult hoistRowReductions(mlir::Value value, const Box &rows);
  /// Forgets tiles computed inside `op`, before they are moved.
  void forgetInside(mlir::Operation *op);
  /// Stores every output but states that no earlier store or program wrote,
  /// at `box`, or at its leading dimensions for outputs of lower rank.
  /// Rows at or past `rows`, or the output's extent, are not written.
  llvm::LogicalResult storeOutputs(const Box &box, mlir::Value rows = {});

  /// The memory of a tensor that the kernel reads, or that a program wrote.
  mlir::Value view(mlir::Value tensor);
  /// The memory into which the output `value` of the kernel goes.
  mlir::Value outputView(mlir::Value value);
  /// The memory of a state: `after` overwrites `before`.
  mlir::Value stateView(mlir::Value before, mlir::Value after);
  /// An index of the host, as argument of the kernel or as constant.
  mlir::Value scalar(mlir::Value hostIndex);
  /// The extent of a dimension of a tensor.
  mlir::Value extent(mlir::Value tensor, int64_t dim);

  mlir::Value index(int64_t value);
  mlir::Value value(mlir::OpFoldResult value);
  mlir::Value add(mlir::Value a, mlir::Value b);
  /// A tile of one value.
  mlir::Value splat(mlir::VectorType type, double value);
  mlir::Value splatInt(mlir::VectorType type, int64_t value);
  /// a[dims] repeated to the shape; scalars too.
  mlir::Value broadcast(mlir::Value a, llvm::ArrayRef<int64_t> shape,
                        llvm::ArrayRef<int64_t> dims);
  mlir::Value toF32(mlir::Value tile);
  mlir::Value reshape(mlir::Value tile, llvm::ArrayRef<int64_t> shape);
  /// The leading part of a tile.
  mlir::Value trim(mlir::Value tile, llvm::ArrayRef<int64_t> shape);
  /// i32 tile base, base + 1, ..
  mlir::Value iota(mlir::Value base, int64_t size);

  mlir::Value load(mlir::Value tensor, const Box &box);
  void store(mlir::Value tile, mlir::Value tensor, mlir::Value memory,
             const Box &box, mlir::Value rows = {});

  /// Orders arguments, dispatches the function on the host, and tells the
  /// kernel builder which host tensors the outputs became.
  llvm::LogicalResult finish();

private:
  llvm::SmallVector<std::pair<int64_t, mlir::Value>>
  boundsOf(mlir::Value tensor, const Box &box);
  mlir::Value addArgument(mlir::Type type);
  /// The part of a tile that was stated of a region's argument.
  llvm::FailureOr<mlir::Value> takePart(mlir::Value argument, const Box &box);

  struct Remembered {
    mlir::Value value;
    Box box;
    mlir::Value tile;
  };
  struct Argument {
    mlir::Value argument;
    mlir::Value
        host; // the tensor or index on the host; null for untied outputs
    mlir::Value output; // the kernel's value that it receives, if any
  };
  mlir::func::FuncOp function;
  llvm::SmallVector<Remembered> memory;
  llvm::SmallVector<Argument> views, scalars;
};

/// The kernel region that programs are built for, and its surroundings.
class KernelBuilder {
public:
  KernelBuilder(seq::KernelOp kernel, mlir::SymbolTable &symbols,
                machine::CoreAttr core, Extents &extents, Choices &choices)
      : kernel(kernel), symbols(symbols), core(core), extents(extents),
        choices(choices) {}

  seq::KernelOp kernel;
  mlir::SymbolTable &symbols;
  machine::CoreAttr core;
  Extents &extents;
  Choices &choices;
  /// Host tensors that hold values of the kernel's region.
  llvm::DenseMap<mlir::Value, mlir::Value> written;

  /// Builds all programs; afterwards every output has a host tensor.
  llvm::LogicalResult build();
  /// The values that the kernel yields, without repeats.
  llvm::SmallVector<mlir::Value> outputs();
  bool isInside(mlir::Value value);
  /// Most rows (tokens or pairs) of a dimension of a tensor.
  int64_t rowBound(mlir::Value tensor, int64_t dim = 0) {
    return extents.bound(tensor, dim);
  }
  /// Elements of a vector register.
  int64_t lanes() { return core.getLanes(); }
};

/// The default program: the kernel's outputs, tile by tile.
llvm::LogicalResult buildMapProgram(KernelBuilder &builder);

/// A loop over tiles: `compute` receives the position and the carries and
/// returns the next carries. Loads end up in the loop's fetch region.
llvm::FailureOr<mlir::ValueRange>
buildStream(Program &program, llvm::StringRef label, mlir::Value lower,
            mlir::Value upper, int64_t step, mlir::ValueRange inits,
            llvm::function_ref<llvm::FailureOr<llvm::SmallVector<mlir::Value>>(
                mlir::Value position, mlir::ValueRange carries)>
                compute);

} // namespace sennit::schedule

#include "passes/schedule/TileProgramInterface.h.inc"

#endif // SENNIT_PASSES_SCHEDULE_PROGRAM_H
