# SPDX-License-Identifier: Apache-2.0
"""The scenario "builds" of walk.py: a build of two stages with a cache mount, the same again from the cache, a pruning. Of
a build that was cut off there is nothing but whole layers in the cache, or the whole image; the next one works."""
import io
import json
import os
import re
import tarfile

# Points that only a build passes; the other points are the other scenarios'.
POINTS = re.compile(r"build\.|blob\.publish\.|store\.settle\.|image\.add\.")
DOCKERFILE = b"""FROM busybox AS one
WORKDIR /work
RUN --mount=type=cache,target=/c echo x >>/c/count && echo kept >kept
FROM busybox
COPY --from=one /work /work
COPY --link . /
RUN cat /work/kept /given/text >/both
CMD ["cat", "/both"]
"""


def context():
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, text in (("Dockerfile", DOCKERFILE), ("given/text", b"given\n")):
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
    return made.getvalue()


def build(walk, tag):
    lines = walk.ask("POST", f"/build?t={tag}&networkmode=none", context(), ["Content-Type: application/x-tar"])
    failed = [line for line in map(json.loads, lines.splitlines()) if "error" in line]
    assert not failed, failed


def scenario(walk):
    walk.commits = {"made": {True, False}, "again": {True, False}}
    build(walk, "made:1")
    walk.commits["made"] = {True}
    build(walk, "again:1")
    walk.commits["again"] = {True}
    walk.ask("POST", "/build/prune?all=1", b"")


def check_image(walk, name):
    created = json.loads(walk.ask("POST", f"/containers/create?name=of-{name}",
                                  {"Image": f"{name}:1", "HostConfig": {"NetworkMode": "none"}}))
    walk.ask("POST", f"/containers/{created['Id']}/start")
    assert json.loads(walk.ask("POST", f"/containers/{created['Id']}/wait"))["StatusCode"] == 0
    assert b"kept\n" in walk.ask("GET", f"/containers/{created['Id']}/logs?stdout=1")


def check(walk):
    """What is half made is gone since the engine's start; what is there can be used, by the next build, too."""
    data = f"{walk.engine.folder}/data"
    assert not os.listdir(f"{data}/blobs/ingest")
    assert not os.listdir(f"{data}/build/work")
    assert not [name for name in os.listdir(f"{data}/build/mounts") if name.startswith(".")]
    names = {name for image in json.loads(walk.ask("GET", "/images/json")) for name in image["RepoTags"]}
    for name, allowed in walk.commits.items():
        assert (f"{name}:1" in names) in allowed, f"{name} is {'' if f'{name}:1' in names else 'not '}there"
        if f"{name}:1" in names:
            check_image(walk, name)
    build(walk, "later:1")
    check_image(walk, "later")
    walk.ask("POST", "/build/prune?all=1", b"")
    assert not os.listdir(f"{data}/build/mounts")
