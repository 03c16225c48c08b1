"""Workers that have the libraries under another path, in mount namespaces of their own: path mapping as people get it
right and wrong, and mounts that go away and come back. They share the coordinator's data folder."""

import json
import os
import subprocess
import time
import unittest

from support import BIN, Node, TestCase, synth, wait_until
from test_workers import close_all, workers_of

#: In its own view of the file system the worker does not have the coordinator's path: SRV is hidden behind a file system
#: that is empty. KEEP is where the test still finds the films, HERE where the worker is to have them.
VIEW = """
set -e
mount --make-rprivate /
mount --bind "$SRV/films" "$KEEP"
mount -t tmpfs none "$SRV"
sh -c "$MOUNTS"
exec "$@"
"""


def may_mount():
    return subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True).returncode == 0


class Worker(Node):
    def __init__(self, view, mounts, **settings):
        super().__init__(env=dict(view, MOUNTS=mounts), **settings)

    def command(self):
        return ["unshare", "-m", "sh", "-c", VIEW, "sh", *super().command()]

    def inside(self, *command):
        """Runs a command in the worker's view."""
        subprocess.run(["nsenter", "-t", str(self.process.pid), "-m", *command], check=True, timeout=20)


class Mounts(TestCase):
    def setUp(self):
        if not may_mount():
            self.fail("this needs root, to give workers file systems of their own")
        self.nodes = []
        self.addCleanup(lambda: close_all(self.node, self.nodes))

    def start(self, **settings):
        self.node = Node(**{"node__roles": "coordinator,gateway", "jobs__lease": "2s", **settings})
        base = self.node.folder
        self.view = {"SRV": str(base / "srv"), "KEEP": str(base / "keep"), "HERE": str(base / "here")}
        for folder in (base / "srv" / "films", base / "keep", base / "here" / "films"):
            folder.mkdir(parents=True)
        self.films = base / "srv" / "films"
        self.here = base / "here" / "films"
        self.film = synth(self.films / "film.mp4", seconds=3)
        self.node.start()

    def worker(self, mounts, entry, wait=True, **settings):
        name = f"w{len(self.nodes)}"
        if entry:
            settings["worker__mounts"] = entry
        worker = Worker(self.view, mounts, data=self.node.data, node__roles="worker", node__name=name,
                        mesh__coordinator=self.node.mesh, worker__library_check="1s", **settings)
        self.nodes.append(worker)
        return worker.start(wait=wait)

    def mapped(self, mounts='mount --bind "$KEEP" "$HERE/films"', **settings):
        return self.worker(mounts, f"{self.films}={self.here}", **settings)

    def info(self, worker):
        found = [w for w in workers_of(self.node) if w["node"] == worker.settings["node.name"]]
        return found[0] if found else {"capabilities": [], "problems": []}

    def offers(self, worker, library):
        return f"library:{library}" in self.info(worker)["capabilities"]

    def transcode(self, video):
        return self.node.post(f"/api/videos/{video}/transcode", {"profile": "web-480p", "copyFitting": False},
                              headers={"Idempotency-Key": os.urandom(8).hex()})["jobId"]

    def video(self):
        return self.node.get("/api/videos")["videos"][0]

    def test_another_path(self):
        """Scan, ingest and transcode by a worker that has the library elsewhere; nothing is new to the next scan."""
        self.start()
        worker = self.mapped()
        library = self.node.add_library(self.films)["id"]
        scan = self.node.scan(library, seconds=60)
        self.assertEqual(scan["status"], "completed", scan)
        self.assertEqual(scan["itemsNew"], 1, scan)
        video = self.video()
        self.assertEqual(video["status"] if "status" in video else video.get("state"), "ready", video)
        done = self.node.wait_job(self.transcode(video["id"]))
        self.assertEqual(done["status"], "completed", done)
        self.assertTrue(self.offers(worker, library))
        self.assertEqual(self.info(worker)["problems"], [])
        again = self.node.scan(library, seconds=60)
        self.assertEqual((again["itemsNew"], again["itemsUpdated"]), (0, 0), again)

    def test_who_has_the_film_makes_what_is_asked_of_it(self):
        """Whatever the entrance: the command line, the routes of videos, jobs as such."""
        self.start()
        near = self.mapped()
        self.worker("true", None)
        library = self.node.add_library(self.films)["id"]
        wait_until("one has the library", lambda: self.offers(near, library))
        self.assertEqual([near.settings["node.name"]],
                         [w["node"] for w in workers_of(self.node) if f"library:{library}" in w["capabilities"]])
        self.node.scan(library, seconds=60)
        video = self.video()["id"]
        for job in [x["id"] for x in self.node.get("/api/jobs?kind=storyboard")["jobs"]]:
            self.node.wait_job(job)

        def cli(*words):
            return json.loads(self.node.cli("video", *words, "-o", "json").stdout)["jobId"]

        def post(path, body):
            return self.node.post(path, body, headers={"Idempotency-Key": os.urandom(8).hex()})["jobId"]

        transcode = {"profile": "web-480p", "copyFitting": False}
        ways = {
            "troupe video transcode": lambda: cli("transcode", video, "--profile", "web-480p", "--with", "copyFitting=false"),
            "troupe video hls": lambda: cli("hls", video),
            "troupe video storyboard": lambda: cli("storyboard", video, "--again"),
            "a video's transcode": lambda: post(f"/api/videos/{video}/transcode", transcode),
            "a video's storyboard": lambda: post(f"/api/videos/{video}/storyboard", {"again": True}),
            "a job": lambda: post("/api/jobs", {"kind": "storyboard", "payload": {"videoId": video}}),
        }
        for way, submit in ways.items():
            with self.subTest(way=way):
                job = submit()
                done = self.node.wait_job(job)
                self.assertEqual("completed", done["status"], done)
                detail = self.node.get(f"/api/jobs/{job}")
                self.assertEqual([f"library:{library}"], detail["prefers"])
                self.assertEqual([near.settings["node.name"]], [a["worker"] for a in detail["attemptHistory"]])

    def test_files_of_other_inodes(self):
        """The coordinator scans, a worker with a mount that numbers the files differently does the rest."""
        self.start(node__roles="coordinator,gateway,worker", worker__metadata=0, worker__video=0,
                   worker__images=0)
        # Other inodes, and times in whole seconds.
        worker = self.mapped(mounts='mount -t tmpfs none "$HERE/films" && cp "$KEEP/film.mp4" "$HERE/films" && '
                             'touch -d "@$(stat -c %Y "$KEEP/film.mp4")" "$HERE/films/film.mp4"')
        library = self.node.add_library(self.films)["id"]
        scan = self.node.scan(library, seconds=60)
        self.assertEqual(scan["status"], "completed", scan)
        job = self.node.get("/api/jobs?kind=ingest")["jobs"][0]["id"]
        detail = self.node.get(f"/api/jobs/{job}")
        self.assertEqual(detail["attemptHistory"][0]["worker"], worker.settings["node.name"], detail)
        board = self.node.post(f"/api/videos/{self.video()['id']}/storyboard", {})["jobId"]
        self.assertEqual(self.node.wait_job(board)["status"], "completed")
        # It is of the content that the catalogue has.
        self.assertTrue(self.node.get(f"/api/videos/{self.video()['id']}")["storyboard"])
        done = self.node.wait_job(self.transcode(self.video()["id"]))
        self.assertEqual(done["status"], "completed", done)
        again = self.node.scan(library, seconds=60)
        self.assertEqual((again["itemsNew"], again["itemsUpdated"]), (0, 0), again)
        time.sleep(1.5)
        self.assertEqual(self.info(worker)["problems"], [])

    def test_mistakes_of_the_configuration(self):
        """The node does not start, and says which entry is wrong and what to write instead."""
        self.start()
        films, data = self.films, self.node.data
        cases = [
            (f"{films}", "there is no '=' in it; write COORDINATOR=HERE, like \"/srv/films=/mnt/films\""),
            (f"{films}=/mnt/films/", '"/mnt/films/" ends with a slash; write /mnt/films'),
            (f"{films}=C:\\films", '"C:\\films" is a path of Windows; write the path under which this machine has it, '
                                   'like /mnt/films'),
            (f"{films}=\\\\nas\\films", 'is a network share, which has to be mounted first; write the path under which '
                                        'this machine has it, like /mnt/films'),
            (f"{films}=films", '"films" is not an absolute path; write the path under which this machine has it'),
            (f"{films}=/mnt/../films", "has '.' or '..' in it; write /films"),
            (f"{films}=/mnt/a,{films}=/mnt/b", f"are both about {films}; write one of them"),
            (f"{films}=/mnt/a,/srv/tv=/mnt/a", "put two folders of the coordinator into one; write for each"),
            ("/srv=/mnt,/srv/films=/mnt/tv", "so it is /srv/tv already; mount it outside of /mnt"),
            (f"{films}={data}/films", f"overlaps Troupe's own data folder {data}; mount the library beside it"),
        ]
        for entry, sentence in cases:
            with self.subTest(entry=entry):
                done = subprocess.run([str(BIN / "trouped"), "--set", "node.roles=worker", "--set", f"node.data={data}",
                                       "--set", f"mesh.coordinator={self.node.mesh}", "--set",
                                       f"worker.mounts={entry}"], capture_output=True, text=True, timeout=20)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn("worker.mounts", done.stderr + done.stdout)
                self.assertIn(sentence, done.stderr + done.stdout)

    def test_mistakes_of_the_mount(self):
        """The worker runs, without the library; log and `troupe workers` say what to do."""
        self.start()
        good = self.mapped()
        library = self.node.add_library(self.films)["id"]
        self.assertEqual(self.node.scan(library, seconds=60)["status"], "completed")
        films, here, outer = self.films, self.here, self.here.parent
        bind = 'mount --bind "$KEEP" "$HERE/films"'
        start = f'library {library} "films" ({films}): '
        cases = [
            ("true", "", start + "this node has no such folder; if it has the library under another path, write "
             f'"{films}=HERE" in worker.mounts'),
            (bind, f"{films}={here}2", f'can\'t read the folder {here}2: No such file or directory (worker.mounts has '
             f'"{films}={here}2"); mount the library there, or write "{films}=HERE" in worker.mounts'),
            ('mount -t tmpfs none "$HERE/films"', f"{films}={here}", start + f"{here} is empty, but 1 file of it is "
             "known; it looks like a mount point whose disk is not mounted: mount it, or write "
             f'"{films}=HERE" in worker.mounts'),
            (bind, f"{films}={outer}", start + f"its files are not in {outer} but in {here}; write "
             f'"{films}={here}" in worker.mounts'),
            (bind + ' && mkdir "$HERE/films/sub"', f"{films}={here}/sub", start + f"its files are not in {here}/sub but "
             f'in {here}; write "{films}={here}" in worker.mounts'),
            ('mount -t tmpfs none "$HERE/films" && echo other >"$HERE/films/film.mp4"', f"{films}={here}",
             start + f"{here} is not the coordinator's folder: {here}/film.mp4 has 6 bytes and not "),
            ('touch "$HERE/file"', f"{films}={outer}/file", start + f"{outer}/file is not a folder; write "),
            ('ln -sfn /nowhere "$HERE/link"', f"{films}={outer}/link", start + f"{outer}/link is a symbolic link to "
             "/nowhere, which is not there"),
        ]
        for mounts, entry, sentence in cases:
            with self.subTest(entry=entry, mounts=mounts):
                worker = self.worker(mounts, entry)
                try:
                    wait_until("it says so", lambda: any(sentence in p for p in self.info(worker)["problems"]), 10)
                except AssertionError:
                    self.fail(f"{sentence}\nnot in: {self.info(worker)}\n{worker.tail()}")
                self.assertFalse(self.offers(worker, library))
                self.assertIn(sentence, worker.log.read_text())
                self.assertIn(f"{worker.settings['node.name']}: {start}", self.node.cli("workers").stdout)
                worker.stop()
        self.assertTrue(self.offers(good, library))

    def test_mount_goes_away_and_comes_back(self):
        self.start()
        worker = self.mapped()
        library = self.node.add_library(self.films)["id"]
        self.assertEqual(self.node.scan(library, seconds=60)["status"], "completed")
        video = self.video()["id"]
        self.assertTrue(self.offers(worker, library))
        worker.inside("umount", "-l", str(self.here))
        job = self.transcode(video)
        wait_until("it takes its offer back", lambda: not self.offers(worker, library), 10)
        problem = self.info(worker)["problems"][0]
        self.assertIn("looks like a mount point whose disk is not mounted", problem)
        # Its films come from the coordinator meanwhile. What goes through all of them waits for who has them.
        self.assertEqual(self.node.wait_job(job)["status"], "completed")
        scan = self.node.post(f"/api/libraries/{library}/scan")
        time.sleep(0.5)
        self.assertNotIn(self.node.get(f"/api/scans/{scan['id']}")["status"], ("completed", "failed"))
        worker.inside("mount", "--bind", self.view["KEEP"], str(self.here))
        wait_until("it offers it again", lambda: self.offers(worker, library), 10)
        self.assertEqual(self.info(worker)["problems"], [])
        # What waited for the library was done as well, and nothing was taken for gone.
        ended = wait_until("the scan ends", lambda: (lambda s: s if s["status"] in ("completed", "failed") else None)(
            self.node.get(f"/api/scans/{scan['id']}")))
        self.assertEqual(ended["status"], "completed", ended)
        self.assertEqual(ended["itemsRemoved"], 0, ended)

    def test_a_worker_without_it_leaves_the_job_to_another(self):
        """It was not looked at yet when the job came; the attempt that finds nothing costs one try."""
        self.start()
        self.worker("true", "")
        self.mapped()
        library = self.node.add_library(self.films)["id"]
        scan = self.node.scan(library, seconds=90)
        self.assertEqual(scan["status"], "completed", scan)
        wait_until("the film is there", lambda: self.node.get("/api/videos")["videos"], 30)


if __name__ == "__main__":
    unittest.main()
