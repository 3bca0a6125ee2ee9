"""The kernels whose measured times the cost model is held against, and which of them anything may be fitted to.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

The split stands here, before anything is measured: of every family each fourth work is for fitting, all others are held
out, and nothing is fitted to `UNFITTED`. Probes are no part of it: they are what a calibration is computed from. All
operands are arguments, so that a module needs no files beside it.
"""

import re

import compare_ops
import mixer_ops
import row_ops

UNFITTED = ("decode",)


class Product:
    """product:MxNxK:ELEMENT, rows by the rows of a given matrix"""

    def __init__(self, sizes, flags, folder, name):
        (self.m, self.n, self.k), (self.element,) = sizes, flags

    def text(self):
        m, n, k, element = self.m, self.n, self.k, self.element
        sum_ = f"tensor<{m}x{n}xf32>"
        rounding, result = (f"\n  %y = arith.truncf %p : {sum_} to tensor<{m}x{n}x{element}>", "%y") if element != "f32" else ("", "%p")
        return f"""
func.func @run(%x: tensor<{m}x{k}x{element}> {{seq.name = "x"}}, %w: tensor<{n}x{k}x{element}> {{seq.name = "w"}})
    -> (tensor<{m}x{n}x{element}> {{seq.name = "y"}}) {{
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : {sum_}
  %z = linalg.fill ins(%zero : f32) outs(%e : {sum_}) -> {sum_}
  %p = linalg.matmul {compare_ops.TRANSPOSED} ins(%x, %w : tensor<{m}x{k}x{element}>, tensor<{n}x{k}x{element}>)
      outs(%z : {sum_}) -> {sum_}{rounding}
  return {result} : tensor<{m}x{n}x{element}>
}}"""


class Linear(mixer_ops.LinearAttention):
    """linear:LxHxNxP:RULE[:rows], H heads of a state N by P; with :rows each row of a state decays by itself"""

    scale = 1.0

    def __init__(self, sizes, flags, folder, name):
        super().__init__(sizes, flags, folder, name)
        self.l, self.h, self.n, self.p = sizes
        self.rule, self.rows = flags[0], "rows" in flags
        self.output = (self.l, self.h, self.p)

    def text(self):
        l, h, n, p = self.l, self.h, self.n, self.p
        tensors, more = {"q": (l, h, n), "k": (l, h, n), "v": (l, h, p)}, []
        if self.rule in ("gated", "gated_delta"):
            tensors["g"] = (l, h, n) if self.rows else (l, h)
            more.append(f"decay(%g : {mixer_ops.wide(*tensors['g'])})")
        if self.rule in ("delta", "gated_delta"):
            tensors["b"] = (l, h)
            more.append(f"beta(%b : {mixer_ops.wide(l, h)})")
        return self.spell(self.rule, " ".join(more), tensors | {"s": (h, n, p)})


class Convolution:
    """conv:LxDxK, D channels, each with a filter of K taps"""

    def __init__(self, sizes, flags, folder, name):
        self.l, self.d, self.k = sizes

    def text(self):
        rows, taps = mixer_ops.wide(self.l, self.d), mixer_ops.wide(self.d, self.k)
        return f"""
func.func @run({mixer_ops.argument("x", rows)}, {mixer_ops.argument("w", taps)}) -> ({rows} {{seq.name = "y"}}) {{
  %y = seq.conv %x, %w : {rows}, {taps}
  return %y : {rows}
}}"""


