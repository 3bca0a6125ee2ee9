// Walks the nodes of graphs, with their values by name.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/onnx/Importer.h"
#include "dialects/seq/Seq.h"
#include "frontends/onnx/Operators.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::onnx;
using llvm::StringRef;

/// Unrolled loops and called functions count each time.
static constexpr unsigned maxNodes = 100000;
/// Calls and graphs inside each other.
static constexpr unsigned maxDepth = 64;
/// Initializers up to this size may take part in shapes.
static constexpr int64_t maxConstant = 1024;

const Tensor *Scope::find(StringRef name) const {
  for (const Scope *scope = this; scope; scope = scope->outer)
    if (auto found = scope->values.find(name); found != scope->values.end())
      return &found->second;
  return nullptr;
}

Importer::Importer(const Model &model, const ImportOptions &options,
                   MLIRContext &context)
    : model(model), options(options),
      module(ModuleOp::create(UnknownLoc::get(&context))),
      builder(module->getLoc(), module->getBodyRegion()), ops(builder) {
  // Names that functions of the module have.
  parameters.insert("main");
  parameters.insert("initialize");
}

void Importer::fail(const Twine &reason) {
  if (message.empty())
    message = place + reason.str();
}

void Importer::failUnsupported(const Twine &reason) {
  unsupported |= message.empty();
  fail(reason);
}

Type Importer::elementType(ElementType type) {
  switch (type) {
  case ElementType::F64:
    return builder.getF64Type();
  case ElementType::F32:
    return builder.getF32Type();
  case ElementType::F16:
    return builder.getF16Type();
  case ElementType::BF16:
    return builder.getBF16Type();
  case ElementType::I64:
    return builder.getI64Type();
  case ElementType::I32:
    return builder.getI32Type();
  case ElementType::I16:
    return builder.getI16Type();
  case ElementType::I8:
    return builder.getI8Type();
  case ElementType::Bool:
    return builder.getI1Type();
  default:
    failUnsupported("elements of " + spell(type));
    return builder.getF32Type();
  }
}

//===-- Constants
//-----------------------------------------------------------------===//

static DenseElementsAttr readElements(const StoredTensor &stored,
                                      RankedTensorType type) {
  if (type.getNumElements() == 0)
    return DenseElementsAttr::get(type, ArrayRef<Attribute>());
  if (!type.getElementType().isInteger(1))
    return DenseElementsAttr::getFromRawBuffer(
        type, ArrayRef<char>(stored.data.data(), stored.data.size()));
  // In memory a bool is not what it is in a file.
  SmallVector<bool> values;
  for (char byte : stored.data)
    values.push_back(byte != 0);
  return DenseElementsAttr::get(type, values);
}

Tensor Importer::initializer(const StoredTensor &stored) {
  Type element = elementType(stored.type);
  RankedTensorType type = ops.type(stored.shape, element);
  if (failed())
    return {};
  bool isWeight = element.isF32() || element.isF16() || element.isBF16();
  if (stored.elements() <= maxConstant || stored.file.empty() || !isWeight)
    return ops.constant(readElements(stored, type));
  // A loop's body is imported once a turn.
  Tensor &known = weights[&stored];
  if (known)
    return known;
  // Names of two graphs may be the same.
  std::string name = stored.name;
  while (!parameters.insert(name).second)
    name += "'";
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(function);
  seq::ParameterOp::create(builder, name, type, stored.file,
                           int64_t(stored.offset));
  builder.setInsertionPointToStart(&function.getBody().front());
  return known = ops.of(seq::WeightOp::create(builder, type, name));
}

DenseElementsAttr Importer::requireConstant(const Tensor &tensor) {
  if (tensor.constant || failed())
    return tensor.constant;
  auto example = examples.find(tensor.value);
  if (example == examples.end())
    return nullptr;
  const std::string &name = example->second->name;
  if (!llvm::is_contained(specialised, name))
    specialised.push_back(name);
  return readElements(*example->second, tensor.type);
}

//===-- Graphs
//--------------------------------------------------------------------===//

void Importer::importNodes(ArrayRef<Node> nodes, Scope &scope,
                           const Call &call) {
  std::string before = place;
  for (auto [index, node] : llvm::enumerate(nodes)) {
    if (failed())
      return;
    place = before + "node " + std::to_string(index) + " (" +
            quoted(node.operation) + "): ";
    builder.setLoc(NameLoc::get(
        builder.getStringAttr(node.name.empty() ? node.operation : node.name)));
    importNode(node, scope, call);
    if (ops.failed())
      fail(ops.why());
  }
  if (!failed())
    place = before;
}

