"""Odd git folders and work trees: packs and graphs that lie, refs by the thousand, links, modules in circles."""

from __future__ import annotations

import os
import shutil
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

from fuzz.odd import (
    DIRECTORY,
    FILE,
    FOLDER,
    LINK,
    ODD_VALUES,
    PULL,
    SCRIPT,
    SUBMODULE,
    Odd,
    any_id,
    finish,
    record_entries,
)

_NEW = b"[core]\n\trepositoryformatversion = 1\n"
_BARE = b"[core]\n\tbare = true\n"
_HOSTILE_CONFIG = (
    _BARE + b"\tfsmonitor = touch hacked\n\thooksPath = .\n\tsshCommand = touch hacked\n",
    b"[include]\n\tpath = config\n",
    b'[includeIf "gitdir:/**"]\n\tpath = config\n' + _BARE,
    _BARE + b"\tworktree = /\n",
    _NEW + b"[extensions]\n\tobjectFormat = sha256\n",
    _NEW + b"[extensions]\n\trefStorage = reftable\n",
    _NEW + b"[extensions]\n\tx = y\n",
    _NEW + b'[extensions]\n\tpartialClone = origin\n[remote "origin"]\n\turl = ext::touch hacked\n\tpromisor = true\n',
    _BARE + b"\tbigFileThreshold = 0\n[gc]\n\tauto = 1\n[pack]\n\twindowMemory = 9999999g\n",
    _BARE + b"[log]\n\tshowSignature = true\n[gpg]\n\tprogram = touch hacked\n[diff]\n\texternal = touch hacked\n",
    _BARE + b"\tquotePath = x\n",
    b"[core]\n\tbare =\n",
    b"\xff\xfe",
    b'[a "' + b"b" * 100_000 + b'"]\n',
)
_ODD_HEADERS = (
    b"", b"blob", b"blob ", b"blob -1", b"blob 0x10", b"blob 1e3", b"blob " + b"9" * 5000, b" 5", b"\xff 5", b"tree 007",  # noqa: E501
    b"commit 18446744073709551617", b"blob 5\n",
)  # fmt: skip


