"""Measures kernels that Sennit generates for a GPU, and writes how far the cost model is from them.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

    python3 validate_gpu.py compile --sennit ../../build/bin/sennit --folder suite
    python3 validate_gpu.py measure --library libsennit-runtime.so --folder suite --out truth.json
    python3 validate_gpu.py compare --sennit ../../build/bin/sennit --measured truth.json

The first writes a module for each work of `kernel_suite.py` into the folder, the second, which needs torch and the runtime
alone, runs them on the GPU. The third computes a calibration from the probes and from works to fit to, has `sennit validate`
predict all works, and writes `results/validate-h200.json` and `results/nvidia-h200-sxm.calibration.yaml`. A work's time is that of a call as one CUDA graph, after calls before it: the median over all
rounds, in turns with all other works, so that a slow spell of the device meets no family alone. Data are random normal;
decays, steps and choices of experts are as models have them. A second call goes on where the first one stopped.
"""

import argparse
import ctypes
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import kernel_suite
import torch

import compare_ops

HERE = pathlib.Path(__file__).resolve().parent
TARGET, MACHINE = "cuda:sm_90a", "nvidia-h200-sxm"
ELEMENTS = {"bf16": torch.bfloat16, "f16": torch.float16, "f32": torch.float32, "i32": torch.int32}


def compile_suite(options):
    """Modules of all works; what cannot be compiled is said and left out."""
    options.folder.mkdir(parents=True, exist_ok=True)

    def compile_one(entry):
        path = options.folder / f"{kernel_suite.get_name(entry['work'])}.mlir"
        artifact = path.with_suffix(".snt")
        if artifact.exists():
            return ""
        path.write_text(kernel_suite.get_program(entry["work"])[1], encoding="utf-8")
        done = subprocess.run([options.sennit, "compile", path, "--target", TARGET, "-j", "1", "-o", artifact], text=True,
                              capture_output=True, check=False)
        return f"{entry['work']}: {done.stderr.strip()[-300:]}" if done.returncode else ""

    with ThreadPoolExecutor(options.jobs) as pool:
        for i, problem in enumerate(pool.map(compile_one, kernel_suite.list_works())):
            if problem:
                print(problem, flush=True)
            if i % 25 == 24:
                print(f"{i + 1} works", flush=True)


class Clock:
    """The clock of the GPU's processors in MHz, by the driver's library; 0 where there is none."""

    def __init__(self):
        self.device = ctypes.c_void_p()
        try:
            self.library = ctypes.CDLL("libnvidia-ml.so.1")
            if self.library.nvmlInit_v2() or self.library.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(self.device)):
                self.library = None
        except OSError:
            self.library = None

    def read(self):
        found = ctypes.c_uint()
        if not self.library or self.library.nvmlDeviceGetClockInfo(self.device, 1, ctypes.byref(found)):
            return 0
        return found.value


def make_input(work, name, shape, element, pools):
    """A tensor in memory that the device reads directly; its numbers repeat those of a pool."""
    tensor = torch.empty(shape, dtype=ELEMENTS[element], pin_memory=torch.cuda.is_available())
    if element == "i32":
        tensor.copy_(torch.rand(shape[0], work.experts).topk(shape[1]).indices)
        return tensor
    kind = name if name in ("g", "b", "f", "delta", "A") else "normal"
    if (kind, element) not in pools:
        normal = torch.randn(1 << 20)
        shaped = {"normal": normal, "g": -0.1 * normal.abs(), "A": -normal.abs(), "b": normal.sigmoid(), "f": normal.sigmoid(),
                  "delta": torch.nn.functional.softplus(normal - 3)}[kind]
        pools[kind, element] = shaped.to(ELEMENTS[element])
    flat, pool = tensor.view(-1), pools[kind, element]
    for start in range(0, flat.numel(), pool.numel()):
        part = flat[start : start + pool.numel()]
        part.copy_(pool[: part.numel()])
    return tensor


def time_kernels(module, inputs, outputs, count):
    """Least seconds of each kernel alone, over its calls."""
    library, least = module.library, {}
    library.sennit_context_profile_enable(module.context, 1)
    for _ in range(count):
        library.sennit_context_profile_reset(module.context)
        module.call(inputs, outputs)
        profile, index = compare_ops.Profile(), 0
        while not library.sennit_context_profile_get(module.context, ctypes.c_uint64(index), ctypes.byref(profile),
                                                     ctypes.byref(module.error)):
            if profile.calls and profile.name != b"call":
                name, seconds = profile.name.decode(), profile.nanoseconds / 1e9
                known = least.setdefault(name, {"name": name, "calls": profile.calls, "seconds": seconds})
                known["seconds"] = min(known["seconds"], seconds)
            index += 1
    return list(least.values())


