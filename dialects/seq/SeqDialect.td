// Names the seq dialect and says what belongs in it.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_DIALECTS_SEQ_SEQDIALECT_TD
#define SENNIT_DIALECTS_SEQ_SEQDIALECT_TD

include "mlir/IR/OpBase.td"

def SeqDialect : Dialect {
  let name = "seq";
  let cppNamespace = "::sennit::seq";
  let summary = "what a sequence model computes: mixers, routers and state, on tensors";
  let description = [{
    `seq` holds what `linalg` cannot say: operations along the sequence (mixers),
    operations whose shape is known only at run time (routers), and the model's
    parameters and state. Matrix products, elementwise maps, norms and reductions
    are `linalg`.

    ```
      tokens --> embed --> [ norm --> mixer --> + --> norm --> mlp | experts --> + ] x L --> head
                             (linalg) (seq)  (linalg)        (linalg)  (seq)
    ```

    One sequence: the leading dimension of activations is the token, of extent
    `?` in prefill and `1` in a step; it is the only dynamic one beside the rows that a
    `seq.skip` lets through, and two extents
    that must agree may be `?` in one place and static in the other. A mixer takes its state as operands and
    gives the next state as results of the same types; positions come from the
    `past` operand, the number of tokens that came before this call.

    A model is a module with two functions:
    `@body(%tokens: tensor<?xi32>, %past: index, %states...) -> (tensor<?xDxf32>, states...)`
    whose state arguments carry `seq.state = "name"`, and
    `@head(%hidden: tensor<?xDxf32>) -> tensor<?xVxf32>`; every entry point is
    derived from these two. The module's `seq.model` dictionary names
    `architecture`, `vocabulary`, `context` (tokens that the state can hold),
    `chunk` (most tokens of one call), `byte_level` and `end_of_text`.
  }];
  let useDefaultAttributePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::math::MathDialect", "::mlir::scf::SCFDialect",
    "::mlir::tensor::TensorDialect", "::sennit::tile::TileDialect"
  ];
}

#endif // SENNIT_DIALECTS_SEQ_SEQDIALECT_TD
