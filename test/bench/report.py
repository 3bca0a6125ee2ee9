"""Writes docs/benchmarks.md from the JSON under test/bench/results.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

    python3 report.py            # writes the page
    python3 report.py --check    # exits 1 when the page is not what the JSON says
"""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
PAGE = HERE.parent.parent / "docs" / "benchmarks.md"


def cpu_table(result):
    """The section of one comparison on a CPU."""
    lines = [
        "## Models on the CPU, beside transformers",
        "",
        f"`python3 test/bench/{result['command']}` on {result['cores']} cores of {result['processor']} "
        f"({', '.join(result['features'])}), torch {result['rows'][0]['torch']}, the same weights on both sides, of which transformers computes in "
        f"{result.get('dtype', 'float32')}, Sennit as it does by default (products of bf16 weights round activations to bf16 on "
        f"AMX); processes in turns, "
        f"median of {result['rows'][0]['rounds']} rounds. The peer is transformers run eagerly; its Mamba prefill is a Python "
        "loop over time when no CUDA kernels are there. `llama-128m` is what `make_llama.py` writes. "
        "The ratio is the peer's time over Sennit's.",
        "",
        "| model | threads | work | Sennit, ms | transformers, ms | ratio |",
        "| --- | ---: | --- | ---: | ---: | ---: |",
    ]
    for row in result["rows"]:
        for name, what in [("prefill", f"prefill {row['prefill_tokens']}"), ("step", f"step after {row['prefill_tokens']}")]:
            cell = row[name]
            lines.append(f"| {row['model']} | {row['threads']} | {what} | {cell['sennit_ms']:.2f} | {cell['peer_ms']:.2f} "
                         f"| {cell['ratio']:.1f} |")
    return lines


def cuda_table(result):
    """The section of one comparison on a GPU."""
    rows = result["rows"]
    lines = [
        f"## Kernels on {rows[0]['device']}, beside PyTorch's",
        "",
        f"`python3 test/bench/{result['command']}`, torch {rows[0]['torch']}, bf16 (`matmul_nn`: f16), random normal data, both sides in turns: "
        f"bursts are {min(row['launches'] for row in rows)} to {max(row['launches'] for row in rows)} launches after idling, the "
        f"median of {rows[0]['rounds']} rounds; sustained figures are of {rows[0]['sustained_launches']} launches back to back. The "
        "error is that of the whole output against float32, a ratio of norms. The ratio is the peer's burst time over Sennit's; "
        "works of some microseconds time the peer's way through Python too. `matmul_program` is a program of tiles, the other "
        "kernels are written in roles and rings: `test/compiler/targets/cuda/kernels`.",
        "",
        "| work | kernel | peer | Sennit, TFLOP/s | peer, TFLOP/s | ratio | sustained | peer's | error | peer's |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        lines.append(f"| {row['work']} | `{row['kernel']}` | {row['peer']} | {row['sennit_tflops']:.0f} | {row['peer_tflops']:.0f} | {row['ratio']:.3f} "
                     f"| {row['sennit_sustained_tflops']:.0f} | {row['peer_sustained_tflops']:.0f} "
                     f"| {row['sennit_error']:.2e} | {row['peer_error']:.2e} |")
    return lines


