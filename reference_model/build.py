"""The single-file `train_gpt.py`: the modules that training needs, joined into one text.

The challenge counts the code of a submission as bytes of its artifact, and reviewers read it: so the file has the
package's own functions under the package's own names, one module after the other, without docstrings and comments.
"""

from __future__ import annotations

import base64
import lzma
from pathlib import Path

from reference_model.joining import BuildError, Part, join, read

__all__ = ["ENTRY", "MOST_BYTES", "BuildError", "single_file"]

ENTRY = "train"
PACKAGE = "reference_model"
MOST_BYTES = 60_000  # of the readable form; the packed one has less than half of that
# Raw LZMA2 under base85 in a loader of one line: the packed form that accepted records have.
_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME}]


def single_file(pack: bool = False, *, folder: Path | None = None, entry: str = ENTRY) -> str:
    """The script, readable or (`pack`) as a self-extracting line. Deterministic: the same package, the same bytes.

    Raises BuildError where the package cannot be joined or the readable form exceeds MOST_BYTES.
    """
    sources = _sources(folder if folder is not None else Path(__file__).parent)
    text = join(_ordered(sources, entry), entry)
    compile(text, "train_gpt.py", "exec")
    if PACKAGE in text:
        line = next(line for line in text.splitlines() if PACKAGE in line)
        raise BuildError(f"the file would still name the package: {line.strip()}")
    size = len(text.encode())
    if size > MOST_BYTES:
        raise BuildError(f"the file has {size:,} bytes, {size - MOST_BYTES:,} more than the {MOST_BYTES:,} it may have")
    return packed(text) if pack else text


def packed(text: str) -> str:
    """A script that decompresses and runs `text` as itself, with the same names and the same `__file__`."""
    payload = base64.b85encode(lzma.compress(text.encode(), format=lzma.FORMAT_RAW, filters=_FILTERS)).decode()
    return (
        "import base64,lzma\n"
        f'exec(compile(lzma.decompress(base64.b85decode("{payload}"),lzma.FORMAT_RAW,'
        'filters=[{"id":lzma.FILTER_LZMA2}]),__file__,"exec"))\n'
    )


def _sources(folder: Path) -> dict[str, str]:
    return {path.stem: path.read_text("utf-8") for path in sorted(folder.glob("*.py")) if path.stem != "__init__"}


def _ordered(sources: dict[str, str], entry: str) -> list[Part]:
    """The modules that `entry` needs, each after those that it takes names from."""
    modules = frozenset(sources)
    done: dict[str, Part] = {}
    under_way: list[str] = []

    def add(name: str) -> None:
        if name in done:
            return
        if name in under_way:
            raise BuildError(f"modules import each other: {' -> '.join([*under_way, name])}")
        if name not in sources:
            raise BuildError(f"there is no module {name!r}")
        under_way.append(name)
        part = read(name, sources[name], PACKAGE, modules)
        for needed in part.needs:
            add(needed)
        under_way.pop()
        done[name] = part
        for used in part.uses:
            if used not in under_way:
                add(used)

    add(entry)
    return list(done.values())
