// Compiles a function of seq ops to tile programs and runs it as a runtime
// would.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/lib/TiledProgram.h"

#include "compiler/Register.h"
#include "compiler/Stages.h"
#include "compiler/Target.h"
#include "compiler/targets/cpu/Cpu.h"
#include "dialects/rt/Rt.h"
#include "dialects/seq/Seq.h"
#include "test/lib/GuardedMemory.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <cstring>
#include <sys/syscall.h>
#include <unistd.h>

using namespace mlir;
using namespace sennit::test;

std::vector<std::string> sennit::test::findVectorLevels() {
  std::vector<std::string> levels = sennit::cpu::getHostLevels();
  llvm::erase_if(levels, [](llvm::StringRef level) {
    auto machine = llvm::cantFail(sennit::cpu::getMachine(level));
    return machine.unit != sennit::cpu::MatrixUnit::none;
  });
  return levels;
}

//===----------------------------------------------------------------------===//
// Compilation
//===----------------------------------------------------------------------===//

static const DialectRegistry &getRegistry() {
  static DialectRegistry registry = [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    // The kernel wants to be asked before a process uses AMX.
    constexpr long askForPermission = 0x1023, tileData = 18;
    (void)syscall(SYS_arch_prctl, askForPermission, tileData);
    sennit::registerPasses();
    DialectRegistry all;
    sennit::registerDialects(all);
    return all;
  }();
  return registry;
}

llvm::Error TiledProgram::schedule(int64_t mostRows) {
  host = module->lookupSymbol<func::FuncOp>("run");
  host->setAttr("seq.max_tokens",
                Builder(&context).getI64IntegerAttr(mostRows));
  PassManager generalize(&context);
  // Segments are a form of their own, not what this machine's cores ask for.
  if (!(*module)->hasAttr(sennit::seq::kScanSegmentsAttrName))
    (*module)->setAttr(sennit::seq::kScanSegmentsAttrName,
                       Builder(&context).getI64IntegerAttr(1));
  if (failed(parsePassPipeline("sennit-inline-skips,sennit-generalize-ops,"
                               "sennit-raise-attention,"
                               "sennit-merge-reductions{cache-bytes=0},"
                               "sennit-split-scans,sennit-verify-normalized",
                               generalize)) ||
      failed(generalize.run(*module)))
    return llvm::createStringError("the function is in no normal form");
  for (StringRef name : {"fuse", "schedule"}) {
    PassManager manager(&context);
    if (failed(sennit::addStage(*sennit::findStage(name), manager)) ||
        failed(manager.run(*module)))
      return llvm::createStringError("stage `" + name + "` stopped");
  }
  return llvm::Error::success();
}

llvm::Error TiledProgram::build(StringRef text, int64_t mostRows,
                                StringRef spelling, int64_t asyncRows) {
  context.loadAllAvailableDialects();
  module = parseSourceString<ModuleOp>(text, &context);
  auto target = sennit::resolveTarget(spelling, context);
  if (!module || !target)
    return llvm::joinErrors(llvm::createStringError("no program"),
                            target.takeError());
  sennit::machine::CoreAttr core = target->second.core;
  (*module)->setAttr("machine.target",
                     sennit::machine::CoreAttr::get(
                         &context, core.getName(), core.getIsa(),
                         core.getVectorBits(), core.getVectorRegisters(),
                         core.getL1Bytes(), core.getL2Bytes(),
                         core.getThreads(), asyncRows, core.getDescription()));
  if (llvm::Error error = schedule(mostRows))
    return error;
  auto created = llvm::orc::LLJITBuilder().create();
  if (!created)
    return created.takeError();
  jit = std::move(*created);
  for (auto kernel : module->getOps<func::FuncOp>()) {
    if (!kernel.isPrivate())
      continue;
    OwningOpRef<ModuleOp> own = ModuleOp::create(kernel.getLoc());
    own->push_back(kernel->clone());
    cast<func::FuncOp>(own->getBody()->front()).setPublic();
    auto object = target->first->emitKernel(*own, target->second);
    if (!object)
      return object.takeError();
    StringRef name = kernel.getName();
    if (llvm::Error error =
            jit->addObjectFile(llvm::MemoryBuffer::getMemBufferCopy(
                StringRef(object->files[0].bytes.data(),
                          object->files[0].bytes.size()),
                name)))
      return error;
    auto run = jit->lookup(name), items = jit->lookup((name + ".items").str());
    if (!run || !items)
      return llvm::joinErrors(run.takeError(), items.takeError());
    kernels[name] = {run->toPtr<sennit_kernel_fn>(),
                     items->toPtr<int64_t (*)(const int64_t *)>(),
                     object->scratch};
  }
  return llvm::Error::success();
}

