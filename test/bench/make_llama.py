#!/usr/bin/env python3
"""Writes a Llama of random bf16 weights: the size of a small real model, for timing only.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

    python3 make_llama.py /tmp/llama-128m                 # 128 M parameters, llama-128m of the benchmarks
    python3 make_llama.py /tmp/llama-1b --preset 1b       # 1.2 G parameters, shaped as Llama 3.2 1B

Needs torch alone, and writes the same bytes wherever it runs.
"""

import argparse
import ctypes
import json
import pathlib
import struct

import torch

PRESETS = {
    "128m": dict(layers=10, width=1024, inner=2816, heads=16, groups=8, vocabulary=8192, tied=False),
    "1b": dict(layers=16, width=2048, inner=8192, heads=32, groups=8, vocabulary=128256, tied=True),
}


def tensors(size):
    """Name and shape of every weight."""
    width, inner = size["width"], size["inner"]
    narrow = width // size["heads"] * size["groups"]
    yield "model.embed_tokens.weight", (size["vocabulary"], width)
    for layer in range(size["layers"]):
        start = f"model.layers.{layer}."
        for name, rows in (("q", width), ("k", narrow), ("v", narrow), ("o", width)):
            yield f"{start}self_attn.{name}_proj.weight", (rows, width)
        for name, shape in (("gate", (inner, width)), ("up", (inner, width)), ("down", (width, inner))):
            yield f"{start}mlp.{name}_proj.weight", shape
        yield start + "input_layernorm.weight", (width,)
        yield start + "post_attention_layernorm.weight", (width,)
    yield "model.norm.weight", (width,)
    if not size["tied"]:
        yield "lm_head.weight", (size["vocabulary"], width)


def write_model(folder, config, weights):
    """Writes config.json and the weights, `weights()` being names and shapes: matrices random, vectors ones."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    header, offset = {}, 0
    for name, shape in weights():
        end = offset + 2 * torch.Size(shape).numel()
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    # Rotations of one block of numbers: no two matrices are alike, and a gigabyte takes seconds.
    torch.manual_seed(0)
    block = (torch.randn(1 << 22) * 0.02).bfloat16()
    part = folder / "model.safetensors.part"
    with part.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for number, (name, shape) in enumerate(weights()):
            count = torch.Size(shape).numel()
            values = torch.ones(count, dtype=torch.bfloat16)
            if len(shape) >= 2:
                rotated = block.roll(7919 * number)
                values = rotated.repeat(-(-count // block.numel()))[:count]
            file.write(ctypes.string_at(values.data_ptr(), 2 * count))
    part.rename(folder / "model.safetensors")


def parse(description, presets):
    """The folder to write, and the sizes of a preset; the first unless another is asked for."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("out", type=pathlib.Path, help="the folder to write")
    parser.add_argument("--preset", choices=presets, default=next(iter(presets)))
    options = parser.parse_args()
    return options.out, presets[options.preset]


def main():
    out, size = parse(__doc__, PRESETS)
    write_model(out, {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "torch_dtype": "bfloat16",
        "hidden_size": size["width"], "intermediate_size": size["inner"], "num_hidden_layers": size["layers"],
        "num_attention_heads": size["heads"], "num_key_value_heads": size["groups"], "rms_norm_eps": 1e-6,
        "vocab_size": size["vocabulary"], "max_position_embeddings": 16384, "rope_theta": 500000.0,
        "tie_word_embeddings": size["tied"]}, lambda: tensors(size))


if __name__ == "__main__":
    main()
