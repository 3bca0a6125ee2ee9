"""The recurrences, long convolutions and experts that compare_ops.py times, and how PyTorch computes them.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

PyTorch has no op for any of them; the peer is the fastest plain form: products over chunks with bf16 operands where there
is one, its chunk the fastest of a few, a loop over time of vectorised steps for the selective scan, transforms of f32 for
long convolutions, a loop over the experts that have rows.
"""

import ctypes
import time

import torch
import torch.nn.functional as functional

from row_ops import SILU_PAIR


def flag(flags, name, default=0):
    return next((int(each.split("=")[1]) for each in flags if each.startswith(name + "=")), default)


def fastest(forms):
    """The call among `forms` that takes least, each tried once after one to warm up."""
    def wait():
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    def seconds(form):
        form()
        wait()
        start = time.perf_counter()
        form()
        wait()
        return time.perf_counter() - start

    return min(forms, key=seconds)


def half(*shape):
    return f"tensor<{'x'.join(map(str, shape))}xbf16>"


def wide(*shape):
    return half(*shape).replace("bf16", "f32")


def argument(name, kind):
    return f'%{name}: {kind} {{seq.name = "{name}"}}'


class Mixer:
    """Inputs made in `make_inputs`, a list; weights, if any, are written by `write`."""

    def write(self):
        pass

    def make(self, device):
        self.inputs = self.make_inputs()
        self.given = [tensor.to(device) for tensor in self.inputs]
        with torch.no_grad():
            self.form = fastest(self.forms())

    def peer(self):
        return self.form()


class LinearAttention(Mixer):
    """Heads of a matrix state; in chunks, or one token at a time with :chunk=1; with :f32 operands are widened before."""

    def __init__(self, sizes, flags, folder, name):
        self.chunk, self.widens = flag(flags, "chunk"), "f32" in flags

    def spell(self, rule, more, tensors):
        """`tensors` name shapes of q, k, v and, in f32, of the others."""
        kind = {name: half(*shape) if name in "qkv" else wide(*shape) for name, shape in tensors.items()}
        arguments = ", ".join(argument(name, each) for name, each in kind.items() if name != "s")
        output = self.output
        names, body = {name: f"%{name}" for name in "qkv"}, ""
        operand = {name: wide(*tensors[name]) if self.widens else kind[name] for name in "qkv"}
        if self.widens:
            for name in "qkv":
                names[name] = f"%{name}wide"
                body += f"  %{name}wide = arith.extf %{name} : {kind[name]} to {operand[name]}\n"
        chunk = f", chunk = {self.chunk} : i64" if self.chunk else ""
        return f"""
func.func @run({arguments}) -> ({half(*output)} {{seq.name = "o"}}) {{
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : {kind["s"]}
  %s = linalg.fill ins(%zero : f32) outs(%empty : {kind["s"]}) -> {kind["s"]}
{body}  %y, %after = seq.linear_attention {rule} {names["q"]}, {names["k"]}, {names["v"]} {more} state(%s)
    {{scale = {self.scale:.9f} : f32{chunk}}} : {operand["q"]}, {operand["k"]}, {operand["v"]}, {kind["s"]}
  %o = arith.truncf %y : {wide(*output)} to {half(*output)}
  return %o : {half(*output)}
}}"""

    def forms(self):
        return [lambda chunk=chunk: self.chunked(chunk).bfloat16() for chunk in (32, 64, 128, 256) if chunk <= self.l]


def decay_in(total, strict=False):
    """e^(G_i - G_j) below the diagonal, [.., C, C], of decays summed up to each row, [.., C]."""
    seen = torch.ones(total.shape[-1], total.shape[-1], dtype=torch.bool, device=total.device).tril(-1 if strict else 0)
    return (total[..., :, None] - total[..., None, :]).masked_fill(~seen, -torch.inf).exp()


