# SPDX-License-Identifier: Apache-2.0
"""Images as the corpus sees them: the base that every case begins with, and what a build made of it, read from an
archive as `docker save` writes it."""
import hashlib
import io
import json
import shutil
import subprocess
import tarfile

import cases

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
BASE = "busybox"

# Names of users and groups that cases ask for.
USERS = """root:x:0:0:root:/root:/bin/sh
bin:x:2:2:bin:/bin:/bin/false
app:x:1000:1000:app:/home/app:/bin/sh
www:x:33:40:www:/:/bin/false
nobody:x:65534:65534:nobody:/:/bin/false
"""
GROUPS = """root:x:0:
bin:x:2:
staff:x:50:
app:x:1000:
extra:x:2000:app
more:x:2001:app,www
nogroup:x:65534:
"""

FIELDS = ("Env", "Cmd", "Entrypoint", "User", "WorkingDir", "Labels", "ExposedPorts", "Volumes", "StopSignal", "Healthcheck",
          "Shell", "OnBuild")


def base_layer():
    """A root file system: busybox, a link for each of its applets, and the files that engines would otherwise make."""
    program = shutil.which("busybox")
    applets = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.split()
    with open(program, "rb") as file:
        data = file.read()
    entries = {f"{name}/": {} for name in ("bin", "dev", "dev/pts", "dev/shm", "etc", "home", "home/app", "proc", "root", "run",
                                           "srv", "sys", "usr", "usr/bin", "var", "var/log")}
    entries |= {"tmp/": {"mode": 0o1777}, "home/app/": {"uid": 1000, "gid": 1000}, "dev/console": "",
                "etc/passwd": USERS, "etc/group": GROUPS, "etc/hosts": "", "etc/hostname": "", "etc/resolv.conf": ""}
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, spec in entries.items():
            cases.add_entry(archive, name, spec if isinstance(spec, dict) else {"text": spec})
        entry = tarfile.TarInfo("bin/busybox")
        entry.mode, entry.size, entry.mtime = 0o755, len(data), cases.WHEN
        archive.addfile(entry, io.BytesIO(data))
        for applet in applets:
            if applet != "busybox":
                cases.add_entry(archive, f"bin/{applet}", {"link": "busybox"})
    return output.getvalue()


class Base:
    """The image `busybox`."""

    def __init__(self):
        layer = base_layer()
        self.diff_id = "sha256:" + hashlib.sha256(layer).hexdigest()
        self.tree = {}
        apply_layer(self.tree, layer)
        self.history = [{"created": "2001-09-09T01:46:40Z", "created_by": "the base of the corpus"}]
        self.config = {"Env": [PATH], "Cmd": ["sh"]}
        machine = {"x86_64": "amd64", "aarch64": "arm64"}
        uname = subprocess.run(["uname", "-m"], capture_output=True, text=True, check=True).stdout.strip()
        config = json.dumps({"architecture": machine.get(uname, uname), "os": "linux", "created": "2001-09-09T01:46:40Z",
                             "config": self.config, "history": self.history,
                             "rootfs": {"type": "layers", "diff_ids": [self.diff_id]}}).encode()
        name = hashlib.sha256(config).hexdigest() + ".json"
        manifest = [{"Config": name, "RepoTags": [f"{BASE}:latest"], "Layers": ["layer.tar"]}]
        output = io.BytesIO()
        with tarfile.open(fileobj=output, mode="w") as archive:
            for path, data in ((name, config), ("layer.tar", layer), ("manifest.json", json.dumps(manifest).encode())):
                entry = tarfile.TarInfo(path)
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
        self.archive = output.getvalue()


def parent_of(path):
    return path.rpartition("/")[0]


def remove(tree, path):
    for other in [other for other in tree if other == path or other.startswith(path + "/")]:
        del tree[other]


def quoted(path):
    """A path as a line shows it: as it is, unless that would not be clear."""
    plain = path.isascii() and path.isprintable() and " " not in path and '"' not in path
    return path if plain else json.dumps(path)


def text_of(data):
    try:
        text = data.decode()
        if len(text) <= 160 and all(char.isprintable() or char in "\n\t\r" for char in text):
            return json.dumps(text)
    except UnicodeDecodeError:
        pass
    return f"sha256:{hashlib.sha256(data).hexdigest()[:16]}"


