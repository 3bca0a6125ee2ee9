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
        f"{result.get('dtype', 'float32')}, Sennit on float32 activations; processes in turns, "
        f"median of {result['rows'][0]['rounds']} rounds. The peer is transformers run eagerly; its Mamba prefill is a Python "
        "loop over time when no CUDA kernels are there. The ratio is the peer's time over Sennit's.",
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


def page():
    lines = ["# Benchmarks", "", "Written by `test/bench/report.py` from `test/bench/results`; slow rows included.", ""]
    for path in sorted((HERE / "results").glob("cpu*.json")):
        lines += cpu_table(json.loads(path.read_text(encoding="utf-8"))) + [""]
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
