// What one element of a tensor is, as a tree of scalar operations seen through
// elementwise ops.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_PASSES_NORMALIZE_TERMS_H
#define SENNIT_PASSES_NORMALIZE_TERMS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

#include <functional>
#include <memory>

namespace sennit::normalize {

/// One node. Loops are those of the op from which the trace began, so that
/// terms of different ops compare.
struct Term {
  enum class Kind {
    /// `tensor` at `map` of the loops: an argument, or the result of an op that
    /// is not elementwise.
    Element,
    /// The number of loop `map`'s only result.
    Index,
    /// A scalar that comes from outside the bodies, a constant as a rule.
    Scalar,
    /// `op` of the children.
    Operation
  };
  Kind kind;
  mlir::Value value;
  mlir::AffineMap map;
  mlir::Operation *op = nullptr;
  llvm::SmallVector<std::shared_ptr<Term>> children;

  bool isElement() const { return kind == Kind::Element; }
  template <typename Op> bool is() const {
    return kind == Kind::Operation && llvm::isa<Op>(op);
  }
  /// Equal in every element: the same operations on the same leaves.
  bool operator==(const Term &other) const;
};
using TermPtr = std::shared_ptr<Term>;

/// Traces elements, each once: terms share what computations share.
class Tracer {
public:
  /// Whether to look behind reshapes that insert dimensions of one, as behind
  /// maps that rename dimensions; and behind casts between floats of at most 32
  /// bits, as if all were of 32.
  explicit Tracer(bool seesBehindReshapes = false,
                  bool seesBehindRoundings = false)
      : seesBehindReshapes(seesBehindReshapes),
        seesBehindRoundings(seesBehindRoundings) {}

  /// What `tensor` is at `map` of some loops.
  TermPtr trace(mlir::Value tensor, mlir::AffineMap map);
  /// What `scalar` of the body of `op` is, where the op's loops are `loops`.
  TermPtr traceScalar(mlir::Value scalar, mlir::linalg::GenericOp op,
                      mlir::AffineMap loops);
  /// Whether it looked behind a cast to fewer bits.
  bool hasRounded() const { return rounded; }

private:
  TermPtr compute(mlir::Value tensor, mlir::AffineMap map);

  bool seesBehindReshapes, seesBehindRoundings, rounded = false;
  llvm::DenseMap<std::pair<mlir::Value, mlir::AffineMap>, TermPtr> elements,
      scalars;
};

/// A reduction of one loop: `out[..] = merge(out[..], element)`.
struct Reduction {
  mlir::linalg::GenericOp op;
  /// The op that merges, and the loop that it merges.
  mlir::Operation *merge;
  unsigned loop;
  /// The value that it merges in, in the body.
  mlir::Value element;

  /// Such a reduction, or nothing.
  static std::optional<Reduction> match(mlir::Value tensor);
  /// The element in the loops of a trace in which the result stands at `at` and
  /// the merged loop is `merged`.
  TermPtr traceElement(Tracer &tracer, mlir::AffineMap at,
                       mlir::AffineExpr merged);
  /// The reduction's own loops in those of such a trace.
  mlir::AffineMap inLoopsOf(mlir::AffineMap at, mlir::AffineExpr merged);
  /// Whether it starts from `value` in all elements.
  bool startsAt(double value);
  /// Whether it is the sum of its elements, or their maximum.
  bool isSum();
  bool isMaximum();
};

/// The number that a scalar is, if it is a constant; of a splat too.
std::optional<llvm::APFloat> getConstant(const Term &term);
bool isNumber(const Term &term, double value);

/// The term behind the guard `x == special ? instead : x`.
const Term &unguard(const Term &term, double special, double instead);

/// Visits a term and those that it is made of, each once.
void visitTerms(const Term &term, llvm::function_ref<void(const Term &)> visit);

/// Writes terms as ops, each once, and floats of fewer bits as f32. `leaf`
/// gives the values of what is no operation and no constant, such floats
/// widened.
class TermEmitter {
public:
  using Leaf = std::function<mlir::Value(const Term &)>;
  TermEmitter(mlir::OpBuilder &builder, Leaf leaf)
      : builder(builder), leaf(std::move(leaf)) {}
  mlir::Value emit(const Term &term);
  /// Whether an op that computes fewer bits means the same of f32.
  static bool canWiden(mlir::Operation *op);

private:
  mlir::Value emitOnce(const Term &term);

  mlir::OpBuilder &builder;
  Leaf leaf;
  llvm::DenseMap<const Term *, mlir::Value> emitted;
};

} // namespace sennit::normalize

#endif // SENNIT_PASSES_NORMALIZE_TERMS_H
