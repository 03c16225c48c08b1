"""What can be done at the mesh port: by a peer with a certificate that lies, by strangers without one, and with the
node's papers while it runs. With TLS and, where nothing is different, on a plain mesh too."""

import contextlib
import pathlib
import resource
import select
import shutil
import ssl
import tempfile
import time

from certificates import Authority, Stranger, header, memory_of, troupe
from namespaces import Here
from support import Node, TestCase, free_port, wait_until

#: BASP operations that carry something.
WITH_PAYLOAD = range(6)


def processor_of(pid):
    """Seconds that a process has computed."""
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def is_closed(s, seconds=5):
    """Whether the other side hangs up; what it says before is read away."""
    s.settimeout(seconds)
    with contextlib.suppress(ConnectionError):
        try:
            while s.recv(65536):
                pass
        except TimeoutError:
            return False
    return True


class Port(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = pathlib.Path(tempfile.mkdtemp(prefix="troupe-test-"))
        cls.home = Authority(cls.place / "home")
        cls.anna = cls.home.issue("anna", "coordinator", "gateway")
        cls.other = cls.home.issue("other", "coordinator", "gateway")
        cls.ben = cls.home.issue("ben", "worker")
        cls.laptop = cls.home.issue("laptop", "admin")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.place, ignore_errors=True)

    def start(self, identity=None):
        """A node whose papers may be spoilt; without `identity` on a plain mesh."""
        papers = ""
        if identity:
            papers = pathlib.Path(tempfile.mkdtemp(dir=self.place)) / identity.name
            shutil.copytree(identity, papers)
        node = Node(node__roles="coordinator,gateway",
                    **(dict(mesh__identity=papers, files__port=free_port()) if papers else {}))
        self.addCleanup(node.close)
        node.start()
        return node

    def door(self, node):
        return Stranger(Here(), *node.mesh.rsplit(":", 1))

    def still_whole(self, node):
        self.assertIsNone(node.process.poll(), node.tail())
        identity = self.laptop if node.settings.get("mesh.identity") else ""
        done = troupe("status", identity=identity, node=node.mesh)
        self.assertEqual(0, done.returncode, done.stderr + node.tail())

    def kinds(self):
        """A node with TLS and who its peers are, and a plain one."""
        for identity, papers in ((self.anna, self.ben), (None, None)):
            yield self.start(identity), papers

    # -- peers that lie

    def test_a_header_without_what_it_announces(self):
        for node, papers in self.kinds():
            door = self.door(node)
            for operation in WITH_PAYLOAD:
                for data, source, target in ((0, 0, 0), (1, 0, 0), (1, 0, 1), (0, 1, 0)):
                    with door.link(papers) as s:
                        s.sendall(header(operation, 0, data, source, target))
                        self.assertTrue(is_closed(s), f"operation {operation}: {data, source, target}")
            self.still_whole(node)

    def test_a_message_that_says_it_is_of_a_stream(self):
        """An actor's mailbox takes it for what it is not."""
        nothing = b"\0" + b"\0\0" + b"\x03@<>"
        for node, papers in self.kinds():
            for category in (2, 3):
                with self.door(node).link(papers) as s, contextlib.suppress(ConnectionError, ssl.SSLError):
                    # The door's number is one of the first.
                    for target in range(1, 200):
                        s.sendall(header(2, len(nothing), category << 60, target=target) + nothing)
                self.still_whole(node)

    def test_a_header_that_claims_gigabytes(self):
        """Nothing is reserved for it, and the link is closed."""
        for node, papers in self.kinds():
            self.still_whole(node)
            before = memory_of(node.process.pid)
            held = self.door(node).claims_gigabytes(papers)
            time.sleep(1)
            self.assertLess(memory_of(node.process.pid) - before, 16 << 20)
            for operation, s in enumerate(held):
                self.assertTrue(is_closed(s), f"operation {operation}")
                s.close()
            self.still_whole(node)

    # -- papers

    def test_papers_that_are_exchanged_while_it_runs(self):
        """File by file, as a copy to another machine does; somebody connects in between. They count from the next start
        on."""
        node = self.start(self.anna)
        papers = pathlib.Path(node.settings["mesh.identity"])
        for file in ("node.pem", "node.key"):
            shutil.copy(self.other / file, papers / file)
            self.door(node).connect().close()
            self.still_whole(node)
        (papers / "node.pem").write_text("-----BEGIN CERTIFICATE-----\n")
        self.still_whole(node)
        shutil.rmtree(papers)
        self.still_whole(node)

    # -- strangers

    def test_silent_strangers(self):
        """They cost nothing, and do not stay."""
        node = self.start(self.anna)
        self.still_whole(node)
        idle = processor_of(node.process.pid)
        time.sleep(2)
        idle = processor_of(node.process.pid) - idle
        began = time.monotonic()
        held = self.door(node).begins(100)
        time.sleep(0.5)
        used = processor_of(node.process.pid)
        time.sleep(2)
        self.assertLess(processor_of(node.process.pid) - used, 0.1 + idle)
        self.still_whole(node)
        waiting = list(held)
        while waiting and time.monotonic() - began < 15:
            for s in select.select(waiting, [], [], 1)[0]:
                self.assertTrue(is_closed(s))
                waiting.remove(s)
        self.assertEqual([], waiting)
        self.still_whole(node)
        for s in held:
            s.close()

    def test_a_silent_stranger_does_not_hold_up_the_end(self):
        node = self.start(self.anna)
        held = self.door(node).begins(4)
        time.sleep(0.5)
        began = time.monotonic()
        self.assertEqual(0, node.stop())
        self.assertLess(time.monotonic() - began, 5)
        for s in held:
            s.close()

    def test_more_strangers_than_descriptors(self):
        node = self.start(self.anna)
        resource.prlimit(node.process.pid, resource.RLIMIT_NOFILE, (256, 256))
        held = self.door(node).begins(300)
        time.sleep(1)
        self.still_whole(node)
        worker = Node(data=node.data, node__roles="worker", mesh__coordinator=node.mesh, mesh__identity=self.ben)
        self.addCleanup(worker.close)
        worker.start()
        wait_until("the worker is there", lambda: "ben" in troupe("workers", identity=self.laptop,
                                                                  node=node.mesh).stdout, 10)
        for s in held:
            s.close()
        self.still_whole(node)

    def test_more_connections_than_descriptors_on_a_plain_mesh(self):
        """Some are refused; what the node does for others goes on, and all is well when they leave."""
        node = self.start()
        pid = node.process.pid
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (256, 256))
        held = [self.door(node).connect() for _ in range(300)]
        time.sleep(1)
        used = processor_of(pid)
        time.sleep(2)
        self.assertLess(processor_of(pid) - used, 0.4)
        self.assertEqual(200, node.request("GET", "/api/videos").status)
        for s in held:
            s.close()
        wait_until("there is room again", lambda: troupe("status", node=node.mesh).returncode == 0, 10)
        self.still_whole(node)
