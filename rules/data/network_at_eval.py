"""No network, and nothing pretrained, on the way to the score."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from auditor.findings import Finding, Outcome, Ruling, found
from auditor.rule import Example, Facts, Rule, Source
from rules.analysis.syntax import calls, code_finding, dotted, last_name, phases_of, python_units, strings
from rules.examples.folders import EVALUATION, folder, script

ID = "network-at-eval"

_DOWNLOADS = {"hf_hub_download", "snapshot_download", "urlopen", "urlretrieve", "load_dataset", "create_connection"}
_HTTP = {"requests.get", "requests.post", "httpx.get", "httpx.post", "socket.socket"}
_WEIGHTS = {"hub.load", "load_state_dict_from_url"}
_KERNELS = {"get_kernel"}
_SHELL = {"run", "call", "check_call", "check_output", "Popen", "system"}
_FETCHERS = ("wget", "curl", "pip install", "pip3 install", "apt-get", "apt install", "git clone")


def _kind(call: ast.Call) -> str | None:
    name, last = dotted(call.func), last_name(call.func)
    if last in _KERNELS:
        return "kernel"
    if any(name.endswith(w) for w in _WEIGHTS) or last == "load_state_dict_from_url":
        return "weights"
    if last == "from_pretrained":
        return "tokenizer" if "okeniz" in name or "onfig" in name else "weights"
    if last in _DOWNLOADS or name in _HTTP:
        return "download"
    if last in _SHELL and any(part in name for part in ("subprocess", "os.", "Popen", "check_call", "run")):
        text = " ".join(s for argument in call.args[:1] for s in strings(argument))
        words = text.replace(",", " ")
        if "pip install" in words or " -m pip " in f" {words} " or words.startswith("pip "):
            return "package"
        if any(words.startswith(f) or f" {f} " in f" {words} " for f in _FETCHERS):
            return "download"
    return None


def _outcome(kind: str, evaluating: bool) -> tuple[Outcome, str] | None:
    if kind == "weights":
        return Outcome.VIOLATION, "loads weights that were trained elsewhere"
    if kind == "kernel":
        return Outcome.WARNING, "downloads a compute kernel when it runs; disclosed cases were left standing"
    if kind == "package":
        return Outcome.WARNING, "installs a package when it runs; list it in requirements.txt instead"
    if not evaluating:
        return None  # data and tokenizer fetched in set-up, before training
    if kind == "tokenizer":
        return Outcome.WARNING, "may fetch a tokenizer from the network during evaluation"
    return Outcome.VIOLATION, "reaches the network during evaluation"


def _findings(facts: Facts) -> Iterator[Finding]:
    for unit, tree in python_units(facts):
        phases = phases_of(tree)
        for call in calls(tree):
            kind = _kind(call)
            if kind is None:
                continue
            judged = _outcome(kind, phases.in_scoring(call) or phases.after_training(call))
            if judged:
                outcome, text = judged
                name = dotted(call.func) or last_name(call.func)
                yield code_finding(facts, ID, outcome, unit, call, f"{name} {text}")


def check(facts: Facts) -> Ruling:
    return found(list(_findings(facts)), "nothing reaches the network during evaluation")


_FETCHING = EVALUATION.replace(
    "    model.eval()\n", '    model.eval()\n    table = urlopen("https://example.com/t.bin").read()\n', 1
)
_THROUGH = "def fetch_table(address):\n    return urlopen(address).read()\n"
_INDIRECT = EVALUATION.replace(
    "    model.eval()\n", '    model.eval()\n    table = fetch_table("https://example.com/t.bin")\n', 1
)
_IMPORT = "from urllib.request import urlopen"
_KERNEL = 'attention = get_kernel("example/attention")'

RULE = Rule(
    id=ID,
    title="No network and nothing pretrained during evaluation",
    class_="score",
    authority="README",
    evidence=("code",),
    criterion="No call that can reach the network runs during evaluation, and no weights come from elsewhere.",
    why="Whatever is fetched adds information that the 16 MB do not pay for.",
    remedy="Put what evaluation needs into the artifact; fetch data and tokenizer before training.",
    sources=(
        Source("https://github.com/openai/parameter-golf#faq", "no external downloads or network calls in evaluation"),
        Source("https://github.com/openai/parameter-golf/pull/892", "0hq quoted: a flash drive of 16 MB", "2026-03-25"),
        Source("https://github.com/openai/parameter-golf/pull/466", "a kernel download, disclosed"),
    ),
    check=check,
    examples=(
        Example("fetched while scoring", "breaks", folder(script(_FETCHING, imports=_IMPORT)), Outcome.VIOLATION),
        Example(
            "fetched by a helper",
            "breaks",
            folder(script(_INDIRECT, imports=_IMPORT, helpers=_THROUGH)),
            Outcome.VIOLATION,
        ),
        Example(
            "pretrained weights",
            "breaks",
            folder(script(before_training='model = torch.hub.load("example/net", "small").to(device)')),
            Outcome.VIOLATION,
        ),
        Example(
            "a kernel fetched in set-up",
            "breaks",
            folder(script(imports="from kernels import get_kernel", before_training=_KERNEL)),
            Outcome.WARNING,
        ),
        Example(
            "the data set fetched before training",
            "legal",
            folder(
                script(
                    imports="from huggingface_hub import snapshot_download",
                    before_training='snapshot_download("example/fineweb")',
                )
            ),
            Outcome.PASS,
        ),
        Example("nothing fetched", "legal", folder(), Outcome.PASS),
        Example(
            "a helper that nothing calls",
            "inactive",
            folder(script(imports=_IMPORT, helpers=_THROUGH + '\n\ndef old():\n    torch.hub.load("a/b", "c")\n')),
            Outcome.PASS,
        ),
    ),
    not_decidable="what an imported package does when it is loaded",
)
