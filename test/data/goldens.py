"""Writes the test models of every architecture, and what transformers computes on them and on the demo model.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

    pip install -r requirements.txt
    python3 goldens.py            # all of them
    python3 goldens.py --only jamba mamba2

Each folder under models/ is a tiny random checkpoint in the layout of released ones; `golden.safetensors`
beside the weights holds `tokens` (I32 [T]) and `logits` (F32 [T, V]): float32 arithmetic on the stored
weights, eager attention, the whole sequence in one forward pass. The demo model's also holds `greedy`
(I32 [64]), the most likely continuation of `tokens`, taken one token at a time with the cache.
"""

import argparse
import json
import math
import shutil
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

HERE = Path(__file__).resolve().parent
LENGTH = 37  # a multiple of nothing
GREEDY = 64

LLAMA3_ROPE = {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
               "high_freq_factor": 4.0, "original_max_position_embeddings": 64}

YARN_ROPE = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 16,
             "beta_fast": 4.0, "beta_slow": 1.0, "mscale": 1.2, "mscale_all_dim": 0.7}


def rope(theta):
    return {"rope_type": "default", "rope_theta": theta}


# Per model: the config, and how it is written. `keys` is "v4" (as nearly all released configs are: rope_theta,
# rope_scaling, torch_dtype) or "v5" (rope_parameters, dtype); `shard` is the size at which files split;
# `fused` keeps the experts as one tensor, as transformers 5 holds them in memory.
MODELS = {
    "llama": dict(
        config=dict(model_type="llama", vocab_size=97, hidden_size=64, intermediate_size=136, num_hidden_layers=2,
                    num_attention_heads=4, num_key_value_heads=2, rms_norm_eps=1e-5, rope_parameters=rope(10000.0)),
        dtype="float32", keys="v4"),
    "llama3": dict(
        config=dict(model_type="llama", vocab_size=256, hidden_size=72, intermediate_size=88, num_hidden_layers=3,
                    num_attention_heads=6, num_key_value_heads=3, rms_norm_eps=1e-5, tie_word_embeddings=True,
                    max_position_embeddings=256, rope_parameters=LLAMA3_ROPE),
        dtype="bfloat16", keys="v4"),
    "mistral": dict(
        config=dict(model_type="mistral", vocab_size=97, hidden_size=72, intermediate_size=120, num_hidden_layers=3,
                    num_attention_heads=4, num_key_value_heads=1, sliding_window=11, rms_norm_eps=1e-5,
                    rope_parameters=rope(10000.0)),
        dtype="bfloat16", keys="v4"),
    "qwen3": dict(
        config=dict(model_type="qwen3", vocab_size=256, hidden_size=48, intermediate_size=88, num_hidden_layers=3,
                    num_attention_heads=4, num_key_value_heads=2, head_dim=16, tie_word_embeddings=True,
                    rope_parameters=rope(1000000.0)),
        dtype="float32", keys="v5"),
    "mixtral": dict(
        config=dict(model_type="mixtral", vocab_size=97, hidden_size=64, intermediate_size=88, num_hidden_layers=2,
                    num_attention_heads=4, num_key_value_heads=2, num_local_experts=4, num_experts_per_tok=2,
                    sliding_window=None, rms_norm_eps=1e-5, rope_parameters=rope(1000000.0)),
        dtype="bfloat16", keys="v4", shard="150KB"),
    "mixtral-fused": dict(
        config=dict(model_type="mixtral", vocab_size=97, hidden_size=48, intermediate_size=40, num_hidden_layers=2,
                    num_attention_heads=4, num_key_value_heads=4, num_local_experts=5, num_experts_per_tok=3,
                    sliding_window=None, rms_norm_eps=1e-5, rope_parameters=rope(1000000.0)),
        dtype="float32", keys="v5", fused=True),
    "qwen3-moe": dict(
        config=dict(model_type="qwen3_moe", vocab_size=97, hidden_size=48, intermediate_size=72, num_hidden_layers=3,
                    num_attention_heads=4, num_key_value_heads=2, head_dim=16, num_experts=6, num_experts_per_tok=2,
                    moe_intermediate_size=24, norm_topk_prob=True, mlp_only_layers=[1],
                    rope_parameters=rope(1000000.0)),
        dtype="bfloat16", keys="v5"),
    "deepseek-v2": dict(
        config=dict(model_type="deepseek_v2", vocab_size=97, hidden_size=48, intermediate_size=72,
                    num_hidden_layers=2, num_attention_heads=3, kv_lora_rank=20, q_lora_rank=None,
                    qk_nope_head_dim=12, qk_rope_head_dim=8, v_head_dim=10, n_routed_experts=6, n_shared_experts=2,
                    num_experts_per_tok=2, moe_intermediate_size=24, first_k_dense_replace=1,
                    topk_method="group_limited_greedy", n_group=3, topk_group=2, routed_scaling_factor=3.0,
                    max_position_embeddings=64, rope_parameters=YARN_ROPE),
        dtype="bfloat16", keys="v4"),
    "deepseek-v3": dict(
        config=dict(model_type="deepseek_v3", vocab_size=97, hidden_size=48, intermediate_size=72,
                    num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=4, kv_lora_rank=24,
                    q_lora_rank=20, qk_nope_head_dim=12, qk_rope_head_dim=8, v_head_dim=10, n_routed_experts=8,
                    n_shared_experts=1, num_experts_per_tok=3, moe_intermediate_size=20, first_k_dense_replace=1,
                    n_group=4, topk_group=2, routed_scaling_factor=2.5, num_mtp_layers=0,
                    max_position_embeddings=64, rope_parameters=YARN_ROPE),
        dtype="float32", keys="v5"),
    "mamba": dict(
        config=dict(model_type="mamba", vocab_size=97, hidden_size=56, state_size=16, num_hidden_layers=3,
                    conv_kernel=4, expand=2, use_conv_bias=True, use_bias=False, tie_word_embeddings=True),
        dtype="float32", keys="v4"),
    "mamba2": dict(
        config=dict(model_type="mamba2", vocab_size=97, hidden_size=64, state_size=24, num_hidden_layers=3,
                    num_heads=8, head_dim=16, n_groups=2, conv_kernel=4, expand=2, chunk_size=16,
                    use_conv_bias=True, use_bias=False, tie_word_embeddings=False),
        dtype="bfloat16", keys="v4"),
    "mamba2-one-group": dict(
        config=dict(model_type="mamba2", vocab_size=97, hidden_size=48, state_size=16, num_hidden_layers=2,
                    num_heads=6, head_dim=16, n_groups=1, conv_kernel=4, expand=2, chunk_size=256,
                    use_conv_bias=True, use_bias=False, tie_word_embeddings=True),
        dtype="float32", keys="v5"),
    "jamba": dict(
        config=dict(model_type="jamba", vocab_size=97, hidden_size=48, intermediate_size=40, num_hidden_layers=4,
                    num_attention_heads=4, num_key_value_heads=2, attn_layer_period=4, attn_layer_offset=2,
                    expert_layer_period=2, expert_layer_offset=1, num_experts=4, num_experts_per_tok=2,
                    mamba_d_state=16, mamba_d_conv=4, mamba_expand=2, mamba_dt_rank=5),
        dtype="bfloat16", keys="v4", shard="100KB"),
}

