"""What must be true after a campaign, by the clients' logs, the database's rows and the files. The cluster is stopped."""

import collections
import datetime
import hashlib
import json
import pathlib
import re
import sqlite3

import published
from clients import Broken, digest

#: Files are named after the attempt that made them.
MADE_BY = re.compile(r"([0-9a-z]{26})-(\d+)(?:[-.]|$)")
#: Beyond the lease, until the coordinator has noticed and written that it is over: a busy machine's.
NOTICED = 2.0
#: Of that until the next attempt, seconds: until a slot is free, which takes a busy machine long. No backoff, unless the
#: attempt before was lost too.
AGAIN = 30.0


def content(path):
    """Of a file, or of all in a folder."""
    path = pathlib.Path(path)
    if not path.is_dir():
        return digest(path)
    out = hashlib.sha256()
    for file in sorted(p for p in path.rglob("*") if p.is_file()):
        out.update(f"{file.relative_to(path)} {digest(file)}\n".encode())
    return out.hexdigest()


def seconds(text):
    return datetime.datetime.fromisoformat(text).timestamp()


class Measured:
    """Of one campaign: jobs, ends of attempts, seconds from the fault until what its victim had was free, and ran again."""

    def __init__(self):
        self.jobs, self.ends = 0, collections.Counter()
        self.freed = self.rerun = 0.0

    def add(self, other):
        self.jobs += other.jobs
        self.ends += other.ends
        self.freed, self.rerun = max(self.freed, other.freed), max(self.rerun, other.rerun)

    def __str__(self):
        ends = ", ".join(f"{n} {end}" for end, n in sorted(self.ends.items()))
        return f"{self.jobs} jobs; {ends}; freed within {self.freed:.1f} s, ran again within {self.rerun:.1f} s"


