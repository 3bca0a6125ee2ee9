"""Writes golden values of the example programs, computed in f64 by other means than the programs'.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

    python3 examples.py

For each examples/NAME.mlir, a function @run, a file examples/NAME.safetensors holds its arguments in order (`input.0`,
..; f32 or i32) and its results (`output.0`, ..; f64 or i32). The random field's are found by walking all paths; those of
connectionist temporal classification are torch's `ctc_loss`; Mamba-3's come of its recurrence on complex numbers, in
the frame that does not turn, one token after the other; Hyena's convolution is a product of spectra.
"""

import itertools
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

HERE = Path(__file__).resolve().parent / "examples"


def f32(array):
    """As the program gets it: rounded to f32, kept in f64."""
    return np.asarray(array, dtype=np.float32).astype(np.float64)


def crf(random):
    tokens, tags = 9, 4
    emissions, moves, start, end = (f32(random.normal(size=size)) for size in ((tokens, tags), (tags, tags), tags, tags))
    moves[1, 2] = moves[3, 0] = -np.inf  # forbidden
    paths = np.array(list(itertools.product(range(tags), repeat=tokens)))
    scores = start[paths[:, 0]] + end[paths[:, -1]] + emissions[np.arange(tokens), paths].sum(1)
    scores += moves[paths[:, :-1], paths[:, 1:]].sum(1)
    best = scores.argmax()
    partition = scores[best] + np.log(np.exp(scores - scores[best]).sum())
    # The program's places: where paths begin, then the tags.
    wide = np.full((tags + 1, tags + 1), -np.inf)
    wide[0, 1:], wide[1:, 1:] = start, moves
    inputs = [np.pad(emissions, ((0, 0), (1, 0))), wide, np.concatenate([[-np.inf], end])]
    return inputs, [np.array([partition]), np.array([scores[best]]), paths[best][:, None].astype(np.int32) + 1]


def ctc(random):
    tokens, classes, labels = 11, 4, [1, 2, 2]
    logs = f32(torch.log_softmax(torch.tensor(random.normal(size=(tokens, classes))), -1).numpy())
    loss = torch.nn.functional.ctc_loss(torch.tensor(logs)[:, None], torch.tensor([labels]), torch.tensor([tokens]),
                                        torch.tensor([len(labels)]), reduction="none")
    places = [0] + [number for label in labels for number in (label, 0)]
    count = len(places)
    moves, begin, end = np.full((count, count), -np.inf), np.full(count, -np.inf), np.full(count, -np.inf)
    for place in range(count):
        moves[place, place] = 0
        moves[place, place + 1:place + 2] = 0
        if place + 2 < count and places[place + 2] != 0 and places[place + 2] != places[place]:
            moves[place, place + 2] = 0
    begin[0] = 0
    end[-2:] = 0
    return [logs, np.array(places, dtype=np.int32), moves, begin, end], [loss.numpy()]


