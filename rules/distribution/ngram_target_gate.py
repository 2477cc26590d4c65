"""Whether an n-gram hint applies may not be read off the token that is being scored."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from auditor.findings import Finding, Outcome, Ruling, found, not_applicable, not_checked
from auditor.probe.model import Kind
from auditor.rule import Behaviour, Example, Facts, Rule
from rules.examples.folders import folder, log
from rules.examples.scripts import script
from rules.findings import shown
from rules.law.standing import name, place, pull

ID = "ngram-target-gate"

_COUNTERS = ("within_gate", "word_gate", "agree2plus")
_EXPERT = re.compile(r"(?i)(^|_)(within|word)_(\w+_)?(boost|beta|bonus|weight|lambda|alpha)$")
_ZERO = "the settings of the gated experts are 0, and whether they are what weighs the hints is not followed"
_WOULD_TELL = "the logs' counters (within_gate, word_gate, agree2plus) would tell, and so would --probe"


def _said_to_be_off(facts: Facts) -> bool:
    """Whether the settings that the ruling names are there and all 0: what is said, and no proof of it."""
    settings = facts.configuration.settings.items()
    weights = [_number(s.value) for key, s in settings if _EXPERT.search(key.lstrip("-").replace("-", "_"))]
    return bool(weights) and not any(weight != 0 for weight in weights)


def _number(value: object) -> float | None:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def _from_logs(facts: Facts) -> Iterator[Finding]:
    headline = {(run.log, run.index) for run in facts.headline or facts.runs}
    for run in facts.runs:
        counts = {key: run.gates[key] for key in _COUNTERS if run.gates.get(key)}
        if not counts:
            continue
        decides = (run.log, run.index) in headline
        shown = ", ".join(f"{key}={value}" for key, value in counts.items())
        told = f"{name(run)} counts {shown}: the experts gated by the scored token applied"
        yield Finding(
            rule=ID,
            outcome=Outcome.VIOLATION,
            message=told if decides else f"{told}, in a log that the claim does not stand on",
            location=place(run, run.gates_line),
            active=decides,
            excerpt=shown,
            remedy=RULE.remedy,
        )


def _counted(facts: Facts) -> bool | None:
    """What the claim's own logs count: True non-zero, False zero, None nothing."""
    runs = [run for run in facts.headline or facts.runs if run.gates]
    return any(run.gates.get(key) for run in runs for key in _COUNTERS) if runs else None


def check(facts: Facts) -> Ruling:
    findings = list(_from_logs(facts))
    counted = _counted(facts)
    what = "a hint is looked up only if the token being scored is of a class (word start, continuation, boundary)"
    # The counters of the logs tell that a helper in C ran.
    helpers = [replace(g, active=True) if counted is not None else g for g in facts.code.c_target_gates]
    gates = [*helpers, *facts.code.target_gates]
    outcome = Outcome.VIOLATION
    if counted is None and _said_to_be_off(facts):
        outcome, what = Outcome.DISPUTED, f"{what}; {_ZERO}; {_WOULD_TELL}"
    findings += [shown(ID, outcome, gate, what, also=counted is not False) for gate in gates]
    if not findings and counted is None and facts.code.c_not_followed:
        return not_checked(
            f"{facts.code.c_not_followed[0]} could not be read and run whole; the logs' counters would tell"
        )
    if not findings and counted is None and not any(run.ngram for run in facts.runs):
        return not_applicable("no n-gram hints with gates")
    return found(findings, "the gates depend on tokens before the scored one")


_C_HELPER = """
int fill_hints(State *st, const uint16_t *tokens, int64_t n, const uint8_t *word_lut, uint16_t *top, uint8_t *valid) {
    for (int64_t i = 0; i < n; ++i) {
        const uint16_t tok = tokens[i];  /* the scored one */
        const uint8_t starts = word_lut[tok];
        valid[i] = 0;
        if (!starts && st->length > 0) {
            Entry *e = find_entry(st, st->hash);
            if (e) { top[i] = e->best; valid[i] = 1; }
        }
        push(st, tok, starts);
    }
    return 0;
}
"""
_C_CAUSAL = _C_HELPER.replace(
    "const uint8_t starts = word_lut[tok];",
    "const uint16_t before = i > 0 ? tokens[i - 1] : 0;\n        const uint8_t starts = word_lut[before];",
)
_CPP = """
struct Entry { int best; int count; };
struct Mixer {
    const int64_t* tokens_;
    const uint8_t* has_ls_;
    Entry table_[4096];
    uint32_t hash_;
    int length_;
    void within_hint(bool is_ws, int& hint) {
        if (is_ws || length_ == 0) { hint = -1; return; }
        hint = table_[hash_ & 4095].best;
    }
    void within_update(uint16_t tok, bool is_ws) {
        if (is_ws) { hash_ = tok; length_ = 1; return; }
        Entry& entry = table_[hash_ & 4095];
        entry.best = tok;
        entry.count++;
        hash_ = hash_ * 31 + tok;
        length_++;
    }
    void batch_hints(const int64_t* pos, int n, int32_t* hints) {
        for (int i = 0; i < n; i++) {
            int64_t p = pos[i];
            auto tok = uint16_t(tokens_[p]);
            bool is_ws = has_ls_[tok];
            int hint = -1;
            within_hint(is_ws, hint);
            hints[i] = hint;
            within_update(tok, is_ws);
        }
    }
};
"""
_CPP_CAUSAL = _CPP.replace(
    "bool is_ws = has_ls_[tok];", "auto last = uint16_t(tokens_[p - 1]);\n            bool is_ws = has_ls_[last];"
).replace("within_update(tok, is_ws)", "bool now_ws = has_ls_[tok]; within_update(tok, now_ws)")
_PYTHON = """
def word_hints(tokens, starts_word, table):
    top_prob = np.zeros(len(tokens), dtype=np.float32)
    context = ()
    for i, raw in enumerate(tokens):
        tok = int(raw)
        fresh = bool(starts_word[tok])
        if fresh and context in table:
            top_prob[i] = table[context]
        context = (*context[-3:], tok)
    return top_prob
"""
_BOOSTS = """
ngram_tilt_enabled = bool(int(os.environ.get("NGRAM_TILT_ENABLED", "1")))
token_boost = float(os.environ.get("TOKEN_BOOST", "2.5"))
within_boost = float(os.environ.get("WITHIN_BOOST", "{0}"))
word_boost = float(os.environ.get("WORD_BOOST", "{0}"))
"""
_LOAD = """
import ctypes
import subprocess
subprocess.run(["gcc", "-O3", "-shared", "-o", "hints.so", "hints.c"], check=True)
library = ctypes.CDLL("./hints.so")
top, valid = np.zeros(len(val_tokens), np.uint16), np.zeros(len(val_tokens), np.uint8)
if args.ngram_tilt_enabled:
    library.{0}(val_tokens.ctypes.data, len(val_tokens), top.ctypes.data, valid.ctypes.data)
"""
_TWO_WAYS = _C_HELPER + _C_CAUSAL.replace("fill_hints", "fill_token_hints")
_OTHERWISE = """
else:
    library.fill_hints(val_tokens.ctypes.data, len(val_tokens), top.ctypes.data, valid.ctypes.data)
"""


