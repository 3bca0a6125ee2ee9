"""Trains the demo model: a small byte-level hybrid (attention, Mamba, experts) in transformers' Jamba class.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

The text is the King James Bible (public domain) as Debian 12 ships it:

    apt-get install bible-kjv
    bible -f Gen1:1-Rev22:21 > kjv.txt
    python3 train_demo.py --text kjv.txt --out demo --steps 8560

It needs one GPU with Triton, torch >= 2.9 and transformers >= 5.17. The class's own Mamba steps through
time in Python, so `forward` below computes the same function from the same parameters with a Triton scan;
`check_forward` holds the two against each other before anything is trained.
"""

import argparse
import contextlib
import json
import math
import re
import time
from pathlib import Path

import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from transformers import JambaConfig, JambaForCausalLM

CONTEXT = 512  # bytes a training window holds
HELD_OUT = 20  # every twentieth chapter is validation text


def demo_config():
    """A byte is a token; NUL, which no text holds, stands for padding, beginning and end."""
    return JambaConfig(
        vocab_size=256, hidden_size=256, intermediate_size=288, num_hidden_layers=8,
        num_attention_heads=4, num_key_value_heads=2, attn_layer_period=4, attn_layer_offset=2,
        expert_layer_period=2, expert_layer_offset=1, num_experts=4, num_experts_per_tok=2,
        mamba_d_state=16, mamba_d_conv=4, mamba_expand=2, mamba_dt_rank=16,
        max_position_embeddings=4096, tie_word_embeddings=False, use_mamba_kernels=False,
        pad_token_id=0, bos_token_id=0, eos_token_id=0)


# ---- Text ------------------------------------------------------------------------------------------------


def read_chapters(path):
    """Chapters of `bible -f`, a verse a line, without the references that it puts before each verse."""
    chapters, last = [], None
    for line in Path(path).read_text(encoding="ascii").splitlines():
        chapter, verse = re.fullmatch(r"([1-3]?[A-Za-z]+\d+):\d+ (.*)", line).groups()
        if chapter != last:
            chapters.append([])
            last = chapter
        chapters[-1].append(verse.strip() + "\n")
    return ["".join(verses) + "\n" for verses in chapters]


def split_text(path):
    """Training and held-out text, as bytes."""
    chapters = read_chapters(path)
    train = [c for i, c in enumerate(chapters) if i % HELD_OUT != HELD_OUT - 1]
    held_out = [c for i, c in enumerate(chapters) if i % HELD_OUT == HELD_OUT - 1]
    return "".join(train).encode(), "".join(held_out).encode()


def as_tokens(text, device):
    return torch.frombuffer(bytearray(text), dtype=torch.uint8).to(device)


# ---- Selective scan --------------------------------------------------------------------------------------
# h[t] = exp(dt[t] a) h[t-1] + dt[t] x[t] b[t],  y[t] = sum over n of h[t] c[t]
# x, dt, y: [batch, time, channel]; a: [channel, state]; b, c: [batch, time, state]; all float32.


@triton.jit
def scan_forward_kernel(x, dt, a, b, c, y, h, time, channels, STATE: tl.constexpr, BLOCK: tl.constexpr):
    channel = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    n = tl.arange(0, STATE)
    decay_rate = tl.load(a + channel[:, None] * STATE + n[None, :])
    state = tl.zeros([BLOCK, STATE], tl.float32)
    for t in range(time):
        row = tl.program_id(0).to(tl.int64) * time + t
        at = row * channels + channel
        step = tl.load(dt + at)
        tl.store(h + at[:, None] * STATE + n[None, :], state)  # the state before t, for the gradient
        drive = (step * tl.load(x + at))[:, None] * tl.load(b + row * STATE + n)[None, :]
        state = tl.exp(step[:, None] * decay_rate) * state + drive
        tl.store(y + at, tl.sum(state * tl.load(c + row * STATE + n)[None, :], 1))


