#!/usr/bin/env python3
"""Follows docs/recipes/new-pass.md word for word, from its files and commands to what it promises to print.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
"""
# RUN: %python %s %source_root %build_root %t

import os
import pathlib
import re
import shutil
import subprocess
import sys

# What stands before a block tells its file: a name in backticks that ends the line.
BLOCK = re.compile(r"([^\n]*)\n\n```(\w+)\n(.*?)```", re.S)


def run(script, folder, environment):
    command = ["bash", "-euo", "pipefail", "-c", script]
    result = subprocess.run(command, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if result.returncode != 0:
        sys.exit(f"{script}\nended with {result.returncode}:\n{result.stdout}")
    return result.stdout


def main(source, build, scratch):
    recipe = (source / "docs/recipes/new-pass.md").read_text(encoding="utf-8")
    shutil.rmtree(scratch, ignore_errors=True)
    home, folder = scratch / "home", scratch / "plugin"
    home.mkdir(parents=True)
    folder.mkdir()
    environment = dict(os.environ, HOME=str(home), SENNIT_BUILD_DIR=str(build))
    printed, checked = "", 0
    for before, language, text in BLOCK.findall(recipe):
        if language == "sh":
            in_tree = text.startswith("./dev")
            printed = run(text, source if in_tree else folder, environment)
        elif language == "text":
            for line in text.splitlines():
                checked += 1
                if line not in printed:
                    sys.exit(f"the recipe promises\n{line}\nbut printed was\n{printed}")
        else:
            name = re.search(r"`([\w.-]+)`:$", before).group(1)
            (folder / name).write_text(text, encoding="utf-8")
    if checked == 0:
        sys.exit("the recipe promises nothing")


if __name__ == "__main__":
    main(*(pathlib.Path(argument).resolve() for argument in sys.argv[1:]))
