#!/usr/bin/env python3
"""Writes docs/ops.md, the ops of seq with what is tested of each, from the names of the tests, or checks that page.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

    python3 ops_table.py build/bin docs/ops.md
"""

import argparse
import collections
import pathlib
import re
import subprocess
import sys

# Title, program, and the test whose parameter is the setting's name.
COLUMNS = [
    ("formula", "sennit-decompose-tests", "KeepsItsFormula"),
    ("code", "sennit-kernel-tests", "KeepTheFormula"),
    ("steps", "sennit-kernel-tests", "KeepTheFormulaInTheFormOfAStep"),
    ("pieces", "sennit-kernel-tests", "GiveWhatOneCallGives"),
    ("forms", "sennit-forms-tests", "Agree"),
    ("parts", "sennit-kernel-tests", "KeepTheFormulaInParts"),
]
# Ops without numbers of their own.
SCAFFOLDS = {"kernel", "yield", "weight", "parameter", "pack"}

HEAD = """# The ops of `seq`, and what is tested of each

Written by `test/e2e/ops_table.py` from the names of the tests that the programs list; a test fails when this page
says otherwise, or when an op has no line. Every line is a setting with odd sizes on random numbers:

- **formula**: its decomposition keeps a formula in f64 that the test states itself (`sennit-decompose-tests`);
- **code**: so does its machine code, at every level of vectors that the processor has, prefilled and under each bound
  of a token count (`sennit-kernel-tests`);
- **steps**: so does its machine code in the form of a step, one token after the other;
- **pieces**: calls of several lengths give what one call gives;
- **forms**: decomposition, interpreter in f64, prefill, splits and steps agree (`sennit-forms-tests`);
- **parts**: its programs for a matrix unit beside the threads keep the formula, whether parts share a sequence or not.

`-`: the setting has no such form, being without a state, without tokens, or nothing for such a unit.
"""


def tests(program):
    """Pairs of a test's last name and its parameter."""
    listed = subprocess.run([program, "--gtest_list_tests"], check=True, capture_output=True, text=True).stdout
    for line in listed.splitlines():
        if match := re.match(r"  (\w+)/(\w+)", line):
            yield match[1], re.sub(r"_(avx2|avx512|avx512bf16|amx)$", "", match[2])


def ops(root):
    """The mnemonics of seq with their summaries."""
    found = {}
    for path in sorted((root / "dialects" / "seq").glob("*.td")):
        for match in re.finditer(r'^def \w+ : Seq\w*Op<"(\w+)".*?let summary = "([^"]*)"', path.read_text(), re.M | re.S):
            found[match[1]] = match[2]
    return found


def page(binaries, root):
    known = ops(root)
    passed = collections.defaultdict(set)
    for program in sorted({column[1] for column in COLUMNS}):
        for test, setting in tests(binaries / program):
            passed[program, test].add(setting)
    settings = collections.defaultdict(list)
    for setting in sorted(set().union(*passed.values())):
        owner = max((op for op in known if setting.startswith(op)), key=len, default=None)
        if owner:
            settings[owner].append(setting)
    lines = [HEAD]
    for op, summary in sorted(known.items()):
        if op in SCAFFOLDS:
            continue
        if not settings[op]:
            sys.exit(f"`seq.{op}` has no setting in the tests of ops")
        lines += [f"## `seq.{op}`: {summary}", "", "| setting | " + " | ".join(name for name, _, _ in COLUMNS) + " |",
                  "| --- |" + " --- |" * len(COLUMNS)]
        for setting in settings[op]:
            cells = ["yes" if setting in passed[program, test] else "-" for _, program, test in COLUMNS]
            lines.append(f"| {setting.removeprefix(op).strip('_').replace('_', ' ')} | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("binaries", type=pathlib.Path, help="the folder of the test programs")
    parser.add_argument("page", type=pathlib.Path, help="docs/ops.md")
    parser.add_argument("--check", action="store_true", help="only see that the page is true")
    arguments = parser.parse_args()
    text = page(arguments.binaries, pathlib.Path(__file__).resolve().parents[2])
    if not arguments.check:
        arguments.page.write_text(text, encoding="utf-8")
    elif not arguments.page.exists() or arguments.page.read_text(encoding="utf-8") != text:
        sys.exit(f"{arguments.page} is not what the tests are now; write it again without --check")


if __name__ == "__main__":
    main()
