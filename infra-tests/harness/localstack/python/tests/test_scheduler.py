import json
import unittest
from datetime import UTC, datetime
from types import SimpleNamespace

from calico_localstack.scheduler import Due, message_of

CREATED = 1_000_000.0


def schedule(expression: str, **changes):
    fields = {
        "arn": "arn:aws:scheduler:us-east-1:000000000000:schedule/default/s",
        "name": "s",
        "schedule_expression": expression,
        "schedule_expression_timezone": None,
        "creation_date": CREATED,
        "state": "ENABLED",
        "start_date": None,
        "end_date": None,
        "target": {},
    }
    return SimpleNamespace(**{**fields, **changes})


class DueTest(unittest.TestCase):
    def test_fires_each_interval_once(self):
        due, every_minute = Due(1), schedule("rate(1 minute)")
        fired = [second for second in range(200) if due.check(every_minute, CREATED + second)]
        self.assertEqual(fired, [60, 120, 180])

    def test_fires_a_one_off_schedule_of_the_past_at_once_and_only_once(self):
        due, past = Due(1), schedule("at(1970-01-02T00:00:00)")
        self.assertEqual([due.check(past, CREATED + second) for second in range(3)], [True, False, False])

    def test_skips_what_falls_in_a_time_of_being_disabled(self):
        due, paused = Due(1), schedule("rate(1 minute)", state="DISABLED")
        self.assertFalse(due.check(paused, CREATED + 100))
        paused.state = "ENABLED"
        self.assertFalse(due.check(paused, CREATED + 119))
        self.assertTrue(due.check(paused, CREATED + 120))

    def test_keeps_start_and_end(self):
        bounded = schedule("rate(1 minute)", start_date=CREATED + 90, end_date=CREATED + 150)
        due = Due(1)
        fired = [second for second in range(300) if due.check(bounded, CREATED + second)]
        self.assertEqual(fired, [120])

    def test_a_changed_expression_counts_anew(self):
        due, changing = Due(1), schedule("at(1970-01-02T00:00:00)")
        due.check(changing, CREATED)
        changing.schedule_expression = "at(1970-01-03T00:00:00)"
        self.assertTrue(due.check(changing, CREATED + 1))


class MessageTest(unittest.TestCase):
    NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)

    def test_fills_in_placeholders(self):
        wake = schedule("rate(1 minute)", target={"Input": '{"at":"<aws.scheduler.scheduled-time>"}'})
        self.assertEqual(message_of(wake, "0", "us-east-1", self.NOW), '{"at":"2026-11-21T10:00:00Z"}')

    def test_sends_the_default_event_without_input(self):
        event = json.loads(message_of(schedule("rate(1 minute)"), "0", "us-east-1", self.NOW))
        self.assertEqual(event["detail-type"], "Scheduled Event")
        self.assertEqual(event["resources"], ["arn:aws:scheduler:us-east-1:000000000000:schedule/default/s"])
