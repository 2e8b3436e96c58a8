"""When the schedule expressions of EventBridge Scheduler fire: at(...), rate(...), cron(...)."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
CRON = re.compile(r"cron\(([^)]+)\)")
SECONDS = {"minute": 60, "hour": 3600, "day": 86400}
MONTHS = {name: n for n, name in enumerate("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(), 1)}
DAYS = {name: n for n, name in enumerate("SUN MON TUE WED THU FRI SAT".split(), 1)}


def is_one_off(expression: str) -> bool:
    """True for an expression that fires once."""
    return AT.fullmatch(expression) is not None


def fires_between(expression: str, start: float, end: float, *, zone="UTC", anchor=0.0, speed=1.0) -> bool:
    """True when the expression has a time to fire after `start` and not after `end` (epoch seconds).

    `zone` is the time zone of at() and cron(), `anchor` the time from which a rate() counts, and `speed` divides the
    interval of a rate(). Raises ValueError for what it does not know: L, W and # in a cron among others.
    """
    if match := AT.fullmatch(expression):
        at = datetime.fromisoformat(match[1]).replace(tzinfo=ZoneInfo(zone)).timestamp()
        return start < at <= end
    if match := RATE.fullmatch(expression):
        every = int(match[1]) * SECONDS[match[2]] / speed
        return (end - anchor) // every > max((start - anchor) // every, 0)
    if match := CRON.fullmatch(expression):
        matches = _cron(match[1])
        minutes = range(int(start // 60) + 1, int(end // 60) + 1)
        return any(matches(datetime.fromtimestamp(n * 60, UTC).astimezone(ZoneInfo(zone))) for n in minutes)
    raise ValueError(f"not a schedule expression known here: {expression}")


def _cron(fields: str) -> Callable[[datetime], bool]:
    minute, hour, day, month, weekday, year = fields.split()
    allowed = [
        (lambda t: t.minute, _values(minute, 0, 59)),
        (lambda t: t.hour, _values(hour, 0, 23)),
        (lambda t: t.day, _values(day, 1, 31)),
        (lambda t: t.month, _values(month, 1, 12, MONTHS)),
        (lambda t: t.isoweekday() % 7 + 1, _values(weekday, 1, 7, DAYS)),
        (lambda t: t.year, _values(year, 1970, 2199)),
    ]
    return lambda time: all(part(time) in values for part, values in allowed)


def _values(field: str, low: int, high: int, names: dict[str, int] | None = None) -> set[int]:
    number = lambda text: (names or {}).get(text) or int(text)  # noqa: E731
    found: set[int] = set()
    for part in field.upper().split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        if span in ("*", "?"):
            bounds = low, high
        elif last:
            bounds = number(first), number(last)
        else:
            bounds = number(first), high if step else number(first)
        found.update(range(bounds[0], bounds[1] + 1, int(step or 1)))
    return found
