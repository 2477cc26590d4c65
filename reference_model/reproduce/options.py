"""The command line of golf-reproduce."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

SCALES = ("record", "small")
SEEDS = (42, 314, 999)

_DESCRIPTION = """\
Reproduce the 1.0924 record of OpenAI's Parameter Golf with the reference model:
check the machine, build the single-file train_gpt.py, run it for each seed, and
hand back an audited submission folder."""

_EPILOG = """\
examples:
  golf-reproduce --scale small
      every part at a small size, on the CPU, on text that ships with Python
  golf-reproduce data --data DATA
      download the shards and the tokenizer
  golf-reproduce --seeds 42 314 999 --data DATA --out rerun
      the record, on 8xH100
  golf-reproduce --seeds 42 314 999 --data DATA --out rerun --resume
      go on after a crash; finished seeds are not run again
  golf-reproduce --scale small --seeds 42 --set MATRIX_BITS=5 --out int5 \\
                 --from-checkpoint reproduction/work/seed42/final_model.pt
      quantize the weights of an earlier run once more, and score them
  golf-reproduce --scale small --set RECUR_LAYERS= --out no-recurrence
      what does one part do to the score? (docs/record.md)

exit status:
  0  the folder is complete and passes its audit
  1  a seed failed, a cap is exceeded, or the audit found a violation
  2  wrong usage, or the machine lacks something
  3  could not be judged      4  internal error      130  interrupted"""


class UsageError(Exception):
    """Wrong usage; the message is for the user."""


@dataclass(frozen=True, slots=True)
class Options:
    """A command line that has been understood."""

    command: str = "run"
    seeds: tuple[int, ...] = SEEDS
    nproc: int | None = None
    data: Path = Path("data")
    out: Path = Path("reproduction")
    scale: str = "record"
    resume: bool = False
    pack: bool = True
    shards: int | None = None  # training shards; 0: all, None: the scale's own number
    strict: bool = False
    weights: Path | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    author: str = "golf-reproduce"
    github_id: str = "golf-reproduce"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> object:  # type: ignore[override]
        raise UsageError(message)


def parser() -> argparse.ArgumentParser:
    p = _Parser(
        prog="golf-reproduce",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    p.add_argument("--version", action="version", version=f"golf-reproduce {_version()}")
    p.add_argument("command", nargs="?", choices=("data",), help="data: download shards and tokenizer, run nothing")
    p.add_argument("--seeds", type=int, nargs="+", metavar="N", help="default: 42 314 999")
    p.add_argument("--scale", choices=SCALES, default="record", help="default: record, which wants 8xH100")
    p.add_argument("--data", default="data", metavar="DIR", help="shards and tokenizer (default: data)")
    p.add_argument("--out", default="reproduction", metavar="DIR", help="default: reproduction")
    p.add_argument("--resume", action="store_true", help="go on with the run in --out")
    p.add_argument("--from-checkpoint", metavar="FILE", help="a seed's work/seedN/final_model.pt: train nothing, go on "
                   "from its weights (one seed; settings of quantization and evaluation may differ)")  # fmt: skip
    p.add_argument("--strict", action="store_true", help="as many steps as the record, at its pace, in whatever time")
    p.add_argument("--shards", metavar="N", help="training shards: a number or 'all' (default: 26, as the record)")
    p.add_argument("--nproc", type=int, metavar="N", help="processes, one for each GPU (default: 8; small: 1)")
    p.add_argument("--pack", action=argparse.BooleanOptionalAction, default=True,
                   help="whether train_gpt.py, whose bytes count, is the self-extracting form (default: it is; the "
                   "readable one is in the folder work)")  # fmt: skip
    p.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="change a setting of the run (repeatable); the folder then is no record attempt",
    )
    p.add_argument("--author", default="golf-reproduce", metavar="NAME", help="for submission.json")
    p.add_argument("--github-id", default="golf-reproduce", metavar="ID", help="for submission.json")
    return p


def _version() -> str:
    try:
        return version("golf-audit")
    except PackageNotFoundError:  # run from a tree that is not installed
        return "not installed"


def read(argv: Sequence[str]) -> Options:
    """Raises UsageError; exits (SystemExit 0) for --help."""
    given = parser().parse_args(argv)
    if given.command == "data":
        _only_data(given)
    seeds = tuple(dict.fromkeys(given.seeds or SEEDS))
    if any(not 0 <= seed < 2**32 for seed in seeds):
        raise UsageError("--seeds wants whole numbers from 0 to 4294967295")
    if given.nproc is not None and given.nproc not in (1, 2, 4, 8):
        raise UsageError("--nproc wants 1, 2, 4 or 8: a step's batch is cut into 8 pieces")
    if given.from_checkpoint and len(seeds) != 1:
        raise UsageError("--from-checkpoint holds one seed's weights: name it with --seeds")
    if given.strict and given.scale != "record":
        raise UsageError("--strict keeps the record's pace: it goes with --scale record")
    return Options(
        command=given.command or "run",
        seeds=seeds,
        nproc=given.nproc,
        data=_path("--data", given.data),
        out=_path("--out", given.out),
        scale=given.scale,
        resume=given.resume,
        pack=given.pack,
        shards=_shards(given.shards),
        strict=given.strict,
        weights=_file("--from-checkpoint", given.from_checkpoint) if given.from_checkpoint else None,
        settings=_settings(given.set),
        author=given.author,
        github_id=given.github_id,
    )


def _only_data(given: argparse.Namespace) -> None:
    """Raises UsageError for an option that a download has no use for: whoever gives it expects something else."""
    usual = vars(parser().parse_args(["data"]))
    other = [name for name, value in vars(given).items() if value != usual[name] and name not in ("data", "shards")]
    if other:
        options = ", ".join("--" + name.replace("_", "-") for name in other)
        raise UsageError(f"data downloads and runs nothing: it goes with --data and --shards, not with {options}")


def _path(option: str, text: str) -> Path:
    path = _expanded(option, text, "the path of a folder")
    if path.exists() and not path.is_dir():
        raise UsageError(f"{option} wants a folder, and {text} is none")
    return path


def _file(option: str, text: str) -> Path:
    path = _expanded(option, text, "the path of a file")
    if not path.is_file():
        raise UsageError(f"{option} {text}: no such file")
    return path


def _expanded(option: str, text: str, wanted: str) -> Path:
    """A shell leaves the ~ in `--out=~/rerun` as it is."""
    if not text or "\0" in text:
        raise UsageError(f"{option} wants {wanted}")
    try:
        return Path(text).expanduser()
    except RuntimeError:  # ~somebody who is not there
        return Path(text)


def _shards(text: str | None) -> int | None:
    if text is None or text == "all":
        return None if text is None else 0
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise UsageError(f"--shards wants a number from 1 on or 'all', not {text!r}")
    return int(text)


def _settings(pairs: Sequence[str]) -> dict[str, str]:
    settings = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"--set wants NAME=VALUE, not {pair!r}")
        settings[name.strip()] = value
    return settings
