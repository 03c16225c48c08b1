"""A node under load that is killed again and again, and what must be true of it in the end.

A campaign is one data folder that lives through several lives of trouped. In each life clients submit, upload, scan,
transcode and download until the node is killed at a random moment; a client that got no answer asks again in the next
life under the same key, as the API tells it to. The choices follow from the seed; the timing is the machine's."""

import atexit
import contextlib
import functools
import hashlib
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

import support

sys.path.insert(0, str(support.ROOT / "tests/support/powercut"))
import powercut  # noqa: E402

LIBRARY = support.BIN.parent / "tests/support/libtroupe_powercut.so"
OPEN = "waiting,delayed,queued,running"


class Broken(AssertionError):
    """A promise that was not kept."""


@functools.cache
def sources():
    """Three small videos, made once in a process: [(path, seconds)]."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="troupe-test-sources-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return [(support.synth(folder / f"source{n}.mp4", seconds=length, size=size, rate=12), length)
            for n, (length, size) in enumerate(((1, "160x120"), (2, "192x144"), (3, "128x96")))]


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


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


class Intent:
    """Something that a client wants done exactly once."""

    def __init__(self, kind, key, **what):
        self.kind, self.key, self.what, self.job = kind, key, what, None

    def __repr__(self):
        return f"{self.kind} {self.key} {self.what} → {self.job}"


class Campaign:
    def __init__(self, seed, power=False, environment=None):
        self.seed, self.rng = seed, random.Random(seed)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="troupe-test-"))
        self.films = self.folder / "films"
        self.films.mkdir()
        self.originals = {}
        data = self.folder / "data"
        self.cut = powercut.PowerCut(data, LIBRARY) if power else None
        self.server = FileServer()
        self.node = support.Node(data, dict(self.cut.environment if power else {}, **(environment or {})),
                                 LIBRARY if power else None, worker__private_downloads="true", jobs__lease="2s",
                                 gateway__requests_per_minute="0", worker__video="2", worker__executors="2",
                                 node__stop_grace="20s")
        self.intents, self.scans, self.library = [], [], None
        self.lock = threading.Lock()
        self.kills = 0

    def close(self):
        self.server.close()
        self.node.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- clients

    def _intend(self, kind, **what):
        with self.lock:
            intent = Intent(kind, f"{kind}-{self.seed}-{len(self.intents)}", **what)
            self.intents.append(intent)
        return intent

    def _ask(self, intent):
        """Sets intent.job when the node acknowledged it. Whatever breaks is asked again later."""
        head = {"Idempotency-Key": intent.key}
        if intent.kind == "noop":
            answer = self._post("/api/jobs", {"kind": "noop"}, head)
        elif intent.kind == "upload":
            answer = self._acknowledged(self.node.upload(sources()[intent.what["n"]][0], headers=head), intent)
        elif intent.kind == "download":
            answer = self._post("/api/videos/wanted/download", {"url": self.server.url(intent.what["n"])}, head)
        elif intent.kind == "transcode":
            answer = self._post(f"/api/videos/{intent.what['video']}/transcode", support.SLOW_TRANSCODE, head)
        else:
            done = self.node.cli("jobs", "submit", "noop", "--submission-id", intent.key, "-o", "json", check=False,
                                 timeout=20)
            if done.returncode != 0:
                return
            answer = json.loads(done.stdout)
        intent.job = answer["jobId"]

    def _client(self, make, pause, most, rng, stop):
        made = 0
        while not stop.wait(pause * rng.random()) and made < most:
            made += 1
            try:
                if intent := make(rng):
                    self._ask(intent)
            except Broken as e:
                self.problems.append(str(e))
            except (OSError, ValueError, AssertionError, subprocess.SubprocessError, support.http.client.HTTPException):
                if stop.is_set():
                    return

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
            self.library = self._post("/api/libraries", {"name": "films", "root": str(self.films), "category": "films"})["id"]
        self.scans.append(self._post(f"/api/libraries/{self.library}/scan", {})["id"])

    def _post(self, path, body, headers=None):
        """The answer to what was acknowledged; OSError when it may be asked again."""
        return self._acknowledged(self.node.request("POST", path, body, headers, timeout=10), path)

    def _acknowledged(self, answer, what):
        if answer.status in (200, 201, 202):
            return answer.json
        if answer.status >= 500 or answer.status == 429:
            raise OSError(f"{what}: {answer.status} {answer.body[:300]}")
        raise Broken(f"{what}: {answer.status} {answer.body[:300]}")

    def _transcode(self, rng):
        ready = self.node.get("/api/videos?limit=100")["videos"]
        return self._intend("transcode", video=rng.choice(ready)["id"]) if ready else None

    def _start_clients(self, stop):
        self.problems = []
        size = len(sources())
        clients = [(lambda r: self._intend("noop"), 0.02, 400), (lambda r: self._intend("noop"), 0.02, 400),
                   (lambda r: self._intend("cli"), 0.3, 3),
                   (lambda r: self._intend("upload", n=r.randrange(size)), 0.5, 2),
                   (lambda r: self._intend("download", n=r.randrange(size)), 0.5, 2),
                   (self._transcode, 0.5, 2), (self._add_film, 0.5, 2)]
        threads = [threading.Thread(target=self._client, args=(make, pause, most, random.Random(self.rng.random()), stop))
                   for make, pause, most in clients]
        threads.append(threading.Thread(target=self._ask_again, args=(stop,)))
        for t in threads:
            t.start()
        return threads

    def _ask_again(self, stop=None):
        for intent in list(self.intents):
            if intent.job is None and not (stop and stop.is_set()):
                self._client(lambda _: intent, 0, 1, random.Random(0), stop or threading.Event())

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
        with self.database() as db:
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
            self._ask_again()
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

    @contextlib.contextmanager
    def database(self):
        db = sqlite3.connect(f"file:{self.node.data}/troupe.db?mode=ro", uri=True, timeout=10)
        try:
            yield db
        finally:
            db.close()

    # -- the end

    def check(self):
        """All promises at once; the node is stopped."""
        if self.cut:
            # What was told to be finished survives a last power cut, too; what was removed may be back until a start.
            self.cut.strike(self.rng)
            self.node.start(seconds=60)
            self.node.stop(60)
        with self.database() as db:
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
            probe = subprocess.run(["ffprobe", "-v", "error", "-count_packets", "-show_entries",
                                    "format=duration:stream=codec_name,nb_read_packets", "-of", "json", str(path)],
                                   capture_output=True, text=True)
            if probe.returncode != 0 or probe.stderr:
                raise Broken(f"{row['file']} can't be read: {probe.stderr}")
            if abs(float(json.loads(probe.stdout)["format"]["duration"]) - row["source"]) > 0.3:
                raise Broken(f"{row['file']}: {probe.stdout}, the source has {row['source']} s")

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
        named |= {row[0] for row in self._rows("SELECT file FROM renditions")}
        for folder in ("uploads", "downloads"):
            named |= {f"{folder}/{row[0]}" for row in self._rows(
                "SELECT v.path FROM videos v JOIN libraries l ON l.id = v.library WHERE l.root = ?",
                str(self.node.data / folder))}
        there = {str(p.relative_to(self.node.data)) for sub in ("tmp", "uploads", "renditions", "artwork", "downloads")
                 for p in (self.node.data / sub).rglob("*") if p.is_file()}
        if there != named:
            raise Broken(f"files that no row names: {sorted(there - named)}; named and not there: {sorted(named - there)}")
        if empty := [str(p) for sub in ("tmp", "uploads", "downloads") for p in (self.node.data / sub).iterdir()
                     if p.is_dir() and not any(p.iterdir())]:
            raise Broken(f"empty folders: {empty}")


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
