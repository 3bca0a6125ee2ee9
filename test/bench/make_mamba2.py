#!/usr/bin/env python3
"""Writes a Mamba-2 of random bf16 weights: the size of a real model, for timing only.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

    python3 make_mamba2.py /tmp/mamba2-130m                 # 130 M parameters
    python3 make_mamba2.py /tmp/mamba2-1b --preset 1.3b     # 1.3 G parameters, shaped as state-spaces/mamba2-1.3b

Needs torch alone, and writes the same bytes wherever it runs.
"""

from make_llama import parse, write_model

PRESETS = {"130m": dict(layers=24, width=768), "1.3b": dict(layers=48, width=2048)}
VOCABULARY, STATE, HEAD, TAPS = 50288, 128, 64, 4


def tensors(size):
    """Name and shape of every weight."""
    width, inner = size["width"], 2 * size["width"]
    heads, mixed = inner // HEAD, inner + 2 * STATE
    yield "backbone.embeddings.weight", (VOCABULARY, width)
    for layer in range(size["layers"]):
        start = f"backbone.layers.{layer}."
        yield start + "norm.weight", (width,)
        for name, shape in (("in_proj.weight", (inner + mixed + heads, width)), ("conv1d.weight", (mixed, 1, TAPS)),
                            ("conv1d.bias", (mixed,)), ("A_log", (heads,)), ("D", (heads,)), ("dt_bias", (heads,)),
                            ("norm.weight", (inner,)), ("out_proj.weight", (width, inner))):
            yield f"{start}mixer.{name}", shape
    yield "backbone.norm_f.weight", (width,)


def main():
    out, size = parse(__doc__, PRESETS)
    write_model(out, {
        "architectures": ["Mamba2ForCausalLM"], "model_type": "mamba2", "torch_dtype": "bfloat16", "hidden_act": "silu",
        "hidden_size": size["width"], "num_hidden_layers": size["layers"], "state_size": STATE, "expand": 2,
        "head_dim": HEAD, "num_heads": 2 * size["width"] // HEAD, "n_groups": 1, "conv_kernel": TAPS, "chunk_size": 256,
        "layer_norm_epsilon": 1e-5, "use_bias": False, "use_conv_bias": True, "norm_before_gate": False, "rms_norm": True,
        "residual_in_fp32": True, "time_step_limit": [0.0, float("inf")], "time_step_rank": size["width"] // 16,
        "vocab_size": VOCABULARY, "tie_word_embeddings": True}, lambda: tensors(size))


if __name__ == "__main__":
    main()
