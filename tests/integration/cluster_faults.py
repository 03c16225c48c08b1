"""What can happen to a cluster's nodes and links: each fault is applied once and healed, and says what it explains.

The cluster is machines.Machines with anna (coordinator and gateway), ben and carl (with the mounts) and dora (without)."""

import contextlib
import json
import os
import signal
import stat
import subprocess
import time

import faked_clock
import support

WORKERS = ("ben", "carl", "dora")


class Fault:
    """`rng` decides whom it hits and for how long; `folder` is its own, outside of what the cluster sees."""

    #: Seconds between apply and heal, from and to.
    lasts = (0.5, 6)
    candidates = WORKERS
    #: Files of attempts may stay until the next cleanup: who wrote them was killed, or can't reach them.
    leaves = False
    #: What a victim ran is run again when its lease is over.
    frees = False
    #: Attempts may fail, and not only be lost: what they need is not to be had.
    fails = False
    #: The load goes on until it is healed; otherwise each client is done after some jobs.
    steady = False

    def __init__(self, rng, folder):
        self.rng, self.folder = rng, folder
        self.victim = rng.choice(self.candidates)
        self.seconds = rng.uniform(*self.lasts)

    def own(self):
        """Settings of single nodes (Machines' `own`)."""
        return {}

    def apply(self, cluster):
        raise NotImplementedError

    def heal(self, cluster):
        pass

    def over(self, campaign):
        """Checks of this fault alone, after the load has ended."""

    def explains(self, error):
        """May a job have failed for good, with this error, because of the fault?"""
        return False

    def close(self):
        pass

    def node(self, cluster, name=None):
        return next(n for n in cluster.nodes if n.place.name == (name or self.victim))


class WorkerKilled(Fault):
    leaves = frees = True

    def apply(self, cluster):
        node = self.node(cluster)
        node.kill()
        node.process.wait(10)

    def heal(self, cluster):
        self.node(cluster).start()


class WorkerStopped(Fault):
    """Past its lease; its executors work on."""

    lasts = (4, 7)
    frees = True

    def apply(self, cluster):
        self.node(cluster).kill(signal.SIGSTOP)

    def heal(self, cluster):
        self.node(cluster).kill(signal.SIGCONT)


class WorkerPaused(WorkerStopped):
    """Until another has begun what it had: what its executors made meanwhile comes too late, but before the other's."""

    candidates = ("ben", "carl")
    lasts = (0, 0)

    def own(self):
        # The connection goes before the lease: no revocation waits for the worker when it wakes up.
        return {name: {"mesh__heartbeat": "100ms", "mesh__connection_timeout": "1s"} for name in ("anna", *WORKERS)}

    def apply(self, cluster):
        super().apply(cluster)
        with cluster.node.database() as db:
            self.held = [id for id, in db.execute("SELECT id FROM jobs WHERE state = 'running' AND kind = 'transcode' "
                                                  "AND worker_name = ?", (self.victim,))]

    def heal(self, cluster):
        def elsewhere():
            with cluster.node.database() as db:
                return any(db.execute("SELECT 1 FROM jobs WHERE id = ? AND state = 'running' AND worker_name <> ?",
                                      (id, self.victim)).fetchone() for id in self.held)
        try:
            if self.held:
                support.wait_until("another has begun what the paused one had", elsewhere, 30)
        finally:
            super().heal(cluster)


class CoordinatorKilled(WorkerKilled):
    candidates = ("anna",)
    lasts = (0, 3)
    frees = False


class LinkDown(Fault):
    candidates = (*WORKERS, "anna")
    frees = fails = True

    def apply(self, cluster):
        cluster.net.unplug(self.node(cluster).place)

    def heal(self, cluster):
        cluster.net.heal()


class BlackHole(LinkDown):
    """No reset, no carrier lost: silence."""

    def apply(self, cluster):
        cluster.net.lose(self.node(cluster).place)


class CutOneWay(LinkDown):
    def apply(self, cluster):
        place = self.node(cluster).place
        cluster.net.lose(**{self.rng.choice(("source", "target")): place})


class SlowLink(LinkDown):
    lasts = (2, 6)
    frees = False

    def apply(self, cluster):
        cluster.net.limit(self.node(cluster).place, "1mbit")


class DiskFull(Fault):
    """Of the one that has a disk of its own."""

    candidates = ("dora",)
    lasts = (2, 6)
    fails = True

    def own(self):
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(self.disk)], check=True)
        return {"dora": {"data": self.disk / "data", "log__file": "false"}}

    def apply(self, cluster):
        with open(self.disk / "ballast", "wb", buffering=0) as file:
            for size in (1 << 16, 4096):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(b"x" * size)

    def heal(self, cluster):
        (self.disk / "ballast").unlink()

    def close(self):
        # Lazily: a node that has just ended may hold it for a moment.
        subprocess.run(["umount", "-l", str(self.disk)], check=True)


