#!/usr/bin/env python3
"""Measures how near the cost model's first choice of sizes is to the best of all legal ones, on this processor.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

    python3 choice_cpu.py --sennit ../../build/bin/sennit       # about ten minutes; writes results/choice-cpu.json

Works are compiled together, and `sennit compile --tune` runs every legal size of each; a work's time is the least of many
runs of its kernels. The list stands here, before anything is measured; no term of the model was looked for in it.
"""

import argparse
import json
import pathlib
import platform
import statistics
import subprocess
import tempfile

import kernel_suite

HERE = pathlib.Path(__file__).resolve().parent
PRODUCTS = [f"product:{m}x{n}x{k}:{element}" for element, shapes in {
    "f32": ((1, 768, 768), (3, 1000, 512), (8, 512, 1024), (17, 777, 333), (32, 1024, 256), (64, 512, 512), (100, 300, 700),
            (127, 768, 192), (128, 128, 2048), (200, 1536, 96), (256, 256, 256), (333, 333, 333), (512, 64, 640), (1000, 48, 400)),
    "bf16": ((1, 1024, 768), (5, 640, 512), (16, 512, 1024), (24, 1000, 384), (48, 768, 256), (64, 384, 768), (96, 1280, 160),
             (128, 512, 320), (150, 250, 950), (192, 192, 1024), (256, 320, 256), (400, 240, 333), (512, 96, 512), (777, 64, 256)),
}.items() for m, n, k in shapes]
GROUPS = {
    "rows": [f"{kind}:{rows}x{width}" for rows, width in ((7, 512), (100, 96), (128, 1024), (333, 333), (500, 2048), (64, 5000),
                                                           (1000, 256), (2000, 64)) for kind in ("rms_norm", "softmax")],
    "recurrences": [f"linear:{length}x{heads}x{n}x{p}:{rule}" for length, heads, n, p, rule in (
        (128, 2, 32, 32, "linear"), (256, 4, 64, 64, "linear"), (500, 2, 64, 32, "linear"), (256, 3, 32, 64, "gated"),
        (512, 2, 64, 64, "gated"), (1000, 1, 16, 48, "gated"), (256, 2, 32, 32, "delta"), (300, 3, 64, 64, "delta"),
        (256, 2, 64, 64, "gated_delta"), (500, 1, 32, 64, "gated_delta"))],
    "convolutions": [f"conv:{length}x{channels}x{taps}" for length, channels, taps in (
        (256, 64, 4), (512, 32, 64), (1024, 32, 128), (1000, 48, 300), (2048, 16, 512), (2048, 32, 2048), (333, 64, 33),
        (4096, 8, 1000))],
    "products of bf16": PRODUCTS[14:],
    "products of f32": PRODUCTS[:14],
}


def spell_module(works):
    """One module with a function for each work."""
    return "\n".join(kernel_suite.get_program(work)[1].replace("@run(", f"@run{i}(") for i, work in enumerate(works))


def tune(options, works):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "works.mlir").write_text(spell_module(works), encoding="utf-8")
        subprocess.run([options.sennit, "compile", folder / "works.mlir", "--tune", "--tune-candidates", "100000", "--tune-threads",
                        "1", "--tune-seconds", str(options.seconds), "--tune-cache", folder / "tune.sqlite", "--tune-report",
                        folder / "report.json", "-o", folder / "works.snt"], check=True)
        return json.loads((folder / "report.json").read_text(encoding="utf-8"))


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        return next((line.split(":")[1].strip() for line in file if line.startswith("model name")), platform.processor())


def summarise(name, rows):
    ratios = sorted(row["ratio"] for row in rows)
    return {"what": name, "choices": len(ratios), "candidates": statistics.median(row["candidates"] for row in rows),
            "median": statistics.median(ratios), "p90": ratios[int(0.9 * (len(ratios) - 1) + 0.5)],
            "near": sum(ratio <= 1.05 for ratio in ratios) / len(ratios)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sennit", default=str(HERE.parents[1] / "build/bin/sennit"))
    parser.add_argument("--seconds", type=float, default=0.3, help="that all works of a group run with each size")
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "results/choice-cpu.json")
    options = parser.parse_args()
    rows = []
    for group, works in GROUPS.items():
        print(group, flush=True)
        for row in tune(options, works):
            times = [seconds for seconds in row["seconds"] if seconds]
            if len(times) < 2 or not row["seconds"][0]:
                continue
            best = min(times)
            rows.append({"group": group, "question": row["question"], "candidates": len(times), "chosen": row["candidates"][0],
                         "best": row["candidates"][row["seconds"].index(best)], "chosen_us": 1e6 * row["seconds"][0],
                         "best_us": 1e6 * best, "ratio": row["seconds"][0] / best})
        write(options, rows)


def write(options, rows):
    """What is measured stays, whatever the next group does."""
    summary = [summarise(group, [row for row in rows if row["group"] == group]) for group in GROUPS
               if any(row["group"] == group for row in rows)]
    result = {"command": f"choice_cpu.py --seconds {options.seconds}", "processor": processor(), "threads": 1,
              "summary": summary + [summarise("all", rows)], "rows": rows}
    new = options.out.with_suffix(".new")
    new.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    new.replace(options.out)
    print(json.dumps(result["summary"][-1]), flush=True)


if __name__ == "__main__":
    main()
