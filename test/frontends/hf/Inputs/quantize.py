"""Quantises the matrices of a model's layers as compressed-tensors stores them.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

    quantize.py MODEL OUT FORMAT BITS GROUP [DAMAGE]

writes to OUT/quantized the checkpoint in that format (pack-quantized or int-quantized; group 0: a scale a row), and to
OUT/plain the one that it stands for, in f32. DAMAGE names a way in which the first is spoiled.
"""

import json
import pathlib
import struct
import sys

import damage


def numbers(dtype, content):
    if dtype == "F32":
        return list(struct.unpack(f"<{len(content) // 4}f", content))
    assert dtype == "BF16", dtype
    return [struct.unpack("<f", b"\0\0" + content[i : i + 2])[0] for i in range(0, len(content), 2)]


def as_f32(values):
    return struct.pack(f"<{len(values)}f", *values)


def quantize_row(row, bits, group):
    largest, scales, integers = 2 ** (bits - 1) - 1, [], []
    for first in range(0, len(row), group):
        part = row[first : first + group]
        scale = max(map(abs, part)) / largest or 1.0
        scale = struct.unpack("<f", struct.pack("<f", scale))[0]
        scales.append(scale)
        integers += [max(-largest, min(largest, round(value / scale))) for value in part]
    return integers, scales


def pack(integers, bits):
    """Words of numbers from their lowest bits on, each more by half of its range."""
    count, words = 32 // bits, []
    for first in range(0, len(integers), count):
        word = 0
        for i, value in enumerate(integers[first : first + count]):
            word |= value + 2 ** (bits - 1) << i * bits
        words.append(word)
    return struct.pack(f"<{len(words)}I", *words)


def convert(tensors, form, bits, group):
    quantized, plain = {}, {}
    for name, (dtype, shape, content) in tensors.items():
        if not (name.endswith("_proj.weight") and len(shape) == 2):
            quantized[name] = plain[name] = [dtype, shape, content]
            continue
        values, (rows, depth) = numbers(dtype, content), shape
        each, stored, scales, exact = group or depth, b"", [], []
        for row in range(rows):
            integers, factors = quantize_row(values[row * depth : (row + 1) * depth], bits, each)
            stored += pack(integers, bits) if form == "pack-quantized" else struct.pack(f"<{depth}b", *integers)
            scales += factors
            exact += [value * factors[k // each] for k, value in enumerate(integers)]
        if form == "pack-quantized":
            quantized[name + "_packed"] = ["I32", [rows, -(-depth * bits // 32)], stored]
            quantized[name + "_shape"] = ["I64", [2], struct.pack("<2q", rows, depth)]
        else:
            quantized[name] = ["I8", shape, stored]
        quantized[name + "_scale"] = ["F32", [rows, -(-depth // each)], as_f32(scales)]
        plain[name] = ["F32", shape, as_f32(exact)]
    return quantized, plain


FIRST = "model.layers.0.self_attn.q_proj.weight"
DAMAGES = {
    "no-scale": lambda tensors: tensors.pop(FIRST + "_scale"),
    "wide-scale": lambda tensors: tensors[FIRST + "_scale"][1].append(1),
    "short-words": lambda tensors: tensors[FIRST + "_packed"].__setitem__(1, list(reversed(tensors[FIRST + "_packed"][1]))),
    "byte-words": lambda tensors: tensors[FIRST + "_packed"].__setitem__(0, "F32"),
    "zeros": lambda tensors: tensors.__setitem__(FIRST + "_zero_point", ["I8", [1], b"\0"]),
    "embedding": lambda tensors: tensors.__setitem__("model.embed_tokens.weight_scale", ["F32", [1], as_f32([1.0])]),
}


def main():
    model, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    form, bits, group = sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
    quantized, plain = convert(damage.read(model), form, bits, group)
    if len(sys.argv) > 6:
        DAMAGES[sys.argv[6]](quantized)
    weights = {"num_bits": bits, "type": "int", "symmetric": True, "strategy": "group" if group else "channel",
               "group_size": group or None}
    scheme = {"quant_method": "compressed-tensors", "format": form, "ignore": ["lm_head"],
              "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights}}}
    for name, tensors in (("quantized", quantized), ("plain", plain)):
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        config = json.loads((model / "config.json").read_text())
        if name == "quantized":
            config["quantization_config"] = scheme
        (folder / "config.json").write_text(json.dumps(config))
        damage.write(folder, tensors)


main()
