"""Writes golden values of recurrent mixers, computed by the naive functions of the packages that define them.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

    pip download --no-deps flash-linear-attention fla-core mamba-ssm
    (unpack the wheels and the source archive below one folder)
    python3 mixers.py FOLDER

The packages' own imports need a GPU's compiler, the naive functions do not: each is taken alone out of its
file and run on the CPU. They compute in float32. Each file mixers/NAME.safetensors holds the inputs, the
state before (`state`), and what came out (`output`, `state_after`); dimension 0 is the token, there is no batch.
Where a function scales by itself, so does Sennit: by the reciprocal root of the key width.
Mamba-3 is the references of its step's two kernels, in float64, one token after the other: mixers/mamba3.safetensors has
the arguments and results of examples/mamba3.mlir in their order (`input.0`, .., `output.0`, ..).
"""

import __future__
import ast
import math
import sys
from pathlib import Path

import torch
import torch.nn.functional
from einops import einsum, rearrange, repeat
from safetensors.torch import save_file

HERE = Path(__file__).resolve().parent / "mixers"
TOKENS, HEADS, STATE_HEADS, KEY, VALUE = 19, 2, 4, 6, 5


def take(folder, path, name):
    """The function |name| of the one file below |folder| whose path ends with |path|."""
    found = sorted(file for file in folder.rglob("*.py") if file.as_posix().endswith(path))
    assert len(found) == 1, f"{path}: found {found}"
    tree = ast.parse(found[0].read_text())
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in (name, "segsum")]
    assert tree.body, f"{found[0]} has no {name}"
    scope = {"torch": torch, "F": torch.nn.functional, "rearrange": rearrange, "repeat": repeat, "einsum": einsum, "math": math}
    # Annotations name what the imports would bring, so they stay text.
    exec(compile(tree, str(found[0]), "exec", __future__.annotations.compiler_flag), scope)
    return scope[name]


def normal(*shape, deviation=1.0):
    return deviation * torch.randn(shape)


def unit(*shape):
    return torch.nn.functional.normalize(torch.randn(shape), dim=-1)


def log_decay(*shape):
    return -torch.rand(shape)


def heads_first(tensor):
    return tensor[None].transpose(1, 2)


def token_major(function, inputs):
    """Runs functions of [batch, token, head, width]."""
    batch = {name: value[None] for name, value in inputs.items()}
    output, state = function(initial_state=batch.pop("state"), output_final_state=True, **batch)
    return output[0], state[0]


def head_major(order):
    """Runs functions of [batch, head, token, width], whose inputs come in |order|."""
    def run(function, inputs):
        output, state = function(*(heads_first(inputs[name]) for name in order), initial_state=inputs["state"][None])
        return output[0].transpose(0, 1), state[0]
    return run


def channels_first(function, inputs):
    """Runs the selective scan, whose state begins as zeros: [batch, channel, token]."""
    over = {name: inputs[name].T[None] for name in ("u", "delta", "B", "C")}
    output, state = function(over["u"], over["delta"], inputs["A"], over["B"], over["C"], return_last_state=True)
    return output[0].T, state[0]


def without_state(function, inputs):
    """Runs functions of [batch, head, token, width] that know no state."""
    return function(*(heads_first(inputs[name]) for name in "qkv"))[0].transpose(0, 1), None


def in_blocks(function, inputs):
    """Runs SSD on values, log-decays, keys and queries, whose states are [batch, 1, head, value width, key width]."""
    order = (inputs[name][None] for name in ("v", "g", "k", "q"))
    output, state = function(*order, 1, initial_states=inputs["state"].transpose(1, 2)[None, None])
    return output[0], state[0].transpose(1, 2)


def given(names, run):
    """Runs functions that take these inputs; the others are what the op is given in their place."""
    return lambda function, inputs: run(function, {name: inputs[name] for name in names.split()})


def of_rows(function, inputs):
    """Runs functions of [batch, token, head, width] whose first result is all that is asked for."""
    output = function(**{name: value if name == "sink_bias" else value[None] for name, value in inputs.items()})
    return (output[0] if isinstance(output, tuple) else output)[0], None


def windowed(function, inputs):
    return of_rows(lambda **more: function(window_size=6, **more), inputs)


def layers(tokens, count, width):
    rows = normal(tokens, count, 1, width)
    weight = 1 + normal(width, deviation=0.1)
    keys = torch.nn.functional.rms_norm(rows, (width,), weight, 1e-6)
    return dict(q=normal(width).expand(tokens, 1, 1, width), k=keys, v=rows, weight=weight)


def over_layers(function, inputs):
    """Attention over a depth axis: the layers of a token are its keys."""
    output = function(inputs["q"][0, 0, 0], inputs["v"][:, :, 0].unbind(1), inputs["weight"])
    return output[:, None, None], None


