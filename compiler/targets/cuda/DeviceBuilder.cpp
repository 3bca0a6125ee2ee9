// Builds i32 arithmetic, thread numbers and inline PTX.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cuda/DeviceBuilder.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cuda;

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

Value DeviceBuilder::i32(int64_t value) {
  return arith::ConstantIntOp::create(*this, getLoc(), value, 32);
}

Value DeviceBuilder::i64(int64_t value) {
  return arith::ConstantIntOp::create(*this, getLoc(), value, 64);
}

Value DeviceBuilder::add(Value a, Value b) {
  return create<arith::AddIOp>(a, b);
}

Value DeviceBuilder::multiply(Value a, int64_t b) {
  return b == 1 ? a : create<arith::MulIOp>(a, i32(b)).getResult();
}

Value DeviceBuilder::divide(Value a, int64_t b) {
  return b == 1 ? a : create<arith::DivUIOp>(a, i32(b)).getResult();
}

Value DeviceBuilder::remainder(Value a, int64_t b) {
  return b == 1 ? i32(0) : create<arith::RemUIOp>(a, i32(b)).getResult();
}

Value DeviceBuilder::equals(Value a, int64_t b) {
  return create<arith::CmpIOp>(arith::CmpIPredicate::eq, a, i32(b));
}

Value DeviceBuilder::narrow(Value index) {
  return create<arith::IndexCastOp>(getI32Type(), index);
}

Value DeviceBuilder::address(Value pointer) {
  return create<LLVM::PtrToIntOp>(getI32Type(), pointer);
}

Value DeviceBuilder::advance(Value pointer, Value bytes) {
  return create<LLVM::GEPOp>(pointer.getType(), getI8Type(), pointer,
                             ValueRange{bytes});
}

SmallVector<Value> DeviceBuilder::elements(Value vector) {
  SmallVector<Value> values;
  for (int64_t i = 0;
       i < cast_or_null<VectorType>(vector.getType()).getNumElements(); ++i)
    values.push_back(create<LLVM::ExtractElementOp>(vector, i32(i)));
  return values;
}

Value DeviceBuilder::vector(ValueRange elements) {
  auto type = VectorType::get(elements.size(), elements[0].getType());
  Value vector = create<LLVM::PoisonOp>(type);
  for (auto [position, element] : llvm::enumerate(elements))
    vector = create<LLVM::InsertElementOp>(vector, element, i32(position));
  return vector;
}

Value DeviceBuilder::cast(Value value, Type type) {
  return create<UnrealizedConversionCastOp>(type, value).getResult(0);
}

Value sennit::cuda::lookThroughCast(Value value) {
  auto cast = value.getDefiningOp<UnrealizedConversionCastOp>();
  return cast ? cast.getOperand(0) : Value();
}

//===----------------------------------------------------------------------===//
// Inline PTX
//===----------------------------------------------------------------------===//

static StringRef getConstraint(Type type) {
  if (type.isF32())
    return "f";
  return type.isInteger(64) || isa<LLVM::LLVMPointerType>(type) ? "l" : "r";
}

SmallVector<Value> DeviceBuilder::ptx(StringRef text, ValueRange tied,
                                      ValueRange inputs, TypeRange outputs) {
  SmallVector<std::string> constraints;
  SmallVector<Type> types(tied.getTypes());
  llvm::append_range(types, outputs);
  for (Type type : types)
    constraints.push_back(("=" + getConstraint(type)).str());
  for (Value input : inputs)
    constraints.push_back(getConstraint(input.getType()).str());
  for (size_t i = 0; i < tied.size(); ++i)
    constraints.push_back(std::to_string(i));
  constraints.push_back("~{memory}");
  SmallVector<Value> operands(inputs);
  llvm::append_range(operands, tied);
  Type result;
  if (types.size() == 1)
    result = types[0];
  else if (!types.empty())
    result = LLVM::LLVMStructType::getLiteral(getContext(), types);
  auto call = LLVM::InlineAsmOp::create(
      *this, getLoc(), result ? TypeRange(result) : TypeRange(), operands, text,
      llvm::join(constraints, ","), /*has_side_effects=*/true,
      /*is_align_stack=*/false, LLVM::TailCallKind::None,
      LLVM::AsmDialectAttr::get(getContext(), LLVM::AsmDialect::AD_ATT),
      ArrayAttr());
  if (types.size() <= 1)
    return SmallVector<Value>(call->getResults());
  SmallVector<Value> values;
  for (size_t i = 0; i < types.size(); ++i)
    values.push_back(create<LLVM::ExtractValueOp>(call->getResult(0), i));
  return values;
}

