#!/usr/bin/env python3
"""Writes a Llama of random bf16 weights: the size of a small real model, for timing only; llama-128m of the benchmarks.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

    python3 make_llama.py /tmp/llama-128m     # 128 M parameters
"""

import argparse

import torch
from transformers import LlamaConfig, LlamaForCausalLM


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", help="the folder to write")
    parser.add_argument("--layers", type=int, default=10)
    parser.add_argument("--width", type=int, default=1024)
    options = parser.parse_args()
    torch.manual_seed(0)
    config = LlamaConfig(hidden_size=options.width, intermediate_size=options.width * 11 // 4,
                         num_hidden_layers=options.layers, num_attention_heads=options.width // 64,
                         num_key_value_heads=options.width // 128, vocab_size=8192, max_position_embeddings=2048,
                         tie_word_embeddings=False)
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(options.out)


if __name__ == "__main__":
    main()
