// Pointers and masks, and how elements in memory become registers.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/emit/Emitter.h"
#include "compiler/emit/EmitterAddress.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::emit;

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

// LLVM's bf16 vectors become calls below AVX512-BF16, so memory is read and
// written as 16-bit integers.
Type sennit::emit::getRawType(Type element) {
  MLIRContext *context = element.getContext();
  if (element.isBF16() || element.isF16())
    return IntegerType::get(context, 16);
  return getStorageType(element);
}

TypedAttr sennit::emit::getRawPad(TypedAttr pad) {
  Type raw = getRawType(pad.getType());
  if (raw == pad.getType())
    return pad;
  if (auto number = dyn_cast<FloatAttr>(pad))
    return IntegerAttr::get(raw, number.getValue().bitcastToAPInt());
  return IntegerAttr::get(raw,
                          cast<IntegerAttr>(pad).getValue().getZExtValue());
}

static Type like(Value value, Type element) {
  auto type = dyn_cast<VectorType>(value.getType());
  return type ? Type(type.clone(element)) : element;
}

static TypedAttr integerLike(Value value, Type element, int64_t number) {
  TypedAttr scalar = IntegerAttr::get(element, number);
  auto type = dyn_cast<VectorType>(value.getType());
  return type ? TypedAttr(SplatElementsAttr::get(type.clone(element),
                                                 Attribute(scalar)))
              : scalar;
}

Value Emitter::widen(Value raw, Type element) {
  if (element.isBF16()) {
    Type i32 = builder.getI32Type();
    Value bits = arith::ExtUIOp::create(builder, loc, like(raw, i32), raw);
    Value half =
        arith::ConstantOp::create(builder, loc, integerLike(raw, i32, 16));
    bits = arith::ShLIOp::create(builder, loc, bits, half);
    return arith::BitcastOp::create(builder, loc,
                                    like(raw, builder.getF32Type()), bits);
  }
  if (element.isF16()) {
    Value half =
        arith::BitcastOp::create(builder, loc, like(raw, element), raw);
    return arith::ExtFOp::create(builder, loc, like(raw, builder.getF32Type()),
                                 half);
  }
  if (!element.isInteger(1))
    return raw;
  Value zero = arith::ConstantOp::create(
      builder, loc, integerLike(raw, builder.getI8Type(), 0));
  return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, raw,
                               zero);
}

// The bits of f32 rounded to nearest even at bit 16, those below left as they
// come; NaN stays NaN.
Value Emitter::roundToBFloat(Value value) {
  Type i32 = builder.getI32Type();
  auto number = [&](int64_t n) -> Value {
    return arith::ConstantOp::create(builder, loc, integerLike(value, i32, n));
  };
  Value bits = arith::BitcastOp::create(builder, loc, like(value, i32), value);
  Value odd = arith::ShRUIOp::create(builder, loc, bits, number(16));
  odd = arith::AndIOp::create(builder, loc, odd, number(1));
  Value rounded = arith::AddIOp::create(builder, loc, bits, number(0x7fff));
  rounded = arith::AddIOp::create(builder, loc, rounded, odd);
  Value quiet = arith::OrIOp::create(builder, loc, bits, number(1 << 22));
  Value isNumber = arith::CmpFOp::create(
      builder, loc, arith::CmpFPredicate::ORD, value, value);
  return arith::SelectOp::create(builder, loc, isNumber, rounded, quiet);
}

Value Emitter::roundTo(Value value, Type element) {
  if (element.isBF16()) {
    Value bits = roundToBFloat(value);
    Value high = arith::ConstantOp::create(
        builder, loc,
        integerLike(value, builder.getI32Type(), int32_t(0xffff0000)));
    bits = arith::AndIOp::create(builder, loc, bits, high);
    return arith::BitcastOp::create(builder, loc, value.getType(), bits);
  }
  if (!element.isF16())
    return value;
  Value half =
      arith::TruncFOp::create(builder, loc, like(value, element), value);
  return arith::ExtFOp::create(builder, loc, value.getType(), half);
}

Value Emitter::takeUpper(Value words) {
  Value bits = arith::BitcastOp::create(
      builder, loc, like(words, builder.getI32Type()), words);
  Value half = arith::ConstantOp::create(
      builder, loc, integerLike(bits, builder.getI32Type(), 16));
  bits = arith::ShRUIOp::create(builder, loc, bits, half);
  return arith::TruncIOp::create(builder, loc, like(bits, builder.getI16Type()),
                                 bits);
}

Value Emitter::narrow(Value value, Type element) {
  Type i16 = builder.getI16Type();
  if (element.isBF16())
    return takeUpper(roundToBFloat(value));
  if (element.isF16()) {
    Value half =
        arith::TruncFOp::create(builder, loc, like(value, element), value);
    return arith::BitcastOp::create(builder, loc, like(value, i16), half);
  }
  if (!element.isInteger(1))
    return value;
  return arith::ExtUIOp::create(builder, loc, like(value, builder.getI8Type()),
                                value);
}

//===----------------------------------------------------------------------===//
// Accesses
//===----------------------------------------------------------------------===//

