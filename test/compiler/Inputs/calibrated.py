"""What a calibration of any processor must say, whoever disturbs it: the order of its memories.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
"""

import re
import sys

SCALES = {"GB/s": 1e9, "ns": 1e-9}


def main(path):
    memory, found = None, {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            if name := re.match(r"\s+(l1|l2|l3|dram):$", line):
                memory = name.group(1)
            if field := re.match(r"\s+(bandwidth|write|latency): {value: ([\d.e+]+) (\S+), status: measured}$", line):
                found[memory, field.group(1)] = float(field.group(2)) * SCALES[field.group(3)]
    assert len(found) == 12, found
    for near, far in (("l1", "l2"), ("l2", "dram")):
        assert found[near, "bandwidth"] > found[far, "bandwidth"] / 2, (near, far, found)
        assert found[near, "latency"] < found[far, "latency"], (near, far, found)
    assert found["l1", "latency"] < 20e-9 < found["dram", "latency"], found


main(*sys.argv[1:])
