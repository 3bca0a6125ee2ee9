// What the ops of seq can do, so that passes need not know their names.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_DIALECTS_SEQ_SEQINTERFACES_TD
#define SENNIT_DIALECTS_SEQ_SEQINTERFACES_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/Interfaces.td"

def DecomposableOpInterface : OpInterface<"DecomposableOpInterface"> {
  let cppNamespace = "::sennit::seq";
  let description = [{
    An op with a reference meaning. The decomposition is the only definition of
    the op: every fast form is tested against it.
  }];
  let methods = [
    InterfaceMethod<[{
        Builds the op's meaning out of `linalg`, `scf`, `tensor`, `arith` and
        `math` before the op and returns one value per result. Plain and serial:
        no blocking, no reassociation. Never fails on a verified op.
      }], "::llvm::SmallVector<::mlir::Value>", "decompose", (ins "::mlir::OpBuilder &":$builder)>
  ];
}

def SequenceMixerOpInterface : OpInterface<"SequenceMixerOpInterface", [DecomposableOpInterface]> {
  let cppNamespace = "::sennit::seq";
  let description = [{
    An op that mixes information along the sequence and carries state from call
    to call. Prefill and step are one op: the form follows from the static
    extent of the token dimension (`1` is a step).
  }];
  let methods = [
    InterfaceMethod<"The operands that hold the states before this call.",
        "::mlir::MutableOperandRange", "getStatesBeforeMutable">,
    InterfaceMethod<"The results that hold the states after this call, in the order of the operands; types are equal.",
        "::mlir::ResultRange", "getStatesAfter">,
    InterfaceMethod<"The dimension of tokens in operand 0 and in results that are no state: 1 behind a batch, else 0.",
        "unsigned", "getTokenDim", (ins), "", [{ return 0; }]>,
    InterfaceMethod<"Floating-point operations of one call over `tokens` tokens after `past`, a multiply-add counted as two.",
        "double", "countFlops", (ins "int64_t":$tokens, "int64_t":$past)>,
    InterfaceMethod<"Special-function evaluations (exp and its kin) of such a call.",
        "double", "countExponentials", (ins "int64_t":$tokens, "int64_t":$past)>,
    InterfaceMethod<[{
        Whether to take tokens back it is enough to count fewer of them: what
        the states hold past `past` is never read before it is written. Else the
        states before a call must be kept to take its tokens back.
      }], "bool", "rollsBackByPosition", (ins), "", "return false;">
  ];
}

#endif // SENNIT_DIALECTS_SEQ_SEQINTERFACES_TD
