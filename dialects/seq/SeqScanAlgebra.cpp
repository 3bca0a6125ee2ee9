// Follows the states through a scan's region and tells in what form they leave.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "dialects/seq/SeqScanAlgebra.h"
#include "dialects/seq/SeqForms.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace sennit::seq;

using Form = StateForm;
using Forms = DenseMap<Value, Form>;

/// Values from outside the region, and inputs, are constants.
static Form lookupIn(const Forms &forms, Value value) {
  auto found = forms.find(value);
  if (found != forms.end())
    return found->second;
  bool isZero =
      matchPattern(value, m_AnyZeroFloat()) || matchPattern(value, m_Zero());
  return {isZero ? Form::Zero : Form::Constant};
}

namespace {
class Analysis {
public:
  explicit Analysis(ScanOp scan) : algebra(scan.getAlgebra()) {
    for (Value argument : scan.getStateArguments())
      forms[argument] = {Form::Term};
    for (Operation &op : scan.getBody().front().without_terminator())
      visit(&op);
  }

  Forms take() { return std::move(forms); }

private:
  Form lookup(Value value) { return lookupIn(forms, value); }

  Form other(Operation *op) {
    Value self = op->getNumResults() == 0 ? Value() : op->getResult(0);
    return {Form::Other, self, op};
  }

  /// The form of a value that is one or the other.
  Form join(Form a, Form b, Operation *op) {
    if (a.kind == Form::Zero || a == b)
      return b;
    if (b.kind == Form::Zero)
      return a;
    // A constant is a term without its state, unless something was taken off.
    auto isTerm = [](const Form &form) {
      return form.kind == Form::Constant ||
             (form.kind == Form::Term && !form.offset);
    };
    return isTerm(a) && isTerm(b) ? Form{Form::Term} : lost(op, {a, b});
  }

  bool isConstantOp(Operation *op) {
    bool all = true;
    op->walk([&](Operation *inner) {
      for (Value operand : inner->getOperands())
        all &= lookup(operand).isConstant();
    });
    return all;
  }

  void visit(Operation *op) {
    if (auto fill = dyn_cast<linalg::FillOp>(op)) {
      forms[fill.getResult(0)] = lookup(fill.getInputs().front());
      return;
    }
    if (auto structured = dyn_cast<linalg::LinalgOp>(op))
      return visitStructured(structured);
    Form form = op->getNumRegions() == 0 && op->getNumResults() == 1
                    ? evaluate(op)
                : isConstantOp(op) ? Form()
                                   : other(op);
    for (Value result : op->getResults()) {
      forms[result] = form;
      if (form.kind == Form::Other)
        forms[result].offset = result;
    }
  }

  /// Reductions carry their result through the body again and again: the form
  /// of the accumulator rises until it stands.
  void visitStructured(linalg::LinalgOp op) {
    for (OpOperand *input : op.getDpsInputOperands())
      forms[op.getMatchingBlockArgument(input)] = lookup(input->get());
    Operation *yield = op.getBlock()->getTerminator();
    for (OpOperand &init : op.getDpsInitsMutable())
      forms[op.getMatchingBlockArgument(&init)] = lookup(init.get());
    for (bool changed = true; changed;) {
      changed = false;
      for (Operation &inner : op.getBlock()->without_terminator())
        visit(&inner);
      if (op.getNumReductionLoops() == 0)
        break;
      for (auto [init, value] :
           llvm::zip_equal(op.getRegionOutputArgs(), yield->getOperands())) {
        Form next = join(lookup(init), lookup(value), op);
        changed |= !(next == lookup(init)) && lookup(init).kind != Form::Other;
        forms[init] = next;
      }
    }
    for (auto [result, value] :
         llvm::zip_equal(op->getResults(), yield->getOperands())) {
      Form form = lookup(value);
      if (form.kind == Form::Other)
        form.offset = result;
      forms[result] = form.kind == Form::Zero ? Form() : form;
    }
  }

  Form evaluate(Operation *op) {
    if (isConstantOp(op))
      return isa<arith::ConstantOp>(op) ? lookup(op->getResult(0)) : Form();
    if (isa<tensor::CastOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp,
            tensor::ExtractSliceOp, tensor::ExtractOp, arith::ExtFOp,
            arith::TruncFOp>(op)) {
      bool isPlaceConstant =
          llvm::all_of(op->getOperands().drop_front(), [&](Value operand) {
            return lookup(operand).isConstant();
          });
      return isPlaceConstant ? lookup(op->getOperand(0)) : other(op);
    }
    if (isa<tensor::InsertOp, tensor::InsertSliceOp>(op))
      return join(lookup(op->getOperand(0)), lookup(op->getOperand(1)), op);
    if (isa<arith::SelectOp>(op))
      return lookup(op->getOperand(0)).isConstant()
                 ? join(lookup(op->getOperand(1)), lookup(op->getOperand(2)),
                        op)
                 : other(op);
    switch (algebra) {
    case ScanAlgebra::Affine:
      return evaluateAffine(op);
    case ScanAlgebra::MaxPlus:
      return evaluateMaxPlus(op);
    default:
      return evaluateLogSumExp(op);
    }
  }

  /// A product of which one factor at most depends on the states.
  Form multiply(Operation *op) {
    Form a = lookup(op->getOperand(0)), b = lookup(op->getOperand(1));
    if (b.isConstant())
      return a;
    return a.isConstant() ? b : lost(op, {a, b});
  }