def _git(odd: Odd, *arguments: str) -> None:
    """git on what has been written so far; it may fail."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    env |= {"GIT_DIR": str(odd.path), "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", *arguments], env=env, capture_output=True, timeout=60, check=False)


def _packed(odd: Odd) -> None:
    """A sound repository whose objects are in one pack."""
    chain = odd.tree(record_entries(odd, (FILE, b"train.log", odd.blob(b"val_bpb:1.2\n" * 400))))
    for at in range(3):  # similar files become deltas
        entry = (FILE, b"train_seed%d.log" % at, odd.blob(b"val_bpb:1.2\n" * 400 + b"%d\n" % at))
        chain = odd.tree(record_entries(odd, entry))
    finish(odd, odd.nested(FOLDER, chain))
    _git(odd, "repack", "-a", "-d", "-q")


def _spoil(odd: Odd, place: Path) -> None:
    """Some bytes of a file become others; or it is cut, doubled, emptied."""
    rng = odd.rng
    place.chmod(0o644)
    data = bytearray(place.read_bytes())
    how = rng.randrange(6)
    if how < 3 and data:
        for _ in range(rng.choice([1, 3, 30])):
            data[rng.randrange(len(data))] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])
    elif how == 3:
        del data[rng.randrange(len(data) + 1) :]
    elif how == 4:
        data += bytes(data)
    else:
        data = bytearray(rng.randbytes(rng.choice([0, 8, 2000])))
    place.write_bytes(data)


def _spoilt_packs(odd: Odd) -> None:
    _packed(odd)
    packs = sorted((odd.path / "objects" / "pack").glob("pack-*"))
    for place in odd.rng.sample(packs, min(len(packs), odd.rng.choice([1, 1, 2]))):
        if odd.rng.random() < 0.2:
            place.unlink()
        else:
            _spoil(odd, place)


def _pack_header_that_lies(odd: Odd) -> None:
    """The first object of the pack says that it is another size or another type."""
    _packed(odd)
    for place in (odd.path / "objects" / "pack").glob("*.pack"):
        place.chmod(0o644)
        data = bytearray(place.read_bytes())
        kind = odd.rng.choice([0, 1, 2, 3, 5, 6, 7])
        size = [0x80 | kind << 4 | 0xF, *[0xFF] * odd.rng.choice([1, 4, 8, 20]), odd.rng.choice([0x7F, 1])]
        data[12 : 12 + odd.rng.choice([2, len(size)])] = bytes(size)
        if odd.rng.random() < 0.3:
            data[8:12] = odd.rng.choice([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff"])
        place.write_bytes(data)


def _graphs_that_lie(odd: Odd) -> None:
    """A commit graph, a multi-pack index and a bitmap beside the objects, spoilt."""
    _packed(odd)
    _git(odd, "commit-graph", "write", "--reachable")
    _git(odd, "multi-pack-index", "write", "--bitmap")
    info = odd.path / "objects" / "info"
    info.mkdir(exist_ok=True)
    found = [
        p for p in (info / "commit-graph", *(odd.path / "objects" / "pack").glob("multi-pack-index*")) if p.exists()
    ]
    for place in found:
        if odd.rng.random() < 0.7:
            _spoil(odd, place)
    if odd.rng.random() < 0.3:
        (info / "commit-graphs").mkdir(exist_ok=True)
        (info / "commit-graphs" / "commit-graph-chain").write_bytes(odd.rng.choice(ODD_VALUES) + b"\n")


def _hostile_config(odd: Odd) -> None:
    finish(odd, odd.nested(FOLDER, odd.tree(record_entries(odd))))
    (odd.path / "config").write_bytes(odd.rng.choice(_HOSTILE_CONFIG))
    hooks = odd.path / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("post-checkout", "reference-transaction", "fsmonitor-watchman"):
        (hooks / name).write_text("#!/bin/sh\ntouch hacked\n")
        (hooks / name).chmod(0o755)
    (odd.path / "info").mkdir(exist_ok=True)
    (odd.path / "info" / "attributes").write_text("* filter=x diff=x working-tree-encoding=utf-16\n")


def _not_what_a_git_folder_holds(odd: Odd) -> None:
    """Links, pipes, folders and nothing where git keeps its files."""
    finish(odd, odd.nested(FOLDER, odd.tree(record_entries(odd))))
    names = [
        "HEAD",
        "config",
        "packed-refs",
        "shallow",
        "objects",
        "refs",
        f"refs/pull/{PULL}/head",
        "objects/info",
        "objects/info/alternates",
        "objects/info/commit-graph",
        "objects/pack/pack-1.pack",
        "index",
    ]
    for name in odd.rng.sample(names, odd.rng.choice([1, 1, 2])):
        place = odd.path / name
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        what = odd.rng.randrange(6)
        if what == 0:
            place.mkdir()
        elif what == 5:
            os.mkfifo(place)
        elif what == 1:
            place.symlink_to(odd.rng.choice([place.name, "/dev/null", "/", "/nowhere", "/proc/self/mem"]))
        elif what == 2:
            place.write_bytes(odd.rng.randbytes(3000))
        elif what == 3:
            place.write_bytes(odd.rng.choice(ODD_VALUES))
            place.chmod(0)


def _refs_by_the_thousand(odd: Odd) -> None:
    finish(odd, odd.nested(FOLDER, odd.tree(record_entries(odd))))
    head = (odd.path / f"refs/pull/{PULL}/head").read_text().strip()
    count = odd.rng.choice([2000, 30_000])
    names = [f"refs/pull/{at}/head" for at in range(1, count)] + [
        f"refs/heads/{'x/' * (at % 50)}{at}" for at in range(count)
    ]
    if odd.rng.random() < 0.5:
        names += [f"refs/remotes/r{at}/pull/{PULL}/head" for at in range(500)] + ["refs/heads/" + "y" * 5000]
    if odd.rng.random() < 0.5:
        names.sort()
    values = [head, head, any_id(odd)]
    lines = "".join(f"{odd.rng.choice(values)} {name}\n" for name in names)
    (odd.path / "packed-refs").write_text("# pack-refs with: peeled fully-peeled sorted \n" + lines)


def _wide(odd: Odd) -> None:
    """Directories of many names, commits of many parents, long headers."""
    rng = odd.rng
    one = odd.blob(b"x")
    entries = [(FILE, b"f%06d" % at, one) for at in range(rng.choice([10, 6000, 40_000]))]
    big = odd.tree(entries)
    record = odd.tree(record_entries(odd, *([(DIRECTORY, b"many", big)] if rng.random() < 0.5 else entries)))
    parents = [odd.commit(odd.tree([]), [], b"side %d\n" % at) for at in range(rng.choice([1, 40]))]
    head = parents * rng.choice([1, 500])
    base = odd.commit(odd.tree([(FILE, b"README.md", odd.blob(b"golf\n"))]), parents, b"Launch\n")
    odd.ref("refs/heads/main", base)
    more = b"mergetag object " + b"x" * rng.choice([10, 3_000_000]) + b"\n"
    odd.ref(f"refs/pull/{PULL}/head", odd.commit(odd.nested(FOLDER, record), [base, *head], headers=more))


def _modules_in_circles(odd: Odd) -> None:
    """Submodules that are the repository itself, or each other; and their settings."""
    finish(odd, odd.nested(FOLDER, odd.tree(record_entries(odd))))
    head = (odd.path / f"refs/pull/{PULL}/head").read_text().strip()
    text = "".join(f'[submodule "m{at}"]\n\tpath = m{at}\n\turl = ./\n\tupdate = !touch hacked\n' for at in range(9))
    modules = (FILE, b".gitmodules", odd.blob(text.encode()))
    own = any_id(odd)
    tree = odd.tree(
        record_entries(odd, modules, *((SUBMODULE, b"m%d" % at, odd.rng.choice([head, own])) for at in range(9)))
    )
    root = odd.nested(FOLDER, tree)
    if odd.rng.random() < 0.5:
        root = odd.tree(
            [modules, (SUBMODULE, b"m0", head), (DIRECTORY, b"records", odd.nested(FOLDER.partition("/")[2], tree))]
        )
    odd.commit(root, [head], b"own\n", name=own)
    odd.ref(f"refs/pull/{PULL}/head", odd.commit(root, [head, own]))
    for at in range(3):
        place = odd.path / "modules" / f"m{at}"
        place.mkdir(parents=True)
        (place / "HEAD").write_text("ref: refs/heads/main\n")
        (place / "commondir").write_text("../../\n")


def _work_tree(odd: Odd) -> None:
    """A checkout whose files, index and `.git` are not what they should be."""
    rng = odd.rng
    tree = odd.nested(FOLDER, odd.tree(record_entries(odd)))
    finish(odd, tree)
    top = odd.path.with_name(odd.path.name + "-work")
    record = top / FOLDER
    record.mkdir(parents=True)
    (record / "train_gpt.py").write_bytes(SCRIPT)
    (record / "submission.json").write_bytes(b'{"val_bpb": 1.2}\n')
    (odd.path / "config").write_bytes(b"[core]\n\trepositoryformatversion = 0\n\tbare = false\n")
    odd.ref("HEAD", (odd.path / f"refs/pull/{PULL}/head").read_bytes().strip())
    what = rng.randrange(8)
    if what == 0:
        (top / ".git").write_text(f"gitdir: {odd.path}\n")
    elif what == 1:
        (top / ".git").write_bytes(
            b"gitdir: " + rng.choice([b".git", b".", b"/", b"/nowhere", b"\0", b"\xff", b"../" * 900]) + b"\n"
        )
    elif what == 2:
        (top / ".git").symlink_to(rng.choice([".git", "/dev/null", str(odd.path)]))
    else:
        shutil.copytree(odd.path, top / ".git", symlinks=True)
    if what == 3:
        (top / ".git" / "index").write_bytes(b"DIRC\0\0\0\2\xff\xff\xff\xff" + rng.randbytes(500))
    elif what == 4:
        shutil.rmtree(record)
        record.symlink_to(rng.choice(["/", ".", record.name, "/dev"]))
    elif what == 5:
        shutil.rmtree(record.parent)
        record.parent.write_text("a file")
    elif what == 6:
        for name in (b"\xff.py", b"a\nb.log", b"\x1b[2J.md", b"-rf", b"a" * 250):
            (record / os.fsdecode(name)).write_bytes(b"x")
        (record / ".git").mkdir()
    elif what == 7:
        (record / "sub").mkdir()
        (record / "sub" / ".git").write_text("gitdir: ../../../../.git\n")
        (top / ".git" / "info").mkdir(exist_ok=True)
        (top / ".git" / "info" / "sparse-checkout").write_bytes(rng.choice(ODD_VALUES))


def _lies_in_loose_headers(odd: Odd) -> None:
    """Loose objects whose header is no header, or that go on after their end."""
    rng = odd.rng
    finish(odd, odd.nested(FOLDER, odd.tree(record_entries(odd))))
    places = sorted(p for p in (odd.path / "objects").glob("??/*") if p.is_file())
    for place in rng.sample(places, rng.choice([1, 2])):
        raw = zlib.decompress(place.read_bytes())
        kind, _, data = raw.partition(b"\0")
        headers = [*_ODD_HEADERS, kind + b" ", kind.replace(b" ", b"  "), kind.upper()]
        packed = zlib.compress(rng.choice(headers) + b"\0" + data, rng.choice([0, 1, 9]))
        longer = zlib.compress(raw + b"more")
        place.write_bytes(rng.choice([packed, packed + packed, packed + b"junk", longer, packed[:-4]]))


def _links_as_files(odd: Odd) -> None:
    """Symbolic links and executables in the tree whose targets are odd."""
    rng = odd.rng
    targets = [
        b"/etc/passwd",
        b"../" * 400,
        b"",
        b"\0",
        b"\xff",
        b"train_gpt.py",
        b"x" * 5000,
        b"x\x1b[2J",
        b"[a](http://e.org)",
    ]
    names = [b"README.md", b"submission.json", b"train_gpt.py", b"train_seed42.log", b"lib", b"records"]
    links = [(LINK, name, odd.blob(rng.choice(targets))) for name in rng.sample(names, 3)]
    taken = {name for _, name, _ in links}
    rest = [entry for entry in record_entries(odd) if entry[1] not in taken]
    finish(odd, odd.nested(FOLDER, odd.tree(sorted([*rest, *links], key=lambda entry: entry[1]))))


KINDS: tuple[Callable[[Odd], None], ...] = (
    _spoilt_packs, _pack_header_that_lies, _graphs_that_lie, _hostile_config, _not_what_a_git_folder_holds,
    _refs_by_the_thousand, _wide, _modules_in_circles, _work_tree, _lies_in_loose_headers, _links_as_files,
)  # fmt: skip
