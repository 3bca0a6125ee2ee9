// Turns programs of streamed products, and of attention's form, into a role
// that copies and a role that computes.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cuda/AttentionRoles.h"
#include "compiler/targets/cuda/Passes.h"
#include "compiler/targets/cuda/ProductRoles.h"
#include "compiler/targets/cuda/StreamRoles.h"

#include "mlir/IR/Remarks.h"

namespace sennit {
#define GEN_PASS_DEF_CUDAASSIGNROLES
#include "compiler/targets/cuda/Passes.h.inc"
} // namespace sennit

using namespace mlir;
using namespace sennit;
using namespace sennit::cuda;

namespace {
struct AssignRoles : sennit::impl::CudaAssignRolesBase<AssignRoles> {
  using CudaAssignRolesBase::CudaAssignRolesBase;

  void runOnOperation() override {
    SmallVector<tile::GridOp> grids;
    getOperation()->walk([&](tile::GridOp grid) {
      // Blocks that run roles have one grid's.
      auto beside = grid->getBlock()->getOps<tile::GridOp>();
      if (llvm::hasSingleElement(beside))
        grids.push_back(grid);
    });
    for (tile::GridOp grid : grids) {
      auto options = remark::RemarkOpts::name("assign-roles").category("cuda");
      std::string reason, other, last;
      if (auto roles = ProductRoles::match(grid, reason)) {
        reason = roles->plan(copies, group);
        if (reason.empty())
          take(*roles, grid);
      } else if (auto roles = AttentionRoles::match(grid, other)) {
        reason = roles->plan();
        if (reason.empty())
          take(*roles, grid);
      } else if (auto roles = StreamRoles::match(grid, last)) {
        reason = roles->plan();
        if (reason.empty())
          take(*roles, grid);
      } else {
        reason = "as products: " + reason + "; as attention: " + other +
                 "; as a stream: " + last;
      }
      if (!reason.empty())
        remark::missed(grid.getLoc(), options) << reason;
    }
  }

  template <typename Roles> static void take(Roles &roles, tile::GridOp grid) {
    remark::passed(grid.getLoc(),
                   remark::RemarkOpts::name("assign-roles").category("cuda"))
        << roles.describe();
    roles.build();
  }
};
} // namespace
