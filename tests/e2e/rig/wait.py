"""Waiting for a condition, never for a time."""
import os
import time

SLOW = float(os.environ.get("E2E_SLOW", "1"))  # sanitizer builds stretch every deadline


def until(condition, seconds=10, what="condition"):
    """Returns the first true value of condition(); fails after `seconds` (times E2E_SLOW)."""
    end = time.monotonic() + seconds * SLOW
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds * SLOW:g} s: {what() if callable(what) else what}")
        time.sleep(0.01)
