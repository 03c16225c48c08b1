"""A link with a delay, for kernels without netem: frames that come in at one interface leave by the other, later.

late_frames.py FIRST SECOND SECONDS    both ways, until standard input ends
late_frames.py whole INTERFACE         has the kernel complete each frame's checksum and cut it to size before it leaves
                                       there: nobody would do so for frames that are copied
"""

import array
import collections
import contextlib
import fcntl
import select
import socket
import struct
import sys
import time

ALL_PROTOCOLS = 3
#: Of what the interface itself sends, ourselves included.
OUTGOING = 4
#: As a queue has a limit: more are dropped.
MOST_HELD = 20_000
SIOCETHTOOL, ETHTOOL_STXCSUM = 0x8946, 0x17


def whole_frames(interface):
    command = array.array("I", [ETHTOOL_STXCSUM, 0])
    request = struct.pack("16sP", interface.encode(), command.buffer_info()[0])
    with socket.socket() as s:
        fcntl.ioctl(s, SIOCETHTOOL, request)


def open_end(interface):
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_PROTOCOLS))
    out.bind((interface, 0))
    out.setblocking(False)
    return out


def arrived(end):
    """Frames that wait at this end."""
    with contextlib.suppress(BlockingIOError):
        while True:
            frame, (_, _, kind, *_) = end.recvfrom(1 << 16)
            if kind != OUTGOING:
                yield frame


def relay(first, second, seconds):
    a, b = open_end(first), open_end(second)
    other = {a: b, b: a}
    held = collections.deque()
    sys.stdout.write("r")
    sys.stdout.flush()
    while True:
        wait = max(0, held[0][0] - time.monotonic()) if held else None
        ready = select.select([a, b, sys.stdin], [], [], wait)[0]
        if sys.stdin in ready:
            return
        for end in ready:
            due = time.monotonic() + seconds
            held.extend((due, other[end], frame) for frame in arrived(end) if len(held) < MOST_HELD)
        now = time.monotonic()
        while held and held[0][0] <= now:
            _, target, frame = held.popleft()
            # A link that is down, or whose queue is full, loses frames.
            with contextlib.suppress(OSError):
                target.send(frame)


if sys.argv[1] == "whole":
    whole_frames(sys.argv[2])
else:
    relay(sys.argv[1], sys.argv[2], float(sys.argv[3]))