@triton.jit
def scan_backward_kernel(grad_y, x, dt, a, b, c, h, grad_x, grad_dt, grad_a, grad_b, grad_c, time, channels, rows,
                         STATE: tl.constexpr, BLOCK: tl.constexpr):
    channel = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    n = tl.arange(0, STATE)
    decay_rate = tl.load(a + channel[:, None] * STATE + n[None, :])
    carried = tl.zeros([BLOCK, STATE], tl.float32)
    rate_sum = tl.zeros([BLOCK, STATE], tl.float32)
    for back in range(time):
        row = tl.program_id(0).to(tl.int64) * time + (time - 1 - back)
        at = row * channels + channel
        step, value, gy = tl.load(dt + at), tl.load(x + at), tl.load(grad_y + at)
        key = tl.load(b + row * STATE + n)
        before = tl.load(h + at[:, None] * STATE + n[None, :])
        decay = tl.exp(step[:, None] * decay_rate)
        drive = (step * value)[:, None]
        state = decay * before + drive * key[None, :]
        grad = carried + gy[:, None] * tl.load(c + row * STATE + n)[None, :]
        # b and c are shared by all channels: each block of channels leaves its part, the caller adds them.
        part = (tl.program_id(1).to(tl.int64) * rows + row) * STATE + n
        tl.store(grad_c + part, tl.sum(gy[:, None] * state, 0))
        tl.store(grad_b + part, tl.sum(grad * drive, 0))
        grad_drive = tl.sum(grad * key[None, :], 1)
        grad_rate = grad * before * decay
        tl.store(grad_x + at, grad_drive * step)
        tl.store(grad_dt + at, grad_drive * value + tl.sum(grad_rate * decay_rate, 1))
        rate_sum += grad_rate * step[:, None]
        carried = grad * decay
    place = (tl.program_id(0).to(tl.int64) * channels + channel)[:, None] * STATE + n[None, :]
    tl.store(grad_a + place, rate_sum)


SCAN_BLOCK = 32


