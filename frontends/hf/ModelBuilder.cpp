// Holds what every imported model shares: the module, its parameters, its
// states, its two functions.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/hf/ModelBuilder.h"
#include "dialects/seq/Seq.h"
#include "frontends/ImportError.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::hf;
using llvm::StringRef;
using llvm::Twine;

namespace {
std::string spell(ArrayRef<int64_t> shape) {
  std::string result = "[";
  for (auto [index, extent] : llvm::enumerate(shape))
    result += (index ? ", " : "") + std::to_string(extent);
  return result + "]";
}
} // namespace

ModelBuilder::ModelBuilder(Checkpoint &checkpoint, ModelFacts modelFacts,
                           std::optional<StoredQuantization> quantization,
                           MLIRContext &context)
    : checkpoint(checkpoint), facts(std::move(modelFacts)),
      quantization(quantization),
      module(ModuleOp::create(
          NameLoc::get(StringAttr::get(&context, facts.architecture)))),
      builder(module->getLoc(), module->getBodyRegion()) {
  Builder &b = builder;
  auto entry = [&](StringRef name, Attribute value) {
    return b.getNamedAttr(name, value);
  };
  NamedAttribute entries[] = {
      entry("architecture", b.getStringAttr(facts.architecture)),
      entry("vocabulary", b.getI64IntegerAttr(facts.vocabulary)),
      entry("context", b.getI64IntegerAttr(facts.context)),
      entry("chunk", b.getI64IntegerAttr(facts.chunk)),
      entry("byte_level", b.getBoolAttr(facts.byteLevel)),
      entry("end_of_text", b.getDenseI64ArrayAttr(facts.endOfText))};
  (*module)->setAttr("seq.model", b.getDictionaryAttr(entries));
}

void ModelBuilder::at(const Twine &name) {
  builder.setLoc(NameLoc::get(builder.getStringAttr(name)));
}

void ModelBuilder::failBroken(const Twine &reason) {
  if (message.empty())
    message = reason.str();
}

void ModelBuilder::failUnsupported(const Twine &reason) {
  unsupported |= message.empty();
  failBroken(reason);
}

RankedTensorType ModelBuilder::f32(ArrayRef<int64_t> shape) {
  return RankedTensorType::get(shape, builder.getF32Type());
}

//===-- Functions
//--------------------------------------------------------------------------------------===//

func::FuncOp ModelBuilder::beginFunction(StringRef name, TypeRange arguments) {
  builder.setInsertionPointToEnd(module->getBody());
  auto function = func::FuncOp::create(builder, name,
                                       builder.getFunctionType(arguments, {}));
  builder.setInsertionPointToStart(function.addEntryBlock());
  Value zero = arith::ConstantIndexOp::create(builder, 0);
  count = tensor::DimOp::create(builder, function.getArgument(0), zero);
  return function;
}

void ModelBuilder::finishFunction(func::FuncOp function, ValueRange results) {
  func::ReturnOp::create(builder, results);
  function.setType(builder.getFunctionType(function.front().getArgumentTypes(),
                                           results.getTypes()));
}

Value ModelBuilder::beginBody(StringRef table) {
  at(facts.architecture);
  Type tokens =
      RankedTensorType::get({ShapedType::kDynamic}, builder.getI32Type());
  body = beginFunction("body", {tokens, builder.getIndexType()});
  pastCount = body.getArgument(1);
  at(StringRef(table).rsplit('.').first);
  Value rows = weight(table, {facts.vocabulary, facts.width});
  return seq::EmbedOp::create(builder, f32({ShapedType::kDynamic, facts.width}),
                              body.getArgument(0), rows);
}

void ModelBuilder::finishBody(Value hidden) {
  at(facts.architecture);
  SmallVector<Value> results = {hidden};
  llvm::append_range(results, nextStates);
  finishFunction(body, results);
  for (auto [index, name] : llvm::enumerate(stateNames))
    body.setArgAttr(2 + index, "seq.state", builder.getStringAttr(name));
}

Value ModelBuilder::beginHead() {
  at(facts.architecture);
  head = beginFunction("head", {f32({ShapedType::kDynamic, facts.width})});
  pastCount = nullptr;
  return head.getArgument(0);
}

void ModelBuilder::finishHead(Value logits) {
  at(facts.architecture);
  finishFunction(head, logits);
}

Value ModelBuilder::state(const Twine &name, ArrayRef<int64_t> shape) {
  stateNames.push_back(name.str());
  nextStates.emplace_back();
  states.push_back(body.front().addArgument(f32(shape), builder.getLoc()));
  return states.back();
}