void Importer::importNode(const Node &node, Scope &scope, const Call &call) {
  if (++nodeCount > maxNodes)
    return failUnsupported("more than " + Twine(maxNodes) +
                           " nodes, counting each turn of a loop");
  for (const Function &candidate : model.functions)
    if (candidate.name == node.operation && candidate.domain == node.domain)
      return importFunction(candidate, node, scope, call);
  int64_t version = findVersion(call.operatorSets, node.domain);
  if (version == 0)
    return fail("the model imports no operator set of domain " +
                quoted(node.domain));
  const Operator *found = findOperator(node.domain, node.operation);
  if (!found)
    return failUnsupported("operator " + quoted(node.operation) +
                           " of domain " + quoted(node.domain) +
                           " is not known");
  NodeReader reader(*this, node, scope, call, version);
  found->import(reader);
  reader.checkAllRead();
}

void Importer::importFunction(const Function &function, const Node &node,
                              Scope &scope, const Call &call) {
  if (depth == maxDepth)
    return fail("functions that call each other more than " + Twine(maxDepth) +
                " deep");
  ++depth;
  Scope inner;
  for (auto [index, name] : llvm::enumerate(function.inputs)) {
    if (index >= node.inputs.size() || node.inputs[index].empty())
      continue;
    const Tensor *value = scope.find(node.inputs[index]);
    if (!value)
      return fail("input " + quoted(node.inputs[index]) +
                  " is no value of the graph");
    inner.values[name] = *value;
  }
  // Attributes that the call takes from its own call are not handed on.
  for (const StoredAttribute &attribute : node.attributes)
    if (!attribute.reference.empty())
      return failUnsupported("attribute " + quoted(attribute.name) +
                             " is handed through two functions");
  importNodes(function.nodes, inner,
              {function.operatorSets, node.attributes, function.defaults});
  for (auto [index, name] : llvm::enumerate(function.outputs)) {
    if (failed() || index >= node.outputs.size() || node.outputs[index].empty())
      continue;
    const Tensor *value = inner.find(name);
    if (!value)
      return fail("function " + quoted(function.name) +
                  " does not compute its output " + quoted(name));
    scope.values[node.outputs[index]] = *value;
  }
  --depth;
}

llvm::SmallVector<Tensor> Importer::importSubgraph(const Graph &graph,
                                                   ArrayRef<Tensor> inputs,
                                                   const Scope &outer,
                                                   const Call &call) {
  llvm::SmallVector<Tensor> outputs;
  if (depth == maxDepth)
    fail("graphs inside each other more than " + Twine(maxDepth) + " deep");
  else if (graph.inputs.size() != inputs.size())
    fail("a graph of " + Twine(graph.inputs.size()) + " inputs is given " +
         Twine(inputs.size()));
  if (failed())
    return outputs;
  ++depth;
  Scope inner;
  inner.outer = &outer;
  for (const StoredTensor &stored : graph.initializers)
    inner.values[stored.name] = initializer(stored);
  for (auto [info, value] : llvm::zip_equal(graph.inputs, inputs))
    inner.values[info.name] = value;
  importNodes(graph.nodes, inner, call);
  for (const ValueInfo &info : graph.outputs) {
    const Tensor *value = failed() ? nullptr : inner.find(info.name);
    if (!value)
      fail("output " + quoted(info.name) + " of a graph is not computed");
    else
      outputs.push_back(*value);
  }
  --depth;
  if (failed())
    outputs.clear();
  return outputs;
}

Tensor Importer::argumentFor(const ValueInfo &input,
                             const StoredTensor *example) {
  if (!input.isTensor) {
    failUnsupported("input " + quoted(input.name) + " is no tensor");
    return {};
  }
  if (example && example->type != input.type)
    fail("input " + quoted(input.name) + " is " + spell(input.type) +
         ", its value is " + spell(example->type));
  Shape shape;
  if (example)
    shape.assign(example->shape.begin(), example->shape.end());
  else if (input.shape)
    shape.assign(input.shape->begin(), input.shape->end());
  if ((!input.shape && !example) || llvm::is_contained(shape, -1))
    failUnsupported("input " + quoted(input.name) +
                    " has extents that are not known at compile time; give an "
                    "input with --inputs");
  bool agrees = !input.shape || input.shape->size() == shape.size();
  for (size_t dim = 0; agrees && input.shape && dim < shape.size(); ++dim)
    agrees = (*input.shape)[dim] == -1 || (*input.shape)[dim] == shape[dim];
  if (!agrees)
    fail("input " + quoted(input.name) + " has shape " + spell(*input.shape) +
         ", its value has " + spell(shape));
  RankedTensorType type = ops.type(shape, elementType(input.type));
  if (failed())
    return {};
  Block &body = function.getBody().front();
  Value argument = body.addArgument(type, builder.getLoc());
  if (example)
    examples[argument] = example;
  return ops.of(argument);
}

