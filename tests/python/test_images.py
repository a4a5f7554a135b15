# SPDX-License-Identifier: Apache-2.0
"""Images through docker-py: import, load, save, tags, removal, history."""
import io
import json
import tarfile

import docker
import pytest

from conftest import busybox_tar


@pytest.fixture
def image(client):
    """One more image, small, for tests that change it."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo("hello")
        entry.size = 3
        tar.addfile(entry, io.BytesIO(b"hi\n"))
    client.api.import_image_from_data(archive.getvalue(), repository="small", tag="1")
    yield client.images.get("small:1")
    for left in client.images.list():
        if "busybox:latest" not in left.tags:
            client.images.remove(left.id, force=True)


def status_of(error):
    return error.value.response.status_code


def test_import(client, engine):
    answer = engine.ask("POST", "/images/create?fromSrc=-&repo=made&tag=2&message=by+hand&changes=CMD+%5B%22x%22%5D"
                        "&changes=ENV+A%3D1&changes=LABEL+k%3Dv", ["Content-Type: application/x-tar"], busybox_tar())
    assert answer.startswith(b"HTTP/1.1 200 ") and b'{"status":"sha256:' in answer
    image = client.images.get("made:2")
    assert image.attrs["Config"]["Cmd"] == ["x"] and "A=1" in image.attrs["Config"]["Env"]
    assert image.labels == {"k": "v"} and image.attrs["Comment"] == "by hand"
    assert image.attrs["Os"] == "linux" and image.attrs["Size"] > 100000
    assert image.attrs["RootFS"]["Type"] == "layers" and len(image.attrs["RootFS"]["Layers"]) == 1
    client.images.remove("made:2")


def test_import_of_garbage(client, engine):
    before = len(client.images.list(all=True))
    answer = engine.ask("POST", "/images/create?fromSrc=-&repo=bad", (), b"this is not an archive" * 100)
    assert answer.startswith(b"HTTP/1.1 400 ") or b'"error"' in answer
    assert len(client.images.list(all=True)) == before


def test_import_bad_change(engine):
    answer = engine.ask("POST", "/images/create?fromSrc=-&repo=bad&changes=NONSENSE+x", (), busybox_tar())
    assert answer.startswith(b"HTTP/1.1 400 ")


def test_import_bad_name(engine):
    answer = engine.ask("POST", "/images/create?fromSrc=-&repo=UPPER", (), busybox_tar())
    assert answer.startswith(b"HTTP/1.1 400 ") and b"invalid reference format" in answer


def test_import_cut_off(client, engine):
    before = {image.id for image in client.images.list(all=True)}
    archive = busybox_tar()
    with engine.connect() as connection:
        connection.sendall(f"POST /images/create?fromSrc=-&repo=half HTTP/1.1\r\nHost: x\r\n"
                           f"Content-Length: {len(archive)}\r\n\r\n".encode() + archive[:len(archive) // 2])
    assert engine.answers()
    assert {image.id for image in client.images.list(all=True)} == before


def test_list(client, image):
    assert "busybox:latest" in {tag for image in client.images.list() for tag in image.tags}
    assert [found.id for found in client.images.list(name="small")] == [image.id]
    assert client.images.list(filters={"dangling": True}) == []
    with pytest.raises(docker.errors.APIError, match="invalid filter"):
        client.images.list(filters={"colour": "red"})


def test_lookup(client, image):
    digest = image.id.partition(":")[2]
    for name in ("small:1", "docker.io/library/small:1", image.id, digest, digest[:12]):
        assert client.images.get(name).id == image.id
    with pytest.raises(docker.errors.ImageNotFound, match="No such image: nothing:latest"):
        client.images.get("nothing")


def test_tag_and_remove(client, image):
    assert image.tag("small", "2") and image.tag("other.example/x/small", "3")
    image.reload()
    assert sorted(image.tags) == ["other.example/x/small:3", "small:1", "small:2"]
    assert client.api.remove_image("small:2") == [{"Untagged": "small:2"}]
    with pytest.raises(docker.errors.APIError) as error:
        client.api.remove_image(image.id)
    assert status_of(error) == 409
    removed = client.api.remove_image(image.id, force=True)
    assert {"Deleted": image.id} in removed
    with pytest.raises(docker.errors.ImageNotFound):
        client.images.get(image.id)


def test_image_in_use(client):
    container = client.containers.create("busybox", network_mode="none")
    with pytest.raises(docker.errors.APIError, match="conflict: unable to") as error:
        client.images.remove("busybox:latest")
    assert status_of(error) == 409
    container.remove()


def test_history(client, image):
    history = client.api.history("small:1")
    assert len(history) == 1 and history[0]["Id"] == image.id and history[0]["Tags"] == ["small:1"]


def test_save_and_load(client, image):
    image.tag("small", "copy")
    archive = b"".join(client.api.get_image("small:1"))
    names = tarfile.open(fileobj=io.BytesIO(archive)).getnames()
    assert "manifest.json" in names and "index.json" in names and "oci-layout" in names
    assert archive == b"".join(client.api.get_image("small:1"))
    client.images.remove(image.id, force=True)
    loaded = client.images.load(archive)
    assert [found.id for found in loaded] == [image.id] and loaded[0].tags == ["small:1"]


def test_save_several(client, engine, image):
    answer = engine.ask("GET", "/images/get?names=small:1&names=busybox").partition(b"\r\n\r\n")[0]
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert engine.ask("GET", "/images/get?names=small:1&names=missing").startswith(b"HTTP/1.1 404 ")
    assert engine.ask("GET", "/images/get").startswith(b"HTTP/1.1 400 ")


def test_load_says_what(client, engine, image):
    archive = b"".join(client.api.get_image("small:1"))
    answer = engine.ask("POST", "/images/load?quiet=1", ["Content-Type: application/x-tar"], archive)
    assert b'{"stream":"Loaded image: small:1\\n"}\r\n' in answer


@pytest.mark.parametrize("body", [b"", b"nonsense", b"\0" * 10240])
def test_load_of_garbage(client, engine, body):
    before = {image.id for image in client.images.list(all=True)}
    answer = engine.ask("POST", "/images/load", ["Content-Type: application/x-tar"], body)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert {image.id for image in client.images.list(all=True)} == before


def test_prune(client, image):
    assert client.images.prune()["ImagesDeleted"] in (None, [])
    container = client.containers.create("busybox", network_mode="none")
    report = client.images.prune(filters={"dangling": False})
    assert {"Deleted": image.id} in report["ImagesDeleted"] and report["SpaceReclaimed"] >= 0
    assert client.images.get("busybox:latest")
    container.remove()


def test_what_is_not_there_is_refused(engine):
    assert engine.ask("POST", "/session").startswith(b"HTTP/1.1 501 ")


def test_a_registry_that_does_not_answer(engine):
    answer = engine.ask("POST", "/images/create?fromImage=127.0.0.1:1/x&tag=1")
    assert answer.startswith(b"HTTP/1.1 503 ") and b"127.0.0.1:1" in answer


def test_old_shape(engine, client):
    assert b'"VirtualSize"' in engine.ask("GET", "/v1.43/images/json")
    assert b'"VirtualSize"' not in engine.ask("GET", "/v1.44/images/json")
