"""What must hold of a validation whoever disturbs the host: every kernel is there, and parts take no longer than wholes.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
"""

import json
import sys


def main(path):
    with open(path, encoding="utf-8") as file:
        rows = json.load(file)["rows"]
    assert {row["tokens"] for row in rows if row["entry"] == "prefill"} == {32, 5}, rows
    for entry in ("prefill", "step"):
        wholes = [row for row in rows if row["entry"] == entry and row["kernel"] == "whole"]
        assert len(wholes) == 2, wholes
        kernels = [row for row in rows if row["entry"] == entry and row["kernel"] != "whole"]
        assert len(kernels) > 30, kernels
        for times in ("measured", "predicted"):
            assert all(row[times] > 0 for row in rows), rows
            # Each kernel's least is of its own run.
            assert sum(row[times] for row in kernels) <= sum(row[times] for row in wholes) * (1 + 1e-9), (entry, times)
        assert all(row["kernel"].startswith(row["family"]) for row in kernels), kernels


main(*sys.argv[1:])
