"""Prints a convolution whose filter is a parameter, in the form that the arguments ask for, and writes the filter.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

    long_conv.py FILTER BLOCK
"""

import array
import pathlib
import random
import sys

CHANNELS, TAPS, TOKENS = 20, 100, 90
path, block = pathlib.Path(sys.argv[1]), sys.argv[2]
random.seed(1)
path.write_bytes(array.array("f", [random.gauss(0, 0.1) for _ in range(CHANNELS * TAPS)]).tobytes())
x, w = f"tensor<{TOKENS}x{CHANNELS}xf32>", f"tensor<{CHANNELS}x{TAPS}xf32>"
print(f"""
seq.parameter @w : {w} from "{path}" at 0
func.func @run(%x: {x} {{seq.name = "x"}}) -> ({x} {{seq.name = "y"}}) {{
  %w = seq.weight @w : {w}
  %y = seq.conv %x, %w {{block = {block} : i64}} : {x}, {w}
  return %y : {x}
}}
func.func @again(%x: {x} {{seq.name = "x"}}) -> ({x} {{seq.name = "y"}}) {{
  %w = seq.weight @w : {w}
  %y = seq.conv %x, %w {{block = {block} : i64}} : {x}, {w}
  %z = arith.addf %y, %x : {x}
  return %z : {x}
}}""")
