"""Certificates for tests, made by 'troupe cert', and what those who have none or the wrong ones can try at a port."""

import os
import socket
import ssl
import struct
import subprocess

from faked_clock import shifted
from support import BIN


def troupe(*args, identity="", node=None, check=False, before=()):
    command = [*before, str(BIN / "troupe"), *(["--node", node] if node else []), *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60,
                          env=dict(os.environ, NO_COLOR="1", TROUPE_IDENTITY=str(identity)))
    if check and done.returncode != 0:
        raise AssertionError(f"{command}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done


class Authority:
    """A folder that 'troupe cert' has made."""

    def __init__(self, place):
        self.folder = place
        troupe("cert", "init", "--dir", place, check=True)

    def issue(self, name, *roles, hosts=("127.0.0.1",), before=(), days=365):
        args = [x for role in roles for x in ("--role", role)] + [x for host in hosts for x in ("--host", host)]
        done = troupe("cert", "issue", name, *args, "--dir", self.folder, "--days", days, check=not before, before=before)
        # With another clock it says that it can't be used, which is so: its authority is of today.
        if not (self.folder / "nodes" / name / "node.pem").exists():
            raise AssertionError(f"{name} has no certificate: {done.stdout}{done.stderr}")
        return self.folder / "nodes" / name

    def expired(self, name, *roles):
        """One that was issued two years ago for one."""
        return self.issue(name, *roles, before=shifted("-730d"))


#: Bytes of a BASP header.
HEADER = 32


def header(operation, payload=0, data=0, source=0, target=0, flags=0):
    """Of a BASP message: 0 server handshake, 1 client handshake, 2 direct, 3 routed, 4 monitor, 5 down, 6 heartbeat."""
    return struct.pack(">BBBBIQQQ", operation, 0, 0, flags, payload, data, source, target)


def _take(s, size):
    out = b""
    while len(out) < size:
        more = s.recv(size - len(out))
        if not more:
            raise ConnectionError(f"closed after {len(out)} of {size} bytes")
        out += more
    return out


class Stranger:
    """Somebody at `place` (namespaces.py) who has found the port of a node."""

    def __init__(self, place, host, port):
        self._place, self._host, self._port = place, host, int(port)

    def connect(self, timeout=5):
        return self._place.connect(self._host, self._port, timeout)

    def says(self, data, seconds=5):
        """All that is answered to `data` in the clear; b"" where the connection is closed without a word."""
        with self.connect(seconds) as s:
            try:
                s.sendall(data)
                return b"".join(iter(lambda: s.recv(65536), b""))
            except ConnectionError:
                return b""

    def over_tls(self, identity=None, data=b"", ask=1):
        """The first bytes that come after the handshake (and `data`), or a text that begins with "refused"."""
        try:
            with self.connect() as plain, self._context(identity).wrap_socket(plain) as s:
                s.settimeout(5)
                if data:
                    s.sendall(data)
                return s.recv(ask)
        except (ssl.SSLError, ConnectionError) as refused:
            return f"refused: {refused}"

    def link(self, identity, timeout=5):
        """A connection that has been greeted with a BASP handshake; over TLS unless `identity` is None."""
        s = self.connect(timeout)
        if identity:
            s = self._context(identity).wrap_socket(s)
        size = struct.unpack(">I", _take(s, HEADER)[4:8])[0]
        _take(s, size)
        return s

    def begins(self, count):
        """Connections, held open, half of them with a TLS record begun, the others silent."""
        held = [self.connect() for _ in range(count)]
        for s in held[::2]:
            s.sendall(b"\x16\x03\x01\x02\x00\x01")
        return held

    def claims_gigabytes(self, identity):
        """Links, held open, each with a header of a message of 2 GiB to come."""
        held = [self.link(identity) for _ in range(6)]
        for operation, s in enumerate(held):
            s.sendall(header(operation, 0x7fffffff, data=3 if operation == 0 else 0, source=operation == 5,
                             target=operation in (2, 3)))
        return held

    @staticmethod
    def _context(identity):
        out = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        out.check_hostname = False
        out.verify_mode = ssl.CERT_NONE
        if identity:
            out.load_cert_chain(identity / "node.pem", identity / "node.key")
        return out


def memory_of(pid):
    """Bytes that a process has, swapped ones too."""
    with open(f"/proc/{pid}/status") as status:
        fields = dict(line.split(":", 1) for line in status)
    return (int(fields["VmRSS"].split()[0]) + int(fields.get("VmSwap", "0 kB").split()[0])) << 10
