// Turns a program of one streamed product into a role that copies and a role
// that computes.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/hopper/Passes.h"
#include "compiler/targets/hopper/ProductRoles.h"

#include "mlir/IR/Remarks.h"

namespace sennit {
#define GEN_PASS_DEF_HOPPERASSIGNROLES
#include "compiler/targets/hopper/Passes.h.inc"
} // namespace sennit

using namespace mlir;
using namespace sennit;
using namespace sennit::hopper;

namespace {
struct AssignRoles : sennit::impl::HopperAssignRolesBase<AssignRoles> {
  using HopperAssignRolesBase::HopperAssignRolesBase;

  void runOnOperation() override {
    SmallVector<tile::GridOp> grids;
    getOperation()->walk([&](tile::GridOp grid) { grids.push_back(grid); });
    for (tile::GridOp grid : grids) {
      auto options =
          remark::RemarkOpts::name("assign-roles").category("hopper");
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
