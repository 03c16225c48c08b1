"""A worker's side of the executor protocol (protocol/model/executor.hpp), for tests that ask troupe-executor directly: a
frame is a header of 16 bytes and a JSON body; descriptors travel with the frame's first byte."""

import contextlib
import json
import os
import resource
import socket
import struct
import subprocess

from support import BIN

HEADER = struct.Struct("=IHHQ")
REQUEST, CANCEL, SHUTDOWN = 1, 2, 3
READY, PROGRESS, LOG, DONE, FAILED = 16, 17, 18, 19, 20


class Failed(Exception):
    """The executor's answer to an operation that did not succeed."""

    def __init__(self, body):
        super().__init__(f"{body['code']}: {body['message']}")
        self.code, self.cls, self.message = body["code"], body["class"], body["message"]


class Gone(Exception):
    """The executor has ended."""


class Executor:
    """One troupe-executor process. `limits`: {resource.RLIMIT_…: value}. Use it in a `with`."""

    def __init__(self, *arguments, program=BIN / "troupe-executor", limits=None, timeout=60, env=None):
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)

        def prepare():
            for which, value in (limits or {}).items():
                resource.setrlimit(which, (value, value))
            os.dup2(theirs.fileno(), 3)
            os.set_inheritable(3, True)

        # What Python opens is not inherited anyway. pass_fds=(3,) would want a 3 that is open in this process, too,
        # which it is or is not as other threads open and close theirs.
        with theirs:
            self.process = subprocess.Popen([str(program), *arguments], preexec_fn=prepare, close_fds=False,
                                            stdin=subprocess.DEVNULL, env=env)
        self.pid = self.process.pid
        self.last_operation = 0
        # By operation: what came before its answer. Lines of the log name no operation: the newest are kept together.
        self.progress, self.log = {}, []
        kind, _, self.ready = self.receive()
        assert kind == READY, kind

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """The executor ends when its worker is gone, whatever it does."""
        self.socket.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def shutdown(self):
        """Its exit status."""
        self.send(SHUTDOWN)
        return self.process.wait(10)

    def send(self, kind, operation=0, body=None, fds=()):
        data = b"" if body is None else json.dumps(body).encode()
        frame = HEADER.pack(len(data), kind, len(fds), operation) + data
        sent = socket.send_fds(self.socket, [frame], fds) if fds else 0
        self.socket.sendall(frame[sent:])

    def read_exactly(self, size):
        data = bytearray()
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise Gone(f"the executor ended with status {self.process.wait(10)}")
            data += more
        return bytes(data)

    def receive(self):
        """The next frame: its type, operation, decoded body."""
        length, kind, _, operation = HEADER.unpack(self.read_exactly(HEADER.size))
        return kind, operation, json.loads(self.read_exactly(length) or "null")

    def request(self, op, files=(), **fields):
        """Sends a request and returns its number. `files` are paths to read, or (path, flags of os.open)."""
        self.last_operation += 1
        with contextlib.ExitStack() as stack:
            fds = []
            for file in files:
                path, flags = file if isinstance(file, tuple) else (file, os.O_RDONLY)
                fds.append(os.open(path, flags | os.O_CLOEXEC, 0o600))
                stack.callback(os.close, fds[-1])
            self.send(REQUEST, self.last_operation, {"op": op, **fields}, fds)
        return self.last_operation

    def answer(self, operation):
        """Waits for the operation's answer and returns it; raises Failed or Gone."""
        while True:
            kind, of, body = self.receive()
            if kind == LOG:
                self.log.append(body["line"])
            elif kind == PROGRESS:
                self.progress.setdefault(of, []).append(body)
            elif of == operation and kind == DONE:
                return body
            elif of == operation and kind == FAILED:
                raise Failed(body)

    def call(self, op, files=(), **fields):
        return self.answer(self.request(op, files, **fields))

    def probe(self, path):
        path = os.fspath(path)
        return self.call("probe", [path], nameHint=os.path.splitext(path)[1][1:].lower())
