#!/usr/bin/env python3
"""Measures what restricting this processor by software costs, beside what the cost model says of it.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

    python3 knobs_cpu.py --sennit ../../build/bin/sennit       # about ten minutes; writes results/knobs-cpu.json

Each work is compiled as it is, and with a knob turned: for one core of two, for AVX2, and with the tiles that a processor
with smaller caches would get. Both modules run in turns, and a time is the least of many calls. The ratio of the two is
held against the ratio of their predictions, by machines that `sennit targets calibrate` measured once before. Works are
those of choice_cpu.py that take long enough to measure; no term of the model was looked for in them.
"""

import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import tempfile

import choice_cpu
import kernel_suite

HERE = pathlib.Path(__file__).resolve().parent
GROUPS = {name: works for name, works in choice_cpu.GROUPS.items() if name != "products of bf16"}
# Capacities that tiles are chosen for, and that the processor goes beyond.
SMALL = {"l1": "8 KiB", "l2": "128 KiB"}
LEAST_MICROSECONDS = 20


def run(*command):
    done = subprocess.run([str(part) for part in command], text=True, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command}: {done.stderr}")
    return done.stdout


def spell_machine(name, calibration):
    """The calibration as a machine's file of its own: what was measured, on top of what it calibrates."""
    given = re.search(r"^machine: (\S+)$", calibration, re.MULTILINE).group(1)
    body = calibration[re.search(r"^(clock|levels):", calibration, re.MULTILINE).start():]
    return f'sennit_machine: 1\nname: {name}\nextends: {given}\nsummary: "this processor, as it was measured"\n{body}'


def set_capacity(text, memory, capacity):
    """|text| of a machine with another capacity of one of its memories."""
    return re.sub(rf"(^ +{memory}:\n +capacity: {{value: )[^,]*", rf"\g<1>{capacity}", text, flags=re.MULTILINE)


class Bench:
    """Works in a folder, and their two modules."""

    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        machines = {}
        for level in ("avx512", "avx2"):
            file = folder / f"{level}.calibration.yaml"
            run(options.sennit, "targets", "calibrate", f"x86-{level}", f"--threads={options.threads}", "-o", file)
            machines[level] = spell_machine(level, file.read_text(encoding="utf-8"))
        small = machines["avx512"]
        for memory, capacity in SMALL.items():
            small = set_capacity(small, memory, capacity)
        alone = re.sub(r"(\n +count: {value: )\d+", r"\g<1>1", machines["avx512"])
        self.calibration = machines["avx512"]
        for name, text in {**machines, "small": small, "alone": alone}.items():
            (folder / f"{name}.yaml").write_text(text, encoding="utf-8")

    def compile(self, program, machine, output, schedule=None):
        more = ["--schedule", schedule] if schedule else []
        run(self.options.sennit, "compile", program, "--target", self.folder / f"{machine}.yaml", *more, "-o", output)

    def predict(self, work, program, machine, schedule=None):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            name = re.sub("[:=]", "-", work)
            (folder / f"{name}.mlir").write_text(program.read_text(encoding="utf-8"), encoding="utf-8")
            if schedule:
                (folder / f"{name}.yaml").write_text(schedule.read_text(encoding="utf-8"), encoding="utf-8")
            row = {"work": work, "family": "knob", "part": "test", "seconds": 1}
            (folder / "times.json").write_text(json.dumps({"rows": [row]}), encoding="utf-8")
            found = run(self.options.sennit, "validate", "--measured", folder / "times.json", "--target",
                        self.folder / f"{machine}.yaml", "--json")
            return 1e6 * json.loads(found)["rows"][0]["T0"]

    def time(self, first, second, cores):
        """Microseconds of both, the least of several processes that have them in turns."""
        least = [float("inf")] * 2
        for _ in range(self.options.rounds):
            found = json.loads(run("taskset", "-c", ",".join(map(str, cores)), self.options.compare, first, second))
            least = [min(least[0], found["reference_us"]), min(least[1], found["module_us"])]
        return least

    def turn(self, work):
        """Yields what each knob does to the work."""
        program, whole = self.folder / "work.mlir", self.folder / "whole.snt"
        program.write_text(kernel_suite.get_program(work)[1], encoding="utf-8")
        self.compile(program, "avx512", whole)
        cores = sorted(os.sched_getaffinity(0))[:self.options.threads]
        predicted = self.predict(work, program, "avx512")

        alone, other = self.folder / "alone.snt", self.folder / "other.snt"
        self.compile(program, "alone", alone)
        yield ("one core of two", predicted, self.predict(work, program, "alone"), self.time(whole, whole, cores)[0],
               self.time(alone, alone, cores[:1])[0])
        # On one core, where nobody else's work decides.
        base, one = self.predict(work, program, "alone"), cores[:1]
        self.compile(program, "avx2", other)
        with_avx2 = self.folder / "avx2-alone.yaml"
        with_avx2.write_text(re.sub(r"(\n +count: {value: )\d+", r"\g<1>1", (self.folder / "avx2.yaml").read_text(encoding="utf-8")),
                             encoding="utf-8")
        self.compile(program, "avx2-alone", other)
        yield "AVX2 instead of AVX-512", base, self.predict(work, program, "avx2-alone"), *self.time(alone, other, one)
        schedule, own = self.folder / "small-tiles.yaml", self.folder / "own-tiles.yaml"
        for machine, file in (("small", schedule), ("alone", own)):
            run(self.options.sennit, "compile", program, "--target", self.folder / f"{machine}.yaml", "--emit-schedule", file,
                "-o", other)
        if schedule.read_text(encoding="utf-8") != own.read_text(encoding="utf-8"):
            self.compile(program, "alone", other, schedule)
            yield "tiles for smaller caches", base, self.predict(work, program, "alone", schedule), *self.time(alone, other, one)