def line_of(entry, path, archive, tree, times):
    """An entry of a layer as a line of `tree`."""
    mode, rest = f"{entry.mode & 0o7777:o} ", ""
    if entry.isdir():
        kind = "d"
    elif entry.issym():
        kind, mode, rest = "l", "", f" -> {entry.linkname}"
    elif entry.islnk():
        target = tree[entry.linkname.removeprefix("./").strip("/")]
        return target[:2] + target[2:].replace(quoted(entry.linkname.removeprefix("./").strip("/")), quoted(path), 1)
    elif entry.isfifo():
        kind = "p"
    elif entry.ischr() or entry.isblk():
        kind, rest = "c" if entry.ischr() else "b", f" {entry.devmajor},{entry.devminor}"
    else:
        kind, rest = "f", " " + text_of(archive.extractfile(entry).read())
    owner = f"{entry.uid}:{entry.gid} " if entry.uid or entry.gid else ""
    for key, value in sorted(entry.pax_headers.items()):
        if key.startswith("SCHILY.xattr."):
            rest += f" {key[len('SCHILY.xattr.'):]}={json.dumps(value)}"
    if times and kind == "f":
        rest += f" @{int(entry.mtime)}"
    return f"{kind} {mode}{owner}{quoted(path)}{rest}"


def apply_layer(tree, data, times=False):
    """Changes `tree` (path -> line) as a layer says."""
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:*") as archive:
        for entry in archive:
            path = entry.name.removeprefix("./").strip("/")
            name = path.rpartition("/")[2]
            if path in ("", "."):
                continue
            if name == ".wh..wh..opq":
                for other in [other for other in tree if other.startswith(parent_of(path) + "/")]:
                    del tree[other]
            elif name.startswith(".wh."):
                remove(tree, f"{parent_of(path)}/{name[4:]}".strip("/"))
            else:
                if not entry.isdir():
                    remove(tree, path)
                tree[path] = line_of(entry, path, archive, tree, times)


def one_line(step):
    return step.get("created_by", "").replace("\n", "\\n").rstrip()


class Image:
    """What a build made: `tree` (text), `config` (mapping), `history` (text), `layers` (number), `raw` (bytes)."""

    def __init__(self, base, archive, times=False):
        files = {}
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:*") as tar:
            for entry in tar:
                if entry.isfile():
                    files[entry.name] = tar.extractfile(entry).read()
                elif entry.issym() or entry.islnk():  # docker's older archives name a layer that is there twice so
                    files[entry.name] = entry
        manifest = json.loads(files["manifest.json"])[0]
        config = json.loads(files[manifest["Config"]])
        layers = list(zip(config["rootfs"]["diff_ids"] or [], manifest["Layers"]))
        with_base = bool(layers) and layers[0][0] == base.diff_id
        before, tree = (base.tree, dict(base.tree)) if with_base else ({}, {})
        own = layers[1:] if with_base else layers
        self.raw = files[manifest["Config"]]
        for _, name in own:
            data = files[name]
            if isinstance(data, tarfile.TarInfo):
                target = data.linkname.removeprefix("../")
                data = files[target]
            apply_layer(tree, data, times)
            self.raw += data
        lines = {path: line for path, line in tree.items() if before.get(path) != line}
        for path in before:
            if path not in tree and (parent_of(path) in tree or not parent_of(path)):
                lines[path] = f"- {quoted(path)}"
        self.tree = "".join(lines[path] + "\n" for path in sorted(lines))
        self.layers = len(own)
        self.config = self.changed(config.get("config") or {}, base.config if with_base else {})
        history = (config.get("history") or [])[len(base.history) if with_base else 0:]
        self.history = "".join(f"{'E' if step.get('empty_layer') else 'L'} {one_line(step)}\n" for step in history)

    @staticmethod
    def changed(config, before):
        """The fields that matter and are not the base's; empty ones are as if they were not there."""
        result = {}
        for field in FIELDS:
            value = config.get(field) or None
            if value != before.get(field):
                result[field] = value
        return result
