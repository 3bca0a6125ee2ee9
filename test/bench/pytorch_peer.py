"""Times a model folder in transformers on the CPU: the peer that Sennit's own numbers stand beside.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

    python3 pytorch_peer.py ../data/demo --threads 2

prints a JSON line for each prefill length: the median time of a prefill that fills the cache and gives the
last token's logits, and the median time of a step of one token that starts from that cache, after warming;
transformers' own choice of attention. `../data/requirements.txt` names versions that work.
"""

import argparse
import json
import statistics
import time

import torch
import transformers
from transformers import AutoModelForCausalLM

STEPS = 32


def timed(function):
    """The function's result and the milliseconds that it took."""
    started = time.perf_counter()
    result = function()
    return result, (time.perf_counter() - started) * 1e3


def cache_of(output):
    """The state after `output`, as the argument by which its class takes it back."""
    name = "past_key_values" if "past_key_values" in output else "cache_params"
    return {name: output[name]}


def measure(model, tokens, repeats):
    """Median milliseconds of a prefill of `tokens` [1, time], and of a step after it."""
    prefills, steps = [], []
    for repeat in range(repeats + 1):
        output, elapsed = timed(lambda: model(input_ids=tokens, use_cache=True, logits_to_keep=1))
        if repeat:  # the first warms
            prefills.append(elapsed)
    for step in range(STEPS + 4):
        token = output.logits[:, -1:].argmax(-1)
        output, elapsed = timed(lambda: model(input_ids=token, use_cache=True, **cache_of(output)))
        if step >= 4:
            steps.append(elapsed)
    return statistics.median(prefills), statistics.median(steps)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="folder of config.json and safetensors")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--prefill", type=int, nargs="+", default=[256, 1024], help="tokens of a prefill")
    parser.add_argument("--repeats", type=int, default=7, help="timed prefills of each length")
    parser.add_argument("--dtype", default="float32", help="in which it computes")
    options = parser.parse_args()

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(options.threads)
    torch.set_num_interop_threads(1)
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=getattr(torch, options.dtype)).eval()
    torch.manual_seed(0)
    with torch.inference_mode():
        for length in options.prefill:
            tokens = torch.randint(1, model.config.vocab_size, (1, length))
            prefill, step = measure(model, tokens, options.repeats)
            print(json.dumps({"peer": "pytorch", "torch": torch.__version__, "transformers": transformers.__version__,
                              "threads": options.threads, "prefill_tokens": length, "prefill_ms": round(prefill, 3),
                              "step_ms": round(step, 3)}), flush=True)


if __name__ == "__main__":
    main()
