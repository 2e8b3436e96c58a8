"""A Lambda environment: it answers invocations with one process after another, and keeps their output."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from calico_localstack.runtime_api import Invocation
from calico_localstack.runtime_process import (
    Answer,
    InitFailed,
    ProcessSpec,
    RuntimeProcess,
    TimedOut,
    error_payload,
)


@dataclass(frozen=True)
class Limits:
    """What a function may use, and the version by which its log calls it."""

    timeout_seconds: int
    memory_mb: int
    version: str


@dataclass(frozen=True)
class Result:
    """The answer to one invocation and the log lines that it left."""

    answer: Answer
    logs: str


class Environment:
    """As on AWS, an invocation after a crash or a timeout gets a fresh process."""

    def __init__(self, spec: ProcessSpec, limits: Limits, start=RuntimeProcess) -> None:
        self._spec = spec
        self._limits = limits
        self._start: Callable[[ProcessSpec], RuntimeProcess] = start
        self._process: RuntimeProcess | None = None
        self._stopped = False
        self._log_offset = 0

    @property
    def process(self) -> RuntimeProcess | None:
        """The process that runs now."""
        return self._process if self._process is not None and self._process.alive else None

    def start(self) -> None:
        """Starts a process and waits until it has loaded the function. Raises InitFailed."""
        self._process = self._start(self._spec)
        if self._stopped:
            self._process.kill()
        self._process.wait_ready()

    def stop(self) -> None:
        """Ends the process; there will be no other."""
        self._stopped = True
        if self._process is not None:
            self._process.kill()

    def invoke(self, invocation: Invocation) -> Result:
        """Runs the function once; whatever happens to it becomes an answer, except Stopped."""
        started = time.perf_counter()
        answer = self._answer(invocation)
        took_ms = (time.perf_counter() - started) * 1000
        return Result(answer, self._log(invocation.request_id, took_ms, answer))

    def output(self) -> str:
        """All that the processes have printed so far."""
        return self._spec.log.read_text(errors="replace")

    def _answer(self, invocation: Invocation) -> Answer:
        try:
            if self.process is None:
                self.start()
            return self._process.invoke(invocation, self._limits.timeout_seconds)
        except InitFailed as error:
            return Answer(error.payload, True)
        except TimedOut:
            return Answer(error_payload("Sandbox.Timedout", self._timeout_message(invocation.request_id)), True)

    def _timeout_message(self, request_id: str) -> str:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return f"{now} {request_id} Task timed out after {self._limits.timeout_seconds}.00 seconds"

    def _log(self, request_id: str, took_ms: float, answer: Answer) -> str:
        note = ""
        if answer.is_error and b'"Sandbox.Timedout"' in answer.payload:
            note = f"{self._timeout_message(request_id)}\n\n"
        return (
            f"START RequestId: {request_id} Version: {self._limits.version}\n"
            f"{self._new_output()}{note}"
            f"END RequestId: {request_id}\n"
            f"REPORT RequestId: {request_id}\tDuration: {took_ms:.2f} ms\tBilled Duration: {int(took_ms) + 1} ms\t"
            f"Memory Size: {self._limits.memory_mb} MB\n"
        )

    def _new_output(self) -> str:
        with open(self._spec.log, "rb") as log:
            log.seek(self._log_offset)
            data = log.read()
        self._log_offset += len(data)
        return data.decode(errors="replace")
