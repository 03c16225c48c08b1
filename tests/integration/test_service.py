"""A node under a service manager: what it says to NOTIFY_SOCKET and when, and the files in cluster-config that start it."""

import ctypes
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time

import yaml

from certificates import troupe
from namespaces import Here
from support import BIN, ROOT, SLOW_TRANSCODE, Node, TestCase, synth, wait_until

CONFIG = ROOT / "cluster-config"
PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17


class FrozenThread:
    """One thread of a process, held still while the others run."""

    def __init__(self, pid, name):
        self.tid = next(int(t.name) for t in pathlib.Path(f"/proc/{pid}/task").iterdir()
                        if (t / "comm").read_text().strip() == name)

    def __enter__(self):
        self._call(PTRACE_SEIZE)
        self._call(PTRACE_INTERRUPT)
        os.waitpid(self.tid, 0x40000000)  # __WALL

    def __exit__(self, *_):
        self._call(PTRACE_DETACH)

    def _call(self, request):
        libc = ctypes.CDLL(None, use_errno=True)
        libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        if libc.ptrace(request, self.tid, None, None) != 0:
            raise OSError(ctypes.get_errno(), "ptrace")


class Traced(Here):
    """This machine, where strace counts what a program and its children ask of the kernel."""

    def __init__(self, counts):
        super().__init__()
        self._counts = str(counts)

    def command(self, args):
        # -D: the program itself is our child, not strace.
        return ["strace", "-D", "-f", "-c", "-o", self._counts, *args]


