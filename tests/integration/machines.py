"""A cluster of which every node is a machine of its own: its own network namespace, its own certificate, mutual TLS."""

import json
import pathlib
import shutil
import tempfile

from certificates import Authority
from namespaces import Network
from support import Node, free_port, wait_until

#: A peer that is cut off is noticed soon, but not for the pauses of a busy machine.
MESH = {"mesh.heartbeat": "500ms", "mesh.connection_timeout": "3s"}


class Machines:
    """A coordinator with gateway, and workers. The network's verbs (namespaces.py) are at `net`; a node's machine is its
    `place`. What is in `far` has no mount: a data folder of its own, and nothing to see of the coordinator's. `own`: by
    name, what one node alone is given (as Node is), and with "hide" folders that it has a view of its own of."""

    def __init__(self, workers=("ben", "carl"), far=(), lease="2s", own=None, **settings):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="troupe-test-"))
        self.nodes = []
        self.net = None
        try:
            self.net = Network()
            self.authority = Authority(self.folder / "authority")
            place = self.net.add("anna")
            papers = self.authority.issue("anna", "coordinator", "gateway", hosts=(place.address, "127.0.0.1"))
            own = own or {}
            self.node = self._node(place, papers, node__roles="coordinator,gateway", jobs__lease=lease,
                                   files__port=free_port(), **own.get("anna", {}))
            self.node.start()
            self.workers = [self._worker(name, name in far, settings | own.get(name, {})) for name in workers]
            for worker in self.workers:
                worker.start()
            wait_until("all workers joined", lambda: self.joined() == sorted(workers))
        except BaseException:
            self.close()
            raise

    def joined(self):
        """Names of the workers that the coordinator knows."""
        return sorted(w["node"] for w in json.loads(self.node.cli("workers", "-o", "json").stdout)["workers"])

    def close(self):
        for node in reversed(self.nodes):
            node.close()
        if self.net:
            self.net.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            self.tell()
        self.close()

    def tell(self):
        """The ends of the logs, for who has to find out why a test failed."""
        for node in self.nodes:
            print(f"\n--- {node.place.name} ---\n{node.tail(25)}", flush=True)

    def _worker(self, name, far, settings):
        # The coordinator's folders are where all of these tests have theirs.
        place = self.net.add(name, hide=[*([self.node.folder] if far else ()), *settings.pop("hide", ())])
        settings.setdefault("data", None if far else self.node.data)
        return self._node(place, self.authority.issue(name, "worker", hosts=(place.address, "127.0.0.1")),
                          node__roles="worker",
                          mesh__coordinator=self.node.mesh, **settings)

    def _node(self, place, papers, **settings):
        node = Node(place=place, mesh__identity=papers, **settings)
        node.settings.update({key: value for key, value in MESH.items() if key not in node.settings})
        self.nodes.append(node)
        return node
