"""Processes whose wall clock is another one, by libfaketime (package faketime)."""

import pathlib
import re

LIBRARY = next(iter(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), None)

#: What the library shares among the processes of one clock; the number is that of the first of them.
_SHARED = re.compile(r"(?:sem\.faketime_sem|faketime_shm)_(\d+)")


def forget_the_dead(shared=pathlib.Path("/dev/shm")):
    """The library names what it shares by the process and ends, without a word, where that name is there already: as
    from one that was killed, and whose number has come round."""
    for left in shared.iterdir():
        found = _SHARED.fullmatch(left.name)
        if found and not pathlib.Path("/proc", found[1]).exists():
            left.unlink(missing_ok=True)


def steered_by(file):
    """For a Node: its environment, whose wall clock is moved by what the file says. Executors are spared: the library
    would open that file inside their sandbox."""
    if LIBRARY is None:
        raise AssertionError("libfaketime is not installed (package faketime)")
    return {"preload": LIBRARY,
            "env": {"FAKETIME_TIMESTAMP_FILE": str(file), "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                    "DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1", "TROUPE_TEST_NO_PRELOAD": "1"}}


def shifted(by):
    """What goes before a command whose clock is off by that much: "-730d"."""
    forget_the_dead()
    return ("faketime", "-f", by)
