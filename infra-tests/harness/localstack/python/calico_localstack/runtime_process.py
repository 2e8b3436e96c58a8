"""One life of a Lambda environment: a process, and the Runtime API over which it gets its work."""

import json
import signal
import subprocess
import threading
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

from calico_localstack.runtime_api import Invocation, RuntimeApi

# On AWS the init phase may take 10 s.
INIT_SECONDS = 10


@dataclass(frozen=True)
class ProcessSpec:
    """How to start the process; the address of the Runtime API is added to `env`."""

    command: list[str]
    code: Path
    env: dict[str, str]
    log: Path


@dataclass(frozen=True)
class Answer:
    """What an invocation came to: the function's own result or error, or why there is none."""

    payload: bytes
    is_error: bool


class InitFailed(Exception):
    """The function could not be loaded; `payload` is the error as the caller sees it."""

    def __init__(self, payload: bytes) -> None:
        super().__init__("the function could not be loaded")
        self.payload = payload


class TimedOut(Exception):
    """The function did not answer in time."""


class Stopped(Exception):
    """The process was ended on purpose while the function ran."""


def error_payload(error_type: str, message: str) -> bytes:
    """An error in the form in which Lambda reports it."""
    return json.dumps({"errorType": error_type, "errorMessage": message}).encode()


def exit_reason(code: int) -> str:
    """Lambda's words for how a process ended; `code` is negative for a signal."""
    if code < 0:
        return f"Runtime exited with error: signal: {signal.Signals(-code).name}"
    return f"Runtime exited with error: exit status {code}" if code else "Runtime exited without providing a reason"


class RuntimeProcess:
    """A started process; {wait_ready} first, then any number of {invoke}, one at a time, then {kill}."""

    def __init__(self, spec: ProcessSpec) -> None:
        self._ready: Future[None] = Future()
        self._work: Queue[Invocation | None] = Queue()
        self._lock = threading.Lock()
        self._current: tuple[str, Future[Answer]] | None = None
        self._api = RuntimeApi(self)
        with open(spec.log, "ab") as log:
            # In LocalStack's own process group, so that whoever kills that group leaves nothing behind.
            self._process = subprocess.Popen(
                spec.command,
                cwd=spec.code,
                env={**spec.env, "AWS_LAMBDA_RUNTIME_API": self._api.address},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.pid = self._process.pid
        threading.Thread(target=self._watch, name=f"lambda-process-{self.pid}", daemon=True).start()

    @property
    def alive(self) -> bool:
        """True until the process has ended."""
        return self._process.poll() is None

    @property
    def busy(self) -> bool:
        """True while an invocation is under way."""
        return self._current is not None

    def wait_ready(self) -> None:
        """Waits until the function is loaded. Raises InitFailed; the process is killed then."""
        try:
            self._ready.result(timeout=INIT_SECONDS)
        except FutureTimeout:
            self.kill()
            raise InitFailed(error_payload("Sandbox.Timedout", "Init phase timed out")) from None
        except InitFailed:
            self.kill()
            raise

    def invoke(self, invocation: Invocation, timeout_seconds: float) -> Answer:
        """Runs the function once. Raises TimedOut or Stopped; the process is killed then."""
        answer: Future[Answer] = Future()
        with self._lock:
            self._current = (invocation.request_id, answer)
        self._work.put(invocation)
        if not self.alive:
            self._exited()
        try:
            return answer.result(timeout=timeout_seconds)
        except FutureTimeout:
            self.kill()
            raise TimedOut from None
        except CancelledError:
            raise Stopped from None
        finally:
            with self._lock:
                self._current = None

    def kill(self) -> None:
        """Ends the process at once; an invocation under way ends as Stopped."""
        self._settle(lambda answer: answer.cancel())
        self._process.kill()
        self._process.wait()

    def next(self) -> Invocation | None:
        if not self._ready.done():
            self._ready.set_result(None)
        return self._work.get()

    def answered(self, request_id: str, body: bytes, is_error: bool) -> bool:
        with self._lock:
            current = self._current
        if current is None or current[0] != request_id:
            return False
        return self._settle(lambda answer: answer.set_result(Answer(body, is_error)))

    def init_failed(self, body: bytes) -> None:
        self._fail_init(body)

    def _watch(self) -> None:
        self._process.wait()
        self._exited()
        self._work.put(None)
        self._api.close()

    def _exited(self) -> None:
        payload = error_payload("Runtime.ExitError", exit_reason(self._process.wait()))
        self._fail_init(payload)
        self._settle(lambda answer: answer.set_result(Answer(payload, True)))

    def _fail_init(self, payload: bytes) -> None:
        with self._lock:
            if not self._ready.done():
                self._ready.set_exception(InitFailed(payload))

    def _settle(self, settle) -> bool:
        with self._lock:
            if self._current is None or self._current[1].done():
                return False
            settle(self._current[1])
            return True
