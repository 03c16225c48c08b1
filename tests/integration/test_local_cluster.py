"""What ./run --cluster starts, end to end: namespaces, certificates, a film over all workers, and an end that leaves
nothing."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import urllib.request

from support import BIN, ROOT, TestCase, children_of, free_port, sample, synth, wait_until


class LocalCluster(TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="troupe-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.films = self.folder / "films"
        self.films.mkdir()
        shutil.copy(sample("silence"), self.films)
        # The longest is the one that is made over all nodes: each part takes longer than work waits for a node that has
        # the film mounted.
        synth(self.films / "pattern.mp4", seconds=90, size="960x540")
        self.port = free_port()
        while free_port() != self.port + 1:
            self.port += 1
        self.said = ""

    def start(self, *more, before=()):
        self.process = subprocess.Popen(
            [*before, "setpriv", "--pdeathsig", "TERM", ROOT / "tests/support/local-cluster", "--bin", BIN, "--workers", "3",
             "--port", str(self.port), "--data", self.folder / "data", *more, self.films],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
        self.addCleanup(self.end)
        threading.Thread(target=self.read, args=(self.process.stdout,), daemon=True).start()

    def read(self, out):
        for line in out:
            self.said += line

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)
        if self.has_failed():
            print(self.said, flush=True)

    def table(self):
        """Rows of what each node did, by the node's name."""
        rows = [line.split() for line in self.said.splitlines() if re.match(r"worker-\d +\d+ +\d+ +[0-9.]+ s", line)]
        return {row[0]: row[1:] for row in rows}

    def test_from_start_to_ctrl_c(self):
        self.start()
        wait_until("it is up", lambda: "until Ctrl-C" in self.said or self.process.poll() is not None, 240, 0.1)
        self.assertIsNone(self.process.poll(), self.said)
        for what in ("Troupe answers at", "parts done", "completed by worker-", "verified: 960x540 h264, 2250 frames"):
            self.assertIn(what, self.said)
        self.assertNotIn("not to be had", self.said)
        # All of them took part; the film came to the last one over the network, and what it made went back.
        rows = self.table()
        self.assertEqual(["worker-1", "worker-2", "worker-3"], sorted(rows))
        self.assertAlmostEqual(90, sum(float(row[2]) for row in rows.values()), delta=0.3)
        self.assertGreater(float(rows["worker-3"][8]), 1.0, rows)
        # It is there for people on this machine: the API, and the command by its admin's certificate.
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/health", timeout=10) as answer:
            self.assertEqual(200, answer.status)
        told = dict(re.findall(r"(TROUPE_\w+)=(\S+)", self.said))
        done = subprocess.run([BIN / "troupe", "workers", "-o", "name"], env=dict(os.environ, **told), capture_output=True,
                              text=True, timeout=30)
        self.assertEqual((0, 3), (done.returncode, done.stdout.count("worker/")), done.stderr)
        below = children_of(self.process.pid)
        self.assertGreaterEqual(len(below), 9)
        self.process.send_signal(signal.SIGINT)
        self.assertEqual(130, self.process.wait(60))
        wait_until("nothing is left running", lambda: not any(pathlib.Path(f"/proc/{pid}").exists() for pid in below), 10)

    def test_killed(self):
        """kill -9: the nodes end with it."""
        self.start()
        wait_until("nodes are up", lambda: "Troupe answers at" in self.said, 120)
        below = children_of(self.process.pid)
        self.process.kill()
        self.process.wait(10)
        wait_until("nothing is left running", lambda: not any(pathlib.Path(f"/proc/{pid}").exists() for pid in below), 20)

    def test_where_namespaces_are_not_allowed(self):
        """Plain processes on loopback, and it is said."""
        self.start("--once", before=("unshare", "--user", "sh", "-c", 'echo 0 > /proc/sys/user/max_net_namespaces; exec "$@"',
                                     "sh"))
        self.assertEqual(0, self.process.wait(240), self.said)
        wait_until("all was read", lambda: "of its own" in self.said, 5)
        self.assertIn("Namespaces are not to be had here", self.said)
        self.assertIn("verified: 960x540 h264, 2250 frames", self.said)
