"""Times compiled ops and PyTorch's on the same data in one process, in turns, and writes the rows as JSON.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

    python3 compare_ops.py --compile ../../build/bin/sennit --target cpu:host --folder ops matmul:512x512x512
    python3 compare_ops.py --library ../../build/lib/libsennit-runtime.so --folder ops --out results/ops-cpu.json \
        matmul:512x512x512

The first writes a module for each work into the folder, the second, which needs torch and the runtime alone, runs them:
on the GPU where a module is for one. Data are random normal, weights and activations bf16. Every round warms and times
some calls of either side; a row is the median over the rounds, and the best. Sennit's times are of a call's kernels
together, as its profile has them: a CPU's by the wall, on pinned threads. On a GPU either side's call is one CUDA graph
between events, after a pause, a sweep of the cache and copies of its inputs. Errors are of the whole output against
float32, a ratio of norms. `report.py` turns the JSON into docs/benchmarks.md.
"""

import argparse
import contextlib
import ctypes
import json
import os
import pathlib
import platform
import statistics
import subprocess
import time

import torch
import torch.nn.functional as functional
from torch.nn.attention import SDPBackend, sdpa_kernel

import mixer_ops
import row_ops
import scored_ops

TRANSPOSED = "indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]"


def normal(*shape):
    return torch.randn(*shape, dtype=torch.bfloat16)


