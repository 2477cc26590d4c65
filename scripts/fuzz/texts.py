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
    "readme: superscripts": (README, lambda: "\nval_bpb 1.0\u00b2 seeds \u00b2\u00b3 | seed \u2460 | 590\u00b9 s, 8\u00d7H100, 15.9\u2009MB, \u0661.\u0660\u0668 BPB, \uff11\uff0e\uff10\uff18 BPB, \u00bd h, \u221e s, 1\u2044\u0032 MB\n"*50),  # noqa: E501
    "log: superscripts": (LOG, lambda: "step:\u00b2/\u00b3 val_bpb:\u0661.\u0660\u0668 val_loss:\u00bd train_time:\u2460ms\nseed:\u00b2\nworld_size:\u2083\nTotal submission size: \u00b9\u00b2\u00b3 bytes\nfinal val_bpb:\uff11.\uff10\n"*20),  # noqa: E501
    "claims: superscripts": (CLAIMS, lambda: json.dumps({"val_bpb":"\u00b9.0","seeds":["\u00b2",{"seed":"\u2461","val_bpb":"\u0661"}],"bytes_total":"\u00b2","date":"\u0662\u0660\u0662\u0666-04-01","author":"\u00b2","seed_results":{"\u00b2":{"val_bpb":1.0},"\u0663":{"val_bpb":1.1},"-1":{"val_bpb":1},"1e5":{"val_bpb":"1e-400"}}})),  # noqa: E501
    "claims: bools and nulls": (CLAIMS, lambda: json.dumps({"val_bpb":True,"val_loss":False,"seeds":[True,None,[],{}],"bytes_total":True,"seed_results":{"42":None,"43":[1,2],"44":True,"45":{"val_bpb":[]}},"author":[{}],"date":{"a":1},"track":[1],"github_id":10**400,"train_seconds":{"a":{"b":[1]}}})),  # noqa: E501
    "claims: minus zero": (CLAIMS, lambda: '{"val_bpb": -0.0, "val_loss": -1e-320, "bytes_total": -1, "seeds": [-0], "train_seconds": -5, "eval_seconds": 1e-320}'),  # noqa: E501
    "log: dates": (LOG, lambda: "9999-99-99 99:99:99,999 step:1/2 val_bpb:1.08\n0000-00-00T00:00:00Z step:2/2 val_bpb:1.08\n[99/Foo/0000:99:99:99 +9999] x\n"*50),  # noqa: E501
    "log: negative": (LOG, lambda: "step:-1/-2 val_bpb:-1.08 val_loss:-0.0 train_time:-1ms\nfinal val_bpb:-1e-300 bytes:-5\nTotal submission size: -1 bytes\nworld_size:-8\n"*20),  # noqa: E501
    "log: tiny": (LOG, lambda: "final val_bpb:1e-320 val_loss:1e-320\nfinal_int8 val_loss:5e-324 val_bpb:5e-324 eval_time:5e-324ms\nval_tokens: 1\n"),  # noqa: E501
    "log: durations": (LOG, lambda: "train_time: 9"+"9"*300+"h 99999m 1e9999s\neval_time: 1:2:3:4:5:6:7:8\neval took "+"9"*400+" minutes\nstopping_early: wallclock_cap train_time:"+"9"*400+"ms\n"),  # noqa: E501
    "readme: durations": (README, lambda: "\nTraining took 9"+"9"*300+" hours, evaluation 1e400 s, 1:99:99:99, 00:00:00.000, -5 min; 10^400 s; 1e-400 s\n"*40),  # noqa: E501
    "readme: nested code": (README, lambda: "\n" + "".join("`"*i+"bash\nA=1 torchrun train_gpt.py\n" for i in range(3,300))),  # noqa: E501
    "readme: loops": (README, lambda: "\n```bash\n" + "for s in $(seq 1 1000000000); do for t in {1..1000000000}; do SEED=$s torchrun train_gpt.py; done; done\n"*200 + "```\n"),  # noqa: E501
    "readme: nested loops": (README, lambda: "\n```bash\n" + "for a in 1 2; do "*300 + "torchrun train_gpt.py" + "; done"*300 + "\n```\n"),  # noqa: E501
    "readme: references": (README, lambda: "\n```bash\nA=1\n" + "".join(f"export A{i}=${{A{i-1}:-$A{i-1}$A{i-1}}}\n" for i in range(1,60)) + "torchrun train_gpt.py --x $A59\n```\n"),  # noqa: E501
    "readme: self references": (README, lambda: "\n```bash\nexport A=a\n" + "export A=$A$A$A\n"*60 + "A=$A torchrun train_gpt.py\n```\n"),  # noqa: E501
    "gitignore: patterns": (".gitignore", lambda: "".join(f"**/a*{i}*b*/**/c{i}?[a-z]*\n" for i in range(20000))),
    "gitignore: stars": (".gitignore", lambda: ("*a"*200+"\n"+"**/"*500+"x\n"+"["*5000+"\n"+"!"*5000+"\n"+"\\"*5001+"\n"+"a"+"?"*3000+"\n")*20),  # noqa: E501
    "notebook odd": ("run.ipynb", lambda: json.dumps({"cells":[None,1,"x",{"outputs":None},{"outputs":[None,{"text":5},{"text":[None,[["x"]]]},{"data":None},{"data":{"text/plain":10**400}}]},{"cell_type":[],"source":{"a":1}}],"metadata":None})),  # noqa: E501
    "sh: here documents": ("run.sh", lambda: "cat <<EOF\n"*5000+"torchrun train_gpt.py\n"+"EOF\n"*10),
    "sh: quotes": ("run.sh", lambda: "'"*50001+"\n"+'"$('*20000+"\n"+"A=$((9**9**9)) torchrun train_gpt.py\n"),
}  # fmt: skip
