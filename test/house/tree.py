"""What every rule of the house needs: the tree's files, findings, and a main that tests the rule first.

Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

A rule is a function from a Tree to Findings. Its script hands it to `main` with
small trees that break the rule (`bad`) and keep it (`good`); a rule that does
not tell them apart fails before it looks at the real tree.
"""

import pathlib
import re
import sys
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROOMS = ("compiler", "dialects", "docs", "frontends", "passes", "runtime", "test")
BINARY = {".safetensors", ".png", ".npy", ".bin", ".pyc", ".snt"}


class Finding(NamedTuple):
    path: str
    line: int
    message: str  # what stands there, then what to do

    def __str__(self):
        return f"{self.path}:{self.line}: {self.message}"


class Tree:
    """Text files by path from the root: of a dictionary, or of the repository."""

    def __init__(self, files):
        self.files = files

    @classmethod
    def of_repository(cls):
        files = {}
        inside = [path for room in (*ROOMS, ".ci") for path in (ROOT / room).rglob("*")]
        for path in [*ROOT.iterdir(), *inside]:
            if path.is_file() and path.suffix not in BINARY and path.parent.name != "__pycache__":
                files[path.relative_to(ROOT).as_posix()] = path
        return cls(files)

    def paths(self, pattern=""):
        """The paths that the regular expression finds, in order."""
        return sorted(path for path in self.files if re.search(pattern, path))

    def text(self, path):
        content = self.files[path]
        if isinstance(content, pathlib.Path):
            content = self.files[path] = content.read_text(encoding="utf-8")
        return content

    def lines(self, path):
        """Numbered lines, from 1."""
        return enumerate(self.text(path).splitlines(), 1)

    def folders(self):
        return sorted({path.rsplit("/", 1)[0] for path in self.files if "/" in path})


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def kebab(name):
    """FuseNormAttention -> fuse-norm-attention, EmitLLVM -> emit-llvm."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()


class Definition(NamedTuple):
    """One `def Name : ... { ... }` of a td file."""

    path: str
    line: int
    name: str
    head: str
    body: str


def definitions(tree, pattern):
    for path in tree.paths(pattern):
        text = tree.text(path)
        for match in re.finditer(r"^def (\w+)\s*:\s*([^{;]*)\{\n(.*?)^\}", text, re.M | re.S):
            yield Definition(path, line_of(text, match.start()), *match.groups())


def passes(tree):
    """The passes of every Passes.td."""
    for definition in definitions(tree, r"(^|/)Passes\.td$"):
        if re.match(r"\w*Pass<|Pass<", definition.head):
            yield definition


class Function(NamedTuple):
    """A C++ function with a body, as clang-format lays it out."""

    line: int
    name: str
    head: str
    body: list


def functions(tree, path):
    lines = tree.text(path).splitlines()
    opening = re.compile(r"^( *)(?=\S)(?!namespace|else|\}|if|for|while|switch|do\b|return).*\{$")
    number = 0
    while number < len(lines):
        match = opening.match(lines[number])
        start = number
        # A head may begin some lines above the brace, after whatever ends a statement or a comment.
        while match and start > 0 and not re.search(r"[;{}>]$|^\s*(//|#|\w+:$)|^$", lines[start - 1]):
            start -= 1
        head = " ".join(line.strip() for line in lines[start : number + 1])
        name = re.search(r"(operator\W+|[\w~]+)\(", head)
        if not match or not name or re.search(r"\[[^\]]*\]\s*\(|= \{$|^(struct|class|enum)", head):
            number += 1
            continue
        indent = re.match(" *", lines[start]).group()
        end = number + 1
        while end < len(lines) and not re.match(rf"^{indent}\}}", lines[end]):
            end += 1
        yield Function(start + 1, name.group(1), head, lines[start : end + 1])
        number = end + 1


def main(rule, bad=(), good=()):
    mistakes = [f"the rule misses a bad example: {files}" for files in bad if not list(rule(Tree(dict(files))))]
    for files in good:
        mistakes += [f"the rule refuses a good example: {finding}" for finding in rule(Tree(dict(files)))]
    found = mistakes or [str(finding) for finding in rule(Tree.of_repository())]
    print("\n".join(found), file=sys.stderr)
    sys.exit(1 if found else 0)