def measure_work(library, options, entry, pools):
    work, text = kernel_suite.get_program(entry["work"])
    arguments, results = kernel_suite.list_tensors(text)
    inputs = [make_input(work, *tensor, pools) for tensor in arguments]
    outputs = [torch.empty(shape, dtype=ELEMENTS[element], pin_memory=torch.cuda.is_available()) for _, shape, element in results]
    module = compare_ops.Module(library, options.folder / f"{kernel_suite.get_name(entry['work'])}.snt", 1)
    try:
        for _ in range(3):
            module.call(inputs, outputs)
        times, end = [], time.perf_counter() + options.seconds
        while len(times) < 5 or (time.perf_counter() < end and len(times) < 40):
            times.append(module.time(inputs, outputs))
        kernels = time_kernels(module, inputs, outputs, 3)
    finally:
        library.sennit_context_destroy(module.context)
        library.sennit_module_destroy(module.module)
    return times, kernels


def measure(options):
    library = ctypes.CDLL(os.path.abspath(options.library))
    torch.manual_seed(0)
    start, clock, pools = time.perf_counter(), Clock(), {}
    rows = {entry["work"]: entry | {"rounds": [], "clocks": []} for entry in kernel_suite.list_works()
            if (options.folder / f"{kernel_suite.get_name(entry['work'])}.snt").exists()}
    if options.out.exists():
        rows |= {row["work"]: row for row in json.loads(options.out.read_text(encoding="utf-8"))["rows"]}
    for round_ in range(options.rounds):
        for number, row in enumerate(rows.values()):
            # What remains unmeasured is worth more than a second look.
            if time.perf_counter() - start > options.limit:
                break
            if "error" in row or len(row["rounds"]) > round_:
                continue
            try:
                times, kernels = measure_work(library, options, row, pools)
            except (SystemExit, RuntimeError) as problem:
                # What a kernel left behind may refuse all after it: a new process goes on from here.
                row["error"] = str(problem)
                save(options, rows)
                raise SystemExit(f"{row['work']}: {problem}; call again to go on") from problem
            row["rounds"].append([statistics.median(times), min(times)])
            row["clocks"].append(clock.read())
            row["kernels"] = kernels
            if number % 20 == 0:
                print(f"round {round_}, work {number}, {time.perf_counter() - start:.0f} s", flush=True)
        save(options, rows)
    print(f"{sum('seconds' in row for row in rows.values())} measured, {sum('error' in row for row in rows.values())} refused")


def save(options, rows):
    for row in rows.values():
        if row["rounds"]:
            row["seconds"] = statistics.median(median for median, _ in row["rounds"])
            row["least"] = min(least for _, least in row["rounds"])
    result = {"format": 1, "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "none", "target": TARGET,
              "command": f"validate_gpu.py measure --rounds {options.rounds} --seconds {options.seconds}",
              "date": time.strftime("%Y-%m-%d"), "rows": list(rows.values())}
    options.out.write_text(layout(result), encoding="utf-8")


def layout(result):
    """One line a row, so that differences can be read."""
    rows = ",\n  ".join(json.dumps(row) for row in result["rows"])
    head = "".join(f'"{key}": {json.dumps(value)},\n ' for key, value in result.items() if key != "rows")
    return "{" + head + f'"rows": [\n  {rows}]}}\n'


def compute_fields(measured):
    """Fields of the machine's file, from works that nothing is held out of."""
    seconds = {row["work"]: row["seconds"] for row in measured["rows"] if row["part"] in ("probe", "fit") and "seconds" in row}

    def between(short, long, work):
        """`work` units a second, from what the longer of two works takes more."""
        return work / (seconds[long] - seconds[short])

    # A product of 64 by 64, which reads what the one before has written, takes about 0.6 us of its launch.
    launch = (seconds["chain:64x64"] - seconds["chain:64x16"]) / 48
    read = between("product:1x32768x4096:bf16", "product:1x65536x4096:bf16", 2 * 32768 * 4096)
    both = between("swiglu:16384x4096", "swiglu:32768x4096", 6 * 16384 * 4096)
    exponentials = between("elements:8192x4096x64:exp", "elements:8192x4096x128:exp", 64 * 8192 * 4096) / (132 * 1.98e9)
    # A token of a scan waits for its row, and for little else: out of the cache that holds all rows, and from beyond it.
    near, far = seconds["sums:1000x1024"] / 1000, seconds["sums:4096x4096"] / 4096
    # The time of a meeting of threads and the items that a processor holds were set by hand, on works to fit to.
    return {"launch.gap": f"{(launch - 0.6e-6) * 1e6:.3g} us", "launch.call": f"{(seconds['chain:64x1'] - launch) * 1e6:.3g} us",
            "hbm.bandwidth": f"{(read + both) / 2e12:.3g} TB/s", "hbm.latency": f"{far * 1e9:.3g} ns",
            "l2.latency": f"{(near - 30e-9) * 1e9:.3g} ns", "core.exec.barrier": "80 ns", "core.exec.items": "4",
            "mufu.rate.exp": f"{exponentials:.3g} op/clk", "mufu.rate.exp2": f"{exponentials:.3g} op/clk"}


