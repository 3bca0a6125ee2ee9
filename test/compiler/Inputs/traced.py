"""Reads a timeline: kernels follow each other without gaps and take as long as predicted; no resource is busy longer.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
"""

import json
import math
import sys


def main(trace_path, prediction_path):
    with open(trace_path, encoding="utf-8") as file:
        events = json.load(file)["traceEvents"]
    with open(prediction_path, encoding="utf-8") as file:
        prediction = json.load(file)
    names = {(event["pid"], event["tid"], event["name"]): event["args"]["name"] for event in events if event["ph"] == "M"}
    for process, entry in ((1, "prefill"), (2, "step")):
        assert names[process, 0, "process_name"] == entry
        spans = [event for event in events if event["ph"] == "X" and event["pid"] == process]
        track = next(key[1] for key, name in names.items() if key[0] == process and name == "kernels")
        kernels = [event for event in spans if event["tid"] == track]
        at = 0
        for kernel in kernels:
            assert math.isclose(kernel["ts"], at, abs_tol=1e-6), (kernel, at)
            at += kernel["dur"]
        assert math.isclose(at, 1e6 * sum(row["seconds"] for row in prediction[entry]["kernels"]), rel_tol=1e-9)
        lasts = {kernel["ts"]: kernel["dur"] for kernel in kernels}
        others = [event for event in spans if event["tid"] != track]
        assert others and all(event["dur"] <= lasts[event["ts"]] for event in others)


main(*sys.argv[1:])
