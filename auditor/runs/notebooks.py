"""What the cells of a notebook printed, as the lines of a log.

The format: https://nbformat.readthedocs.io/en/latest/format_description.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator

_DEEPEST = 2_000  # brackets of a notebook: cells and outputs nest a few levels


def printed(notebook: str) -> str:
    """The text outputs of a notebook, in order; each line stands where the file holds it, so that it can be quoted.

    Empty for what is no notebook. In a file of one line the outputs are numbered by themselves.
    """
    if notebook.count("[[") > _DEEPEST:
        return ""
    try:
        content = json.loads(notebook)
    except (ValueError, RecursionError):
        return ""
    outputs = "".join(_texts(content)).splitlines()
    physical = notebook.split("\n")
    lines = [""] * len(physical)
    places = iter(enumerate(physical))
    for line in outputs:
        found = next((number for number, text in places if _holds(text, line)), None)
        if found is None:
            return "\n".join(outputs)
        lines[found] = line
    return "\n".join(lines)


def _holds(physical: str, line: str) -> bool:
    """Whether a line of the file is the JSON string of an output's line."""
    text = physical.strip().rstrip(",")
    return text[:1] == '"' and text in {
        json.dumps(line + end, ensure_ascii=ascii_only) for end in ("\n", "", "\r\n") for ascii_only in (True, False)
    }


def _texts(content: object) -> Iterator[str]:
    if not isinstance(content, dict):
        return
    sheets = content.get("worksheets")  # of the format before version 4
    for holder in (content, *(sheets if isinstance(sheets, list) else ())):
        cells = holder.get("cells") if isinstance(holder, dict) else None
        for cell in cells if isinstance(cells, list) else ():
            outputs = cell.get("outputs") if isinstance(cell, dict) else None
            for output in outputs if isinstance(outputs, list) else ():
                yield from _of_output(output)


def _of_output(output: object) -> Iterator[str]:
    if not isinstance(output, dict):
        return
    data = output.get("data")
    shown = data.get("text/plain") if isinstance(data, dict) else None
    for text, end in ((output.get("text"), ""), (shown, "\n")):  # a stream may go on in the next output
        if isinstance(text, str):
            yield text + end
        elif isinstance(text, list):
            yield "".join(part for part in text if isinstance(part, str)) + end
