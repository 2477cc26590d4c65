"""Small git repositories for the tests, built commit by commit."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from auditor.submission import Submission

TRACK = "records/track_10min_16mb"
DAY = 86_400
Load = Callable[..., Submission]


def record(name: str, bpb: float | None = 1.2, track: str = TRACK, script: bool = True) -> dict[str, bytes]:
    """The files of a minimal record folder, by path in the repository."""
    files = {f"{track}/{name}/README.md": f"# {name}\n".encode()}
    if bpb is not None:
        files[f"{track}/{name}/submission.json"] = b'{"val_bpb": %r}\n' % bpb
    if script:
        files[f"{track}/{name}/train_gpt.py"] = f"print({name!r})\n".encode()
    return files


class Repo:
    """A work tree whose commits are dated one day apart, so that ids and orders are reproducible."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = 1_773_000_000
        path.mkdir(parents=True)
        self.git("init", "-q", "-b", "main")
        self.commit("Launch", {"README.md": b"golf\n", "train_gpt.py": b"print(1)\n", **record("2026-03-17_Base")})

    def git(self, *arguments: str, check: bool = True) -> str:
        env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        moment = f"{self.clock} +0100"
        env |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        env |= {"GIT_AUTHOR_DATE": moment, "GIT_COMMITTER_DATE": moment}
        for who in ("AUTHOR", "COMMITTER"):
            env |= {f"GIT_{who}_NAME": "A", f"GIT_{who}_EMAIL": "a@example.org"}
        command = ["git", "-C", str(self.path), *arguments]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=check)
        return done.stdout.strip()

    def write(self, files: Mapping[str, bytes | None]) -> None:
        """Writes files; None deletes one."""
        for name, data in files.items():
            target = self.path / name
            if data is None:
                target.unlink()
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)

    def commit(self, message: str, files: Mapping[str, bytes | None] | None = None) -> str:
        self.clock += DAY
        self.write(files or {})
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.head()

    def head(self, name: str = "HEAD") -> str:
        return self.git("rev-parse", name)

    def branch(self, name: str, start: str = "main") -> None:
        self.git("checkout", "-q", "-b", name, start)

    def pull(self, number: int) -> None:
        """Makes HEAD the head of a pull request and returns to main."""
        self.git("update-ref", f"refs/pull/{number}/head", "HEAD")
        self.git("checkout", "-q", "main")

    def pull_request(self, number: int, files: Mapping[str, bytes | None], message: str = "Add a record") -> str:
        """A pull request of one commit; returns its head."""
        self.branch(f"pr{number}")
        head = self.commit(message, files)
        self.pull(number)
        return head

    def merge(self, number: int, message: str) -> str:
        self.clock += DAY
        self.git("merge", "-q", "--no-ff", "-m", message, f"refs/pull/{number}/head")
        return self.head()

    def squash(self, number: int, message: str) -> str:
        self.clock += DAY
        self.git("merge", "-q", "--squash", f"refs/pull/{number}/head")
        self.git("commit", "-q", "-m", message)
        return self.head()

    def bare(self, path: Path) -> Path:
        """A bare mirror with all refs, the pull requests' included."""
        self.git("clone", "-q", "--mirror", str(self.path), str(path))
        return path
