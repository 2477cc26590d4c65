"""From facts to a job: which settings the script gets, and what it finds on disk."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field, replace

from auditor.config.model import Switch
from auditor.probe.arguments import arguments
from auditor.probe.job import LIBRARIES, Job, Mode, Scalar
from auditor.probe.model import Shrunk
from auditor.probe.scene import Layout
from auditor.probe.shrink import Measures, Scale, measures, shrunk, shrunk_list, surer, whole
from auditor.probe.submitted import key_of
from auditor.rule import Facts
from auditor.source.index import of_type

_DATASET = re.compile(r"(?<![\w.-])fineweb10B_\w+$")
_SIDECARS = re.compile(r"fineweb_val_bytes")


_GROUP = frozenset({"WORLD_SIZE", "RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE"})
_NO_LIMIT = re.compile(r"wallclock\w*\s*(>|<=)\s*0|if [\w.]*wallclock\w* (else|and|is)|wallclock\w* is not None")
_ELSEWHERE = ("/content", "/data", "/dev/shm", "/home", "/kaggle", "/mnt", "/root", "/tmp", "/workspace")
_STRIDE = 64  # tokens: the challenge's usual stride of sliding windows
OUTSIDE = "./outside"
"""Where absolute paths are kept: `/workspace/data` is `./outside/workspace/data`."""


@dataclass(frozen=True)
class Prefix:
    """A file of packed tokens that the submission reads and does not have, and the line that asked for it."""

    name: str
    packing: str
    path: str
    line: int


@dataclass(frozen=True)
class Plan:
    """How the submission is run. `overrides` are values that beat the shrinking: name, value, why."""

    scale: Scale = field(default_factory=Scale)
    overrides: tuple[tuple[str, str, str], ...] = ()
    data: tuple[str, ...] = ()  # further folders for shards, relative to the working directory
    stems: tuple[str, ...] = ()  # beginnings of the names of further shards
    tokenizers: tuple[str, ...] = ()
    group: bool = True  # the script finds a process group (of one) in its environment, as torchrun leaves it
    files: tuple[tuple[str, bytes], ...] = ()
    clock: float = 0.001
    vocabulary: int | None = None
    triton: bool = False
    paths: tuple[str, ...] = ()  # absolute folders that the script names, kept below the working directory instead
    writable: bool = False
    mode: Mode = "run"
    prefixes: tuple[Prefix, ...] = ()
    libraries: tuple[tuple[str, bytes], ...] = ()  # compiled helpers by the key of what was wanted
    without: tuple[tuple[str, str, int], ...] = ()  # modules that are missing, whose switch is off: name, path, line
    ways: tuple[tuple[str, bool, str], ...] = ()  # `path:line` of an `if` that is to come out so, and its test

    def with_override(self, name: str, value: str, why: str) -> Plan:
        kept = tuple(o for o in self.overrides if o[0] != name)
        return replace(self, overrides=(*kept, (name, value, why)))


@dataclass(frozen=True)
class Made:
    """A plan carried out: the job (without folders), what the scene has to hold, what was changed."""

    job: Job
    layout: Layout
    changed: tuple[Shrunk, ...]
    chosen: frozenset[str] = frozenset()  # every setting that is not as submitted, those of every run among them
    lacking: tuple[Prefix, ...] = ()
    without: tuple[tuple[str, str, int], ...] = ()  # as of `Plan`
    opened: tuple[str, ...] = ()  # switches that documented commands set to 0 and to 1: they are on


def make(facts: Facts, plan: Plan) -> Made:
    """The job and the scene for this plan. Raises ValueError where there is no entry script."""
    entry = facts.sources.entry
    if entry is None:
        raise ValueError("no entry script was found")
    found = facts.configuration.switches
    values = _values(facts, found)
    own = measures(values)
    if plan.vocabulary is not None:
        plan = replace(plan, scale=replace(plan.scale, kept=plan.scale.kept | {"VOCAB_SIZE"}))
    environment, constants, changed = _settings(facts, found, values, own, plan)
    small = next((whole(c.used) for c in changed if key_of(c.name) == "vocab_size"), None)
    vocabulary = plan.vocabulary or small or whole(values.get("VOCAB_SIZE")) or 1024
    trees = [unit.tree for unit in facts.sources.units if unit.tree is not None]
    given = arguments(trees, own, plan.scale)
    changed += [Shrunk(f"{at.partition('=')[0]}=", at.partition("=")[2], str(new)) for at, new in given.items()]
    opened = _opened(facts)
    environment.update(dict.fromkeys(opened, "1"))
    changed += [Shrunk(name, "0 or 1", "1", "documented commands set it in both ways") for name in opened]
    changed += [Shrunk(test, str(not way), str(way), "a file is made there") for _, way, test in plan.ways]
    layout = _layout(facts, plan, vocabulary)
    fixed = _fixed(layout, environment)
    environment.update(fixed)
    environment = {name: OUTSIDE + value if value.startswith("/") else value for name, value in environment.items()}
    environment["PATH"] = "/usr/bin:/bin"
    if not plan.group:
        environment = {name: value for name, value in environment.items() if name not in _GROUP}
    modules = {name: (unit.path, unit.text) for name, unit in facts.sources.modules.items() if unit is not entry}
    argv = tuple(part for name, value in environment.items() if name.startswith("--") for part in _option(name, value))
    job = Job(
        root="", entry=entry.path, text=entry.text, scene="", argv=argv,
        environment={n: v for n, v in environment.items() if not n.startswith("--")},
        constants=constants, arguments=given, branches=_branches(facts, plan), several=_several(facts), modules=modules,
        clock=plan.clock, triton=plan.triton or _needs_triton(facts), writable=plan.writable, mode=plan.mode,
        paths={path: OUTSIDE + path for path in (*_ELSEWHERE, *plan.paths)}, validation_tokens=plan.scale.stream,
    )  # fmt: skip
    return Made(
        job, layout, tuple(changed), frozenset(fixed) | {c.name for c in changed}, plan.prefixes, plan.without, opened
    )


def _values(facts: Facts, found: tuple[Switch, ...]) -> dict[str, Scalar]:
    """Every setting by upper-case name, as submitted."""
    values: dict[str, Scalar] = {}
    for switch in found:
        key = switch.name.lstrip("-").replace("-", "_").upper()
        setting = facts.configuration.settings.get(switch.name)
        value = setting.value if setting is not None and setting.value is not None else switch.default
        if values.get(key) is None:
            values[key] = value
    return values


def _settings(
    facts: Facts, found: tuple[Switch, ...], values: dict[str, Scalar], own: Measures, plan: Plan
) -> tuple[dict[str, str], dict[str, Scalar], list[Shrunk]]:
    """Environment, constants, and what is not as submitted."""
    environment = {n: str(v) for n, v in facts.configuration.environment.items() if v is not None}
    environment = {n: v for n, v in environment.items() if "$" not in v}  # what a shell would have filled in
    environment.update(_as_logged(facts, found))
    environment.update(_whole_lists(facts, found, environment))
    constants: dict[str, Scalar] = dict(facts.configuration.constants)
    changed: list[Shrunk] = []
    for switch in found:
        key = switch.name.lstrip("-").replace("-", "_").upper()
        value = values.get(key) if switch.kind != "constant" else constants.get(switch.name, switch.default)
        new: Scalar = shrunk(key, value, own, plan.scale)
        if new is None:
            new = shrunk_list(key, value, own, plan.scale)
        if new is None:
            new = surer(key, value)
        if value is not None and whole(value) == 0 and key.endswith("STRIDE") and _above_zero(facts, switch):
            new = shrunk(key, _STRIDE, own, plan.scale)
        if new == 0 and key == "MAX_WALLCLOCK_SECONDS" and not _unlimited(facts):
            new = 1
        if new is None:
            continue
        if switch.kind == "constant":
            constants[switch.name] = new
            # A script may read a field by a name that it makes of it: `environ.get(field.name.upper())`.
            environment.setdefault(key, str(new))
        else:
            environment[switch.name] = str(new)
        changed.append(Shrunk(switch.name, str(value), str(new)))
    for name, text, why in plan.overrides:
        kind = next((s.kind for s in found if s.name == name), "environment")
        if kind == "constant":
            constants[name] = whole(text) if whole(text) is not None else text
        else:
            environment[name] = text
        changed = [c for c in changed if c.name != name]
        changed.append(Shrunk(name, str(values.get(name.upper(), "")), text, why))
    return environment, constants, changed


def _above_zero(facts: Facts, switch: Switch) -> bool:
    """Whether a log shows that a branch was taken which asks for this setting to be above 0, as the code's is not."""
    setting = facts.configuration.settings.get(switch.name)
    if setting is not None and setting.source != "default":
        return False
    shown = {(proof.path, proof.line) for proof in facts.program.proofs if proof.way}
    return any(
        isinstance(node.test, ast.Compare) and isinstance(node.test.ops[0], ast.Gt)
        and getattr(node.test.left, "attr", getattr(node.test.left, "id", "")) == switch.attribute
        for unit in facts.sources.units if unit.tree is not None
        for node in of_type(unit.tree, ast.If) if (unit.path, node.lineno) in shown
    )  # fmt: skip


