"""A cluster of machines under a load of mixed jobs, one fault, and what must be true in the end (cluster_check).

A campaign is one cluster's life: clients upload, transcode whole films and films that are cut over the nodes, make
storyboards and ladders, all under keys of their own; at a random moment the fault comes, later it goes; then all that
was acknowledged has to end well. The choices follow from the seed; the timing is the machine's."""

import atexit
import collections
import contextlib
import functools
import math
import pathlib
import random
import shutil
import sqlite3
import tempfile
import threading
import time

import cluster_check
import support
from clients import Broken, Clients
from cluster_faults import WORKERS
from machines import Machines

LEASE = 3  # seconds
OPEN = "waiting,delayed,queued,running"
#: Jobs that a steady load keeps open: more than the preferred workers have room for.
BACKLOG = 12
#: The longest that anything may take to end after the fault has; minutes only where others need the machine, too.
LIMIT = 180


@functools.cache
def films():
    """Made once in a process: {name: path}. `long` is cut over the nodes, the others are too short for that,
    and `heavy` takes its time."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="troupe-test-sources-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return {"long": support.synth(folder / "long.mp4", seconds=30, size="128x96", rate=8),
            "whole": support.synth(folder / "whole.mp4", seconds=12, size="192x144", rate=12),
            "heavy": support.synth(folder / "heavy.mp4", seconds=12, size="640x360", rate=25),
            "short": support.synth(folder / "short.mp4", seconds=3, size="128x96", rate=8)}


class Cluster(Machines):
    """With a library that ben and carl have mounted, and dora has not."""

    def __init__(self, fault, environment=None):
        own = fault.own()
        anna = own.setdefault("anna", {})
        anna["env"] = dict(anna.get("env", {}), **(environment or {}))
        super().__init__(workers=WORKERS, far=("dora",), lease=f"{LEASE}s", own=own, worker__video="1",
                         node__stop_grace="20s")
        self.films = self.node.folder / "films"
        self.films.mkdir()
        for name in ("long", "whole", "heavy"):
            shutil.copyfile(films()[name], self.films / f"{name}.mp4")


class Watcher:
    """Sees what the cluster says and publishes while it runs: events by WebSocket, and each rendition's bytes at first
    sight, so that a later change would show."""

    def __init__(self, cluster):
        self.cluster, self.completed = cluster, collections.Counter()
        self.first_seen, self.problems = {}, []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=run) for run in (self._listen, self._look)]
        for t in self._threads:
            t.start()

    def close(self):
        self._stop.set()
        for t in self._threads:
            t.join(30)

    def _listen(self):
        node = self.cluster.node
        while not self._stop.is_set():
            with contextlib.suppress(OSError, ValueError, IndexError):
                live = support.WebSocket(node.port, place=node.place)
                with contextlib.closing(live):
                    live.send({"type": "subscribe", "topics": ["jobs"]})
                    self._count(live)
            self._stop.wait(0.1)

    def _count(self, live):
        while not self._stop.is_set():
            message = live.receive(1)
            if isinstance(message, tuple):
                return
            if message["type"] == "job_completed":
                self.completed[message["jobId"]] += 1

    def _look(self):
        while not self._stop.wait(0.3):
            with contextlib.suppress(sqlite3.OperationalError):
                self.look()

    def look(self):
        with self.cluster.node.database() as db:
            files = [file for file, in db.execute("SELECT file FROM renditions")]
        for file in files:
            if file not in self.first_seen:
                try:
                    self.first_seen[file] = cluster_check.content(self.cluster.node.data / file)
                except OSError as e:
                    self.first_seen[file] = None
                    self.problems.append(f"{file} was published and is not there: {e}")


class Campaign(Clients):
    def __init__(self, kind, seed, environment=None):
        self.rng = random.Random(seed)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="troupe-test-"))
        (self.folder / "fault").mkdir()
        (self.folder / "log").mkdir()
        self.fault = kind(self.rng, self.folder / "fault")
        self.cluster = self.watcher = None
        try:
            self.cluster = Cluster(self.fault, environment)
            super().__init__(self.cluster.node, seed, self.folder / "log")
            self.watcher = Watcher(self.cluster)
        except BaseException:
            self.close()
            raise

    def close(self):
        if self.watcher:
            self.watcher.close()
        if self.cluster:
            self.cluster.close()
        self.fault.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- clients

    def ask(self, intent):
        what, head = intent.what, {"Idempotency-Key": intent.key}
        if intent.kind == "upload":
            answer = self.acknowledged(self.node.upload(films()[what["film"]], headers=head), intent)
        elif intent.kind == "transcode":
            answer = self.post(f"/api/videos/{what['video']}/transcode", support.SLOW_TRANSCODE, head)
        elif intent.kind == "storyboard":
            answer = self.post(f"/api/videos/{what['video']}/storyboard", {"again": True}, head)
        elif intent.kind == "hls":
            payload = {"videoId": what["video"], "profile": "hls"}
            answer = self.post("/api/jobs", {"kind": "hls", "payload": payload}, head)
        else:
            answer = self.post("/api/jobs", {"kind": "noop"}, head)
        intent.job = answer["jobId"]

    def _of_film(self, kind, *titles):
        """An intent for one of the ready videos with these titles."""
        def make(rng):
            ready = [v for v in self.node.get("/api/videos?limit=100")["videos"] if v["title"] in titles]
            return self.intend(kind, video=rng.choice(ready)["id"]) if ready else None
        return make

    def _load(self):
        # Each client is at it for as long as the faults last, and leaves little to be done after that.
        load = [(lambda r: self.intend("noop"), 1, 40),
                (lambda r: self.intend("upload", film=r.choice(("short", "whole"))), 3, 4),
                (self._of_film("transcode", "long"), 4, 2), (self._of_film("transcode", "whole", "short"), 3, 4),
                (self._of_film("storyboard", "long", "whole"), 6, 1), (self._of_film("hls", "whole"), 6, 1)]
        return [(self._while_there_is_room(make), 1, math.inf) for make, _, _ in load] if self.fault.steady else load

    def _while_there_is_room(self, make):
        return lambda rng: make(rng) if len(self._open()) < BACKLOG else None

    # -- one life

    def run(self):
        """Broken says what was not kept."""
        self._take_in_library()
        stop = threading.Event()
        threads = self.start(self._load(), self.rng, stop)
        try:
            time.sleep(self.rng.uniform(0.3, 2))
            self._until_busy(time.monotonic() + 10)
            time.sleep(self.rng.uniform(0, 0.3))
            self.applied = time.time()
            self.fault.apply(self.cluster)
            time.sleep(self.fault.seconds)
            self.fault.heal(self.cluster)
            time.sleep(self.rng.uniform(0.2, 1))
        finally:
            stop.set()
            for t in threads:
                t.join(60)
        self._until_all_ended(time.monotonic() + LIMIT)
        self._until_all_back()
        self.watcher.look()
        self.watcher.close()
        self.fault.over(self)
        self._clean_up()
        return cluster_check.Checker(self, films(), LEASE).check()

    def _until_busy(self, end):
        """So that there is something to lose. It may happen that the victim has nothing to do; then so be it."""
        query = "SELECT 1 FROM jobs WHERE state = 'running' AND kind <> 'noop' AND ? IN (worker_name, 'anna')"
        while time.monotonic() < end:
            with self.cluster.node.database() as db:
                if db.execute(query, (self.fault.victim,)).fetchone():
                    return
            time.sleep(0.02)

    def _take_in_library(self):
        library = self.node.add_library(self.cluster.films)["id"]
        scan = self.node.scan(library)
        if scan["status"] != "completed":
            raise Broken(f"the library was not taken in: {scan}")

    def _until_all_ended(self, end):
        while any(i.job is None for i in self.intents):
            self.ask_again()
            if self.problems or time.monotonic() > end:
                raise Broken(f"{self.problems} not acknowledged: {[i for i in self.intents if i.job is None][:5]}")
        if self.problems:
            raise Broken(f"refused: {self.problems}")
        while jobs := self._open():
            if time.monotonic() > end:
                raise Broken("not ended: " + "; ".join(
                    f"{j['kind']} {j['id']} {j['status']} {j.get('error')} "
                    f"{self.node.get('/api/jobs/' + j['id'] + '/explain')}" for j in jobs))
            time.sleep(0.1)

    def _open(self):
        return self.node.get(f"/api/jobs?status={OPEN}&limit=100")["jobs"]

    def _until_all_back(self):
        support.wait_until("all workers are back", lambda: self.cluster.joined() == sorted(WORKERS), 60, 0.2)
        if not self.fault.leaves:
            for node in self.cluster.nodes:
                support.wait_until(f"nothing is left of attempts: {self._left(node.data)}",
                                   lambda: not self._left(node.data), 30, 0.2)

    def _left(self, data):
        """What a worker was sending when it lost its lease stays for the next cleanup: its ticket ended with the lease."""
        return [x for x in support.leftovers(data) if not (self.fault.frees and "/in-" in x)]

    def _clean_up(self):
        """Stops all; the coordinator cleans up as at each start: without the grace of the hourly cleanup."""
        for node in reversed(self.cluster.nodes):
            node.stop(60)
        self.node.start()
        self.node.stop(60)


class HeavyCampaign(Campaign):
    """Every worker is at work on a film for seconds."""

    def _load(self):
        return [(self._of_film("transcode", "heavy"), 0.1, 4)]


def run(kind, seed, environment=None, life=Campaign):
    """The campaign of a seed; what the checker measured."""
    campaign = life(kind, seed, environment)
    try:
        return campaign.run()
    except BaseException:
        print(f"\n--- {kind.__name__} of {campaign.fault.victim}, seed {seed} ---", flush=True)
        campaign.cluster.tell()
        raise
    finally:
        campaign.close()
