"""Real nodes, sockets and files for the integration tests. Everything on loopback, in temporary folders, bounded in
time; only processes that were started here are ended."""

import base64
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import tempfile
import threading
import time
import unittest

import faked_clock
from namespaces import Here

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("TROUPE_BIN", ROOT / "build" / "bin"))
MEDIA = pathlib.Path(os.environ.get("TROUPE_TEST_MEDIA", ROOT / "build" / "media-samples"))
SOAK = os.environ.get("TROUPE_SOAK", "") not in ("", "0")


def rounds(short, full):
    """How often a campaign runs: a little in ./test, in full in ./test --soak."""
    return full if SOAK else short


def wait_until(what, check, seconds=30, every=0.02):
    """Polls from outside, as a person would look; the product itself does not poll."""
    end = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(every)


_given = set()


def free_port():
    """A port nobody listens on. From below the ephemeral range, so that no outgoing connection takes it meanwhile."""
    start = 20000 + (os.getpid() * 37) % 9000
    for port in range(start, 31000):
        if port in _given:
            continue
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
    raise RuntimeError("no free port")


def children_of(pid):
    """Process ids below this one, grandchildren too."""
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError):
                stat = (entry / "stat").read_text()
                parents[int(entry.name)] = int(stat.rsplit(")", 1)[1].split()[1])
    found, todo = [], [pid]
    while todo:
        parent = todo.pop()
        below = [p for p, of in parents.items() if of == parent]
        found += below
        todo += below
    return found


def name_of(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def executors_of(pid):
    return [p for p in children_of(pid) if name_of(p).startswith("troupe-exec")]


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)