void ModelBuilder::setNext(Value state, Value next) {
  nextStates[llvm::find(states, state) - states.begin()] = next;
}

//===-- Parameters
//-------------------------------------------------------------------------------------===//

bool ModelBuilder::hasTensor(const Twine &name) const {
  return checkpoint.contains(name.str());
}

const Checkpoint::Tensor *ModelBuilder::find(StringRef tensor,
                                             ArrayRef<int64_t> storedShape) {
  const Checkpoint::Tensor *found = checkpoint.use(tensor, storedShape);
  if (!found)
    failBroken(checkpoint.source() + ": tensor " + quoted(tensor) +
               ": missing, expected with shape " + spell(storedShape));
  else if (ArrayRef<int64_t>(found->stored.shape) != storedShape)
    failBroken(found->file + ": tensor " + quoted(tensor) + ": has shape " +
               spell(found->stored.shape) + ", expected " + spell(storedShape));
  else
    return found;
  return nullptr;
}

FloatType ModelBuilder::elementType(const Checkpoint::Tensor &tensor) {
  StringRef name = tensor.stored.elementType;
  auto type = llvm::StringSwitch<FloatType>(name)
                  .Case("F32", builder.getF32Type())
                  .Case("BF16", builder.getBF16Type())
                  .Case("F16", builder.getF16Type())
                  .Default(nullptr);
  if (type)
    return type;
  std::string reason = tensor.file + ": tensor " + quoted(tensor.stored.name) +
                       ": has dtype " + name.str() +
                       ", supported are F32, BF16 and F16";
  // Narrow floats are a quantised model, which is sound; an integer matrix is
  // none.
  if (name.starts_with("F"))
    failUnsupported(reason);
  else
    failBroken(reason);
  return builder.getF32Type();
}

Value ModelBuilder::weightSlice(StringRef tensor, ArrayRef<int64_t> storedShape,
                                StringRef suffix, int64_t first,
                                ArrayRef<int64_t> shape, bool asStored) {
  if (!asStored && isQuantized(tensor))
    return quantizedSlice(tensor, storedShape, suffix, first, shape);
  std::string name =
      suffix.empty() ? tensor.str() : (tensor + "." + suffix).str();
  if (auto known = parameters.find(name); known != parameters.end())
    return seq::WeightOp::create(builder, known->second, name);
  const Checkpoint::Tensor *found = find(tensor, storedShape);
  FloatType element = found ? elementType(*found) : builder.getF32Type();
  RankedTensorType type = RankedTensorType::get(shape, element);
  int64_t offset =
      found ? found->stored.begin + first * (element.getWidth() / 8) : 0;
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(body);
    seq::ParameterOp::create(builder, name, type, found ? found->file : "",
                             offset);
  }
  parameters[name] = type;
  return seq::WeightOp::create(builder, type, name);
}

Value ModelBuilder::weight(const Twine &tensor, ArrayRef<int64_t> shape) {
  return weight(tensor, shape, shape);
}

Value ModelBuilder::weight(const Twine &tensor, ArrayRef<int64_t> shape,
                           ArrayRef<int64_t> storedShape) {
  return weightSlice(tensor.str(), storedShape, "", 0, shape);
}

SmallVector<Value>
ModelBuilder::weightBlocks(const Twine &tensor, ArrayRef<RowBlock> blocks,
                           ArrayRef<int64_t> rowShape,
                           ArrayRef<int64_t> storedRowShape) {
  SmallVector<int64_t> storedShape = {0};
  for (const RowBlock &block : blocks)
    storedShape[0] += block.rows;
  llvm::append_range(storedShape, storedRowShape);
  // Only a tensor that is there bounds the product of its extents.
  int64_t rowSize =
      isQuantized(tensor.str()) || expect(tensor.str(), storedShape)
          ? ShapedType::getNumElements(rowShape)
          : 0;
  SmallVector<Value> values;
  int64_t first = 0;
  for (const RowBlock &block : blocks) {
    SmallVector<int64_t> shape = {block.rows};
    llvm::append_range(shape, rowShape);
    values.push_back(weightSlice(tensor.str(), storedShape, block.suffix,
                                 first * rowSize, shape));
    first += block.rows;
  }
  return values;
}

llvm::Expected<OwningOpRef<ModuleOp>> ModelBuilder::takeModule() {
  checkQuantized();
  if (failed())
    return unsupported ? unsupportedInput(message) : brokenInput(message);
  if (llvm::Error error = checkpoint.checkAllUsed())
    return error;
  if (mlir::failed(verify(*module)))
    return brokenInput(checkpoint.source() +
                       ": the imported module does not verify; the "
                       "configuration contradicts itself");
  return std::move(module);
}