TOKENS = dict(pad_token_id=0, bos_token_id=1, eos_token_id=2)
RELEASED_EXTRAS = {  # keys that released configs of the type have and transformers 5 no longer writes
    "jamba": {"mamba_inner_layernorms": True, "num_logits_to_keep": 1, "sliding_window": None, "n_ctx": 262144},
    "mamba": {"d_inner": 112, "d_model": 56, "n_layer": 3, "fused_add_norm": True, "rms_norm": True, "ssm_cfg": {}},
    "mamba2": {"norm_before_gate": True, "rms_norm": True},
}


def randomise(model):
    """Weights that keep activations and logits near unit size, with nothing left at its neutral value: norms
    and skips differ from one, biases from zero, and a channel's decay from its neighbour's."""
    tied = model.config.tie_word_embeddings
    with torch.no_grad():
        for name, p in model.named_parameters():
            leaf = name.removesuffix(".weight").rsplit(".", 1)[-1]
            if name.endswith(("dt_proj.bias", "dt_bias")):  # step sizes between 0.01 and 0.5
                step = torch.exp(torch.empty_like(p).uniform_(math.log(0.01), math.log(0.5)))
                p.copy_(torch.log(torch.expm1(step)))
            elif leaf == "A_log":
                p.add_(0.2 * torch.randn_like(p))
            elif "norm" in leaf or leaf == "D":
                p.copy_(1 + 0.2 * torch.randn_like(p))
            elif leaf in ("embed_tokens", "embeddings"):
                p.normal_(0, p.shape[1] ** -0.5 if tied else 1.0)
            elif p.dim() == 1:
                p.normal_(0, 0.2)
            elif leaf == "conv1d":
                p.normal_(0, 0.5)
            elif leaf in ("router", "gate"):
                p.normal_(0, 2 * p.shape[-1] ** -0.5)
            else:
                p.normal_(0, p.shape[-1] ** -0.5)
        for name, p in model.named_buffers():
            if name.endswith("e_score_correction_bias"):
                p.normal_(0, 0.2)


def as_v4(config):
    """The config as transformers 4 wrote it: what nearly every released checkpoint has."""
    config = dict(config)
    if "dtype" in config:
        config["torch_dtype"] = config.pop("dtype")
    parameters = config.pop("rope_parameters", None)
    if parameters:
        config["rope_theta"] = parameters.pop("rope_theta")
        config["rope_scaling"] = parameters if parameters["rope_type"] != "default" else None
    if "time_step_limit" in config:
        config["time_step_limit"] = [0.0, math.inf]  # written as a bare Infinity, which strict JSON has not
    config.update(RELEASED_EXTRAS.get(config["model_type"], {}))
    config["transformers_version"] = "4.51.0"
    return dict(sorted(config.items()))


def load(folder):
    model, report = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager",
                                                         output_loading_info=True)
    assert not any(report.values()), f"{folder}: {report}"  # nothing missing, unexpected or of another shape
    assert all(p.dtype == torch.float32 for p in model.parameters())
    return model.eval()


