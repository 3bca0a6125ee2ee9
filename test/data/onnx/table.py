#!/usr/bin/env python3
"""Writes docs/onnx.md from what `sennit run --json` says of each of the ONNX project's cases, or checks that page.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
"""

import argparse
import concurrent.futures
import json
import pathlib
import re
import subprocess
import sys

HEAD = """# The ONNX project's cases

What became of the {count} node tests that lie in [test/data/onnx](../test/data/onnx/README.md), each compiled for the
CPU, called, and compared with the expected outputs (rtol 1e-3, atol 1e-7; integers and bools exactly). Written by
`test/data/onnx/table.py`; a test runs all cases and fails when this page says otherwise.

**{passed} of {count} pass.**

| operator | passed | of |
| --- | --- | --- |
{operators}

| case | operator | outcome |
| --- | --- | --- |
{cases}
"""


def run(sennit, folder):
    """The outcome of one case, in a process of its own: a crash is an outcome too."""
    result = subprocess.run([sennit, "run", "--json", folder], capture_output=True, text=True, check=False)
    try:
        return json.loads(result.stdout)[0]
    except (json.JSONDecodeError, IndexError):
        return {"case": folder.name, "operators": "", "state": "crashed", "message": f"exit code {result.returncode}"}


def outcome(case):
    if case["state"] == "passed":
        return "passed"
    # Where a file lies differs from machine to machine.
    message = re.sub(r"`?\S*/(?=model\.onnx)|`\S*sennit-case\S*`: ", "", case.get("message", ""))
    message = re.sub(r"loc\([^)]*\): ?", "", message).split("\n")[0].replace("|", "\\|")
    return f"{case['state']}: {message}"


def page(cases):
    counts = {}
    for case in cases:
        passed, count = counts.get(case["operators"], (0, 0))
        counts[case["operators"]] = (passed + (case["state"] == "passed"), count + 1)
    return HEAD.format(
        count=len(cases),
        passed=sum(case["state"] == "passed" for case in cases),
        operators="\n".join(f"| {name} | {passed} | {count} |" for name, (passed, count) in sorted(counts.items())),
        cases="\n".join(f"| `{case['case']}` | {case['operators']} | {outcome(case)} |" for case in cases),
    )


def passed_in(text):
    return set(re.findall(r"^\| `(\w+)` \| [^|]* \| passed \|$", text, re.M))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("sennit", help="the program")
    parser.add_argument("cases", type=pathlib.Path, help="the folder of the cases")
    parser.add_argument("page", help="docs/onnx.md")
    parser.add_argument("--check", action="store_true", help="only see that the page is true")
    arguments = parser.parse_args()
    folders = sorted(path.parent for path in arguments.cases.glob("*/model.onnx"))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        text = page(list(pool.map(lambda folder: run(arguments.sennit, folder), folders)))
    if not arguments.check:
        with open(arguments.page, "w", encoding="utf-8") as file:
            file.write(text)
        return 0
    with open(arguments.page, encoding="utf-8") as file:
        recorded = file.read()
    for case in sorted(passed_in(recorded) - passed_in(text)):
        print(f"{case} passed when the page was written")
    if recorded != text:
        print(f"{arguments.page} is not what becomes of the cases now; write it again without --check")
    return 0 if recorded == text else 1


if __name__ == "__main__":
    sys.exit(main())