def _unlimited(facts: Facts) -> bool:
    """Whether the code takes 0 seconds for no limit; otherwise it would not train at all."""
    return any(_NO_LIMIT.search(unit.text) for unit in facts.sources.units)


def _several(facts: Facts) -> bool:
    ranks = whole(facts.configuration.environment.get("WORLD_SIZE"))
    return ranks is not None and ranks > 1


def _needs_triton(facts: Facts) -> bool:
    """Whether it is imported whatever happens: then the script ends without it."""
    return any(
        name.partition(".")[0] == "triton"
        for unit in (facts.sources.entry, *facts.sources.modules.values())
        if unit is not None and unit.tree is not None
        for statement in unit.tree.body
        if isinstance(statement, ast.Import | ast.ImportFrom)
        for name in (
            [a.name for a in statement.names] if isinstance(statement, ast.Import) else [statement.module or ""]
        )
    )


def _branches(facts: Facts, plan: Plan) -> dict[str, bool]:
    """Branches that the log decides: a run took them although the code's default is another; the plan's go first."""
    logged = {f"{proof.path}:{proof.line}": proof.way for proof in facts.program.proofs}
    return logged | {place: way for place, way, _ in plan.ways}


def _opened(facts: Facts) -> tuple[str, ...]:
    """Switches that one documented command turns on and another one off, while nothing says which was scored."""
    configuration = facts.configuration
    both = {
        c.name for c in configuration.conflicts
        if c.name in configuration.unsettled and {str(c.used.value), str(c.other.value)} == {"0", "1"}
    }  # fmt: skip
    return tuple(sorted(both))


