// Runs the loops of a linalg.generic, a strip of elements at a time.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/reference/Nest.h"

#include <cmath>

using namespace mlir;

namespace sennit::reference {

/// One run of a nest on tensors.
class NestRun {
public:
  NestRun(const Nest &nest, Frame &frame) : nest(nest), frame(frame) {}
  llvm::Error run();

private:
  /// An operand: its elements, and how far one step of each loop moves.
  struct Access {
    const Cell *data;
    Cell *output;
    Tensor::Shape strides;
    int64_t start;
    Tensor::Shape shape;
  };

  llvm::Error bind();
  llvm::Error findExtents();
  llvm::Error checkBounds(unsigned operand);
  void chooseStrip();
  void prepareRegisters();
  llvm::Error runStrips(unsigned level);
  llvm::Error runStrip();
  llvm::Error runReductions(unsigned level);
  llvm::Error runPoint();
  llvm::Error runPlainPoint();
  llvm::Error runSteps(bool invariant);
  llvm::Error gather(const Nest::Step &step);
  void load(unsigned operand);
  void store(unsigned output);
  void fillIndices(bool invariant);
  void accumulate();
  int64_t offsetAt(unsigned operand, int64_t lane);

  const Nest &nest;
  Frame &frame;
  std::vector<Tensor> outputs;
  std::vector<Access> accesses;
  Tensor::Shape loops, point;
  /// Parallel loops but the strip's, and reductions.
  SmallVector<unsigned> outer, reductions;
  std::optional<unsigned> strip;
  int64_t lanes = 1;
  /// Outputs do not move with reductions: they stay in their registers.
  bool outputsStay = true;
  std::vector<Cell> memory;
  std::vector<Cell *> registers;
};

//===----------------------------------------------------------------------===//
// Before the loops
//===----------------------------------------------------------------------===//

llvm::Error NestRun::findExtents() {
  if (!nest.extents)
    return refuse(*nest.op, "has loops that no operand's shape bounds");
  Tensor::Shape all;
  for (const Access &access : accesses)
    llvm::append_range(all, access.shape);
  for (unsigned loop = 0; loop != nest.extents->size(); ++loop)
    loops.push_back(nest.extents->evaluate(loop, all));
  point.assign(loops.size(), 0);
  return llvm::Error::success();
}

/// Refuses a linear map that leaves its tensor somewhere in the domain.
llvm::Error NestRun::checkBounds(unsigned operand) {
  const IndexMap &map = nest.maps[operand];
  if (llvm::is_contained(loops, 0) || !map.isLinear())
    return llvm::Error::success();
  for (unsigned dim = 0; dim != map.size(); ++dim) {
    int64_t least = map.start(dim), most = least;
    for (unsigned loop = 0; loop != loops.size(); ++loop) {
      int64_t reach = map.slope(dim, loop) * (loops[loop] - 1);
      (reach < 0 ? least : most) += reach;
    }
    if (least < 0 || most >= accesses[operand].shape[dim])
      return refuse(*nest.op, "reads " + Twine(least) + " to " + Twine(most) +
                                  " of dimension " + Twine(dim) +
                                  " of operand " + Twine(operand) +
                                  ", whose extent is " +
                                  Twine(accesses[operand].shape[dim]));
  }
  return llvm::Error::success();
}

llvm::Error NestRun::bind() {
  for (unsigned i = nest.inputs; i != nest.operands.size(); ++i) {
    Value value = nest.operands[i].take(frame);
    if (!value.tensor.cells)
      return refuse(*nest.op, "writes to a scalar");
    outputs.push_back(std::move(value.tensor));
  }
  for (unsigned i = 0; i != nest.operands.size(); ++i) {
    if (i >= nest.inputs) {
      Tensor &tensor = outputs[i - nest.inputs];
      Cell *own = tensor.own();
      accesses.push_back({own, own, {}, 0, tensor.shape});
      continue;
    }
    const Value &value = frame.slots[nest.operands[i].slot];
    const Cell *data = value.tensor.cells ? value.tensor.data() : &value.scalar;
    accesses.push_back({data, nullptr, {}, 0, value.tensor.shape});
  }
  if (llvm::Error error = findExtents())
    return error;
  for (unsigned i = 0; i != accesses.size(); ++i) {
    if (llvm::Error error = checkBounds(i))
      return error;
    Access &access = accesses[i];
    access.strides.assign(loops.size(), 0);
    const IndexMap &map = nest.maps[i];
    Tensor::Shape strides = stridesOf(access.shape);
    for (unsigned dim = 0; map.isLinear() && dim != map.size(); ++dim) {
      access.start += map.start(dim) * strides[dim];
      for (unsigned loop = 0; loop != loops.size(); ++loop)
        access.strides[loop] += map.slope(dim, loop) * strides[dim];
    }
  }
  return llvm::Error::success();
}

/// The longest parallel loop along which every output moves, the last of equal
/// ones: its elements do not depend on each other.
void NestRun::chooseStrip() {
  for (unsigned loop = 0; loop != loops.size(); ++loop) {
    bool moves = !nest.isReduction[loop] && !nest.plain;
    for (unsigned i = nest.inputs; i != accesses.size(); ++i) {
      moves = moves && accesses[i].strides[loop] != 0;
      if (nest.isReduction[loop] && nest.maps[i].dependsOn(loop))
        outputsStay = false;
    }
    auto width = [&](unsigned l) { return std::min(loops[l], Nest::kLanes); };
    if (moves && (!strip || width(loop) >= width(*strip)))
      strip = loop;
  }
  for (unsigned loop = 0; loop != loops.size(); ++loop)
    if (nest.isReduction[loop])
      reductions.push_back(loop);
    else if (loop != strip)
      outer.push_back(loop);
}

void NestRun::prepareRegisters() {
  memory.resize(nest.registerCount * Nest::kLanes);
  for (unsigned i = 0; i != nest.registerCount; ++i)
    registers.push_back(&memory[i * Nest::kLanes]);
  for (auto [in, value] : nest.constants)
    std::fill_n(registers[in], Nest::kLanes, value);
  for (auto [in, slot] : nest.captures)
    std::fill_n(registers[in], Nest::kLanes, frame.slots[slot].scalar);
}

//===----------------------------------------------------------------------===//
// In the loops
//===----------------------------------------------------------------------===//

int64_t NestRun::offsetAt(unsigned operand, int64_t lane) {
  const IndexMap &map = nest.maps[operand];
  const Access &access = accesses[operand];
  int64_t offset = access.start;
  if (map.isLinear()) {
    for (unsigned loop = 0; loop != loops.size(); ++loop)
      offset += access.strides[loop] * point[loop];
    return offset + (strip ? access.strides[*strip] * lane : 0);
  }
  Tensor::Shape at = point;
  if (strip)
    at[*strip] += lane;
  Tensor::Shape strides = stridesOf(access.shape);
  for (unsigned dim = 0; dim != map.size(); ++dim) {
    int64_t index = map.evaluate(dim, at);
    if (index < 0 || index >= access.shape[dim])
      return -1;
    offset += index * strides[dim];
  }
  return offset;
}

void NestRun::load(unsigned operand) {
  Cell *out = registers[operand];
  const Access &access = accesses[operand];
  if (!nest.maps[operand].isLinear()) {
    // An element outside is undefined.
    for (int64_t l = 0; l != lanes; ++l) {
      int64_t offset = offsetAt(operand, l);
      out[l] = offset < 0 ? Cell::of(NAN) : access.data[offset];
    }
    return;
  }
  const Cell *data = access.data + offsetAt(operand, 0);
  int64_t stride = strip ? access.strides[*strip] : 0;
  if (stride == 0)
    std::fill_n(out, lanes, *data);
  else if (stride == 1)
    std::copy_n(data, lanes, out);
  else
    for (int64_t l = 0; l != lanes; ++l)
      out[l] = data[l * stride];
}

void NestRun::store(unsigned output) {
  unsigned operand = nest.inputs + output;
  const Access &access = accesses[operand];
  for (int64_t l = 0; l != lanes; ++l)
    if (int64_t offset = offsetAt(operand, l); offset >= 0)
      access.output[offset] = registers[operand][l];
}

void NestRun::fillIndices(bool invariant) {
  for (auto [in, loop] : nest.indices) {
    if (nest.invariant[in] != invariant)
      continue;
    for (int64_t l = 0; l != lanes; ++l)
      registers[in][l] = Cell::of(point[loop] + (loop == strip ? l : 0));
  }
}

llvm::Error NestRun::gather(const Nest::Step &step) {
  const Tensor &tensor = frame.slots[*step.tensor].tensor;
  Tensor::Shape strides = stridesOf(tensor.shape);
  for (int64_t l = 0; l != lanes; ++l) {
    int64_t offset = 0;
    for (auto [dim, in] : llvm::enumerate(step.in)) {
      int64_t index = registers[in][l].integer;
      if (index < 0 || index >= tensor.shape[dim])
        return refuse(*step.op, "reads element " + Twine(index) +
                                    " of dimension " + Twine(dim) +
                                    ", whose extent is " +
                                    Twine(tensor.shape[dim]));
      offset += index * strides[dim];
    }
    registers[step.out][l] = tensor.data()[offset];
  }
  return llvm::Error::success();
}

llvm::Error NestRun::runSteps(bool invariant) {
  SmallVector<const Cell *, 4> in;
  for (const Nest::Step &step : nest.steps) {
    if (step.invariant != invariant)
      continue;
    if (step.tensor) {
      if (llvm::Error error = gather(step))
        return error;
      continue;
    }
    in.clear();
    for (unsigned each : step.in)
      in.push_back(registers[each]);
    step.function(in, registers[step.out], lanes);
  }
  return llvm::Error::success();
}

/// What the body yields becomes what the next point of the reductions reads.
void NestRun::accumulate() {
  if (nest.yields.size() == 1) {
    unsigned yield = nest.yields[0];
    // What each point computes anew may lie anywhere.
    if (yield >= nest.operands.size() && !nest.invariant[yield])
      std::swap(registers[yield], registers[nest.inputs]);
    else if (yield != nest.inputs)
      std::copy_n(registers[yield], lanes, registers[nest.inputs]);
    return;
  }
  std::vector<Cell> values;
  for (unsigned yield : nest.yields)
    values.insert(values.end(), registers[yield], registers[yield] + lanes);
  for (unsigned output = 0; output != nest.yields.size(); ++output)
    std::copy_n(values.begin() + output * lanes, lanes,
                registers[nest.inputs + output]);
}

llvm::Error NestRun::runPlainPoint() {
  const Code &code = *nest.plain;
  for (auto [argument, slot] : llvm::enumerate(code.arguments))
    frame.slots[slot].scalar = registers[argument][0];
  llvm::ArrayRef<int64_t> around = frame.point;
  frame.point = point;
  llvm::Error error = code.run(frame);
  frame.point = around;
  if (error)
    return error;
  for (auto [output, result] : llvm::enumerate(code.results))
    registers[nest.inputs + output][0] = result.scalar(frame);
  return llvm::Error::success();
}

llvm::Error NestRun::runPoint() {
  for (unsigned i = 0; i != nest.inputs; ++i)
    if (!nest.invariant[i])
      load(i);
  for (unsigned i = nest.inputs; !outputsStay && i != accesses.size(); ++i)
    load(i);
  if (nest.plain) {
    if (llvm::Error error = runPlainPoint())
      return error;
  } else {
    fillIndices(/*invariant=*/false);
    if (llvm::Error error = runSteps(/*invariant=*/false))
      return error;
    accumulate();
  }
  for (unsigned i = 0; !outputsStay && i != outputs.size(); ++i)
    store(i);
  return llvm::Error::success();
}

llvm::Error NestRun::runReductions(unsigned level) {
  if (level == reductions.size())
    return runPoint();
  int64_t &index = point[reductions[level]];
  for (index = 0; index != loops[reductions[level]]; ++index)
    if (llvm::Error error = runReductions(level + 1))
      return error;
  index = 0;
  return llvm::Error::success();
}

llvm::Error NestRun::runStrip() {
  for (unsigned i = 0; i != nest.inputs; ++i)
    if (nest.invariant[i])
      load(i);
  for (unsigned i = nest.inputs; outputsStay && i != accesses.size(); ++i)
    load(i);
  fillIndices(/*invariant=*/true);
  if (llvm::Error error = runSteps(/*invariant=*/true))
    return error;
  if (llvm::Error error = runReductions(0))
    return error;
  for (unsigned i = 0; outputsStay && i != outputs.size(); ++i)
    store(i);
  return llvm::Error::success();
}

llvm::Error NestRun::runStrips(unsigned level) {
  if (level != outer.size()) {
    int64_t &index = point[outer[level]];
    for (index = 0; index != loops[outer[level]]; ++index)
      if (llvm::Error error = runStrips(level + 1))
        return error;
    index = 0;
    return llvm::Error::success();
  }
  if (!strip)
    return runStrip();
  int64_t &first = point[*strip];
  for (first = 0; first < loops[*strip]; first += Nest::kLanes) {
    lanes = std::min(Nest::kLanes, loops[*strip] - first);
    if (llvm::Error error = runStrip())
      return error;
  }
  first = 0;
  return llvm::Error::success();
}

llvm::Error NestRun::run() {
  if (llvm::Error error = bind())
    return error;
  chooseStrip();
  prepareRegisters();
  // A point without loops exists once; a loop of extent 0 has none.
  if (!llvm::any_of(outer, [&](unsigned loop) { return loops[loop] == 0; }))
    if (llvm::Error error = runStrips(0))
      return error;
  for (auto [slot, tensor] : llvm::zip_equal(nest.results, outputs))
    frame.slots[slot] = std::move(tensor);
  return llvm::Error::success();
}

llvm::Error Nest::run(Frame &frame) const {
  return NestRun(*this, frame).run();
}

llvm::Expected<Action> compileLinalgOp(Assembler &assembler, Operation &op) {
  if (auto index = dyn_cast<linalg::IndexOp>(op))
    return
        [dim = index.getDim(), result = assembler.slot(index)](Frame &frame) {
          frame.slots[result].scalar = Cell::of(frame.point[dim]);
          return llvm::Error::success();
        };
  auto generic = dyn_cast<linalg::GenericOp>(op);
  if (!generic)
    return refuse(op, "is not an op that the reference knows");
  auto nest = std::make_shared<Nest>(assembler, generic);
  if (nest->compileBody(assembler))
    if (llvm::Error error = nest->compilePlainBody(assembler))
      return error;
  return [nest](Frame &frame) { return nest->run(frame); };
}

} // namespace sennit::reference