class MountGone(Fault):
    """An empty folder is where the library was, for one worker."""

    candidates = ("ben", "carl")
    lasts = (1, 5)
    fails = True

    def own(self):
        (self.folder / "view").mkdir()
        return {name: {"hide": [self.folder / "view"], "worker__library_check": "1s"} for name in self.candidates}

    def folder_of(self, cluster):
        return cluster.films

    def apply(self, cluster):
        self._inside(cluster, "mount", "-t", "tmpfs", "none", str(self.folder_of(cluster)))

    def heal(self, cluster):
        # What is being written there or read from there does not keep it.
        self._inside(cluster, "umount", "-l", str(self.folder_of(cluster)))

    def _inside(self, cluster, *command):
        subprocess.run(["nsenter", "-t", str(self.node(cluster).process.pid), "-m", *command], check=True, timeout=20)


class DataGone(MountGone):
    """The same with the coordinator's data folder, in which the worker writes: it takes no work until it is back."""

    leaves = True

    def folder_of(self, cluster):
        return cluster.node.data

    def heal(self, cluster):
        support.wait_until(f"{self.victim} says what is wrong", lambda: self._told(cluster), 20, 0.2)
        super().heal(cluster)
        support.wait_until(f"{self.victim} takes work again", lambda: not self._told(cluster), 20, 0.2)

    def _told(self, cluster):
        worker = next((w for w in json.loads(cluster.node.cli("workers", "-o", "json").stdout)["workers"]
                       if w["node"] == self.victim), None)
        return worker and not worker["slots"] and any("data folder" in problem for problem in worker["problems"])


class ExecutorCrashes(Fault):
    """On every job, until the node is quarantined and everything else is done."""

    lasts = (1, 3)
    fails = steady = True

    def own(self):
        self.flag = self.folder / "crash"
        program = self.folder / "executor"
        program.write_text(f'#!/bin/sh\n[ -e "{self.flag}" ] && kill -ABRT $$\nexec "{support.BIN}/troupe-executor" "$@"\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return {self.victim: {"worker__executor": str(program)}}

    def apply(self, cluster):
        self.flag.touch()
        for pid in support.executors_of(self.node(cluster).process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def heal(self, cluster):
        self.seen = support.wait_until(f"{self.victim} is quarantined", lambda: self._rules(cluster), 60, 0.2)

    def over(self, campaign):
        if len(self.seen[1]) < 3:
            raise AssertionError(f"{self.victim} was quarantined without evidence: {self.seen}")

    def _rules(self, cluster):
        with cluster.node.database() as db:
            row = db.execute("SELECT state, evidence FROM nodes WHERE name = ?", (self.victim,)).fetchone()
        return (row[0], json.loads(row[1])) if row and row[0] == "quarantined" else None


class ClockStepped(Fault):
    """An hour on or back, of one node, and later perhaps again."""

    candidates = (*WORKERS, "anna")

    def own(self):
        self.clock = self.folder / "offset"
        self.clock.write_text("+0\n")
        return {self.victim: faked_clock.steered_by(self.clock)}

    def apply(self, cluster):
        self.clock.write_text(self.rng.choice(("+3600", "-3600")) + "\n")

    def heal(self, cluster):
        if self.rng.random() < 0.5:
            self.clock.write_text("+0\n")


class RollingRestart(Fault):
    """Every node in turn is told to stop, and started again. No attempt is burnt."""

    lasts = (0, 0.5)

    def apply(self, cluster):
        for node in self.rng.sample(cluster.nodes, len(cluster.nodes)):
            status = node.stop(60)
            if status != 0:
                raise AssertionError(f"{node.place.name}: the stop ended with status {status}\n{node.tail()}")
            node.start()
            time.sleep(self.rng.uniform(0, 1))

    def over(self, campaign):
        with campaign.cluster.node.database() as db:
            # One that is lost on its way to a node whose link breaks just then runs again at once, and burns nothing.
            burnt = db.execute("SELECT kind, id, failures, attempts FROM jobs WHERE failures > 0").fetchall()
        if burnt:
            raise AssertionError(f"a rolling restart burnt attempts of {len(burnt)} jobs: {burnt[:3]}")


FAULTS = {"worker killed": WorkerKilled, "worker stopped": WorkerStopped, "coordinator killed": CoordinatorKilled,
          "link down": LinkDown, "black hole": BlackHole, "cut one way": CutOneWay, "slow link": SlowLink,
          "disk full": DiskFull, "mount gone": MountGone, "data gone": DataGone,
          "executor crashes": ExecutorCrashes, "clock stepped": ClockStepped, "rolling restart": RollingRestart}
