"""A local HTTP server for the tests: some files, some faults, and what was asked."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FileServer:
    """Serves ``files``; ``asked`` lists the names of the GET requests so far."""

    def __init__(self, url: str, files: dict[str, bytes]) -> None:
        self.url = url
        self.files = files
        self.asked: list[str] = []
        self.breaks_off = False  # announce all bytes, send half, hang up
        self.meeting: threading.Barrier | None = None  # who waits here for others


class _Handler(BaseHTTPRequestHandler):
    site: FileServer

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.end_headers()

    def do_GET(self) -> None:
        name = self.path.rsplit("/", 1)[-1]
        self.site.asked.append(name)
        if name not in self.site.files:
            self.send_error(404)
            return
        if self.site.meeting:
            self.site.meeting.wait()
        content = self.site.files[name]
        half = len(content) // 2
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[:half])
        if not self.site.breaks_off:
            self.wfile.write(content[half:])

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serve(files: dict[str, bytes]) -> Iterator[FileServer]:
    """Serve the files on a free port of this machine."""
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.site = FileServer(f"http://127.0.0.1:{server.server_port}/", files)
    thread = threading.Thread(target=server.serve_forever, args=[0.02], daemon=True)
    thread.start()
    try:
        yield handler.site
    finally:
        server.shutdown()
        server.server_close()


def refusing_url() -> str:
    """Return the address of a port where nobody listens."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{s.getsockname()[1]}/"


@contextmanager
def silent_url() -> Iterator[str]:
    """Give the address of a server that takes calls and never says a word."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        yield f"http://127.0.0.1:{s.getsockname()[1]}/"