llvm::Expected<std::unique_ptr<TiledProgram>>
TiledProgram::compile(StringRef text, int64_t mostRows, StringRef target,
                      int64_t asyncRows) {
  std::unique_ptr<TiledProgram> program(new TiledProgram(getRegistry()));
  std::string diagnostics;
  ScopedDiagnosticHandler handler(
      &program->context, [&](Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
          llvm::raw_string_ostream(diagnostics) << diagnostic << "\n";
        return success();
      });
  if (llvm::Error error = program->build(text, mostRows, target, asyncRows))
    return llvm::joinErrors(
        std::move(error), llvm::createStringError(diagnostics + "in\n" + text));
  return program;
}

//===----------------------------------------------------------------------===//
// The host function
//===----------------------------------------------------------------------===//

static Element elementOf(Type type) {
  switch (type.isInteger() ? type.getIntOrFloatBitWidth() : 0) {
  case 1:
    return Element::I1;
  case 8:
    return Element::I8;
  case 32:
    return Element::I32;
  case 64:
    return Element::I64;
  }
  if (type.isBF16())
    return Element::BF16;
  if (type.isF64())
    return Element::F64;
  return type.isF16() ? Element::F16 : Element::F32;
}

namespace sennit::test {
/// One call of @run: the values of its ops, in order.
class HostCall {
public:
  explicit HostCall(TiledProgram &program) : program(program) {}
  llvm::Expected<std::vector<Tensor>> run(const std::vector<Tensor> &arguments);

private:
  /// A tensor as kernels see it. Views share memory.
  struct Place {
    std::shared_ptr<GuardedMemory> memory;
    llvm::SmallVector<int64_t> shape;
  };

  Place allocate(RankedTensorType type, llvm::ArrayRef<int64_t> shape);
  llvm::Error evaluate(Operation &op);
  void dispatch(rt::DispatchOp op);
  void launch(const TiledProgram::Kernel &kernel,
              llvm::ArrayRef<int64_t> slots);
  llvm::Error computeIndex(Operation &op);
  llvm::Error hold(arith::ConstantOp constant);
  Tensor read(Value value);

  TiledProgram &program;
  DenseMap<Value, Place> places;
  DenseMap<Value, int64_t> scalars;
  Random random{1};
};
} // namespace sennit::test

static int64_t countElements(llvm::ArrayRef<int64_t> shape) {
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  return count;
}

static size_t getBytes(Type element) {
  return llvm::divideCeil(element.getIntOrFloatBitWidth(), CHAR_BIT);
}

/// Every float type has a NaN of all ones; no index into memory is -1.
static void poison(char *data, size_t bytes) { std::memset(data, 0xff, bytes); }

HostCall::Place HostCall::allocate(RankedTensorType type,
                                   llvm::ArrayRef<int64_t> shape) {
  size_t bytes = countElements(shape) * getBytes(type.getElementType());
  auto memory = std::make_shared<GuardedMemory>(bytes);
  poison(memory->data(), bytes);
  return {memory, llvm::SmallVector<int64_t>(shape)};
}

void HostCall::launch(const TiledProgram::Kernel &kernel,
                      llvm::ArrayRef<int64_t> slots) {
  int64_t count = kernel.items(slots.data());
  std::vector<int64_t> cuts = {0, count};
  for (int64_t i = random.below(4); i > 0; --i)
    cuts.push_back(random.below(count + 1));
  llvm::sort(cuts);
  std::vector<std::pair<int64_t, int64_t>> ranges;
  for (size_t i = 1; i != cuts.size(); ++i)
    ranges.insert(ranges.begin() + random.below(i), {cuts[i - 1], cuts[i]});
  size_t bytes = llvm::alignTo(kernel.scratchBytes, 64);
  GuardedMemory scratch(bytes);
  for (auto [begin, end] : ranges) {
    poison(scratch.data(), bytes);
    kernel.run(slots.data(), begin, end, scratch.data());
  }
}

void HostCall::dispatch(rt::DispatchOp op) {
  llvm::SmallVector<int64_t> slots;
  auto pass = [&](const Place &place) {
    slots.push_back(reinterpret_cast<int64_t>(place.memory->data()));
  };
  for (Value input : op.getInputs())
    pass(places.at(input));
  auto extent = op.getExtents().begin();
  for (auto [output, tie] : llvm::zip_equal(op.getOutputs(), op.getTies())) {
    auto type = cast<RankedTensorType>(output.getType());
    llvm::SmallVector<int64_t> shape(type.getShape());
    for (int64_t &dim : shape)
      if (ShapedType::isDynamic(dim))
        dim = scalars.at(*extent++);
    Place place =
        tie < 0 ? allocate(type, shape) : places.at(op.getInputs()[tie]);
    if (tie < 0)
      pass(place);
    places[output] = place;
  }
  for (Value scalar : op.getScalars())
    slots.push_back(scalars.at(scalar));
  launch(program.kernels.at(op.getKernel()), slots);
}