def attention(heads, **more):
    return dict(q=normal(TOKENS, HEADS, KEY), k=unit(TOKENS, HEADS, KEY), v=normal(TOKENS, heads, VALUE),
                state=normal(heads, KEY, VALUE, deviation=0.5), **more)


def cases():
    yield ("linear", "fla/ops/linear_attn/naive.py", "naive_recurrent_linear_attn", token_major, attention(HEADS))
    yield ("gated", "fla/ops/simple_gla/naive.py", "naive_recurrent_simple_gla", token_major,
           attention(HEADS, g=log_decay(TOKENS, HEADS)))
    yield ("gated-components", "fla/ops/gla/naive.py", "naive_recurrent_gla", token_major,
           attention(HEADS, gk=log_decay(TOKENS, HEADS, KEY)))
    yield ("delta", "fla/ops/delta_rule/naive.py", "delta_rule_recurrence", head_major(("q", "k", "v", "beta")),
           attention(HEADS, beta=torch.rand(TOKENS, HEADS)))
    yield ("gated-delta", "fla/ops/gated_delta_rule/naive.py", "naive_recurrent_gated_delta_rule", token_major,
           attention(HEADS, g=log_decay(TOKENS, HEADS), beta=torch.rand(TOKENS, HEADS)))
    yield ("kda", "fla/ops/kda/naive.py", "naive_recurrent_kda", token_major,
           attention(STATE_HEADS, g=log_decay(TOKENS, STATE_HEADS, KEY), beta=torch.rand(TOKENS, STATE_HEADS)))
    erased, rate = unit(TOKENS, HEADS, KEY), torch.rand(TOKENS, HEADS, KEY)
    yield ("rwkv7", "fla/ops/generalized_delta_rule/dplr/naive.py", "dplr_recurrence",
           head_major(("q", "k", "v", "a", "b", "w")),
           attention(HEADS, a=-erased, b=erased * rate, w=log_decay(TOKENS, HEADS, KEY)))
    channels, states = 7, 5
    yield ("selective-scan", "mamba_ssm/ops/selective_scan_interface.py", "selective_scan_ref", channels_first,
           dict(u=normal(TOKENS, channels), delta=torch.rand(TOKENS, channels), A=-torch.exp(normal(channels, states)),
                B=normal(TOKENS, states), C=normal(TOKENS, states), state=torch.zeros(channels, states)))
    # A constant decay a head; the output alone, from a state of zeros.
    rates = torch.log(1 - 2.0 ** (-5 - torch.arange(HEADS, dtype=torch.float32)))
    yield ("retention", "fla/ops/retention/naive.py", "naive_retention", without_state,
           attention(HEADS) | dict(state=torch.zeros(HEADS, KEY, VALUE), g=rates.expand(TOKENS, HEADS)))
    yield ("ssd", "mamba_ssm/modules/ssd_minimal.py", "ssd_minimal_discrete", in_blocks, attention(HEADS, g=log_decay(TOKENS, HEADS)))
    # The rows of five layers for each token, keys their norms; one query for all tokens.
    yield ("depth", "fla/ops/attnres/naive.py", "naive_attnres", over_layers, layers(TOKENS, 5, 8))
    yield ("hgrn", "fla/ops/hgrn/naive.py", "naive_recurrent_hgrn", token_major,
           dict(x=normal(TOKENS, 7), g=log_decay(TOKENS, 7), state=normal(7)))
    yield ("iplr", "fla/ops/generalized_delta_rule/iplr/naive.py", "iplr_recurrence", head_major(("q", "k", "v", "alpha", "beta")),
           attention(HEADS, alpha=-erased, beta=erased * rate))
    # What is read is decayed first: the vector that reads has the decay in it.
    gates = attention(HEADS, g=log_decay(TOKENS, HEADS, KEY), b=torch.rand(TOKENS, HEADS, KEY), w=torch.rand(TOKENS, HEADS, VALUE))
    yield ("gdn2", "fla/ops/gdn2/naive.py", "naive_recurrent_gdn2", given("q k v g b w state", token_major),
           gates | dict(reading=-gates["b"] * gates["k"] * gates["g"].exp(), written=gates["w"] * gates["v"]))
    loop = attention(HEADS, g=log_decay(TOKENS, HEADS), p=0.8 * unit(TOKENS, HEADS, KEY), beta=torch.rand(TOKENS, HEADS))
    yield ("comba", "fla/ops/comba/naive.py", "naive_recurrent_comba", given("q k v p beta g state", token_major),
           loop | dict(reading=-loop["p"] * (loop["beta"] * loop["g"].exp())[..., None], written=loop["beta"][..., None] * loop["v"]))
    # Softmax attention whose scores fade, by summed gates; and with sinks, in a window.
    grouped = dict(q=normal(TOKENS, STATE_HEADS, KEY), k=normal(TOKENS, HEADS, KEY), v=normal(TOKENS, HEADS, VALUE))
    gate = log_decay(TOKENS, STATE_HEADS)
    yield ("forgetting", "fla/ops/forgetting_attn/naive.py", "naive_forgetting_attn", given("q k v g", of_rows),
           grouped | dict(g=gate, summed=gate.cumsum(0)))
    yield ("sinks", "fla/ops/attn/naive.py", "naive_parallel_attn", windowed, grouped | dict(sink_bias=normal(STATE_HEADS)))
    # Lightning attention: a constant decay a head, that of layer 3 of 8 as its package sets it (fla/ops/lightning_attn).
    slopes = -(8 / HEADS * (1 - 3 / 8)) * torch.arange(HEADS, dtype=torch.float32)
    yield ("lightning", "fla/ops/simple_gla/naive.py", "naive_recurrent_simple_gla", token_major,
           attention(HEADS, g=slopes.expand(TOKENS, HEADS)))


