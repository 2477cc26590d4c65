#!/usr/bin/env python3
"""Post a report as a comment on a pull request, or put it in the place of the one that is there (by its marker).

    GH_TOKEN=... post_comment.py OWNER/REPO NUMBER REPORT.md

Needs nothing but Python. GITHUB_API_URL names another server. A comment is ours where it ends with the marker and a bot
wrote it, or the account that the token is of: anybody may quote a report. Of several of ours the oldest stays.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MARKER = "<!-- golf-audit:report -->"
_PAGES = 30  # of 100 comments
_SECONDS = 30


def call(method: str, path: str, body: dict[str, str] | None = None) -> Any:
    """One request to GitHub; None where it answers with nothing. Raises urllib.error.URLError."""
    request = urllib.request.Request(
        os.environ.get("GITHUB_API_URL", "https://api.github.com") + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Authorization": f"Bearer {os.environ['GH_TOKEN']}",
            "Accept": "application/vnd.github+json",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
        content = answer.read()
    return json.loads(content) if content else None


def account() -> str:
    """Whose token it is; "" for that of a workflow, which GitHub does not tell."""
    try:
        return str(call("GET", "/user").get("login") or "")
    except urllib.error.HTTPError:
        return ""


def comments(repository: str, number: int) -> Iterator[dict[str, Any]]:
    """Every comment, oldest first."""
    for page in range(1, _PAGES + 1):
        found = call("GET", f"/repos/{repository}/issues/{number}/comments?per_page=100&page={page}")
        yield from found
        if len(found) < 100:
            return


def ours(repository: str, number: int, login: str) -> list[int]:
    """The ids of the comments that hold a report, oldest first."""
    found = []
    for comment in comments(repository, number):
        user = comment.get("user") or {}
        written = user.get("type") == "Bot" or (bool(login) and user.get("login") == login)
        if written and str(comment.get("body") or "").rstrip().endswith(MARKER):
            found.append(int(comment["id"]))
    return found


def post(repository: str, number: int, text: str) -> str:
    """`posted` or `updated`."""
    login = account()
    known = ours(repository, number, login)
    if not known:
        call("POST", f"/repos/{repository}/issues/{number}/comments", {"body": text})
        known = ours(repository, number, login)
        if len(known) < 2:
            return "posted"
    # Two runs at once may have posted one each; the later of the two finds both.
    for again in known[1:]:
        with contextlib.suppress(urllib.error.HTTPError):  # the other run may have taken it away already
            call("DELETE", f"/repos/{repository}/issues/comments/{again}")
    call("PATCH", f"/repos/{repository}/issues/comments/{known[0]}", {"body": text})
    return "updated"


def main(argv: list[str]) -> int:
    if len(argv) != 3 or not re.fullmatch(r"[\w.-]+/[\w.-]+", argv[0]) or not argv[1].isdecimal():
        print("usage: post_comment.py OWNER/REPO NUMBER REPORT.md", file=sys.stderr)
        return 2
    text = Path(argv[2]).read_text("utf-8")
    if not text.rstrip().endswith(MARKER):
        print("post_comment: this is no report of golf-audit", file=sys.stderr)
        return 2
    try:
        print(f"{post(argv[0], int(argv[1]), text)} the comment on #{argv[1]}")
    except urllib.error.HTTPError as error:
        hint = " (the job needs `pull-requests: write`)" if error.code in (401, 403, 404) else ""
        print(f"post_comment: GitHub says {error.code} {error.reason}{hint}", file=sys.stderr)
        return 1
    except (urllib.error.URLError, KeyError, ValueError) as error:
        print(f"post_comment: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
