"""The pages on loopback, for this machine alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_HOST = "127.0.0.1"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads an access log of one reader."""

    def list_directory(self, path: object) -> None:
        self.send_error(404)


def server(folder: Path, port: int) -> ThreadingHTTPServer:
    """A server of the folder on loopback; port 0 takes a free one. Raises OSError where the port is taken."""
    return ThreadingHTTPServer((_HOST, port), partial(_Quiet, directory=str(folder)))


def serve(folder: Path, port: int, say: Callable[[str], object]) -> None:
    """Serves until interrupted."""
    with server(folder, port) as pages:
        say(f"http://{_HOST}:{pages.server_port}/ shows the queue; Ctrl-C ends it")
        pages.serve_forever()
