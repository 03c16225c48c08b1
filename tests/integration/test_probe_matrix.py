"""Our probe beside the ffprobe binary, field by field: on real files, on every codec in every container that Debian's
ffmpeg writes, and on the awkward ones. ffprobe.py lists what may differ, and why."""

import concurrent.futures
import unittest

import ffprobe
import probe_cases
import probe_samples
from executor_client import Executor, Failed
from support import MEDIA

WORKERS = 2


def check(samples):
    """Sentences about what differs; samples are (name, path)."""
    def part(mine):
        found = []
        with Executor() as executor:
            for name, path in mine:
                theirs = ffprobe.ffprobe(path)
                try:
                    ours = executor.probe(path)
                except Failed as refused:
                    ours = refused
                if theirs is None or isinstance(ours, Failed):
                    if theirs is not None or not isinstance(ours, Failed):
                        found.append(f"{name}: we say {ours}, ffprobe {theirs}")
                    continue
                found += [f"{name}: {text}" for text in ffprobe.differences(ours, theirs)]
        return found

    samples = list(samples)
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        return [text for found in pool.map(part, [samples[i::WORKERS] for i in range(WORKERS)]) for text in found]


class ProbeMatrix(unittest.TestCase):
    def equal(self, samples, at_least):
        self.assertGreaterEqual(len(samples), at_least)
        if found := check(samples):
            self.fail("\n".join(["our probe differs from ffprobe:", *found]))

    def test_real_files(self):
        self.equal([(p.name, p) for p in sorted(MEDIA.iterdir()) if not p.name.startswith(".")], 40)

    def test_every_codec_in_every_container(self):
        samples = probe_samples.every_container()
        self.assertGreater(len({path.suffix for _, path in samples}), 35)
        self.equal(samples, 400)

    def test_awkward_files(self):
        self.equal(probe_cases.every_case(), 100)
