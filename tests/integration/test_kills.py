"""Nothing is lost: campaigns of kill -9 and of power cuts, and campaigns that show that these would notice.

A campaign that fails prints its seed; `TROUPE_SEED=<seed> tests/integration/run kills.<class>` runs that one alone."""

import contextlib
import os
import pathlib
import shutil
import signal
import tempfile
import time

import campaign
import support
from support import rounds

KILLS = 5  # of a campaign


def seeds(short, full):
    """Enough campaigns for so many kills."""
    one = os.environ.get("TROUPE_SEED")
    return [int(one)] if one else range(1, 1 + -(-rounds(short, full) // KILLS))


class Campaigns(support.TestCase):
    def hold(self, which, power=False):
        jobs = 0
        for seed in which:
            with self.subTest(seed=seed):
                try:
                    jobs += campaign.run(seed, KILLS, power)
                except campaign.Broken as e:
                    self.fail(f"TROUPE_SEED={seed}: {e}")
        print(f"\n      {len(which) * KILLS} {'power cuts' if power else 'kills'}, {jobs} jobs ", end="", flush=True)


class Kills(Campaigns):
    def test_nothing_is_lost_by_kills(self):
        self.hold(seeds(5, 200))


class PowerCuts(Campaigns):
    def test_nothing_is_lost_by_power_cuts(self):
        self.hold(seeds(5, 200), power=True)


class NothingKept:
    """A random source for PowerCut: everything that was not synced is lost."""

    def random(self):
        return 1.0

    def choice(self, xs):
        return xs[0]


class Synced(support.TestCase):
    def test_what_is_published_into_a_folder_that_nobody_synced_stays(self):
        """A life that was killed between the making of a folder and the sync of its name leaves such folders."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="troupe-test-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        cut = campaign.powercut.PowerCut(folder / "data", campaign.LIBRARY)
        letters = "0123456789abcdefghjkmnpqrstvwxyz"
        for name in ["renditions", "artwork", *(f"artwork/{a}{b}" for a in letters for b in letters)]:
            (cut.root / name).mkdir()
        with support.Node(cut.root, cut.environment, cut.library) as node:
            job = node.upload(campaign.sources()[0][0]).json["jobId"]
            self.assertEqual(node.wait_job(job)["status"], "completed")
            video = node.get("/api/videos")["videos"][0]["id"]
            made = node.post(f"/api/videos/{video}/transcode", support.SLOW_TRANSCODE)["jobId"]
            self.assertEqual(node.wait_job(made)["status"], "completed")
            there = {str(p.relative_to(cut.root)) for sub in ("renditions", "artwork", "uploads")
                     for p in (cut.root / sub).rglob("*") if p.is_file()}
            node.kill_hard()
            cut.strike(NothingKept())
            self.assertEqual({name for name in there if not (cut.root / name).is_file()}, set())
            node.start()
            self.assertEqual(node.job(made)["status"], "completed")


class Teeth(support.TestCase):
    """A harness that never fails shows nothing."""

    def test_without_syncing_a_power_cut_loses_jobs(self):
        for seed in range(1, 6):
            try:
                campaign.run(seed, KILLS, power=True, environment={"TROUPE_TEST_UNSYNCED_COMMITS": "1"})
            except AssertionError as e:
                self.assertRegex(str(e), "gone|damaged|missing")
                return
        self.fail("five campaigns of power cuts noticed nothing although no commit was synced")

    def test_without_fencing_a_paused_worker_changes_its_job(self):
        self.assertTrue(self.paused_worker_is_believed({"TROUPE_TEST_UNFENCED": "1"}))
        self.assertFalse(self.paused_worker_is_believed({}))

    def send(self, pids, what):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, what)

    def paused_worker_is_believed(self, environment):
        """A worker is stopped past its lease and goes on while the other has the job; its executor was never stopped,
        so it is done first. True: the job ended with what it says, not with what the holder of the lease says."""
        # The connection goes before the lease: no revocation waits for the worker when it wakes up.
        links = {"mesh__heartbeat": "100ms", "mesh__connection_timeout": "1s"}
        with support.Node(env=environment, node__roles="coordinator,gateway", jobs__lease="3s", **links) as node:
            workers = [support.Node(data=node.data, node__roles="worker", node__name=f"w{i}",
                                    mesh__coordinator=node.mesh, **links) for i in range(2)]
            try:
                for w in workers:
                    w.start()
                # Too short to be cut into parts.
                film = support.synth(node.folder / "film.mp4", seconds=18, size="960x540")
                self.assertEqual(node.wait_job(node.upload(film).json["jobId"])["status"], "completed")
                video = node.get("/api/videos")["videos"][0]["id"]
                job = node.post(f"/api/videos/{video}/transcode", support.SLOW_TRANSCODE)["jobId"]
                name = support.wait_until("it runs", lambda: node.get(f"/api/jobs/{job}").get("worker"))
                held = next(w for w in workers if w.settings["node.name"] == name)
                # Before that it asks the coordinator for things, and would wait for answers that went with the link.
                support.wait_until("it encodes", lambda: node.job(job)["stage"] == "transcode")
                held.kill(signal.SIGSTOP)
                support.wait_until("the other runs it", lambda: node.get(f"/api/jobs/{job}").get("worker")
                                   not in (None, "", name))
                # The one that was stopped is done first, however busy this machine is.
                other = next(w for w in workers if w is not held)
                slow = support.wait_until("the other works", lambda: support.executors_of(other.process.pid))
                self.send(slow, signal.SIGSTOP)
                held.kill(signal.SIGCONT)
                end = time.monotonic() + 6
                while time.monotonic() < end and node.job(job)["status"] != "completed":
                    time.sleep(0.1)
                self.send(slow, signal.SIGCONT)
                self.assertEqual(node.wait_job(job)["status"], "completed")
                attempt = node.get(f"/api/jobs/{job}")["attempts"]
                with node.database() as db:
                    (file, number), = db.execute("SELECT r.file, j.attempt FROM renditions r JOIN jobs j "
                                                 "ON j.id = r.made_by").fetchall()
                self.assertGreaterEqual(attempt, 2)
                return file != f"renditions/{job}-{number}.mp4"
            finally:
                for w in workers:
                    w.close()
