// Quantised words unfolded for many rows: scaled, rounded to bf16, in scratch.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/targets/cpu/EmitterWords.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::cpu;

static constexpr int64_t unitColumns = 16,
                         unitPairs = emit::matrixUnitDepth / 2;

// 16 columns of two neighbours of depth, each to bf16, side by side.
Value Emitter::roundPairs(Value even, Value odd) {
  auto pairs = VectorType::get(2 * lanes, builder.getBF16Type());
  auto halves = VectorType::get(2 * lanes, builder.getI16Type());
  Value both =
      LLVM::CallIntrinsicOp::create(
          builder, loc, pairs,
          builder.getStringAttr("llvm.x86.avx512bf16.cvtne2ps2bf16.512"),
          ValueRange{odd, even})
          .getResult(0);
  both = LLVM::BitcastOp::create(builder, loc, halves, both);
  SmallVector<int64_t> order;
  for (int64_t i = 0; i < lanes; ++i)
    order.append({i, i + lanes});
  return vector::ShuffleOp::create(builder, loc, both, both, order);
}

void Emitter::emitUnfolded(const Product &product, const Words &words) {
  int64_t pairs = words.count / 2;
  auto getPointerTo = [&](Value n, Value pair) {
    return getBufferPointer(*product.packed,
                            {divide(n, unitColumns), pair, constant(0)});
  };
  auto unfoldWord = [&](Value n, Value word, Value scale) {
    Value raw = loadWords(words, n, word);
    prefetchWords(words, n, word);
    auto scaled = [&](int64_t i) {
      return Value(arith::MulFOp::create(builder, loc,
                                         takeNumber(words, raw, i), scale));
    };
    for (int64_t pair = 0; pair < pairs; ++pair)
      storeRaw(getPointerTo(n, add(multiply(word, pairs), pair)),
               roundPairs(scaled(2 * pair), scaled(2 * pair + 1)));
  };
  int64_t held = llvm::divideCeil(product.k, words.count) * pairs;
  emitLoop(constant(0), constant(product.n), 2 * unitColumns, [&](Value n) {
    Value halves[] = {n, add(n, unitColumns)};
    emitGroups(words, product.k, [&](Value group, int64_t depth) {
      SmallVector<Value> scales;
      for (Value half : halves)
        scales.push_back(emitLoadAlong(words.scales, {half, group},
                                       /*laneDim=*/0, words.columns));
      Value first = multiply(group, words.group / words.count);
      emitLoop(constant(0), constant(llvm::divideCeil(depth, words.count)), 1,
               [&](Value i) {
                 for (auto [half, scale] : llvm::zip_equal(halves, scales))
                   unfoldWord(half, add(first, i), scale);
               });
    });
    // The step in which the depth ends is multiplied whole.
    for (Value half : halves)
      for (int64_t pair = held; pair % unitPairs != 0; ++pair)
        storeRaw(getPointerTo(half, constant(pair)),
                 constantOf(builder.getI32IntegerAttr(0), true));
  });
}