llvm::Error HostCall::computeIndex(Operation &op) {
  Builder builder(op.getContext());
  llvm::SmallVector<Attribute> operands;
  for (Value operand : op.getOperands())
    operands.push_back(builder.getIndexAttr(scalars.at(operand)));
  llvm::SmallVector<OpFoldResult> results;
  if (failed(op.fold(operands, results)) || results.empty())
    return llvm::createStringError("the host holds `" +
                                   op.getName().getStringRef() +
                                   "`, which this test does not interpret");
  // A fold to an operand, such as x + 0, names the operand.
  auto value = dyn_cast<Value>(results.front());
  scalars[op.getResult(0)] =
      value ? scalars.at(value)
            : cast<IntegerAttr>(cast<Attribute>(results.front())).getInt();
  return llvm::Error::success();
}

// The artifact carries tables; here they are written down for each call.
llvm::Error HostCall::hold(arith::ConstantOp constant) {
  auto elements = cast<DenseElementsAttr>(constant.getValue());
  auto type = cast<RankedTensorType>(constant.getType());
  Tensor tensor(elementOf(type.getElementType()), type.getShape().vec());
  for (auto [value, element] :
       llvm::zip_equal(tensor.values, elements.getValues<Attribute>())) {
    auto number = dyn_cast<FloatAttr>(element);
    value = number
                ? number.getValueAsDouble()
                : double(cast<IntegerAttr>(element).getValue().getSExtValue());
  }
  std::vector<std::byte> bytes = tensor.pack();
  places[constant] = allocate(type, tensor.shape);
  std::memcpy(places[constant].memory->data(), bytes.data(), bytes.size());
  return llvm::Error::success();
}

llvm::Error HostCall::evaluate(Operation &op) {
  if (auto dispatched = dyn_cast<rt::DispatchOp>(op)) {
    dispatch(dispatched);
    return llvm::Error::success();
  }
  if (auto dim = dyn_cast<tensor::DimOp>(op)) {
    scalars[dim] = places.at(dim.getSource()).shape[*dim.getConstantIndex()];
    return llvm::Error::success();
  }
  if (auto read = dyn_cast<tensor::ExtractOp>(op)) {
    int32_t number;
    int64_t at = scalars.at(read.getIndices().front());
    std::memcpy(&number,
                places.at(read.getTensor()).memory->data() +
                    at * sizeof(number),
                sizeof(number));
    scalars[read] = number;
    return llvm::Error::success();
  }
  if (auto constant = dyn_cast<arith::ConstantOp>(op);
      constant && isa<RankedTensorType>(constant.getType()))
    return hold(constant);
  if (!isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
    return computeIndex(op);
  Place view = places.at(op.getOperand(0));
  int64_t count = countElements(view.shape), known = 1;
  view.shape.assign(
      cast<RankedTensorType>(op.getResult(0).getType()).getShape());
  for (int64_t extent : view.shape)
    known *= ShapedType::isDynamic(extent) ? 1 : extent;
  for (int64_t &extent : view.shape)
    if (ShapedType::isDynamic(extent))
      extent = count / known;
  places[op.getResult(0)] = view;
  return llvm::Error::success();
}

Tensor HostCall::read(Value value) {
  const Place &place = places.at(value);
  auto type = cast<RankedTensorType>(value.getType());
  Tensor tensor(elementOf(type.getElementType()),
                std::vector<int64_t>(place.shape.begin(), place.shape.end()));
  std::vector<std::byte> bytes(tensor.values.size() *
                               getBytes(type.getElementType()));
  std::memcpy(bytes.data(), place.memory->data(), bytes.size());
  tensor.unpack(bytes);
  return tensor;
}

llvm::Expected<std::vector<Tensor>>
HostCall::run(const std::vector<Tensor> &arguments) {
  func::FuncOp host = program.host;
  for (auto [argument, tensor] :
       llvm::zip_equal(host.getArguments(), arguments)) {
    if (tensor.element == Element::Index) {
      scalars[argument] = static_cast<int64_t>(tensor.values[0]);
      continue;
    }
    std::vector<std::byte> bytes = tensor.pack();
    places[argument] =
        allocate(cast<RankedTensorType>(argument.getType()), tensor.shape);
    std::memcpy(places[argument].memory->data(), bytes.data(), bytes.size());
  }
  for (Operation &op : host.getBody().front().without_terminator())
    if (llvm::Error error = evaluate(op))
      return error;
  std::vector<Tensor> results;
  for (Value result : host.getBody().front().getTerminator()->getOperands())
    results.push_back(read(result));
  return results;
}

llvm::Expected<std::vector<Tensor>>
TiledProgram::call(const std::vector<Tensor> &arguments) {
  return HostCall(*this).run(arguments);
}
