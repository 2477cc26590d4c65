"""Odd repositories: git's objects and refs written by hand, each spoilt in a few ways.

git itself refuses to make most of them; anyone can push or hand in the rest.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from fuzz.gitfolders import KINDS as GIT_FOLDERS
from fuzz.odd import (
    DIRECTORY,
    FILE,
    FOLDER,
    LINK,
    ODD_DATES,
    ODD_MODES,
    ODD_NAMES,
    ODD_VALUES,
    PULL,
    SCRIPT,
    SIGNATURE,
    SUBMODULE,
    Odd,
    any_id,
    finish,
    record_entries,
)  # fmt: skip


def _directories_without_files(odd: Odd) -> None:
    tree = odd.tree([])
    width, levels = odd.rng.randint(1, 4), odd.rng.randint(2, 90)
    for _ in range(levels):
        tree = odd.tree([(DIRECTORY, b"%d" % at, tree) for at in range(width)])
    where = odd.rng.choice(["inside", "beside", "records"])
    record = odd.tree(record_entries(odd, *([(DIRECTORY, b"deep", tree)] if where == "inside" else [])))
    root = [(DIRECTORY, b"records", odd.nested(FOLDER.removeprefix("records/"), record))]
    if where == "records":
        root = [(DIRECTORY, b"records", tree)]
    finish(odd, odd.tree([*([(DIRECTORY, b"deep", tree)] if where == "beside" else []), *root]))


def _one_file_in_many_places(odd: Odd) -> None:
    tree = odd.tree(record_entries(odd))
    for _ in range(odd.rng.randint(5, 60)):
        tree = odd.tree([(DIRECTORY, b"a", tree), (DIRECTORY, b"b", tree)])
    finish(odd, odd.nested(odd.rng.choice(["records/track_x", "records", FOLDER, "a"]), tree))


def _odd_names_and_modes(odd: Odd) -> None:
    blob, tree = odd.blob(SCRIPT), odd.tree([(FILE, b"inner.py", odd.blob(b"x = 1\n"))])
    more = [
        (
            odd.rng.choice([FILE, DIRECTORY, LINK, SUBMODULE, odd.rng.choice(ODD_MODES)]),
            odd.rng.choice(ODD_NAMES),
            odd.rng.choice([blob, tree, "0" * 40, "ab" * 20]),
        )
        for _ in range(odd.rng.randint(1, 12))
    ]
    record = odd.tree(record_entries(odd, *more))
    if odd.rng.random() < 0.3:
        name = odd.rng.choice(ODD_NAMES)
        finish(
            odd,
            odd.tree(
                [
                    (
                        DIRECTORY,
                        b"records",
                        odd.tree([(DIRECTORY, b"track_" + name, odd.tree([(DIRECTORY, name, record)]))]),
                    )
                ]
            ),
        )
    else:
        finish(odd, odd.nested(FOLDER, record))


def _odd_header(odd: Odd) -> None:
    tree = odd.nested(FOLDER, odd.tree(record_entries(odd)))
    value = odd.rng.choice(ODD_VALUES)
    lines = [
        odd.rng.choice([b"tree ", b"parent ", b"author ", b"committer ", b"encoding ", b"gpgsig ", b"mergetag ", b""])
        + value
        for _ in range(odd.rng.randint(1, 4))
    ]
    if odd.rng.random() < 0.5:
        raw = b"tree " + tree.encode() + b"\n" + b"\n".join(lines) + b"\n\nRecord\n"
    else:
        raw = (
            b"\n".join(lines)
            + b"\n"
            + odd.rng.choice([b"", b"tree " + tree.encode() + b"\n"])
            + odd.rng.choice([b"", b"\nmessage"])
        )
    base = odd.commit(odd.tree([]), [], b"Launch\n")
    spoilt = odd.put(b"commit", raw)
    odd.ref("refs/heads/main", odd.rng.choice([base, base, spoilt]))
    odd.ref(f"refs/pull/{PULL}/head", odd.rng.choice([spoilt, odd.commit(tree, [spoilt, base])]))


def _odd_date_or_message(odd: Odd) -> None:
    message = odd.rng.choice(
        [
            b"\xff\xfe\x00\x01",
            b"",
            b"\n" * 500,
            b"(#7)",
            b"Merge pull request #7 from x\n",
            b"\x01\x02 \x00 x",
            b"x" * 100_000,
        ]
    )
    tree = odd.nested(FOLDER, odd.tree(record_entries(odd)))
    date = odd.rng.choice(ODD_DATES)
    base = odd.commit(odd.tree([]), [], odd.rng.choice([b"Launch\n", message]), date=odd.rng.choice([b"", date]))
    head = odd.commit(tree, [base], message, date=date)
    odd.ref("refs/heads/main", odd.rng.choice([base, base, head, odd.commit(tree, [base, head], message, date=date)]))
    odd.ref(f"refs/pull/{PULL}/head", head)


def _objects_that_lie(odd: Odd) -> None:
    """About their size, their kind or their id; or that are cut off, or not there."""
    rng = odd.rng
    how = rng.choice(["size", "kind", "cut", "junk", "missing", "id"])
    victim = rng.choice(["blob", "tree", "root", "commit"])
    size = rng.choice([0, 1, 10**6, 2**31, 2**62, 2**63, 2**64, 10**30])

    def spoil(kind: bytes, data: bytes) -> str:
        if how == "size":
            return odd.put(kind, data, size=size)
        if how == "kind":
            return odd.put(rng.choice([b"blob", b"tree", b"commit", b"tag", b"x" * 40, b""]), data)
        if how == "cut":
            return odd.put(kind, data, keep=rng.randint(0, 12))
        if how == "id":
            return odd.put(kind, data, name=any_id(odd))
        oid = odd.put(kind, data)
        place = odd.path / "objects" / oid[:2] / oid[2:]
        if how == "missing":
            place.unlink()
        else:
            place.write_bytes(rng.randbytes(rng.randint(0, 200)))
        return oid

    files = [(FILE, b"submission.json", odd.blob(b'{"val_bpb": 1.2}\n'))]
    script = spoil(b"blob", SCRIPT) if victim == "blob" else odd.blob(SCRIPT)
    raw = b"".join(m + b" " + n + b"\0" + bytes.fromhex(o) for m, n, o in [*files, (FILE, b"train_gpt.py", script)])
    record = spoil(b"tree", raw) if victim == "tree" else odd.put(b"tree", raw)
    root = odd.nested(FOLDER, record)
    if victim == "root":
        root = spoil(b"tree", DIRECTORY + b" records\0" + bytes.fromhex(root))
    finish(odd, root)
    if victim == "commit":
        head = b"tree " + root.encode() + b"\nauthor " + SIGNATURE + b"\ncommitter " + SIGNATURE + b"\n\nRecord\n"
        odd.ref(f"refs/pull/{PULL}/head", spoil(b"commit", head))


def _circles(odd: Odd) -> None:
    """A tree that holds itself, commits that are their own ancestors: objects under an id that is not theirs."""
    own = any_id(odd)
    record = odd.tree(
        record_entries(odd, *((DIRECTORY, b"d%d" % at, own) for at in range(odd.rng.randint(1, 3)))), name=own
    )
    root = odd.nested(odd.rng.choice([FOLDER, "records", "x"]), record)
    first, second = any_id(odd), any_id(odd)
    if odd.rng.random() < 0.5:
        finish(odd, root)
        return
    odd.commit(root, [second], b"one (#7)\n", name=first)
    odd.commit(odd.tree([]), [first, second], b"two\n", name=second)
    odd.ref("refs/heads/main", odd.rng.choice([first, second]))
    head = odd.commit(root, [odd.rng.choice([first, second])])
    odd.ref(f"refs/pull/{PULL}/head", odd.rng.choice([head, first, second]))


def _odd_refs(odd: Odd) -> None:
    finish(odd, odd.nested(FOLDER, odd.tree(record_entries(odd))))
    rng, value = odd.rng, odd.rng.choice(ODD_VALUES)
    head = (odd.path / f"refs/pull/{PULL}/head").read_bytes().strip()
    for _ in range(rng.randint(1, 3)):
        what = rng.randrange(7)
        if what == 0:
            odd.ref(rng.choice(["refs/heads/main", f"refs/pull/{PULL}/head", "HEAD"]), value)
        elif what == 1:
            odd.ref("refs/heads/main", b"ref: refs/heads/" + rng.choice([b"main", b"other", value.replace(b"\0", b"")]))
            odd.ref("refs/heads/other", b"ref: refs/heads/main")
        elif what == 2:
            lines = [
                rng.choice([head, value]) + b" refs/pull/%d/head" % rng.choice([7, 10**8, 10**12]) for _ in range(20)
            ]
            (odd.path / "packed-refs").write_bytes(
                b"# pack-refs with: peeled\n" + b"\n".join(lines) + b"\n^" + value + b"\n"
            )
        elif what == 3:
            odd.ref(
                "refs/heads/main",
                odd.rng.choice(
                    [odd.blob(b"x"), odd.tree([]), odd.put(b"tag", b"object " + head + b"\ntype commit\ntag x\n\n")]
                ),
            )
        elif what == 4:
            (odd.path / "shallow").write_bytes(rng.choice([value, head, rng.randbytes(500)]) + b"\n")
        elif what == 5:
            odd.ref(
                "config",
                rng.choice(
                    [
                        b"[core",
                        b"[extensions]\n\tpartialClone = x",
                        b"[core]\n\tbare = maybe",
                        b"\0\0",
                        b"[core]\n\trepositoryformatversion = 99",
                        b"[core]\n\tfsmonitor = touch hacked\n\tbare = true\n[alias]\n\tlog = !touch hacked",
                    ]
                ),
            )
        else:
            (odd.path / "objects" / "info").mkdir(exist_ok=True)
            (odd.path / "objects/info/alternates").write_bytes(
                rng.choice([b"../objects\n", b"/nowhere\n", b"/\n", value + b"\n"])
            )


def _many_folders(odd: Odd) -> None:
    """Many record folders, many parents, long chains."""
    count = odd.rng.choice([3, 50, 400])
    record = odd.tree(record_entries(odd))
    entries = sorted((DIRECTORY, b"2026-04-%02d_%d" % (at % 32, at), record) for at in range(count))
    root = odd.nested("records/track_10min_16mb", odd.tree(entries))
    base = odd.commit(odd.tree([]), [], b"Launch\n")
    odd.ref("refs/heads/main", base)
    chain = base
    side = []
    for at in range(odd.rng.choice([1, 5, 80])):
        chain = odd.commit(root, [chain], b"step %d\n" % at)
        side.append(odd.commit(odd.tree([]), [base], b"side %d\n" % at))
    odd.ref(f"refs/pull/{PULL}/head", odd.commit(root, [chain, *side, *side]))


KINDS: tuple[Callable[[Odd], None], ...] = (
    _directories_without_files, _one_file_in_many_places, _odd_names_and_modes, _odd_header, _odd_date_or_message,
    _objects_that_lie, _circles, _odd_refs, _many_folders,
    *GIT_FOLDERS,
)  # fmt: skip


def make(place: Path, seed: int) -> str:
    """Writes the repository of this seed at `place`; the name of what is odd about it."""
    kind = KINDS[seed % len(KINDS)]
    odd = Odd(place, random.Random(seed))
    kind(odd)
    return kind.__name__.lstrip("_").replace("_", " ")