Value DeviceBuilder::read(StringRef name) {
  return ptx(("mov.u32 $0, " + name + ";").str(), {}, {}, getI32Type())[0];
}

//===----------------------------------------------------------------------===//
// Roles
//===----------------------------------------------------------------------===//

RoleThreads sennit::cuda::getRole(tile::RolesOp roles, unsigned position) {
  RoleThreads threads;
  for (auto role : roles.getRoles().getAsRange<tile::RoleAttr>()) {
    threads.role = role;
    if (position-- == 0)
      break;
    threads.firstWarp += role.getWarps() * role.getCopies();
    threads.firstBarrier += role.getCopies();
  }
  return threads;
}

std::pair<tile::RolesOp, RoleThreads> sennit::cuda::getRole(Operation *op) {
  auto roles = op->getParentOfType<tile::RolesOp>();
  for (Region &body : roles.getBodies())
    if (body.isAncestor(op->getParentRegion()))
      return {roles, getRole(roles, body.getRegionNumber())};
  llvm_unreachable("an op inside of roles is inside one of their regions");
}

int64_t sennit::cuda::countThreads(tile::RolesOp roles) {
  int64_t warps = 0;
  for (auto role : roles.getRoles().getAsRange<tile::RoleAttr>())
    warps += role.getWarps() * role.getCopies();
  return warps * warpThreads;
}

// A shuffle tells the assembler that the number is the same in the whole warp,
// so that what depends on it stays in uniform registers.
Value sennit::cuda::getWarp(tile::RolesOp roles) {
  constexpr StringLiteral mark = "cuda.warp";
  for (auto shuffle : roles->getBlock()->getOps<NVVM::ShflOp>())
    if (shuffle->hasAttr(mark))
      return shuffle;
  DeviceBuilder device(roles);
  Value thread = device.create<NVVM::ThreadIdXOp>(device.getI32Type());
  auto shuffle = device.create<NVVM::ShflOp>(
      device.getI32Type(), device.i32(-1), device.divide(thread, warpThreads),
      device.i32(0), device.i32(warpThreads - 1), NVVM::ShflKind::idx,
      UnitAttr());
  shuffle->setAttr(mark, device.getUnitAttr());
  return shuffle;
}

Value RoleThreads::copy(DeviceBuilder &device, tile::RolesOp roles) const {
  if (role.getCopies() == 1)
    return device.i32(0);
  Value warp = device.add(getWarp(roles), -firstWarp);
  return device.divide(warp, role.getWarps());
}

Value RoleThreads::thread(DeviceBuilder &device, bool isReadHere) const {
  Value thread = isReadHere
                     ? device.read("%tid.x")
                     : device.create<NVVM::ThreadIdXOp>(device.getI32Type());
  return device.remainder(device.add(thread, -firstWarp * warpThreads),
                          copyThreads());
}

void RoleThreads::synchronize(DeviceBuilder &device,
                              tile::RolesOp roles) const {
  Value barrier = device.add(copy(device, roles), firstBarrier);
  device.create<NVVM::BarrierOp>(Type(), barrier, device.i32(copyThreads()),
                                 NVVM::BarrierReductionAttr(), Value());
}
