"""The page of one rule in Markdown, made from the rule's own data: criterion, sources, examples as differences."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence

from auditor.report.text import count, plain
from auditor.report.view import AT_STAKE
from auditor.rule import Behaviour, Example, Rule, Source

AUTHORITY = {
    "README": "the challenge's README",
    "maintainer": "a maintainer's ruling",
    "community": "the community's reading, without a ruling",
    "disputed": "argued both ways, without a ruling",
    "measured": "a measurement over the submissions",
}
_LONGEST_DIFFERENCE, _WIDEST = 40, 160  # lines, characters
_KINDS = {"breaks": "Breaks it", "legal": "Legal", "inactive": "In the code, not active"}


def page(rule: Rule, ordinary: Mapping[str, str | bytes]) -> str:
    """One rule. `ordinary` is the submission that the examples change something of; it breaks nothing."""
    facts = {
        "Class": f"{rule.class_}: {AT_STAKE[rule.class_]}",
        "Rests on": AUTHORITY[rule.authority],
        "Since": since(rule),
        "Read off": ", ".join(rule.evidence),
        "Module": f"`{rule.check.__module__.replace('.', '/')}.py`",
    }
    lines = [f"# {rule.id}", "", f"{rule.title.rstrip('.')}.", ""]
    lines += [f"- **{name}:** {text}" for name, text in facts.items()]
    blocks = [("What is tested", rule.criterion), ("Why", rule.why), ("What to do", rule.remedy)]
    blocks += [("What it cannot see", _sentence(rule.not_decidable))] if rule.not_decidable else []
    blocks += [("What a run can show", shown(rule.behaviour))] if rule.behaviour else []
    for title, text in blocks:
        lines += ["", f"## {title}", "", text]
    lines += ["", "## Sources", "", *(f"- {source(s)}" for s in rule.sources)]
    lines += ["", "## On the command line", "", "```sh", f"golf-audit --explain {rule.id}", "```"]
    return "\n".join([*lines, *_examples(rule.examples, ordinary)]) + "\n"


def since(rule: Rule) -> str:
    """The day of its earliest source; those of the README have none."""
    days = [source.date for source in rule.sources]
    return "the beginning: it stands in the README" if not all(days) or not days else min(days)


def source(given: Source) -> str:
    """A source as a link with its date."""
    return f"[{given.said}{f', {given.date}' if given.date else ''}]({given.url})"


def shown(behaviour: Behaviour) -> str:
    """What a run of the submission says of the rule."""
    said = f"Read off {', '.join(behaviour.shown_by)}"
    if behaviour.breaks:
        conditions = " or ".join(c[1:] for c in behaviour.breaks)
        said += f"; a witness of condition {conditions} confirms it"
        said += f", and a dispute stays one: {behaviour.argued}" if behaviour.argued else ", and decides a dispute"
    if behaviour.blind:
        said += f"; where these hold nothing follows: {behaviour.blind}"
    return said + "."


def shortest(examples: Sequence[Example]) -> list[str]:
    """The shortest difference between an example that breaks the rule and a legal one; empty where none is short."""
    best: list[str] = []
    for breaking in (e for e in examples if e.kind == "breaks"):
        for legal in (e for e in examples if e.kind == "legal"):
            lines = difference(breaking.files, legal.files)
            if lines and (not best or len(lines) < len(best)):
                best = lines
    return best if len(best) <= _LONGEST_DIFFERENCE else []


def difference(before: Mapping[str, str | bytes], after: Mapping[str, str | bytes]) -> list[str]:
    """What changes between two folders, as a unified difference.

    Files that are no text are only named, and so are those in which the same changes but for the figures: three logs.
    """
    shown: dict[str, list[str]] = {}
    alike: dict[tuple[str, ...], list[str]] = {}
    for path in sorted({*before, *after}):
        old, new = before.get(path, ""), after.get(path, "")
        if old == new:
            continue
        shown[path] = _changes(path, old, new, path in before, path in after)
        alike.setdefault(tuple(re.sub(r"\d+", "0", line.replace(path, "")) for line in shown[path]), []).append(path)
    lines: list[str] = []
    for first, *others in alike.values():
        lines += shown[first] + ([f"# and so in {', '.join(others)}"] if others else [])
    return [plain(line if len(line) <= _WIDEST else line[: _WIDEST - 1] + "…") for line in lines]


def _changes(path: str, old: str | bytes, new: str | bytes, was: bool, is_: bool) -> list[str]:
    names = (path if was else "/dev/null", path if is_ else "/dev/null")
    if isinstance(old, bytes) or isinstance(new, bytes):
        return [f"--- {names[0]}", f"+++ {names[1]}", f"# {len(new):,} bytes that are no text"]
    return list(difflib.unified_diff(old.splitlines(), new.splitlines(), *names, n=2, lineterm=""))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."


def _examples(examples: Sequence[Example], ordinary: Mapping[str, str | bytes]) -> Iterable[str]:
    """The examples: the shortest way from breaking it to keeping it, then each as a change to the ordinary one."""
    if not examples:
        return
    yield from ("", "## Examples", "", f"{count(len(examples), 'small submission')}, which are the rule's tests.")
    best = shortest(examples)
    if best:
        yield from ("", "### From breaking it to keeping it", "", "```diff", *best, "```")
    for kind, title in _KINDS.items():
        of_kind = [example for example in examples if example.kind == kind]
        if of_kind:
            yield from ("", f"### {title}", "")
        for example in of_kind:
            yield from _example(example, ordinary)


def _example(example: Example, ordinary: Mapping[str, str | bytes]) -> Iterable[str]:
    """One example, folded: what it changes in a submission that keeps every rule."""
    changes = difference(ordinary, example.files)
    left = len(changes) - 2 * _LONGEST_DIFFERENCE
    if left > 0:
        changes = [*changes[:-left], f"… {count(left, 'more line')}"]
    yield from ('<details markdown="1">', f"<summary>{example.name}: <b>{example.expect}</b></summary>", "")
    if example.settings:
        yield from (f"With `{' '.join(f'--set {n}={v}' for n, v in example.settings.items())}`.", "")
    if changes:
        yield from ("```diff", *changes, "```")
    else:
        yield "The ordinary submission, unchanged."
    yield from ("", "</details>", "")
