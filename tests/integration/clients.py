"""Clients that ask for jobs under a key of their own until they are told that the job is kept, and remember what they
were told: the load of a campaign, and what its checker holds the nodes to."""

import hashlib
import json
import pathlib
import random
import subprocess
import threading

import support


class Broken(AssertionError):
    """A promise that was not kept."""


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


class Intent:
    """Something that a client wants done exactly once."""

    def __init__(self, kind, key, **what):
        self.kind, self.key, self.what, self.job = kind, key, what, None

    def __repr__(self):
        return f"{self.kind} {self.key} {self.what} → {self.job}"


class Clients:
    """Of one node. `ask(intent)` of a derived class sets intent.job; what breaks meanwhile is asked again later."""

    def __init__(self, node, seed, log=None):
        """`log`: a folder in which each client keeps a file of what was acknowledged to it, a line of JSON each."""
        self.node, self.seed, self.log = node, seed, log
        self.intents, self.problems = [], []
        self.lock = threading.Lock()

    def intend(self, kind, **what):
        with self.lock:
            intent = Intent(kind, f"{kind}-{self.seed}-{len(self.intents)}", **what)
            self.intents.append(intent)
        return intent

    def client(self, make, pause, most, rng, stop):
        """One client's life: up to `most` intents, each after up to `pause` seconds."""
        made = 0
        while not stop.wait(pause * rng.random()) and made < most:
            made += 1
            try:
                if intent := make(rng):
                    self.ask(intent)
                    self._note(intent)
            except Broken as e:
                self.problems.append(str(e))
            except (OSError, ValueError, AssertionError, subprocess.SubprocessError, support.http.client.HTTPException):
                if stop.is_set():
                    return

    def ask_again(self, stop=None):
        for intent in list(self.intents):
            if intent.job is None and not (stop and stop.is_set()):
                self.client(lambda _: intent, 0, 1, random.Random(0), stop or threading.Event())

    def start(self, clients, rng, stop):
        """Threads: one for each (make, pause, most) of `clients`, and one that asks again for what is open."""
        self.problems = []
        threads = [threading.Thread(target=self.client, args=(make, pause, most, random.Random(rng.random()), stop))
                   for make, pause, most in clients]
        threads.append(threading.Thread(target=self.ask_again, args=(stop,)))
        for t in threads:
            t.start()
        return threads

    def post(self, path, body, headers=None):
        """The answer to what was acknowledged; OSError when it may be asked again."""
        return self.acknowledged(self.node.request("POST", path, body, headers, timeout=10), path)

    def acknowledged(self, answer, what):
        if answer.status in (200, 201, 202):
            return answer.json
        if answer.status >= 500 or answer.status == 429:
            raise OSError(f"{what}: {answer.status} {answer.body[:300]}")
        raise Broken(f"{what}: {answer.status} {answer.body[:300]}")

    def _note(self, intent):
        if self.log and intent.job:
            line = {"job": intent.job, "kind": intent.kind, "key": intent.key, **intent.what}
            with open(self.log / f"{threading.current_thread().name}.log", "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