class Checker:
    def __init__(self, campaign, sources, lease):
        self.fault, self.applied, self.log = campaign.fault, campaign.applied, campaign.log
        self.cluster, self.watcher = campaign.cluster, campaign.watcher
        self.sources, self.lease = sources, lease
        self.data = self.cluster.node.data
        self.measured = Measured()

    def check(self):
        self.acknowledged = {}
        for file in self.log.glob("*.log"):
            for line in file.read_text(encoding="utf-8").splitlines():
                one = json.loads(line)
                self.acknowledged[one["job"]] = one
        with self.cluster.node.database() as db:
            db.row_factory = sqlite3.Row
            self.db = db
            self.jobs = {row["id"]: row for row in db.execute("SELECT * FROM jobs")}
            self._check_acknowledged()
            for row in self.jobs.values():
                self._check_attempts(row)
            self._check_events()
            self._check_renditions()
            self._check_sources()
            published.check_no_orphans(db, self.data)
        return self.measured

    def _check_acknowledged(self):
        if (problem := self.db.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
            raise Broken(f"the database is damaged: {problem}")
        self.measured.jobs = len(self.acknowledged)
        keys = collections.Counter(one["key"] for one in self.acknowledged.values())
        if twice := [key for key, count in keys.items() if count > 1]:
            raise Broken(f"made two jobs: {twice}")
        for id, one in self.acknowledged.items():
            row = self.jobs.get(id)
            if row is None:
                raise Broken(f"{one} was acknowledged and is gone")
            if row["state"] != "completed" and not (row["state"] == "failed" and self.fault.explains(row["last_error"])):
                raise Broken(f"{one}: {row['state']}: {row['last_error']} {row['attempts'][:3000]}")

    def _check_attempts(self, row):
        """One completion, by the attempt whose files are named."""
        attempts = json.loads(row["attempts"] or "[]")
        self.measured.ends.update(a["end"] for a in attempts)
        completed = [a for a in attempts if a["end"] == "completed"]
        if len(completed) != (row["state"] == "completed"):
            raise Broken(f"{row['kind']} {row['id']} is {row['state']} and was completed {len(completed)} times: {attempts}")
        numbers = [a["number"] for a in attempts]
        if numbers != sorted(set(numbers)):
            raise Broken(f"{row['kind']} {row['id']}: attempts {numbers}")
        for job, number in MADE_BY.findall(row["result"] or ""):
            if job == row["id"] and completed and int(number) != completed[0]["number"]:
                raise Broken(f"{row['kind']} {job} was completed by attempt {completed[0]['number']}, and has the file of "
                             f"attempt {number}")
        if not self.fault.fails and (failed := [a for a in attempts if a["end"] == "failed"]):
            raise Broken(f"{row['kind']} {row['id']}: attempts failed that nothing kept from succeeding: {failed}")
        if self.fault.frees:
            self._measure(row, attempts)

    def _measure(self, row, attempts):
        for lost, following in zip(attempts, attempts[1:] + [None]):
            if lost["end"] != "lost" or not (lost["worker"] == self.fault.victim or self.fault.victim == "anna"):
                continue
            began = max(self.applied, seconds(lost["started"]))
            freed = seconds(lost["ended"]) - began
            self.measured.freed = max(self.measured.freed, freed)
            if freed > self.lease + NOTICED:
                raise Broken(f"{row['kind']} {row['id']}: its lease of {self.lease} s was held for {freed:.1f} s: {attempts}")
            if following:
                rerun = seconds(following["started"]) - began
                self.measured.rerun = max(self.measured.rerun, rerun)
                if rerun > self.lease + AGAIN:
                    raise Broken(f"{row['kind']} {row['id']} ran again after {rerun:.1f} s: {attempts}")

    def _check_events(self):
        if self.watcher.problems:
            raise Broken("; ".join(self.watcher.problems))
        if twice := {job: n for job, n in self.watcher.completed.items() if n > 1}:
            raise Broken(f"told more than once that they were completed: {twice}")
        if not self.watcher.completed:
            raise Broken("no event was seen")

    def _check_renditions(self):
        rows = self.db.execute("SELECT r.file, r.made_by, v.path FROM renditions r JOIN videos v ON v.id = r.video").fetchall()
        made = collections.Counter(row["made_by"] for row in rows)
        wanted = {id for id, one in self.acknowledged.items() if one["kind"] in ("transcode", "hls")
                  and self.jobs[id]["state"] == "completed"}
        if extra := [by for by, count in made.items() if count > 1 or by not in wanted]:
            raise Broken(f"renditions of what nobody asked for, or twice: {extra}")
        if missing := {id for id in wanted if self.acknowledged[id]["kind"] == "transcode"} - made.keys():
            raise Broken(f"transcodes without a rendition: {missing}")
        frames = {path.name: published.pictures(path) for path in self.sources.values()}
        for row in rows:
            path = self.data / row["file"]
            if not path.exists():
                raise Broken(f"{row['file']} is missing")
            if content(path) != self.watcher.first_seen.get(row["file"], content(path)):
                raise Broken(f"{row['file']} was changed after it was published")
            found = published.pictures(path / "v0.mp4" if path.is_dir() else path)
            if found != frames[pathlib.Path(row["path"]).name]:
                raise Broken(f"{row['file']} has {found} pictures, {row['path']} has {frames}")

    def _check_sources(self):
        """Originals, and what was uploaded: byte for byte."""
        originals = ("heavy", "long", "whole")
        for name in originals:
            if digest(self.cluster.films / f"{name}.mp4") != digest(self.sources[name]):
                raise Broken(f"the original {name}.mp4 was changed")
        if (here := sorted(p.name for p in self.cluster.films.iterdir())) != [f"{x}.mp4" for x in originals]:
            raise Broken(f"something was written among the originals: {here}")
        uploads = [row["path"] for row in self.db.execute(
            "SELECT v.path FROM videos v JOIN libraries l ON l.id = v.library WHERE l.root = ?", (f"{self.data}/uploads",))]
        found = sorted(digest(self.data / "uploads" / path) for path in uploads)
        wanted = sorted(digest(self.sources[one["film"]]) for id, one in self.acknowledged.items()
                        if one["kind"] == "upload" and self.jobs[id]["state"] == "completed")
        if found != wanted:
            raise Broken(f"{len(wanted)} uploads became {len(found)} videos, or other bytes")