def ops_table(result):
    """The section of single ops beside PyTorch's."""
    where = f"{result['device']}" if result["gpu"] else f"{result['threads']} core(s) of {result['device']}"
    lines = [
        f"## Ops on {where}, beside PyTorch's",
        "",
        f"`python3 test/bench/{result['command']}`, torch {result['torch']}, in one process and in turns, bf16 in and out, "
        f"medians of {result['rounds']} rounds. Sennit's time is that of a call's kernels; "
        + ("either side's call is one CUDA graph, after a pause, a sweep of the cache and copies of its inputs. "
           if result["gpu"] else "the machine is shared and has slow spells, which the ratio meets on both sides. ")
        + "Peers: `linear`, `scaled_dot_product_attention` (cuDNN on a GPU; flex_attention with a window), `rms_norm` and "
        "`silu(a) * b` (on a GPU by torch.compile), of mixers and experts the plain forms in `mixer_ops.py`. "
        "The ratio is the peer's time over Sennit's, best that of the least times.",
        "",
        "| work | Sennit, us | peer, us | ratio | best | Sennit, TFLOP/s | GB/s | error | peer's |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in result["rows"]:
        flops = f"{row['gflops'] / 1e3:.3g}" if row["gflops"] else "-"
        lines.append(f"| {row['work']} | {row['sennit_us']:.1f} | {row['peer_us']:.1f} | {row['ratio']:.2f} "
                     f"| {row['peer_best_us'] / row['sennit_best_us']:.2f} | {flops} | {row['gbytes']:.0f} "
                     f"| {row['error']:.1e} | {row['peer_error']:.1e} |")
    return lines


def modules_table(result):
    """The section of whole models on a GPU."""
    lines = ["## Models on the GPU", ""]
    first = result["peers"][0]
    lines += [
        f"`python3 test/bench/{result['command']}` on {first['device']}, with torch {first['torch']}. The peer is "
        "`torch_llama.py`: bf16 throughout, prefill eager with cuBLAS and cuDNN or flash attention, a step under a CUDA "
        "graph; Sennit has bf16 weights and keys and values, and rounds what products multiply to bf16; sums, norms and "
        f"residuals are f32. Processes in turns, median of {first['rounds']} rounds. `llama-1b` is what "
        "`make_llama.py --preset 1b` writes; 10240 tokens go in by 2048.",
        "",
        "| model | work | Sennit, ms | PyTorch, ms | ratio |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for row in result["peers"]:
        for work, what in (("prefill", f"prefill {row['tokens']}"), ("step", f"step after {row['tokens']}")):
            cell = row[work]
            lines.append(f"| {row['model']} | {what} | {cell['sennit_ms']:.2f} | {cell['peer_ms']:.2f} | {cell['ratio']:.2f} |")
    lines += [
        "",
        "The same models compiled for the GPU and, in f32, for the CPU: the largest difference of logits over the largest "
        "logit, after a prompt and at each step. `-f32` is `--activations=f32`; without, activations are as wide as the "
        "weights.",
        "",
        "| model | tokens | difference | prefill, ms | step, ms |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for row in result["models"]:
        lines.append(f"| {row['model']} | {row['tokens']} + {row['steps']} | {row['error']:.1e} "
                     f"| {row['module']['prefill_ms']:.2f} | {row['module']['step_ms']:.2f} |")
    return lines


def alone_table(result):
    """The section of whole models on a GPU, for which no peer was in the run."""
    lines = [
        "## Models on the GPU, without a peer",
        "",
        f"`{result['rows'][0]['command']}` and so on, on {result['device']}: the second of two runs, median of three prefills "
        "and of the steps. `mamba2-1b` is what `make_mamba2.py --preset 1.3b` writes, compiled with `--target cuda:sm_90a "
        "--context 12288`; 10240 tokens go in by 2048. `llama-1b` is `make_llama.py --preset 1b`, of the default context.",
        "",
        "| model | tokens | prefill, ms | step, ms |",
        "| --- | ---: | ---: | ---: |",
    ]
    for row in result["rows"]:
        module = row["module"]
        lines.append(f"| {row['model']} | {row['tokens']} | {module['prefill_ms']:.2f} | {module['step_ms']:.2f} |")
    return lines


def validation_table(result):
    """The section of predictions against what this host measured."""
    lines = ["## Predictions against a CPU", ""]
    lines.append(
        f"`python3 test/bench/{result['command']}`. The error is |predicted / measured - 1|, the bias the median of predicted / "
        "measured - 1; measured is the least of many runs. T0 are the numbers of the machine's file, T1 those of "
        "`sennit targets calibrate` on this host, of microbenchmarks alone; nothing is fitted. Terms of the model were looked "
        "for in the demo model; the other models are held out. What takes less than 5 us is mostly the call around it. "
        f"{result['note']}".rstrip())
    lines += ["", "| numbers | models | what | count | median | p90 | bias |", "| --- | --- | --- | ---: | ---: | ---: | ---: |"]
    for row in result["summary"]:
        if row["family"] and (row["tier"] == "T0" or not row["held_out"]):
            continue
        what = f"`{row['family']}`" if row["family"] else row["what"]
        models = "held out" if row["held_out"] else "demo"
        lines.append(f"| {row['tier']} | {models} | {what} | {row['count']} | {100 * row['median']:.0f} % "
                     f"| {100 * row['p90']:.0f} % | {100 * row['bias']:+.0f} % |")
    return lines


def suite_table(result):
    """The section of predictions against the kernels of a suite, measured elsewhere."""
    lines = [f"## Predictions against an {result['device']}", ""]
    lines.append(
        f"`python3 test/bench/{result['command']}`, times of `{result['measured']}`: works of `kernel_suite.py`, each a call as one "
        "CUDA graph. Errors as above, of works that are held out. T0 are the numbers of the machine's file, T1 those of "
        "`results/nvidia-h200-sxm.calibration.yaml`, from probes and from works to fit to; T2 has a residual of three coefficients "
        "a family between 0.7 and 1.3, fitted to the works to fit to. `decode` is fitted by nothing. Terms of the model were "
        f"looked for in the works to fit to and in the ops recorded above. {result.get('note', '')}".rstrip())
    lines += ["", "| family | fitted | held out | T0 median | p90 | bias | T1 median | p90 | bias | T2 median | p90 | bias |",
              "| --- |" + " ---: |" * 11]
    for row in result["summary"]:
        cells = "".join(f" {100 * row[tier]['median']:.0f} % | {100 * row[tier]['p90']:.0f} % | {100 * row[tier]['bias']:+.0f} % |"
                        for tier in ("T0", "T1", "T2"))
        name = f"`{row['family']}`" if row["family"] else "all that are fitted"
        lines.append(f"| {name} | {row['fitted']} | {row['held_out']} |{cells}")
    return lines


def choice_table(result):
    """The section of the model's first choices against all legal ones."""
    lines = ["## The model's choice against all legal sizes", ""]
    lines.append(
        f"`python3 test/bench/{result['command']}` on one core of {result['processor']}: every legal size of each choice was run, "
        "and times are the least of many runs, so that the best of many candidates is flattered by chance. The ratio is the time "
        "of what the model chose over that of the best.")
    lines += ["", "| choices | count | candidates each | median ratio | p90 | within 5 % |", "| --- | ---: | ---: | ---: | ---: | ---: |"]
    for row in result["summary"]:
        lines.append(f"| {row['what']} | {row['choices']} | {row['candidates']:.0f} | {row['median']:.2f} | {row['p90']:.2f} "
                     f"| {100 * row['near']:.0f} % |")
    return lines


def knobs_table(result):
    """The section of what restricting the processor costs, beside its prediction."""
    lines = ["## What restricting the processor costs, beside its prediction", ""]
    lines.append(
        f"`python3 test/bench/{result['command']}` on {result['processor']}, calibrated: works of `choice_cpu.py` of "
        f"{result['least_us']} us and more, compiled as they are and with a knob turned, in turns. The error is that of the predicted "
        "ratio of times over the measured one; beside it, what predicting that nothing changes would be off. "
        f"{result.get('note', '')}".rstrip())
    lines += ["", "| knob | works | measured ratio, median | median error | p90 | bias | if nothing changed: median | p90 |",
              "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"]
    for row in result["summary"]:
        cells = " | ".join(f"{100 * row[name]:.0f} %" for name in ("median", "p90"))
        lines.append(f"| {row['knob']} | {row['works']} | {row['measured']:.2f} | {cells} | {100 * row['bias']:+.0f} % "
                     f"| {100 * row['unchanged_median']:.0f} % | {100 * row['unchanged_p90']:.0f} % |")
    return lines


def page():
    lines = ["# Benchmarks", "", "Written by `test/bench/report.py` from `test/bench/results`; slow rows included.", ""]
    for path in sorted((HERE / "results").glob("cpu*.json")):
        lines += cpu_table(json.loads(path.read_text(encoding="utf-8"))) + [""]
    for path in sorted((HERE / "results").glob("cuda*.json")):
        lines += cuda_table(json.loads(path.read_text(encoding="utf-8"))) + [""]
    for path in sorted((HERE / "results").glob("ops*.json")):
        lines += ops_table(json.loads(path.read_text(encoding="utf-8"))) + [""]
    for path in sorted((HERE / "results").glob("modules*.json")):
        lines += modules_table(json.loads(path.read_text(encoding="utf-8"))) + [""]
    for path in sorted((HERE / "results").glob("alone*.json")):
        lines += alone_table(json.loads(path.read_text(encoding="utf-8"))) + [""]
    for path in sorted((HERE / "results").glob("validate*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        lines += (suite_table if "residuals" in result else validation_table)(result) + [""]
    for path in sorted((HERE / "results").glob("choice*.json")):
        lines += choice_table(json.loads(path.read_text(encoding="utf-8"))) + [""]
    for path in sorted((HERE / "results").glob("knobs*.json")):
        lines += knobs_table(json.loads(path.read_text(encoding="utf-8"))) + [""]
    return "\n".join(lines)


def main():
    text = page()
    if "--check" in sys.argv:
        if PAGE.read_text(encoding="utf-8") != text:
            sys.exit("docs/benchmarks.md is not what test/bench/report.py writes; run it")
        return
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
