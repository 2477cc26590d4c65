"""Whether a log can be of the folder's program."""

from __future__ import annotations

from auditor.runs.provenance import echo_difference, foreign_words

SOURCE = ["import os", "import torch", "", "def main():", *(f"    value_{n} = {n}" for n in range(60)), "main()"]
RULE = "=" * 100


def log(source: list[str]) -> str:
    return "\n".join([*source, RULE, "Running Python 3.12", "step:1/9 val_bpb:1.5"])


def test_a_label_of_words_that_the_code_holds() -> None:
    assert foreign_words("final_int6_sliding_window", ['print(f"final_{q}_sliding" + "_window")'], []) == ()
    assert foreign_words("final_brotli", ["final"], ["brotli"]) == ()  # filled in from a setting
    assert foreign_words("run=6fff15ce final", ["run final"], []) == ()  # part of a name of numbers


def test_a_word_that_no_code_holds() -> None:
    assert foreign_words("final_tournament", ["final"], []) == ("tournament",)


def test_the_folders_own_source() -> None:
    assert echo_difference(log(SOURCE), 1, [("a.py", "\n".join(SOURCE))]) is None
    assert echo_difference(log(SOURCE), 1, [("a.py", "\r\n".join(SOURCE))]) is None


def test_an_echo_that_was_cut_is_the_folders_all_the_same() -> None:
    assert echo_difference(log(SOURCE[:50]), 1, [("a.py", "\n".join(SOURCE))]) is None


def test_a_default_that_differs() -> None:
    changed = [line.replace("value_7 = 7", "value_7 = 8") for line in SOURCE]
    found = echo_difference(log(changed), 1, [("other.py", "print()"), ("a.py", "\n".join(SOURCE))])
    assert found is not None
    assert found.path == "a.py"
    assert found.only_echoed == ((12, "value_7 = 8"),)


def test_without_an_echo_nothing_is_said() -> None:
    assert echo_difference("step:1/9 val_bpb:1.5", 1, [("a.py", "\n".join(SOURCE))]) is None
