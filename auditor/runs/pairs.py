"""Names and values on a line, in the forms in which programs dump their configuration."""

from __future__ import annotations

import re

Pair = tuple[str, str]

_QUOTED = r"\"[^\"]{0,300}\"|'[^']{0,300}'"
_SIMPLE = rf"(?:{_QUOTED}|[\[(][\w., '\"+-]{{0,200}}[\])]|[\w./*+@%~-][\w./:*+@%~-]{{0,200}})"
_WORDS = r"hyper-?parameters?|hparams?|hps|configuration|config|cfg|conf|args?|arguments|settings?|options?|flags?"
# What stands before a name: list marks, frames of tables, shells' words, the object that holds it.
_LEAD = (
    r"[\s#>$+*\u2022\u00b7|\u2502\u2503{(-]{0,40}"
    rf"(?:(?:export|setenv|set|declare -x|env|wandb|param|{_WORDS})[:\])]?\s{{1,3}}"
    r"|\[\w{1,20}\]\s{1,3}|\$env:)?(?:--)?"
)
_SIGN = r"\s{0,40}(?:=>|->|[:=|\u2192\u2502\u2503]|\.{2,60})\s{0,40}"
_ONE = re.compile(
    rf"{_LEAD}[\"']?(?:\w{{1,20}}\.){{0,2}}(?P<name>[A-Za-z_]\w{{1,60}})[\"']?{_SIGN}(?P<value>{_SIMPLE})"
    r"\s{0,40}[,;|\u2502\u2503)}]{0,2}\s{0,3}$"
)
_COLUMNS = re.compile(r"\s{0,40}([A-Za-z_]\w{1,60})(?:\t{1,8}|\s{2,60})(\S.{0,300})$")
_MANY = re.compile(
    r"(?<![\w.\"'-])(?:--)?(?P<quote>[\"']?)(?:\w{1,20}\.){0,2}(?P<name>[A-Za-z_]\w{0,60})(?P=quote)"
    rf"\s{{0,2}}(?:=>|->|[:=])\s{{0,2}}(?P<value>{_QUOTED}"
    r"|[\[(][\w., '\"+-]{0,200}[\])]|[^\s,;|(){}\[\]\"']{1,200})"
)
_TUPLES = re.compile(rf"\([\"'](?P<name>[A-Za-z_]\w{{0,60}})[\"'],\s?(?P<value>{_QUOTED}|[^\s,()]{{1,200}})\)")
_OPTION = re.compile(
    rf"(?<!\S)--(?P<name>[A-Za-z][\w-]{{0,60}})[ =](?P<value>{_QUOTED}|[^\s\"'-]\S{{0,200}}|-\d\S{{0,40}})"
)
_SCRIPT = re.compile(r"\.py\s")
# A title that says that a configuration follows, the object that is printed, or the beginning of a command.
_TITLE = re.compile(
    rf"[\W_]{{0,40}}(?:(?:the|run|train|training|model|final|resolved|effective|parsed|full|with|using|command|cmd|env)"
    rf"\W{{1,3}}){{0,3}}(?:(?:{_WORDS})\b|(?:\w{{1,30}}\.)?\w{{0,30}}(?:config|args|params|namespace|dict|parameters)\()?"
    r"[\W_]{0,20}(?:\w{0,30}(?:config|args|params|namespace|dict|parameters)[({\[ ]{1,4})?$",
    re.IGNORECASE,
)
_LETTERS = re.compile(r"[A-Za-z]{2,}")
LEAST = 3  # pairs of a line that is a dump
# Of what happens, not of how it is configured.
PROGRESS = frozenset(
    {
        "step", "warmup_step", "loop_warmup_step", "train_loader", "val_loader", "train_loss", "val_loss", "val_bpb",
        "loss", "bpb", "train_time", "iter",
    }
)  # fmt: skip
# First values of lines that tell what happens, not how it is configured.
EVENTS = frozenset(
    {"start", "started", "done", "enabled", "disabled", "begin", "end", "finished", "complete", "applied"}
)


def pair_of(line: str) -> Pair | None:
    """The one name and value that a line holds, and nothing else: `"seed": 42,`, `export SEED=42`, `| seed | 42 |`."""
    found = _ONE.match(line)
    return (found["name"], unquoted(found["value"])) if found and found["name"].lower() not in PROGRESS else None


def columns_of(line: str) -> Pair | None:
    """`seed      42`: a name and a value that blanks part."""
    found = _COLUMNS.match(line)
    return (found[1], unquoted(found[2].strip())) if found else None


def pairs_of(line: str, least: int = LEAST) -> list[Pair]:
    """The names and values of a line that is a dump or a command, [] for any other line."""
    found = list(_MANY.finditer(line))
    if len(found) < least:
        found = list(_TUPLES.finditer(line))
    options = _options(line) if line.count(" --") >= LEAST else []
    if len(found) < least or found[0]["value"] in EVENTS or any(match["name"].lower() in PROGRESS for match in found):
        return options
    ends = [0, *(match.end() for match in found)]
    rest = [line[begin : match.start()] for begin, match in zip(ends, found, strict=False)] + [line[ends[-1] :]]
    if _TITLE.match(rest[0]) is None or sum(len(_LETTERS.findall(part)) for part in rest) > len(found):
        return options
    return [(match["name"], unquoted(match["value"])) for match in found] + options


def _options(line: str) -> list[Pair]:
    """The options of a command; those before the script are its launcher's."""
    script = _SCRIPT.search(line)
    found = _OPTION.finditer(line, script.end() - 1 if script else 0)
    return [(match["name"].replace("-", "_"), unquoted(match["value"])) for match in found]


def unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] in "\"'" and text[-1] == text[0] else text
