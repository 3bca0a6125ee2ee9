// Operators that compute element by element.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/onnx/Operators.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::onnx;

/// Two inputs of one element type, broadcast.
static void importBinary(NodeReader &node, Body body, bool comparison = false,
                         bool booleans = false) {
  Tensor a = node.input(0), b = node.input(1);
  if (node.failed())
    return;
  if (a.element() != b.element())
    return node.fail("inputs have different element types");
  if (a.element().isInteger(1) != booleans && !comparison)
    return node.fail(booleans ? "inputs are not of bool"
                              : "inputs are of bool");
  Type result = comparison ? node.tensors().builder.getI1Type() : a.element();
  node.set(0, node.tensors().map({a, b}, result, body));
}

template <Compare how> static void importComparison(NodeReader &node) {
  importBinary(
      node, [](Scalars &s, ValueRange x) { return s.compare(how, x[0], x[1]); },
      /*comparison=*/true);
}

/// One input; `integers` where the operator takes them too.
static void importUnary(NodeReader &node, Body body, bool integers = false) {
  Tensor x = integers ? node.input(0) : node.floatInput(0);
  if (node.failed())
    return;
  if (x.element().isInteger(1))
    return node.fail("the input is of bool");
  node.set(0, node.tensors().map(x, x.element(), body));
}

/// Any number of inputs, joined from the left.
static void importVariadic(NodeReader &node, Body body) {
  SmallVector<Tensor> inputs = node.inputs();
  if (node.failed())
    return;
  if (inputs.empty())
    return node.fail("no inputs");
  for (const Tensor &input : inputs)
    if (input.element() != inputs.front().element())
      return node.fail("inputs have different element types");
  node.set(0, node.tensors().map(inputs, inputs.front().element(),
                                 [&](Scalars &s, ValueRange x) {
                                   Value all = x[0];
                                   for (Value one : x.drop_front())
                                     all = body(s, {all, one});
                                   return all;
                                 }));
}

static void importPow(NodeReader &node) {
  Tensor base = node.input(0), exponent = node.input(1);
  if (node.failed())
    return;
  bool isFloat = base.isFloat() || exponent.isFloat();
  node.set(0,
           node.tensors().map(
               {base, exponent}, base.element(), [&](Scalars &s, ValueRange x) {
                 Type type = isFloat && !isa<FloatType>(x[0].getType())
                                 ? x[1].getType()
                                 : x[0].getType();
                 return s.power(s.convert(x[0], type), s.convert(x[1], type));
               }));
}

static void importMod(NodeReader &node) {
  bool fmod = node.integer("fmod", 0);
  importBinary(node, [&](Scalars &s, ValueRange x) {
    // The remainder has the sign of the divisor, or with fmod the dividend's.
    Type type = x[0].getType();
    Value zero = s.constant(type, 0);
    Value quotient = s.div(x[0], x[1]);
    if (isa<FloatType>(type))
      quotient = s.select(s.compare(Compare::Less, quotient, zero),
                          s.ceil(quotient), s.floor(quotient));
    Value rest = s.sub(x[0], s.mul(quotient, x[1]));
    if (fmod)
      return rest;
    Value differs = s.compare(Compare::Less, s.mul(rest, x[1]), zero);
    return s.select(differs, s.add(rest, x[1]), rest);
  });
}

static void importWhere(NodeReader &node) {
  Tensor condition = node.input(0), a = node.input(1), b = node.input(2);
  if (node.failed())
    return;
  if (!condition.element().isInteger(1) || a.element() != b.element())
    return node.fail("expected a condition of bool and values of one type");
  node.set(0, node.tensors().map({condition, a, b}, a.element(),
                                 [](Scalars &s, ValueRange x) {
                                   return s.select(x[0], x[1], x[2]);
                                 }));
}

static void importNot(NodeReader &node) {
  Tensor x = node.input(0);
  if (node.failed())
    return;
  if (!x.element().isInteger(1))
    return node.fail("the input is not of bool");
  node.set(0, node.tensors().map(x, x.element(), [](Scalars &s, ValueRange x) {
    return s.isNot(x[0]);
  }));
}

