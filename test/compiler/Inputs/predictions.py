"""Predicts models on all shipped machines and compares what must be ordered.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
"""

import json
import subprocess
import sys


def predict(model, *options):
    command = ["sennit", "predict", model, "--json", *options]
    run = subprocess.run(command, text=True, capture_output=True)
    if run.returncode != 0:
        sys.exit(f"{' '.join(command)}: {run.stderr}")
    return json.loads(run.stdout)


def seconds(model, *options):
    prediction = predict(model, *options)
    return prediction["prefill"]["seconds"], prediction["step"]["seconds"]


def main():
    data = sys.argv[1]
    demo = f"{data}/demo"
    listed = subprocess.run(["sennit", "targets", "list"], text=True, capture_output=True, check=True).stdout
    machines = [line.split()[0] for line in listed.split("machines, to predict for\n")[1].splitlines()]
    assert len(machines) >= 9, machines
    for machine in machines:
        for model in (demo, f"{data}/models/mixtral", f"{data}/models/mamba2", f"{data}/models/deepseek-v3"):
            prediction = predict(model, "--target", machine, "--length", "40")
            for entry in ("prefill", "step"):
                row = prediction[entry]
                assert row["seconds"] > 0 and row["joules"] > 0, (machine, model, entry)
                kernels = sum(kernel["seconds"] for kernel in row["kernels"])
                assert kernels <= row["seconds"] * (1 + 1e-9), (machine, model, entry)
    amx = ("--target", "x86-amx")
    base = seconds(demo, *amx)
    for more in ("dram.bandwidth=600 GB/s", "l3.bandwidth=2000 B/clk", "fma.rate.f32=128 flop/clk"):
        faster = seconds(demo, *amx, "--set", more)
        # Each machine has its own tiles, which are chosen to a hundredth.
        assert all(a <= b * 1.01 for a, b in zip(faster, base)), (more, faster, base)
    assert seconds(demo, *amx, "--set", "fma.rate.f32=32 flop/clk")[0] > base[0]
    # A longer history costs a step more; a longer prefill costs more in all.
    long = seconds(demo, *amx, "--length", "2048")
    assert long[0] > 4 * base[0] and long[1] > base[1], (long, base)
    # Experts that are chosen unevenly have a longest one.
    assert seconds(demo, *amx, "--skew", "2")[0] >= base[0]


main()
