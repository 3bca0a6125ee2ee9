"""The elementwise work on rows that compare_ops.py times.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
"""

import torch
import torch.nn.functional as functional

# %pair = silu(%p) %q, where %one is 1.
SILU_PAIR = """    %minus = arith.negf %p : f32
    %exp = math.exp %minus : f32
    %sum = arith.addf %exp, %one : f32
    %silu = arith.divf %p, %sum : f32
    %pair = arith.mulf %silu, %q : f32"""


class Rows:
    """Elementwise work on rows of bf16, R by W."""

    def __init__(self, sizes, flags, folder, name):
        self.r, self.w = sizes
        self.work = 0
        self.bytes = 2 * (self.count + 1) * self.r * self.w

    count = 1

    def write(self):
        pass

    def make(self, device):
        self.inputs = [torch.randn(self.r, self.w, dtype=torch.bfloat16) for _ in range(self.count)]
        self.given = [tensor.to(device) for tensor in self.inputs]
        self.compiled = torch.compile(self.formula) if device == "cuda" else self.formula

    def peer(self):
        return self.compiled(*self.given)

    def reference(self):
        return self.formula(*(tensor.float() for tensor in self.given))

    def spell(self, names, body):
        """A function of rows; `body` computes %y from %x0, %x1 .. as f32."""
        half, wide = f"tensor<{self.r}x{self.w}xbf16>", f"tensor<{self.r}x{self.w}xf32>"
        arguments = ", ".join(f'%{name}: {half} {{seq.name = "{name}"}}' for name in names)
        widen = "\n".join(f"  %x{i} = arith.extf %{name} : {half} to {wide}" for i, name in enumerate(names))
        return f"""
func.func @run({arguments}) -> ({half} {{seq.name = "y"}}) {{
{widen}
{body}
  %z = arith.truncf %y : {wide} to {half}
  return %z : {half}
}}"""


class RmsNorm(Rows):
    """rms_norm:RxW; torch.compile of functional.rms_norm on a GPU, functional.rms_norm on a CPU."""

    def formula(self, x):
        return functional.rms_norm(x, (self.w,), eps=1e-6)

    def text(self):
        row, one = "affine_map<(r, w) -> (r, w)>", "affine_map<(r, w) -> (r)>"
        wide, thin = f"tensor<{self.r}x{self.w}xf32>", f"tensor<{self.r}xf32>"
        return self.spell(["x"], f"""
  %zero = arith.constant 0.0 : f32
  %share = arith.constant {1 / self.w:.9e} : f32
  %least = arith.constant 1.0e-6 : f32
  %e = tensor.empty() : {thin}
  %none = linalg.fill ins(%zero : f32) outs(%e : {thin}) -> {thin}
  %sum = linalg.generic {{indexing_maps = [{row}, {one}], iterator_types = ["parallel", "reduction"]}}
      ins(%x0 : {wide}) outs(%none : {thin}) {{
  ^bb0(%a: f32, %s: f32):
    %aa = arith.mulf %a, %a : f32
    %t = arith.addf %s, %aa : f32
    linalg.yield %t : f32
  }} -> {thin}
  %o = tensor.empty() : {wide}
  %y = linalg.generic {{indexing_maps = [{row}, {one}, {row}], iterator_types = ["parallel", "parallel"]}}
      ins(%x0, %sum : {wide}, {thin}) outs(%o : {wide}) {{
  ^bb0(%a: f32, %s: f32, %unused: f32):
    %mean = arith.mulf %s, %share : f32
    %more = arith.addf %mean, %least : f32
    %scale = math.rsqrt %more : f32
    %scaled = arith.mulf %a, %scale : f32
    linalg.yield %scaled : f32
  }} -> {wide}""")


class Swiglu(Rows):
    """swiglu:RxW, silu(a) b."""

    count = 2

    def formula(self, a, b):
        return functional.silu(a) * b

    def text(self):
        row, wide = "affine_map<(r, w) -> (r, w)>", f"tensor<{self.r}x{self.w}xf32>"
        return self.spell(["a", "b"], f"""
  %one = arith.constant 1.0 : f32
  %o = tensor.empty() : {wide}
  %y = linalg.generic {{indexing_maps = [{row}, {row}, {row}], iterator_types = ["parallel", "parallel"]}}
      ins(%x0, %x1 : {wide}, {wide}) outs(%o : {wide}) {{
  ^bb0(%p: f32, %q: f32, %unused: f32):
{SILU_PAIR}
    linalg.yield %pair : f32
  }} -> {wide}""")


class Softmax(Rows):
    """softmax:RxW, of each row."""

    def formula(self, x):
        return functional.softmax(x, -1)

    def text(self):
        row, one = "affine_map<(r, w) -> (r, w)>", "affine_map<(r, w) -> (r)>"
        wide, thin = f"tensor<{self.r}x{self.w}xf32>", f"tensor<{self.r}xf32>"
        reduction = f'{{indexing_maps = [{row}, {one}], iterator_types = ["parallel", "reduction"]}}'
        across = f'{{indexing_maps = [{row}, {one}, {row}], iterator_types = ["parallel", "parallel"]}}'
        return self.spell(["x"], f"""
  %zero = arith.constant 0.0 : f32
  %least = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : {thin}
  %o = tensor.empty() : {wide}
  %lowest = linalg.fill ins(%least : f32) outs(%e : {thin}) -> {thin}
  %none = linalg.fill ins(%zero : f32) outs(%e : {thin}) -> {thin}
  %most = linalg.generic {reduction} ins(%x0 : {wide}) outs(%lowest : {thin}) {{
  ^bb0(%a: f32, %m: f32):
    %t = arith.maximumf %a, %m : f32
    linalg.yield %t : f32
  }} -> {thin}
  %p = linalg.generic {across} ins(%x0, %most : {wide}, {thin}) outs(%o : {wide}) {{
  ^bb0(%a: f32, %m: f32, %unused: f32):
    %d = arith.subf %a, %m : f32
    %t = math.exp %d : f32
    linalg.yield %t : f32
  }} -> {wide}
  %sum = linalg.generic {reduction} ins(%p : {wide}) outs(%none : {thin}) {{
  ^bb0(%a: f32, %s: f32):
    %t = arith.addf %a, %s : f32
    linalg.yield %t : f32
  }} -> {thin}
  %y = linalg.generic {across} ins(%p, %sum : {wide}, {thin}) outs(%o : {wide}) {{
  ^bb0(%a: f32, %s: f32, %unused: f32):
    %t = arith.divf %a, %s : f32
    linalg.yield %t : f32
  }} -> {wide}""")


FAMILIES = {"rms_norm": RmsNorm, "swiglu": Swiglu, "softmax": Softmax}
