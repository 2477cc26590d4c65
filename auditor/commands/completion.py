"""Shell completion of golf-audit and the commands below it, printed by --print-completion.

shtab writes it from the parsers themselves. It knows commands below a command, and it knows paths, but not that the
first word may be either: that is added here, for each shell in its own words.
"""

from __future__ import annotations

import argparse

_DIRECTORIES_IN_FISH = """
complete -c golf-audit -n _shtab_golf_audit_using -a '(__fish_complete_directories)'
"""
_DISPATCH_IN_ZSH = """
_shtab_golf_audit() {
  (( CURRENT == 2 )) && _shtab_golf_audit_commands
  case $words[2] in
    %s)
      local chosen=_shtab_golf_audit_${words[2]//-/_}_options
      shift words
      (( CURRENT-- ))
      _arguments -C -s ${(P)chosen} ;;
    *) _arguments -C -s $_shtab_golf_audit_options ;;
  esac
}
"""


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """The completion script of a shell, for `parser` as golf-audit and for the commands below it."""
    import shtab

    below = _commands()
    for one in (parser, *below.values()):
        _choices(one)
    _add(parser, below)
    names = "|".join(sorted(below))
    text: str = shtab.complete(parser, shell, preamble={"zsh": _DISPATCH_IN_ZSH % names})  # type: ignore[arg-type]
    if shell == "bash":  # a word that is no command may be a path
        return text.replace("complete -o bashdefault ", "complete -o bashdefault -o default ")
    return text + _DIRECTORIES_IN_FISH if shell == "fish" else text


def _commands() -> dict[str, argparse.ArgumentParser]:
    from auditor.commands import cluster_worker, queue_options, witness

    made = (queue_options.parser(), witness.parser(), cluster_worker.parser())
    return {one.prog.split()[-1]: one for one in made}


def _add(parser: argparse.ArgumentParser, below: dict[str, argparse.ArgumentParser]) -> None:
    """Gives the parser commands in front of its paths; it is for completion alone from then on."""
    commands = parser.add_subparsers(parser_class=argparse.ArgumentParser)
    for name, one in below.items():
        commands.add_parser(name, help=(one.description or "").split(".")[0].replace("\n", " "), add_help=False)
        commands.choices[name] = one  # as it is: a copy would lose what was added to it
    parser._actions.remove(commands)
    first = next(at for at, action in enumerate(parser._actions) if not action.option_strings)
    parser._actions.insert(first, commands)


def _choices(parser: argparse.ArgumentParser) -> None:
    """Values that only a completion lists: rules, classes, files. Elsewhere a wrong one gets a better answer."""
    import shtab

    from rules import ALL

    known = {
        "explain": sorted(rule.id for rule in ALL),
        "only": sorted(rule.id for rule in ALL),
        "fail_on": ["violation", "disputed", "warning", "never", "score", "evidence", "budget", "paperwork"],
        "baseline": ["auto", "none"],
    }
    for action in parser._actions:
        if action.dest in known:
            action.choices = known[action.dest]
        elif action.dest in ("path", "repo") or action.metavar == "FOLDER":
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
        elif action.dest in ("output", "waivers", "store"):
            action.complete = shtab.FILE  # type: ignore[attr-defined]
