"""The watchdog ends the process only as a last resort."""

from __future__ import annotations

from acra_express_async.runtime.health import Health
from acra_express_async.runtime.watchdog import OVERTIME_SECONDS, STUCK_SECONDS, Watchdog


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def watched() -> tuple[Clock, Health, Watchdog, list[int]]:
    clock = Clock()
    health = Health(clock)
    left: list[int] = []
    return clock, health, Watchdog(health, leave=left.append), left


def test_a_loop_that_makes_progress_is_left_alone() -> None:
    clock, health, watchdog, left = watched()
    beacon = health.beacon("poller")
    for _ in range(100):
        clock.now += 10
        beacon.beat()
        watchdog.look()
    assert not left


def test_a_loop_stuck_for_two_minutes_ends_the_process() -> None:
    clock, health, watchdog, left = watched()
    health.beacon("poller")
    clock.now += 61
    watchdog.look()
    clock.now += STUCK_SECONDS
    watchdog.look()
    assert not left
    clock.now += 1
    watchdog.look()
    assert left == [1]


def test_a_recovered_loop_gets_the_full_time_again() -> None:
    clock, health, watchdog, left = watched()
    beacon = health.beacon("poller")
    clock.now += 61
    watchdog.look()
    beacon.beat()
    watchdog.look()
    clock.now += 61
    watchdog.look()
    assert not left


def test_a_declared_long_step_does_not_count_as_stuck() -> None:
    clock, health, watchdog, left = watched()
    health.beacon("worker-1").allow(300)
    clock.now += 299
    watchdog.look()
    assert not health.stuck
    assert not left


def test_a_stop_that_exceeds_its_limit_ends_the_process() -> None:
    clock, health, watchdog, left = watched()
    health.ends_by = clock.now + 25
    clock.now += 25 + OVERTIME_SECONDS
    watchdog.look()
    assert not left
    clock.now += 1
    watchdog.look()
    assert left == [1]


def test_the_watchdog_thread_checks_by_itself_and_stops() -> None:
    _, _, watchdog, left = watched()
    watchdog.start()
    watchdog.stop()
    watchdog._thread.join(timeout=30)
    assert not watchdog._thread.is_alive()
    assert not left
