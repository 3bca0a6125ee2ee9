// The attributes of seq: how a linear-attention state is updated, what a scan declares, how scores become weights.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_DIALECTS_SEQ_SEQTYPES_TD
#define SENNIT_DIALECTS_SEQ_SEQTYPES_TD

include "mlir/IR/EnumAttr.td"
include "dialects/seq/SeqDialect.td"

def UpdateRule : I32EnumAttr<"UpdateRule", "how a step changes the state of linear attention", [
    I32EnumAttrCase<"Linear", 0, "linear">, I32EnumAttrCase<"Gated", 1, "gated">,
    I32EnumAttrCase<"Delta", 2, "delta">, I32EnumAttrCase<"GatedDelta", 3, "gated_delta">,
    I32EnumAttrCase<"RankOne", 4, "rank_one">]> {
  let cppNamespace = "::sennit::seq";
  let genSpecializedAttr = 0;
}
def UpdateRuleAttr : EnumAttr<SeqDialect, UpdateRule, "update_rule">;

def ScanAlgebra : I32EnumAttr<"ScanAlgebra", "what is known of how a scan's next state follows from its state", [
    I32EnumAttrCase<"General", 0, "general">, I32EnumAttrCase<"Affine", 1, "affine">,
    I32EnumAttrCase<"MaxPlus", 2, "max_plus">, I32EnumAttrCase<"LogSumExp", 3, "log_sum_exp">]> {
  let cppNamespace = "::sennit::seq";
  let genSpecializedAttr = 0;
}
def ScanAlgebraAttr : EnumAttr<SeqDialect, ScanAlgebra, "scan_algebra">;

def ScoreFunction : I32EnumAttr<"ScoreFunction", "how router logits become scores", [
    I32EnumAttrCase<"Softmax", 0, "softmax">, I32EnumAttrCase<"Sigmoid", 1, "sigmoid">]> {
  let cppNamespace = "::sennit::seq";
  let genSpecializedAttr = 0;
}
def ScoreFunctionAttr : EnumAttr<SeqDialect, ScoreFunction, "score_function">;

def GroupValue : I32EnumAttr<"GroupValue", "what a group of experts is worth", [
    I32EnumAttrCase<"Best", 0, "best">, I32EnumAttrCase<"BestTwo", 1, "best_two">]> {
  let cppNamespace = "::sennit::seq";
  let genSpecializedAttr = 0;
}
def GroupValueAttr : EnumAttr<SeqDialect, GroupValue, "group_value">;

#endif // SENNIT_DIALECTS_SEQ_SEQTYPES_TD
