# SPDX-License-Identifier: Apache-2.0
"""Operations of the soak on what is in containers and around them: execs, streams, networks, volumes, secrets."""
import base64
import http.client
import json
import time
import urllib.request

from soak_known import PATIENCE, PLUGIN, Wrong

HELD = 3  # connections of one client that stay open unread, at most
UNREAD = "head -c 3000000 /dev/zero"


class Joins:
    def execute(self):
        box = self.choose(running=True, paused=False)
        if not box:
            return
        word = f"word{self.source.randrange(10**6)}"
        created = json.loads(self.ask((201,), "POST", f"/containers/{box.name}/exec", {
            "Cmd": ["sh", "-c", f"echo {word}; exit 7"], "AttachStdout": True})[1])["Id"]
        _, content = self.ask((200,), "POST", f"/exec/{created}/start", {"Detach": False})
        if content != b"\1\0\0\0\0\0\0" + bytes([len(word) + 1]) + word.encode() + b"\n":
            raise Wrong(f"{box.name}: exec of echo {word} gave {content!r}")
        if self.document("GET", f"/exec/{created}/json")["ExitCode"] != 7:
            raise Wrong(f"{box.name}: exec of exit 7 ended otherwise")

    def make_exec(self, box, script, **more):
        return json.loads(self.ask((201,), "POST", f"/containers/{box.name}/exec", {
            "Cmd": ["sh", "-c", script], **more})[1])["Id"]

    def detached(self):
        """One that nobody is attached to; how it ended is known, also to an engine that did not begin it."""
        box = self.choose(running=True, paused=False)
        if not box:
            return
        ident = self.make_exec(box, "sleep 0.2; exit 9")
        self.ask((200,), "POST", f"/exec/{ident}/start", {"Detach": True})
        end = time.monotonic() + PATIENCE
        while True:
            found = self.document("GET", f"/exec/{ident}/json")
            if not found["Running"]:
                break
            if time.monotonic() > end:
                raise Wrong(f"{box.name}: an exec of 0.2 s has not ended after {PATIENCE} s: {found}")
            time.sleep(0.1)
        if found["ExitCode"] != 9:
            raise Wrong(f"{box.name}: exec of exit 9 ended otherwise: {found}")

    def converse(self):
        """Both directions of a stream, and its end."""
        box = self.choose(running=True, paused=False)
        if not box:
            return
        ident = self.make_exec(box, "exec cat", AttachStdin=True, AttachStdout=True, Tty=False)
        word = f"word{self.source.randrange(10**6)}".encode()
        with self.soak.stream("POST", f"/exec/{ident}/start", {"Detach": False}) as stream:
            content = stream.converse(word)
        if content != b"\1\0\0\0\0\0\0" + bytes([len(word)]) + word:
            raise Wrong(f"{box.name}: cat answered {content!r} to {word!r}")
        if self.document("GET", f"/exec/{ident}/json")["ExitCode"] != 0:
            raise Wrong(f"{box.name}: exec of cat ended otherwise")

    def keep(self, stream):
        self.held.append(stream)
        if len(self.held) > HELD:
            self.held.pop(0).close()

    def unread(self):
        """Output that nobody reads."""
        box = self.choose(running=True, paused=False)
        if box:
            ident = self.make_exec(box, UNREAD, AttachStdout=True)
            self.keep(self.soak.stream("POST", f"/exec/{ident}/start", {"Detach": False}))

    def hold(self):
        """Someone is attached and says and reads nothing."""
        box = self.choose(running=True, paused=False)
        if box:
            self.keep(self.soak.stream("POST", f"/containers/{box.name}/attach?stream=1&stdout=1&stderr=1&logs=1"))

    def traffic(self):
        """Through a published port, whether an engine is there or not."""
        box = self.source.choice([box for box in self.boxes.values() if box.port and box.running and not box.paused] or [None])
        if not box:
            return
        end, content = time.monotonic() + PATIENCE, None
        while content is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{box.port}/name", timeout=PATIENCE) as answer:
                    content = answer.read().decode().strip()
            except (OSError, http.client.HTTPException) as error:
                if time.monotonic() > end:
                    raise Wrong(f"{box.name}: port {box.port} is not answered: {error!r}") from error
                time.sleep(0.05)
        if content != box.said:
            raise Wrong(f"{box.name}: port {box.port} is answered by {content!r}")

    def look_up(self):
        """One container finds another by its name, and reaches it."""
        mates = [box for box in self.boxes.values() if self.net and box.running and not box.paused and
                 self.net in self.inspect(box.name)["NetworkSettings"]["Networks"]]
        if len(mates) < 2:
            return
        box, other = self.source.sample(mates, 2)
        ident = self.make_exec(box, f"ping -c 1 -W 20 {other.name} 2>&1", AttachStdout=True)
        _, content = self.ask((200,), "POST", f"/exec/{ident}/start", {"Detach": False})
        if self.document("GET", f"/exec/{ident}/json")["ExitCode"] != 0:
            raise Wrong(f"{box.name} does not reach {other.name}: {content!r}")

    def network(self):
        name = f"net-{self.number}"
        if self.net is None:
            status, _ = self.ask((201, 409), "POST", "/networks/create", {"Name": name})
            self.net = name
        elif not any(self.net in (box.config.get("NetworkMode"), *box.config.get("joined", ())) for box in self.boxes.values()):
            self.net = None
            self.ask((204, 404), "DELETE", f"/networks/{name}")

    def connect(self):
        box = self.choose(paused=False)
        if not box or not self.net or box.config.get("NetworkMode") in ("none", self.net):
            return
        joined = box.config.setdefault("joined", [])
        if self.net in joined:
            self.ask((200, 403, 404), "POST", f"/networks/{self.net}/disconnect", {"Container": box.name})
            joined.remove(self.net)
        else:
            joined.append(self.net)
            self.ask((200, 403), "POST", f"/networks/{self.net}/connect", {"Container": box.name})

    def volume(self):
        name = f"extra-{self.number}"
        self.ask((201,), "POST", "/volumes/create", {"Name": name})
        self.document("GET", f"/volumes/{name}")
        self.ask((204,), "DELETE", f"/volumes/{name}")

    def far_volume(self):
        name = f"away-{self.number}"
        self.ask((201,), "POST", "/volumes/create", {"Name": name, "Driver": PLUGIN})
        self.document("GET", f"/volumes/{name}")
        self.ask((204,), "DELETE", f"/volumes/{name}")

    def secret(self):
        """Made, given another value, or removed. Of a value that was not acknowledged it is not known which there is."""
        name, value = f"secret-{self.number}", f"value {self.source.randrange(10**9)}"
        data = base64.b64encode(value.encode()).decode()
        if self.secrets is None:
            status, _ = self.ask((201, 409), "POST", "/berth/secrets/create", {"Name": name, "Data": data})
            if status == 409:  # of a making or a removal that was cut off
                self.ask((200,), "POST", f"/berth/secrets/{name}/update", {"Data": data})
            self.secrets = {value}
        elif self.source.random() < 0.7 or any("Secrets" in box.config for box in self.boxes.values()):
            self.secrets |= {value}
            self.ask((200,), "POST", f"/berth/secrets/{name}/update", {"Data": data})
            self.secrets = {value}
        else:
            self.secrets = None
            self.ask((204,), "DELETE", f"/berth/secrets/{name}")

    def read_secret(self):
        box = self.source.choice([box for box in self.boxes.values() if "Secrets" in box.config and box.running and
                                  not box.paused] or [None])
        if not box:
            return
        ident = self.make_exec(box, f"cat /run/secrets/secret-{self.number}", AttachStdout=True)
        _, content = self.ask((200,), "POST", f"/exec/{ident}/start", {"Detach": False})
        if content[8:].decode() not in self.secrets:
            raise Wrong(f"{box.name}: its secret is {content!r}, not one of {self.secrets}")
