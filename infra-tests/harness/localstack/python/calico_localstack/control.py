"""What tests may see and change while LocalStack runs, under /_calico/ of its own port.

GET    /_calico/lambda    the processes that run Lambda environments
GET    /_calico/requests  how often each operation was called; DELETE sets all to nothing
"""

import threading
from collections import Counter

COUNTED_ITEMS = {
    "sqs.SendMessageBatch": lambda request: len(request["Entries"]),
    "sqs.DeleteMessageBatch": lambda request: len(request["Entries"]),
    "events.PutEvents": lambda request: len(request["Entries"]),
    "dynamodb.BatchWriteItem": lambda request: sum(len(items) for items in request["RequestItems"].values()),
    "dynamodb.TransactWriteItems": lambda request: len(request["TransactItems"]),
}


class Requests:
    """Counts requests, and the entries of those that carry several, under "service.Operation" and "…#items"."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, operation: str, request: dict) -> None:
        """Counts one request."""
        items = COUNTED_ITEMS.get(operation)
        with self._lock:
            self._counts[operation] += 1
            if items:
                self._counts[f"{operation}#items"] += items(request)

    def counts(self) -> dict[str, int]:
        """What was counted since the last reset."""
        with self._lock:
            return dict(sorted(self._counts.items()))

    def reset(self) -> None:
        """Starts counting afresh."""
        with self._lock:
            self._counts.clear()


REQUESTS = Requests()


def install() -> None:
    """Serves the addresses above and looks at every request from outside."""
    from localstack.aws.handlers import serve_custom_service_request_handlers
    from localstack.services.edge import ROUTER

    serve_custom_service_request_handlers.append(_observe)
    ROUTER.add("/_calico/lambda", _lambda, methods=["GET"])
    ROUTER.add("/_calico/requests", _requests, methods=["GET", "DELETE"])


def _observe(_chain, context, _response) -> None:
    # LocalStack's own calls, such as its pollers', are not what a project is billed for.
    if context.is_internal_call or context.operation is None:
        return
    operation = f"{context.service.service_name}.{context.operation.name}"
    # Invocations are counted where they run, whoever asked for them.
    if operation != "lambda.Invoke":
        REQUESTS.add(operation, context.service_request)


def _lambda(_request):
    from calico_localstack.executor import running

    return _json(running())


def _requests(request):
    if request.method == "DELETE":
        REQUESTS.reset()
    return _json(REQUESTS.counts())


def _json(value):
    from localstack.http import Response

    return Response.for_json(value)
