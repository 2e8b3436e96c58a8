"""Runs real processes: small Python programs that speak the Runtime API instead of Node's runtime."""

import json
import os
import signal
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

from calico_localstack.environment import Environment, Limits
from calico_localstack.runtime_api import Invocation
from calico_localstack.runtime_process import InitFailed, ProcessSpec, Stopped, exit_reason

RUNTIME = """
import json, os, sys, time, urllib.request
base = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/"
def post(path, body): urllib.request.urlopen(base + path, json.dumps(body).encode())
if os.environ.get("BROKEN"):
    post("init/error", {"errorType": "Runtime.HandlerNotFound"})
    time.sleep(60)
while True:
    with urllib.request.urlopen(base + "invocation/next") as reply:
        request_id, event = reply.headers["Lambda-Runtime-Aws-Request-Id"], json.load(reply)
    print("got", event, flush=True)
    if event == "exit": sys.exit(3)
    if event == "hang": time.sleep(60)
    if event == "throw": post(f"invocation/{request_id}/error", {"errorType": "Error"})
    else: post(f"invocation/{request_id}/response", {"pid": os.getpid(), "event": event})
"""


class EnvironmentTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def environment(self, timeout_seconds: int = 10, **env: str) -> Environment:
        log = Path(self.folder.name) / "output.log"
        log.touch()
        command = [sys.executable, "-c", RUNTIME]
        spec = ProcessSpec(command, Path(self.folder.name), {"PATH": os.environ["PATH"], **env}, log)
        environment = Environment(spec, Limits(timeout_seconds, 128, "$LATEST"))
        self.addCleanup(environment.stop)
        return environment

    def invoke(self, environment: Environment, event: str):
        result = environment.invoke(Invocation(f"id-{event}", json.dumps(event), 0, "arn", "trace"))
        return json.loads(result.answer.payload), result

    def test_answers_in_one_process_and_hands_out_the_lines_of_each_invocation(self):
        environment = self.environment()
        environment.start()
        first, one = self.invoke(environment, "one")
        second, two = self.invoke(environment, "two")
        self.assertEqual(first["pid"], second["pid"])
        self.assertFalse(one.answer.is_error)
        self.assertIn("START RequestId: id-one", one.logs)
        self.assertIn("got one\n", one.logs)
        self.assertNotIn("got one", two.logs)
        self.assertEqual(environment.output(), "got one\ngot two\n")

    def test_passes_the_functions_own_error_on_and_keeps_the_process(self):
        environment = self.environment()
        environment.start()
        before, _ = self.invoke(environment, "fine")
        error, result = self.invoke(environment, "throw")
        after, _ = self.invoke(environment, "fine")
        self.assertEqual(error, {"errorType": "Error"})
        self.assertTrue(result.answer.is_error)
        self.assertEqual(before["pid"], after["pid"])

    def test_takes_a_fresh_process_after_an_exit(self):
        environment = self.environment()
        environment.start()
        before, _ = self.invoke(environment, "fine")
        error, _ = self.invoke(environment, "exit")
        after, _ = self.invoke(environment, "fine")
        self.assertEqual(error["errorType"], "Runtime.ExitError")
        self.assertIn("exit status 3", error["errorMessage"])
        self.assertNotEqual(before["pid"], after["pid"])

    def test_kills_a_process_that_takes_too_long_and_takes_a_fresh_one(self):
        environment = self.environment(timeout_seconds=1)
        environment.start()
        pid = environment.process.pid
        error, result = self.invoke(environment, "hang")
        self.assertEqual(error["errorType"], "Sandbox.Timedout")
        self.assertIn("Task timed out after 1.00 seconds", result.logs)
        with self.assertRaises(ProcessLookupError):
            os.kill(pid, 0)
        self.assertEqual(self.invoke(environment, "fine")[0]["event"], "fine")

    def test_reports_a_process_that_is_killed_from_outside(self):
        environment = self.environment()
        environment.start()
        self._once_busy(environment, lambda: os.kill(environment.process.pid, signal.SIGKILL))
        error, _ = self.invoke(environment, "hang")
        self.assertIn("signal: SIGKILL", error["errorMessage"])
        self.assertEqual(self.invoke(environment, "fine")[0]["event"], "fine")

    def test_a_stop_ends_an_invocation_under_way(self):
        environment = self.environment()
        environment.start()
        self._once_busy(environment, environment.stop)
        with self.assertRaises(Stopped):
            self.invoke(environment, "hang")
        environment.stop()
        self.assertIsNone(environment.process)

    def test_a_function_that_cannot_be_loaded_says_why(self):
        with self.assertRaises(InitFailed) as caught:
            self.environment(BROKEN="1").start()
        self.assertEqual(json.loads(caught.exception.payload), {"errorType": "Runtime.HandlerNotFound"})

    def _once_busy(self, environment: Environment, action) -> None:
        def watch() -> None:
            while not (environment.process is not None and environment.process.busy):
                time.sleep(0.01)
            action()

        threading.Thread(target=watch, daemon=True).start()


class ExitReasonTest(unittest.TestCase):
    def test_uses_lambdas_words(self):
        self.assertEqual(exit_reason(0), "Runtime exited without providing a reason")
        self.assertEqual(exit_reason(1), "Runtime exited with error: exit status 1")
        self.assertEqual(exit_reason(-9), "Runtime exited with error: signal: SIGKILL")
