"""Times Sennit's CUDA kernels and PyTorch's on the same data, in turns, and writes the rows as JSON.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

    python3 compare_cuda.py --bench ../../build/bin/sennit-cuda-bench --kernels FOLDER --out results/cuda.json \
        matmul:8192x8192x8192 attention:2x16x8448

FOLDER holds NAME.ptx and, where it was assembled, NAME.cubin. Random normal data; every round idles, warms and times
a burst of launches of either side between events; a row is the median over the rounds. Sustained figures are of long
trains of launches, where the board's power limits both. Errors are those of the whole
output against float32, as a ratio of norms. `report.py` turns the JSON into docs/benchmarks.md.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time

import torch
import torch.nn.functional as functional
from torch.nn.attention import SDPBackend, sdpa_kernel


class Matmul:
    """matmul:MxNxK[@KERNEL], C = A B^T in bf16; cuBLAS is the peer."""

    launches = 10
    peer_name = "cuBLAS (torch.matmul)"
    dtype, transposed = torch.bfloat16, True

    def __init__(self, shape):
        m, n, k = shape
        self.flops = 2 * m * n * k
        self.a = torch.randn(m, k, device="cuda", dtype=self.dtype)
        stored = torch.randn(*((n, k) if self.transposed else (k, n)), device="cuda", dtype=self.dtype)
        self.b = stored.t() if self.transposed else stored
        self.inputs, self.output = [self.a, stored], (m, n)
        self.scalars, self.blocks = shape, 0
        self.product = torch.empty(m, n, device="cuda", dtype=self.dtype)

    def peer(self):
        return torch.matmul(self.a, self.b, out=self.product)

    def reference(self):
        return self.a.float() @ self.b.float()


class MatmulNN(Matmul):
    """matmul_nn:MxNxK[@KERNEL], C = A B in f16."""

    dtype, transposed = torch.float16, False


class Attention:
    """attention:BxHxS[@KERNEL], full attention of head width 128 in bf16; cuDNN is the peer."""

    launches = 6
    dtype = torch.bfloat16
    peer_name = "cuDNN (scaled_dot_product_attention)"
    rows = 128

    def __init__(self, shape):
        batch, heads, length = shape
        self.flops = 4 * batch * heads * length * length * 128
        self.qkv = [torch.randn(batch, heads, length, 128, device="cuda", dtype=torch.bfloat16) for _ in range(3)]
        self.inputs = [tensor.flatten(0, 1) for tensor in self.qkv]
        self.output = (batch * heads, length, 128)
        self.scalars, self.blocks = [length], -(-length // self.rows) * batch * heads

    def peer(self):
        with sdpa_kernel(SDPBackend.CUDNN_ATTENTION):
            return functional.scaled_dot_product_attention(*self.qkv).flatten(0, 1)

    def reference(self):
        heads = []
        for q, k, v in zip(*(tensor.float() for tensor in self.inputs)):
            heads.append(torch.cat([torch.softmax(rows @ k.t() * 128**-0.5, -1) @ v for rows in q.split(2048)]))
        return torch.stack(heads)


FAMILIES = {"matmul": Matmul, "matmul_nn": MatmulNN, "attention": Attention}


class Ours:
    """The other side of the pipe: one kernel with its data."""

    def __init__(self, options, name, work, folder):
        arguments = []
        for position, tensor in enumerate(work.inputs):
            path = os.path.join(folder, f"{position}.bin")
            tensor.contiguous().view(torch.int16).cpu().numpy().tofile(path)
            arguments.append(f"in:{path}:{'x'.join(map(str, tensor.shape))}")
        self.path = os.path.join(folder, "out.bin")
        self.shape, self.dtype = work.output, work.dtype
        arguments.append(f"out:{self.path}:{'x'.join(map(str, work.output))}")
        ptx = os.path.join(options.kernels, name + ".ptx")
        cubin = os.path.join(options.kernels, name + ".cubin")
        image = cubin if os.path.exists(cubin) else ptx
        command = [options.bench, ptx, image, str(work.blocks), *arguments, *map(str, work.scalars)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.device = self.read()["device"]

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("sennit-cuda-bench ended; see its message above")
        return json.loads(line)

    def ask(self, line):
        print(line, file=self.process.stdin, flush=True)
        return self.read()

    def output(self):
        self.ask("run")
        with open(self.path, "rb") as file:
            data = torch.frombuffer(bytearray(file.read()), dtype=self.dtype)
        return data.view(self.shape).cuda()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def time_peer(work, launches):
    """Milliseconds of one of the peer's launches, by the same protocol as ours."""
    time.sleep(0.25)
    work.peer(), work.peer()
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    start.record()
    for _ in range(launches):
        work.peer()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end) / launches


def time_both(ours, work, launches, rounds):
    """Times of either side, in turns."""
    times = [], []
    for _ in range(rounds):
        times[0].append(ours.ask(f"time {launches}")["ms"])
        times[1].append(time_peer(work, launches))
    return times


def error(output, reference):
    """The norm of the difference over the reference's; not a number passes as it is."""
    return ((output.float() - reference).norm() / reference.norm()).item()


def compare(options, text):
    """One row of the result."""
    family, rest = text.split(":")
    shape, _, kernel = rest.partition("@")
    torch.manual_seed(len(text))
    work = FAMILIES[family]([int(extent) for extent in shape.split("x")])
    with tempfile.TemporaryDirectory() as folder:
        ours = Ours(options, kernel or family, work, folder)
        reference = work.reference()
        first = ours.output()
        errors = error(first, reference), error(work.peer(), reference)
        # A race shows as an output that moves.
        repeats = all(torch.equal(first, ours.output()) for _ in range(options.repeats))
        bursts = time_both(ours, work, work.launches, options.rounds)
        sustained = time_both(ours, work, options.sustained, 2)
        ours.close()
    mine, peer = (statistics.median(side) for side in bursts)
    flops = work.flops / 1e9
    return {"work": f"{family} {shape}", "kernel": kernel or family, "device": ours.device, "torch": torch.__version__,
            "peer": work.peer_name, "rounds": options.rounds, "launches": work.launches,
            "sennit_ms": mine, "peer_ms": peer, "ratio": peer / mine,
            "sennit_tflops": flops / mine, "peer_tflops": flops / peer, "sustained_launches": options.sustained,
            "sennit_sustained_tflops": flops / statistics.mean(sustained[0]),
            "peer_sustained_tflops": flops / statistics.mean(sustained[1]),
            "sennit_error": errors[0], "peer_error": errors[1], "bit_identical_reruns": repeats,
            "raw_sennit_ms": bursts[0], "raw_peer_ms": bursts[1], "raw_sustained_ms": sustained}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("works", nargs="+", help="matmul:MxNxK or attention:BxHxS, and @KERNEL where it has another name")
    parser.add_argument("--bench", required=True, help="sennit-cuda-bench")
    parser.add_argument("--kernels", required=True, help="folder of PTX and cubins")
    parser.add_argument("--out", required=True, help="JSON file, replaced at the end")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--sustained", type=int, default=300, help="launches back to back of the sustained figures")
    parser.add_argument("--repeats", type=int, default=3, help="runs that must give the same bits as the first")
    options = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = False
    rows = []
    for work in options.works:
        rows.append(compare(options, work))
        print(json.dumps({key: value for key, value in rows[-1].items() if not key.startswith("raw")}), flush=True)
    result = {"command": "compare_cuda.py " + " ".join(options.works), "rows": rows}
    with open(options.out + ".new", "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
        file.write("\n")
    os.replace(options.out + ".new", options.out)


if __name__ == "__main__":
    main()
