#!/usr/bin/env python3
"""Follows a document word for word: writes its files, runs its commands, looks for what it promises.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

A block after a line that ends in "`NAME`:" is a file; a `sh` block is run, those that
begin with ./dev in the tree and the others beside the files; each line of a `text` block
stands in what the last command printed. Blocks of other languages without a name are prose.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

BLOCK = re.compile(r"([^\n]*)\n\n```(\w+)\n(.*?)```", re.S)


def run(script, folder, environment):
    command = ["bash", "-euo", "pipefail", "-c", script]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    result = subprocess.run(command, cwd=folder, env=environment, text=True, **streams)
    if result.returncode != 0:
        sys.exit(f"{script}\nended with {result.returncode}:\n{result.stdout}")
    return result.stdout


def main(document, source, build, scratch):
    shutil.rmtree(scratch, ignore_errors=True)
    home, folder = scratch / "home", scratch / "files"
    home.mkdir(parents=True)
    folder.mkdir()
    environment = dict(os.environ, HOME=str(home), SENNIT_BUILD_DIR=str(build))
    printed, promises = "", 0
    for before, language, text in BLOCK.findall(document.read_text(encoding="utf-8")):
        name = re.search(r"`([\w.-]+)`:$", before)
        if name:
            (folder / name.group(1)).write_text(text, encoding="utf-8")
        elif language == "sh":
            printed = run(text, source if text.startswith("./dev") else folder, environment)
        elif language == "text":
            for line in text.splitlines():
                promises += 1
                if line.strip() not in printed:
                    sys.exit(f"{document} promises\n{line}\nbut printed was\n{printed}")
    if promises == 0:
        sys.exit(f"{document} promises nothing")


if __name__ == "__main__":
    main(*(pathlib.Path(argument).resolve() for argument in sys.argv[1:]))
