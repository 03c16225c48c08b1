"""Networks of their own for the nodes of a cluster: each node is a machine with one cable to a common switch.

    with Network() as net:
        anna, ben = net.add("anna"), net.add("ben")       # 10.77.0.1, 10.77.0.2
        process = subprocess.Popen(anna.command(["trouped", …]))
        connection = anna.connect(anna.address, 3002)     # an ordinary socket, as if opened on that machine
        net.unplug(ben); net.plug_in(ben)                 # the cable
        net.lose(source=ben)                              # what ben sends vanishes; both ways: net.lose(ben)
        net.limit(ben, "1mbit"); net.delay(ben, 0.05)
        net.heal()

Linux namespaces of this process alone: nothing of the machine's own network is touched, no names are left anywhere. As
root, or with user namespaces where those are allowed; `Unavailable` says why not. A namespace lives as long as somebody
is in it: each is held open by a small process that ends when ours does, however ours ends.
"""

import contextlib
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import threading

#: For every command that sets something up, seconds.
LIMIT = 20
#: The programs of the system's administrator are in no user's path.
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"

LATE = (sys.executable, "-I", "-S", str(pathlib.Path(__file__).with_name("late_frames.py")))


class Unavailable(Exception):
    """Namespaces, or a part of them, are not to be had here."""


class Here:
    """The machine's own network, with the verbs of a Place."""

    def __init__(self, name="", address="127.0.0.1"):
        self.name, self.address = name, address

    def command(self, args):
        return list(args)

    def connect(self, host, port, timeout=None):
        return _prepared(socket.socket(), host, port, timeout)


