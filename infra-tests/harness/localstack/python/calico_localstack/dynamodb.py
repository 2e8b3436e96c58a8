"""Starts DynamoDB Local from given jars, where LocalStack would download a build of its own and a Java."""

import json
import os


def install() -> None:
    """Replaces the way in which LocalStack starts DynamoDB Local, when CALICO_DYNAMODB names another command."""
    command = json.loads(os.environ.get("CALICO_DYNAMODB", "[]"))
    if not command:
        return
    from localstack.services.dynamodb.server import DynamodbServer

    DynamodbServer.do_start_thread = lambda server: _start(command, server.port)


def _start(command: list[str], port: int):
    import subprocess

    from localstack.utils.threads import FuncThread

    # LocalStack would start it in a session of its own, where it outlives a LocalStack that is killed.
    process = subprocess.Popen([*command, "-port", str(port)], stdin=subprocess.DEVNULL)

    def wait(_params) -> None:
        process.wait()

    thread = FuncThread(wait, name="dynamodb-local", on_stop=lambda _thread: process.kill())
    thread.start()
    return thread
