"""A node under load that is killed again and again, and what must be true of it in the end.

A campaign is one data folder that lives through several lives of trouped. In each life clients submit, upload, scan,
transcode and download until the node is killed at a random moment; a client that got no answer asks again in the next
life under the same key, as the API tells it to. The choices follow from the seed; the timing is the machine's."""

import atexit
import contextlib
import functools
import http.server
import json
import pathlib
import random
import shutil
import socketserver
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

import published
import support
from clients import Broken, Clients, digest

sys.path.insert(0, str(support.ROOT / "tests/support/powercut"))
import powercut  # noqa: E402

LIBRARY = support.BIN.parent / "tests/support/libtroupe_powercut.so"
OPEN = "waiting,delayed,queued,running"


@functools.cache
def sources():
    """Three small videos, made once in a process: [(path, seconds)]."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="troupe-test-sources-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return [(support.synth(folder / f"source{n}.mp4", seconds=length, size=size, rate=12), length)
            for n, (length, size) in enumerate(((1, "160x120"), (2, "192x144"), (3, "128x96")))]


class FileServer:
    """The sources at http://127.0.0.1:PORT/sourceN.mp4, sent slowly enough for a kill to fall into a download."""

    def __init__(self):
        folder = sources()[0][0].parent

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *args):
                super().__init__(*args, directory=str(folder))

            def copyfile(self, source, out):
                with contextlib.suppress(OSError):
                    while piece := source.read(16384):
                        out.write(piece)
                        time.sleep(0.005)

            def log_message(self, *_):
                pass

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, n):
        return f"http://127.0.0.1:{self.port}/{sources()[n][0].name}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Campaign(Clients):
    def __init__(self, seed, power=False, environment=None):
        self.rng = random.Random(seed)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="troupe-test-"))
        self.films = self.folder / "films"
        self.films.mkdir()
        self.originals = {}
        data = self.folder / "data"
        self.cut = powercut.PowerCut(data, LIBRARY) if power else None
        self.server = FileServer()
        node = support.Node(data, dict(self.cut.environment if power else {}, **(environment or {})),
                            LIBRARY if power else None, worker__private_downloads="true", jobs__lease="2s",
                            gateway__requests_per_minute="0", worker__video="2", worker__executors="2",
                            node__stop_grace="20s")
        super().__init__(node, seed)
        self.scans, self.library = [], None
        self.kills = 0

    def close(self):
        self.server.close()
        self.node.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- clients

    def ask(self, intent):
        """Sets intent.job when the node acknowledged it. Whatever breaks is asked again later."""
        head = {"Idempotency-Key": intent.key}
        if intent.kind == "noop":
            answer = self.post("/api/jobs", {"kind": "noop"}, head)
        elif intent.kind == "upload":
            answer = self.acknowledged(self.node.upload(sources()[intent.what["n"]][0], headers=head), intent)
        elif intent.kind == "download":
            answer = self.post("/api/videos/wanted/download", {"url": self.server.url(intent.what["n"])}, head)
        elif intent.kind == "transcode":
            answer = self.post(f"/api/videos/{intent.what['video']}/transcode", support.SLOW_TRANSCODE, head)
        else:
            done = self.node.cli("jobs", "submit", "noop", "--submission-id", intent.key, "-o", "json", check=False,
                                 timeout=20)
            if done.returncode != 0:
                return
            answer = json.loads(done.stdout)
        intent.job = answer["jobId"]

    def _add_film(self, rng):
        """A new original appears, whole at once, and the library is scanned."""
        n = rng.randrange(len(sources()))
        name = f"film {len(self.originals)}.mp4"
        shutil.copyfile(sources()[n][0], self.films / ("." + name))
        (self.films / ("." + name)).rename(self.films / name)
        self.originals[name] = (digest(sources()[n][0]), n)
        self._scan()

    def _scan(self):
        if self.library is None:
            have = {x["root"]: x["id"] for x in self.node.get("/api/libraries")["libraries"]}
            self.library = have.get(str(self.films))
        if self.library is None:
            self.library = self.post("/api/libraries", {"name": "films", "root": str(self.films), "category": "films"})["id"]
        self.scans.append(self.post(f"/api/libraries/{self.library}/scan", {})["id"])

    def _transcode(self, rng):
        ready = self.node.get("/api/videos?limit=100")["videos"]
        return self.intend("transcode", video=rng.choice(ready)["id"]) if ready else None

    def _start_clients(self, stop):
        size = len(sources())
        clients = [(lambda r: self.intend("noop"), 0.02, 400), (lambda r: self.intend("noop"), 0.02, 400),
                   (lambda r: self.intend("cli"), 0.3, 3),
                   (lambda r: self.intend("upload", n=r.randrange(size)), 0.5, 2),
                   (lambda r: self.intend("download", n=r.randrange(size)), 0.5, 2),
                   (self._transcode, 0.5, 2), (self._add_film, 0.5, 2)]
        return self.start(clients, self.rng, stop)

    # -- lives

    def life(self):
        """Start, check what was promised, load, kill."""
        self.node.start(seconds=60)
        self.check_acknowledged()
        stop = threading.Event()
        threads = self._start_clients(stop)
        time.sleep(self.rng.choice((0.3, 1, 2.5)) * self.rng.random())
        stop.set()
        if (status := self.node.process.poll()) is not None:
            raise Broken(f"trouped ended by itself with status {status}")
        self._kill()
        self.kills += 1
        for t in threads:
            t.join(60)
        if self.problems:
            raise Broken("; ".join(self.problems))
        if self.cut:
            self.cut.strike(self.rng)

    def _kill(self):
        """Nothing of the node works in the folder any more when this returns; a busy machine takes its time."""
        executors = support.executors_of(self.node.process.pid)
        self.node.kill()
        self.node.process.wait(10)
        support.wait_until("executors gone after the node", lambda: not any(
            support.name_of(p).startswith("troupe-exec") and support._alive(p) for p in executors), 30)

    def check_acknowledged(self):
        """Every job that a client was told of is there. By the database's rows, as a reader sees them."""
        acknowledged = {i.job: i for i in self.intents if i.job}
        with self.node.database() as db:
            there = {id for id, in db.execute("SELECT id FROM jobs")}
            if self.library and not db.execute("SELECT 1 FROM libraries WHERE id = ?", (self.library,)).fetchone():
                raise Broken(f"library {self.library} was acknowledged and is gone")
        if lost := [str(i) for id, i in acknowledged.items() if id not in there]:
            raise Broken(f"{len(lost)} of {len(acknowledged)} acknowledged jobs are gone: " + "; ".join(lost[:5]))

    def finish(self, seconds=120):
        """A last life in which everything ends; then a clean stop."""
        self.node.start(seconds=60)
        self.check_acknowledged()
        try:
            self._until_all_ended(seconds)
        except OSError as e:
            raise Broken(f"the node is gone, status {self.node.process.poll()}: {e}") from e
        status = self.node.stop(60)
        if status != 0:
            raise Broken(f"the stop ended with status {status}")

    def _until_all_ended(self, seconds):
        end = time.monotonic() + seconds
        while any(i.job is None for i in self.intents):
            self.ask_again()
            if self.problems or time.monotonic() > end:
                raise Broken(f"{self.problems} not acknowledged: {[i for i in self.intents if i.job is None][:5]}")
        # A scan that is under way may be past the newest film: its request is answered with that scan.
        known = set(self.scans)
        while known.issuperset(self.scans):
            self._wait_until_idle(end)
            self._scan()
        self._wait_until_idle(end)
        self._wait_for_scan(self.scans[-1], end)

    def _wait_until_idle(self, end):
        while jobs := self.node.get(f"/api/jobs?status={OPEN}")["jobs"]:
            if time.monotonic() > end:
                raise Broken("not ended: " + "; ".join(f"{j['kind']} {j['id']} {j['status']} {j.get('error')}" for j in jobs))
            time.sleep(0.05)

    def _wait_for_scan(self, scan, end):
        while (status := self.node.get(f"/api/scans/{scan}")["status"]) != "completed":
            if status in ("failed", "cancelled") or time.monotonic() > end:
                raise Broken(f"scan {scan}: {status}")
            time.sleep(0.05)

    # -- the end

    def check(self):
        """All promises at once; the node is stopped."""
        if self.cut:
            # What was told to be finished survives a last power cut, too; what was removed may be back until a start.
            self.cut.strike(self.rng)
            self.node.start(seconds=60)
            self.node.stop(60)
        with self.node.database() as db:
            db.row_factory = sqlite3.Row
            self._db = db
            self._check_jobs()
            self._check_renditions()
            self._check_taken_in()
            self._check_library()
            self._check_no_orphans()

    def _rows(self, query, *args):
        return self._db.execute(query, args).fetchall()

    def _check_jobs(self):
        if (problem := self._rows("PRAGMA integrity_check")[0][0]) != "ok":
            raise Broken(f"the database is damaged: {problem}")
        jobs = {row["id"]: row for row in self._rows("SELECT * FROM jobs")}
        for intent in self.intents:
            row = jobs.get(intent.job)
            if row is None:
                raise Broken(f"{intent}: acknowledged, and gone")
            if row["state"] != "completed":
                raise Broken(f"{intent}: {row['state']}: {row['last_error']} {row['attempts'][:2000]}")
        if bad := [f"{j['kind']} {id}: {j['last_error']}" for id, j in jobs.items() if j["state"] == "failed"]:
            raise Broken("failed: " + "; ".join(bad))
        wanted = sorted(i.job for i in self.intents if i.kind in ("noop", "cli"))
        if wanted != sorted(id for id, j in jobs.items() if j["kind"] == "noop"):
            raise Broken("some submission made two jobs, or two made one")

    def _check_renditions(self):
        rows = {}
        for row in self._rows("SELECT r.*, v.duration AS source FROM renditions r JOIN videos v ON v.id = r.video"):
            rows.setdefault(row["made_by"], []).append(row)
        wanted = {i.job for i in self.intents if i.kind == "transcode"}
        if wanted != rows.keys() or any(len(r) != 1 for r in rows.values()):
            raise Broken(f"renditions of {sorted(map(str, rows))}, wanted one each of {sorted(map(str, wanted))}")
        for row, in rows.values():
            path = self.node.data / row["file"]
            if not path.is_file() or path.stat().st_size != row["size"]:
                raise Broken(f"{row['file']} is missing or has another size than {row['size']}")
            found = published.probe(path)
            if abs(float(found["format"]["duration"]) - row["source"]) > 0.3:
                raise Broken(f"{row['file']}: {found}, the source has {row['source']} s")

    def _check_taken_in(self):
        """Each upload and each download is one video with the bytes that were sent."""
        for kind, folder in (("upload", "uploads"), ("download", "downloads")):
            wanted = sorted(digest(sources()[i.what["n"]][0]) for i in self.intents if i.kind == kind)
            paths = self._rows("SELECT v.path, v.state FROM videos v JOIN libraries l ON l.id = v.library "
                               "WHERE l.root = ?", str(self.node.data / folder))
            if bad := [row["path"] for row in paths if row["state"] != "ready"]:
                raise Broken(f"{folder}: not ready: {bad}")
            found = sorted(digest(self.node.data / folder / row["path"]) for row in paths)
            if found != wanted:
                raise Broken(f"{len(wanted)} {kind}s became {len(found)} videos, or other bytes")

    def _check_library(self):
        rows = self._rows("SELECT path, state, problem FROM videos WHERE library = ?", self.library or "")
        states = {row["path"]: row["state"] for row in rows}
        if states != {name: "ready" for name in self.originals}:
            raise Broken(f"the library has {states}, wanted {sorted(self.originals)} ready")
        for name, (was, _) in self.originals.items():
            if digest(self.films / name) != was:
                raise Broken(f"the original {name} was changed")

    def _check_no_orphans(self):
        pictures = [json.loads(row[0]) for row in self._rows("SELECT thumbnails FROM videos")]
        named = {p["file"] for all in pictures for p in all}
        if not all(pictures):
            raise Broken("a video has no thumbnails")
        for file in named:
            data = (self.node.data / file).read_bytes()
            if data[:2] != b"\xff\xd8" or data[-2:] != b"\xff\xd9":
                raise Broken(f"{file} is no whole picture")
        published.check_no_orphans(self._db, self.node.data)


def run(seed, kills, power=False, environment=None):
    """The campaign of a seed; Broken says what was not kept. How many jobs it was."""
    campaign = Campaign(seed, power, environment)
    try:
        for _ in range(kills):
            campaign.life()
        campaign.finish()
        campaign.check()
        return len(campaign.intents)
    except BaseException:
        print(f"--- seed {seed}, after {campaign.kills} kills: end of the node's log ---\n{campaign.node.tail(60)}\n---",
              flush=True)
        raise
    finally:
        campaign.close()
