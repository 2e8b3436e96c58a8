"""LocalStack's Lambda runtime executor whose environments are local processes, without Docker."""

import os
import shutil
import tempfile
import time
from pathlib import Path

from localstack import config
from localstack.services.lambda_.invocation.executor_endpoint import (
    ShutdownDuringStartup,
    StatusErrorException,
)
from localstack.services.lambda_.invocation.lambda_models import FunctionVersion, InvocationResult
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

from calico_localstack.control import REQUESTS
from calico_localstack.environment import Environment, Limits
from calico_localstack.runtime_api import HOST, Invocation
from calico_localstack.runtime_process import InitFailed, ProcessSpec, Stopped, error_payload

_executors: dict[str, "ProcessExecutor"] = {}


def running() -> list[dict]:
    """The processes that run now: functionName, pid, and whether an invocation is under way."""
    found = ((executor.function_name, executor.environment.process) for executor in list(_executors.values()))
    return [{"functionName": name, "pid": process.pid, "busy": process.busy} for name, process in found if process]


class ProcessExecutor(RuntimeExecutor):
    """One environment of one version of a function, as LocalStack starts, uses and stops it."""

    def __init__(self, id: str, function_version: FunctionVersion) -> None:
        super().__init__(id=id, function_version=function_version)
        self.function_name = function_version.id.function_name
        self._folder = Path(tempfile.mkdtemp(prefix=f"lambda-{self.function_name}-"))
        self.environment: Environment | None = None

    def start(self, env_vars: dict[str, str]) -> None:
        self.environment = Environment(self._spec(env_vars), self._limits())
        _executors[self.id] = self
        try:
            self.environment.start()
        except InitFailed as error:
            raise StatusErrorException(str(error), error.payload) from None

    def stop(self) -> None:
        _executors.pop(self.id, None)
        if self.environment is not None:
            self.environment.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        REQUESTS.add("lambda.Invoke", {})
        REQUESTS.add(f"lambda.Invoke:{self.function_name}", {})
        try:
            result = self.environment.invoke(self._invocation(payload))
        except Stopped:
            raise ShutdownDuringStartup("the environment was stopped during an invocation") from None
        return InvocationResult(payload["invoke-id"], result.answer.payload, result.answer.is_error, result.logs)

    def get_logs(self) -> str:
        return self.environment.output() if self.environment is not None else ""

    def get_address(self) -> str:
        return HOST

    def get_endpoint_from_executor(self) -> str:
        return HOST

    def get_runtime_endpoint(self) -> str:
        return f"http://{HOST}:{config.GATEWAY_LISTEN[0].port}/_localstack_lambda/{self.id}"

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        if function_version.config.code:
            function_version.config.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        pass

    def _limits(self) -> Limits:
        settings = self.function_version.config
        return Limits(int(settings.timeout or 3), int(settings.memory_size or 128), self.function_version.id.qualifier)

    def _invocation(self, payload: dict[str, str]) -> Invocation:
        return Invocation(
            request_id=payload["invoke-id"],
            payload=payload["payload"],
            deadline_ms=int(time.time() * 1000) + self._limits().timeout_seconds * 1000,
            function_arn=payload["invoked-function-arn"],
            trace_id=payload["trace-id"],
        )

    def _spec(self, env_vars: dict[str, str]) -> ProcessSpec:
        code = Path(self.function_version.config.code.get_unzipped_code_location())
        temporary = self._folder / "tmp"
        temporary.mkdir()
        log = self._folder / "output.log"
        log.touch()
        own = {
            "LAMBDA_TASK_ROOT": str(code),
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{self._node_runtime()}",
            "PATH": os.environ["PATH"],
            "LANG": "en_US.UTF-8",
            "HOME": str(temporary),
            "TMPDIR": str(temporary),
        }
        given = {name: str(value) for name, value in env_vars.items() if value is not None}
        return ProcessSpec(self._command(), code, {**given, **own}, log)

    def _command(self) -> list[str]:
        # The rest of a function's memory is what Node needs beside its heap.
        heap = max(64, self._limits().memory_mb * 9 // 10)
        return [os.environ["CALICO_NODE"], f"--max-old-space-size={heap}", os.environ["CALICO_RUNTIME"]]

    def _node_runtime(self) -> str:
        runtime = str(self.function_version.config.runtime or "")
        if not runtime.startswith("nodejs"):
            message = f"Only Node functions run as local processes, not {runtime or 'images'}"
            raise StatusErrorException(message, error_payload("Runtime.Unsupported", message))
        return runtime
