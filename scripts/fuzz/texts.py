"""Logs, READMEs, claims and other texts that are huge, or made for readers that go back and forth."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

LOG, README, CLAIMS = "train_seed42.log", "README.md", "submission.json"
_STEP = "step:{i}/20000 train_loss:3.1 train_time:{i}ms step_avg:1.0ms\n"

TEXTS: Mapping[str, tuple[str, Callable[[], str]]] = {
    "log: one giant line": (LOG, lambda: "x" * 30_000_000 + "\n"),
    "log: giant line of figures": (LOG, lambda: "val_bpb:1.08 " * 1_000_000 + "\n"),
    "log: giant digits": (LOG, lambda: "final val_bpb:" + "9" * 5_000_000 + "\n"),
    "log: giant decimals": (LOG, lambda: "final val_bpb:1." + "0" * 5_000_000 + "\n"),
    "log: million lines": (LOG, lambda: "x\n" * 1_000_000),
    "log: million empty lines": (LOG, lambda: "\n" * 3_000_000),
    "log: million steps": (LOG, lambda: "".join(_STEP.format(i=i) for i in range(500_000))),
    "log: carriage returns": (LOG, lambda: "step:1 val_bpb:1.0\r" * 500_000),
    "log: spaces": (LOG, lambda: " " * 10_000_000 + "val_bpb:1\n"),
    "log: spaces and colons": (LOG, lambda: ("val_bpb" + " " * 100_000 + ":\n") * 50),
    "log: equal signs": (LOG, lambda: "=" * 5_000_000 + "\n" + "a=" * 500_000 + "\n"),
    "log: brackets": (LOG, lambda: "[" * 2_000_000 + "\n" + "{" * 2_000_000 + "\n" + "(" * 2_000_000 + "\n"),
    "log: quotes": (LOG, lambda: "'" * 2_000_000 + "\n" + '"' * 2_000_001 + "\n" + "`" * 2_000_000 + "\n"),
    "log: words": (LOG, lambda: "seed " * 1_000_000 + "\n"),
    "log: dotted": (LOG, lambda: "1." * 2_000_000 + "\n" + "1," * 2_000_000 + "\n" + "-1" * 2_000_000 + "\n"),
    "log: exponents": (LOG, lambda: "val_bpb:1e" + "9" * 1000 + "\n" + "1e" * 1_000_000 + "\n"),
    "log: escapes": (LOG, lambda: "\x1b[31m" * 1_000_000 + "\n" + "\x1b]0;" * 500_000 + "\n"),
    "log: many seeds": (LOG, lambda: "".join(f"seed:{i}\nfinal val_bpb:1.{i}\n" for i in range(100_000))),
    "log: many keys": (LOG, lambda: "".join(f"key{i}: {i}\n" for i in range(200_000))),
    "log: dictionary": (LOG, lambda: "Hyperparameters: {" + ", ".join(f"'k{i}': {i}" for i in range(100_000)) + "}\n"),
    "log: the script again": (LOG, lambda: ("=" * 100 + "\nimport torch\ndef f(x):\n    return x\n" + "=" * 100 + "\n") * 20_000),  # noqa: E501
    "log: tracebacks": (LOG, lambda: "Traceback (most recent call last):\n  File \"x\", line 1\n" * 100_000),
    "log: tables": (LOG, lambda: "| a | b |\n|---|---|\n" * 100_000),
    "log: progress bars": (LOG, lambda: "".join(f"{i}%|{'#' * (i % 50)}| {i}/100 [00:01<00:02, 1.1it/s]\r" for i in range(200_000))),  # noqa: E501
    "log: nul bytes": (LOG, lambda: "\0" * 5_000_000),
    "log: combining": (LOG, lambda: "a" + "\u0301" * 2_000_000 + "\n"),
    "readme: one giant line": (README, lambda: "x" * 30_000_000 + "\n"),
    "readme: giant digits": (README, lambda: "val_bpb " + "1" * 3_000_000 + " seed " + "2" * 3_000_000 + "\n"),
    "readme: million lines": (README, lambda: "x\n" * 1_000_000),
    "readme: table rows": (README, lambda: "| seed | val_bpb |\n|---|---|\n" + "| 42 | 1.08 |\n" * 200_000),
    "readme: table columns": (README, lambda: "|" + "a|" * 300_000 + "\n|" + "-|" * 300_000 + "\n|" + "1|" * 300_000 + "\n"),  # noqa: E501
    "readme: pipes": (README, lambda: "|" * 5_000_000 + "\n"),
    "readme: backticks": (README, lambda: "`" * 2_000_000 + "\n" + "` `` " * 300_000 + "\n"),
    "readme: fences": (README, lambda: "```\n" * 500_001),
    "readme: stars": (README, lambda: "*" * 3_000_000 + "\n" + "**a" * 500_000 + "\n"),
    "readme: underscores": (README, lambda: "_" * 3_000_000 + "\n" + "a_b_" * 500_000 + "\n"),
    "readme: links": (README, lambda: "[" * 500_000 + "\n" + "[a](" * 300_000 + "\n" + "![" * 300_000 + "\n"),
    "readme: quotes": (README, lambda: ">" * 1_000_000 + "\n" + "> " * 500_000 + "\n"),
    "readme: lists": (README, lambda: "".join(" " * (i % 500) + "- a\n" for i in range(100_000))),
    "readme: html": (README, lambda: "<" * 1_000_000 + "\n" + "<div>" * 300_000 + "\n" + "<!--" * 300_000 + "\n"),
    "readme: entities": (README, lambda: "&" * 1_000_000 + "&amp;" * 500_000 + "\n"),
    "readme: headings": (README, lambda: "# val_bpb 1.08\n" * 200_000),
    "readme: seconds": (README, lambda: "600 s, 10 min, 1.5 hours, " * 200_000 + "\n"),
    "readme: commands": (README, lambda: "```bash\n" + "A=1 " * 300_000 + "torchrun train_gpt.py\n" + "\\\n" * 300_000 + "```\n"),  # noqa: E501
    "readme: assignments": (README, lambda: "```bash\n" + "".join(f"export Q{i}={i}\n" for i in range(100_000)) + "torchrun train_gpt.py\n```\n"),  # noqa: E501
    "readme: plus minus": (README, lambda: "1.08 \u00b1 " * 300_000 + "\n" + "1.08 (std " * 300_000 + "\n"),
    "readme: dates": (README, lambda: "2026-04-01 " * 300_000 + "\n"),
    "readme: versions": (README, lambda: "1.2.3." * 500_000 + "\n"),
    "readme: mentions": (README, lambda: "@a #1 " * 500_000 + "\n"),
    "readme: spaces": (README, lambda: "a" + " " * 5_000_000 + "b\n"),
    "readme: the same paragraph": (README, lambda: "\nThe score of seed 42 is 1.08 BPB in 590 s on 8xH100.\n" * 50_000),
    "claims: depth": (CLAIMS, lambda: "[" * 200_000 + "]" * 200_000),
    "claims: depth of objects": (CLAIMS, lambda: '{"a":' * 100_000 + "1" + "}" * 100_000),
    "claims: depth that parses": (CLAIMS, lambda: '{"a":' * 900 + "1" + "}" * 900),
    "claims: keys": (CLAIMS, lambda: "{" + ",".join(f'"val_bpb_{i}": {i}' for i in range(200_000)) + "}"),
    "claims: one key often": (CLAIMS, lambda: "{" + ",".join('"val_bpb": 1' for _ in range(300_000)) + "}"),
    "claims: seeds": (CLAIMS, lambda: json.dumps({"seed_results": {str(i): {"val_bpb": 1.0} for i in range(100_000)}})),
    "claims: list": (CLAIMS, lambda: json.dumps({"val_bpb": [1.08] * 500_000, "seeds": list(range(300_000))})),
    "claims: digits": (CLAIMS, lambda: '{"val_bpb": ' + "9" * 1_000_000 + "}"),
    "claims: decimals": (CLAIMS, lambda: '{"val_bpb": 1.' + "9" * 3_000_000 + "}"),
    "claims: exponent": (CLAIMS, lambda: '{"val_bpb": 1e' + "9" * 100_000 + ', "bytes_total": 1e400}'),
    "claims: text": (CLAIMS, lambda: json.dumps({"author": "a" * 10_000_000, "name": "b " * 3_000_000, "blurb": "@c " * 999_999})),  # noqa: E501
    "claims: surrogates": (CLAIMS, lambda: '{"author": "' + "\\ud800" * 300_000 + '"}'),
    "claims: spaces": (CLAIMS, lambda: " " * 20_000_000 + "{}"),
    "claims: numbers in texts": (CLAIMS, lambda: json.dumps({"val_bpb": "1.08 " * 500_000})),
    "requirements": ("requirements.txt", lambda: "torch==2.0\n" * 300_000 + "-r requirements.txt\n" + "x" * 5_000_000),
    "helper in C": ("helper.c", lambda: "/*" * 2_000_000 + "\n" + "{" * 500_000 + "\n" + "#define A A A\n" * 100_000),
    "helper in CUDA": ("kernel.cu", lambda: "__global__ void f() {" * 100_000),
    "shell": ("run.sh", lambda: "export A=$A$A\n" * 300_000 + "\\\n" * 300_000),
    "yaml": ("config.yaml", lambda: "a: &a [x]\n" + "b: &b [*a, *a, *a]\n" * 60),
    "sibling": ("sib.py", lambda: "import train_gpt\n" * 20_000),
}  # fmt: skip
