// Reads one node: its inputs, attributes and results.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/onnx/NodeReader.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::onnx;
using llvm::StringRef;

bool NodeReader::hasInput(unsigned index) const {
  return index < node.inputs.size() && !node.inputs[index].empty();
}

Tensor NodeReader::input(unsigned index) {
  if (!hasInput(index)) {
    fail("input " + Twine(index) + " is missing");
    return {};
  }
  const Tensor *found = scope.find(node.inputs[index]);
  if (!found) {
    fail("input " + quoted(node.inputs[index]) + " is no value of the graph");
    return {};
  }
  return *found;
}

Tensor NodeReader::floatInput(unsigned index, int64_t leastRank,
                              int64_t mostRank) {
  Tensor tensor = input(index);
  if (failed())
    return {};
  if (!tensor.isFloat()) {
    fail("input " + Twine(index) + " has no float elements");
    return {};
  }
  if (tensor.rank() < leastRank || tensor.rank() > mostRank) {
    fail("input " + Twine(index) + " has shape " + spell(tensor.shape()) +
         ", expected " + Twine(leastRank) + " to " + Twine(mostRank) +
         " dimensions");
    return {};
  }
  return tensor;
}

Tensor NodeReader::optionalInput(unsigned index) {
  return hasInput(index) ? input(index) : Tensor();
}

llvm::SmallVector<Tensor> NodeReader::inputs() {
  llvm::SmallVector<Tensor> all;
  for (unsigned index = 0; index < inputCount() && !failed(); ++index)
    all.push_back(input(index));
  if (failed())
    all.clear();
  return all;
}

llvm::SmallVector<int64_t> NodeReader::integersInput(unsigned index) {
  Tensor tensor = input(index);
  llvm::SmallVector<int64_t> values;
  if (failed())
    return values;
  DenseElementsAttr constant = importer.requireConstant(tensor);
  if (!constant) {
    failUnsupported("input " + quoted(node.inputs[index]) +
                    " is computed at run time, and must be known at compile "
                    "time; give the values it will have with --inputs");
    return values;
  }
  if (!isa<IntegerType>(constant.getElementType())) {
    fail("input " + quoted(node.inputs[index]) + " has no integer elements");
    return values;
  }
  if (constant.getNumElements() > 4096) {
    fail("input " + quoted(node.inputs[index]) + " has " +
         Twine(constant.getNumElements()) + " elements, expected a few");
    return values;
  }
  for (const llvm::APInt &value : constant.getValues<llvm::APInt>())
    values.push_back(value.getSExtValue());
  return values;
}

llvm::SmallVector<int64_t> NodeReader::integersOf(StringRef name,
                                                  unsigned index) {
  return hasInput(index) ? integersInput(index) : integers(name);
}

const StoredAttribute *NodeReader::resolve(StringRef name) {
  read.insert(name);
  auto find = [](ArrayRef<StoredAttribute> list, StringRef wanted) {
    const StoredAttribute *found = llvm::find_if(
        list, [&](const StoredAttribute &a) { return a.name == wanted; });
    return found == list.end() ? nullptr : found;
  };
  const StoredAttribute *found = find(node.attributes, name);
  if (!found || found->reference.empty())
    return found;
  const StoredAttribute *given = find(call.attributes, found->reference);
  return given ? given : find(call.defaults, found->reference);
}

bool NodeReader::hasAttribute(StringRef name) { return resolve(name); }

const StoredAttribute *NodeReader::attribute(StringRef name, int kind) {
  const StoredAttribute *found = resolve(name);
  if (found && found->kind != kind) {
    fail("attribute " + quoted(name) + " is of kind " + Twine(found->kind) +
         ", expected " + Twine(kind));
    return nullptr;
  }
  return found;
}

int64_t NodeReader::integer(StringRef name, int64_t otherwise) {
  const StoredAttribute *found = attribute(name, StoredAttribute::Int);
  return found ? found->integer : otherwise;
}

double NodeReader::number(StringRef name, double otherwise) {
  const StoredAttribute *found = attribute(name, StoredAttribute::Float);
  return found ? found->number : otherwise;
}

std::string NodeReader::text(StringRef name, StringRef otherwise) {
  const StoredAttribute *found = attribute(name, StoredAttribute::String);
  return found ? found->text : otherwise.str();
}

llvm::SmallVector<int64_t> NodeReader::integers(StringRef name) {
  const StoredAttribute *found = attribute(name, StoredAttribute::Ints);
  return found ? llvm::to_vector(found->integers)
               : llvm::SmallVector<int64_t>();
}

const Graph *NodeReader::graph(StringRef name) {
  const StoredAttribute *found = attribute(name, StoredAttribute::Graph);
  return found ? found->graph.get() : nullptr;
}

int64_t NodeReader::axis(int64_t axis, int64_t rank, bool last) {
  int64_t wrapped = axis < 0 ? axis + rank + (last ? 1 : 0) : axis;
  if (wrapped >= 0 && wrapped < rank + (last ? 1 : 0))
    return wrapped;
  fail("axis " + Twine(axis) + " of a tensor of " + Twine(rank) +
       " dimensions");
  return 0;
}

llvm::SmallVector<int64_t> NodeReader::axes(ArrayRef<int64_t> given,
                                            int64_t rank) {
  llvm::SmallVector<int64_t> result;
  for (int64_t value : given) {
    int64_t wrapped = axis(value, rank);
    if (!failed() && llvm::is_contained(result, wrapped))
      fail("axis " + Twine(value) + " is named twice");
    result.push_back(wrapped);
  }
  return result;
}

bool NodeReader::wantsOutput(unsigned index) const {
  return index < node.outputs.size() && !node.outputs[index].empty();
}

void NodeReader::set(unsigned index, const Tensor &tensor) {
  if (!wantsOutput(index) || failed())
    return;
  if (!tensor)
    return fail("output " + Twine(index) + " was not computed");
  if (!scope.values.try_emplace(node.outputs[index], tensor).second)
    fail("output " + quoted(node.outputs[index]) +
         " is computed a second time");
}

void NodeReader::checkAllRead() {
  if (failed())
    return;
  for (const StoredAttribute &attribute : node.attributes)
    if (!read.contains(attribute.name))
      failUnsupported("attribute " + quoted(attribute.name) +
                      " is none that this operator is known to have");
}
