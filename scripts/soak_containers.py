# SPDX-License-Identifier: Apache-2.0
"""Operations of the soak on containers. Each asks for what must succeed by what the client knows."""
import io
import json
import tarfile
import time
import urllib.parse

from soak_known import FOREVER, PATIENCE, PLUGIN, Box, Cut, Wrong

BOXES = 4  # containers of one client at most


class Containers:
    # Operations. Each asks for what must succeed by what the client knows.

    def create(self):
        if len(self.boxes) >= BOXES:
            return
        self.made += 1
        name = f"box-{self.number}-{self.made}"
        port = 20000 + 1000 * self.number + self.made % 1000
        alone = {"NetworkMode": "none"}
        host = self.source.choice([
            alone, {**alone, "Memory": 64 << 20}, {}, {"NetworkMode": self.net or "none"}, {"NetworkMode": self.net or "none"},
            {"PortBindings": {"80/tcp": [{"HostPort": str(port)}]}}, {"PortBindings": {"80/tcp": [{"HostPort": str(port)}]}},
            {**alone, "Init": True}, {**alone, "RestartPolicy": {"Name": "unless-stopped"}},
            {**alone, "Binds": [f"vol-{self.number}:/v"]}, {**alone, "LogConfig": {"Type": "local"}},
            {**alone, "Mounts": [{"Type": "volume", "Source": f"far-{self.number}", "Target": "/v",
                                  "VolumeOptions": {"DriverConfig": {"Name": PLUGIN}}}]},
            {**alone, "UsernsMode": "auto"}, {"UsernsMode": "auto"},
            {**alone, "UsernsMode": "auto:size=4096", "Binds": [f"vol-{self.number}:/v"]}])
        if self.secrets and self.source.random() < 0.3:
            host = {**host, "Secrets": [{"Source": f"secret-{self.number}"}]}
        config = {"Image": "busybox", "Cmd": ["sh", "-c", FOREVER], "HostConfig": host, "Labels": {"client": str(self.number)}}
        if "PortBindings" in host:
            config["Cmd"][2] = f"mkdir -p /www; echo {name} >/www/name; echo started; exec httpd -f -p 80 -h /www"
        if self.source.random() < 0.2:
            config["Healthcheck"] = {"Test": ["CMD", "true"], "Interval": 500000000}
        box = self.boxes[name] = Box(name, **host)
        box.exists, box.healthy = None, "Healthcheck" in config
        box.port = port if "PortBindings" in host else None
        box.id = json.loads(self.ask((201,), "POST", f"/containers/create?name={name}", config)[1])["Id"]
        box.exists = True

    def start(self):
        box = self.choose(running=False)
        if box:
            box.maybe_starts += 1
            self.change(box, (204,), "POST", "/start", unsure=["running"])
            box.running, box.starts = True, box.starts + 1
            box.maybe_starts -= 1

    def stop(self):
        box = self.choose(running=True, paused=False)
        if box:
            self.check_logs(box)
            self.change(box, (204,), "POST", "/stop?t=0", unsure=["running"])
            box.running = False

    def kill(self):
        box = self.choose(running=True, paused=False)
        if box and "RestartPolicy" not in box.config:
            self.check_logs(box)
            self.change(box, (204,), "POST", "/kill", unsure=["running"])
            box.running = None
            self.ask((200,), "POST", f"/containers/{box.name}/wait")
            box.running = False

    def restart(self):
        box = self.choose(paused=False)
        if box:
            self.check_logs(box)
            box.maybe_starts += 1
            self.change(box, (204,), "POST", "/restart?t=0", unsure=["running"])
            box.running, box.starts = True, box.starts + 1
            box.maybe_starts -= 1

    def pause(self):
        box = self.choose(running=True, paused=False)
        if box:
            self.check_logs(box)
            self.change(box, (204,), "POST", "/pause", unsure=["paused"])
            box.paused = True

    def unpause(self):
        box = self.choose(paused=True)
        if box:
            self.change(box, (204,), "POST", "/unpause", unsure=["paused"])
            box.paused = False

    def rename(self):
        box = self.choose()
        if not box:
            return
        self.made += 1
        old, new = box.name, f"box-{self.number}-{self.made}"
        name = new
        try:
            self.ask((204,), "POST", f"/containers/{old}/rename?name={new}")
        except Cut:
            name = self.known_name(box, old, new)
            raise
        finally:
            del self.boxes[old]
            self.boxes[name], box.name = box, name

    def known_name(self, box, old, new):
        while True:
            try:
                name = self.inspect(box.id)["Name"][1:]
            except Cut:
                continue
            if name not in (old, new):
                raise Wrong(f"{old} is called {name}")
            return name

    def remove(self):
        box = self.choose()
        if not box:
            return
        again = "RestartPolicy" in box.config and box.running
        box.maybe_starts += again  # killed, and its removal cut off: it is started again
        self.change(box, (204,), "DELETE", "?force=1&v=1", unsure=["exists", "running", "paused"])
        del self.boxes[box.name]

    def look(self):
        box = self.choose()
        if box:
            state = self.inspect(box.name)["State"]
            if state["Running"] != box.running or state["Paused"] != box.paused:
                raise Wrong(f"{box.name}: {state}, but running {box.running}, paused {box.paused} were acknowledged")

    def check_logs(self, box):
        """Each start writes a line: before it is ended the container is given the time for it."""
        end = time.monotonic() + PATIENCE
        lines = -1
        while lines < box.starts and (lines < 0 or box.running and not box.paused and time.monotonic() < end):
            _, content = self.ask((200,), "GET", f"/containers/{box.name}/logs?stdout=1")
            lines = content.count(b"started\n")
        if not box.starts <= lines <= box.starts + box.maybe_starts:
            raise Wrong(f"{box.name}: {lines} lines of {box.starts} starts and perhaps {box.maybe_starts} more: {content!r}")

    def logs(self):
        box = self.choose()
        if box:
            self.check_logs(box)

    def put(self):
        box = self.choose()
        if not box:
            return
        self.written += 1
        text = f"{self.number} {self.written}".encode()
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            entry = tarfile.TarInfo("file")
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text))
        before = box.files
        box.files = before | {text}
        self.ask((200,), "PUT", f"/containers/{box.name}/archive?path=/", raw=archive.getvalue(),
                 headers={"Content-Type": "application/x-tar"})
        box.files = {text}

    def get(self):
        box = self.choose()
        if not box:
            return
        status, content = self.ask((200, 404), "GET", f"/containers/{box.name}/archive?path=/file")
        text = None
        if status == 200:
            with tarfile.open(fileobj=io.BytesIO(content)) as tar:
                text = tar.extractfile("file").read()
        if text not in box.files:
            raise Wrong(f"{box.name}: /file has {text}, not {box.files}")

    def stats(self):
        box = self.choose()
        if box:
            stats = self.document("GET", f"/containers/{box.name}/stats?stream=0&one-shot=1")
            if box.running and not stats["cpu_stats"].get("online_cpus"):
                raise Wrong(f"{box.name} runs, but has no stats")

    def update(self):
        box = self.choose()
        if box:
            memory = self.source.choice((80, 96)) << 20
            self.ask((200,), "POST", f"/containers/{box.name}/update", {"Memory": memory, "MemorySwap": -1})
            if self.inspect(box.name)["HostConfig"]["Memory"] != memory:
                raise Wrong(f"{box.name}: an update of its limit is not there")

    def top(self):
        box = self.choose(running=True)
        if box and not self.document("GET", f"/containers/{box.name}/top")["Processes"]:
            raise Wrong(f"{box.name} runs without a process")

    def short_run(self):
        """What runs, ends and is removed: each step's acknowledgement counts."""
        self.made += 1
        box = Box(f"run-{self.number}-{self.made}")
        self.boxes[box.name], box.exists, box.running = box, None, None
        config = {"Image": "busybox", "Cmd": ["sh", "-c", "echo started; exit 3"], "HostConfig": {"NetworkMode": "none"}}
        try:
            self.ask((201,), "POST", f"/containers/create?name={box.name}", config)
            self.ask((204,), "POST", f"/containers/{box.name}/start")
            code = json.loads(self.ask((200,), "POST", f"/containers/{box.name}/wait")[1])["StatusCode"]
            _, said = self.ask((200,), "GET", f"/containers/{box.name}/logs?stdout=1")
            if code != 3 or said != b"\1\0\0\0\0\0\0\10started\n":
                raise Wrong(f"{box.name}: ended with {code}, said {said!r}")
            self.ask((204,), "DELETE", f"/containers/{box.name}?v=1")
            del self.boxes[box.name]
        except Cut:
            self.drop(box)
            raise

    def drop(self, box):
        while True:
            try:
                self.ask((204, 404), "DELETE", f"/containers/{box.name}?force=1&v=1")
                break
            except Cut:
                pass
        del self.boxes[box.name]

    def commit(self):
        box = self.choose()
        if not box:
            return
        name = f"image-{self.number}"
        self.ask((201,), "POST", f"/commit?container={box.name}&repo={name}&tag=1")
        self.ask((200,), "DELETE", f"/images/{name}:1")

    def changes(self):
        box = self.choose()
        if box:
            _, content = self.ask((200,), "GET", f"/containers/{box.name}/changes")
            paths = [change["Path"] for change in json.loads(content) or ()]
            if None not in box.files and "/file" not in paths:
                raise Wrong(f"{box.name}: /file is not among its changes: {paths}")

    def lists(self):
        names = {name[1:] for container in self.document("GET", "/containers/json?all=1&filters=" + urllib.parse.quote(
            json.dumps({"label": [f"client={self.number}"]}))) for name in container["Names"]}
        mine = {box.name for box in self.boxes.values()}
        if names != mine:
            raise Wrong(f"the list has {sorted(names)}, not {sorted(mine)}")
        for path in ("/images/json", "/networks", "/volumes", "/info", "/version"):
            self.document("GET", path)

    def prune(self):
        """What does not run is removed, of this client alone."""
        there = [box for box in self.boxes.values() if not box.running]
        try:
            self.ask((200,), "POST", "/containers/prune?filters=" + urllib.parse.quote(
                json.dumps({"label": [f"client={self.number}"]})))
        except Cut:
            for box in there:
                box.exists = None
            raise
        for box in there:
            del self.boxes[box.name]

    def health(self):
        box = self.choose(running=True, paused=False, healthy=True)
        end, health = time.monotonic() + PATIENCE, None
        while box and (health is None or health["Status"] != "healthy"):
            if health and time.monotonic() > end:
                raise Wrong(f"{box.name} runs, but is not healthy after {PATIENCE} s: {health}")
            health = self.inspect(box.name)["State"]["Health"]

    def checkpoint(self):
        """Where CRIU does not work, or saves no such container, that is said, and the container goes on."""
        box = self.choose(running=True, paused=False)
        if not box:
            return
        self.made += 1
        name = f"point-{self.made}"
        status, content = self.ask((201, 400, 500, 501, 503), "POST", f"/containers/{box.name}/checkpoints",
                                   {"CheckpointID": name, "Exit": False})
        refused = b"user namespace" if "UsernsMode" in box.config else b"criu"
        if status != 201 and refused not in content.lower():
            raise Wrong(f"{box.name}: a checkpoint fails otherwise: {content!r}")
        made = [point["Name"] for point in self.document("GET", f"/containers/{box.name}/checkpoints") or ()]
        if (name in made) != (status == 201):
            raise Wrong(f"{box.name}: checkpoints {made}, but {name} was answered with {status}")
        if status == 201:
            self.ask((204,), "DELETE", f"/containers/{box.name}/checkpoints/{name}")
        if not self.inspect(box.name)["State"]["Running"]:
            raise Wrong(f"{box.name} does not run after a checkpoint that it was to survive")

    def events(self):
        self.ask((200,), "GET", f"/events?since={time.time() - 2:.3f}&until={time.time():.3f}")