def mamba3(folder):
    """What examples/mamba3.mlir takes and gives, one token after the other."""
    rotate = take(folder, "triton/mamba3/mamba3_mimo_rotary_step.py", "apply_rotary_qk_inference_reference")
    step = take(folder, "cute/mamba3/mamba3_step_fn.py", "selective_state_update_fused_ref_v2")
    rank, states, channels = 2, 2, 3
    k, q = (normal(2, TOKENS, HEADS * rank, states).double() for _ in range(2))
    x, skip, rate = (part.double() for part in (normal(TOKENS, HEADS, channels), normal(HEADS), -normal(HEADS).abs()))
    written, read = (normal(HEADS, rank, channels).double() for _ in range(2))
    raw, mixture = (normal(TOKENS, HEADS).double() for _ in range(2))
    turns, angle = normal(TOKENS, states).double(), normal(HEADS, states).abs().double()
    state, last_key = normal(HEADS, 2 * states, channels).double(), normal(HEADS, rank, 2 * states).double()
    last_x = normal(HEADS, channels).double()

    def values(rows):
        return (rows[:, None] * written).reshape(1, -1)

    inputs = [*k, *q, x, written, raw, mixture, rate, turns, read, skip, angle, state, last_key.reshape(1, -1), values(last_x)]
    # The package's order: rank before head, states last.
    key, query = (rearrange(part, "two t (h r) n -> t 1 r h (two n)", r=rank) for part in (k, q))
    writing, reading = (part.transpose(0, 1) for part in (written, read))
    angle, state, last_key, last_x = angle[None], state.transpose(1, 2)[None], last_key.transpose(0, 1)[None], last_x[None]
    delta, share, outputs = torch.nn.functional.softplus(raw), torch.sigmoid(mixture), []
    for t in range(TOKENS):
        turned, key_now, angle = rotate(query[t], key[t], angle, turns[t].expand(1, HEADS, -1), delta[t][None], rotate_pairwise=False)
        output, state = step(state, rate[None], key_now, turned, writing, x[t][None], None, None, delta[t][None], last_key, last_x,
                             share[t][None], skip, reading, compute_dtype=torch.float64)
        outputs.append(output)
        last_key, last_x = key_now, x[t][None]
    results = [torch.cat(outputs), angle[0] % (2 * math.pi), state[0].transpose(1, 2), last_key[0].transpose(0, 1).reshape(1, -1),
               values(last_x[0])]
    return ({f"input.{i}": value for i, value in enumerate(inputs)} |
            {f"output.{i}": value for i, value in enumerate(results)})


def store(name, tensors, origin):
    # One key of metadata only: the file writer does not keep the order of several.
    save_file({key: value.float().contiguous() for key, value in tensors.items()}, HERE / f"{name}.safetensors",
              metadata={"made_by": f"{origin}, torch {torch.__version__}"})


def main():
    folder = Path(sys.argv[1])
    HERE.mkdir(exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(7)
    for name, path, function, run, inputs in cases():
        output, state = run(take(folder, path, function), inputs)
        store(name, {**inputs, "output": output} | ({} if state is None else {"state_after": state}), f"{path} {function}")
        print(f"{name}: output up to {output.abs().max():.2f}" + ("" if state is None else f", state up to {state.abs().max():.2f}"))
    store("mamba3", mamba3(folder), "mamba_ssm apply_rotary_qk_inference_reference, selective_state_update_fused_ref_v2")


if __name__ == "__main__":
    main()