def mamba3(random):
    tokens, heads, rank, states, channels = 19, 2, 2, 2, 3
    normal = lambda *size: f32(random.normal(size=size))
    k, q = ([normal(tokens, heads * rank, states) for _ in range(2)] for _ in range(2))
    x, mv, mo = normal(tokens, heads, channels), normal(heads, rank, channels), normal(heads, rank, channels)
    raw, trap, rate = normal(tokens, heads), normal(tokens, heads), -np.abs(normal(heads))
    angles, skip, theta = normal(tokens, states), normal(heads), np.abs(normal(heads, states))
    start, k_before = normal(heads, 2 * states, channels), normal(1, heads * rank * 2 * states)
    v_before = normal(1, heads * rank * channels)
    inputs = [*k, *q, x, mv, raw, trap, rate, angles, mo, skip, theta, start, k_before, v_before]

    # In the frame that does not turn, Z = e^{-i theta} S and keys are themselves.
    delta, mix = np.log1p(np.exp(raw)), 1 / (1 + np.exp(-trap))
    keys, queries = (part[0] + 1j * part[1] for part in (k, q))
    keys, queries = (part.reshape(tokens, heads, rank, states) for part in (keys, queries))
    values = x[:, :, None] * mv
    turn = np.exp(1j * theta)[:, :, None]
    z = (start[:, :states] + 1j * start[:, states:]) / turn
    last_key = k_before.reshape(heads, rank, 2, states)
    last_key = (last_key[:, :, 0] + 1j * last_key[:, :, 1]) / turn[:, None, :, 0]
    last_value = v_before.reshape(heads, rank, channels)
    y = np.zeros((tokens, heads, channels))
    for t in range(tokens):
        angle = np.pi * np.tanh(angles[t]) * delta[t][:, None]
        theta = np.mod(theta + angle, 2 * np.pi)
        new = np.einsum("hrn,hrp->hnp", last_key, last_value) * ((1 - mix[t]) * delta[t])[:, None, None]
        z = np.exp(rate * delta[t])[:, None, None] * np.exp(-1j * angle)[:, :, None] * (z + new)
        z = z + np.einsum("hrn,hrp->hnp", keys[t], values[t]) * (mix[t] * delta[t])[:, None, None]
        read = np.einsum("hrn,hnp->hrp", queries[t].conj(), z).real
        y[t] = (mo * (read + skip[:, None, None] * values[t])).sum(1)
        last_key, last_value = keys[t], values[t]
    turn = np.exp(1j * theta)
    s = z * turn[:, :, None]
    last = last_key * turn[:, None]
    last = np.stack([last.real, last.imag], 2).reshape(1, -1)
    return inputs, [y, theta, np.concatenate([s.real, s.imag], 1), last, last_value.reshape(1, -1)]


def hyena(random):
    before, tokens, channels, modes = 13, 50, 5, 4
    q, k, v = (f32(random.normal(size=(before + tokens, channels))) for _ in range(3))
    weights, logs = f32(random.normal(size=(channels, modes))), f32(-np.exp(random.normal(size=(channels, modes)) - 2))
    direct = f32(random.normal(size=channels))
    x = k * v
    # The whole filter, and a product of spectra twice as long.
    times = np.arange(before + tokens)
    taps = np.einsum("cn,cnt->tc", weights, np.exp(logs[:, :, None] * times))
    taps[0] += direct
    spectra = (torch.fft.rfft(torch.tensor(part), n=2 * len(times), dim=0) for part in (x, taps))
    y = q * torch.fft.irfft(torch.mul(*spectra), n=2 * len(times), dim=0)[:len(times)].numpy()

    def state(count):
        return np.einsum("cnt,tc->cn", np.exp(logs[:, :, None] * (count - 1 - times[:count])), x[:count])[:, :, None]

    start = f32(state(before))
    # What rounding the state changes.
    y[before:] += q[before:] * np.einsum("cn,cn,cnt->tc", weights, (start - state(before))[:, :, 0],
                                         np.exp(logs[:, :, None] * (1 + times[:tokens])))
    after = state(before + tokens) + np.exp(logs * tokens)[:, :, None] * (start - state(before))
    return [q[before:], k[before:], v[before:], weights, logs, direct, start], [y[before:], after]


def main():
    HERE.mkdir(exist_ok=True)
    for example in (crf, ctc, mamba3, hyena):
        inputs, outputs = example(np.random.default_rng(7))
        tensors = {f"input.{i}": value if value.dtype == np.int32 else value.astype(np.float32)
                   for i, value in enumerate(inputs)}
        tensors |= {f"output.{i}": value for i, value in enumerate(outputs)}
        save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()},
                  HERE / f"{example.__name__}.safetensors", metadata={"made_by": f"numpy {np.__version__}"})
        print(f"{example.__name__}: {', '.join(str(np.abs(value).max()) for value in outputs)}")


if __name__ == "__main__":
    main()
