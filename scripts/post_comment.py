#!/usr/bin/env python3
"""Post a report as a comment on a pull request, or put it in the place of the one that is there (by its marker).

    GH_TOKEN=... post_comment.py OWNER/REPO NUMBER REPORT.md

Needs nothing but Python. GITHUB_API_URL names another server.
"""

from __future__ import annotations

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
    """One request to GitHub. Raises urllib.error.HTTPError."""
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
        return json.load(answer)


def comments(repository: str, number: int) -> Iterator[dict[str, Any]]:
    """Every comment, oldest first."""
    for page in range(1, _PAGES + 1):
        found = call("GET", f"/repos/{repository}/issues/{number}/comments?per_page=100&page={page}")
        yield from found
        if len(found) < 100:
            return


def post(repository: str, number: int, text: str) -> str:
    """`posted` or `updated`. A comment counts as ours where a bot wrote it and it ends with the marker."""
    for comment in comments(repository, number):
        ours = comment.get("user", {}).get("type") == "Bot"
        if ours and str(comment.get("body", "")).rstrip().endswith(MARKER):
            call("PATCH", f"/repos/{repository}/issues/comments/{int(comment['id'])}", {"body": text})
            return "updated"
    call("POST", f"/repos/{repository}/issues/{number}/comments", {"body": text})
    return "posted"


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
    except (urllib.error.URLError, KeyError) as error:
        print(f"post_comment: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