static void importIdentity(NodeReader &node) {
  Tensor x = node.input(0);
  if (!node.failed())
    node.set(0, x);
}

static void importCast(NodeReader &node) {
  // Both only concern float8, which is refused as a type.
  node.integer("saturate", 1);
  node.text("round_mode", "up");
  int64_t to = node.integer("to", 0);
  Tensor x = node.input(0);
  Type element = node.owner().elementType(ElementType(int(to)));
  if (!node.failed())
    node.set(0, node.tensors().cast(x, element));
}

static void importCastLike(NodeReader &node) {
  node.integer("saturate", 1);
  node.text("round_mode", "up");
  Tensor x = node.input(0), like = node.input(1);
  if (!node.failed())
    node.set(0, node.tensors().cast(x, like.element()));
}

static void importClip(NodeReader &node) {
  Tensor x = node.input(0), low = node.optionalInput(1),
         high = node.optionalInput(2);
  if (node.failed())
    return;
  if (low)
    x = node.tensors().map({x, low}, x.element(), [](Scalars &s, ValueRange x) {
      return s.max(x[0], x[1]);
    });
  if (high)
    x = node.tensors().map(
        {x, high}, x.element(),
        [](Scalars &s, ValueRange x) { return s.min(x[0], x[1]); });
  node.set(0, x);
}

//===-- Activations
//---------------------------------------------------------------===//

static void importGelu(NodeReader &node) {
  std::string form = node.text("approximate", "none");
  if (form != "none" && form != "tanh")
    return node.failUnsupported("approximate " + quoted(form));
  importUnary(node, [&](Scalars &s, ValueRange x) {
    auto number = [&](double value) {
      return s.constant(x[0].getType(), value);
    };
    Value inner;
    if (form == "none") {
      inner = s.erf(s.mul(x[0], number(0.70710678118654752)));
    } else {
      Value cube = s.mul(x[0], s.mul(x[0], x[0]));
      Value sum = s.add(x[0], s.mul(number(0.044715), cube));
      inner = s.tanh(s.mul(number(0.79788456080286536), sum));
    }
    return s.mul(s.mul(number(0.5), x[0]), s.add(number(1), inner));
  });
}

/// x sigmoid(alpha x).
static Value swish(Scalars &s, Value x, double alpha) {
  return s.mul(x, s.sigmoid(s.mul(s.constant(x.getType(), alpha), x)));
}

static void importSwish(NodeReader &node) {
  double alpha = node.number("alpha", 1);
  importUnary(node,
              [&](Scalars &s, ValueRange x) { return swish(s, x[0], alpha); });
}

/// swish(a) b.
static void importSwiGlu(NodeReader &node) {
  double alpha = node.number("alpha", 1);
  Tensor a = node.floatInput(0), b = node.floatInput(1);
  if (!node.failed())
    node.set(0, node.tensors().map({a, b}, a.element(),
                                   [&](Scalars &s, ValueRange x) {
                                     return s.mul(swish(s, x[0], alpha), x[1]);
                                   }));
}

static void importLeakyRelu(NodeReader &node) {
  double alpha = node.number("alpha", 0.01);
  importUnary(node, [&](Scalars &s, ValueRange x) {
    Value zero = s.constant(x[0].getType(), 0);
    return s.select(s.compare(Compare::Less, x[0], zero),
                    s.mul(x[0], s.constant(x[0].getType(), alpha)), x[0]);
  });
}

static void importElu(NodeReader &node) {
  double alpha = node.number("alpha", 1);
  importUnary(node, [&](Scalars &s, ValueRange x) {
    Value zero = s.constant(x[0].getType(), 0),
          one = s.constant(x[0].getType(), 1);
    Value below = s.mul(s.constant(x[0].getType(), alpha),
                        s.sub(s.exp(s.min(x[0], zero)), one));
    return s.select(s.compare(Compare::Less, x[0], zero), below, x[0]);
  });
}

