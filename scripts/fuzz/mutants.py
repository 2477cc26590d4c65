"""Mutants of submissions: the folders that the rules bring as examples, spoilt in code, logs, claims and names."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from functools import cache
from textwrap import indent

from fuzz import grammar, small
from fuzz.pieces import CODE

Files = dict[str, bytes]

_SMALL = 0.6  # of the mutants are made from a small submission; the others from an example of a rule
_NUMBER = re.compile(rb"(?<![\w.])\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])")
_ODD_FIGURES = (
    b"9" * 400, b"-" + b"9" * 400, b"9" * 4301, b"0." + b"0" * 400 + b"1", b"1e999", b"-1e999", b"1e-999",
    b"Infinity", b"-Infinity", b"inf", b"nan", b"NaN", b"-0", b"0", b"-1", b"1e308", b"1.7976931348623157e308",
    b"18446744073709551616", b"4611686018427387904", b"1_000_000", b"0x10", b"1,234,567", b"1.2.3", b"1e", b"",
    b"\xd9\xa1\xd9\xa2", "１２３".encode(), "²".encode(), b"1" + b"0" * 70,
)  # fmt: skip
_ODD_VALUES = (
    "9" * 400, "-1e400", "Infinity", "NaN", "-Infinity", "0", "-1", "1e-400", "null", "true", '"nan"', '"1e400"',
    '"' + "9" * 400 + '"', '"1.08 ± 0.02"', '""', "[]", "{}", "[1.1, null]", "[Infinity, NaN]", "[[[[[[]]]]]]",
    '{"a": {"a": {"a": 1}}}', '"\\ud800"', '"\\u0000"', '"x\\u001b[31m"', '"' + "a" * 5000 + '"',
    "[" * 2000 + "]" * 2000, "[" * 90000, "1.0807e0", "- 1", "01",
)  # fmt: skip
_ODD_CODE = (
    "10**400", "-10**400", "float('inf')", "float('nan')", "9" * 400, "1 << 70", "1 << 2**62", "2**63", "1e308 * 10",
    "0", "-1", "None", "True", "'x'", "()", "(1,) * 10**9", "'a' * 10**10", "10**10**10", "range(10**30)",
    "list(range(10**9))", "0.0", "-0.0", "1j", "b'\\xff'", "int('9' * 5000)", "float('1' * 400)",
    "len(range(10**30))", "[[]] * 10**8", "sum(range(10**9))", "divmod(1, 0)", "1 // 0", "1 % 0", "math.inf",
    "math.comb(10**5, 5 * 10**4)", "pow(3, 10**9)", "pow(3, -1, 7)", "round(10**400)", "int(1e308)",
    "int(float('inf'))", "'%1000000000d' % 1", "f'{1:1000000000}'", "'{:>1000000000}'.format(1)", "bytes(10**10)",
    "'x'.zfill(10**9)", "'x'.center(10**9)", "'a'.join(['b' * 10**6] * 10**6)", "chr(10**10)",
    "'x'.ljust(2**40).replace('x', 'y' * 10**6)", "str(10**5000)", "int.from_bytes(b'x' * 10**6)",
    "torch.arange(10**400)", "torch.zeros(10**30, 10**30)", "np.arange(0, 1e30)", "math.log(0)", "math.sqrt(-1)",
    "math.exp(1e308)", "1.0 ** 1e308", "(-1) ** 0.5", "slice(10**400, -10**400, 0)", "min([])",
    "max(float('nan'), 1)", "'\\ud800'", "'x' * -1", "~10**400", "os.environ.get('A' * 10**7)",
)  # fmt: skip
_ODD_PATHS = (
    "train_gpt.py", "b/train_gpt.py", "submission.json", "SUBMISSION.JSON", "x\x1b[31m.log", "[x](http://e.org).log",
    "`a`.py", "train_seed" + "9" * 400 + ".log", "a" * 300 + ".py", "logs/train_seed42.log", "seed-1.txt", "$x$.md",
    "@all.log", "model.bin",
)  # fmt: skip
_PIECES = (
    *(piece for pieces in CODE.values() for piece in pieces.values() if len(piece) < 2000),
    "for q in val_tokens:\n    for r in val_tokens:\n        x = q + r\n",
    "class Q(Q2):\n    pass\nclass Q2(Q):\n    pass\nq = Q()\n",
    "q = [" + "1, " * 5000 + "]\n",
    "exec('exec(' * 50)\n",
    "import train_gpt\nfrom train_gpt import *\n",
    "globals()[input()] = eval('1 +')\n",
    "q: 'x' = (y := 5)\nmatch q:\n    case {'a': [1, *_]} | None if q: pass\n",
    "try:\n    raise ExceptionGroup('x', [])\nexcept* ValueError:\n    pass\n",
    "print('final val_bpb: [x](http://e.org) @everyone $x$ :smile: <img src=x onerror=alert(1)>')\n",
    "x = val_tokens\n" + "x = torch.cat([x, x])\n" * 40,
    "del val_tokens\n",
    "torch.load('http://e.org/' + '../' * 1000)\n",
)
_AROUND = (
    "{}",
    "{}",
    "{}",
    "if os.environ.get('Z'):\n{}",
    "if x:\n    pass\nelse:\n{}",
    "for z in val_tokens:\n{}",
    "while z:\n{}",
    "try:\n{}\nexcept Exception:\n    pass",
    "with torch.no_grad():\n{}",
    "def z(val_tokens):\n{}\nz(val_tokens)",
    "class Z:\n{}\nZ()",
)


@cache
def corpus() -> tuple[tuple[str, Files], ...]:
    """(name, files) of every example of every rule; our own, and shaped like what is handed in."""
    from rules import ALL

    found = []
    for rule in ALL:
        for example in rule.examples:
            files = {k: v.encode() if isinstance(v, str) else bytes(v) for k, v in example.files.items()}
            found.append((f"{rule.id}: {example.name}", files))
    return tuple(found)


def mutant(seed: int) -> tuple[str, Files]:
    """The mutant of this seed: what it was made from, and its files."""
    rng = random.Random(seed)
    if rng.random() < _SMALL:
        name, files = "small", small.submission(rng)
    else:
        name, files = rng.choice(corpus())
    files = dict(files)
    done = []
    for _ in range(rng.choice([1, 1, 2, 3, 6])):
        path = rng.choice(sorted(files) or ["train_gpt.py"])
        changes = _changes(path)
        change = rng.choice(changes)
        files[path] = change(rng, files.get(path, b""))
        done.append(f"{change.__name__.lstrip('_')} in {path}")
        if rng.random() < 0.05:
            _names(rng, files)
    return f"{name} ({'; '.join(done)})", files


Change = Callable[[random.Random, bytes], bytes]


def _changes(path: str) -> tuple[Change, ...]:
    if path.endswith(".py"):
        return (
            _code_value,
            _code_value,
            _piece,
            _piece,
            _figure,
            _lines,
            _splice,
            _bytes,
            _case,
            *[grammar.changed] * 8,
        )
    if path.endswith(".json"):
        return (_value, _value, _value, _figure, _bytes, _lines)
    return (_figure, _figure, _figure, _lines, _bytes, _splice, _encoding)


def _figure(rng: random.Random, data: bytes) -> bytes:
    hits = list(_NUMBER.finditer(data))
    for hit in sorted(rng.sample(hits, min(len(hits), rng.choice([1, 1, 2, 20]))), key=lambda h: -h.start()):
        data = data[: hit.start()] + rng.choice(_ODD_FIGURES) + data[hit.end() :]
    return data


def _code_value(rng: random.Random, data: bytes) -> bytes:
    """A literal, or the argument of a call, becomes an expression that has no good value."""
    hits = [
        *_NUMBER.finditer(data),
        *re.finditer(rb"\b(?:total|seq_len|stride|vocab_size|args\.\w+|end|start)\b", data),
    ]
    for hit in sorted(rng.sample(hits, min(len(hits), rng.choice([1, 1, 2, 5]))), key=lambda h: -h.start()):
        data = data[: hit.start()] + b"(" + rng.choice(_ODD_CODE).encode() + b")" + data[hit.end() :]
    return data


def _piece(rng: random.Random, data: bytes) -> bytes:
    """Statements are put in before a line, as deep as it is, as they are or in a branch, a loop, a function."""
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    margin = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
    piece, around = rng.choice(_PIECES).rstrip("\n"), rng.choice(_AROUND)
    whole = around.replace("{}", piece if around == "{}" else indent(piece, "    "))
    return b"\n".join([*lines[:at], *(margin + line for line in whole.encode().split(b"\n")), *lines[at:]])


def _lines(rng: random.Random, data: bytes) -> bytes:
    """Lines are left out, repeated, moved."""
    lines = data.split(b"\n")
    at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    what = rng.randrange(5)
    if what == 0:
        del lines[at : at + rng.choice([1, 1, 3, 30])]
    elif what == 1:
        lines[at:at] = [lines[other]] * rng.choice([1, 2, 300])
    elif what == 2:
        lines[at], lines[other] = lines[other], lines[at]
    elif what == 3:
        lines[at] = lines[at] * rng.choice([2, 50])
    else:
        lines[at:] = []
    return b"\n".join(lines)


def _splice(rng: random.Random, data: bytes) -> bytes:
    """Some lines of another example."""
    _, other = rng.choice(corpus())
    source = rng.choice(sorted(other.values())).split(b"\n")
    start = rng.randrange(len(source))
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    return b"\n".join([*lines[:at], *source[start : start + rng.choice([1, 5, 40])], *lines[at:]])


def _bytes(rng: random.Random, data: bytes) -> bytes:
    for _ in range(rng.choice([1, 3, 20])):
        at = rng.randrange(len(data) + 1)
        junk = rng.choice(
            [b"", b"\0", b"\xff", b"\r", b"\x1b[2J", "\u202e".encode(), rng.randbytes(4), b"\\", b'"', b"(", b"|", b"`"]
        )
        data = data[:at] + junk + data[at + rng.choice([0, 1, 1, 50]) :]
    return data


def _case(rng: random.Random, data: bytes) -> bytes:
    """One name, everywhere, becomes another."""
    names = sorted(set(re.findall(rb"[A-Za-z_]\w{2,}", data)))
    if len(names) < 2:
        return data
    old, new = rng.sample(names, 2)
    return re.sub(rb"\b" + old + rb"\b", new, data)


def _encoding(rng: random.Random, data: bytes) -> bytes:
    text = data.decode("utf-8", "replace")
    return rng.choice(
        [text.encode("utf-16"), text.encode("utf-8-sig"), text.encode("utf-16-le"), data.replace(b"\n", b"\r")]
    )


def _value(rng: random.Random, data: bytes) -> bytes:
    """A value of the JSON becomes an odd one; or a key is doubled, lost, or spelt in another way."""
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        return _figure(rng, data)
    if not isinstance(content, dict) or not content:
        return data
    key = rng.choice(sorted(content))
    pairs = {k: json.dumps(v) for k, v in content.items()}
    pairs[key] = rng.choice(_ODD_VALUES)
    lines = [f"{json.dumps(k)}: {v}" for k, v in pairs.items()]
    if rng.random() < 0.2:
        lines.append(f"{json.dumps(key.upper() if rng.random() < 0.5 else key)}: {rng.choice(_ODD_VALUES)}")
    return ("{" + ",\n".join(lines) + "}").encode("utf-8", "surrogatepass")


def _names(rng: random.Random, files: Files) -> None:
    """A file gets another name, or comes again under one."""
    path = rng.choice(sorted(files))
    new = rng.choice(_ODD_PATHS)
    files[new] = files[path] if rng.random() < 0.5 else files.pop(path)