class Place:
    """A machine of a Network."""

    def __init__(self, network, name, address, hide=()):
        self.network, self.name, self.address = network, name, address
        self._hide = [str(path) for path in hide]
        self._mutex = threading.Lock()
        self._channel, inner = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        # A session of its own: Ctrl-C ends those who use it first.
        self._holder = subprocess.Popen([*network._unshare(), sys.executable, "-I", "-S", __file__], stdin=inner,
                                        start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        inner.close()
        self._channel.settimeout(LIMIT)
        if self._channel.recv(1) != b"r":
            said = self._holder.communicate(timeout=LIMIT)[1].decode().strip()
            raise Unavailable(f"no network namespace: {said or 'its holder ended'}")

    @property
    def pid(self):
        """Of a process that is there for as long as the place is."""
        return self._holder.pid

    def command(self, args):
        """The command line that runs `args` there. It does not fork: pid and signals are those of `args`."""
        return [*self._enter(), *self._without_hidden(), *map(str, args)]

    def run(self, *args, stdin=""):
        """Runs a command there to its end; its output."""
        done = subprocess.run([*self._enter(), *map(str, args)], input=stdin, capture_output=True, text=True, timeout=LIMIT,
                              env=dict(os.environ, PATH=PATH))
        if done.returncode != 0:
            raise Unavailable(f"{' '.join(map(str, args))}: {done.stderr.strip()}")
        return done.stdout

    def socket(self):
        """A TCP socket that belongs there, to be used here."""
        with self._mutex:
            self._channel.send(b"s")
            fds = socket.recv_fds(self._channel, 1, 1)[1]
        return socket.socket(fileno=fds[0])

    def connect(self, host, port, timeout=None):
        """As socket.create_connection does it, from there."""
        return _prepared(self.socket(), host, port, timeout)

    def close(self):
        self._channel.close()
        try:
            self._holder.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self._holder.kill()
            self._holder.wait()
        self._holder.stderr.close()

    def _enter(self):
        return ["nsenter", "--target", str(self.pid), "--net", *self.network._user(), "--"]

    def _without_hidden(self):
        if not self._hide:
            return []
        # In mounts of its own an empty file system lies over each of them.
        script = ('for n in $(seq "$1"); do shift; mount -t tmpfs -o size=1m none "$1" || exit 1; done; shift; '
                  'exec "$@"')
        return ["unshare", "--mount", "sh", "-c", script, "sh", str(len(self._hide)), *self._hide]


class Network:
    """A switch, and machines at it. Not thread safe."""

    def __init__(self, net="10.77.0"):
        if os.geteuid() != 0 and not _user_namespaces():
            raise Unavailable("network namespaces need root, or user namespaces (sysctl kernel.unprivileged_userns_clone)")
        for program in ("unshare", "nsenter", "ip", "nft", "tc"):
            if not shutil.which(program, path=PATH):
                raise Unavailable(f"the program {program} is missing: install util-linux, iproute2 and nftables")
        self._net = net
        self.places = []
        self._switch = None
        self._lost = set()
        self._lost_ports = set()
        #: By the place's name: the process, and the interface that it took over.
        self._late = {}
        try:
            self._switch = Place(self, "switch", "")
            # Frames pass from the first moment on; it has no address of its own.
            self._switch.run("ip", "-batch", "-", stdin="link add name switch type bridge forward_delay 0 mcast_snooping 0\n"
                             "link set dev switch up\nlink set dev lo up\n")
        except BaseException:
            self.close()
            raise

    def add(self, name, hide=()):
        """One more machine. Its processes find the folders in `hide` empty."""
        # It becomes the name of an interface.
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,14}", name) or name in ("switch", "lo"):
            raise ValueError(f"'{name}' must be a letter and up to 14 more, digits or '-'")
        place = Place(self, name, f"{self._net}.{len(self.places) + 1}", hide)
        self.places.append(place)
        if hide:
            # Not where the root of all files is no mount, as after a plain chroot.
            place.run("unshare", "--mount", "true")
        self._switch.run("ip", "-batch", "-", stdin=f"link add name {name} type veth peer name eth0 netns {place.pid}\n"
                         f"link set dev {name} master switch up\n")
        place.run("ip", "-batch", "-", stdin=f"addr add {place.address}/24 dev eth0\nlink set dev eth0 up\nlink set dev lo up\n")
        return place

    # -- faults

    def unplug(self, place):
        """Both ends notice that the cable is gone; connections do not."""
        self._switch.run("ip", "link", "set", "dev", place.name, "down")

    def plug_in(self, place):
        self._switch.run("ip", "link", "set", "dev", place.name, "up")

    def lose(self, place=None, source=None, target=None):
        """Frames vanish without a word: all of `place`, or those from `source`, to `target`, or from one to the other."""
        if place:
            self._lost |= {(place.name, None), (None, place.name)}
        if source or target:
            self._lost.add((source and source.name, target and target.name))
        self._apply_lost()

    def lose_port(self, port):
        """What goes to a TCP port of any machine vanishes, as in a firewall that was made stricter."""
        self._lost_ports.add(port)
        self._apply_lost()

    def limit(self, place, rate):
        """Bits a second each way, as tc writes them ("1mbit"), with a queue of 0.2 s."""
        for where, device in self._ends(place):
            where.run("tc", "qdisc", "replace", "dev", device, "root", "tbf", "rate", rate, "burst", "16kb", "latency",
                      "200ms")

    def delay(self, place, seconds):
        """Each way, by a process that holds frames back: not every kernel has netem."""
        if place.name in self._late:
            raise ValueError(f"{place.name} has a delay already; heal() takes it away")
        # The cable is cut in two, and the process sits between: eth0 ═ near · far ═ the switch's port.
        near, far = (f"late{len(self._late)}{end}" for end in "ab")
        self._switch.run("ip", "-batch", "-", stdin=f"link set dev {place.name} down\nlink set dev {place.name} name {near}\n"
                         f"link set dev {near} nomaster up\nlink add name {place.name} type veth peer name {far}\n"
                         f"link set dev {far} up\nlink set dev {place.name} master switch up\n")
        for where, device in self._ends(place):
            where.run(*LATE, "whole", device)
        relay = subprocess.Popen([*self._switch._enter(), *LATE, near, far, str(seconds)], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, start_new_session=True)
        self._late[place.name] = (relay, near)
        if relay.stdout.read(1) != b"r":
            raise Unavailable(f"no delay at {place.name}: its process ended")

    def heal(self):
        """Everything as it was at first."""
        self._lost.clear()
        self._lost_ports.clear()
        self._apply_lost()
        for name in list(self._late):
            near = self._end_delay(name)
            self._switch.run("ip", "-batch", "-", stdin=f"link del dev {name}\nlink set dev {near} down\n"
                             f"link set dev {near} name {name}\nlink set dev {name} master switch up\n")
        for place in self.places:
            self.plug_in(place)
            for where, device in self._ends(place):
                # There may be no limit.
                with contextlib.suppress(Unavailable):
                    where.run("tc", "qdisc", "del", "dev", device, "root")

    # -- end

    def close(self):
        """The processes that were started there must have ended."""
        for name in list(self._late):
            self._end_delay(name)
        for place in [*self.places, *([self._switch] if self._switch else [])]:
            place.close()
        self.places = []
        self._switch = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _end_delay(self, name):
        """The interface that was the switch's end of the cable."""
        relay, near = self._late.pop(name)
        relay.stdin.close()
        relay.wait(LIMIT)
        relay.stdout.close()
        return near

    def _ends(self, place):
        return (self._switch, place.name), (place, "eth0")

    def _apply_lost(self):
        def rule(source, target):
            return " ".join([f'iifname "{source}"' if source else "", f'oifname "{target}"' if target else "", "drop"])
        rules = "\n".join([*(rule(*x) for x in sorted(self._lost, key=str)),
                           *(f"ether type ip tcp dport {x} drop" for x in sorted(self._lost_ports))])
        # One transaction: there is no moment without the rules that stay.
        self._switch.run("nft", "-f", "-", stdin="flush ruleset\ntable bridge faults {\n chain forward {\n"
                         f"  type filter hook forward priority 0;\n{rules}\n }}\n}}\n")

    def _unshare(self):
        if os.geteuid() == 0:
            return ["unshare", "--net", "--"]
        if not self._switch:
            return ["unshare", "--user", "--map-root-user", "--net", "--"]
        # All namespaces belong to the switch's user namespace, so that cables can go from one to the other.
        return ["nsenter", "--target", str(self._switch.pid), *self._user(), "--", "unshare", "--net", "--"]

    def _user(self):
        return [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]


