// Products of matrices, and sums of products by Einstein's notation.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/onnx/Operators.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::onnx;
using llvm::StringRef;

/// As NumPy multiplies: a vector is a row on the left and a column on the
/// right; dimensions before the last two broadcast.
static void importMatMul(NodeReader &node) {
  Tensor a = node.input(0), b = node.input(1);
  if (node.failed())
    return;
  if (a.rank() == 0 || b.rank() == 0 || a.element() != b.element() ||
      a.element().isInteger(1))
    return node.fail("inputs of shapes " + spell(a.shape()) + " and " +
                     spell(b.shape()) + " have no product");
  Tensors &t = node.tensors();
  if (b.rank() == 2 && a.rank() > 1) {
    int64_t rows = 1;
    for (int64_t extent : a.shape().drop_back())
      rows *= extent;
    Tensor flat = t.reshape(a, {rows, a.shape().back()});
    Tensor product = t.rowsTimesMatrix(flat, t.transpose(b, {1, 0}));
    Shape shape(a.shape().drop_back());
    shape.push_back(b.extent(1));
    return node.set(0, t.reshape(product, shape));
  }
  // Labels: dimensions of the batch from the right, then row, column, inner.
  enum { row = -1, column = -2, inner = -3 };
  Labelled left = {a, {}}, right = {b, {}};
  SmallVector<int64_t> result;
  int64_t batch = std::max<int64_t>({a.rank() - 2, b.rank() - 2, 0});
  for (int64_t dim = batch - 1; dim >= 0; --dim) {
    if (dim < a.rank() - 2)
      left.labels.push_back(dim);
    if (dim < b.rank() - 2)
      right.labels.push_back(dim);
    result.push_back(dim);
  }
  if (a.rank() > 1) {
    left.labels.push_back(row);
    result.push_back(row);
  }
  left.labels.push_back(inner);
  right.labels.push_back(inner);
  if (b.rank() > 1) {
    right.labels.push_back(column);
    result.push_back(column);
  }
  node.set(0, t.contract({left, right}, result));
}

static void importGemm(NodeReader &node) {
  double alpha = node.number("alpha", 1), beta = node.number("beta", 1);
  bool turnA = node.integer("transA", 0), turnB = node.integer("transB", 0);
  Tensor a = node.input(0), b = node.input(1), c = node.optionalInput(2);
  if (node.failed())
    return;
  if (a.rank() != 2 || b.rank() != 2 || a.element() != b.element())
    return node.fail("inputs of shapes " + spell(a.shape()) + " and " +
                     spell(b.shape()) + ", expected two matrices");
  Tensors &t = node.tensors();
  if (turnA)
    a = t.transpose(a, {1, 0});
  if (!turnB)
    b = t.transpose(b, {1, 0});
  Tensor y = t.rowsTimesMatrix(a, b);
  if (!y)
    return;
  if (c)
    y = t.mapOnto(y.shape(), {y, c}, y.element(),
                  [&](Scalars &s, ValueRange v) {
                    Type type = v[0].getType();
                    return s.add(s.mul(s.constant(type, alpha), v[0]),
                                 s.mul(s.constant(type, beta), v[1]));
                  });
  else if (alpha != 1)
    y = t.map(y, y.element(), [&](Scalars &s, ValueRange v) {
      return s.mul(s.constant(v[0].getType(), alpha), v[0]);
    });
  node.set(0, y);
}

//===-- Einsum
//--------------------------------------------------------------------===//

/// The labels of one term: letters by their code, the dimensions of an ellipsis
/// as -1 for the last, -2 for the one before it. False for another character.
static bool readTerm(StringRef term, int64_t rank,
                     SmallVectorImpl<int64_t> &labels) {
  StringRef letters = term;
  int64_t named = term.size();
  bool hasDots = term.contains("...");
  if (hasDots)
    named -= 3;
  int64_t hidden = rank - named;
  if (hidden < 0 || (!hasDots && hidden > 0))
    return false;
  while (!letters.empty()) {
    if (letters.consume_front("...")) {
      for (int64_t i = hidden; i > 0; --i)
        labels.push_back(-i);
      hidden = 0;
      continue;
    }
    if (!llvm::isAlpha(letters.front()))
      return false;
    labels.push_back(letters.front());
    letters = letters.drop_front();
  }
  return true;
}

/// Without an arrow: the dimensions of ellipses, then letters that occur once,
/// sorted.
static SmallVector<int64_t> impliedResult(ArrayRef<Labelled> inputs) {
  std::map<int64_t, int> counts;
  for (const Labelled &input : inputs)
    for (int64_t label : input.labels)
      ++counts[label];
  SmallVector<int64_t> result;
  for (auto [label, count] : counts)
    if (label < 0 || count == 1)
      result.push_back(label);
  return result;
}

static void importEinsum(NodeReader &node) {
  std::string equation = node.text("equation", "");
  SmallVector<Tensor> tensors = node.inputs();
  if (node.failed())
    return;
  llvm::erase(equation, ' ');
  auto [left, right] = StringRef(equation).split("->");
  bool hasArrow = StringRef(equation).contains("->");
  SmallVector<StringRef> terms;
  left.split(terms, ',');
  auto refuse = [&] {
    node.fail("equation " + quoted(equation) + " does not fit the inputs");
  };
  if (terms.size() != tensors.size() || tensors.empty())
    return refuse();
  SmallVector<Labelled> inputs;
  int64_t hidden = 0;
  for (auto [term, tensor] : llvm::zip_equal(terms, tensors)) {
    Labelled &input = inputs.emplace_back();
    input.tensor = tensor;
    if (tensor.element() != tensors.front().element() ||
        tensor.element().isInteger(1) ||
        !readTerm(term, tensor.rank(), input.labels))
      return refuse();
    hidden = std::max<int64_t>(
        hidden, llvm::count_if(input.labels, [](int64_t l) { return l < 0; }));
  }
  SmallVector<int64_t> result;
  if (!hasArrow) {
    result = impliedResult(inputs);
  } else {
    int64_t named = right.size();
    if (right.contains("..."))
      named += hidden - 3;
    if (!readTerm(right, named, result))
      return refuse();
  }
  for (auto [index, label] : llvm::enumerate(result)) {
    bool isKnown = llvm::any_of(inputs, [&, label = label](const Labelled &in) {
      return llvm::is_contained(in.labels, label);
    });
    if (!isKnown ||
        llvm::is_contained(ArrayRef(result).take_front(index), label))
      return refuse();
  }
  node.set(0, node.tensors().contract(inputs, result));
}

llvm::ArrayRef<Operator> sennit::onnx::productOperators() {
  static const Operator table[] = {
      {"MatMul", importMatMul},
      {"Gemm", importGemm},
      {"Einsum", importEinsum},
  };
  return table;
}
