"""Which value each switch has: default in the code < documented run command < log's dump < `--set`.

Without a log and without a command for it, a switch has the value that a sentence of the README gives it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from auditor.claims import Claims, Command
from auditor.config.defaults import switches
from auditor.config.model import Configuration, Conflict, Scalar, Setting, Switch
from auditor.runs import Run
from auditor.source import Sources

_TRUE = frozenset({"true", "yes", "on"})
_FALSE = frozenset({"false", "no", "off", "none"})
_TYPES = {"fp32": "float32", "float": "float32", "fp16": "float16", "half": "float16", "bf16": "bfloat16"}


def configure(sources: Sources, claims: Claims, runs: Sequence[Run], settings: Mapping[str, str]) -> Configuration:
    """Resolve every switch of the program. `runs` are those that the claim stands on, the first speaks for all.

    `settings` are the what-if values of `--set`; they may name the variable, the option or the attribute
    under which the program keeps it.
    """
    resolver = _Resolver(switches(sources))
    commands = _run_commands(sources, claims)
    for command in commands[:1]:
        resolver.take_command(command)
    resolver.take_alternatives(commands[1:])
    resolver.take_blocks([c for c in claims.commands if c.script is None])
    if not runs:  # then nothing else tells what ran
        resolver.take_blocks(claims.mentioned)
    for run in reversed(runs):
        resolver.take_log(run)
    resolver.take_machine(runs, claims)
    resolver.take_settings(settings)
    return resolver.configuration()


class _Resolver:
    def __init__(self, found: tuple[Switch, ...]) -> None:
        self.found = found
        self.switches = {s.name: s for s in found}
        self.by_attribute: dict[str, Switch] = {}
        for switch in found:
            held = self.by_attribute.get(switch.attribute.lower())
            if held is None or (held.kind == "constant" and switch.kind != "constant"):
                self.by_attribute[switch.attribute.lower()] = switch
        self.settings = {s.name: Setting(s.name, s.default, "default", s.where) for s in found if s.kind != "constant"}
        self.conflicts: dict[str, Conflict] = {}
        self.open: dict[str, Conflict] = {}
        self.by_default: set[str] = set()  # switches that hold what a launcher falls back on
        self.unknown: list[str] = []

    def take_command(self, command: Command) -> None:
        for name, value in command.environment.items():
            if name in self.switches:
                if name in command.defaults:
                    self.by_default.add(name)
                self._put(Setting(name, value, "command", command.where))
        for name, value in _options(command.arguments):
            if name in self.switches:
                self._put(Setting(name, value, "command", command.where))

    def take_alternatives(self, commands: Sequence[Command]) -> None:
        """Further documented commands: a switch that they set otherwise is open until a log or `--set` says."""
        for command in commands:
            for name, value in command.environment.items():
                held = self.settings.get(name)
                other = Setting(name, value, "command", command.where)
                if held is None or held.source != "command" or name in command.defaults or not _differ(held, other):
                    continue
                if name in self.by_default:  # the caller's value is the one that ran
                    self.by_default.discard(name)
                    self.settings[name] = other
                else:
                    self.open.setdefault(name, Conflict(name, held, other))

    def take_blocks(self, blocks: Sequence[Command]) -> None:
        """Documented assignments without a command: they hold where no run command sets the switch."""
        told = {name for name, setting in self.settings.items() if setting.source == "command"}
        for block in blocks:
            new = {n: v for n, v in block.environment.items() if n not in told}
            self.take_command(replace(block, environment={n: v for n, v in new.items() if not self._told(n)}))
            self.take_alternatives([replace(block, environment=new)])

    def _told(self, name: str) -> bool:
        return name in self.settings and self.settings[name].source == "command"

    def take_log(self, run: Run) -> None:
        for name, text in run.hyperparameters.items():
            switch = self.by_attribute.get(name.lower()) or self.switches.get(name.upper()) or self.switches.get(name)
            if switch is None:
                continue
            line = run.hyperparameter_lines.get(name)
            where = f"{run.log}:{line}" if line else run.log
            value, held = like(switch.default, text), self.settings.get(switch.name)
            if isinstance(value, bool) and held is not None and held.source == "command" and _is_word(held.value):
                continue  # the program made a flag of a word such as `FP8`
            self._put(Setting(switch.name, value, "log", where))
        if run.seed is not None and "SEED" in self.switches:
            self._put(Setting("SEED", run.seed, "log", run.log))

    def take_machine(self, runs: Sequence[Run], claims: Claims) -> None:
        """The process group of the run, seen from rank 0: it prints the score."""
        ranks = next((r.world_size for r in runs if r.world_size), None)
        where = next((r.log for r in runs if r.world_size), "")
        if ranks is None:
            processes = next((c.processes for c in claims.commands if c.processes), None)
            where = next((c.where for c in claims.commands if c.processes), "the challenge's 8xH100")
            ranks = processes or 8
        for name, value in (("WORLD_SIZE", ranks), ("RANK", 0), ("LOCAL_RANK", 0), ("LOCAL_WORLD_SIZE", ranks)):
            self.settings[name] = Setting(name, value, "log" if runs else "default", where)

    def take_settings(self, settings: Mapping[str, str]) -> None:
        for name, text in settings.items():
            switch = self.switches.get(name) or self.switches.get(name.upper()) or self.switches.get(f"--{name}")
            switch = switch or self.by_attribute.get(name.lower())
            if switch is None:
                self.unknown.append(name)
                self.settings[name] = Setting(name, text, "set", "--set")
                continue
            self.settings[switch.name] = Setting(switch.name, like(switch.default, text), "set", "--set")
            self.conflicts.pop(switch.name, None)

    def _put(self, setting: Setting) -> None:
        held = self.settings.get(setting.name)
        said = held is not None and held.source != "default"
        if held is not None and said and _differ(held, setting):
            self.conflicts.setdefault(setting.name, Conflict(setting.name, setting, held))
        self.settings[setting.name] = setting

    def configuration(self) -> Configuration:
        environment: dict[str, Scalar] = {}
        constants: dict[str, Scalar] = {}
        for name, setting in self.settings.items():
            switch = self.switches.get(name)
            if setting.source == "default" and name in self.switches:
                continue
            if switch is not None and switch.kind == "constant":
                constants[name] = setting.value
            elif switch is not None and switch.kind == "option":
                environment[name] = setting.value
            else:
                environment[name] = as_environment(switch.default if switch else None, setting.value)
        unsettled = {n: c for n, c in self.open.items() if self.settings[n].source == "command"}
        for name in unsettled:
            environment.pop(name, None)
            held = self.settings[name]
            self.settings[name] = Setting(name, None, held.source, f"{held.where}, {unsettled[name].other.where}")
        self.conflicts.update(unsettled)
        ordered = dict(sorted(self.settings.items()))
        conflicts = tuple(self.conflicts[name] for name in sorted(self.conflicts))
        unknown, open_ones = tuple(self.unknown), frozenset(unsettled)
        return Configuration(ordered, conflicts, environment, constants, unknown, open_ones, self.found)


_PER_RUN = frozenset({"SEED", "RUN_ID", "RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_PORT", "--seed"})


def _differ(held: Setting, other: Setting) -> bool:
    """Whether two sources contradict each other: paths and what a shell fills in differ from machine to machine."""
    values = (str(held.value), str(other.value))
    if held.name in _PER_RUN or any(c in value for value in values for c in "/$"):
        return False
    return not same(held.value, other.value)


def _run_commands(sources: Sources, claims: Claims) -> list[Command]:
    """The documented commands that run the entry script, in order.

    Where none names it, a command whose script is not in the folder is taken to mean it: scripts are renamed
    when a folder is put together.
    """
    entry = sources.entry.path.rsplit("/", 1)[-1] if sources.entry else ""
    named = [(c.script.rsplit("/", 1)[-1], c) for c in claims.commands if c.script]
    fitting = [c for name, c in named if name == entry]
    shipped = {u.path.rsplit("/", 1)[-1] for u in sources.units} | {p.rsplit("/", 1)[-1] for p in sources.unused}
    return fitting or [c for name, c in named if name not in shipped and name.startswith("train")][:1]


def _options(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    for i, argument in enumerate(arguments):
        if not argument.startswith("--"):
            continue
        name, eq, value = argument.partition("=")
        if eq:
            yield name, value
        elif i + 1 < len(arguments) and not arguments[i + 1].startswith("--"):
            yield name, arguments[i + 1]
        else:
            yield name, "True"


def like(default: Scalar, text: str) -> Scalar:
    """The text of a dump as a value of the default's type; the text itself where it does not convert."""
    word = text.strip().strip("'\"")
    if word.lower() in _TRUE | _FALSE and (not isinstance(default, str) or default in ("0", "1")):
        return word.lower() in _TRUE
    if word.lower() in ("true", "false"):
        return word.lower() == "true"
    try:
        return int(word)
    except ValueError:
        pass
    try:
        return float(word)
    except ValueError:
        return None if word == "None" else word


def as_environment(default: Scalar, value: Scalar) -> Scalar:
    """A value as the program would find it in its environment: a string it can convert as it converts its default."""
    if isinstance(value, bool):
        if isinstance(default, str) and default.lower() in _TRUE | _FALSE:
            return str(value).lower() if default.islower() else str(value)
        return "1" if value else "0"
    return None if value is None else str(value)


def _is_word(value: Scalar) -> bool:
    """Whether a value is a word that means neither yes nor no."""
    return isinstance(value, str) and value.lower() not in _TRUE | _FALSE and value[:1].isalpha()


def same(a: Scalar, b: Scalar) -> bool:
    """Whether two sources say the same: `1` and `True`, `0.50` and `0.5` are alike."""
    return _canonical(a) == _canonical(b)


def _canonical(value: Scalar) -> str:
    text = str(value).strip().lower().removeprefix("torch.")
    text = _TYPES.get(text, text)
    if text in _TRUE | _FALSE:
        return repr(float(text in _TRUE))
    try:
        return repr(float(text))
    except ValueError:
        return text
