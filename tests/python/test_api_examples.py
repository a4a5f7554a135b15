# SPDX-License-Identifier: Apache-2.0
"""docs/api-examples.md: its lines do what it says, and there is one for each operation."""
import os
import re
import subprocess

import pytest

from conftest import TOP, engine_with_networks
from judge import OPERATIONS

CURL = 'curl() { command curl -sS --unix-socket "$S" -w "%{stderr}\\n%{http_code}\\n" "$@"; }\n'
SWARM = ("/swarm", "/nodes", "/services", "/tasks", "/secrets", "/configs")


@pytest.fixture(scope="module")
def engine():
    with engine_with_networks() as engine:
        yield engine


def examples():
    with open(f"{TOP}/docs/api-examples.md", encoding="utf-8") as file:
        return re.findall(r"^# ([0-9|]+) ?(.*)\n\$ (.*)$", file.read(), re.MULTILINE)


def asked_for(line):
    """The operations of a line's curls."""
    for call in line.split("curl ")[1:]:
        path = re.search(r"http://x(/[^\s\"?]*)", call.replace("$(jq -r .Id exec.json)", "x"))
        method = re.search(r"-X (\w+)", call)
        yield (method.group(1) if method else "HEAD" if "-I" in call else "POST" if "--json" in call else
               "PUT" if "-T" in call else "GET", re.sub("^/v1.47", "", path.group(1)))


def test_there_is_one_for_each_operation():
    done = {call for _, _, line in examples() for call in asked_for(line)}
    missing = [name for name, operation in OPERATIONS.items() if not operation["path"].startswith(SWARM) and not any(
        method == operation["method"] and re.fullmatch(re.sub(r"\{\w+\}", ".+", operation["path"]), path)
        for method, path in done)]
    assert not missing


def test_they_do_what_they_say(engine, tmp_path):
    wrong = []
    for status, piece, line in examples():
        done = subprocess.run(["bash", "-c", CURL + line], capture_output=True, cwd=tmp_path, timeout=60, check=False,
                              env={**os.environ, "S": engine.socket})
        said, codes = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace").split()
        if not codes or codes[-1] not in status.split("|") or piece not in said:
            wrong.append(f"{line}\n  {codes[-1:]} {said[:300]!r}")
    assert not wrong, "\n".join(wrong)
