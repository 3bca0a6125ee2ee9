"""Times Sennit and transformers on the same folders, in turns, and writes the rows as JSON.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

    python3 compare_cpu.py --sennit ../../build/bin/sennit --out results/cpu.json ../data/demo

Each round starts one process of either side after the other, so that a slow spell of the machine meets both;
a row is the median over the rounds. The same weights and lengths on both sides; the peer computes in --dtype, Sennit
as it does by default. The Python that runs this needs what
`../data/requirements.txt` names. `report.py` turns the JSON into docs/benchmarks.md.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile

STEPS = 32


def run(command):
    """The JSON lines that a command prints."""
    result = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]


def processor():
    """The processor's name and instruction sets, as the kernel gives them."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        fields = dict(line.split(":", 1) for line in file if ":" in line)
    fields = {key.strip(): value.strip() for key, value in fields.items()}
    wanted = {"avx2", "avx512f", "avx512_bf16", "amx_tile"}
    return fields.get("model name", platform.processor()), sorted(wanted & set(fields.get("flags", "").split()))


def time_sennit(sennit, artifact, prefill, threads):
    """Milliseconds of a prefill and of a step, one process."""
    lines = run([sennit, "bench", artifact, "-p", str(prefill), "-n", str(STEPS), "-r", "5",
                 "--threads", str(threads), "-o", "json"])
    return lines[0]["median_ms"], lines[1]["median_ms"] / STEPS


def time_peer(model, prefill, threads, dtype):
    """The same of transformers, one process."""
    peer = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pytorch_peer.py")
    line = run([sys.executable, peer, model, "--threads", str(threads), "--prefill", str(prefill), "--repeats", "5",
                "--dtype", dtype])[0]
    return line["prefill_ms"], line["step_ms"], line["torch"]


def compare(options, model, artifact, prefill, threads):
    """One row: medians over the rounds, and the ratio of the peer's time to ours."""
    ours, theirs, version = [], [], ""
    for _ in range(options.rounds):
        ours.append(time_sennit(options.sennit, artifact, prefill, threads))
        *times, version = time_peer(model, prefill, threads, options.dtype)
        theirs.append(times)
    row = {"model": os.path.basename(os.path.normpath(model)), "threads": threads, "prefill_tokens": prefill,
           "torch": version, "rounds": options.rounds, "raw_sennit_ms": ours, "raw_peer_ms": theirs}
    for index, name in enumerate(["prefill", "step"]):
        mine = statistics.median(times[index] for times in ours)
        peer = statistics.median(times[index] for times in theirs)
        row[name] = {"sennit_ms": mine, "peer_ms": peer, "ratio": peer / mine}
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", help="folders of config.json and safetensors")
    parser.add_argument("--sennit", required=True, help="the tool")
    parser.add_argument("--out", required=True, help="JSON file, replaced at the end")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--prefill", type=int, nargs="+", default=[256, 1024])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dtype", default="float32", help="in which the peer computes")
    options = parser.parse_args()
    name, features = processor()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for model in options.models:
            artifact = os.path.join(folder, "model.snt")
            subprocess.run([options.sennit, "compile", model, "-o", artifact], check=True)
            for threads in options.threads:
                for prefill in options.prefill:
                    rows.append(compare(options, model, artifact, prefill, threads))
                    print(json.dumps({key: rows[-1][key] for key in ("model", "threads", "prefill_tokens", "prefill", "step")}),
                          flush=True)
    settings = [f"--{name} {' '.join(map(str, value)) if isinstance(value, list) else value}"
                for name, value in vars(options).items()
                if name not in ("models", "sennit", "out") and value != parser.get_default(name)]
    result = {"command": " ".join(["compare_cpu.py", *map(os.path.basename, options.models), *settings]),
              "dtype": options.dtype, "processor": name, "features": features, "cores": os.cpu_count(), "rows": rows}
    with open(options.out + ".new", "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
        file.write("\n")
    os.replace(options.out + ".new", options.out)


if __name__ == "__main__":
    main()