class Node:
    """One trouped process with a data folder of its own, on this machine or at a place of another network."""

    def __init__(self, data=None, env=None, preload=None, place=None, **settings):
        self.place = place or Here()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="troupe-test-"))
        self.data = pathlib.Path(data) if data else self.folder / "data"
        self.settings = {
            "node.data": str(self.data),
            "gateway.port": free_port(),
            "mesh.port": free_port(),
            "health.interval": "1s",
            "gateway.requests_per_minute": 0,
            "log.format": "text",
            "log.level": "info",
            # What nobody asked for would run beside what is tested.
            "storyboards.after_ingest": "false",
        }
        if place:
            self.settings["mesh.address"] = place.address
        self.settings.update({k.replace("__", "."): v for k, v in settings.items()})
        # What a node keeps for itself is not the user's.
        self.env = dict(os.environ, XDG_CACHE_HOME=str(self.folder / "cache"), **(env or {}))
        if preload:
            self.env["LD_PRELOAD"] = str(preload)
        self.process = None
        self.log = self.folder / "trouped.log"

    # -- life

    def command(self):
        # The node ends with the tests, however those end.
        args = ["setpriv", "--pdeathsig", "KILL", str(BIN / "trouped")]
        for key, value in self.settings.items():
            args += ["--set", f"{key}={value}"]
        return self.place.command(args)

    def start(self, wait=True, seconds=30, cwd=None):
        if "FAKETIME_TIMESTAMP_FILE" in self.env:
            faked_clock.forget_the_dead()
        log = open(self.log, "ab")
        self.process = subprocess.Popen(self.command(), stdout=subprocess.PIPE, stderr=log, env=self.env, cwd=cwd,
                                        start_new_session=True)
        log.close()
        # Of this life: the reader of the life before may still be waiting for the last of what it started.
        self._ready = threading.Event()
        threading.Thread(target=self._read, args=(self.process, self._ready), daemon=True).start()
        if wait:
            self.wait_ready(seconds)
        return self

    def _read(self, process, ready):
        with open(self.log, "ab") as log:
            for line in process.stdout:
                log.write(line)
                log.flush()
                if line.startswith(b"ready http://") or line.startswith(b"ready worker"):
                    ready.set()
        ready.set()

    def wait_ready(self, seconds=30):
        if not self._ready.wait(seconds) or self.process.poll() is not None:
            raise AssertionError(f"trouped did not get ready (status {self.process.poll()}):\n{self.tail()}")

    def tail(self, lines=40):
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        return ""

    def kill(self, sig=signal.SIGKILL):
        if self.process and self.process.poll() is None:
            self.process.send_signal(sig)

    def kill_hard(self):
        """kill -9 and the end of everything it had started."""
        below = children_of(self.process.pid)
        self.kill()
        self.process.wait(10)
        wait_until("executors gone after the node", lambda: not [p for p in below if name_of(p)
                   .startswith("troupe-exec") and _alive(p)], 5)

    def stop(self, seconds=20):
        if not self.process:
            return None
        self.kill(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
            raise AssertionError(f"trouped did not stop within {seconds} s:\n{self.tail()}")

    def close(self):
        with contextlib.suppress(Exception):
            if self.process and self.process.poll() is None:
                self.process.send_signal(signal.SIGCONT)
                self.process.kill()
                self.process.wait(5)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        if kind is not None:
            print(f"\n--- end of the node's log ---\n{self.tail()}\n---", flush=True)
        self.close()

    # -- asking

    @contextlib.contextmanager
    def database(self):
        """Its own rows, to be read only."""
        db = sqlite3.connect(f"file:{self.data}/troupe.db?mode=ro", uri=True, timeout=10)
        try:
            yield db
        finally:
            db.close()

    @property
    def port(self):
        return int(self.settings["gateway.port"])

    @property
    def mesh(self):
        return f"{self.place.address}:{self.settings['mesh.port']}"

    def request(self, method, path, body=None, headers=None, timeout=30):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        connection.sock = self.place.connect("127.0.0.1", self.port, timeout)
        try:
            headers = dict(headers or {})
            if isinstance(body, (dict, list)):
                body = json.dumps(body)
                headers.setdefault("Content-Type", "application/json")
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def get(self, path, expect=200, **kw):
        answer = self.request("GET", path, **kw)
        assert answer.status == expect, f"GET {path}: {answer.status} {answer.body[:300]}"
        return answer.json

    def post(self, path, body=None, expect=(200, 201, 202), **kw):
        answer = self.request("POST", path, body if body is not None else {}, **kw)
        assert answer.status in expect, f"POST {path}: {answer.status} {answer.body[:300]}"
        return answer.json

    def cli(self, *args, timeout=60, check=True):
        env = dict(os.environ, NO_COLOR="1", TROUPE_IDENTITY=str(self.settings.get("mesh.identity", "")))
        done = subprocess.run(self.place.command([str(BIN / "troupe"), "--node", self.mesh, *args]),
                              capture_output=True, text=True, timeout=timeout, env=env)
        if check and done.returncode != 0:
            raise AssertionError(f"troupe {' '.join(args)}: status {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def job(self, job_id):
        return self.get(f"/api/jobs/{job_id}/status")

    def wait_job(self, job_id, states=("completed", "failed", "cancelled"), seconds=60):
        return wait_until(f"job {job_id} to be {'/'.join(states)}",
                          lambda: (lambda s: s if s["status"] in states else None)(self.job(job_id)), seconds, 0.05)

    def upload(self, path, category="tests", name=None, headers=None, field="video"):
        boundary = "----troupe" + os.urandom(8).hex()
        data = pathlib.Path(path).read_bytes()
        body = multipart(boundary, [("category", None, category.encode()), (field, name or pathlib.Path(path).name, data)])
        head = {"Content-Type": f"multipart/form-data; boundary={boundary}", **(headers or {})}
        return self.request("POST", "/api/videos/upload", body, head)

    def add_library(self, folder, name="films"):
        return self.post("/api/libraries", {"name": name, "root": str(folder), "category": name})

    def scan(self, library, seconds=120):
        scan = self.post(f"/api/libraries/{library}/scan")
        return wait_until("the scan to end", lambda: (lambda s: s if s["status"] in ("completed", "failed", "cancelled")
                          else None)(self.get(f"/api/scans/{scan['id']}")), seconds, 0.1)


def _alive(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def multipart(boundary, parts):
    out = b""
    for name, filename, data in parts:
        out += f"--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"".encode()
        if filename is not None:
            out += f"; filename=\"{filename}\"\r\nContent-Type: application/octet-stream".encode()
        out += b"\r\n\r\n" + data + b"\r\n"
    return out + f"--{boundary}--\r\n".encode()


class WebSocket:
    """A small RFC 6455 client."""

    def __init__(self, port, path="/ws", headers=None, place=None):
        self.socket = (place or Here()).connect("127.0.0.1", port, 10)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Upgrade: websocket", "Connection: Upgrade",
                 f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"]
        lines += [f"{k}: {v}" for k, v in (headers or {}).items()]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            more = self.socket.recv(4096)
            if not more:
                break
            self.buffer += more
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        self.status = int(head.split()[1]) if head else 0

    def send(self, message):
        data = json.dumps(message).encode()
        mask = os.urandom(4)
        head = b"\x81" + (bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + struct.pack(">H", len(data)))
        self.socket.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def _take(self, count):
        while len(self.buffer) < count:
            more = self.socket.recv(65536)
            if not more:
                raise ConnectionError("closed")
            self.buffer += more
        out, self.buffer = self.buffer[:count], self.buffer[count:]
        return out

    def receive(self, timeout=10):
        """The next text message as an object; ('close', code) at the end."""
        self.socket.settimeout(timeout)
        while True:
            first, second = self._take(2)
            size = second & 0x7F
            if size == 126:
                size = struct.unpack(">H", self._take(2))[0]
            elif size == 127:
                size = struct.unpack(">Q", self._take(8))[0]
            data = self._take(size)
            kind = first & 0x0F
            if kind == 1:
                return json.loads(data)
            if kind == 8:
                return ("close", struct.unpack(">H", data[:2])[0] if len(data) >= 2 else 1005)
            if kind == 9:
                mask = os.urandom(4)
                self.socket.sendall(bytes([0x8A, 0x80 | len(data)]) + mask
                                    + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def close(self):
        self.socket.close()


def sample(name=None):
    """A real video from Debian's packages (tests/support/fetch-media)."""
    files = sorted(MEDIA.glob("*")) if MEDIA.is_dir() else []
    if not files:
        raise AssertionError(f"no media in {MEDIA}: run tests/support/fetch-media {MEDIA}")
    if name:
        for f in files:
            if name in f.name:
                return f
        raise AssertionError(f"no file like {name} in {MEDIA}")
    return files[0]


def sample_metrics(node):
    """The samples of /metrics by their text before the value; promtool has its say where it is installed."""
    text = node.request("GET", "/metrics").body.decode()
    promtool = os.environ.get("PROMTOOL") or shutil.which("promtool")
    if promtool:
        done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True)
        if done.returncode != 0:
            raise AssertionError(f"promtool: {done.stdout}{done.stderr}")
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#")]
    found = {name: float(value) for name, value in lines}
    assert len(found) == len(lines), "a sample is there twice"
    return found


def synth(target, *args, seconds=3, size="320x240", rate=25):
    """A small video made by the ffmpeg program."""
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i",
                    f"testsrc2=size={size}:rate={rate}:duration={seconds}", "-f", "lavfi", "-i",
                    f"sine=frequency=440:duration={seconds}", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt",
                    "yuv420p", "-c:a", "aac", *args, str(target)], check=True)
    return pathlib.Path(target)


#: Of POST /api/videos/{id}/transcode: takes its time, although our films fit the profile already.
SLOW_TRANSCODE = {"profile": "web-720p", "copyFitting": False}


def leftovers(data):
    """Files of unfinished work in a data folder."""
    found = []
    for sub in ("tmp", "uploads", "renditions", "artwork", "downloads"):
        for path in (pathlib.Path(data) / sub).rglob("*"):
            if path.is_file() and (sub == "tmp" or path.name.endswith((".part", ".tmp"))
                                   or path.name.startswith(".incoming-")):
                found.append(str(path.relative_to(data)))
    return found


class TestCase(unittest.TestCase):
    maxDiff = None

    def has_failed(self):
        """For a cleanup that tells more about a test that failed."""
        result = self._outcome.result
        return any(test is self for test, _ in result.failures + result.errors)
