"""What far workers have made reaches the coordinator, whatever is wrong with the way and for how long."""

import signal
import time

from machines import Machines
from support import TestCase, rounds, synth, wait_until
from test_far_workers import far_cluster
from test_split import frames_of, parts_of, transcode
from test_workers import close_all, workers_of


def half_there(node):
    """Files of attempts that are on their way, some of it here."""
    return [p for p in (node.data / "tmp").rglob("in-*.part") if p.stat().st_size > 20_000]


def ingested(node, film):
    return node.wait_job(node.upload(film).json["jobId"])["result"]["video"]["id"]


class CoordinatorAway(TestCase):
    def tearDown(self):
        if self.has_failed():
            for node in (self.node, *self.workers):
                print(f"\n--- {node.settings.get('node.name', 'coordinator')} ---\n{node.tail(25)}", flush=True)

    def start_again(self, rate):
        self.node.settings["files.rate"] = rate
        self.node.start()
        wait_until("all workers are back", lambda: len(workers_of(self.node)) == len(self.workers))

    def test_in_the_middle_of_a_push(self):
        """Killed, and back much later: what is encoded by then is encoded once."""
        self.node, self.workers = far_cluster(2, lease="15s", worker__video=1)
        self.addCleanup(lambda: close_all(self.node, self.workers))
        film = synth(self.node.folder / "film.mp4", seconds=60, size="640x360")
        video = ingested(self.node, film)
        # The film is at both of them from now on, and the way is wide enough for little.
        self.assertEqual("completed", self.node.wait_job(transcode(self.node, video), seconds=180)["status"])
        self.node.stop()
        self.start_again("96 KiB")
        job = transcode(self.node, video)
        wait_until("pieces are on their way", lambda: half_there(self.node), 30)
        self.node.kill(signal.SIGKILL)
        self.node.process.wait(5)
        time.sleep(rounds(15, 100))
        self.start_again("0")
        self.assertEqual("completed", self.node.wait_job(job, seconds=120)["status"])
        parts = parts_of(self.node, job)
        self.assertGreater(len(parts), 2)
        for part in parts:
            with self.subTest(part=part["id"]):
                ends = [(x["end"], x["error"]) for x in part["attemptHistory"]]
                # A part that showed nothing for so long may have been copied by who had nothing to do, which is no retry.
                copied = len(ends) == 1 and ends[0][0] == "cancelled" and "the same part was made by" in ends[0][1]["message"]
                self.assertTrue(copied or ends == [("completed", None)], ends)
        made = self.node.data / self.node.get(f"/api/jobs/{job}")["result"]["rendition"]["file"]
        self.assertEqual(len(frames_of(film)), len(frames_of(made)))


class FileServerAway(TestCase):
    def test_in_the_middle_of_a_push(self):
        """The coordinator is there and its file server is not, for less than the ten minutes after which another node is to
        try: what was made is not thrown away, and the job says what it waits for."""
        with Machines(workers=("ben",), far=("ben",), lease="15s", worker__video=1) as machines:
            node = machines.node
            film = synth(node.folder / "film.mp4", seconds=10, size="480x270")
            video = ingested(node, film)
            self.assertEqual("completed", node.wait_job(transcode(node, video), seconds=180)["status"])
            machines.net.limit(machines.workers[0].place, "256kbit")
            job = transcode(node, video)
            wait_until("the result is on its way", lambda: half_there(node), 60)
            machines.net.lose_port(node.settings["files.port"])
            lost = time.monotonic()
            waits = f"waiting for the file server of node anna: {node.place.address}:{node.settings['files.port']}"
            for told in (("jobs", "explain", job), ("jobs", "show", job)):
                wait_until(f"{told} says so", lambda: waits in node.cli(*told).stdout, 60, 0.5)
            wait_until("its node says so", lambda: "can't reach the coordinator's files" in node.cli("nodes", "show", "ben").stdout,
                       90, 0.5)
            time.sleep(max(0, lost + rounds(30, 100) - time.monotonic()))
            machines.net.heal()
            healed = time.monotonic()
            self.assertEqual("completed", node.wait_job(job, seconds=120)["status"])
            # What was cut off in the middle of a file does not keep the next one from it.
            print(f"{time.monotonic() - healed:.1f} s after that it was there")
            history = node.get(f"/api/jobs/{job}")["attemptHistory"]
            self.assertEqual(["completed"], [x["end"] for x in history], history)

    def test_in_the_middle_of_reading(self):
        """What is read is only at the coordinator: it may be silent for three minutes before what is encoded is thrown away."""
        with Machines(workers=("ben",), far=("ben",), lease="15s", worker__video=1) as machines:
            node = machines.node
            film = synth(node.folder / "film.mp4", "-b:v", "4M", "-minrate", "4M", "-bufsize", "8M", seconds=30, size="480x270")
            video = ingested(node, film)
            machines.net.limit(machines.workers[0].place, "6mbit")
            job = transcode(node, video)
            wait_until("some of it is encoded", lambda: 15 < (node.job(job).get("progress") or 0) < 60, 60)
            machines.net.lose_port(node.settings["files.port"])
            time.sleep(rounds(10, 80))
            self.assertLess(node.job(job).get("progress") or 0, 90)
            machines.net.heal()
            self.assertEqual("completed", node.wait_job(job, seconds=120)["status"])
            history = node.get(f"/api/jobs/{job}")["attemptHistory"]
            self.assertEqual(["completed"], [x["end"] for x in history], history)