class Mamba2(LinearAttention):
    """mamba2:LxHxPxN[:chunk=C][:f32], H heads of width P that share keys and queries of N (SSD)"""

    scale = 1.0

    def __init__(self, sizes, flags, folder, name):
        super().__init__(sizes, flags, folder, name)
        self.l, self.h, self.p, self.n = sizes
        self.output = (self.l, self.h, self.p)
        # As counted for the recurrent form.
        self.work = 4 * self.l * self.h * self.p * self.n
        self.bytes = 2 * self.l * (2 * self.h * self.p + 2 * self.n) + 4 * self.l * self.h

    def text(self):
        l, h, p, n = self.l, self.h, self.p, self.n
        return self.spell("gated", f"decay(%g : {wide(l, h)})",
                          {"q": (l, 1, n), "k": (l, 1, n), "v": (l, h, p), "g": (l, h), "s": (h, n, p)})

    def make_inputs(self):
        l, h, p, n = self.l, self.h, self.p, self.n
        step = functional.softplus(torch.randn(l, h) - 3)
        return [torch.randn(l, 1, n).bfloat16(), (torch.randn(l, 1, n) / n**0.5).bfloat16(),
                (torch.randn(l, h, p) * step[..., None]).bfloat16(), -step * torch.rand(h) * 4]

    def forms(self):
        if not self.given[0].is_cuda:
            return super().forms()
        compiled = torch.compile(self.multiply_chunks, dynamic=False)
        return [lambda chunk=chunk: self.whole(compiled, chunk) for chunk in (125, 128, 256) if self.l % chunk == 0]

    def whole(self, multiply, chunk):
        """All chunks at once, the states between them by one product too (Dao and Gu 2024, listing 1). Inductor has no
        sums along two dimensions of this length, so they stand before what it compiles."""
        q, k, v, g = (tensor.unflatten(0, (-1, chunk)) for tensor in self.given)
        total = g.permute(2, 0, 1).cumsum(-1)
        return multiply(q[:, :, 0], k[:, :, 0], v, total, total[..., -1].cumsum(-1))

    @staticmethod
    def multiply_chunks(q, k, v, total, ends):
        scores = torch.einsum("cin,cjn->cij", q, k)
        within = torch.einsum("cij,hcij,cjhp->cihp", scores, decay_in(total).to(v.dtype), v)
        added = torch.einsum("cjn,hcj,cjhp->chnp", k, (total[..., -1:] - total).exp().to(v.dtype), v)
        passed = (functional.pad(ends, (1, -1))[..., :, None] - ends[..., None, :]).tril(-1).exp().tril(-1)
        before = torch.einsum("hzc,chnp->zhnp", passed.to(v.dtype), added)
        across = torch.einsum("cin,chnp,hci->cihp", q, before, total.exp().to(v.dtype))
        return (within + across).flatten(0, 1)

    def chunked(self, chunk):
        q, k, v, g = self.given
        state = torch.zeros(self.h, self.n, self.p)
        cut = lambda x: x.unflatten(0, (-1, chunk)).transpose(1, 2)  # [chunks, heads, C, ..]
        q, k, v, total = cut(q), cut(k), cut(v), cut(g).cumsum(-1)
        within = ((q @ k.transpose(-1, -2)) * decay_in(total)).bfloat16() @ v
        added = k.transpose(-1, -2) @ (v * (total[..., -1:] - total).exp()[..., None]).bfloat16()
        before = []
        for i in range(len(v)):
            before.append(state)
            state = state * total[i, :, -1].exp()[:, None, None] + added[i]
        across = (q @ torch.stack(before).bfloat16()) * total.exp()[..., None]
        return (within + across).transpose(1, 2).flatten(0, 1)

    def reference(self):
        q, k, v, g = (tensor.float() for tensor in self.given)
        state = torch.zeros(self.h, self.n, self.p, device=q.device)
        rows = []
        for t in range(self.l):
            state = state * g[t].exp()[:, None, None] + k[t, :, :, None] * v[t, :, None]
            rows.append((q[t, :, None] @ state)[:, 0])
        return torch.stack(rows)


class Delta(LinearAttention):
    """delta:LxHxD[:chunk=C][:f32], the gated delta rule on H heads of width D"""

    def __init__(self, sizes, flags, folder, name):
        super().__init__(sizes, flags, folder, name)
        self.l, self.h, self.d = sizes
        self.scale = self.d**-0.5
        self.output = (self.l, self.h, self.d)
        self.work = 6 * self.l * self.h * self.d * self.d
        self.bytes = 8 * self.l * self.h * self.d

    def text(self):
        row, number = (self.l, self.h, self.d), (self.l, self.h)
        return self.spell("gated_delta", f"decay(%g : {wide(*number)}) beta(%b : {wide(*number)})",
                          {"q": row, "k": row, "v": row, "g": number, "b": number, "s": (self.h, self.d, self.d)})

    def make_inputs(self):
        l, h, d = self.l, self.h, self.d
        q, k = (functional.normalize(torch.randn(l, h, d), dim=-1).bfloat16() for _ in range(2))
        return [q, k, torch.randn(l, h, d).bfloat16(), -functional.softplus(torch.randn(l, h) - 3),
                torch.rand(l, h)]

    def chunked(self, chunk):
        q, k, v, g, beta = self.given
        state = torch.zeros(self.h, self.d, self.d)
        cut = lambda x: x.unflatten(0, (-1, chunk)).transpose(1, 2)
        q, k, v, total, beta = cut(q), cut(k), cut(v), cut(g).cumsum(-1), cut(beta)[..., None]
        below = (k @ k.transpose(-1, -2)) * decay_in(total, strict=True) * beta
        inverse = torch.linalg.solve_triangular(below, torch.eye(chunk).expand_as(below), upper=False, unitriangular=True)
        inverse, grown = inverse.bfloat16(), total.exp()[..., None]
        new, old = inverse @ (v * beta).bfloat16(), inverse @ (k * beta * grown).bfloat16()
        scores = ((q @ k.transpose(-1, -2)) * decay_in(total)).bfloat16()
        q, k = (q * grown).bfloat16(), (k * (total[..., -1:] - total).exp()[..., None]).bfloat16().transpose(-1, -2)
        outputs = []
        for i in range(len(v)):
            rounded = state.bfloat16()
            values = new[i] - old[i] @ rounded
            outputs.append(q[i] @ rounded + scores[i] @ values)
            state = state * grown[i, :, -1:] + k[i] @ values
        return torch.stack(outputs).transpose(1, 2).flatten(0, 1) * self.scale

    def reference(self):
        q, k, v, g, beta = (tensor.float() for tensor in self.given)
        state = torch.zeros(self.h, self.d, self.d, device=q.device)
        rows = []
        for t in range(self.l):
            state = state * g[t].exp()[:, None, None]
            missing = (v[t] - (k[t, :, None] @ state)[:, 0]) * beta[t, :, None]
            state = state + k[t, :, :, None] * missing[:, None]
            rows.append((q[t, :, None] @ state)[:, 0])
        return torch.stack(rows) * self.scale


