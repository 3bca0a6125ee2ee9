"""Writes attention in ONNX's plain operators, as exporters do: softmax by its operator, by reductions that keep their axis,
with weights that something else reads as well, or of f16 or bf16, with the softmax in f32.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

    onnx_attention.py FILE softmax|reductions|read|f16|bf16
"""

import pathlib
import struct
import sys

BATCH, HEADS, QUERIES, KEYS, WIDTH = 1, 2, 5, 7, 8


def number(value):
    low, value = value & 127, value >> 7
    return bytes([low | 128]) + number(value) if value else bytes([low])


def field(place, value):
    """A number, or the bytes of a text or message."""
    if isinstance(value, int):
        return number(place << 3) + number(value)
    value = value.encode() if isinstance(value, str) else value
    return number(place << 3 | 2) + number(len(value)) + value


def node(operator, inputs, output, *attributes):
    return (b"".join(field(1, name) for name in inputs) + field(2, output) + field(4, operator)
            + b"".join(field(5, attribute) for attribute in attributes))


def value(name, element, *shape):
    dims = b"".join(field(1, field(1, extent)) for extent in shape)
    return field(1, name) + field(2, field(1, field(1, element) + field(2, dims)))


def cast(given, result, element):
    return node("Cast", [given], result, field(1, "to") + field(3, element) + field(20, 2))


def tensor(name, element, form, numbers):
    return field(1, len(numbers)) + field(2, element) + field(8, name) + field(9, struct.pack(f"<{len(numbers)}{form}", *numbers))


def main(path, spelling):
    order = field(1, "perm") + b"".join(field(8, axis) for axis in (0, 1, 3, 2)) + field(20, 7)
    last = field(1, "axis") + field(3, 3) + field(20, 2)
    nodes = [node("Transpose", ["k"], "turned", order), node("MatMul", ["q", "turned"], "product"),
             node("Mul", ["product", "scale"], "scaled"), node("Add", ["scaled", "mask"], "s")]
    element = {"f16": 10, "bf16": 16}.get(spelling, 1)
    if element != 1:
        nodes += [cast("s", "wide", 1), node("Softmax", ["wide"], "weights", last), cast("weights", "p", element)]
    elif spelling == "reductions":
        nodes += [node("ReduceMax", ["s", "axes"], "m"), node("Sub", ["s", "m"], "d"), node("Exp", ["d"], "e"),
                  node("ReduceSum", ["e", "axes"], "l"), node("Div", ["e", "l"], "p")]
    else:
        nodes.append(node("Softmax", ["s"], "p", last))
    if spelling == "read":
        # Rows of weights add up to 1, of which zero times is added.
        nodes += [node("MatMul", ["p", "v"], "o"), node("ReduceSum", ["p", "axes"], "sum"), node("Mul", ["sum", "zero"], "nothing"),
                  node("Add", ["o", "nothing"], "y")]
    else:
        nodes.append(node("MatMul", ["p", "v"], "y"))
    graph = b"".join(field(1, each) for each in nodes) + field(2, "attention")
    scale = {1: ("f", WIDTH**-0.5), 10: ("e", WIDTH**-0.5), 16: ("H", 0x3EB5)}[element]
    for constant in (tensor("scale", element, scale[0], [scale[1]]), tensor("zero", 1, "f", [0.0]), tensor("axes", 7, "q", [3])):
        graph += field(5, constant)
    for given in (value("q", element, BATCH, HEADS, QUERIES, WIDTH), value("k", element, BATCH, HEADS, KEYS, WIDTH),
                  value("v", element, BATCH, HEADS, KEYS, WIDTH), value("mask", element, QUERIES, KEYS)):
        graph += field(11, given)
    graph += field(12, value("y", element, BATCH, HEADS, QUERIES, WIDTH))
    pathlib.Path(path).write_bytes(field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 18)))


main(*sys.argv[1:])
