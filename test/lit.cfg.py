# How lit finds and runs the tests: which files, which tools, which features of the host.
# Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
import ctypes
import os
import shutil

import lit.formats

config.name = "Sennit"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["bench", "data", "fuzz", "lib", "Inputs"]
config.test_source_root = os.path.join(config.source_root, "test")
config.test_exec_root = os.path.join(config.build_root, "test")

# The project's tools come before LLVM's FileCheck, not and count, and before the host's own.
path = [os.path.join(config.build_root, "bin"), config.llvm_tools]
config.environment["PATH"] = os.pathsep.join(path + [config.environment["PATH"]])

config.substitutions.append(("%source_root", config.source_root))
config.substitutions.append(("%build_root", config.build_root))
config.substitutions.append(("%data", os.path.join(config.test_source_root, "data")))
config.substitutions.append(("%python", config.python))
config.substitutions.append(("%cc", config.cc))

# Any run of sennit-opt can be asked to check that its IR survives printing and parsing.
if os.environ.get("SENNIT_VERIFY_ROUNDTRIP") == "1":
    config.substitutions.append((r"(?<![\w/-])sennit-opt(?![\w-])", "sennit-opt --verify-roundtrip"))


def host_features():
    """The instruction sets of this machine, as the kernel names them."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        flags = next((line.split() for line in file if line.startswith("flags")), [])
    needed = {
        "avx2": {"avx2", "fma"},
        "avx512": {"avx512f", "avx512bw", "avx512dq", "avx512vl"},
        "avx512bf16": {"avx512_bf16", "avx512_vnni"},
        "amx": {"amx_tile", "amx_bf16"},
    }
    return [feature for feature, names in needed.items() if names <= set(flags)]


config.available_features.update(host_features())
try:
    ctypes.CDLL("libcuda.so.1")
    config.available_features.add("cuda")
except OSError:
    pass
if shutil.which("ptxas", path=config.environment["PATH"]):
    config.available_features.add("ptxas")
