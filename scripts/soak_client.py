# SPDX-License-Identifier: Apache-2.0
"""What one client of the soak knows and asks: what was acknowledged to it must be so, whatever happens to the engine."""
import ctypes
import json
import os
import random
import time

from soak_containers import Containers
from soak_joins import Joins
from soak_known import PATIENCE, Cut, Wrong


CLONE_NEWNET = 0x40000000


class Client(Containers, Joins):
    def __init__(self, soak, number, seed):
        self.soak, self.number, self.source = soak, number, random.Random(f"{seed} client {number}")
        self.boxes, self.made, self.net, self.written = {}, 0, None, 0
        self.held, self.secrets = [], None  # streams; values that its secret may have
        self.operations = [(weight, getattr(self, name)) for name, weight in {
            "create": 4, "start": 4, "stop": 3, "kill": 2, "restart": 2, "pause": 2, "unpause": 3, "rename": 1,
            "remove": 2, "look": 2, "logs": 2, "execute": 4, "put": 3, "get": 3, "stats": 1, "update": 2, "top": 1,
            "short_run": 3, "commit": 1, "changes": 1, "network": 2, "connect": 2, "volume": 1, "far_volume": 1, "lists": 1,
            "events": 1, "prune": 1, "detached": 2, "converse": 2, "unread": 1, "hold": 1, "health": 1, "checkpoint": 1,
            "secret": 1, "read_secret": 2, "traffic": 4, "look_up": 4}.items()]

    # Asking

    def ask(self, allowed, method, path, body=None, **more):
        status, content = self.soak.call(method, path, body, **more)
        if status not in allowed:
            raise Wrong(f"{method} {path}: {status}, not {allowed}: {content[:300]!r}")
        return status, content

    def document(self, method, path, body=None):
        return json.loads(self.ask((200,), method, path, body)[1])

    def change(self, box, allowed, method, path, body=None, unsure=(), **more):
        """Changes a container. If the answer was cut off, what is named in `unsure` is not known any more."""
        try:
            return self.ask(allowed, method, f"/containers/{box.name}{path}", body, **more)[0]
        except Cut:
            for name in unsure:
                setattr(box, name, None)
            raise

    def inspect(self, name):
        status, content = self.ask((200, 404), "GET", f"/containers/{name}/json")
        return json.loads(content) if status == 200 else None

    def settle(self):
        """After a cut: what is not known is looked up; what is known must be so."""
        for box in list(self.boxes.values()):
            found = self.inspect(box.name)
            if (found is not None) != box.exists and box.exists is not None:
                raise Wrong(f"{box.name} is {'there' if found else 'not there'}, against what was acknowledged")
            box.exists = found is not None
            if not found:
                del self.boxes[box.name]
                continue
            if box.id not in (None, found["Id"]):
                raise Wrong(f"{box.name} is another container")
            box.id = found["Id"]
            found = self.restarted(box, found)
            for name, key in (("running", "Running"), ("paused", "Paused")):
                if getattr(box, name) not in (None, found["State"][key]):
                    raise Wrong(f"{box.name}: {key} is {found['State'][key]}, against what was acknowledged: "
                                f"{found['State']}")
                setattr(box, name, found["State"][key])

    def restarted(self, box, found):
        """One that its policy is about to start again counts as running before it does."""
        end = time.monotonic() + PATIENCE
        while found and found["State"]["Restarting"]:
            if time.monotonic() > end:
                raise Wrong(f"{box.name} is not started again within {PATIENCE} s")
            time.sleep(0.05)
            found = self.inspect(box.name)
        return found

    def choose(self, **wanted):
        fitting = [box for box in self.boxes.values() if all(getattr(box, key) == value for key, value in wanted.items())]
        return self.source.choice(sorted(fitting, key=lambda box: box.name)) if fitting else None

    def enter(self):
        """This thread goes where the engine's networks are."""
        with open(f"/run/netns/{self.soak.network}") as file:
            if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def play(self, until):
        self.enter()
        weights = [weight for weight, _ in self.operations]
        while time.monotonic() < until and not self.soak.wrong:
            operation = self.source.choices(self.operations, weights)[0][1]
            try:
                operation()
                self.soak.count(operation.__name__)
            except Cut:
                self.soak.count("cut off")
                self.recover()
            except Wrong as wrong:
                self.soak.fail(f"client {self.number}", wrong)
                self.explain()
            except Exception as error:  # of the soak itself, or an answer that cannot be read
                self.soak.fail(f"client {self.number}", f"{operation.__name__}: {error!r}")
        while self.held:
            self.held.pop().close()

    def explain(self):
        """What the engine has to say of this client's containers."""
        since, names = time.time() - 5, {box.name for box in self.boxes.values()}
        for name in names:
            self.soak.say(json.dumps({name: (self.inspect(name) or {}).get("State")}))
        for event in self.ask((200,), "GET", f"/events?since={since:.3f}&until={time.time():.3f}")[1].splitlines():
            if json.loads(event)["Actor"]["Attributes"].get("name") in names:
                self.soak.say(event.decode())

    def recover(self):
        while not self.soak.wrong:
            try:
                self.settle()
                return
            except Cut:
                pass
            except Wrong as wrong:
                self.soak.fail(f"client {self.number}", wrong)
