"""Fires the schedules of EventBridge Scheduler, which LocalStack only stores."""

import json
import logging
import os
import threading
import time
from datetime import UTC, datetime

from calico_localstack.expressions import fires_between, is_one_off

LOG = logging.getLogger(__name__)
EVERY_SECONDS = 0.25


def install() -> None:
    """Starts the thread that fires schedules; CALICO_SCHEDULER_SPEED divides the intervals of rate()."""
    speed = float(os.environ.get("CALICO_SCHEDULER_SPEED") or 1)
    threading.Thread(target=_run, args=(Due(speed),), name="scheduler", daemon=True).start()


class Due:
    """Remembers up to which time each schedule was looked at, and says which are due since."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._seen: dict[tuple, float] = {}

    def check(self, schedule, now: float) -> bool:
        """True when this schedule must fire now. A one-off schedule whose time was past when it was made fires too."""
        expression = schedule.schedule_expression
        key = (schedule.arn, schedule.creation_date, expression)
        since = self._seen.get(key, 0.0 if is_one_off(expression) else schedule.creation_date)
        self._seen[key] = now
        if schedule.state != "ENABLED" or not _within(schedule, now):
            return False
        zone, anchor = schedule.schedule_expression_timezone or "UTC", schedule.creation_date
        return fires_between(expression, since, now, zone=zone, anchor=anchor, speed=self._speed)


def message_of(schedule, account: str, region: str, now: datetime) -> str:
    """What the target receives: the schedule's input with its placeholders filled in, or AWS's default event."""
    stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    default = {
        "version": "0",
        "id": schedule.arn,
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": account,
        "time": stamp,
        "region": region,
        "resources": [schedule.arn],
        "detail": "{}",
    }
    values = {
        "schedule-arn": schedule.arn,
        "scheduled-time": stamp,
        "execution-id": f"{schedule.name}-{int(now.timestamp())}",
        "attempt-number": "1",
    }
    text = schedule.target.get("Input") or json.dumps(default)
    for name, value in values.items():
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return text


def _within(schedule, now: float) -> bool:
    start, end = _epoch(schedule.start_date), _epoch(schedule.end_date)
    return (start is None or now >= start) and (end is None or now <= end)


def _epoch(value) -> float | None:
    if value is None or value == "":
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return datetime.fromisoformat(str(value).replace("Z", "+00:00")).timestamp()


def _run(due: Due) -> None:
    while True:
        for account, region, group, schedule in _schedules():
            try:
                if due.check(schedule, time.time()):
                    _fire(account, region, schedule)
                    if schedule.action_after_completion == "DELETE" and is_one_off(schedule.schedule_expression):
                        group.schedules.pop(schedule.name, None)
            except Exception as error:
                LOG.warning("schedule %s: %s", schedule.arn, error)
        time.sleep(EVERY_SECONDS)


def _schedules():
    from moto.scheduler.models import scheduler_backends

    for account, regions in list(scheduler_backends.items()):
        for region, backend in list(regions.items()):
            for group in list(backend.schedule_groups.values()):
                for schedule in list(group.schedules.values()):
                    yield account, region, group, schedule


def _fire(account: str, region: str, schedule) -> None:
    from localstack.aws.connect import connect_to

    clients = connect_to(aws_access_key_id=account, region_name=region)
    target, body = schedule.target, message_of(schedule, account, region, datetime.now(UTC))
    try:
        _deliver(clients, target, body)
    except Exception:
        if not (dead := (target.get("DeadLetterConfig") or {}).get("Arn")):
            raise
        _send(clients.sqs, dead, body)


def _deliver(clients, target: dict, body: str) -> None:
    arn = target["Arn"]
    service = arn.split(":")[2]
    if service == "sqs":
        _send(clients.sqs, arn, body)
    elif service == "lambda":
        clients.lambda_.invoke(FunctionName=arn, InvocationType="Event", Payload=body.encode())
    elif service == "events":
        to = target["EventBridgeParameters"]
        entry = {"EventBusName": arn, "Source": to["Source"], "DetailType": to["DetailType"], "Detail": body}
        clients.events.put_events(Entries=[entry])
    else:
        raise ValueError(f"target {arn} is of a service that is not known here")


def _send(sqs, arn: str, body: str) -> None:
    account, name = arn.split(":")[4:6]
    url = sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=body)