#define SENNIT_BINARY(name, expression)                                        \
  {name, [](NodeReader &node) {                                                \
     importBinary(node, [](Scalars &s, ValueRange x) { return expression; });  \
   }}
#define SENNIT_BOOLEAN(name, expression)                                       \
  {name, [](NodeReader &node) {                                                \
     importBinary(                                                             \
         node, [](Scalars &s, ValueRange x) { return expression; }, false,     \
         true);                                                                \
   }}
#define SENNIT_UNARY(name, integers, expression)                               \
  {name, [](NodeReader &node) {                                                \
     importUnary(                                                              \
         node, [](Scalars &s, ValueRange x) -> Value { return expression; },   \
         integers);                                                            \
   }}
#define SENNIT_VARIADIC(name, expression)                                      \
  {name, [](NodeReader &node) {                                                \
     importVariadic(node,                                                      \
                    [](Scalars &s, ValueRange x) { return expression; });      \
   }}

static Value number(Scalars &s, ValueRange x, double value) {
  return s.constant(x[0].getType(), value);
}

llvm::ArrayRef<Operator> sennit::onnx::elementwiseOperators() {
  static const Operator table[] = {
      SENNIT_BINARY("Add", s.add(x[0], x[1])),
      SENNIT_BINARY("Sub", s.sub(x[0], x[1])),
      SENNIT_BINARY("Mul", s.mul(x[0], x[1])),
      SENNIT_BINARY("Div", s.div(x[0], x[1])),
      {"Pow", importPow},
      {"Mod", importMod},
      SENNIT_BOOLEAN("And", s.both(x[0], x[1])),
      SENNIT_BOOLEAN("Or", s.either(x[0], x[1])),
      SENNIT_BOOLEAN("Xor", s.isNot(s.compare(Compare::Equal, x[0], x[1]))),
      {"Equal", importComparison<Compare::Equal>},
      {"Less", importComparison<Compare::Less>},
      {"LessOrEqual", importComparison<Compare::LessOrEqual>},
      {"Greater", importComparison<Compare::Greater>},
      {"GreaterOrEqual", importComparison<Compare::GreaterOrEqual>},
      SENNIT_VARIADIC("Min", s.min(x[0], x[1])),
      SENNIT_VARIADIC("Max", s.max(x[0], x[1])),
      SENNIT_VARIADIC("Sum", s.add(x[0], x[1])),
      {"Where", importWhere},
      {"Not", importNot},
      {"Cast", importCast},
      {"CastLike", importCastLike},
      {"Clip", importClip},
      {"Identity", importIdentity},
      SENNIT_UNARY("Neg", true, s.negate(x[0])),
      SENNIT_UNARY("Abs", true, s.absolute(x[0])),
      SENNIT_UNARY("Sqrt", false, s.sqrt(x[0])),
      SENNIT_UNARY("Reciprocal", false, s.div(number(s, x, 1), x[0])),
      SENNIT_UNARY("Exp", false, s.exp(x[0])),
      SENNIT_UNARY("Log", false, s.log(x[0])),
      SENNIT_UNARY("Tanh", false, s.tanh(x[0])),
      SENNIT_UNARY("Erf", false, s.erf(x[0])),
      SENNIT_UNARY("Sin", false, s.sin(x[0])),
      SENNIT_UNARY("Cos", false, s.cos(x[0])),
      SENNIT_UNARY("Floor", false, s.floor(x[0])),
      SENNIT_UNARY("Ceil", false, s.ceil(x[0])),
      SENNIT_UNARY("Round", false, s.roundEven(x[0])),
      SENNIT_UNARY("Relu", true, s.max(x[0], number(s, x, 0))),
      SENNIT_UNARY("Sigmoid", false, s.sigmoid(x[0])),
      SENNIT_UNARY("Softplus", false, s.softplus(x[0])),
      {"Gelu", importGelu},
      {"Swish", importSwish},
      {"SwiGLU", importSwiGlu},
      {"LeakyRelu", importLeakyRelu},
      {"Elu", importElu},
  };
  return table;
}
