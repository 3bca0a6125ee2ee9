// The attributes of seq: how scores become weights, how a linear-attention state is updated.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_DIALECTS_SEQ_SEQTYPES_TD
#define SENNIT_DIALECTS_SEQ_SEQTYPES_TD

include "mlir/IR/EnumAttr.td"
include "dialects/seq/SeqDialect.td"

def UpdateRule : I32EnumAttr<"UpdateRule", "how a step changes the state of linear attention", [
    I32EnumAttrCase<"Linear", 0, "linear">, I32EnumAttrCase<"Gated", 1, "gated">]> {
  let cppNamespace = "::sennit::seq";
  let genSpecializedAttr = 0;
}
def UpdateRuleAttr : EnumAttr<SeqDialect, UpdateRule, "update_rule">;

def ScoreFunction : I32EnumAttr<"ScoreFunction", "how router logits become scores", [
    I32EnumAttrCase<"Softmax", 0, "softmax">, I32EnumAttrCase<"Sigmoid", 1, "sigmoid">]> {
  let cppNamespace = "::sennit::seq";
  let genSpecializedAttr = 0;
}
def ScoreFunctionAttr : EnumAttr<SeqDialect, ScoreFunction, "score_function">;

#endif // SENNIT_DIALECTS_SEQ_SEQTYPES_TD