class Experts:
    """experts:TxExKxDxF, T tokens that go to K each of E experts of [F, D]"""

    def __init__(self, sizes, flags, folder, name):
        self.t, self.e, self.k, self.d, self.f = sizes
        self.experts = self.e

    def text(self):
        t, e, k, d, f = self.t, self.e, self.k, self.d, self.f
        chosen, each, offsets = f"tensor<{t}x{k}xi32>", f"tensor<{t * k}xi32>", f"tensor<{e + 1}xi32>"
        x, stack, y = mixer_ops.half(t, d), mixer_ops.half(e, f, d), mixer_ops.wide(t * k, f)
        return f"""
func.func @run({mixer_ops.argument("x", x)}, {mixer_ops.argument("w", stack)}, {mixer_ops.argument("e", chosen)})
    -> ({mixer_ops.half(t * k, f)} {{seq.name = "y"}}) {{
  %pairs, %places, %n = seq.dispatch %e : {chosen} -> {each}, {chosen}, {offsets}
  %p = seq.experts %x, %w offsets(%n) gather(%pairs : {each}) top_k {k} : {x}, {stack}, {offsets} -> {y}
  %y = arith.truncf %p : {y} to {mixer_ops.half(t * k, f)}
  return %y : {mixer_ops.half(t * k, f)}
}}"""


class Route:
    """route:TxExK, the K largest of E scores of each token"""

    def __init__(self, sizes, flags, folder, name):
        self.t, self.e, self.k = sizes

    def text(self):
        scores, weights, chosen = mixer_ops.wide(self.t, self.e), mixer_ops.wide(self.t, self.k), f"tensor<{self.t}x{self.k}xi32>"
        return f"""
func.func @run({mixer_ops.argument("x", scores)}) -> ({weights} {{seq.name = "y"}}, {chosen} {{seq.name = "z"}}) {{
  %w, %e = seq.route softmax %x renormalize : {scores} -> {weights}, {chosen}
  return %w, %e : {weights}, {chosen}
}}"""


class Sums:
    """sums:LxD, the sums of D numbers up to each of L tokens, as a scan with a region of its own"""

    def __init__(self, sizes, flags, folder, name):
        self.l, self.d = sizes

    def text(self):
        rows, row = mixer_ops.wide(self.l, self.d), mixer_ops.wide(self.d)
        return f"""
#row = affine_map<(d) -> (d)>
func.func @run({mixer_ops.argument("x", rows)}, {mixer_ops.argument("f", rows)}) -> ({rows} {{seq.name = "y"}}) {{
  %c = arith.constant 0.0 : f32
  %n = tensor.empty() : {row}
  %zero = linalg.fill ins(%c : f32) outs(%n : {row}) -> {row}
  %y, %last = seq.scan affine inputs(%x, %f : {rows}, {rows}) state(%zero : {row}) {{
  ^bb0(%token: {row}, %factor: {row}, %sum: {row}):
    %e = tensor.empty() : {row}
    %s = linalg.generic {{indexing_maps = [#row, #row, #row, #row], iterator_types = ["parallel"]}}
        ins(%token, %factor, %sum : {row}, {row}, {row}) outs(%e : {row}) {{
    ^bb0(%a: f32, %b: f32, %old: f32, %o: f32):
      %m = arith.mulf %b, %old : f32
      %d = arith.addf %a, %m : f32
      linalg.yield %d : f32
    }} -> {row}
    seq.yield %s, %s : {row}, {row}
  }} -> {rows}, {row}
  return %y : {rows}
}}"""


class Chain:
    """chain:WxN, a row of W times a square matrix, N times: a launch each"""

    def __init__(self, sizes, flags, folder, name):
        self.w, self.count = sizes

    def text(self):
        row, matrix = mixer_ops.wide(1, self.w), mixer_ops.wide(self.w, self.w)
        body = "".join(f"  %x{i + 1} = linalg.matmul {compare_ops.TRANSPOSED} ins(%x{i}, %w : {row}, {matrix})\n"
                       f"      outs(%fill : {row}) -> {row}\n" for i in range(self.count))
        return f"""
func.func @run({mixer_ops.argument("x0", row)}, {mixer_ops.argument("w", matrix)}) -> ({row} {{seq.name = "y"}}) {{
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : {row}
  %fill = linalg.fill ins(%zero : f32) outs(%empty : {row}) -> {row}
{body}  return %x{self.count} : {row}
}}"""


