#!/usr/bin/env python3
"""Measures models that no term of the cost model was looked for in, and writes how far predictions are off.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

    python3 validate_cpu.py --target x86-amx            # about six minutes; writes results/validate-cpu.json

The split stands here, before anything is measured: the demo model is what terms were looked for in, the others are held
out. Nothing is fitted to either; a calibration comes from microbenchmarks alone.
"""

import argparse
import json
import os
import pathlib
import random
import struct
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
DATA = HERE.parent / "data"
LOOKED_AT = {"demo": DATA / "demo"}
# Llamas of one layer: width, inner width, heads, groups of heads.
HELD_OUT = {"llama-384": (384, 1024, 6, 2), "llama-640": (640, 1728, 10, 5), "llama-1024": (1024, 2816, 16, 8)}
SHIPPED = ("jamba", "mixtral", "deepseek-v3")
VOCABULARY = 1024


def write_llama(folder, width, inner, heads, groups):
    """A Llama of random bf16 weights, the same wherever it is written."""
    narrow, layer = width // heads * groups, "model.layers.0."
    shapes = {"model.embed_tokens.weight": (VOCABULARY, width), "lm_head.weight": (VOCABULARY, width)}
    for name, rows in (("q", width), ("k", narrow), ("v", narrow), ("o", width)):
        shapes[f"{layer}self_attn.{name}_proj.weight"] = (rows, width)
    for name, shape in (("gate", (inner, width)), ("up", (inner, width)), ("down", (width, inner))):
        shapes[f"{layer}mlp.{name}_proj.weight"] = shape
    for name in (layer + "input_layernorm.weight", layer + "post_attention_layernorm.weight", "model.norm.weight"):
        shapes[name] = (width,)
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "torch_dtype": "bfloat16",
        "hidden_size": width, "intermediate_size": inner, "num_hidden_layers": 1, "num_attention_heads": heads,
        "num_key_value_heads": groups, "rms_norm_eps": 1e-6, "vocab_size": VOCABULARY, "max_position_embeddings": 2048,
        "rope_theta": 10000.0, "tie_word_embeddings": False}))
    header, offset = {}, 0
    for name, shape in shapes.items():
        end = offset + 2 * shape[0] * (shape[1] if len(shape) == 2 else 1)
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    # High bytes of numbers between 1/128 and 1/8, of both signs.
    numbers = bytearray(random.Random(0).randbytes(offset))
    numbers[1::2] = numbers[1::2].translate(bytes((0x3C, 0x3D, 0xBC, 0xBD)[i % 4] for i in range(256)))
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + numbers)


def quantile(values, part):
    return sorted(values)[int(part * (len(values) - 1) + 0.5)]


def summarise(rows):
    """Median and 90th percentile of |predicted / measured - 1|, median of predicted / measured - 1."""
    errors = [row["predicted"] / row["measured"] - 1 for row in rows]
    sizes = [abs(error) for error in errors]
    found = {"median": quantile(sizes, 0.5), "p90": quantile(sizes, 0.9), "bias": quantile(errors, 0.5)}
    return {"count": len(rows)} | {name: float(f"{number:.4g}") for name, number in found.items()}


def layout(result):
    """One line for each entry of a list, so that differences can be read."""
    parts = []
    for key, value in result.items():
        lines = ",\n  ".join(json.dumps(entry) for entry in value) if isinstance(value, list) else None
        parts.append(f"{json.dumps(key)}: " + (f"[\n  {lines}]" if lines is not None else json.dumps(value)))
    return "{" + ",\n ".join(parts) + "}\n"


def measure(sennit, target, calibration, models, threads, lengths, seconds):
    command = [sennit, "validate", *map(str, models), "--target", target, "--threads", str(threads), "--json"]
    # Recorded rows are of unrounded activations.
    command += ["--length", ",".join(map(str, lengths)), "--seconds", str(seconds), "--activations=f32"]
    if calibration:
        command += ["--calibration", str(calibration)]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)["rows"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sennit", default="sennit", help="the program (default: from PATH)")
    parser.add_argument("--target", required=True, help="the machine of this host")
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({1, os.cpu_count()}))
    parser.add_argument("--seconds", type=float, default=1.5, help="for each model and length")
    parser.add_argument("--note", default="", help="what a reader must know of this run")
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "results" / "validate-cpu.json")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        calibration = folder / "here.yaml"
        subprocess.run([options.sennit, "targets", "calibrate", options.target, "-o", str(calibration)], check=True)
        for name, size in HELD_OUT.items():
            write_llama(folder / name, *size)
        llamas = [folder / name for name in HELD_OUT]
        shipped = [DATA / "models" / name for name in SHIPPED]
        for threads in options.threads:
            for tier, file in (("T0", None), ("T1", calibration)):
                print(f"{threads} threads, {'calibrated' if file else 'files alone'}", flush=True)
                for models, lengths in ((LOOKED_AT.values(), (256,)), (llamas, (32, 256)), (shipped, (40,))):
                    for row in measure(options.sennit, options.target, file, models, threads, lengths, options.seconds):
                        held = row["model"] not in LOOKED_AT
                        for time in ("measured", "predicted"):
                            row[time] = float(f"{row[time]:.4g}")
                        rows.append(row | {"tier": tier, "threads": threads, "held_out": held})
        text = calibration.read_text()
    summary = []
    for tier in ("T0", "T1"):
        for held in (False, True):
            part = [row for row in rows if row["tier"] == tier and row["held_out"] == held]
            kernels = [row for row in part if row["kernel"] != "whole"]
            # What takes less than this is the clock and the call around it.
            long = [row for row in kernels if row["measured"] / row["calls"] >= 5e-6]
            for what, of in (("entries", [row for row in part if row["kernel"] == "whole"]),
                             ("kernels of 5 us and more", long), ("all kernels", kernels)):
                summary.append({"tier": tier, "held_out": held, "what": what, "family": None} | summarise(of))
            for family in sorted({row["family"] for row in long}):
                of = [row for row in long if row["family"] == family]
                summary.append({"tier": tier, "held_out": held, "what": "kernels of 5 us and more", "family": family}
                               | summarise(of))
    command = f"validate_cpu.py --target {options.target} --threads {' '.join(map(str, options.threads))}"
    result = {"format": 1, "command": command, "note": options.note, "target": options.target, "calibration": text, "summary": summary, "rows": rows}
    options.out.write_text(layout(result))
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
