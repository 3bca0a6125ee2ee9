// The roofs of a machine and where kernels stand below them.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TOOLS_ROOFLINE_H
#define SENNIT_COMPILER_TOOLS_ROOFLINE_H

#include "compiler/tools/Drawing.h"
#include "compiler/tools/Predict.h"

namespace sennit::tools {

/// Draws a hierarchical roofline as SVG: a slope for each memory, a roof for
/// the best rate of each unit, a point for each kernel that computes, at its
/// operations over the bytes of the outermost memory that it reaches. The area
/// of a point follows its share of the time.
void drawRoofline(const EntryRow &entry, const machine::Machine &machine,
                  llvm::raw_ostream &os);

} // namespace sennit::tools

#endif // SENNIT_COMPILER_TOOLS_ROOFLINE_H
