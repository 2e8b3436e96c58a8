import unittest
from datetime import UTC, datetime

from calico_localstack.expressions import fires_between, is_one_off


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


class OneOff(unittest.TestCase):
    def test_fires_once_at_its_time(self):
        expression = "at(2026-11-21T10:00:30)"
        self.assertTrue(fires_between(expression, 0, at("2026-11-21T10:00:30")))
        self.assertFalse(fires_between(expression, 0, at("2026-11-21T10:00:29")))
        self.assertFalse(fires_between(expression, at("2026-11-21T10:00:30"), at("2026-11-21T11:00:00")))

    def test_keeps_its_time_zone(self):
        expression = "at(2026-11-21T10:00:00)"
        self.assertTrue(fires_between(expression, 0, at("2026-11-21T09:00:00"), zone="Europe/Paris"))
        self.assertFalse(fires_between(expression, 0, at("2026-11-21T08:59:59"), zone="Europe/Paris"))

    def test_is_told_from_the_others(self):
        self.assertTrue(is_one_off("at(2026-11-21T10:00:00)"))
        self.assertFalse(is_one_off("rate(1 minute)"))


class Rate(unittest.TestCase):
    def test_counts_from_its_anchor(self):
        self.assertFalse(fires_between("rate(1 minute)", 100, 159.9, anchor=100))
        self.assertTrue(fires_between("rate(1 minute)", 159.9, 160, anchor=100))
        self.assertFalse(fires_between("rate(1 minute)", 160, 219, anchor=100))

    def test_may_be_sped_up(self):
        self.assertTrue(fires_between("rate(5 minutes)", 100, 105, anchor=100, speed=60))
        self.assertFalse(fires_between("rate(5 minutes)", 100, 104, anchor=100, speed=60))

    def test_does_not_fire_before_its_anchor(self):
        self.assertFalse(fires_between("rate(1 hour)", 0, 100, anchor=7200))


class Cron(unittest.TestCase):
    def fires(self, fields: str, time: str, zone: str = "UTC") -> bool:
        end = at(time)
        return fires_between(f"cron({fields})", end - 60, end, zone=zone)

    def test_matches_every_field(self):
        self.assertTrue(self.fires("0 10 21 NOV ? 2026", "2026-11-21T10:00:00"))
        for time in ("2026-11-21T10:01:00", "2026-11-21T11:00:00", "2026-11-22T10:00:00", "2026-12-21T10:00:00"):
            self.assertFalse(self.fires("0 10 21 NOV ? 2026", time), time)

    def test_knows_ranges_lists_steps_and_days_of_the_week(self):
        self.assertTrue(self.fires("0/15 8-18 ? * MON-FRI *", "2026-11-20T10:45:00"))
        self.assertFalse(self.fires("0/15 8-18 ? * MON-FRI *", "2026-11-21T10:45:00"))
        self.assertTrue(self.fires("5,10 * * * ? *", "2026-11-21T10:10:00"))
        self.assertFalse(self.fires("5,10 * * * ? *", "2026-11-21T10:11:00"))

    def test_keeps_its_time_zone(self):
        self.assertTrue(self.fires("0 11 * * ? *", "2026-11-21T10:00:00", "Europe/Paris"))

    def test_fires_once_in_a_minute(self):
        self.assertFalse(fires_between("cron(* * * * ? *)", 61, 119))
        self.assertTrue(fires_between("cron(* * * * ? *)", 119, 120))

    def test_refuses_what_it_does_not_know(self):
        for expression in ("cron(0 0 L * ? *)", "cron(0 0 * *)", "every day"):
            with self.assertRaises(ValueError):
                fires_between(expression, 0, 3600)
