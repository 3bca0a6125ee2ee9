// Loops, branches and calls.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/reference/Assembler.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace sennit::reference {

/// Deeper recursion would exhaust the stack.
static constexpr unsigned kMostCalls = 64;

static void put(std::vector<Value> values, ArrayRef<unsigned> slots,
                Frame &frame) {
  for (auto [value, slot] : llvm::zip_equal(values, slots))
    frame.slots[slot] = std::move(value);
}

static std::vector<Value> take(ArrayRef<Operand> operands, Frame &frame) {
  std::vector<Value> values;
  for (const Operand &operand : operands)
    values.push_back(operand.take(frame));
  return values;
}

static llvm::Expected<Action> compileFor(Assembler &assembler, scf::ForOp op) {
  llvm::Expected<Code> body = assembler.compile(*op.getBody());
  if (!body)
    return body.takeError();
  return
      [op, body = std::move(*body), lower = assembler.slot(op.getLowerBound()),
       upper = assembler.slot(op.getUpperBound()),
       step = assembler.slot(op.getStep()),
       inits = assembler.operands(op.getInitArgsMutable()),
       results = assembler.slots(op.getResults())](
          Frame &frame) mutable -> llvm::Error {
        auto integer = [&](unsigned slot) {
          return frame.slots[slot].scalar.integer;
        };
        int64_t last = integer(upper), by = integer(step);
        if (by <= 0)
          return refuse(*op, "steps by " + Twine(by));
        std::vector<Value> carried = take(inits, frame);
        for (int64_t i = integer(lower); i < last; i += by) {
          frame.slots[body.arguments[0]].scalar = Cell::of(i);
          put(std::move(carried), ArrayRef(body.arguments).drop_front(), frame);
          if (llvm::Error error = body.run(frame))
            return error;
          carried = body.takeResults(frame);
        }
        put(std::move(carried), results, frame);
        return llvm::Error::success();
      };
}

static llvm::Expected<Action> compileIf(Assembler &assembler, scf::IfOp op) {
  Code branches[2];
  for (auto [branch, region] : llvm::zip(branches, op->getRegions())) {
    if (region.empty())
      continue;
    llvm::Expected<Code> code = assembler.compile(region.front());
    if (!code)
      return code.takeError();
    branch = std::move(*code);
  }
  return [then = std::move(branches[0]), otherwise = std::move(branches[1]),
          condition = assembler.slot(op.getCondition()),
          results =
              assembler.slots(op.getResults())](Frame &frame) -> llvm::Error {
    const Code &taken =
        frame.slots[condition].scalar.integer ? then : otherwise;
    if (llvm::Error error = taken.run(frame))
      return error;
    put(taken.takeResults(frame), results, frame);
    return llvm::Error::success();
  };
}

static llvm::Expected<Action> compileWhile(Assembler &assembler,
                                           scf::WhileOp op) {
  llvm::Expected<Code> before = assembler.compile(*op.getBeforeBody());
  if (!before)
    return before.takeError();
  llvm::Expected<Code> after = assembler.compile(*op.getAfterBody());
  if (!after)
    return after.takeError();
  return [before = std::move(*before), after = std::move(*after),
          inits = assembler.operands(op.getInitsMutable()),
          results =
              assembler.slots(op.getResults())](Frame &frame) -> llvm::Error {
    put(take(inits, frame), before.arguments, frame);
    while (true) {
      if (llvm::Error error = before.run(frame))
        return error;
      // scf.condition passes its truth first, then the values.
      std::vector<Value> passed = before.takeResults(frame);
      bool goesOn = passed.front().scalar.integer;
      passed.erase(passed.begin());
      put(std::move(passed), goesOn ? after.arguments : results, frame);
      if (!goesOn)
        return llvm::Error::success();
      if (llvm::Error error = after.run(frame))
        return error;
      put(after.takeResults(frame), before.arguments, frame);
    }
  };
}

llvm::Expected<std::vector<Value>> Library::call(StringRef name,
                                                 std::vector<Value> arguments,
                                                 unsigned depth,
                                                 Progress progress) {
  const Function &function = functions[name];
  if (!function.refusal.empty())
    return llvm::createStringError(function.refusal);
  if (depth == kMostCalls)
    return llvm::createStringError("`" + name + "` is called by " +
                                   Twine(kMostCalls) +
                                   " calls that wait for each other");
  Frame frame{std::vector<Value>(function.slots), {}, depth};
  put(std::move(arguments), function.code.arguments, frame);
  if (llvm::Error error = function.code.run(frame, progress))
    return std::move(error);
  return function.code.takeResults(frame);
}

static llvm::Expected<Action> compileCall(Assembler &assembler,
                                          func::CallOp op) {
  auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
      op, op.getCalleeAttr());
  if (!callee || callee.isExternal())
    return refuse(*op, "calls `" + op.getCallee() + "`, which has no body");
  return [&library = assembler.library, name = op.getCallee().str(),
          operands = assembler.operands(op.getArgOperandsMutable()),
          results =
              assembler.slots(op.getResults())](Frame &frame) -> llvm::Error {
    llvm::Expected<std::vector<Value>> values =
        library.call(name, take(operands, frame), frame.depth + 1);
    if (!values)
      return values.takeError();
    put(std::move(*values), results, frame);
    return llvm::Error::success();
  };
}

llvm::Expected<Action> compileControlOp(Assembler &assembler, Operation &op) {
  using Result = llvm::Expected<Action>;
  return llvm::TypeSwitch<Operation *, Result>(&op)
      .Case([&](scf::ForOp op) { return compileFor(assembler, op); })
      .Case([&](scf::IfOp op) { return compileIf(assembler, op); })
      .Case([&](scf::WhileOp op) { return compileWhile(assembler, op); })
      .Case([&](func::CallOp op) { return compileCall(assembler, op); })
      .Default([&](Operation *) -> Result {
        return refuse(op, "is not an op that the reference knows");
      });
}

} // namespace sennit::reference