def summarise(rows, tier):
    errors = [row[tier] / row["measured"] - 1 for row in rows]
    sizes = sorted(abs(error) for error in errors)
    pick = lambda values, part: sorted(values)[int(part * (len(values) - 1) + 0.5)]
    return {"median": round(pick(sizes, 0.5), 4), "p90": round(pick(sizes, 0.9), 4), "bias": round(pick(errors, 0.5), 4)}


def compare(options):
    measured = json.loads(options.measured.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        for row in measured["rows"]:
            (folder / f"{kernel_suite.get_name(row['work'])}.mlir").write_text(kernel_suite.get_program(row["work"])[1], encoding="utf-8")
        fields = folder / "fields.json"
        fields.write_text(json.dumps({"processor": measured["device"], "date": measured["date"],
                                      "command": measured["command"], "fields": compute_fields(measured)}), encoding="utf-8")
        calibration = HERE / "results" / f"{MACHINE}.calibration.yaml"
        subprocess.run([options.sennit, "targets", "calibrate", MACHINE, "--measured", fields, "-o", calibration], check=True)
        done = subprocess.run([options.sennit, "validate", "--measured", options.measured.resolve(), "--programs", folder, "--target",
                               MACHINE, "--calibration", calibration, "--json"], text=True, capture_output=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr)
    found = json.loads(done.stdout)
    held = [row for row in found["rows"] if row["part"] in ("test", "unfitted")]
    summary = []
    for family in [*dict.fromkeys(row["family"] for row in held), None]:
        # The family to which nothing is fitted stands by itself.
        of = [row for row in held if row["family"] == family or (family is None and row["part"] == "test")]
        fitted = sum(row["part"] == "fit" and family in (row["family"], None) for row in found["rows"])
        summary.append({"family": family, "fitted": fitted, "held_out": len(of)} | {tier: summarise(of, tier) for tier in ("T0", "T1", "T2")})
    rows = [{key: float(f"{value:.4g}") if isinstance(value, float) else value for key, value in row.items() if key != "kernels"}
            for row in found["rows"]]
    result = {"format": 1, "command": "validate_gpu.py compare", "device": measured["device"], "date": measured["date"],
              "measured": measured["command"], "machine": MACHINE, "note": options.note, "residuals": found["residuals"], "summary": summary, "rows": rows}
    (HERE / "results" / "validate-h200.json").write_text(layout(result), encoding="utf-8")
    for part in summary:
        print(part)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    compiling = verbs.add_parser("compile", help="write the modules")
    compiling.add_argument("--sennit", default="sennit", help="the program (default: from PATH)")
    compiling.add_argument("--jobs", type=int, default=2)
    measuring = verbs.add_parser("measure", help="run the modules on the GPU")
    measuring.add_argument("--library", required=True, help="the runtime")
    measuring.add_argument("--rounds", type=int, default=2)
    measuring.add_argument("--seconds", type=float, default=0.15, help="of a work, in each round")
    measuring.add_argument("--limit", type=float, default=330, help="seconds after which nothing more is begun")
    measuring.add_argument("--out", type=pathlib.Path, required=True)
    comparing = verbs.add_parser("compare", help="calibrate, predict, and write the results")
    comparing.add_argument("--sennit", default="sennit", help="the program (default: from PATH)")
    comparing.add_argument("--note", default="", help="what a reader must know of this run")
    comparing.add_argument("--measured", type=pathlib.Path, required=True, help="what `measure` wrote")
    for verb in (compiling, measuring):
        verb.add_argument("--folder", type=pathlib.Path, required=True, help="where the modules are")
    options = parser.parse_args()
    {"compile": compile_suite, "measure": measure, "compare": compare}[options.verb](options)


if __name__ == "__main__":
    main()