def _gates(within: int, word: int) -> str:
    return f"ngram_tilt:hints total=62021632 token_gate=628130 within_gate={within} word_gate={word} agree2plus=0"


def _files(
    source: str, boost: str = "0.75", gates: str = "", helper: str = "hints.c", call: str = "fill_hints", more: str = ""
) -> Mapping[str, str | bytes]:
    load = _LOAD.replace("hints.c", helper).format(call).rstrip() + more
    logs = {seed: log(seed, 1.1, lines=[gates] if gates else ()) for seed in (42, 314, 999)}
    code = script(settings=_BOOSTS.format(boost), after_training=load)
    return folder(code, logs, extra={helper: source})


RULE = Rule(
    id=ID,
    title="The gate of an n-gram hint does not read the scored token",
    class_="score",
    authority="maintainer",
    evidence=("logs", "code"),
    criterion="Gate, boost and mask at a position are functions of the tokens before it; the logs' gate counters "
    "within_gate, word_gate and agree2plus are zero where the experts ask for the class of the scored token.",
    why="Whether the next token starts a word is information on that token: the distribution would depend on it.",
    remedy="Ask for the class of the token before, or set the boosts of the within-word and word-start experts to 0.",
    sources=(
        pull(2041, "cocohearts: the within-word and word-start gates read the current target", "2026-05-02"),
        pull(2135, "accepted with token-only gates", "2026-05-02"),
        pull(1420, "the author's acknowledgement of the same defect", "2026-04"),
        pull(1514, "merged: class of the token before, and both weights 0", "2026-04-28"),
    ),
    check=check,
    examples=(
        Example(
            "counters in the log",
            "breaks",
            folder(logs={seed: log(seed, 1.1, lines=[_gates(9866, 2891)]) for seed in (42, 314, 999)}),
            Outcome.VIOLATION,
        ),
        Example("a C helper with boosts on", "breaks", _files(_C_HELPER), Outcome.VIOLATION),
        Example(
            "a C++ helper with boosts on",
            "breaks",
            _files(_CPP, helper="hints.cpp", call="batch_hints"),
            Outcome.VIOLATION,
        ),
        Example(
            "in Python",
            "breaks",
            folder(
                script(
                    settings=_BOOSTS.format("0.5"),
                    helpers=_PYTHON,
                    after_training="hints = word_hints(val_tokens.tolist(), leading_space, {})",
                )
            ),
            Outcome.VIOLATION,
        ),
        Example(
            "the class of the token before",
            "legal",
            _files(_CPP_CAUSAL, helper="hints.cpp", call="batch_hints"),
            Outcome.NOT_APPLICABLE,
        ),
        Example("the class of the token before, in C", "legal", _files(_C_CAUSAL), Outcome.NOT_APPLICABLE),
        Example("settings that are 0, and no counters", "breaks", _files(_C_HELPER, "0.0"), Outcome.DISPUTED),
        Example(
            "zero counters beat the defaults in the code",
            "inactive",
            _files(_C_HELPER, gates=_gates(0, 0)),
            Outcome.PASS,
        ),
        Example(
            "hints switched off",
            "inactive",
            _files(_C_HELPER),
            Outcome.PASS,
            {"NGRAM_TILT_ENABLED": "0"},
        ),
        Example(
            "of two functions the one without a gate is called",
            "inactive",
            _files(_TWO_WAYS, call="fill_token_hints", more=_OTHERWISE),
            Outcome.PASS,
        ),
        Example("no hints", "legal", folder(), Outcome.NOT_APPLICABLE),
    ),
    behaviour=Behaviour(shown_by=(Kind.EXCHANGE, Kind.TARGET_FLIP), breaks=("C2", "C1")),
    not_decidable="a helper that is shipped as a binary only; the counters in the logs see those",
)
