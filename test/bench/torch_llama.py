#!/usr/bin/env python3
"""A Llama in plain PyTorch on a GPU, timed: the peer of compiled modules where transformers is not installed.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

    python3 torch_llama.py FOLDER [--tokens N] [--steps N]

bf16 throughout. Prefill runs eagerly, with cuBLAS and scaled_dot_product_attention; a step runs under a CUDA graph,
over a cache of N + steps tokens whose unused rows are masked. Needs torch alone. Prints JSON.
"""

import argparse
import json
import mmap
import pathlib
import statistics
import struct
import time

import torch
import torch.nn.functional as F


def read_weights(folder):
    """The tensors of model.safetensors on the GPU, by name."""
    with (folder / "model.safetensors").open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    length = struct.unpack("<Q", data[:8])[0]
    weights = {}
    for name, entry in json.loads(data[8:8 + length]).items():
        begin, end = entry["data_offsets"]
        flat = torch.frombuffer(data, dtype=torch.bfloat16, count=(end - begin) // 2, offset=8 + length + begin)
        weights[name] = flat.view(entry["shape"]).cuda()
    return weights


class Llama:
    def __init__(self, folder, context):
        self.config = json.loads((folder / "config.json").read_text())
        self.weights = read_weights(folder)
        c = self.config
        self.heads, self.groups = c["num_attention_heads"], c["num_key_value_heads"]
        self.width = c["hidden_size"] // self.heads
        shape = (c["num_hidden_layers"], self.groups, context, self.width)
        self.keys = torch.zeros(shape, dtype=torch.bfloat16, device="cuda")
        self.values = torch.zeros_like(self.keys)
        frequency = c["rope_theta"] ** (-torch.arange(0, self.width, 2, device="cuda") / self.width)
        angle = torch.arange(context, device="cuda")[:, None] * frequency.repeat(2)
        self.cos, self.sin = angle.cos().bfloat16(), angle.sin().bfloat16()

    def rotate(self, x, positions):
        first, second = x.chunk(2, -1)
        return x * self.cos[positions] + torch.cat([-second, first], -1) * self.sin[positions]

    def layer(self, number, x, positions, mask):
        w = lambda name: self.weights[f"model.layers.{number}.{name}.weight"]
        norm = lambda x, name: F.rms_norm(x, x.shape[-1:], w(name), self.config["rms_norm_eps"])
        split = lambda x: x.unflatten(-1, (-1, self.width)).transpose(0, 1)
        h = norm(x, "input_layernorm")
        q = self.rotate(split(F.linear(h, w("self_attn.q_proj"))), positions)
        k = self.rotate(split(F.linear(h, w("self_attn.k_proj"))), positions)
        v = split(F.linear(h, w("self_attn.v_proj")))
        self.keys[number].index_copy_(1, positions, k)
        self.values[number].index_copy_(1, positions, v)
        if mask is not None:
            k, v = self.keys[number], self.values[number]
        out = F.scaled_dot_product_attention(q[None], k[None], v[None], attn_mask=mask, is_causal=mask is None,
                                             enable_gqa=True)[0]
        x = x + F.linear(out.transpose(0, 1).flatten(1), w("self_attn.o_proj"))
        h = norm(x, "post_attention_layernorm")
        return x + F.linear(F.silu(F.linear(h, w("mlp.gate_proj"))) * F.linear(h, w("mlp.up_proj")), w("mlp.down_proj"))

    def run(self, tokens, positions, mask=None):
        x = self.weights["model.embed_tokens.weight"][tokens]
        for number in range(self.config["num_hidden_layers"]):
            x = self.layer(number, x, positions, mask)
        x = F.rms_norm(x[-1:], x.shape[-1:], self.weights["model.norm.weight"], self.config["rms_norm_eps"])
        tied = self.config["tie_word_embeddings"]
        return F.linear(x, self.weights["model.embed_tokens.weight" if tied else "lm_head.weight"]).float()


def median_ms(work, rounds):
    times = []
    for _ in range(rounds):
        torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        torch.cuda.synchronize()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


@torch.inference_mode()
def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--tokens", type=int, default=2048)
    parser.add_argument("--steps", type=int, default=32)
    options = parser.parse_args()
    context = options.tokens + options.steps
    model = Llama(options.folder, context)
    tokens = torch.randint(model.config["vocab_size"], (options.tokens,), device="cuda")
    positions = torch.arange(options.tokens, device="cuda")
    prefill = lambda: model.run(tokens, positions)
    for _ in range(3):
        prefill()
    token, position = tokens[:1].clone(), torch.tensor([options.tokens], device="cuda")
    mask = lambda: (torch.arange(context, device="cuda") <= position)[None, None, None]
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(3):
            model.run(token, position, mask())
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        logits = model.run(token, position, mask())
    def step():
        graph.replay()
        logits.cpu()
    print(json.dumps({"torch": torch.__version__, "device": torch.cuda.get_device_name(), "tokens": options.tokens,
                      "prefill_ms": median_ms(prefill, 9), "step_ms": median_ms(step, 50)}))


if __name__ == "__main__":
    main()
