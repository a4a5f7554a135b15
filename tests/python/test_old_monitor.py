# SPDX-License-Identifier: Apache-2.0
"""Containers that were started by an earlier version have its monitor: this engine understands what it says, and asks for
nothing that it does not know. monitor-0.1.json is what one of 0.1 was heard to say."""
import json
import os
import signal
import socket
import threading

import pytest

from conftest import TOP, eventually

with open(f"{TOP}/tests/python/monitor-0.1.json", encoding="ascii") as recorded:
    RECORD = json.load(recorded)


class OldMonitor:
    """Sits where the container's monitor listened, and answers by the record."""

    def __init__(self, folder, pid):
        self.folder, self.pid, self.asked, self.watchers, self.fault = folder, pid, [], [], None
        os.rename(f"{folder}/monitor.sock", f"{folder}/other.sock")
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(f"{folder}/monitor.sock")
        self.listener.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        connection.send(json.dumps(RECORD["hello"]).encode())
        while True:
            data, descriptors, _, _ = socket.recv_fds(connection, 1 << 20, 8)
            if not data:
                return
            request = json.loads(data)
            self.asked.append(request)
            if not set(RECORD["needed"].get(request["request"], ())) <= set(request):
                self.fault = request
            self.answer(connection, request)
            for descriptor in descriptors:
                os.close(descriptor)

    def answer(self, connection, request):
        verb = request["request"]
        if verb not in RECORD["answers"]:
            text = {"error": "not-implemented", "message": f"{verb}: this version does not know it"}
            connection.send(json.dumps(text).encode())
            return
        answer = json.loads(json.dumps(RECORD["answers"][verb]).replace("31340", str(self.pid)))
        if "exec" in answer:
            answer["exec"]["id"] = request["exec"]
        if verb in RECORD["files"]:
            file = os.memfd_create(verb)
            os.write(file, json.dumps(RECORD["files"][verb]).encode())
            os.lseek(file, 0, os.SEEK_SET)
            socket.send_fds(connection, [json.dumps(answer).encode()], [file])
            os.close(file)
        else:
            connection.send(json.dumps(answer).encode())
        if verb == "watch":
            self.watchers.append(connection)
        if verb == "exec":
            self.tell("exec-exited", request["exec"])
        if verb == "signal" and request["signal"] == signal.SIGKILL:
            os.kill(self.pid, signal.SIGKILL)
            eventually(lambda: os.path.exists(f"{self.folder}/exit.json"), "the other monitor has seen the end")
            self.tell("exited")

    def tell(self, event, ident=None):
        packet = json.loads(json.dumps(RECORD["events"][event]))
        if ident:
            packet["exec"]["id"] = ident
        for watcher in self.watchers:
            watcher.send(json.dumps(packet).encode())

    def verbs(self):
        return [request["request"] for request in self.asked]


@pytest.fixture
def old(engine, run, client):
    """A container whose monitor is of 0.1 since the engine was started the last time."""
    box = run("exec sleep 1000", name="old", healthcheck={"test": ["CMD", "true"], "interval": 3600 * 10**9})
    box.reload()
    pid = box.attrs["State"]["Pid"]
    engine.stop(9)
    monitor = OldMonitor(f"{engine.folder}/run/{box.id}", pid)
    engine.start()
    yield client.containers.get("old"), monitor
    monitor.listener.close()


def test_an_older_monitor_is_understood(old, client):
    box, monitor = old
    state = box.attrs["State"]
    assert state["Running"] and state["Pid"] == monitor.pid and state["Health"]["Status"] == "healthy"
    eventually(lambda: "watch" in monitor.verbs(), "it is watched")
    earlier = client.api.exec_inspect("e0e1e2")  # one that it told of
    assert (earlier["ExitCode"], earlier["Running"], earlier["ProcessConfig"]["entrypoint"]) == (4, False, "earlier")
    box.pause()
    box.unpause()
    assert client.api.top("old")["Processes"]
    box.update(mem_limit="64m", memswap_limit="64m")
    box.kill(signal.SIGUSR1)
    made = client.api.exec_create("old", ["anything"])["Id"]
    client.api.exec_start(made)
    eventually(lambda: not client.api.exec_inspect(made)["Running"], "its end is told")
    assert client.api.exec_inspect(made)["ExitCode"] == 3
    monitor.tell("health")
    eventually(lambda: client.api.inspect_container("old")["State"]["Health"]["Status"] == "unhealthy", "what is told of its health")
    assert client.api.inspect_container("old")["State"]["Health"]["Log"][-1]["Output"] == "as it was recorded"
    wanted = {"stat", "exec-list", "health", "watch", "freeze", "thaw", "pids", "update", "signal", "exec"}
    assert wanted <= set(monitor.verbs()) and monitor.fault is None, (monitor.verbs(), monitor.fault)
    box.stop(timeout=0)
    box.reload()
    assert box.attrs["State"]["ExitCode"] == 42 and box.attrs["State"]["Status"] == "exited"


def test_what_an_older_monitor_does_not_know_is_refused(old, client, engine):
    box, monitor = old
    answer = engine.ask("POST", "/containers/old/checkpoints", ["Content-Type: application/json"], b'{"CheckpointID": "one"}')
    assert b" 501 " in answer.partition(b"\r\n")[0] and b"does not know it" in answer, answer
    assert client.api.inspect_container("old")["State"]["Running"] and "checkpoint" in monitor.verbs()
    box.kill()
