// Spells wgmma as inline PTX. The NVVM dialect has no form with A in registers
// and no predicate, and its fence and wait name no registers.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cuda/Wgmma.h"
#include "compiler/targets/cuda/Rings.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace sennit::cuda;

// PTX manual, wgmma matrix descriptor: bits 0-13 address, 16-29 leading offset,
// 32-45 stride offset, all in 16 bytes; 62-63 swizzle, 1 for 128 bytes. Eight
// swizzled rows are 1024 bytes. The leading offset is the step from panel to
// panel where the depth runs down the rows, and unused elsewhere. The high half
// is the same for all tiles.
constexpr int64_t highHalf = (int64_t(1) << 30) | (1024 / 16);

Value sennit::cuda::makeDescriptor(DeviceBuilder &device, Value address,
                                   int64_t panelBytes, bool isDepthMajor) {
  int64_t leading = isDepthMajor ? 1 : panelBytes / 16;
  Value start = device.create<arith::ShRUIOp>(
      device.create<arith::AndIOp>(address, device.i32(0x3ffff)),
      device.i32(4));
  return device.create<arith::OrIOp>(start, device.i32(leading << 16));
}

int64_t sennit::cuda::getDescriptorOffset(const WgmmaOperand &operand,
                                          int64_t row, int64_t depth) {
  int64_t along = operand.isDepthMajor ? depth : row;
  int64_t down = operand.isDepthMajor ? row : depth;
  int64_t bytes = along / panelColumns * operand.panelBytes +
                  along % panelColumns * 2 + down * panelRowBytes;
  return bytes / 16;
}

static std::string listOperands(int64_t first, int64_t count) {
  std::string text = "{";
  for (int64_t i = 0; i < count; ++i)
    text += (i ? ", $" : "$") + std::to_string(first + i);
  return text + "}";
}

SmallVector<Value>
sennit::cuda::issueWgmma(DeviceBuilder &device, Type element, int64_t columns,
                         const WgmmaOperand &a, const WgmmaOperand &b,
                         int64_t block, int64_t step, int64_t steps,
                         Value rowOffset, ValueRange accumulator) {
  int64_t count = columns / 2;
  SmallVector<Value> inputs;
  std::string name = element.isBF16() ? "bf16" : "f16", first;
  std::string text = "{ .reg .pred sum; .reg .b32 high; .reg .b64 a, b; "
                     "mov.b32 high, " +
                     std::to_string(highHalf) + "; ";
  auto describe = [&](StringRef reg, Value low) {
    text +=
        ("mov.b64 " + reg + ", {$" + Twine(count + inputs.size()) + ", high}; ")
            .str();
    inputs.push_back(low);
  };
  if (a.registers.empty()) {
    int64_t offset =
        getDescriptorOffset(a, block * wgmmaRows, step * wgmmaDepth);
    describe("a", device.add(device.add(a.descriptor, offset), rowOffset));
    first = "a";
  } else {
    llvm::append_range(
        inputs, ArrayRef(a.registers).slice((block * steps + step) * 4, 4));
    first = listOperands(count, 4);
  }
  describe("b", device.add(b.descriptor,
                           getDescriptorOffset(b, 0, step * wgmmaDepth)));
  text += "setp.ne.b32 sum, " + std::string(accumulator.empty() ? "0" : "1") +
          ", 0; wgmma.mma_async.sync.aligned.m64n" + std::to_string(columns) +
          "k16.f32." + name + "." + name + " " + listOperands(0, count) + ", " +
          first + ", b, sum, 1, 1" +
          (a.registers.empty() ? (a.isDepthMajor ? ", 0" : ", 1") : "") +
          (b.isDepthMajor ? ", 0; }" : ", 1; }");
  SmallVector<Type> fresh(accumulator.empty() ? count : 0, device.getF32Type());
  return device.ptx(text, accumulator, inputs, fresh);
}
