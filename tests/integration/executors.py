"""A troupe-executor without a node: the worker's side of the frames (protocol/model/executor.hpp)."""

import array
import contextlib
import json
import os
import resource
import socket
import struct
import subprocess
import tempfile
import time

from support import BIN

HEADER = struct.Struct("=IHHQ")
REQUEST, CANCEL, SHUTDOWN, OPENED = 1, 2, 3, 4
READY, PROGRESS, LOG, DONE, FAILED, OPEN = 16, 17, 18, 19, 20, 21
NAMES = {READY: "ready", PROGRESS: "progress", LOG: "log", DONE: "done", FAILED: "failed", OPEN: "open"}


class Died(Exception):
    """The executor ended instead of answering; `status` is the exit status, or minus the signal."""

    def __init__(self, status, log):
        super().__init__(f"the executor ended with status {status}; it had logged: {log}")
        self.status = status


class Outcome:
    """Of one operation: what it answered, how long it took, how much memory the executor had at most so far."""

    def __init__(self, kind, body, seconds, peak, log):
        self.kind, self.body, self.seconds, self.peak, self.log = kind, body, seconds, peak, log

    @property
    def ok(self):
        return self.kind == "done"

    @property
    def message(self):
        return "" if self.ok else f"{self.body['code']}: {self.body['message']}"


class Executor:
    """One process, as a worker starts it: with the limits of a node's defaults and its sandbox."""

    def __init__(self, *arguments, memory=4 << 30, file_size=None, wrapper=(), program=None, env=None):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket = ours
        self.log = []
        self.operation = 0
        self.stderr = tempfile.TemporaryFile()

        def prepare():
            os.dup2(theirs.fileno(), 3)
            if memory and not sanitized():
                resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
            if file_size:
                resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))

        self.process = subprocess.Popen([*wrapper, str(program or BIN / "troupe-executor"), *arguments],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.stderr,
                                        pass_fds=(3,), preexec_fn=prepare, start_new_session=True, env=env)
        theirs.close()
        self.ready = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
        self.stderr.close()

    @property
    def pid(self):
        return self.process.pid

    def errors(self):
        self.stderr.seek(0)
        return self.stderr.read().decode(errors="replace")

    def peak(self):
        """Most resident memory so far, bytes."""
        try:
            with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
                for line in status:
                    if line.startswith("VmHWM:"):
                        return int(line.split()[1]) * 1024
        except OSError:
            pass
        return 0

    def receive(self, seconds):
        """Type, operation and body of the next frame."""
        end = time.monotonic() + seconds
        head = self._read(HEADER.size, end)
        length, kind, _, operation = HEADER.unpack(head)
        return kind, operation, json.loads(self._read(length, end) or b"null")

    def _read(self, size, end):
        out = b""
        while len(out) < size:
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError("the executor says nothing")
            self.socket.settimeout(left)
            try:
                piece = self.socket.recv(size - len(out))
            except ConnectionResetError:
                piece = b""
            if not piece:
                raise Died(self.process.wait(10), self.log)
            out += piece
        return out

    def wait_ready(self, seconds=30):
        if self.ready is None:
            kind, _, self.ready = self.receive(seconds)
            assert kind == READY, NAMES.get(kind, kind)
        return self.ready

    def send(self, kind, operation, body, descriptors=()):
        data = json.dumps(body).encode() if body is not None else b""
        control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        self.socket.settimeout(30)
        self.socket.sendmsg([HEADER.pack(len(data), kind, len(descriptors), operation) + data], control)

    def run(self, request, descriptors=(), seconds=60, create=None):
        """One operation; `create(name)` answers what it asks for with a descriptor."""
        self.wait_ready()
        self.operation += 1
        start = time.monotonic()
        self.send(REQUEST, self.operation, request, descriptors)
        while True:
            kind, _, body = self.receive(max(start + seconds - time.monotonic(), 0.01))
            if kind == LOG:
                self.log.append(body["line"])
            elif kind == OPEN:
                fd = create(body["name"])
                self.send(OPENED, self.operation, {"id": body["id"]}, [fd])
                os.close(fd)
            elif kind in (DONE, FAILED):
                return Outcome(NAMES[kind], body, time.monotonic() - start, self.peak(), self.log)

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

    def verify(self, path, profile, source, seconds=60, **fields):
        with open(path, "rb") as made:
            return self.run({"op": "verify", "profile": profile, "source": source, "full": True, **fields},
                            [made.fileno()], seconds)

    def into_folder(self, operation, path, folder, seconds=60, **fields):
        """An operation that asks for its outputs by name: they are made in the folder."""
        def create(name):
            target = os.path.join(folder, name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            return os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

        with open(path, "rb") as source:
            return self.run({"op": operation, "nameHint": hint(path), **fields}, [source.fileno()], seconds, create)

    def fault(self, name, path, seconds=60):
        with open(path, "rb") as source:
            return self.run({"op": "probe", "fault": name}, [source.fileno()], seconds)

    def refused(self):
        """What the sandbox refused so far, as the executor logged it."""
        return [line for line in self.log if line.startswith("the sandbox refused ")]

    def end(self, seconds=5):
        """A polite shutdown; the exit status."""
        self.send(SHUTDOWN, 0, None)
        return self.process.wait(seconds)


def hint(path):
    return os.path.splitext(str(path))[1][1:].lower()


def sanitized():
    """Whether the programs are built with a sanitizer, which reserves more address space than any limit."""
    with open(BIN / "troupe-executor", "rb") as program:
        data = program.read()
    return b"__asan_init" in data or b"__tsan_init" in data
