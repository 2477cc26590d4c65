"""No network, and nothing pretrained, on the way to the score."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.findings import Finding, Outcome, Ruling, found
from auditor.program.stream.reads import FetchKind
from auditor.rule import Example, Facts, Rule, Source
from rules.examples.folders import folder
from rules.examples.scripts import EVALUATION, script
from rules.findings import shown

ID = "network-at-eval"


def _outcome(kind: FetchKind, evaluating: bool) -> tuple[Outcome, str] | None:
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
    for fetch in facts.code.fetches:
        judged = _outcome(fetch.kind, fetch.evaluating)
        if judged:
            outcome, text = judged
            yield shown(ID, outcome, fetch, f"{fetch.call} {text}")


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
