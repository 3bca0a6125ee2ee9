#!/usr/bin/env python3
"""Compares modules for a GPU with those of the same models for the CPU, and a Llama with plain PyTorch.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

    python3 compare_modules.py --program build/bin/sennit-compare-modules --folder DIR --tokens 100 demo llama \\
        --peer LLAMA_FOLDER NAME 2048 > results/modules-h200.json

DIR holds NAME-cpu.snt and NAME-cuda.snt of every model, `sennit compile --target cpu:avx2` and `--target cuda`; of
the peer's model NAME-cuda.snt is enough. Rounds of both sides take turns; the figure is the median.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROUNDS = 3


def output(command):
    return json.loads(subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default="build/bin/sennit-compare-modules")
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--tokens", type=int, default=100)
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--peer", nargs=3, action="append", default=[], metavar=("FOLDER", "NAME", "TOKENS"))
    parser.add_argument("models", nargs="*")
    options = parser.parse_args()
    result = {"command": "compare_modules.py " + " ".join(sys.argv[1:]), "models": [], "peers": []}
    for name in options.models:
        modules = [options.folder / f"{name}-{target}.snt" for target in ("cpu", "cuda")]
        result["models"].append({"model": name} | output([options.program, *modules, options.tokens, options.steps]))
    for folder, name, tokens in options.peer:
        module = options.folder / f"{name}-cuda.snt"
        rounds = []
        for _ in range(ROUNDS):
            ours = output([options.program, module, module, tokens, options.steps])["module"]
            peer = output([sys.executable, HERE / "torch_llama.py", folder, "--tokens", tokens])
            rounds.append((ours, peer))
        row = {"model": name, "tokens": int(tokens), "rounds": ROUNDS, "torch": peer["torch"], "device": peer["device"]}
        for work in ("prefill", "step"):
            ours, theirs = (statistics.median(side[f"{work}_ms"] for side in sides) for sides in zip(*rounds))
            row[work] = {"sennit_ms": ours, "peer_ms": theirs, "ratio": theirs / ours}
        result["peers"].append(row)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