def summarise(knob, rows):
    def of(errors):
        sizes = sorted(map(abs, errors))
        return statistics.median(sizes), sizes[int(0.9 * (len(sizes) - 1) + 0.5)]

    signed = [row["predicted"] / row["measured"] - 1 for row in rows]
    numbers = {"measured": statistics.median(row["measured"] for row in rows), "bias": statistics.median(signed)}
    numbers["median"], numbers["p90"] = of(signed)
    numbers["unchanged_median"], numbers["unchanged_p90"] = of([1 / row["measured"] - 1 for row in rows])
    return {"knob": knob, "works": len(rows)} | {name: float(f"{number:.4g}") for name, number in numbers.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sennit", default=str(HERE.parents[1] / "build/bin/sennit"))
    parser.add_argument("--compare", default=str(HERE.parents[1] / "build/bin/sennit-compare-modules"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3, help="processes that time each pair")
    parser.add_argument("--note", default="", help="what a reader must know of this run")
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "results/knobs-cpu.json")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options, pathlib.Path(folder))
        for group, works in GROUPS.items():
            for work in works:
                for knob, before, after, first, second in bench.turn(work):
                    if first < LEAST_MICROSECONDS:
                        continue
                    row = {"knob": knob, "group": group, "work": work, "us": first, "predicted_us": before,
                           "measured": second / first, "predicted": after / before}
                    rows.append(row | {name: float(f"{value:.4g}") for name, value in row.items() if isinstance(value, float)})
                    print(rows[-1], flush=True)
    knobs = list(dict.fromkeys(row["knob"] for row in rows))
    summary = [summarise(knob, [row for row in rows if row["knob"] == knob]) for knob in knobs] + [summarise("all", rows)]
    result = {"format": 1, "command": "knobs_cpu.py", "processor": choice_cpu.processor(), "note": options.note,
              "least_us": LEAST_MICROSECONDS, "calibration": bench.calibration, "summary": summary, "rows": rows}
    lists = {name: ",\n  ".join(json.dumps(entry) for entry in result[name]) for name in ("summary", "rows")}
    parts = [f"{json.dumps(name)}: " + (f"[\n  {lists[name]}]" if name in lists else json.dumps(value))
             for name, value in result.items()]
    options.out.write_text("{" + ",\n ".join(parts) + "}\n", encoding="utf-8")
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