void Importer::importGraph(const Graph &graph) {
  function =
      func::FuncOp::create(builder, "main", builder.getFunctionType({}, {}));
  builder.setInsertionPointToStart(function.addEntryBlock());
  Scope scope;
  for (const StoredTensor &stored : graph.initializers)
    scope.values[stored.name] = initializer(stored);
  SmallVector<StringRef> names;
  for (const ValueInfo &input : graph.inputs) {
    // Before version 4 of the format initializers stood among the inputs too.
    if (scope.values.contains(input.name))
      continue;
    const StoredTensor *example = names.size() < options.inputs.size()
                                      ? &options.inputs[names.size()]
                                      : nullptr;
    scope.values[input.name] = argumentFor(input, example);
    names.push_back(input.name);
    if (failed())
      return;
  }
  if (options.inputs.size() > names.size())
    return fail("the graph has " + Twine(names.size()) + " inputs, " +
                Twine(options.inputs.size()) + " are given");
  importNodes(graph.nodes, scope, {model.operatorSets, {}, {}});
  if (!failed())
    finish(graph, scope);
  if (failed())
    return;
  for (auto [index, name] : llvm::enumerate(names))
    function.setArgAttr(index, "seq.name", builder.getStringAttr(name));
  for (auto [index, output] : llvm::enumerate(graph.outputs))
    function.setResultAttr(index, "seq.name",
                           builder.getStringAttr(output.name));
}

void Importer::checkOutput(const ValueInfo &output, const Tensor &tensor) {
  if (!output.isTensor)
    return;
  if (output.type != ElementType::Undefined &&
      elementType(output.type) != tensor.element())
    return fail("output " + quoted(output.name) + " is declared as " +
                spell(output.type) + " and computed otherwise");
  if (!output.shape)
    return;
  bool agrees = int64_t(output.shape->size()) == tensor.rank();
  for (int64_t dim = 0; agrees && dim < tensor.rank(); ++dim)
    agrees = (*output.shape)[dim] == -1 ||
             (*output.shape)[dim] == tensor.extent(dim);
  if (!agrees)
    fail("output " + quoted(output.name) + " is declared with shape " +
         spell(*output.shape) + " and computed with " + spell(tensor.shape()));
}

void Importer::finish(const Graph &graph, const Scope &scope) {
  SmallVector<Value> results;
  for (const ValueInfo &output : graph.outputs) {
    const Tensor *tensor = scope.find(output.name);
    if (!tensor)
      return fail("output " + quoted(output.name) + " is not computed");
    checkOutput(output, *tensor);
    if (failed())
      return;
    // A tensor without elements needs none of their computation.
    bool isEmpty = tensor->type.getNumElements() == 0;
    results.push_back(isEmpty ? tensor::EmptyOp::create(
                                    builder, tensor->shape(), tensor->element())
                                    .getResult()
                              : ops.value(*tensor));
  }
  func::ReturnOp::create(builder, results);
  function.setType(builder.getFunctionType(
      function.front().getArgumentTypes(),
      llvm::map_to_vector(results, [](Value v) { return v.getType(); })));
}

llvm::Expected<Imported> Importer::run() {
  std::string prefix = model.file + ": ";
  importGraph(model.graph);
  if (ops.failed())
    fail(ops.why());
  if (!message.empty())
    return unsupported ? unsupportedInput(prefix + message)
                       : brokenInput(prefix + message);
  if (mlir::failed(verify(*module)))
    return brokenInput(prefix + "the imported module does not verify; the "
                                "model contradicts itself");
  return Imported{std::move(module), std::move(specialised)};
}

llvm::Expected<Imported> sennit::onnx::importOnnx(StringRef file,
                                                  const ImportOptions &options,
                                                  MLIRContext &context) {
  llvm::Expected<Model> model = readModel(file);
  if (!model)
    return model.takeError();
  context.loadDialect<seq::SeqDialect, arith::ArithDialect, func::FuncDialect,
                      linalg::LinalgDialect, math::MathDialect,
                      tensor::TensorDialect>();
  return Importer(*model, options, context).run();
}

void sennit::onnx::registerImportDialects(DialectRegistry &registry) {
  registry.insert<seq::SeqDialect, arith::ArithDialect, func::FuncDialect,
                  linalg::LinalgDialect, math::MathDialect,
                  tensor::TensorDialect>();
}
