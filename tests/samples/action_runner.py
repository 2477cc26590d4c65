"""As much of GitHub's runner as action.yml and the workflows that users copy need: their own shell, really run."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

Uses = Callable[[Mapping[str, str]], None]
_TERM = re.compile(r"'[^']*'|[\w.$-]+|==|!=|&&|\|\||[()]")


@dataclass
class Job:
    """One job: what expressions may name, where it runs, and what stands in for the actions of others."""

    workspace: Path
    temp: Path
    github: Mapping[str, Any]
    uses: Mapping[str, Uses]  # by owner/name, without the commit
    env: Mapping[str, str]
    action: Path  # what `$/golf-audit` is
    skip: str = ""  # a step whose shell holds this is not run
    ran: list[str] = field(default_factory=list)
    printed: str = ""

    def workflow(self, path: Path) -> int:
        """Runs the only job of a workflow; the exit status of the step that failed, else 0."""
        (job,) = yaml.safe_load(path.read_text("utf-8"))["jobs"].values()
        if "if" in job and not self._true(job["if"], {}, {}):
            return 0
        return self.steps(job["steps"], {})

    def steps(self, steps: list[dict[str, Any]], inputs: Mapping[str, str]) -> int:
        done: dict[str, dict[str, str]] = {}
        for step in steps:
            if "if" in step and not self._true(step["if"], inputs, done):
                continue
            given = {k: self._text(v, inputs, done) for k, v in {**step.get("with", {}), **step.get("env", {})}.items()}
            if "uses" in step:
                status = self._used(step["uses"].split("@")[0], given)
            else:
                status = self._shell(step, given, done)
            if status:
                return status
        return 0

    def _used(self, name: str, given: Mapping[str, str]) -> int:
        self.ran.append(name)
        if name != "$/golf-audit":
            self.uses[name](given)
            return 0
        action = yaml.safe_load((self.action / "action.yml").read_text("utf-8"))
        unknown = set(given) - set(action["inputs"])
        assert not unknown, unknown
        defaults = {k: self._text(v["default"], {}, {}) for k, v in action["inputs"].items()}
        return self.steps(action["runs"]["steps"], {**defaults, **given})

    def _shell(self, step: Mapping[str, Any], given: Mapping[str, str], done: dict[str, dict[str, str]]) -> int:
        assert "${{" not in step["run"]  # an expression in a script is code that others may write
        if self.skip and self.skip in step["run"]:
            return 0
        self.ran.append(str(step.get("id", step["run"].strip().splitlines()[0])))
        out = self.temp / f"output-{len(self.ran)}"
        out.write_text("")
        env = {**self.env, **given, "RUNNER_TEMP": str(self.temp), "GITHUB_OUTPUT": str(out)}
        env["GITHUB_STEP_SUMMARY"] = str(self.temp / "summary.md")
        env["GITHUB_REPOSITORY"] = self.github["repository"]
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        ended = subprocess.run(command, cwd=self.workspace, env=env, capture_output=True, text=True, check=False)
        self.printed += ended.stdout + ended.stderr
        done[step.get("id", "")] = dict(line.split("=", 1) for line in out.read_text("utf-8").splitlines())
        return ended.returncode

    def _text(self, value: object, inputs: Mapping[str, str], done: Mapping[str, Mapping[str, str]]) -> str:
        return re.sub(r"\$\{\{(.*?)\}\}", lambda m: str(self._value(m[1], inputs, done)), str(value))

    def _true(self, value: str, inputs: Mapping[str, str], done: Mapping[str, Mapping[str, str]]) -> bool:
        return bool(self._value(value, inputs, done))

    def _value(self, text: str, inputs: Mapping[str, str], done: Mapping[str, Mapping[str, str]]) -> object:
        """Comparisons, `&&` and `||` over names and texts in quotes."""
        known: dict[str, object] = {}

        def term(match: re.Match[str]) -> str:
            word = match[0]
            if word in ("==", "!=", "(", ")"):
                return f" {word} "
            if word in ("&&", "||"):
                return " and " if word == "&&" else " or "
            name = f"v{len(known)}"
            known[name] = word[1:-1] if word[0] == "'" else self._named(word, inputs, done)
            return name

        return eval(_TERM.sub(term, text).strip(), {"__builtins__": {}}, known)

    def _named(self, name: str, inputs: Mapping[str, str], done: Mapping[str, Mapping[str, str]]) -> object:
        head, *rest = name.split(".")
        if head == "inputs":
            return inputs[rest[0]]
        if head == "steps":
            assert rest[1] == "outputs"
            return done.get(rest[0], {}).get(rest[2], "")
        assert head == "github", name
        if rest == ["action_path"]:
            return str(self.action)
        found: Any = self.github
        for part in rest:
            found = found[part]
        return found


def environment(**more: str) -> dict[str, str]:
    """What a job sees of this machine: where programs are, and nothing else."""
    return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "LANG": "C.UTF-8", **more}
