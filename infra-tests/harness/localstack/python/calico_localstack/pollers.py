"""Runs as many SQS batches at once as the mapping allows; LocalStack's own poller handles one after another.

On AWS a mapping starts with five pollers and goes up to ScalingConfig.MaximumConcurrency; here it always has that many.
"""

import threading

DEFAULT_POLLERS = 5
# Long enough to spare LocalStack empty answers, short enough that a mapping that is removed soon stops.
LONG_POLL_SECONDS = 5
RETRY_SECONDS = 1


def pollers_of(mapping: dict) -> int:
    """How many batches of this mapping may be under way at once."""
    if ":sqs:" not in (mapping.get("EventSourceArn") or ""):
        return 1
    return int((mapping.get("ScalingConfig") or {}).get("MaximumConcurrency") or DEFAULT_POLLERS)


def install() -> None:
    """Gives every SQS mapping created from now on its pollers."""
    from localstack.services.lambda_.event_source_mapping.esm_worker import EsmWorker

    original = EsmWorker.poller_loop

    def poller_loop(worker, *args, **kwargs):
        count = pollers_of(worker.esm_config)
        if count > 1:
            worker.poller.maximum_batching_window = worker.poller.maximum_batching_window or LONG_POLL_SECONDS
            _accompany(worker, count - 1)
        return original(worker, *args, **kwargs)

    EsmWorker.poller_loop = poller_loop


def _accompany(worker, count: int) -> None:
    threads = [threading.Thread(target=_poll, args=(worker,), daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()

    # LocalStack closes the poller before it calls the mapping disabled or deleted: then none may poll any more.
    def close() -> None:
        for thread in threads:
            thread.join()

    worker.poller.close = close


def _poll(worker) -> None:
    from localstack.services.lambda_.event_source_mapping.pollers.poller import EmptyPollResultsException

    stopped = worker._shutdown_event
    while not stopped.is_set():
        try:
            worker.poller.poll_events()
        except EmptyPollResultsException:
            continue
        except Exception:
            # LocalStack's own poller meets and logs the same failure.
            stopped.wait(RETRY_SECONDS)