@torch.library.custom_op("demo::scan", mutates_args=())
def scan(x: torch.Tensor, dt: torch.Tensor, a: torch.Tensor, b: torch.Tensor,
         c: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    (batch, time, channels), states = x.shape, a.shape[1]
    y, h = torch.empty_like(x), x.new_empty(batch, time, channels, states)
    scan_forward_kernel[(batch, channels // SCAN_BLOCK)](x, dt, a, b, c, y, h, time, channels, states, SCAN_BLOCK,
                                                         num_warps=2)
    return y, h


@scan.register_fake
def _(x, dt, a, b, c):
    return torch.empty_like(x), x.new_empty(*x.shape, a.shape[1])


@torch.library.custom_op("demo::scan_backward", mutates_args=())
def scan_backward(grad_y: torch.Tensor, x: torch.Tensor, dt: torch.Tensor, a: torch.Tensor, b: torch.Tensor,
                  c: torch.Tensor, h: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor,
                                                             torch.Tensor]:
    (batch, time, channels), states = x.shape, a.shape[1]
    blocks = channels // SCAN_BLOCK
    grad_x, grad_dt = torch.empty_like(x), torch.empty_like(dt)
    grad_a = x.new_empty(batch, channels, states)
    grad_b, grad_c = x.new_empty(blocks, batch, time, states), x.new_empty(blocks, batch, time, states)
    scan_backward_kernel[(batch, blocks)](grad_y, x, dt, a, b, c, h, grad_x, grad_dt, grad_a, grad_b, grad_c, time,
                                          channels, batch * time, states, SCAN_BLOCK, num_warps=2)
    return grad_x, grad_dt, grad_a.sum(0), grad_b.sum(0), grad_c.sum(0)


@scan_backward.register_fake
def _(grad_y, x, dt, a, b, c, h):
    return tuple(torch.empty_like(tensor) for tensor in (x, dt, a, b, c))


def scan_gradients(ctx, grad_y, grad_h):
    return scan_backward(grad_y.contiguous(), *ctx.saved_tensors)


def keep_for_gradients(ctx, inputs, output):
    ctx.save_for_backward(*inputs, output[1])


scan.register_autograd(scan_gradients, setup_context=keep_for_gradients)


# ---- The model's function, from the class's own parameters -----------------------------------------------


def norm(module, x):
    return F.rms_norm(x.float(), (x.shape[-1],), module.weight, module.variance_epsilon)


def mamba(mixer, x):
    x, gate = mixer.in_proj(x).chunk(2, dim=-1)
    taps, time = mixer.conv_kernel_size, x.shape[1]
    padded = F.pad(x.float(), (0, 0, taps - 1, 0))
    kernel = mixer.conv1d.weight.squeeze(1)
    x = F.silu(sum(padded[:, k:k + time] * kernel[:, k] for k in range(taps)) + mixer.conv1d.bias)
    step, b, c = mixer.x_proj(x).split([mixer.time_step_rank, mixer.ssm_state_size, mixer.ssm_state_size], dim=-1)
    step = F.linear(norm(mixer.dt_layernorm, step), mixer.dt_proj.weight).float()
    step = F.softplus(step + mixer.dt_proj.bias)
    b, c = norm(mixer.b_layernorm, b), norm(mixer.c_layernorm, c)
    y, _ = scan(x.contiguous(), step.contiguous(), -torch.exp(mixer.A_log), b.contiguous(), c.contiguous())
    return mixer.out_proj((y + x * mixer.D) * F.silu(gate))


def attention(layer, x):
    def heads(projection):
        return projection(x).unflatten(-1, (-1, layer.head_dim)).transpose(1, 2)

    query, key, value = heads(layer.q_proj), heads(layer.k_proj), heads(layer.v_proj)
    key = key.repeat_interleave(layer.num_key_value_groups, 1)
    value = value.repeat_interleave(layer.num_key_value_groups, 1)
    mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True)
    return layer.o_proj(mixed.transpose(1, 2).flatten(2))


def experts(block, x):
    """Every expert on every token, the unchosen weighted by nothing: four experts are too few to gather for.
    Returns the output and the load-balancing loss (Switch Transformer, equations 4 to 6)."""
    with torch.autocast(x.device.type, enabled=False):
        probabilities = F.linear(x.float(), block.router.weight).softmax(-1)
    weight, chosen = probabilities.topk(block.top_k, dim=-1)
    weight = torch.zeros_like(probabilities).scatter(-1, chosen, weight)
    load = (weight > 0).float().flatten(0, -2).mean(0)
    balance = block.num_experts * (load * probabilities.flatten(0, -2).mean(0)).sum()
    gate, up = F.linear(x, block.experts.gate_up_proj.flatten(0, 1)).unflatten(-1, (block.num_experts, -1)).chunk(2, -1)
    hidden = F.silu(gate) * up * weight.unsqueeze(-1).to(gate.dtype)
    return F.linear(hidden.flatten(-2), block.experts.down_proj.transpose(0, 1).flatten(1)), balance


def forward(model, tokens, dropout=0.0):
    """Logits [batch, time, 256] of `tokens`, and the mean load-balancing loss of the expert layers."""
    def drop(x):
        return F.dropout(x, dropout) if dropout else x

    x = drop(model.model.embed_tokens(tokens).float())
    balances = []
    for layer in model.model.layers:
        y = norm(layer.input_layernorm, x)
        x = x + drop(mamba(layer.mamba, y) if hasattr(layer, "mamba") else attention(layer.self_attn, y))
        y = norm(layer.pre_ff_layernorm, x)
        if hasattr(layer.feed_forward, "experts"):
            y, balance = experts(layer.feed_forward, y)
            balances.append(balance)
        else:
            y = layer.feed_forward(y)
        x = x + drop(y)
    return model.lm_head(norm(model.model.final_layernorm, x)), torch.stack(balances).mean()


def check_forward(model, device):
    """`forward` and its gradients against the class's, in float32. The inputs are random bytes."""
    tokens = torch.randint(1, 256, (2, 40), device=device)
    ours, theirs = [], []
    for logits, gradients in ((forward(model, tokens)[0], ours), (model(input_ids=tokens).logits, theirs)):
        model.zero_grad()
        F.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten()).backward()
        gradients += [logits.detach(), *(parameter.grad.clone() for parameter in model.parameters())]
    model.zero_grad()
    errors = [((o - t).norm() / t.norm().clamp_min(1e-12)).item() for o, t in zip(ours, theirs)]
    print(f"forward against the class: logits off by {errors[0]:.1e}, gradients by at most {max(errors[1:]):.1e}",
          flush=True)
    assert errors[0] < 1e-4 and max(errors[1:]) < 1e-3


