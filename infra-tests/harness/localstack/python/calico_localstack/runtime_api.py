"""The server side of the AWS Lambda Runtime API (2018-06-01), for one process of one environment.

GET  /2018-06-01/runtime/invocation/next
POST /2018-06-01/runtime/invocation/<request id>/response
POST /2018-06-01/runtime/invocation/<request id>/error
POST /2018-06-01/runtime/init/error
"""

import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol

HOST = "127.0.0.1"
PREFIX = "/2018-06-01/runtime/"


@dataclass(frozen=True)
class Invocation:
    """One event for the function, and what goes with it."""

    request_id: str
    payload: str
    deadline_ms: int
    function_arn: str
    trace_id: str


class Runtime(Protocol):
    """What the API tells about its client, and asks for it. Called from the threads of the server."""

    def next(self) -> Invocation | None:
        """Blocks until there is an invocation; None when there will be none any more."""

    def answered(self, request_id: str, body: bytes, is_error: bool) -> bool:
        """Takes the result of an invocation; False when that invocation is not under way."""

    def init_failed(self, body: bytes) -> None:
        """Takes the error with which the function could not be loaded."""


class RuntimeApi:
    """Serves one runtime on a free port until it is closed."""

    def __init__(self, runtime: Runtime) -> None:
        self._server = _Server((HOST, 0), _Handler)
        self._server.runtime = runtime
        self.address = f"{HOST}:{self._server.server_address[1]}"
        serve = {"target": self._server.serve_forever, "kwargs": {"poll_interval": 0.2}}
        threading.Thread(**serve, name="lambda-runtime-api", daemon=True).start()

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    runtime: Runtime


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def log_message(self, *_args) -> None:
        """Keeps requests out of LocalStack's log."""

    def do_GET(self) -> None:
        if self.path != f"{PREFIX}invocation/next":
            return self._reply(404)
        invocation = self.server.runtime.next()
        if invocation is None:
            self.close_connection = True
            return None
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": invocation.function_arn,
            "Lambda-Runtime-Trace-Id": invocation.trace_id,
        }
        return self._reply(200, invocation.payload.encode(), headers)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == f"{PREFIX}init/error":
            self.server.runtime.init_failed(body)
            return self._reply(202)
        request_id, _, kind = self.path.removeprefix(f"{PREFIX}invocation/").partition("/")
        if kind not in ("response", "error"):
            return self._reply(404)
        known = self.server.runtime.answered(request_id, body, kind == "error")
        return self._reply(202 if known else 400)

    def _reply(self, status: int, body: bytes = b"{}", headers: dict[str, str] | None = None) -> None:
        self.send_response_only(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
