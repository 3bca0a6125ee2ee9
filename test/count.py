#!/usr/bin/env python3
"""Turns lit's report into one line: N passed, N failed, N skipped.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
"""

import json
import sys

PASSED = {"PASS", "XFAIL", "FLAKYPASS"}
SKIPPED = {"UNSUPPORTED", "SKIPPED"}


def main(report):
    try:
        with open(report, encoding="utf-8") as file:
            codes = [test["code"] for test in json.load(file)["tests"]]
    except OSError:
        print(f"{report} was not written: lit did not finish", file=sys.stderr)
        codes = ["UNRESOLVED"]
    passed = sum(code in PASSED for code in codes)
    skipped = sum(code in SKIPPED for code in codes)
    failed = len(codes) - passed - skipped
    if passed == 0 and failed == 0:
        print("no test ran", file=sys.stderr)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 0 if passed > 0 and failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
