// The quantised words of one product, as the emitter's loops see them.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TARGETS_CPU_EMITTERWORDS_H
#define SENNIT_COMPILER_TARGETS_CPU_EMITTERWORDS_H

#include "compiler/targets/cpu/EmitterProduct.h"

namespace sennit::cpu {

/// Words [n, k / count] of `count` numbers of `bits`, scales [n, k / group].
struct Emitter::Words {
  tile::LoadOp words, scales;
  int64_t bits, count, group, columns;
  emit::IntegerRows space;
};

} // namespace sennit::cpu

#endif // SENNIT_COMPILER_TARGETS_CPU_EMITTERWORDS_H
