// A program whose item walks one stream and multiplies in it, whatever else it
// computes, and the roles and rings that run it.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TARGETS_CUDA_STREAMROLES_H
#define SENNIT_COMPILER_TARGETS_CUDA_STREAMROLES_H

#include "compiler/targets/cuda/ItemWalk.h"

namespace sennit::cuda {

/// One role copies what lies in memory as products read it; the other does what
/// the item does, in its order: a product starts where it stands and is waited
/// for where its result is read. Operands that are computed pass through rings
/// of the role's own, in registers or in shared memory. Two blocks of one
/// computing group each share a processor where both fit, so that the products
/// of one run beside the arithmetic of the other.
class StreamRoles {
public:
  /// Nothing, and the reason, where the grid is something else. Takes the unit
  /// dimensions from its tiles.
  static std::optional<StreamRoles> match(tile::GridOp grid,
                                          std::string &reason);

  /// Decides the rings. The reason where a block has too little of something.
  std::string plan();

  /// One line: what `plan` decided.
  std::string describe() const;

  /// Puts the roles in the grid's place.
  void build();

private:
  /// A tile that the copying role brings.
  struct Copied {
    tile::LoadOp load;
    CopiedView view;
    /// The iteration's argument.
    mlir::Value tile;
    mlir::Value source;
  };
  /// An operand that the item computes, and the ring that it passes through.
  struct Computed {
    mlir::Value tile;
    tile::Place place;
    mlir::Value ring;
  };
  /// A store by the copy engine.
  struct Stored {
    tile::StoreOp store;
    CopiedView view;
    mlir::Value target, ring;
  };
  /// A group of one product: the rings and tiles that it reads, and its result
  /// until somebody asks for it.
  struct Group {
    mlir::Value product, pending, token;
    llvm::SmallVector<std::pair<mlir::Value, mlir::Value>> reads;
    bool isFinished = false;
  };
  /// The computing role where it is being built: one block of ops in order.
  struct Emission {
    Emission(RoleBuilder &builder, mlir::IRMapping &mapping, mlir::Value use)
        : builder(builder), mapping(mapping), use(use) {}
    RoleBuilder &builder;
    mlir::IRMapping &mapping;
    /// The use of the rings that are open, or filled, here.
    mlir::Value use;
    /// Operands that the item computed and has put where products read.
    llvm::DenseMap<mlir::Value, mlir::Value> opened;
    llvm::SmallVector<Group> groups;
    /// Fetched tiles that threads load, and the ops behind them.
    llvm::SmallVector<std::pair<mlir::Value, mlir::Operation *>> loads;
  };

  std::string matchOps();
  std::string matchCopies();
  std::string matchOperand(mlir::Value tile, bool mayBeInRegisters);
  bool isCopied(mlir::Value tile) const;

  void buildCopies(RoleBuilder builder, ItemWalk &walk);
  void buildCompute(RoleBuilder builder, ItemWalk &walk);
  mlir::scf::ForOp buildSteps(RoleBuilder &builder, mlir::IRMapping &mapping,
                              mlir::Value first);
  void emit(Emission &emission, mlir::Operation *op);
  void load(Emission &emission,
            std::pair<mlir::Value, mlir::Operation *> fetched);
  void emitProduct(Emission &emission, tile::MmaOp product);
  void emitStore(Emission &emission, const Stored &stored);
  void finish(Emission &emission, const Group &last);
  void finishAll(Emission &emission);
  void fill(Emission &emission, const Computed &one);
  mlir::Value openOperand(Emission &emission, Group &group, mlir::Value tile);

  tile::GridOp grid;
  tile::StreamOp stream;
  llvm::SmallVector<Copied> copied;
  llvm::SmallVector<Computed> computed;
  llvm::SmallVector<Stored> stores;
  int64_t blocks = 0, registers = 0;
  tile::RingType inType;
  mlir::Value in;
};

} // namespace sennit::cuda

#endif // SENNIT_COMPILER_TARGETS_CUDA_STREAMROLES_H
