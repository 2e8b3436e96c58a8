"""What LocalStack loads: dist-info/entry_points.txt beside this package names everything in here.

Imports are inside the functions, because LocalStack's modules read its settings when they are imported.
"""

from localstack.runtime import hooks
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin


class ProcessExecutorPlugin(RuntimeExecutorPlugin):
    """Runs Lambda environments as local processes; chosen by LAMBDA_RUNTIME_EXECUTOR=process."""

    name = "process"

    def load(self, *args, **kwargs):
        from calico_localstack.executor import ProcessExecutor

        return ProcessExecutor


@hooks.on_runtime_create()
def prepare():
    """Runs before LocalStack opens its port."""
    from calico_localstack import loopback

    loopback.bind_gateway_to_loopback()


@hooks.on_infra_start()
def start():
    """Runs before the first request is served."""
    from calico_localstack import control, dynamodb, pollers, scheduler

    control.install()
    pollers.install()
    scheduler.install()
    dynamodb.install()