class Forwarder:
    """A port of this machine that leads into a place: whoever connects to 127.0.0.1:`port` gets `host`:`to_port` there.
    Runs on threads of its own until it is closed."""

    def __init__(self, port, place, host, to_port):
        self._listener = socket.create_server(("127.0.0.1", port))
        self._place, self._to = place, (host, to_port)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        # Wakes who waits in accept; close alone does not.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        while True:
            try:
                outer = self._listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._serve, args=(outer,), daemon=True).start()

    def _serve(self, outer):
        with outer:
            try:
                inner = self._place.connect(*self._to, timeout=LIMIT)
            except OSError:
                return
            with inner:
                inner.settimeout(None)
                back = threading.Thread(target=_pump, args=(inner, outer), daemon=True)
                back.start()
                _pump(outer, inner)
                back.join()


def _pump(source, target):
    """Copies until the end of `source`, and passes the end on."""
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _prepared(s, host, port, timeout):
    try:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s.settimeout(timeout)
        s.connect((host, int(port)))
        return s
    except BaseException:
        s.close()
        raise


def _user_namespaces():
    done = subprocess.run(["unshare", "--user", "--map-root-user", "--net", "true"], capture_output=True, timeout=LIMIT)
    return done.returncode == 0


def _hold():
    """Runs inside the namespace: hands out sockets that belong there, until the other end is gone."""
    channel = socket.socket(fileno=0)
    # IPv4 is enough, and quiet from the first moment on.
    for which in ("all", "default"):
        with contextlib.suppress(OSError), open(f"/proc/sys/net/ipv6/conf/{which}/disable_ipv6", "w") as file:
            file.write("1")
    channel.send(b"r")
    while channel.recv(1):
        with socket.socket() as s:
            socket.send_fds(channel, [b"s"], [s.fileno()])


if __name__ == "__main__":
    _hold()
