"""Holds predictions for the x86 machine against recorded times of the demo model, by threads and tokens.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
"""

import json
import subprocess
import sys

# Measured over predicted time, by the numbers of the file alone.
BARS = {"prefill": (1.3, 2.9), "step": (0.8, 1.6)}


def main(model, results):
    with open(results, encoding="utf-8") as file:
        rows = json.load(file)["rows"]
    assert rows, results
    wrong = []
    for row in rows:
        threads, tokens = row["threads"], row["prefill_tokens"]
        command = ["sennit", "predict", model, "--target", "x86-amx", "--json"]
        command += ["--set", f"core.count={threads}", "--length", str(tokens)]
        prediction = json.loads(subprocess.run(command, text=True, capture_output=True, check=True).stdout)
        for entry, (least, most) in BARS.items():
            measured, predicted = row[entry]["sennit_ms"], prediction[entry]["seconds"] * 1e3
            line = f"{entry} {tokens}, {threads} threads: measured {measured:.2f} ms, predicted {predicted:.2f} ms"
            print(f"{line}, {measured / predicted:.2f}")
            if not least <= measured / predicted <= most:
                wrong.append(line)
    sys.exit("\n".join(wrong) or 0)


main(*sys.argv[1:])