class SelectiveScan(Mixer):
    """selective_scan:LxD, D channels of 16 states (Mamba)"""

    states = 16

    def __init__(self, sizes, flags, folder, name):
        self.l, self.d = sizes
        # One exponential an element of the state: what `gflops` counts.
        self.work = self.l * self.d * self.states
        self.bytes = 12 * self.l * self.d

    def text(self):
        l, d, n = self.l, self.d, self.states
        kinds = {"u": wide(l, d), "delta": wide(l, d), "A": wide(d, n), "B": wide(l, n), "C": wide(l, n), "h": wide(d, n)}
        return f"""
func.func @run({", ".join(argument(*each) for each in kinds.items())}) -> ({wide(l, d)} {{seq.name = "y"}}) {{
  %y, %after = seq.selective_scan %u, %delta, %A, %B, %C state(%h)
    : {", ".join(kinds.values())}
  return %y : {wide(l, d)}
}}"""

    def make_inputs(self):
        l, d, n = self.l, self.d, self.states
        return [torch.randn(l, d), functional.softplus(torch.randn(l, d) - 3), -torch.rand(d, n) * 16, torch.randn(l, n),
                torch.randn(l, n), torch.zeros(d, n)]

    def forms(self):
        return [self.reference]

    def reference(self):
        u, delta, a, b, c, state = self.given
        rows = []
        for t in range(self.l):
            state = (delta[t, :, None] * a).exp() * state + (delta[t] * u[t])[:, None] * b[t]
            rows.append(state @ c[t])
        return torch.stack(rows)


class LongConv(Mixer):
    """long_conv:LxD, D channels, each with a filter as long as the sequence; the filters' spectra are not timed"""

    def __init__(self, sizes, flags, folder, name):
        self.l, self.d = sizes
        self.work = 2 * self.l * self.l * self.d / 2
        self.bytes = 8 * self.l * self.d
        self.weight = folder / f"{name}.bin"

    def text(self):
        l, d = self.l, self.d
        return f"""
seq.parameter @w : {wide(d, l)} from "{self.weight}" at 0
func.func @run({argument("x", wide(l, d))}) -> ({wide(l, d)} {{seq.name = "y"}}) {{
  %w = seq.weight @w : {wide(d, l)}
  %y = seq.conv %x, %w : {wide(l, d)}, {wide(d, l)}
  return %y : {wide(l, d)}
}}"""

    def write(self):
        torch.manual_seed(1)
        taps = torch.randn(self.d, self.l) / self.l**0.5
        self.weight.write_bytes(ctypes.string_at(taps.data_ptr(), 4 * taps.numel()))

    def make_inputs(self):
        # The last tap multiplies the newest row.
        taps = torch.frombuffer(bytearray(self.weight.read_bytes()), dtype=torch.float32).reshape(self.d, self.l).flip(1)
        self.spectra = torch.fft.rfft(taps, 2 * self.l)
        return [torch.randn(self.l, self.d)]

    def forms(self):
        return [self.transform]

    def transform(self, number=torch.float32):
        x = self.given[0].T.to(number)
        return torch.fft.irfft(torch.fft.rfft(x, 2 * self.l) * self.spectra, 2 * self.l)[:, : self.l].T.contiguous()

    def reference(self):
        return self.transform(torch.float64)