class Elements:
    """elements:RxWxN:exp|fma, N exponentials, or N multiply-adds, of each element of rows of f32"""

    def __init__(self, sizes, flags, folder, name):
        (self.r, self.w, self.count), (self.what,) = sizes, flags

    def text(self):
        rows, body = mixer_ops.wide(self.r, self.w), ""
        for i in range(self.count):
            if self.what == "exp":
                body += f"    %m{i} = arith.addf %s{i}, %a : f32\n    %s{i + 1} = math.exp2 %m{i} : f32\n"
            else:
                body += f"    %m{i} = arith.mulf %s{i}, %a : f32\n    %s{i + 1} = arith.addf %m{i}, %b : f32\n"
        return f"""
#id = affine_map<(r, w) -> (r, w)>
func.func @run({mixer_ops.argument("x", rows)}) -> ({rows} {{seq.name = "y"}}) {{
  %b = arith.constant 0.125 : f32
  %empty = tensor.empty() : {rows}
  %y = linalg.generic {{indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}}
      ins(%x : {rows}) outs(%empty : {rows}) {{
  ^bb0(%s0: f32, %old: f32):
    %a = arith.mulf %s0, %b : f32
{body}    linalg.yield %s{self.count} : f32
  }} -> {rows}
  return %y : {rows}
}}"""


KINDS = compare_ops.FAMILIES | {"product": Product, "linear": Linear, "conv": Convolution, "experts": Experts,
                                "route": Route, "sums": Sums, "chain": Chain, "elements": Elements}


def products():
    """Large, of few rows, and odd; bf16 and f16 go to the matrix unit beside the threads, f32 and what is odd do not."""
    sides = ((4096, 4096), (14336, 4096), (4096, 14336), (2560, 2560), (1000, 1000), (768, 3072), (5504, 2048), (1536, 8192))
    rows = (1, 4, 8, 16, 33, 64, 100, 128, 200, 256, 384, 512, 777, 1024, 1500, 2048, 3000, 4096, 6000, 8192)
    works = [f"product:{m}x{n}x{k}:{'f16' if (i + j) % 5 == 4 else 'bf16'}"
             for i, m in enumerate(rows) for j, (n, k) in enumerate(sides) if (3 * i + j) % 4 == 0]
    return works + [f"product:{m}x{n}x{k}:bf16" for m, n, k in ((8192, 8192, 8192), (1000, 3333, 1000), (2048, 2048, 2048),
                                                              (4096, 512, 512), (512, 512, 4096), (16384, 1024, 1024))]


def products_f32():
    return [f"product:{m}x{n}x{k}:f32" for m, n, k in (
        (1, 4096, 4096), (1, 1000, 3000), (1, 14336, 4096), (16, 2048, 2048), (64, 4096, 1024), (100, 1000, 1000), (128, 2048, 2048),
        (256, 256, 256), (512, 1024, 1024), (777, 768, 768), (1024, 1024, 1024), (2048, 2048, 2048))]


def attention():
    shapes = ((1, 128, 32, 8, 128), (1, 512, 32, 8, 128), (1, 1000, 32, 8, 128), (1, 2048, 32, 8, 128), (1, 4096, 32, 8, 128),
              (1, 8192, 16, 16, 128), (1, 16384, 8, 8, 128), (4, 777, 6, 3, 128), (8, 1024, 16, 4, 64), (2, 3000, 12, 12, 64),
              (1, 8192, 32, 8, 64), (4, 4096, 16, 16, 64), (1, 333, 8, 2, 256), (2, 2048, 8, 8, 256), (1, 6000, 8, 1, 256),
              (16, 512, 16, 16, 128), (32, 256, 8, 8, 64), (3, 1500, 24, 8, 192))
    works = [f"attention:{'x'.join(map(str, shape))}{mask}" for shape in shapes for mask in (":causal", "")]
    return works + ["attention:1x4096x32x8x128:causal:window=1024", "attention:1x8192x16x4x128:causal:window=512",
                    "attention:2x3000x8x8x64:causal:window=700", "attention:1x2048x8x4x80:causal"]


