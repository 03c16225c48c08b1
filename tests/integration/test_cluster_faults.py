"""Faults of nodes and links under a load of mixed jobs: nothing acknowledged is lost, done twice or published wrongly.

A campaign that fails prints its seed; `TROUPE_FAULT="black hole" TROUPE_SEED=<seed> tests/integration/run
cluster_faults.Faults` runs that one alone."""

import concurrent.futures
import os
import time

import cluster_campaign
import support
from clients import Broken
from cluster_check import Measured
from cluster_faults import FAULTS, WorkerPaused
from support import rounds

#: Clusters at a time: most of a campaign is waiting for a lease to end.
AT_ONCE = 3


def seeds():
    one = os.environ.get("TROUPE_SEED")
    return [int(one)] if one else range(1, 1 + rounds(1, 30))


def kinds():
    one = os.environ.get("TROUPE_FAULT")
    return {one: FAULTS[one]} if one else FAULTS


class Faults(support.TestCase):
    def test_nothing_is_lost(self):
        cluster_campaign.films()
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            # Threads stay until the end: nodes end with the thread that started them.
            running = {(name, seed): pool.submit(self.one, kind, seed) for name, kind in kinds().items() for seed in seeds()}
            for name in kinds():
                self.tell(name, {seed: running[name, seed] for seed in seeds()})

    def one(self, kind, seed):
        began = time.monotonic()
        return cluster_campaign.run(kind, seed), time.monotonic() - began

    def tell(self, name, running):
        measured, longest, good = Measured(), 0.0, 0
        for seed, one in running.items():
            with self.subTest(fault=name, seed=seed):
                try:
                    found, took = one.result()
                except Exception as e:
                    raise AssertionError(f'TROUPE_FAULT="{name}" TROUPE_SEED={seed}: {e}') from e
                measured.add(found)
                longest, good = max(longest, took), good + 1
        print(f"\n      {name}: {good} of {len(running)} seeds, at most {longest:.0f} s each; {measured}", end="", flush=True)


class Teeth(support.TestCase):
    """A checker that never fails shows nothing."""

    def test_without_fencing_it_fails(self):
        # Whether the paused worker or the one that has the job now is first is a race.
        for seed in range(1, 6):
            try:
                cluster_campaign.run(WorkerPaused, seed, {"TROUPE_TEST_UNFENCED": "1"}, cluster_campaign.HeavyCampaign)
            except Broken as e:
                self.assertRegex(str(e), "has the file of attempt|completed \\d times|more than once|is missing|no row names")
                print(f"\n      seed {seed}: {str(e)[:150]}", end="", flush=True)
                return
        self.fail("five campaigns without fencing, and the checker noticed nothing")

    def test_with_fencing_it_does_not(self):
        cluster_campaign.run(WorkerPaused, 1, None, cluster_campaign.HeavyCampaign)
