// Feeds tokens to @body and @head and carries the states from call to call.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/reference/Model.h"

#include "compiler/reference/Regions.h"
#include "dialects/seq/Seq.h"
#include "passes/normalize/EntryPoints.h"

using namespace mlir;

namespace sennit::reference {

llvm::Error Model::readAttributes() {
  auto model =
      program->getModule()->getAttrOfType<DictionaryAttr>(seq::kModelAttrName);
  if (!model)
    return llvm::createStringError("the module has no `seq.model`");
  auto integer = [&](StringRef name) {
    auto found = model.getAs<IntegerAttr>(name);
    return found ? found.getInt() : 0;
  };
  vocabulary = integer("vocabulary");
  context = integer("context");
  if (auto found = model.getAs<BoolAttr>("byte_level"))
    byteLevel = found.getValue();
  if (auto found = model.getAs<DenseI64ArrayAttr>("end_of_text"))
    endOfText.assign(found.asArrayRef().begin(), found.asArrayRef().end());
  if (vocabulary <= 0 || context <= 0)
    return llvm::createStringError("`seq.model` has a vocabulary of " +
                                   Twine(vocabulary) + " and a context of " +
                                   Twine(context) + "; both must be positive");
  return llvm::Error::success();
}

/// Whether @body takes tokens, their count before, and states, and gives hidden
/// rows and the states.
static bool isBody(FunctionType body) {
  if (!body || body.getNumInputs() < 2 || !body.getInput(1).isIndex() ||
      body.getNumResults() + 1 != body.getNumInputs())
    return false;
  return llvm::all_of(body.getInputs().drop_front(2), [](Type type) {
    auto state = dyn_cast<RankedTensorType>(type);
    return state && state.hasStaticShape();
  });
}

/// Puts @sample behind @head, if that gives logits.
static void addSample(ModuleOp module) {
  auto head = module.lookupSymbol<func::FuncOp>("head");
  if (!head || head.getNumResults() != 1)
    return;
  auto logits = dyn_cast<RankedTensorType>(head.getResultTypes().front());
  if (!logits || logits.getRank() != 2 || logits.isDynamicDim(1))
    return;
  OpBuilder builder(head);
  normalize::buildSampleEntry(builder, head.getLoc(), logits.getDimSize(1));
}

llvm::Expected<std::unique_ptr<Model>>
Model::create(OwningOpRef<ModuleOp> module) {
  addSample(*module);
  auto program = Program::create(std::move(module));
  if (!program)
    return program.takeError();
  std::unique_ptr<Model> model(new Model(std::move(*program)));
  for (StringRef function : {"body", "head", "sample"})
    if (llvm::Error error = model->program->check(function))
      return error;
  FunctionType head = model->program->typeOf("head");
  if (!isBody(model->program->typeOf("body")) || !head ||
      head.getNumInputs() != 1)
    return llvm::createStringError(
        "the module is no language model: @body of tokens, past and states "
        "with static shapes, and @head of hidden rows are expected");
  if (llvm::Error error = model->readAttributes())
    return error;
  model->reset();
  return model;
}

void Model::reset() {
  position = 0;
  states.clear();
  for (Type type : program->typeOf("body").getInputs().drop_front(2)) {
    auto state = cast<RankedTensorType>(type);
    Cell zero = isa<FloatType>(state.getElementType()) ? Cell::of(0.0)
                                                       : Cell::of(int64_t(0));
    states.push_back(Tensor(state.getShape(), zero));
  }
}

llvm::Expected<std::vector<double>>
Model::feed(ArrayRef<int32_t> tokens, bool lastOnly, Progress progress) {
  int64_t count = tokens.size();
  if (count == 0 || position + count > context)
    return llvm::createStringError(
        Twine(count) + " tokens after " + Twine(position) +
        "; at least one is needed, and the context has " + Twine(context));
  Tensor numbers({count}, Cell::of(int64_t(0)));
  for (auto [cell, token] :
       llvm::zip_equal(llvm::MutableArrayRef(numbers.own(), count), tokens)) {
    if (token < 0 || token >= vocabulary)
      return llvm::createStringError("token " + Twine(token) +
                                     " is outside the vocabulary of " +
                                     Twine(vocabulary));
    cell = Cell::of(int64_t(token));
  }
  std::vector<Value> arguments = {std::move(numbers), Cell::of(position)};
  llvm::move(states, std::back_inserter(arguments));
  auto body = program->call("body", std::move(arguments), progress);
  if (!body) {
    reset();
    return body.takeError();
  }
  Tensor hidden = std::move(body->front().tensor);
  states.assign(std::make_move_iterator(body->begin() + 1),
                std::make_move_iterator(body->end()));
  position += count;
  if (lastOnly)
    hidden = readRegion(hidden, {{count - 1, 0}, {1, hidden.shape[1]}, {1, 1}});
  auto head = program->call("head", {std::move(hidden)}, progress);
  if (!head)
    return head.takeError();
  const Tensor &logits = head->front().tensor;
  std::vector<double> values;
  for (int64_t i = 0; i != logits.size(); ++i)
    values.push_back(logits.data()[i].number);
  return values;
}

llvm::Expected<int32_t> Model::sample(ArrayRef<double> logits,
                                      const Draw &draw) {
  int64_t count = logits.size();
  Tensor row({1, count}, Cell::of(0.0));
  for (auto [cell, logit] :
       llvm::zip_equal(llvm::MutableArrayRef(row.own(), count), logits))
    cell = Cell::of(logit);
  std::vector<Value> arguments = {std::move(row)};
  for (double number : {draw.uniform, draw.temperature})
    arguments.push_back(Tensor({1}, Cell::of(number)));
  arguments.push_back(Tensor({1}, Cell::of(draw.topK)));
  arguments.push_back(Tensor({1}, Cell::of(draw.topP)));
  auto token = program->call("sample", std::move(arguments));
  if (!token)
    return token.takeError();
  return static_cast<int32_t>(token->front().tensor.data()[0].integer);
}

} // namespace sennit::reference
