"""What a folder would hold after a power cut, made of the record that recorder.cpp keeps and of what is there.

    cut = PowerCut(data_folder)
    Node(data=..., preload=cut.library, env=cut.environment)  ... work, kill -9 ...
    cut.strike(random.Random(seed))                           the folder is now as after a power cut

Content is durable as of the last sync of the file, names as of the last sync of their folder. What was not synced is
lost, kept or torn, as the random source says: a file's unsynced content as a whole or by sectors of 512 bytes, a file's
unsynced names all together (a rename is done or it is not). SQLite's shared memory is never kept."""

import ctypes
import os
import pathlib
import shutil
import struct

SECTOR = 512
_libc = ctypes.CDLL(None, use_errno=True)


def key_of(path):
    """As in recorder.cpp: type, inode and time of birth. Python's stat does not tell the last."""
    facts = ctypes.create_string_buffer(256)
    at_fdcwd, no_follow, basic_and_birth = -100, 0x100, 0xFFF
    if _libc.statx(at_fdcwd, os.fsencode(path), no_follow, basic_and_birth, facts) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(path))
    mode, = struct.unpack_from("<H", facts, 28)
    inode, = struct.unpack_from("<Q", facts, 32)
    seconds, nanos = struct.unpack_from("<qI", facts, 80)
    kind = {0o040000: "d", 0o100000: "f"}.get(mode & 0o170000, "o")
    return f"{kind}{inode}-{seconds}.{nanos:09d}"


def torn(durable, live, rng):
    """Some sectors reached the disk and some did not; sectors that never did read as zeros."""
    low, high = sorted((len(durable), len(live)))
    size = rng.choice((low, high, rng.randint(low, high)))
    out = bytearray(durable[:size].ljust(size, b"\0"))
    for at in range(0, min(size, len(live)), SECTOR):
        if rng.random() < 0.5:
            end = min(at + SECTOR, size, len(live))
            out[at:end] = live[at:end]
    return bytes(out)


class PowerCut:
    def __init__(self, root, library):
        self.root = pathlib.Path(root).resolve()
        self.shadow = self.root.parent / (self.root.name + ".shadow")
        self.library = pathlib.Path(library)
        if not self.library.is_file():
            raise AssertionError(f"no recorder at {self.library}: build the target troupe_powercut")
        self.root.mkdir(parents=True, exist_ok=True)
        self.environment = {"TROUPE_TEST_POWERCUT_ROOT": str(self.root),
                            "TROUPE_TEST_POWERCUT_SHADOW": str(self.shadow)}
        self.settle()

    def settle(self):
        """Everything that is there now is durable."""
        shutil.rmtree(self.shadow, ignore_errors=True)
        (self.shadow / "content").mkdir(parents=True)
        (self.shadow / "folders").mkdir()
        for folder, folders, files in os.walk(self.root):
            here = pathlib.Path(folder)
            rows = [(key_of(here / name), name) for name in folders + files]
            (self.shadow / "folders" / key_of(here)).write_bytes(
                b"".join(key.encode() + b" " + os.fsencode(name) + b"\0" for key, name in rows))
            for key, name in rows:
                if key[0] == "f":
                    shutil.copyfile(here / name, self.shadow / "content" / key)

    def strike(self, rng):
        """No process may be working below the folder. The same random source gives the same choices."""
        self._rng, self._keeps = rng, {}
        self._live_folders, self._live_files = {}, {}
        for folder, _, files in sorted(os.walk(self.root)):
            here = pathlib.Path(folder)
            self._live_folders[key_of(here)] = here
            for name in sorted(files):
                self._live_files[key_of(here / name)] = here / name
        after = self.root.parent / (self.root.name + ".after")
        shutil.rmtree(after, ignore_errors=True)
        self._rebuild(key_of(self.root), after)
        shutil.rmtree(self.root)
        after.rename(self.root)
        self.settle()

    # -- names

    def _durable_entries(self, key):
        record = self.shadow / "folders" / key
        rows = record.read_bytes().split(b"\0")[:-1] if record.is_file() else []
        return {os.fsdecode(name): inode.decode() for inode, name in (row.split(b" ", 1) for row in rows)}

    def _live_entries(self, key):
        here = self._live_folders.get(key)
        return {name: key_of(here / name) for name in sorted(os.listdir(here))} if here else {}

    def _kept(self, key):
        """Whether the unsynced names of this inode reached the disk."""
        if key not in self._keeps:
            self._keeps[key] = self._rng.random() < 0.5
        return self._keeps[key]

    def _entry_after(self, durable, live):
        if live == durable:
            return durable
        if live and self._kept(live):
            return live
        # Its name was given to another file, and that did not reach the disk either.
        if durable and (live or not self._kept(durable)):
            return durable
        return None

    def _rebuild(self, key, target):
        target.mkdir(mode=0o750)
        durable, live = self._durable_entries(key), self._live_entries(key)
        for name in sorted(durable.keys() | live.keys()):
            inode = self._entry_after(durable.get(name), live.get(name))
            if inode is None or inode[0] == "o" or name.endswith("-shm"):
                continue
            if inode[0] == "d":
                self._rebuild(inode, target / name)
            else:
                self._write(inode, target / name)

    # -- content

    def _write(self, key, target):
        record, live = self.shadow / "content" / key, self._live_files.get(key)
        durable = record.read_bytes() if record.is_file() else b""
        content = durable
        if live:
            now = live.read_bytes()
            if now != durable:
                content = self._rng.choice((lambda: durable, lambda: now, lambda: torn(durable, now, self._rng)))()
        target.write_bytes(content)
        target.chmod(0o640)
        if live:
            facts = live.stat()
            os.utime(target, ns=(facts.st_atime_ns, facts.st_mtime_ns))