  /// The form that was lost before, or else here.
  Form lost(Operation *op, ArrayRef<Form> operands) {
    Form form = other(op);
    for (const Form &operand : operands)
      if (operand.kind == Form::Other)
        form.lostAt = operand.lostAt;
    return form;
  }

  Form evaluateAffine(Operation *op) {
    if (isa<arith::AddFOp, arith::SubFOp, arith::AddIOp, arith::SubIOp>(op))
      return join(lookup(op->getOperand(0)), lookup(op->getOperand(1)), op);
    if (isa<arith::MulFOp, arith::MulIOp>(op))
      return multiply(op);
    if (isa<arith::NegFOp>(op))
      return lookup(op->getOperand(0));
    if (isa<arith::DivFOp>(op) && lookup(op->getOperand(1)).isConstant())
      return lookup(op->getOperand(0));
    return lost(op, llvm::map_to_vector(op->getOperands(), [&](Value operand) {
                  return lookup(operand);
                }));
  }

  Form evaluateMaxPlus(Operation *op) {
    if (isa<arith::MaximumFOp, arith::MaxNumFOp, arith::MaxSIOp>(op))
      return join(asConstant(op->getOperand(0)), asConstant(op->getOperand(1)),
                  op);
    if (isa<arith::AddFOp, arith::AddIOp>(op))
      return multiply(op);
    if (isa<arith::SubFOp, arith::SubIOp>(op) &&
        lookup(op->getOperand(1)).isConstant())
      return lookup(op->getOperand(0));
    return lost(op, llvm::map_to_vector(op->getOperands(), [&](Value operand) {
                  return lookup(operand);
                }));
  }

  /// 0 is neutral in a sum and a constant like others in a maximum.
  Form asConstant(Value value) {
    Form form = lookup(value);
    return form.kind == Form::Zero ? Form() : form;
  }

  Form evaluateLogSumExp(Operation *op) {
    Form a = lookup(op->getOperand(0));
    Form b = op->getNumOperands() > 1 ? lookup(op->getOperand(1)) : Form();
    if (isa<arith::AddFOp>(op))
      return addLogarithms(op, a, b);
    if (isa<arith::SubFOp>(op) && a.kind == Form::Term) {
      if (b.isConstant())
        return a;
      if (b.kind == Form::Other && !a.offset)
        return {Form::Term, b.offset};
    }
    if (isa<math::ExpOp>(op) && a.kind == Form::Term)
      return {Form::Exponential, a.offset};
    if (isa<math::LogOp>(op) && a.kind == Form::Exponential)
      return {Form::Term, a.offset};
    if (isa<arith::MulFOp>(op)) {
      if (a.kind == Form::Exponential && b.isConstant())
        return a;
      if (b.kind == Form::Exponential && a.isConstant())
        return b;
    }
    return lost(op, {a, b});
  }

  Form addLogarithms(Operation *op, Form a, Form b) {
    if (a.kind != Form::Term && a.kind != Form::Exponential)
      std::swap(a, b);
    if (a.kind == Form::Exponential)
      return b.kind == Form::Zero || a == b ? a : lost(op, {a, b});
    if (a.kind == Form::Term && b.isConstant())
      return a;
    if (a.kind == Form::Term && b.kind == Form::Other && a.offset == b.offset)
      return {Form::Term};
    return lost(op, {a, b});
  }

  ScanAlgebra algebra;
  Forms forms;
};
} // namespace

StateForms::StateForms(ScanOp scan) : forms(Analysis(scan).take()) {}

StateForm StateForms::lookup(Value value) const {
  return lookupIn(forms, value);
}

LogicalResult sennit::seq::verifyAlgebra(ScanOp op) {
  if (op.getAlgebra() == ScanAlgebra::General)
    return success();
  StateForms forms(op);
  for (auto [i, next] : llvm::enumerate(op.getYieldedStates())) {
    Form form = forms.lookup(next);
    if (form.isConstant() || (form.kind == Form::Term && !form.offset))
      continue;
    InFlightDiagnostic diagnostic = op.emitOpError()
                                    << "state " << i << " is not `"
                                    << stringifyScanAlgebra(op.getAlgebra())
                                    << "` in the states; declare it `general`";
    if (form.lostAt)
      diagnostic.attachNote(form.lostAt->getLoc()) << "the form is lost here";
    return diagnostic;
  }
  return success();
}

bool sennit::seq::worksByElement(ScanOp op) {
  Block &body = op.getBody().front();
  auto shapeOf = [](Value value) {
    return cast<RankedTensorType>(value.getType()).getShape();
  };
  ArrayRef<int64_t> shape = shapeOf(body.getArgument(0));
  auto hasShape = [&](Value value) {
    return isa<RankedTensorType>(value.getType()) && shapeOf(value) == shape;
  };
  for (Operation &inner : body.without_terminator()) {
    if (isa<tensor::EmptyOp>(inner))
      continue;
    auto generic = dyn_cast<linalg::GenericOp>(inner);
    if (!isElementwise(&inner) || !hasShape(generic.getResult(0)))
      return false;
    for (OpOperand *input : generic.getDpsInputOperands())
      if (op.getBody().isAncestor(input->get().getParentRegion()) &&
          !generic.getMatchingIndexingMap(input).isIdentity())
        return false;
  }
  return llvm::all_of(body.getArguments(), hasShape) &&
         llvm::all_of(body.getTerminator()->getOperands(), hasShape);
}
