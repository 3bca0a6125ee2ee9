// Turns a program of one streamed product into a role that copies and a role
// that computes.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cuda/Passes.h"
#include "compiler/targets/cuda/ProductRoles.h"

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
    getOperation()->walk([&](tile::GridOp grid) { grids.push_back(grid); });
    for (tile::GridOp grid : grids) {
      auto options = remark::RemarkOpts::name("assign-roles").category("cuda");
      std::string reason;
      std::optional<ProductRoles> roles = ProductRoles::match(grid, reason);
      if (roles)
        reason = roles->plan(copies, group);
      if (!reason.empty()) {
        remark::missed(grid.getLoc(), options) << reason;
        continue;
      }
      remark::passed(grid.getLoc(), options) << roles->describe();
      roles->build();
    }
  }
};
} // namespace
