"""Attention whose scores are changed, and its peer, for compare_ops.py.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
"""

import torch

CAP = 30.0


def normal(*shape):
    return torch.randn(*shape, dtype=torch.bfloat16)


class Scored:
    """scored:BxSxHxGxD:SETTING, causal attention of H query heads on G key heads with one of softcap, alibi, documents,
    sinks and lengths. The peer is flex_attention, compiled."""

    SETTINGS = ("softcap", "alibi", "documents", "sinks", "lengths")

    def __init__(self, sizes, flags, folder, name):
        self.b, self.s, self.h, self.g, self.d = sizes
        self.setting = next(flag for flag in flags if flag in self.SETTINGS)
        self.work = 2 * self.b * self.h * self.s * self.s * self.d
        self.bytes = 2 * self.b * self.s * (2 * self.h + 2 * self.g) * self.d

    def text(self):
        q = f"tensor<{self.b}x{self.s}x{self.h}x{self.d}xbf16>"
        k = f"tensor<{self.b}x{self.s}x{self.g}x{self.d}xbf16>"
        extra = {"alibi": f"tensor<{self.h}xf32>", "documents": f"tensor<{self.s}xi32>", "sinks": f"tensor<{self.h}xf32>",
                 "lengths": f"tensor<{self.b}xi32>"}.get(self.setting)
        clause = {"sinks": f"sinks(%x : {extra})", "lengths": f"lengths(%x : {extra})"}.get(self.setting, "")
        capture = ""
        if self.setting in ("alibi", "documents"):
            clause, capture = f"captures(%x : {extra})", f", %c: {extra}"
        body = {
            "softcap": f"""
    %cap = arith.constant {CAP:.6e} : f32
    %small = arith.divf %s, %cap : f32
    %bent = math.tanh %small : f32
    %y = arith.mulf %bent, %cap : f32""",
            "alibi": f"""
    %slope = tensor.extract %c[%h] : {extra}
    %far = arith.subi %j, %i : index
    %whole = arith.index_cast %far : index to i32
    %distance = arith.sitofp %whole : i32 to f32
    %bias = arith.mulf %distance, %slope : f32
    %y = arith.addf %s, %bias : f32""",
            "documents": f"""
    %mine = tensor.extract %c[%i] : {extra}
    %other = tensor.extract %c[%j] : {extra}
    %same = arith.cmpi eq, %mine, %other : i32
    %none = arith.constant 0xFF800000 : f32
    %y = arith.select %same, %s, %none : f32"""}.get(self.setting)
        score = f"""score {{
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index{capture}):{body}
    seq.yield %y : f32
  }}""" if body else ""
        argument = f', %x: {extra} {{seq.name = "x"}}' if extra else ""
        return f"""
func.func @run(%q: {q} {{seq.name = "q"}}, %k: {k} {{seq.name = "k"}}, %v: {k} {{seq.name = "v"}}{argument})
    -> ({q} {{seq.name = "o"}}) {{
  %o = seq.attention %q, %k, %v {clause} {score} {{scale = {self.d ** -0.5:.9f} : f32, window_right = 0 : i64}} : {q}, {k}, {k}
  return %o : {q}
}}"""

    def write(self):
        pass

    def make(self, device):
        self.inputs = [normal(self.b, self.s, self.h, self.d), normal(self.b, self.s, self.g, self.d),
                       normal(self.b, self.s, self.g, self.d)]
        extra = {"alibi": lambda: torch.exp2(-8 * (1 + torch.arange(self.h)) / self.h),
                 "documents": lambda: (torch.arange(self.s) * 5 // self.s).int(),
                 "sinks": lambda: torch.randn(self.h),
                 "lengths": lambda: (self.s - torch.arange(self.b) * self.s // (2 * self.b)).int()}.get(self.setting)
        self.inputs += [extra()] if extra else []
        self.given = [tensor.to(device).transpose(1, 2) for tensor in self.inputs[:3]]
        self.extra = self.inputs[3].to(device) if extra else None
        from torch.nn.attention.flex_attention import create_block_mask, flex_attention

        x, setting = self.extra, self.setting
        change = {"softcap": lambda s, b, h, i, j: CAP * torch.tanh(s / CAP),
                  "alibi": lambda s, b, h, i, j: s + (j - i) * x[h]}.get(setting)
        sees = {"documents": lambda b, h, i, j: (i >= j) & (x[i] == x[j]),
                "lengths": lambda b, h, i, j: (i >= j) & (j < x[b])}.get(setting, lambda b, h, i, j: i >= j)
        mask = create_block_mask(sees, self.b if setting == "lengths" else None, None, self.s, self.s, device)
        if device == "cuda":
            torch._dynamo.reset()
        attend = torch.compile(flex_attention) if device == "cuda" else flex_attention

        def peer():
            made = attend(*self.given, score_mod=change, block_mask=mask, enable_gqa=self.h != self.g,
                          return_lse=setting == "sinks")
            if setting != "sinks":
                return made
            # A sink is one more score, of no value.
            return made[0] * torch.sigmoid(made[1] - x[:, None])[..., None].to(made[0].dtype)

        self.flex = peer

    def peer(self):
        return self.flex().transpose(1, 2)

    def reference(self):
        device, share, heads = self.given[0].device, self.h // self.g, []
        i, j = torch.arange(self.s, device=device)[:, None], torch.arange(self.s, device=device)[None]
        for head in range(self.h):
            q, k, v = self.given[0][:, head].float(), *(t[:, head // share].float() for t in self.given[1:])
            scores = q @ k.transpose(1, 2) * self.d ** -0.5
            hidden = i < j
            if self.setting == "softcap":
                scores = CAP * torch.tanh(scores / CAP)
            elif self.setting == "alibi":
                scores = scores + (j - i) * self.extra[head]
            elif self.setting == "documents":
                hidden = hidden | (self.extra[:, None] != self.extra[None])
            elif self.setting == "lengths":
                hidden = hidden | (j >= self.extra[:, None, None])
            scores = scores.masked_fill(hidden, float("-inf"))
            if self.setting == "sinks":
                sink = self.extra[head].expand(self.b, self.s, 1)
                weights = torch.cat([scores, sink], 2).softmax(2)[..., :-1]
            else:
                weights = scores.softmax(2)
            heads.append(weights @ v)
        return torch.stack(heads, 2)


FAMILIES = {"scored": Scored}