def decode():
    shapes = [(1, s, 32, 8, 128) for s in (512, 2048, 5000, 16384, 50000)] + [
        (8, s, 32, 8, 128) for s in (300, 1024, 4096, 9000)] + [(64, s, 8, 8, 128) for s in (256, 1000, 2048)]
    shapes += [(4, 8192, 16, 16, 64), (16, 2000, 16, 4, 64), (1, 10000, 16, 1, 64), (2, 4096, 8, 2, 256), (1, 700, 40, 8, 128),
               (32, 4096, 8, 1, 128)]
    return [f"decode:{'x'.join(map(str, shape))}" for shape in shapes]


def state_spaces():
    shapes = ((256, 24, 64, 128), (512, 80, 64, 128), (1000, 6, 64, 64), (1000, 32, 64, 128), (1024, 48, 64, 128), (2048, 24, 64, 128),
              (2048, 80, 64, 128), (3000, 16, 64, 64), (4096, 32, 64, 128), (4096, 80, 64, 64), (8192, 24, 64, 128), (8192, 80, 64, 128),
              (10000, 48, 64, 128), (16384, 32, 64, 64), (16384, 64, 64, 128), (32768, 24, 64, 128), (65536, 16, 64, 128),
              (777, 40, 32, 64), (5000, 12, 128, 128), (2048, 64, 64, 256))
    return [f"mamba2:{'x'.join(map(str, shape))}" for shape in shapes]


def linear_attention():
    shapes = ((512, 8, 64, 64), (1024, 16, 128, 128), (2000, 8, 64, 128), (4096, 16, 64, 64), (8192, 8, 128, 128), (3000, 32, 32, 64))
    return [f"linear:{'x'.join(map(str, shape))}:{rule}" for i, shape in enumerate(shapes)
            for j, rule in enumerate(("linear", "gated", "gated:rows")) if (i + j) % 3 != 2]


def delta_rules():
    shapes = ((256, 8, 64, 64), (512, 16, 128, 128), (1000, 8, 64, 64), (2048, 16, 64, 64), (2048, 32, 128, 128), (4096, 8, 64, 128),
              (3000, 24, 64, 64))
    return [f"linear:{'x'.join(map(str, shape))}:{rule}" for i, shape in enumerate(shapes)
            for j, rule in enumerate(("delta", "gated_delta", "gated_delta:rows")) if (i + j) % 3 != 2]


def selective_scans():
    return [f"selective_scan:{l}x{d}" for l, d in ((128, 1024), (256, 2048), (512, 1536), (512, 5120), (1000, 768), (1024, 4096),
                                                   (2048, 1536), (2048, 5120), (3000, 2000), (4096, 1024), (4096, 8192), (8192, 2048))]


def scans():
    return [f"sums:{l}x{d}" for l, d in ((256, 4096), (1000, 1024), (1024, 16384), (2048, 512), (3000, 3000), (4096, 4096), (8192, 256),
                                         (512, 65536))]


def convolutions():
    return [f"conv:{l}x{d}x{k}" for l, d, k in (
        (512, 1024, 4), (1000, 768, 3), (2048, 4096, 4), (4096, 1536, 4), (4096, 8192, 4), (8192, 2048, 2), (16384, 5120, 4),
        (3000, 2000, 7), (1024, 256, 64), (2048, 768, 128), (1024, 512, 1024), (2048, 256, 2048), (4096, 512, 4096), (8192, 128, 8192),
        (3000, 300, 1000), (4096, 1024, 33))]


