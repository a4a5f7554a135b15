# SPDX-License-Identifier: Apache-2.0
"""Containers' files through docker-py: archives both ways, export, diff, commit, checkpoints' list."""
import io
import tarfile

import docker
import pytest


def archive(**files):
    """A tar archive of these files, each (content, uid)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, (content, uid) in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.uid, entry.mode = len(content), uid, 0o640
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def read(stream):
    return tarfile.open(fileobj=io.BytesIO(b"".join(stream)))


def test_archive_both_ways(create):
    container = create("sleep 60")
    for started in (False, True):
        if started:
            container.start()
        assert container.put_archive("/tmp", archive(one=(b"first", 0), two=(b"x" * 300000, 1234)))
        stream, stat = container.get_archive("/tmp/two")
        assert stat["name"] == "two" and stat["size"] == 300000 and stat["mode"] == 0o640 and stat["linkTarget"] == ""
        member = read(stream).getmembers()
        assert [(m.name, m.uid, m.size) for m in member] == [("two", 1234, 300000)]
        stream, stat = container.get_archive("/tmp", encode_stream=True)
        names = set(read(stream).getnames())
        assert stat["mode"] & 1 << 31 and {"tmp", "tmp/one", "tmp/two"} <= names


def test_archive_errors(create):
    container = create("true")
    with pytest.raises(docker.errors.NotFound, match="Could not find the file /nosuch in container"):
        container.get_archive("/nosuch")
    with pytest.raises(docker.errors.NotFound, match="Could not find the file /nosuch in container"):
        container.put_archive("/nosuch", archive(one=(b"", 0)))
    with pytest.raises(docker.errors.APIError, match="not a directory"):
        container.put_archive("/bin/busybox", archive(one=(b"", 0)))
    with pytest.raises(docker.errors.APIError, match="damaged"):
        container.put_archive("/tmp", b"no archive" * 200)


def test_export_diff_commit(client, run):
    container = run("echo new >/new; rm /bin/vi; exec sleep 60", detach=True)
    from conftest import eventually
    eventually(lambda: {"Path": "/bin/vi", "Kind": 2} in (container.diff() or []), "the file is removed")
    assert {"Path": "/new", "Kind": 1} in container.diff() and {"Path": "/bin", "Kind": 0} in container.diff()
    names = read(container.export()).getnames()
    assert "new" in names and "bin/vi" not in names
    image = container.commit("committed", "one", message="words", author="me", changes=["ENV a=b", "LABEL c=d"],
                             conf={"User": "nobody"})
    try:
        assert image.tags == ["committed:one"] and image.labels == {"c": "d"}
        config = image.attrs["Config"]
        assert "a=b" in config["Env"] and config["User"] == "nobody"
        assert image.attrs["Author"] == "me" and image.history()[0]["Comment"] == "words"
        assert client.containers.run(image, ["cat", "/new"], remove=True, network_mode="none") == b"new\n"
    finally:
        client.images.remove("committed:one", force=True)
