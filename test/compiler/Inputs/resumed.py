"""Kills a sweep when its first rows are kept, lets it go on, and compares with one that nobody disturbed.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
"""

import os
import subprocess
import sys
import time


def main(model, output):
    journal = output + ".journal"
    sweep = ["sennit", "sweep", model, "--target", "x86-amx", "-j", "1", "--length", "33"]
    sweep += ["--set", "l2.capacity=1..8 MiB:1"]
    for path in (output, journal):
        if os.path.exists(path):
            os.remove(path)
    killed = subprocess.Popen([*sweep, "-o", output], stderr=subprocess.DEVNULL)
    while killed.poll() is None and not (os.path.exists(journal) and os.path.getsize(journal)):
        time.sleep(0.01)
    killed.kill()
    killed.wait()
    assert os.path.exists(journal) and not os.path.exists(output), "it ended before it was killed"
    with open(journal, "a", encoding="utf-8") as file:
        file.write('{"key": "half a li')
    again = subprocess.run([*sweep, "-o", output], text=True, capture_output=True, check=True)
    assert "going on: " in again.stderr and " of 8 machines are in " in again.stderr, again.stderr
    assert "going on: 8 of" not in again.stderr, again.stderr
    assert not os.path.exists(journal)
    whole = subprocess.run(sweep, text=True, capture_output=True, check=True).stdout
    with open(output, encoding="utf-8") as file:
        assert file.read() == whole


main(*sys.argv[1:])