def experts():
    return [f"experts:{t}x{e}x{k}x{d}x{f}" for t, e, k, d, f in (
        (1, 8, 2, 1024, 2048), (4, 16, 2, 1024, 1024), (16, 32, 4, 768, 1536), (64, 8, 2, 2048, 4096), (100, 64, 6, 1024, 512),
        (256, 8, 2, 2048, 2048), (256, 32, 4, 1024, 1024), (500, 16, 1, 1000, 3000), (1024, 8, 2, 2048, 4096), (1024, 64, 8, 1024, 512),
        (2048, 16, 2, 1024, 2048), (4096, 8, 2, 1024, 4096))]


def rows():
    shapes = ((1, 4096), (16, 4096), (128, 1000), (512, 8192), (1024, 1024), (2048, 4096), (3000, 3000), (4096, 768), (8192, 4096),
              (16384, 2048), (32768, 512), (10000, 5120))
    works = [f"{kind}:{r}x{w}" for i, (r, w) in enumerate(shapes) for j, kind in enumerate(("rms_norm", "swiglu", "softmax"))
             if (i + j) % 3 != 2]
    return works + ["softmax:64x128256", "rms_norm:100x16384", "swiglu:777x14336", "softmax:100000x64"]


def routes():
    return [f"route:{t}x{e}x{k}" for t, e, k in ((1, 64, 6), (32, 8, 2), (256, 128, 8), (1000, 60, 4), (2048, 256, 8), (4096, 64, 6),
                                                 (8192, 16, 2), (3000, 160, 6))]


FAMILIES = {"product": products, "product_f32": products_f32, "attention": attention, "decode": decode, "state_space": state_spaces,
            "linear_attention": linear_attention, "delta_rule": delta_rules, "selective_scan": selective_scans, "scan": scans,
            "convolution": convolutions, "experts": experts, "rows": rows, "route": routes}
PROBES = ["chain:64x1", "chain:64x4", "chain:64x16", "chain:64x64", "chain:1024x4", "chain:1024x32", "chain:2048x4", "chain:2048x32",
          "swiglu:16384x4096", "swiglu:32768x4096", "swiglu:1024x4096", "swiglu:512x4096", "elements:8192x4096x1:exp",
          "elements:8192x4096x64:exp", "elements:8192x4096x128:exp", "elements:8192x4096x128:fma", "elements:8192x4096x256:fma",
          "product:8192x8192x4096:bf16", "product:8192x8192x12288:bf16", "product:8192x8192x4096:f16", "product:8192x8192x12288:f16",
          "product:2112x2048x1024:bf16", "product:2112x2048x9216:bf16", "product:1x32768x4096:bf16", "product:1x65536x4096:bf16"]


def list_works():
    """Each work with its family and part: fit, test, unfitted or probe."""
    works = [{"work": work, "family": "probe", "part": "probe"} for work in PROBES]
    for family, make in FAMILIES.items():
        for i, work in enumerate(make()):
            part = "unfitted" if family in UNFITTED else "fit" if i % 4 == 1 else "test"
            works.append({"work": work, "family": family, "part": part})
    return works


def get_program(spelled):
    """The work's object and its program."""
    kind, sizes, *flags = spelled.split(":")
    work = KINDS[kind]([int(size) for size in sizes.split("x")], flags, None, "")
    return work, work.text() + "\n"


def list_tensors(text):
    """Name, shape and element of the arguments and results of @run."""
    head = text[text.index("@run") :].split(") {\n", 1)[0]
    arguments, results = head.split("->", 1)
    found = []
    for part in (arguments, results):
        tensors = []
        for kind, name in re.findall(r'tensor<([^>]*)> {seq.name = "(\w+)"', part):
            *shape, element = kind.split("x")
            tensors.append((name, [int(extent) for extent in shape], element))
        found.append(tensors)
    return found


def get_name(spelled):
    return spelled.replace(":", "-").replace("=", "-")
