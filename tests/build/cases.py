# SPDX-License-Identifier: Apache-2.0
"""The corpus: what a case is, and the files that a build of it needs.

corpus/*.yaml hold lists of cases. The keys of a case:

name        words joined by hyphens; no two cases have the same
dockerfile  its text; without it, a Dockerfile is in `context` (or is missing on purpose)
context     the files of the context, see below
files       files beside the context: builds run in the folder that holds them and `context`
flags       further words of the command (--build-arg, --target, ...)
stdin       "dockerfile" or "tar": the context is `-`, which comes from standard input
before      images built first: name -> text of a Dockerfile without context
tree        what the image has that its base (busybox or scratch) has not: one line per path, sorted by path
config      fields of the configuration that differ from those of the base; null: the base's is gone
history     one line per step: "L" with a layer or "E" without, then created_by
layers      how many layers there are above the base's
error       the build fails and says this
output      lines that the build prints, in any order
absent      words that must be nowhere in what the image holds nor in its configuration and history
peers       peer -> why it builds something else ("lacks ..." when it cannot build this at all). A peer that is not named
            builds the same; scripts/compare-builders finds out. May also stand for a whole file beside `cases`; null: not for
            this case.

A file is given by its text, or by a mapping: text, hex, mode, uid, gid, mtime, link (symbolic), hard (another name of
a file), fifo, device ("c 1 3"), xattrs, or tar (the compression or "plain") with entries and cut
(the size that is left of it). Names of folders end in "/".

Lines of `tree`: a letter (f file, d folder, l link, p fifo, c and b devices, - gone), the mode in octal (not of links),
"uid:gid" unless root's, the path, then the text as JSON or the digest of what is long or binary, "-> target" or numbers
of a device, and extended attributes as NAME=VALUE.
"""
import bz2
import glob
import gzip
import io
import lzma
import os
import subprocess
import tarfile

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = ("docker", "buildkit", "buildah")
KEYS = {"name", "note", "dockerfile", "context", "files", "flags", "stdin", "before", "tree", "config", "history", "layers",
        "error", "output", "absent", "peers"}
WHEN = 1000000000  # the time of every file of a context, unless it says another


class CorpusError(Exception):
    """A file of the corpus is wrong."""


def read(names=()):
    """All cases, or those whose name contains one of `names`."""
    cases, seen = [], set()
    for path in sorted(glob.glob(f"{HERE}/corpus/*.yaml")):
        if os.path.basename(path) == "served.yaml":
            continue
        with open(path, encoding="utf-8") as file:
            content = yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        peers = {}
        if isinstance(content, dict):
            peers, content = content["peers"], content["cases"]
        for case in content:
            unknown = set(case) - KEYS
            if unknown or case["name"] in seen:
                raise CorpusError(f"{path}: {case['name']}: {unknown or 'there are two of this name'}")
            seen.add(case["name"])
            merged = {**peers, **case.get("peers", {})}
            case["peers"] = {peer: reason for peer, reason in merged.items() if reason}
            if set(case["peers"]) - set(PEERS):
                raise CorpusError(f"{path}: {case['name']}: unknown peer")
            case["path"] = path
            cases.append(case)
    return [case for case in cases if not names or any(name in case["name"] for name in names)]


def served():
    """The files of the web server, as `context` has them."""
    with open(f"{HERE}/corpus/served.yaml", encoding="utf-8") as file:
        return yaml.safe_load(file)


def data_of(spec):
    """The bytes of a file."""
    if "tar" in spec:
        return make_tar(spec["entries"], spec["tar"])[:spec.get("cut")]
    if "hex" in spec:
        return bytes.fromhex(spec["hex"])
    return str(spec.get("text", "")).encode()


def make_tar(entries, compression="plain"):
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, spec in (entries or {}).items():
            add_entry(archive, name, spec if isinstance(spec, dict) else {"text": spec})
    data = output.getvalue()
    if compression == "gzip":
        return gzip.compress(data, mtime=0)
    if compression == "bzip2":
        return bz2.compress(data)
    if compression == "xz":
        return lzma.compress(data)
    if compression == "zstd":
        return subprocess.run(["zstd", "-q", "-c"], input=data, capture_output=True, check=True).stdout
    if compression != "plain":
        raise CorpusError(f"unknown compression '{compression}'")
    return data


def add_entry(archive, name, spec):
    entry = tarfile.TarInfo(name.rstrip("/"))
    entry.mtime = spec.get("mtime", WHEN)
    entry.uid, entry.gid = spec.get("uid", 0), spec.get("gid", 0)
    entry.mode = spec.get("mode", 0o755 if name.endswith("/") else 0o644)
    entry.pax_headers = {f"SCHILY.xattr.{key}": value for key, value in spec.get("xattrs", {}).items()}
    if name.endswith("/"):
        entry.type = tarfile.DIRTYPE
    elif "link" in spec:
        entry.type, entry.linkname = tarfile.SYMTYPE, spec["link"]
    elif "hard" in spec:
        entry.type, entry.linkname = tarfile.LNKTYPE, spec["hard"]
    elif "fifo" in spec:
        entry.type = tarfile.FIFOTYPE
    elif "device" in spec:
        kind, major, minor = spec["device"].split()
        entry.type = tarfile.CHRTYPE if kind == "c" else tarfile.BLKTYPE
        entry.devmajor, entry.devminor = int(major), int(minor)
    else:
        data = data_of(spec)
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
        return
    archive.addfile(entry)


def write_files(folder, files):
    """Makes the files in a folder."""
    os.makedirs(folder, exist_ok=True)
    folders = []
    for name, spec in (files or {}).items():
        spec = spec if isinstance(spec, dict) else {"text": spec or ""}
        path = os.path.join(folder, name.rstrip("/"))
        os.makedirs(path if name.endswith("/") else os.path.dirname(path), exist_ok=True)
        if name.endswith("/"):
            folders.append((path, spec))
        elif "link" in spec:
            os.symlink(spec["link"], path)
        elif "hard" in spec:
            os.link(os.path.join(folder, spec["hard"]), path)
        else:
            if "fifo" in spec:
                os.mkfifo(path)
            else:
                with open(path, "wb") as file:
                    file.write(data_of(spec))
            finish(path, spec, 0o644)
    for path, spec in reversed(folders):
        finish(path, spec, 0o755)


def finish(path, spec, mode):
    os.chown(path, spec.get("uid", 0), spec.get("gid", 0))
    os.chmod(path, spec.get("mode", mode))
    for name, value in spec.get("xattrs", {}).items():
        os.setxattr(path, name, value.encode())
    os.utime(path, (spec.get("mtime", WHEN), spec.get("mtime", WHEN)))


def write_case(case, folder):
    """Makes what the build of a case needs; returns its last words and what goes to its standard input (or None)."""
    write_files(folder, case.get("files"))
    if case.get("stdin") == "dockerfile":
        return ["-"], case["dockerfile"].encode()
    context = dict(case.get("context") or {})
    if "dockerfile" in case:
        context["Dockerfile"] = case["dockerfile"]
    if case.get("stdin") == "tar":
        return ["-"], make_tar(context)
    write_files(f"{folder}/context", context)
    return ["context"], None
