"""`ast.parse` for untrusted text: quiet, and with one kind of failure."""

from __future__ import annotations

import ast
import warnings


class SyntaxProblem(Exception):
    """The text is not Python that can be read; the message is one line. `line` is 1-based where known."""

    def __init__(self, message: str, line: int | None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


def quiet_parse(text: str) -> ast.Module:
    """`ast.parse` with every failure turned into a SyntaxProblem and no warnings about the text's escapes."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as error:
        raise SyntaxProblem(f"not valid Python: {error.msg}", error.lineno) from None
    except (RecursionError, MemoryError):
        raise SyntaxProblem("nested too deeply to be parsed", None) from None
    except ValueError as error:
        raise SyntaxProblem(f"not valid Python: {error}", None) from None