def gap(ranks, count):
    """How far, for each row, the last of the `count` largest is from the next."""
    ordered = ranks.sort(-1, descending=True).values
    return ordered[:, count - 1] - ordered[:, count]


class RouterMargin:
    """The least gap, over tokens and layers, between the last expert chosen and the first one not, and between
    groups likewise: where it is small, rounding alone can choose another expert, and logits may differ without
    a mistake."""

    def __init__(self, model):
        self.margin = math.inf
        for module in model.modules():
            if type(module).__name__.lower().endswith("topkrouter"):
                module.register_forward_hook(self.look)

    def look(self, module, inputs, output):
        logits = output[0].float()
        bias = getattr(module, "e_score_correction_bias", None)
        ranks = logits.softmax(-1) if bias is None else logits.sigmoid() + bias
        groups = getattr(module, "num_group", None) or 1
        if groups > 1:
            inside = ranks.unflatten(-1, (groups, -1))
            worth = inside.amax(-1) if bias is None else inside.topk(2).values.sum(-1)
            self.margin = min(self.margin, gap(worth, module.topk_group).min().item())
            kept = torch.zeros_like(worth).scatter(1, worth.topk(module.topk_group).indices, 1).bool()
            ranks = inside.masked_fill(~kept.unsqueeze(-1), -math.inf).flatten(1)
        self.margin = min(self.margin, gap(ranks, module.top_k).min().item())


@torch.no_grad()
def compute(model, tokens):
    """Logits of `tokens`, and how near a router came to choosing otherwise."""
    margin = RouterMargin(model)
    logits = model(input_ids=tokens[None].long(), use_cache=False).logits[0].float()
    assert torch.isfinite(logits).all()
    return logits.contiguous(), margin.margin


@torch.no_grad()
def continue_greedily(model, tokens, count):
    """The `count` most likely next tokens, and the least gap between the best logit and the second."""
    state = model(input_ids=tokens[None].long(), use_cache=True)
    chosen, gap = [], math.inf
    for _ in range(count):
        best = state.logits[0, -1].topk(2)
        gap = min(gap, (best.values[0] - best.values[1]).item())
        chosen.append(best.indices[0].item())
        state = model(input_ids=torch.tensor([[chosen[-1]]]), past_key_values=state.past_key_values, use_cache=True)
    return torch.tensor(chosen, dtype=torch.int32), gap


def write_golden(folder, tensors):
    # One key only: the file writer does not keep the order of several, and the bytes shall repeat.
    made = f"transformers {transformers.__version__}, torch {torch.__version__}, float32"
    save_file(tensors, folder / "golden.safetensors", metadata={"made_by": made})
    for path in folder.iterdir():
        path.chmod(0o644)


def write_model(name, spec):
    folder = HERE / "models" / name
    shutil.rmtree(folder, ignore_errors=True)
    torch.manual_seed(sum(name.encode()))
    config = AutoConfig.for_model(**spec["config"], **TOKENS)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    randomise(model)
    model.to(getattr(torch, spec["dtype"])).save_pretrained(
        folder, max_shard_size=spec.get("shard", "5GB"), save_original_format=not spec.get("fused"))
    (folder / "generation_config.json").unlink(missing_ok=True)
    if spec["keys"] == "v4":
        path = folder / "config.json"
        path.write_text(json.dumps(as_v4(json.loads(path.read_text())), indent=2) + "\n")

    model = load(folder)  # from here on, what the files say
    for _ in range(300):  # other tokens, until no router is in doubt
        tokens = torch.randint(0, config.vocab_size, (LENGTH,), dtype=torch.int32)
        logits, margin = compute(model, tokens)
        if margin > 1e-3:
            break
    else:
        raise AssertionError(f"{name}: some router is in doubt whatever the tokens")
    write_golden(folder, {"tokens": tokens, "logits": logits})
    size = sum(path.stat().st_size for path in folder.iterdir())
    assert size < 400_000, f"{name}: {size} bytes"
    print(f"{name}: {size} bytes, logits' deviation {logits.std():.2f}, router margin {margin:.1e}")


def write_demo():
    folder = HERE / "demo"
    model = load(folder)
    tokens = torch.tensor(list((folder / "prompt.txt").read_bytes()), dtype=torch.int32)
    logits, margin = compute(model, tokens)
    greedy, gap = continue_greedily(model, tokens, GREEDY)
    write_golden(folder, {"tokens": tokens, "logits": logits, "greedy": greedy})
    loss = torch.nn.functional.cross_entropy(logits[:-1], tokens[1:].long())
    print(f"demo: loss on the prompt {loss:.3f}, router margin {margin:.1e}, least gap of a greedy choice {gap:.1e}")
    print(f"demo: {bytes(greedy.tolist()).decode()!r}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", choices=[*MODELS, "demo"])
    only = parser.parse_args().only
    torch.set_num_threads(1)
    for name, spec in MODELS.items():
        if not only or name in only:
            write_model(name, spec)
    if not only or "demo" in only:
        write_demo()


if __name__ == "__main__":
    main()