class Notifications(TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="troupe-test-")))
        self.manager = self.enterContext(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self.manager.bind(str(self.folder / "notify"))

    def node(self, **env):
        node = Node(env={"NOTIFY_SOCKET": str(self.folder / "notify"), **env})
        self.addCleanup(node.close)
        return node.start(wait=False)

    def hear(self, seconds=20):
        self.manager.settimeout(seconds)
        return self.manager.recv(4096).decode()

    def heard_meanwhile(self, seconds):
        """What was said in that time, and the longest silence."""
        said, end, last, silence = [], time.monotonic() + seconds, time.monotonic(), 0
        while (left := end - time.monotonic()) > 0:
            try:
                said.append(self.hear(left))
            except TimeoutError:
                break
            silence, last = max(silence, time.monotonic() - last), time.monotonic()
        return said, max(silence, time.monotonic() - last)

    def test_ready_and_stopping(self):
        node = self.node()
        first = self.hear()
        self.assertTrue(first.startswith("READY=1\nSTATUS="), first)
        self.assertEqual(200, node.request("GET", "/readyz").status)
        # Nobody watches, so nothing more is said.
        self.assertEqual([], self.heard_meanwhile(1)[0])
        node.kill(signal.SIGHUP)
        node.kill(signal.SIGTERM)
        self.assertEqual("STOPPING=1", self.hear())
        self.assertEqual(0, node.process.wait(20))

    def test_the_watchdog_hears_only_of_a_loop_that_runs(self):
        node = self.node(WATCHDOG_USEC="2000000")
        self.hear()
        said, silence = self.heard_meanwhile(3)
        self.assertEqual({"WATCHDOG=1"}, set(said))
        self.assertLess(silence, 1.5)
        # The thread that waits for signals and speaks to the manager goes on; the one that runs the actors does not.
        with FrozenThread(node.process.pid, "caf.multiplexer"):
            self.heard_meanwhile(1)
            self.assertEqual([], self.heard_meanwhile(3)[0])
            self.assertIsNone(node.process.poll())
        wait_until("it speaks again", lambda: self.hear(5) == "WATCHDOG=1", 10)
        self.assertIn("did not answer within 500 ms", node.tail())
        self.assertEqual(0, node.stop())

    def test_a_node_that_can_not_start_is_never_ready(self):
        (self.folder / "file").write_text("")
        node = Node(data=self.folder / "file", env={"NOTIFY_SOCKET": str(self.folder / "notify")})
        self.addCleanup(node.close)
        node.start(wait=False)
        self.assertEqual(1, node.process.wait(20))
        with self.assertRaises(TimeoutError):
            self.hear(0.2)

    def test_a_manager_that_is_named_wrongly(self):
        node = Node(env={"NOTIFY_SOCKET": "nowhere"})
        self.addCleanup(node.close)
        node.start(wait=False)
        self.assertEqual(1, node.process.wait(20))
        self.assertIn("NOTIFY_SOCKET: 'nowhere' is no path", node.tail())


class Files(TestCase):
    def test_the_unit(self):
        with tempfile.TemporaryDirectory(prefix="troupe-test-") as folder:
            text = (CONFIG / "trouped@.service").read_text()
            self.assertIn("ExecStart=/usr/local/bin/trouped ", text)
            unit = pathlib.Path(folder) / "trouped@.service"
            unit.write_text(text.replace("/usr/local/bin/trouped", str(BIN / "trouped")))
            instance = unit.with_name("trouped@worker.service")
            done = subprocess.run(["systemd-analyze", "verify", "--man=no", instance], capture_output=True, text=True,
                                  timeout=60)
            about = [line for line in done.stderr.splitlines() if "trouped@" in line]
            self.assertEqual((0, []), (done.returncode, about), done.stderr)

    def test_the_system_calls_that_the_unit_allows_are_enough(self):
        """Every call that a node and its executors make, from start to stop, is in the unit's filter."""
        allowed = self.allowed()
        self.assertIn("landlock_restrict_self", allowed)
        self.assertNotIn("mount", allowed)
        with tempfile.TemporaryDirectory(prefix="troupe-test-") as folder:
            counts = pathlib.Path(folder) / "counts"
            node = Node(place=Traced(counts))
            self.addCleanup(node.close)
            node.start(seconds=60)
            film = synth(node.folder / "film.mp4", seconds=2)
            self.assertEqual("completed", node.wait_job(node.upload(film).json["jobId"])["status"])
            video = node.get("/api/videos")["videos"][0]["id"]
            job = node.post(f"/api/videos/{video}/transcode", SLOW_TRANSCODE)["jobId"]
            self.assertEqual("completed", node.wait_job(job)["status"])
            self.assertEqual(0, node.stop(60))
            wait_until("they are counted", lambda: counts.exists() and "total" in counts.read_text(), 10)
            made = {line.split()[-1] for line in counts.read_text().splitlines() if re.match(r" *[0-9.]+ +[0-9.]+ ", line)}
        made.discard("total")
        self.assertLess({"landlock_restrict_self", "execve", "sendmsg"}, made)
        self.assertEqual(set(), made - allowed)

    def test_the_containers(self):
        """Every node of compose.yaml has a configuration that holds, and the papers for it."""
        told = yaml.safe_load((CONFIG / "compose.yaml").read_text())
        services, volumes = told["services"], told["volumes"]
        image = (CONFIG / "Dockerfile").read_text()
        with tempfile.TemporaryDirectory(prefix="troupe-test-") as folder:
            place = pathlib.Path(folder)
            for name in services:
                (place / "papers" / name).mkdir(parents=True)
            (place / "authority").mkdir()
            script = services["certificates"]["command"][0].replace("$$", "$")
            script = re.sub(r"/(authority|papers)\b", rf"{folder}/\1", script)
            for _ in range(2):
                subprocess.run(["bash", "-euc", script], env=dict(os.environ, PATH=f"{BIN}:{os.environ['PATH']}"), check=True,
                               capture_output=True, timeout=60)
                state = json.loads(troupe("cert", "show", place / "papers" / "worker-1", "-o", "json", check=True).stdout)
                self.assertEqual("valid", state["certificates"][0]["state"])
                # The next time it has to be renewed.
                troupe("cert", "renew", "worker-1", "--days", "5", "--dir", place / "authority", check=True)
            for name, service in services.items():
                with self.subTest(name):
                    self.assertEqual(set(), set(service.get("depends_on", ())) - set(services))
                    self.assertEqual(set(), {x.split(":")[0] for x in service["volumes"] if x[0].isalpha()} - set(volumes))
                    if name != "certificates":
                        self.assertIn(f"papers-{name}:/etc/troupe:ro", service["volumes"])
                        self.assertIn(f"/papers/{name}", image)
                        shown = self.holds(service, place / "papers" / name)
                        # A shared folder is the same one only at the path that the node takes for it.
                        for volume in service["volumes"]:
                            if volume.startswith("data:"):
                                self.assertIn(f'data = "{volume.split(":")[1]}"', shown)

    def holds(self, service, papers):
        # A path of the container, and a name that only its network knows.
        options = [x.replace("/etc/troupe", str(papers)) for x in service["command"]]
        shown = subprocess.run([BIN / "trouped", *options, "--show-config"], capture_output=True, text=True, timeout=30)
        self.assertEqual(0, shown.returncode, shown.stderr)
        role = next(x for x in options if x.startswith("--set=node.roles=")).rsplit("=", 1)[1]
        self.assertIn(f" {role} ", troupe("cert", "show", papers, check=True).stdout)
        return shown.stdout

    def allowed(self):
        unit = (CONFIG / "trouped@.service").read_text()
        words = " ".join(re.findall(r"^SystemCallFilter=(.*)$", unit, re.M)).split()
        out, todo = set(), words
        while todo:
            word = todo.pop()
            if not word.startswith("@"):
                out.add(word)
                continue
            listed = subprocess.run(["systemd-analyze", "syscall-filter", word], capture_output=True, text=True,
                                    timeout=60, check=True).stdout
            todo += [line.strip() for line in listed.splitlines()[1:] if not line.strip().startswith("#")]
        return out
