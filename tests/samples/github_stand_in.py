"""As much of GitHub's API as the Action and its workflows need, on loopback."""

from __future__ import annotations

import base64
import gzip
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "secret"
BOT = {"type": "Bot", "login": "github-actions[bot]"}


class GitHub:
    """What it holds. `account` is whose token it is: None for that of a workflow."""

    def __init__(self, comments: list[dict[str, Any]] | None = None, account: str | None = None) -> None:
        self.comments = comments or []
        self.account = account
        self.pulls: list[dict[str, Any]] = []
        self.uploads: list[dict[str, Any]] = []
        self.refuses = 0  # a status that every write is answered with
        self.late: list[dict[str, Any]] = []  # comments of another run, there after the next post
        self.url = ""

    def upload(self, text: str, ref: str, sha: str) -> None:
        """What github/codeql-action/upload-sarif sends."""
        packed = base64.b64encode(gzip.compress(text.encode())).decode()
        self.uploads.append({"sarif": json.loads(gzip.decompress(base64.b64decode(packed))), "ref": ref, "sha": sha})

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, object]:
        at, asked = urlsplit(path).path, parse_qs(urlsplit(path).query)
        if method == "GET" and at == "/user":
            return (200, {"login": self.account}) if self.account else (403, {"message": "not by integration"})
        if method == "GET" and at.endswith("/pulls"):
            return 200, [one for one in self.pulls if one["head"]["label"] == asked["head"][0]]
        if method == "GET":
            page = int(asked["page"][0])
            return 200, self.comments[(page - 1) * 100 : page * 100]
        if self.refuses:
            return self.refuses, {"message": "Resource not accessible by integration"}
        if method == "POST":
            user = {"type": "User", "login": self.account} if self.account else BOT
            self.comments += [*self.late, {"id": 1000 + len(self.comments), "user": user, "body": body["body"]}]
            self.late = []
            return 201, self.comments[-1]
        wanted = int(at.rsplit("/", 1)[1])
        comment = next((c for c in self.comments if c["id"] == wanted), None)
        if comment is None:
            return 404, {"message": "Not Found"}
        if method == "DELETE":
            self.comments.remove(comment)
            return 204, None
        comment["body"] = body["body"]
        return 200, comment


@contextmanager
def serving(github: GitHub) -> Iterator[GitHub]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

        def _do(self) -> None:
            assert self.headers["Authorization"] in (f"Bearer {TOKEN}", f"token {TOKEN}")
            length = int(self.headers.get("Content-Length") or 0)
            status, value = github.answer(self.command, self.path, json.loads(self.rfile.read(length) or b"{}"))
            content = b"" if value is None else json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = _do

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    github.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield github
    finally:
        server.shutdown()


# What `gh api --method GET PATH -f name=value --jq '.[0].number // empty'` does.
GH = """#!{python}
import json, os, sys, urllib.parse, urllib.request
words = sys.argv[1:]
assert words[:3] == ["api", "--method", "GET"], words
fields = [words[i + 1].split("=", 1) for i, word in enumerate(words) if word == "-f"]
assert words[words.index("--jq") + 1] == ".[0].number // empty"
url = f"{{os.environ['GITHUB_API_URL']}}/{{words[3]}}?{{urllib.parse.urlencode(dict(fields))}}"
request = urllib.request.Request(url, headers={{"Authorization": "Bearer " + os.environ["GH_TOKEN"]}})
found = json.load(urllib.request.urlopen(request))
if found:
    print(found[0]["number"])
"""


def urls(sarif: dict[str, Any]) -> set[str]:
    """Every file that the results of an upload are in."""
    return set(re.findall(r'"artifactLocation": \{"uri": "([^"]+)"', json.dumps(sarif["runs"][0]["results"])))