# ---- Training --------------------------------------------------------------------------------------------


def initialise(model):
    """What the class leaves out: Mamba's step sizes between 1e-3 and 1e-1, and a quieter residual stream."""
    residual_scale = 1 / math.sqrt(2 * len(model.model.layers))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("dt_proj.bias"):
                step = torch.exp(torch.rand_like(parameter) * math.log(100) + math.log(1e-3))
                parameter.copy_(step + torch.log(-torch.expm1(-step)))  # softplus, inverted
            elif name.endswith("dt_proj.weight"):
                parameter.uniform_(-(parameter.shape[1] ** -0.5), parameter.shape[1] ** -0.5)
            elif name.endswith("conv1d.weight"):
                parameter.uniform_(-0.5, 0.5)
            elif "norm" not in name and parameter.dim() >= 2 and not name.endswith("A_log"):
                fan_in = parameter.shape[-1]
                into_residual = re.search(r"(out_proj|o_proj|down_proj)(\.weight)?$", name)
                parameter.normal_(0, fan_in ** -0.5 * (residual_scale if into_residual else 1.0) * 0.8)
        model.model.embed_tokens.weight.normal_(0, 0.5)
        model.model.embed_tokens.weight[model.config.pad_token_id].zero_()


def make_optimizer(model, rate):
    plain = [p for n, p in model.named_parameters() if p.dim() < 2 or n.endswith("A_log") or "embed" in n]
    decayed = [p for p in model.parameters() if all(p is not q for q in plain)]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), fused=decayed[0].is_cuda)