def _as_logged(facts: Facts, found: tuple[Switch, ...]) -> dict[str, str]:
    """What the log prints, word for word, where the default in the code is no literal: `none` may be a word."""
    logged = {n.lower(): t for run in reversed(facts.headline) for n, t in run.hyperparameters.items()}
    words = {"True": "1", "False": "0"}
    taken: dict[str, str] = {}
    for switch in found:
        setting = facts.configuration.settings.get(switch.name)
        text = logged.get(switch.attribute.lower(), "None").strip().strip("'\"")
        listed = text[:1] + text[-1:] in ("[]", "()") and isinstance(switch.default, str)
        open_ = switch.default is None or (listed and str(switch.default)[:1] not in ("[", "("))
        if switch.kind == "environment" and open_ and setting and setting.source == "log":
            if text[:1] + text[-1:] in ("[]", "()"):  # what was made of a text with commas
                text = ",".join(part.strip(" '\"") for part in text[1:-1].split(","))
            taken.update({switch.name: words.get(text, text)} if text != "None" else {})
    return taken


def _whole_lists(facts: Facts, found: tuple[Switch, ...], environment: dict[str, str]) -> dict[str, str]:
    """Lists in the code of which a log was read as far as the first comma: `dilations=1,2,2` is no 1."""
    logged = {s.name for s in facts.configuration.settings.values() if s.source == "log"}
    lists = {s.name: s.default for s in found if isinstance(s.default, str) and "," in s.default and s.name in logged}
    return {n: text for n, text in lists.items() if environment.get(n) == text.partition(",")[0].strip()}


def _option(name: str, value: str) -> tuple[str, ...]:
    if value in ("True", "False"):
        return (name,) if value == "True" else ()
    return (name, value)


def _layout(facts: Facts, plan: Plan, vocabulary: int) -> Layout:
    """Where shards and tokenizers go: the challenge's own places, and the names that stand in the script."""
    names = {f"fineweb10B_sp{vocabulary}"}
    tokenizers = {f"fineweb_{vocabulary}_bpe.model"}
    sidecars = False
    for unit in facts.sources.units:
        if unit.tree is None:
            continue
        for node in of_type(unit.tree, ast.Constant):
            if not isinstance(node.value, str) or len(node.value) > 200:
                continue
            match = _DATASET.search(node.value.rstrip("/"))
            if match and not match[0].endswith("sp"):
                names.add(match[0])
            if node.value.endswith((".model", ".json")) and "fineweb_" in node.value:
                tokenizers.add(node.value.rpartition("/")[2])
            sidecars = sidecars or bool(_SIDECARS.search(node.value))
    data = tuple(sorted(f"data/datasets/{name}" for name in names)) + plan.data
    places = tuple(sorted(f"data/tokenizers/{name}" for name in tokenizers)) + plan.tokenizers
    libraries = tuple((f"{LIBRARIES}/{key}.so", library) for key, library in plan.libraries)
    return Layout(vocabulary, plan.scale.stream, data, places, sidecars, (*plan.files, *libraries), plan.stems,
                  tuple((p.name, p.packing) for p in plan.prefixes))  # fmt: skip


def _fixed(layout: Layout, environment: dict[str, str]) -> dict[str, str]:
    """What is the same for every submission: paths, a process group of one, nothing that leads outside."""
    fixed = {
        "DATA_PATH": f"./data/datasets/fineweb10B_sp{layout.vocabulary}",
        "DATA_DIR": "./data/",
        "TOKENIZER_PATH": f"./data/tokenizers/fineweb_{layout.vocabulary}_bpe.model",
        "WORLD_SIZE": "1", "RANK": "0", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1",
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500",
        "RUN_ID": "baseline_sp1024", "HOME": ".", "LANG": "C.UTF-8", "PYTHONHASHSEED": "0",
        "HF_HUB_OFFLINE": "1", "WANDB_MODE": "disabled", "OMP_NUM_THREADS": "1", "USER": "root",
    }  # fmt: skip
    if layout.vocabulary < 320:
        described = [path for path in layout.tokenizers if path.endswith(".json")]
        fixed["TOKENIZER_PATH"] = (described or list(layout.tokenizers))[0]
    return fixed
