# SPDX-License-Identifier: Apache-2.0
"""Many clients at once, who do to a few containers whatever comes to their minds: each gets an answer that fits, and at
the end nothing is left. Under the thread sanitizer this is where races show."""
import collections
import json
import os
import random
import threading
import time

from conftest import eventually

SECONDS = 6
CLIENTS = 10
NAMES = ("one", "two", "three")
SCRIPTS = ("true", "exit 1", "sleep 0.2", "echo line; sleep 1")
HOSTS = ({}, {}, {"AutoRemove": True}, {"RestartPolicy": {"Name": "always"}})


def choose(source):
    """A request: method, path, body."""
    name = source.choice(NAMES)
    body = {"Image": "busybox", "Cmd": ["sh", "-c", source.choice(SCRIPTS)],
            "HostConfig": {"NetworkMode": "none", **source.choice(HOSTS)}}
    container = f"/containers/{name}"
    return source.choice([
        ("POST", f"/containers/create?name={name}", body), ("POST", f"/containers/create?name={name}", body),
        ("POST", f"{container}/start", None), ("POST", f"{container}/start", None),
        ("POST", f"{container}/stop?t=0", None), ("POST", f"{container}/restart?t=0", None),
        ("POST", f"{container}/kill", None), ("POST", f"{container}/kill?signal=USR1", None),
        ("POST", f"{container}/pause", None), ("POST", f"{container}/unpause", None),
        ("POST", f"{container}/rename?name={source.choice(NAMES)}", None),
        ("POST", f"{container}/attach?logs=1&stdout=1", None), ("POST", "/containers/prune", None),
        ("DELETE", container, None), ("DELETE", f"{container}?force=1", None),
        ("GET", f"{container}/json", None), ("GET", f"{container}/top", None),
        ("GET", f"{container}/logs?stdout=1&follow=1&tail=5", None), ("GET", "/containers/json?all=1&size=1", None),
        ("GET", f"/events?since={time.time() - 1:.3f}&until={time.time() + 0.1:.3f}", None),
    ])


def test_clients_in_parallel(engine, client):
    answers, wrong = collections.Counter(), []
    end = time.monotonic() + SECONDS

    def play(seed):
        source = random.Random(seed)
        while time.monotonic() < end and not wrong:
            method, path, body = choose(source)
            try:
                answer = engine.ask(method, path, ["Content-Type: application/json"],
                                    json.dumps(body).encode() if body else None)
            except OSError as error:
                wrong.append((method, path, error))
                return
            status = answer[9:12].decode()
            answers[status] += 1
            if status not in ("200", "201", "204", "304", "400", "404", "409"):
                wrong.append((method, path, answer))

    threads = [threading.Thread(target=play, args=(seed,)) for seed in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and engine.process.poll() is None
    assert answers["201"] > 3 and answers["204"] > 3

    for container in client.api.containers(all=True):
        engine.ask("DELETE", f"/containers/{container['Id']}?force=1")
    assert client.api.containers(all=True) == []
    folders = (f"{engine.folder}/data/containers", f"{engine.folder}/data/snapshots", f"{engine.folder}/run")
    eventually(lambda: not [name for folder in folders for name in os.listdir(folder) if len(name) == 64],
               "all that was theirs is removed")
