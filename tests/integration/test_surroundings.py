"""What a node depends on: Redis, the clock, its configuration, its folder. Each may be away or wrong."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import faked_clock
from support import BIN, Node, free_port, synth, wait_until
from test_faults import FaultTest, attempts_of


class RedisServer:
    def __init__(self):
        self.port = free_port()
        self.folder = tempfile.mkdtemp(prefix="troupe-test-redis-")
        self.process = None

    def start(self):
        self.process = subprocess.Popen(["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                                         "--dir", self.folder], stdout=subprocess.DEVNULL)
        return self

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait(5)
            self.process = None

    def close(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Redis(FaultTest):
    def health(self, node, status):
        def now():
            answer = node.request("GET", "/health/redis")
            return answer.status == status and answer
        return wait_until(f"/health/redis to say {status}", now, 20, 0.1)

    def works(self, node):
        began = time.monotonic()
        self.assertEqual(node.wait_job(node.post("/api/jobs", {"kind": "noop"})["jobId"])["status"], "completed")
        node.get("/api/videos")
        self.assertLess(time.monotonic() - began, 10)

    def test_down_at_start_then_up(self):
        redis = RedisServer()
        try:
            with Node(redis__host="127.0.0.1", redis__port=redis.port, health__interval="300ms") as node:
                self.health(node, 503)
                self.assertEqual(node.get("/api/health")["checks"]["redis"]["status"], "unhealthy")
                self.assertTrue(node.get("/api/health")["checks"]["redis"]["error"])
                self.assertEqual(node.request("GET", "/health").status, 503)
                self.works(node)
                redis.start()
                self.health(node, 200)
                self.works(node)
                self.whole(node)
        finally:
            redis.close()

    def test_killed_half_way(self):
        redis = RedisServer().start()
        try:
            with Node(redis__url=f"redis://127.0.0.1:{redis.port}/0", health__interval="300ms") as node:
                self.health(node, 200)
                video = self.add(node, synth(node.folder / "film.mp4", seconds=20, size="640x360"))
                job = self.transcode(node, video)
                wait_until("it runs", lambda: node.job(job)["status"] == "running")
                redis.kill()
                self.health(node, 503)
                self.works(node)
                self.assertEqual(node.wait_job(job, seconds=60)["status"], "completed")
                self.assertEqual(node.job(job)["attempts"], 1)
                redis.start()
                self.health(node, 200)
                self.works(node)
                self.whole(node)
        finally:
            redis.close()


class Clock(FaultTest):
    """The wall clock stepped while leases and delays run."""

    def stepped(self, steps):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="troupe-test-clock-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        self.clock = folder / "offset"
        self.clock.write_text("+0\n")
        with Node(**faked_clock.steered_by(self.clock), jobs__lease="2s", worker__executors=1,
                  worker__private_downloads="true") as node:
            video = self.add(node, synth(node.folder / "film.mp4", seconds=40, size="640x360"))
            job = self.transcode(node, video)
            wait_until("it runs", lambda: node.job(job)["status"] == "running")
            # One that waits for its next attempt: nobody answers there, which may pass.
            waits = node.post("/api/videos/wanted/download",
                              {"url": f"http://127.0.0.1:{free_port()}/none.mp4"})["jobId"]
            wait_until("its first attempt fails", lambda: node.job(waits)["status"] == "delayed", 20)
            for step in steps:
                self.clock.write_text(step + "\n")
                time.sleep(1)
                self.assertEqual(node.request("GET", "/readyz").status, 200)
                began = time.monotonic()
                quick = node.post("/api/jobs", {"kind": "noop"})["jobId"]
                self.assertEqual(node.wait_job(quick)["status"], "completed")
                self.assertLess(time.monotonic() - began, 10)
            done = node.wait_job(job, seconds=90)
            self.assertEqual((done["status"], done["attempts"]), ("completed", 1), attempts_of(node, job))
            # 3 s and 6 s of backoff, and no hour.
            self.assertEqual(node.wait_job(waits, seconds=30)["status"], "failed")
            self.assertEqual(node.request("GET", "/livez").status, 200)

    def test_an_hour_on(self):
        self.stepped(["+3600"])

    def test_an_hour_back(self):
        self.stepped(["-3600"])

    def test_to_and_fro(self):
        self.stepped(["+3600", "-3600", "+0"])


    def test_what_a_killed_process_shared_is_not_in_the_way(self):
        """Of the tests themselves: the next one that gets its number would not start."""
        shared = pathlib.Path("/dev/shm")
        killed = subprocess.Popen(["sleep", "30"], env={**os.environ, "LD_PRELOAD": str(faked_clock.LIBRARY)})
        names = {f"faketime_shm_{killed.pid}", f"sem.faketime_sem_{killed.pid}"}
        wait_until("it shares its clock", lambda: names <= {x.name for x in shared.iterdir()})
        faked_clock.forget_the_dead()
        self.assertLessEqual(names, {x.name for x in shared.iterdir()}, "it lives")
        killed.kill()
        killed.wait(5)
        faked_clock.forget_the_dead()
        self.assertFalse(names & {x.name for x in shared.iterdir()})


class Retries(FaultTest):
    def test_backoff_is_not_cut_short_by_a_step(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="troupe-test-clock-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        clock = folder / "offset"
        clock.write_text("+0\n")
        with Node(**faked_clock.steered_by(clock), worker__private_downloads="true") as node:
            began = time.monotonic()
            job = node.post("/api/videos/wanted/download", {"url": f"http://127.0.0.1:{free_port()}/none.mp4"})["jobId"]
            wait_until("its first attempt fails", lambda: node.job(job)["status"] == "delayed", 20)
            clock.write_text("+3600\n")
            done = node.wait_job(job, seconds=40)
            # 3 s and 6 s, each ± 20 %.
            self.assertGreater(time.monotonic() - began, 7)
            self.assertEqual((done["status"], done["attempts"]), ("failed", 3), done)
            # Not one byte came: there is nothing that a retry by hand could go on with.
            self.whole(node)


class Configuration(FaultTest):
    def refused(self, *args, env=None):
        done = subprocess.run([str(BIN / "trouped"), *args], capture_output=True, text=True, timeout=20,
                              env=dict(os.environ, **(env or {})))
        self.assertEqual(done.returncode, 2, done)
        self.assertNotIn("ready", done.stdout)
        return done.stderr + done.stdout

    def file(self, text):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="troupe-test-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        path = folder / "trouped.toml"
        path.write_text(text)
        return str(path)

    def test_several_at_once_with_file_and_line(self):
        path = self.file('[node]\nroles = ["coordinator", "cook"]\ndatta = "/tmp/x"\n\n[gateway]\nport = 70000\n'
                         'header_timeout = "soon"\n\n[gatewey]\nport = 1\n\n[log]\nlevel = "loud"\nsize = 4\n')
        said = self.refused("--config", path)
        for line, words in ((2, ("node.roles", "coordinator", "gateway", "worker")), (3, ("datta", "node.data")),
                            (6, ("gateway.port", "65535")), (7, ("gateway.header_timeout",)), (9, ("gatewey",)),
                            (13, ("log.level", "debug", "warn")), (14, ("log.size", "log."))):
            with self.subTest(line=line):
                row = next((r for r in said.splitlines() if f"{path}:{line}" in r), "")
                for word in words:
                    self.assertIn(word, row, said)

    def test_no_toml_and_no_file(self):
        self.assertIn(":2", self.refused("--config", self.file('[node]\nname = \n')))
        self.assertIn("/nonexistent.toml", self.refused("--config", "/nonexistent.toml"))

    def test_overrides_and_environment(self):
        said = self.refused("--set", "gateway.prot=1", "--set", "worker.video=lots", "--set", "nonsense",
                            env={"TROUPE__LOG__LEVEL": "loud", "TROUPE__NOTHING__AT_ALL": "1"})
        for word in ("gateway.port", "worker.video", "nonsense", "TROUPE__LOG__LEVEL", "TROUPE__NOTHING__AT_ALL"):
            self.assertIn(word, said)

    def test_addresses_that_others_could_reach(self):
        said = self.refused("--set", "gateway.address=0.0.0.0", "--set", "mesh.address=0.0.0.0")
        self.assertIn("gateway.address", said)
        self.assertIn("mesh.address", said)


class Folder(FaultTest):
    def fails(self, *words, **settings):
        """A start that ends with a sentence that has these words, and leaves nothing."""
        node = Node(**settings)
        try:
            node.start(wait=False)
            self.assertEqual(node.process.wait(20), 1)
            for word in words:
                self.assertIn(word, node.tail())
        finally:
            node.close()

    def test_executor_that_is_not_there(self):
        """Before all jobs fail at it."""
        for program in ("/nonexistent/executor", "/usr"):
            self.fails(f"worker.executor {program}: there is no program", worker__executor=program)

    def test_port_that_is_taken(self):
        with Node() as node:
            second = Node(gateway__port=node.port)
            try:
                second.start(wait=False)
                self.assertEqual(second.process.wait(20), 1)
                self.assertIn(str(node.port), second.tail())
            finally:
                second.close()
            self.whole(node)

    def test_data_folder_below_the_working_directory(self):
        """As without any option: ./data."""
        node = Node()
        try:
            del node.settings["node.data"]
            node.start(cwd=node.folder)
            self.whole(node)
            self.assertTrue((node.data / "logs").is_dir(), os.listdir(node.folder))
            self.assertEqual([], sorted(x.name for x in node.folder.glob("*.db*")))
        finally:
            node.close()

    def test_data_folder_that_is_a_file(self):
        node = Node()
        try:
            node.data.write_text("a letter")
            node.start(wait=False)
            self.assertEqual(node.process.wait(20), 1)
            self.assertIn(f"node.data {node.data} is no folder; name another one", node.tail())
            self.assertEqual(node.data.read_text(), "a letter")
        finally:
            node.close()


class PlainStart(FaultTest):
    """Whoever needs another part is started after it is ready: nothing to warn of, from the first start on."""

    def test_no_warning(self):
        with Node(log__format="json") as node:
            for _ in range(3):
                self.whole(node)
                node.wait_job(node.post("/api/jobs", {"kind": "noop"})["jobId"])
                # Two rounds of checks.
                time.sleep(2.5)
                self.assertEqual(node.stop(), 0)
                lines = [json.loads(line) for line in node.log.read_text().splitlines() if line.startswith("{")]
                self.assertGreater(len(lines), 3)
                self.assertEqual([x for x in lines if x["level"] not in ("trace", "debug", "info")], [])
                node.start()
