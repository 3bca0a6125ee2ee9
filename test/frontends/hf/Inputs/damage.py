"""Damages copies of a sound model, one way at a time, and prints what the importer says to each.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

    damage.py MODELS SCRATCH GROUP

prints `case: line` for each case of the group. A case whose importer crashes, succeeds, exits with anything
but 1 or says more or less than one line prints that instead.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

CASES = {"file": [], "tensors": [], "config": [], "families": [], "index": []}


def case(group, model="llama"):
    """Registers a function that damages the directory it gets."""

    def register(damage):
        CASES[group].append((damage.__name__.replace("_", "-"), model, damage))
        return damage

    return register


# ---- The formats ---------------------------------------------------------------------------------------------------


def read(directory, name="model.safetensors"):
    """Tensors by name: dtype, shape, bytes."""
    raw = (directory / name).read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    header.pop("__metadata__", None)
    data = raw[8 + length :]
    return {key: [t["dtype"], t["shape"], data[slice(*t["data_offsets"])]] for key, t in header.items()}


def write(directory, tensors, name="model.safetensors"):
    header, data = {}, b""
    for key, (dtype, shape, content) in tensors.items():
        header[key] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    write_raw(directory, json.dumps(header), data, name)


def write_raw(directory, header, data=b"", name="model.safetensors"):
    header = header.encode() if isinstance(header, str) else header
    (directory / name).write_bytes(len(header).to_bytes(8, "little") + header + data)


def configure(directory, **changes):
    """Changes keys of config.json; None removes one."""
    path = directory / "config.json"
    config = json.loads(path.read_text())
    config.update(changes)
    path.write_text(json.dumps({key: value for key, value in config.items() if value is not None}))


# ---- The file ------------------------------------------------------------------------------------------------------


def file_case(name, content):
    CASES["file"].append((name, "llama", lambda d: (d / "model.safetensors").write_bytes(content)))


def header_case(name, header, data=b""):
    CASES["file"].append((name, "llama", lambda d: write_raw(d, header, data)))


def tensor(begin, end, dtype="U8", shape=(4,)):
    return json.dumps({"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]})


file_case("empty-file", b"")
file_case("truncated-length", b"\x10\0\0")
file_case("huge-length", b"\xff" * 8 + b"{}")
file_case("header-past-end", (1000).to_bytes(8, "little") + b"{}")
header_case("not-json", "not json")
header_case("not-utf8", b'{"\xff": 1}')
header_case("deep-json", '{"a":' + "[" * 1000)
header_case("deep-metadata", '{"__metadata__":' + '{"a":' * 100)
header_case("duplicate-tensor", f'{{"a":{tensor(0, 4)},"a":{tensor(0, 4)}}}', b"abcd")
header_case("overlap", f'{{"a":{tensor(0, 4)},"b":{tensor(2, 6)}}}', b"abcdef")
header_case("gap", f'{{"a":{tensor(0, 4)},"b":{tensor(5, 9)}}}', b"abcdefghi")
header_case("reversed", f'{{"a":{tensor(4, 0)}}}', b"abcd")
header_case("past-end", f'{{"a":{tensor(0, 4)}}}', b"ab")
header_case("rest", f'{{"a":{tensor(0, 4)}}}', b"abcdef")
header_case("size-against-shape", f'{{"a":{tensor(0, 4, shape=(5,))}}}', b"abcd")
header_case("shape-overflow", f'{{"a":{tensor(0, 4, shape=(2**62, 4))}}}', b"abcd")
header_case("negative-extent", f'{{"a":{tensor(0, 4, shape=(-4,))}}}', b"abcd")
header_case("unknown-dtype", f'{{"a":{tensor(0, 4, dtype="Q4_K")}}}', b"abcd")
header_case("control-characters", '{"a\\n\\u001b[2J": 1}')


@case("file")
def directory_as_file(directory):
    (directory / "model.safetensors").unlink()
    (directory / "model.safetensors").mkdir()


@case("file")
def pipe_as_file(directory):
    (directory / "model.safetensors").unlink()
    os.mkfifo(directory / "model.safetensors")


@case("file")
def link_out(directory):
    (directory / "model.safetensors").unlink()
    (directory / "model.safetensors").symlink_to("/etc/hostname")


@case("file")
def no_weights(directory):
    (directory / "model.safetensors").unlink()


@case("file")
def pickled_weights(directory):
    (directory / "model.safetensors").rename(directory / "pytorch_model.bin")


# ---- Tensors -------------------------------------------------------------------------------------------------------


def edit(directory, change):
    tensors = read(directory)
    change(tensors)
    write(directory, tensors)


@case("tensors")
def missing_tensor(directory):
    edit(directory, lambda t: t.pop("model.layers.1.mlp.up_proj.weight"))


@case("tensors")
def wrong_shape(directory):
    edit(directory, lambda t: t["model.layers.0.mlp.up_proj.weight"][1].reverse())


@case("tensors")
def wrong_rank(directory):
    edit(directory, lambda t: t["model.norm.weight"][1].append(1))


@case("tensors")
def integer_weight(directory):
    edit(directory, lambda t: t["model.norm.weight"].__setitem__(0, "I32"))


@case("tensors")
def float8_weight(directory):
    def change(tensors):
        dtype, shape, data = tensors["model.layers.0.self_attn.q_proj.weight"]
        tensors["model.layers.0.self_attn.q_proj.weight"] = ["F8_E4M3", shape, data[::4]]

    edit(directory, change)


@case("tensors")
def leftover_tensor(directory):
    edit(directory, lambda t: t.update({"model.layers.2.mlp.up_proj.weight": ["F32", [1], b"abcd"]}))


@case("tensors")
def many_leftover_tensors(directory):
    edit(directory, lambda t: t.update({f"extra.{i:02}": ["F32", [1], b"abcd"] for i in range(12)}))


@case("tensors")
def more_layers_than_stored(directory):
    configure(directory, num_hidden_layers=2**31 - 1)


# ---- Configuration -------------------------------------------------------------------------------------------------


def text_case(name, text):
    CASES["config"].append((name, "llama", lambda d: (d / "config.json").write_text(text)))


def key_case(name, model="llama", group="config", **changes):
    CASES[group].append((name, model, lambda d: configure(d, **changes)))


text_case("empty-config", "")
text_case("config-is-list", "[]")
text_case("config-is-deep", "[" * 100000)
text_case("config-has-a-key-twice", '{"hidden_size": 1, "hidden_size": 2}')
key_case("missing-key", hidden_size=None)
key_case("wrong-type", hidden_size="64")
key_case("out-of-range", vocab_size=2**40)
key_case("zero-layers", num_hidden_layers=0)
key_case("heads-do-not-divide", num_attention_heads=5, num_key_value_heads=1)
key_case("groups-do-not-divide", num_key_value_heads=3)
key_case("unknown-architecture", architectures=["TransmogrifierForCausalLM"])
key_case("unknown-head", architectures=["LlamaForSequenceClassification"])
key_case("unknown-type", architectures=None, model_type="gpt_neox")
key_case("unknown-activation", hidden_act="quick_gelu")
key_case("unknown-rope", rope_scaling={"type": "dynamic", "factor": 2.0})
key_case("partial-rope", partial_rotary_factor=0.5)
key_case("quantised", quantization_config={"quant_method": "gptq", "bits": 4})

key_case("too-many-choices", model="mixtral", group="families", num_experts_per_tok=9)
key_case("experts-not-stored", model="mixtral", group="families", num_local_experts=9)
key_case("offset-past-period", model="jamba", group="families", attn_layer_offset=4)
key_case("one-tap", model="jamba", group="families", mamba_d_conv=1)
key_case("bounds-reversed", model="mamba2", group="families", time_step_limit=[1.0, 0.5])
key_case("heads-against-width", model="mamba2", group="families", num_heads=7)
key_case("layer-types-too-few", model="qwen3", group="families", use_sliding_window=True, layer_types=["full_attention"])
key_case("layer-types-unknown", model="qwen3", group="families", use_sliding_window=True,
         layer_types=["full_attention"] * 2 + ["linear_attention"])
key_case("latent-heads-grouped", model="deepseek-v3", group="families", num_key_value_heads=2)
key_case("rotary-width-twice", model="deepseek-v3", group="families", qk_rope_head_dim=6)
key_case("scores-unknown", model="deepseek-v3", group="families", scoring_func="tanh")
key_case("method-unknown", model="deepseek-v3", group="families", topk_method="random")
key_case("groups-against-experts", model="deepseek-v3", group="families", n_group=3)
key_case("groups-of-one-expert", model="deepseek-v3", group="families", n_group=8)
key_case("groups-too-small", model="deepseek-v3", group="families", topk_group=1)
key_case("experts-now-and-then", model="deepseek-v3", group="families", moe_layer_freq=2)
key_case("weights-of-two-meanings", model="deepseek-v2", group="families", norm_topk_prob=True)


# ---- Index ---------------------------------------------------------------------------------------------------------


def index_case(name):
    """The function changes the weight map of a model in shards, and may change its directory."""

    def register(change):
        def damage(directory):
            path = directory / "model.safetensors.index.json"
            index = json.loads(path.read_text())
            change(index["weight_map"], directory)
            path.write_text(json.dumps(index))

        CASES["index"].append((name, "jamba", damage))

    return register


FIRST = "model-00001-of-00003.safetensors"


@index_case("path-upwards")
def _(weights, directory):
    weights[next(iter(weights))] = "../model.safetensors"


@index_case("path-absolute")
def _(weights, directory):
    weights[next(iter(weights))] = "/etc/hostname"


@index_case("shard-missing")
def _(weights, directory):
    (directory / FIRST).unlink()


@index_case("shard-link-out")
def _(weights, directory):
    (directory / FIRST).unlink()
    (directory / FIRST).symlink_to("/etc/hostname")


@index_case("wrong-shard")
def _(weights, directory):
    name = next(key for key, shard in weights.items() if shard == FIRST)
    weights[name] = "model-00002-of-00003.safetensors"


@index_case("not-listed")
def _(weights, directory):
    weights.pop("model.final_layernorm.weight")


@index_case("twice")
def _(weights, directory):
    shutil.copy(directory / FIRST, directory / "copy.safetensors")
    weights["copy"] = "copy.safetensors"


@index_case("empty-map")
def _(weights, directory):
    weights.clear()


# ---- Run -----------------------------------------------------------------------------------------------------------


def answer(directory):
    command = ["sennit-translate", "--import-huggingface", str(directory / "config.json"), "-o", "/dev/null"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    lines = [line for line in result.stderr.splitlines() if ": warning: " not in line]
    if result.returncode != 1 or len(lines) != 1:
        return f"EXIT {result.returncode}, {len(lines)} LINES: {result.stderr[:500]}"
    return lines[0].removeprefix("<unknown>:0: error: ").replace(str(directory) + "/", "").replace(str(directory), "DIR")


def main(models, scratch, group):
    for name, model, damage in CASES[group]:
        directory = pathlib.Path(scratch) / name
        shutil.rmtree(directory, ignore_errors=True)
        shutil.copytree(pathlib.Path(models) / model, directory)
        (directory / "golden.safetensors").unlink()
        damage(directory)
        print(f"{name}: {answer(directory)}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
