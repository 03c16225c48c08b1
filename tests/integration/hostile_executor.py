"""An executor that is given hostile files: with a node's limits, each operation timed and its memory watched."""

import contextlib
import os
import pathlib
import resource
import socket
import tempfile
import time

import executor_client
from executor_client import DONE, FAILED, LOG, REQUEST, Gone
from support import BIN

OPENED, OPEN = 4, 21


class Died(Exception):
    """The executor ended instead of answering; `status` is the exit status, or minus the signal."""

    def __init__(self, status, log):
        super().__init__(f"the executor ended with status {status}; it had logged: {log}")
        self.status = status


class Outcome:
    """What an operation answered, how long it took, and the most memory that the executor had meanwhile."""

    def __init__(self, ok, body, seconds, peak):
        self.ok, self.body, self.seconds, self.peak = ok, body, seconds, peak

    @property
    def message(self):
        return "" if self.ok else f"{self.body['code']}: {self.body['message']}"


class Executor(executor_client.Executor):
    def __init__(self, *arguments, memory=4 << 30):
        limits = {} if sanitized() else {resource.RLIMIT_AS: memory}
        super().__init__(*arguments, limits=limits)

    def alive(self):
        return self.process.poll() is None

    def run(self, request, descriptors=(), seconds=60, create=None):
        """One operation; `create(name)` makes the files that it asks for."""
        self.last_operation += 1
        operation = self.last_operation
        # The peak is counted from here.
        pathlib.Path(f"/proc/{self.pid}/clear_refs").write_text("5")
        start = time.monotonic()
        try:
            self.socket.settimeout(30)
            self.send(REQUEST, operation, request, descriptors)
            while True:
                self.socket.settimeout(max(start + seconds - time.monotonic(), 0.01))
                kind, _, body = self.receive()
                if kind == LOG:
                    self.log.append(body["line"])
                elif kind == OPEN:
                    fd = create(body["name"])
                    self.send(OPENED, operation, {"id": body["id"]}, [fd])
                    os.close(fd)
                elif kind in (DONE, FAILED):
                    return Outcome(kind == DONE, body, time.monotonic() - start, self.peak())
        except (Gone, ConnectionResetError, BrokenPipeError):
            raise Died(self.process.wait(10), self.log) from None
        except socket.timeout:
            raise AssertionError(f"no answer within {seconds} s") from None

    def peak(self):
        """Bytes."""
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        return 0

    def refused(self):
        """What the sandbox refused so far, as the executor logged it."""
        return [line for line in self.log if line.startswith("the sandbox refused ")]

    # -- operations on files

    def probe(self, path, seconds=60, **fields):
        with open(path, "rb") as source:
            return self.run({"op": "probe", "nameHint": hint(path), **fields}, [source.fileno()], seconds)

    def thumbnail(self, path, seconds=60, pictures=(("jpeg", 320), ("webp", 160)), **fields):
        with contextlib.ExitStack() as open_files:
            outputs = [open_files.enter_context(tempfile.TemporaryFile()) for _ in pictures]
            source = open_files.enter_context(open(path, "rb"))
            wanted = [{"format": kind, "width": width} for kind, width in pictures]
            return self.run({"op": "thumbnail", "nameHint": hint(path), "pictures": wanted, **fields},
                            [source.fileno(), *(o.fileno() for o in outputs)], seconds)

    def transcode(self, path, output, profile, seconds=60, **fields):
        with open(path, "rb") as source, open(output, "w+b") as out:
            return self.run({"op": "transcode", "nameHint": hint(path), "profile": profile, **fields},
                            [source.fileno(), out.fileno()], seconds)

    def verify(self, path, profile, source, seconds=60):
        with open(path, "rb") as made:
            return self.run({"op": "verify", "profile": profile, "source": source, "full": True}, [made.fileno()], seconds)

    def into_folder(self, operation, path, folder, seconds=60, **fields):
        """An operation that asks for its outputs by name: they are made in the folder."""
        def create(name):
            target = os.path.join(folder, name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            return os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

        with open(path, "rb") as source:
            return self.run({"op": operation, "nameHint": hint(path), **fields}, [source.fileno()], seconds, create)


def hint(path):
    return os.path.splitext(str(path))[1][1:].lower()


def sanitized():
    """Whether the programs are built with a sanitizer, which reserves more address space than any limit."""
    data = (BIN / "troupe-executor").read_bytes()
    return b"__asan_init" in data or b"__tsan_init" in data
