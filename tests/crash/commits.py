# SPDX-License-Identifier: Apache-2.0
"""The scenario "commits" of walk.py: a running container's changes become an image, with a name and without. A commit that
was acknowledged is there, whole; of one that was cut off there is nothing, or the whole image."""
import json
import os
import re
import urllib.parse

from conftest import eventually

# Points that only a commit passes; the other points are the other scenarios'.
POINTS = re.compile(r"container\.commit\.|image\.(commit|layer|record)\.|blob\.|snapshot\.commit\.")
SCRIPT = "echo kept >/kept; head -c 300000 /dev/urandom >/noise; echo ready; sleep 1000"


def scenario(walk):
    walk.create("box", SCRIPT)
    walk.step("box", {"created"}, {"running"}, "POST", "/containers/box/start")
    eventually(lambda: b"ready\n" in walk.ask("GET", "/containers/box/logs?stdout=1"), "it is ready")
    walk.commits = {"made": {True, False}, "again": {True, False}}
    changes = urllib.parse.quote('CMD ["cat", "/kept"]')
    walk.ask("POST", f"/commit?container=box&repo=made&tag=1&changes={changes}")
    walk.commits["made"] = {True}
    walk.ask("POST", f"/commit?container=box&repo=again&tag=1&pause=0&changes={changes}")
    walk.commits["again"] = {True}


def check(walk):
    """What is half made is gone since the engine's start; what is there can be used."""
    assert not os.listdir(f"{walk.engine.folder}/data/blobs/ingest")
    names = {name for image in json.loads(walk.ask("GET", "/images/json")) for name in image["RepoTags"]}
    for name, allowed in walk.commits.items():
        assert (f"{name}:1" in names) in allowed, f"{name} is {'' if f'{name}:1' in names else 'not '}there"
        if f"{name}:1" in names:
            created = json.loads(walk.ask("POST", f"/containers/create?name=of-{name}",
                                          {"Image": f"{name}:1", "HostConfig": {"NetworkMode": "none"}}))
            walk.ask("POST", f"/containers/{created['Id']}/start")
            assert json.loads(walk.ask("POST", f"/containers/{created['Id']}/wait"))["StatusCode"] == 0
            assert b"kept\n" in walk.ask("GET", f"/containers/{created['Id']}/logs?stdout=1")