class Experts(Mixer):
    """experts:TxExKxDxF, T tokens that go to K each of E gated experts of inner width F, and are summed by weight"""

    def __init__(self, sizes, flags, folder, name):
        self.t, self.e, self.k, self.d, self.f = sizes
        self.work = 6 * self.t * self.k * self.d * self.f
        self.bytes = 6 * min(self.e, self.t * self.k) * self.d * self.f
        self.weight = folder / f"experts-{self.e}-{self.d}-{self.f}.bin"

    def text(self):
        t, e, k, d, f = self.t, self.e, self.k, self.d, self.f
        pairs = t * k
        inner, outer, offsets = half(e, f, d), half(e, d, f), f"tensor<{e + 1}xi32>"
        chosen, each = f"tensor<{t}x{k}xi32>", f"tensor<{pairs}xi32>"
        first = f"offsets(%n) gather(%pairs : {each}) top_k {k} : {half(t, d)}, {inner}, {offsets} -> {wide(pairs, f)}"
        stacks = {"gate": (half(f, d), inner), "up": (half(f, d), inner), "down": (half(d, f), outer)}
        parameters, stacked = "", ""
        for place, (name, (matrix, stack)) in enumerate(stacks.items()):
            for i in range(e):
                parameters += f'seq.parameter @{name}{i} : {matrix} from "{self.weight}" at {(place * e + i) * 2 * f * d}\n'
                stacked += f"  %{name}{i} = seq.weight @{name}{i} : {matrix}\n"
            stacked += f"  %{name} = seq.pack {', '.join(f'%{name}{i}' for i in range(e))}"
            stacked += f" : {', '.join([matrix] * e)} -> {stack}\n"
        return f"""
{parameters}#rows = affine_map<(r, w) -> (r, w)>
func.func @run({argument("x", half(t, d))}, {argument("e", chosen)}, {argument("s", wide(t, k))})
    -> ({half(t, d)} {{seq.name = "y"}}) {{
{stacked}  %pairs, %places, %n = seq.dispatch %e : {chosen} -> {each}, {chosen}, {offsets}
  %a = seq.experts %x, %gate {first}
  %b = seq.experts %x, %up {first}
  %one = arith.constant 1.0 : f32
  %none = tensor.empty() : {half(pairs, f)}
  %h = linalg.generic {{indexing_maps = [#rows, #rows, #rows], iterator_types = ["parallel", "parallel"]}}
      ins(%a, %b : {wide(pairs, f)}, {wide(pairs, f)}) outs(%none : {half(pairs, f)}) {{
  ^bb0(%p: f32, %q: f32, %unused: bf16):
{SILU_PAIR}
    %r = arith.truncf %pair : f32 to bf16
    linalg.yield %r : bf16
  }} -> {half(pairs, f)}
  %z = seq.experts %h, %down offsets(%n) : {half(pairs, f)}, {outer}, {offsets} -> {wide(pairs, d)}
  %c = seq.combine %z, %s, %places : {wide(pairs, d)}, {wide(t, k)}, {chosen} -> {wide(t, d)}
  %y = arith.truncf %c : {wide(t, d)} to {half(t, d)}
  return %y : {half(t, d)}
}}"""

    def write(self):
        if self.weight.exists():
            return
        torch.manual_seed(1)
        with open(self.weight, "wb") as file:
            for inputs in (self.d, self.d, self.f):
                for _ in range(self.e):
                    block = (torch.randn(self.f * self.d) / inputs**0.5).bfloat16()
                    file.write(ctypes.string_at(block.data_ptr(), 2 * block.numel()))

    def make_inputs(self):
        data = torch.frombuffer(bytearray(self.weight.read_bytes()), dtype=torch.bfloat16).reshape(3, -1)
        self.matrices = [data[0].reshape(self.e, self.f, self.d), data[1].reshape(self.e, self.f, self.d),
                         data[2].reshape(self.e, self.d, self.f)]
        scores, chosen = torch.randn(self.t, self.e).softmax(-1).topk(self.k)
        return [torch.randn(self.t, self.d).bfloat16(), chosen.int(), scores]

    def forms(self):
        return [lambda: self.loop(torch.bfloat16)]

    def loop(self, number):
        x, chosen, scores = self.given
        x = x.to(number)
        output = torch.zeros(self.t, self.d)
        for expert in chosen.unique().tolist():
            token, choice = torch.where(chosen == expert)
            gate, up, down = (matrix[expert].to(number) for matrix in self.matrices)
            rows = x[token]
            inner = functional.silu(functional.linear(rows, gate)) * functional.linear(rows, up)
            output.index_add_(0, token, functional.linear(inner, down).float() * scores[token, choice, None])
        return output.to(number)

    def reference(self):
        return self.loop(torch.float32)


FAMILIES = {"mamba2": Mamba2, "delta": Delta, "selective_scan": SelectiveScan, "long_conv": LongConv, "experts": Experts}
