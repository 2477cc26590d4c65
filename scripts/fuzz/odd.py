"""A writer of git repositories by hand: objects and refs that git itself refuses to make."""

from __future__ import annotations

import hashlib
import random
import zlib
from dataclasses import dataclass, field
from pathlib import Path

PULL = 7
FOLDER = "records/track_10min_16mb/2026-04-01_Odd"
FILE, DIRECTORY, LINK, SUBMODULE = b"100644", b"40000", b"120000", b"160000"
SIGNATURE = b"A <a@example.org> 1773000000 +0100"
SCRIPT = b"import torch\nprint('final val_bpb:1.2')\n"
ODD_NAMES = (
    b"..", b".", b"", b".git", b"a/b", b"/etc/passwd", b"\xff\xfe", b"\n", b"\x1b[2J", b"a" * 5000, b"~", b"-rf",
    "\u202egnp.py".encode(), b"submission.json", b"train_gpt.py", b"[x](http://e.org)", b"%s%n", b"{0}", b"\\",
)  # fmt: skip
ODD_MODES = (
    b"0",
    b"160000",
    b"120000",
    b"100755",
    b"040000",
    b"777777",
    b"9",
    b"",
    b"4" * 30,
    b"-1",
    b"100644x",
    b"40000",
)
ODD_VALUES = (
    b"", b" ", b"\xc3\x28", b"\xff" * 40, b"HEAD", b"refs/heads/main", b"--help", b"0" * 40, b"g" * 40, b"1" * 39,
    b"1" * 41, b"A" * 40, b"HEAD:records", "\u0661".encode() * 40, b"9" * 5000, b"-1", b"\x00", b"main", b"../../x",
)  # fmt: skip
ODD_DATES = (
    b"99999999999999999999", b"-1", b"", b"x", b"1773000000 +9999", b"1773000000 -2500", b"1773000000 +99999999999",
    b"9" * 4400 + b" +0000", b"18446744073709551615 +0000", b"1_0 +0_1", "\u0661 +0100".encode(), b"253402300800 +0000",
    b"-99999999999 -1200", b"NaN +0000",
)  # fmt: skip


@dataclass
class Odd:
    """A bare repository that is being written. `heads` are its refs, `spoilt` says in words what is odd about it."""

    path: Path
    rng: random.Random
    spoilt: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for folder in ("objects", "refs/heads", "refs/pull"):
            (self.path / folder).mkdir(parents=True)
        (self.path / "HEAD").write_bytes(b"ref: refs/heads/main\n")
        (self.path / "config").write_bytes(b"[core]\n\trepositoryformatversion = 0\n\tbare = true\n")

    def put(self, kind: bytes, data: bytes, *, name: str = "", size: int | None = None, keep: int | None = None) -> str:
        """Writes a loose object; its id. `name`, `size` and `keep` lie: another id, another size, fewer bytes kept."""
        raw = kind + b" %d\0" % (len(data) if size is None else size) + data
        oid = name or hashlib.sha1(raw, usedforsecurity=False).hexdigest()
        place = self.path / "objects" / oid[:2] / oid[2:]
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(zlib.compress(raw, 1)[:keep])
        return oid

    def blob(self, data: bytes) -> str:
        return self.put(b"blob", data)

    def tree(self, entries: list[tuple[bytes, bytes, str]], **lies: int | str | None) -> str:
        raw = b"".join(mode + b" " + name + b"\0" + bytes.fromhex(oid) for mode, name, oid in entries)
        return self.put(b"tree", raw, **lies)  # type: ignore[arg-type]

    def commit(
        self, tree: str, parents: list[str], message: bytes = b"Record\n", *, headers: bytes = b"", date: bytes = b"",
        name: str = "",
    ) -> str:  # fmt: skip
        lines = [b"tree " + tree.encode(), *(b"parent " + parent.encode() for parent in parents)]
        signature = b"A <a@example.org> " + date if date else SIGNATURE
        lines += [b"author " + signature, b"committer " + signature]
        return self.put(b"commit", b"\n".join(lines) + b"\n" + headers + b"\n" + message, name=name)

    def ref(self, name: str, value: str | bytes) -> None:
        place = self.path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes((value.encode() if isinstance(value, str) else value) + b"\n")

    def nested(self, folder: str, tree: str) -> str:
        """The root tree that holds a tree at the end of a path."""
        for part in reversed(folder.split("/")):
            tree = self.tree([(DIRECTORY, part.encode(), tree)])
        return tree


def any_id(odd: Odd) -> str:
    return f"{odd.rng.getrandbits(160):040x}"


def record_entries(odd: Odd, *more: tuple[bytes, bytes, str]) -> list[tuple[bytes, bytes, str]]:
    """The entries of a record folder; `more` go in among them."""
    files = {b"README.md": b"# Odd\n", b"submission.json": b'{"val_bpb": 1.2}\n', b"train_gpt.py": SCRIPT}
    return sorted([*((FILE, name, odd.blob(data)) for name, data in files.items()), *more], key=lambda entry: entry[1])


def finish(odd: Odd, tree: str, *, parents: list[str] | None = None, **given: bytes) -> None:
    """A main branch of one commit and a pull request of one more with this root tree."""
    base = odd.commit(odd.tree([(FILE, b"README.md", odd.blob(b"golf\n"))]), [], b"Launch\n")
    odd.ref("refs/heads/main", base)
    odd.ref(f"refs/pull/{PULL}/head", odd.commit(tree, [base] if parents is None else parents, **given))  # type: ignore[arg-type]