class Matmul:
    """matmul:MxNxK[:f32|:int8|:int4[:torch]], the rows of bf16 by a weight that the module may pack once, or quantises at
    load by groups of 128. The peer then multiplies by the bf16 weight, or with `torch` by its own quantised form, which
    for 8 bits has a scale a row."""

    def __init__(self, sizes, flags, folder, name):
        self.bits = 8 if "int8" in flags else 4 if "int4" in flags else 0
        self.quantised_peer = "torch" in flags
        self.options = [f"--weights=int{self.bits}"] if self.bits else []
        self.m, self.n, self.k = sizes
        self.element, self.number, self.size = ("f32", torch.float32, 4) if "f32" in flags else ("bf16", torch.bfloat16, 2)
        self.work = 2 * self.m * self.n * self.k
        self.bytes = int((self.bits / 8 + 4 / 128 if self.bits else self.size) * self.n * self.k)
        self.weight = folder / f"{name}.bin"

    def text(self):
        m, n, k, element = self.m, self.n, self.k, self.element
        rounding = f"""
  %y = arith.truncf %p : tensor<{m}x{n}xf32> to tensor<{m}x{n}xbf16>"""
        rounding, result = (rounding, "%y") if element == "bf16" else ("", "%p")
        return f"""
seq.parameter @w : tensor<{n}x{k}x{element}> from "{self.weight}" at 0
func.func @run(%x: tensor<{m}x{k}x{element}> {{seq.name = "x"}}) -> (tensor<{m}x{n}x{element}> {{seq.name = "y"}}) {{
  %w = seq.weight @w : tensor<{n}x{k}x{element}>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<{m}x{n}xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<{m}x{n}xf32>) -> tensor<{m}x{n}xf32>
  %p = linalg.matmul {TRANSPOSED} ins(%x, %w : tensor<{m}x{k}x{element}>, tensor<{n}x{k}x{element}>)
      outs(%z : tensor<{m}x{n}xf32>) -> tensor<{m}x{n}xf32>{rounding}
  return {result} : tensor<{m}x{n}x{element}>
}}"""

    def write(self):
        """The weight, the same bytes wherever it is written: rotations of one block of numbers."""
        torch.manual_seed(1)
        block, count = torch.randn(1 << 22).to(self.number), self.n * self.k
        matrix = torch.cat([block.roll(7919 * i) for i in range(-(-count // block.numel()))])
        self.weight.write_bytes(ctypes.string_at(matrix.data_ptr(), self.size * count))

    def make(self, device):
        if not self.weight.exists():
            self.write()
        data = torch.frombuffer(bytearray(self.weight.read_bytes()), dtype=self.number)
        self.matrix = data.reshape(self.n, self.k).to(device)
        self.inputs = [torch.randn(self.m, self.k, dtype=self.number)]
        self.given = [self.inputs[0].to(device)]
        if self.quantised_peer:
            self.quantise()

    def quantise(self):
        """The matrix as torch's products on a CPU take it."""
        group = self.k if self.bits == 8 else 128
        groups = self.matrix.float().reshape(self.n, -1, group)
        largest = 2 ** (self.bits - 1) - 1
        scales = groups.abs().amax(-1, keepdim=True) / largest
        numbers = (groups / scales).round().reshape(self.n, self.k)
        if self.bits == 8:
            self.packed = numbers.to(torch.int8), scales.flatten().bfloat16()
            return
        packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu((numbers + 8).to(torch.int32), 1)
        scales = scales[..., 0].T.bfloat16()
        self.packed = packed, group, torch.stack([scales, torch.zeros_like(scales)], -1).contiguous()

    def peer(self):
        if self.quantised_peer and self.bits == 8:
            return torch._weight_int8pack_mm(self.given[0], *self.packed)
        if self.quantised_peer:
            return torch.ops.aten._weight_int4pack_mm_for_cpu(self.given[0], *self.packed)
        return functional.linear(self.given[0], self.matrix)

    def reference(self):
        exact = torch.float64 if self.number == torch.float32 else torch.float32
        return functional.linear(self.given[0].to(exact), self.matrix.to(exact))


class Attention:
    """attention:BxSxHxGxD[:causal][:window=W], H query heads on G key heads, out of tensors [B, S, H, D]. The peer is
    scaled_dot_product_attention, by cuDNN on a GPU; with a window there, flex_attention."""

    def __init__(self, sizes, flags, folder, name):
        self.b, self.s, self.h, self.g, self.d = sizes
        self.causal = "causal" in flags
        self.window = next((int(flag[7:]) for flag in flags if flag.startswith("window=")), 0)
        # As it is counted everywhere: half of the square where it is causal.
        keys = self.s if not self.causal else self.s / 2
        if self.window:
            keys = self.window * (1 - self.window / self.s / 2)
        self.work = 4 * self.b * self.h * self.s * keys * self.d
        self.bytes = 2 * self.b * self.s * (2 * self.h + 2 * self.g) * self.d

    queries = property(lambda self: self.s)

    def text(self):
        q = f"tensor<{self.b}x{self.queries}x{self.h}x{self.d}xbf16>"
        k = f"tensor<{self.b}x{self.s}x{self.g}x{self.d}xbf16>"
        attributes = [f"scale = {self.d ** -0.5:.9f} : f32"]
        if self.causal:
            attributes.append("window_right = 0 : i64")
        if self.window:
            attributes.append(f"window_left = {self.window - 1} : i64")
        return f"""
func.func @run(%q: {q} {{seq.name = "q"}}, %k: {k} {{seq.name = "k"}}, %v: {k} {{seq.name = "v"}})
    -> ({q} {{seq.name = "o"}}) {{
  %o = seq.attention %q, %k, %v {{{", ".join(attributes)}}} : {q}, {k}, {k}
  return %o : {q}
}}"""

    def write(self):
        pass

    def make(self, device):
        self.inputs = [normal(self.b, self.queries, self.h, self.d), normal(self.b, self.s, self.g, self.d),
                       normal(self.b, self.s, self.g, self.d)]
        self.given = [tensor.to(device).transpose(1, 2) for tensor in self.inputs]
        self.flex = None
        if self.window and device == "cuda":
            from torch.nn.attention.flex_attention import create_block_mask, flex_attention

            seen = create_block_mask(lambda b, h, i, j: (i >= j) & (i - j < self.window), None, None, self.s, self.s, device)
            compiled = torch.compile(flex_attention)
            self.flex = lambda: compiled(*self.given, block_mask=seen, enable_gqa=self.h != self.g)

    def peer(self):
        if self.flex:
            return self.flex().transpose(1, 2)
        mask = self.mask()
        backends = [SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION, SDPBackend.MATH]
        with sdpa_kernel(backends, set_priority=True) if self.given[0].is_cuda else contextlib.nullcontext():
            return functional.scaled_dot_product_attention(
                *self.given, attn_mask=mask, is_causal=self.causal and mask is None, enable_gqa=self.h != self.g
            ).transpose(1, 2)

    def mask(self):
        """Which keys each query sees, where that is more than an order."""
        if not self.window:
            return None
        distance = torch.arange(self.s, device=self.given[0].device)
        distance = distance[:, None] - distance[None]
        return (distance >= 0) & (distance < self.window)

    def reference(self):
        mask = self.mask()
        # Head by head: the scores of all would not fit.
        share, heads = self.h // self.g, []
        for head in range(self.h):
            tensors = [self.given[0][:, head : head + 1], *(t[:, head // share : head // share + 1] for t in self.given[1:])]
            tensors = [tensor.float() for tensor in tensors]
            heads.append(functional.scaled_dot_product_attention(*tensors, attn_mask=mask,
                                                                 is_causal=self.causal and mask is None))
        return torch.cat(heads, 1).transpose(1, 2)


class Decode(Attention):
    """decode:BxSxHxGxD, one query a sequence on S keys."""

    queries = property(lambda self: 1)

    def __init__(self, sizes, flags, folder, name):
        super().__init__(sizes, flags, folder, name)
        self.work = 4 * self.b * self.h * self.s * self.d
        self.bytes = 4 * self.b * self.s * self.g * self.d


FAMILIES = {"matmul": Matmul, "attention": Attention, "decode": Decode} | row_ops.FAMILIES | mixer_ops.FAMILIES | scored_ops.FAMILIES


def parse(spelled, folder):
    family, sizes, *flags = spelled.split(":")
    name = spelled.replace(":", "-").replace("=", "-")
    return FAMILIES[family]([int(size) for size in sizes.split("x")], flags, folder, name), name


def write(options):
    for spelled in options.works:
        work, name = parse(spelled, options.folder)
        work.write()
        text = options.folder / f"{name}.mlir"
        text.write_text(work.text() + "\n", encoding="utf-8")
        command = [options.compile, "compile", text, "--target", options.target, "-o", options.folder / f"{name}.snt"]
        subprocess.run(command + getattr(work, "options", []), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Error(ctypes.Structure):
    _fields_ = [("message", ctypes.c_char * 4096)]


class Buffer(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("bytes", ctypes.c_uint64)]


class Profile(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("calls", ctypes.c_uint64), ("items", ctypes.c_uint64),
                ("nanoseconds", ctypes.c_uint64)]


class LoadOptions(ctypes.Structure):
    _fields_ = [("size", ctypes.c_uint32), ("flags", ctypes.c_uint32), ("threads", ctypes.c_uint32),
                ("reserved", ctypes.c_uint32)]


class Module:
    """One entry of a compiled module, and a context to call it in."""

    def __init__(self, library, path, threads):
        self.library, self.error = library, Error()
        self.module, self.context = ctypes.c_void_p(), ctypes.c_void_p()
        chosen = LoadOptions(ctypes.sizeof(LoadOptions), 0, threads, 0)
        self.check(library.sennit_module_load(str(path).encode(), ctypes.byref(chosen), ctypes.byref(self.module),
                                              ctypes.byref(self.error)))
        self.check(library.sennit_context_create(self.module, ctypes.byref(self.context), ctypes.byref(self.error)))

    def check(self, status):
        if status:
            raise SystemExit(f"compare_ops.py: {self.error.message.decode()}")

    @staticmethod
    def buffers(tensors):
        return (Buffer * len(tensors))(*(Buffer(tensor.data_ptr(), tensor.numel() * tensor.element_size()) for tensor in tensors))

    def call(self, inputs, outputs):
        self.check(self.library.sennit_context_call(self.context, ctypes.c_uint64(0), self.buffers(inputs),
                                                    ctypes.c_uint64(len(inputs)), self.buffers(outputs),
                                                    ctypes.c_uint64(len(outputs)), ctypes.byref(self.error)))

    def time(self, inputs, outputs):
        """Seconds of the kernels of one call, which is not among a module's first two."""
        self.library.sennit_context_profile_enable(self.context, 2)
        self.library.sennit_context_profile_reset(self.context)
        self.call(inputs, outputs)
        # The calls stand behind all kernels.
        profile, index = Profile(), 0
        while not self.library.sennit_context_profile_get(self.context, ctypes.c_uint64(index), ctypes.byref(profile),
                                                          ctypes.byref(self.error)):
            index += 1
        if profile.calls != 1:
            raise SystemExit("compare_ops.py: a call was not timed as a whole")
        return profile.nanoseconds / 1e9


def time_call(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def take_times(take, seconds):
    """Times of single calls for a while, at least three."""
    times, end = [], time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        times.append(take())
    return times


class DeviceCache:
    """What stands in a GPU's second-level cache before a call is timed: nothing of weights or results."""

    def __init__(self):
        self.swept = torch.ones(1 << 26, device="cuda")

    def sweep(self):
        time.sleep(0.01)
        self.swept.sum()
        torch.cuda.synchronize()


class PeerOnDevice:
    """A call of the peer in a CUDA graph, so that its way through Python is not timed."""

    def __init__(self, work, cache):
        self.given, self.cache = work.given, cache
        self.inputs = [tensor.clone() for tensor in work.given]
        stream = torch.cuda.Stream()
        with torch.cuda.stream(stream):
            for _ in range(3):
                work.peer()
            torch.cuda.synchronize()
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            work.peer()

    def time(self):
        """Seconds of one call, between events."""
        self.cache.sweep()
        for given, tensor in zip(self.given, self.inputs):
            given.copy_(tensor)
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        torch.cuda.synchronize()
        # The device waits while the graph is on its way to it, as it does in Sennit's profile.
        torch.cuda._sleep(400_000)
        begin.record()
        self.graph.replay()
        end.record()
        torch.cuda.synchronize()
        return begin.elapsed_time(end) / 1e3


def relative_error(found, reference):
    difference = (found.float().cpu() - reference.float().cpu()).norm()
    return (difference / reference.float().cpu().norm()).item()


def run_row(options, library, spelled):
    work, name = parse(spelled, options.folder)
    device = "cuda" if options.gpu else "cpu"
    torch.manual_seed(0)
    work.make(device)
    module = Module(library, options.folder / f"{name}.snt", options.threads)
    with torch.no_grad():
        expected = work.peer()
        output = torch.empty(expected.shape, dtype=expected.dtype)
        for _ in range(3):
            module.call(work.inputs, [output])
        reference = work.reference()
        row = {"work": spelled, "error": relative_error(output, reference), "peer_error": relative_error(expected, reference)}
        cache = DeviceCache() if options.gpu else None
        graph = PeerOnDevice(work, cache) if options.gpu else None

        def time_module():
            if cache:
                cache.sweep()
            return module.time(work.inputs, [output])

        ours, theirs = [], []
        for _ in range(options.rounds):
            ours.append(take_times(time_module, options.seconds))
            theirs.append(take_times(graph.time if graph else lambda: time_call(work.peer), options.seconds))
    for side, rounds in (("sennit", ours), ("peer", theirs)):
        row[f"{side}_us"] = 1e6 * statistics.median(statistics.median(times) for times in rounds)
        row[f"{side}_best_us"] = 1e6 * min(min(times) for times in rounds)
    row["ratio"] = row["peer_us"] / row["sennit_us"]
    row["gflops"] = work.work / row["sennit_us"] / 1e3
    row["gbytes"] = work.bytes / row["sennit_us"] / 1e3
    return row


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        fields = dict(line.split(":", 1) for line in file if ":" in line)
    return {key.strip(): value.strip() for key, value in fields.items()}.get("model name", platform.processor())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("works", nargs="+", help="; ".join(family.__doc__.split(".")[0] for family in FAMILIES.values()))
    parser.add_argument("--folder", type=pathlib.Path, required=True, help="where the modules are")
    parser.add_argument("--compile", help="the tool; writes the modules and ends")
    parser.add_argument("--target", default="cpu:host")
    parser.add_argument("--library", help="the runtime")
    parser.add_argument("--gpu", action="store_true", help="the modules are for a GPU")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.3, help="of a round, of either side")
    parser.add_argument("--out", help="JSON file, replaced after every work")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.compile:
        return write(options)
    if not options.library or not options.out:
        parser.error("--library and --out are needed to run")
    torch.set_num_threads(options.threads)
    if not options.gpu:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    library = ctypes.CDLL(os.path.abspath(options.library))
    result = {"command": f"compare_ops.py {'--gpu ' if options.gpu else f'--threads {options.threads} '}" + " ".join(options.works),
              "device": torch.cuda.get_device_name() if options.gpu else processor(), "torch": torch.__version__,
              "threads": options.threads, "rounds": options.rounds, "gpu": options.gpu, "rows": []}
    for spelled in options.works:
        result["rows"].append(run_row(options, library, spelled))
        print(json.dumps(result["rows"][-1]), flush=True)
        # What is measured stays, whatever the next work does.
        with open(options.out + ".new", "w", encoding="utf-8") as file:
            json.dump(result, file, indent=1)
            file.write("\n")
        os.replace(options.out + ".new", options.out)


if __name__ == "__main__":
    main()