static unsigned getBytes(Type type) {
  return llvm::divideCeil(getElementTypeOrSelf(type).getIntOrFloatBitWidth(),
                          8);
}

Value Emitter::loadRaw(Value pointer, Type element, bool vector, Value mask,
                       TypedAttr pad) {
  Type type = vector ? vectorOf(element) : element;
  if (!mask)
    return LLVM::LoadOp::create(builder, loc, type, pointer, getBytes(element));
  Value outside = constantOf(pad, vector);
  return LLVM::MaskedLoadOp::create(builder, loc, type, pointer, mask, outside,
                                    getBytes(element));
}

void Emitter::storeRaw(Value pointer, Value value, Value mask) {
  unsigned bytes = getBytes(value.getType());
  if (mask)
    LLVM::MaskedStoreOp::create(builder, loc, value, pointer, mask, bytes);
  else
    LLVM::StoreOp::create(builder, loc, value, pointer, bytes);
}

// Lanes below `limit`, which may be negative.
Value Emitter::getMask(Value limit) {
  Value count = toInteger(minimum(limit, constant(lanes)), 32);
  return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt,
                               laneNumbers(32), splat(count));
}

// The same number, of which LLVM knows nothing.
Value Emitter::hide(Value index) {
  Value number = toInteger(index, 64);
  auto asmOp = LLVM::InlineAsmOp::create(
      builder, loc, TypeRange{number.getType()}, ValueRange{number},
      /*asm_string=*/"", /*constraints=*/"=r,0", /*has_side_effects=*/false,
      /*is_align_stack=*/false, LLVM::TailCallKind::None,
      LLVM::AsmDialectAttr::get(builder.getContext(), LLVM::AsmDialect::AD_ATT),
      /*operand_attrs=*/ArrayAttr());
  return arith::IndexCastOp::create(builder, loc, builder.getIndexType(),
                                    asmOp.getResult(0));
}

Value Emitter::both(Value a, Value b) {
  if (!a || !b)
    return a ? a : b;
  return builder.createOrFold<arith::AndIOp>(loc, a, b);
}

Value Emitter::getPadPointer(TypedAttr pad) {
  auto *found = llvm::find(plan.getPads(), pad);
  int64_t offset = (found - plan.getPads().begin()) * Plan::padBytes;
  return pointerAt(scratch, builder.getI8Type(), constant(offset));
}

// Two vectors, since pairs of narrow numbers are read as one of twice the
// bytes.
void Emitter::emitPads() {
  for (TypedAttr pad : plan.getPads()) {
    Value value = constantOf(getRawPad(pad), /*vector=*/true);
    Value pointer = getPadPointer(pad);
    storeRaw(pointer, value);
    Type element = getElementTypeOrSelf(value.getType());
    if (isa<VectorType>(value.getType()) && getBytes(element) == 2)
      storeRaw(pointerAt(pointer, element, constant(lanes)), value);
  }
}

Value Emitter::getBufferPointer(const Buffer &buffer, ArrayRef<Value> at) {
  Value offset = constant(buffer.offset / getBytes(buffer.element));
  for (auto [index, stride] : llvm::zip_equal(at, buffer.strides))
    offset = add(offset, multiply(index, stride));
  return pointerAt(scratch, buffer.element, offset);
}

void Emitter::storeBuffer(const Buffer &buffer, const Point &point,
                          Value value) {
  Type element = getElementTypeOrSelf(value.getType());
  if (buffer.parts != 0)
    return storeParts(buffer, getBufferPointer(buffer, point.at), value);
  storeRaw(getBufferPointer(buffer, point.at),
           element.isInteger(1) ? narrow(value, element) : value);
}

// Values that are no splats stand in the object's read-only data.
Value Emitter::emitTable(arith::ConstantOp op, const Point &point) {
  auto elements = cast<DenseElementsAttr>(op.getValue());
  Type raw = getRawType(elements.getElementType());
  SmallVector<Attribute> numbers;
  for (Attribute element : elements.getValues<Attribute>())
    numbers.push_back(getRawPad(cast<TypedAttr>(element)));
  numbers.append(lanes, Builder(raw.getContext()).getZeroAttr(raw));
  int64_t size = numbers.size();
  auto module = function.getParentOfType<ModuleOp>();
  auto type = LLVM::LLVMArrayType::get(raw, size);
  auto values =
      DenseElementsAttr::get(RankedTensorType::get({size}, raw), numbers);
  std::string name =
      "table" + std::to_string(tables++) + "." +
      cast<LLVM::LLVMFuncOp>(function.getParentOp()).getName().str();
  OpBuilder global = OpBuilder::atBlockBegin(module.getBody());
  auto table = LLVM::GlobalOp::create(global, loc, type, /*isConstant=*/true,
                                      LLVM::Linkage::Private, name, values);
  Value base = LLVM::AddressOfOp::create(builder, loc, table);
  Value offset = constant(0);
  for (auto [index, extent] :
       llvm::zip_equal(point.at, cast<VectorType>(op.getType()).getShape()))
    offset = add(multiply(offset, extent), index);
  Value loaded = loadRaw(pointerAt(base, raw, offset), raw, point.vector);
  return widen(loaded, elements.getElementType());
}