@torch.no_grad()
def held_out_loss(step, model, tokens, batch):
    """Mean cross-entropy in nats per byte, over windows that do not overlap."""
    windows = tokens[:(len(tokens) - 1) // CONTEXT * CONTEXT].view(-1, CONTEXT)
    following = tokens[1:windows.numel() + 1].view(-1, CONTEXT)
    full = len(windows) // batch * batch  # one shape only: the step is compiled
    losses = [step(model, windows[i:i + batch].long(), following[i:i + batch].long(), 0.0)[0]
              for i in range(0, full, batch)]
    return torch.stack(losses).mean().item()


def loss_of(model, tokens, following, dropout):
    logits, balance = forward(model, tokens, dropout)
    return F.cross_entropy(logits.float().flatten(0, 1), following.flatten()), balance


def train(model, text, held_out, options):
    """Trains for options.minutes (or options.steps); leaves in `model` the averaged weights of least held-out
    loss and returns the curve, a list of {step, minutes, train, validation}."""
    device = next(model.parameters()).device
    optimizer = make_optimizer(model, options.rate)
    step_function = torch.compile(loss_of) if options.compile else loss_of
    autocast = (torch.autocast("cuda", torch.bfloat16) if device.type == "cuda" else contextlib.nullcontext())
    parameters = list(model.parameters())
    average = [parameter.detach().clone() for parameter in parameters]
    best, best_loss, curve, recent = None, math.inf, [], []
    offsets = torch.arange(CONTEXT + 1, device=device)
    started, step, progress, next_report = None, 0, 0.0, 0.0

    def evaluate():
        live = [parameter.detach().clone() for parameter in parameters]
        for parameter, value in zip(parameters, average):
            parameter.data.copy_(value)
        with autocast:
            loss = held_out_loss(step_function, model, held_out, options.batch)
        for parameter, value in zip(parameters, live):
            parameter.data.copy_(value)
        return loss

    while progress < 1.0:
        rate = options.rate * min(1.0, (step + 1) / 300) * (0.02 + 0.98 * (0.5 + 0.5 * math.cos(math.pi * progress)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        starts = torch.randint(0, len(text) - CONTEXT - 1, (options.batch, 1), device=device)
        window = text[starts + offsets].long()
        with autocast:
            loss, balance = step_function(model, window[:, :-1], window[:, 1:], options.dropout)
        (loss + options.balance * balance).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        torch._foreach_lerp_(average, [p.detach() for p in parameters], 1 - min(0.999, (1 + step) / (10 + step)))
        recent.append(loss.detach())
        step += 1
        if started is None:  # the first step compiles; it is not counted
            torch.cuda.synchronize() if device.type == "cuda" else None
            started = time.time()
        if step % 20 == 0 or options.steps:
            progress = step / options.steps if options.steps else (time.time() - started) / (60 * options.minutes)
        if progress >= next_report or progress >= 1.0:
            next_report = progress + 1 / 40
            validation = evaluate()
            curve.append({"step": step, "minutes": round((time.time() - started) / 60, 3),
                          "train": round(torch.stack(recent).mean().item(), 4), "validation": round(validation, 4)})
            recent.clear()
            print(curve[-1], f"balance {balance.item():.2f}", flush=True)
            if validation < best_loss:
                best_loss, best = validation, [value.clone() for value in average]
    for parameter, value in zip(parameters, best):
        parameter.data.copy_(value)
    return curve


# ---- Results ---------------------------------------------------------------------------------------------


def draw(curve, path):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    figure, axes = plt.subplots(figsize=(7, 4))
    steps = [point["step"] for point in curve]
    axes.plot(steps, [point["train"] for point in curve], label="training text, with dropout")
    axes.plot(steps, [point["validation"] for point in curve], label="held-out chapters, averaged weights")
    axes.set_xlabel("step")
    axes.set_ylabel("cross-entropy, nats per byte")
    axes.set_ylim(0.6, 1.8)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def sample(model, length):
    """Continuations of three beginnings by the class's own `generate`."""
    written = []
    for seed, prompt in enumerate(("In the beginning", "And the king said unto her", "The way of a wise man")):
        torch.manual_seed(seed)
        tokens = torch.tensor([list(prompt.encode())], device=next(model.parameters()).device)
        row = model.generate(tokens, attention_mask=torch.ones_like(tokens), max_new_tokens=length, do_sample=True,
                             temperature=0.8, top_p=0.9, top_k=0)[0]
        written.append(bytes(row.tolist()).decode(errors="replace"))
    return "\n\n----\n\n".join(written) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", required=True, help="output of `bible -f Gen1:1-Rev22:21`")
    parser.add_argument("--out", required=True, help="folder to write the model to")
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--steps", type=int, default=0, help="train for so many steps instead of minutes")
    parser.add_argument("--batch", type=int, default=64, help="windows of 512 bytes a step")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--dropout", type=float, default=0.35)
    parser.add_argument("--balance", type=float, default=0.01, help="weight of the load-balancing loss")
    parser.add_argument("--sample", type=int, default=600, help="bytes to write in each sample")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--no-compile", dest="compile", action="store_false")
    options = parser.parse_args()

    torch.manual_seed(0)
    model = JambaForCausalLM(demo_config()).to(options.device)
    model.set_attn_implementation("eager")
    initialise(model)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters", flush=True)
    check_forward(model, options.device)
    torch.set_float32_matmul_precision("high")  # after the check, which needs plain float32

    text, held_out = (as_tokens(part, options.device) for part in split_text(options.text))
    print(f"{len(text):,} bytes to train on, {len(held_out):,} held out", flush=True)
    curve = train(model, text, held_out, options)

    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    model.to(torch.bfloat16).save_pretrained(out)
    model = JambaForCausalLM.from_pretrained(out, dtype=torch.float32, attn_implementation="eager").to(options.device)
    final = held_out_loss(loss_of, model, held_out, options.batch)
    print(f"held-out loss of the saved bfloat16 model: {final:.4f} nats, {final / math.log(2):.4f} bits per byte",
          flush=True)
    settings = {key: value for key, value in vars(options).items() if key not in ("text", "out", "device", "sample")}
    record = {"settings": settings, "torch": torch.__version__, "context": CONTEXT, "train_bytes": len(text),
              "held_out_bytes": len(held_out), "steps": curve[-1]["step"], "held_out_loss_saved": round(final, 4),
              "curve": curve}
    (out / "loss.json").write_text(json.dumps(record, indent=1) + "\n")
    draw(curve, out / "loss.png")
    (out / "sample.txt").write_text(sample(model, options.sample))


if __name__ == "__main__":
    main()
