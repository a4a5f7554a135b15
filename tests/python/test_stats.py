# SPDX-License-Identifier: Apache-2.0
"""What containers use, as clients read it: the shapes of the answers, and the arithmetic of those who show it."""
import json
import time


from conftest import PATIENCE, eventually

NEVER = "0001-01-01T00:00:00Z"


def processors(stats):
    """Docker's reckoning of CPU %."""
    now, before = stats["cpu_stats"], stats["precpu_stats"]
    used = now["cpu_usage"]["total_usage"] - before["cpu_usage"]["total_usage"]
    return 100 * used / (now["system_cpu_usage"] - before["system_cpu_usage"]) * now["online_cpus"]


def test_one_that_does_not_run_has_zeroes(client, create):
    container = create("true", name="still")
    for query in ("stream=0", "stream=0&one-shot=1"):
        stats = client.api._get(client.api._url("/containers/still/stats?" + query)).json()
        assert stats["name"] == "/still" and stats["id"] == container.id
        assert stats["read"] == stats["preread"] == NEVER
        assert stats["cpu_stats"]["cpu_usage"]["total_usage"] == 0 and "online_cpus" not in stats["cpu_stats"]
        assert stats["memory_stats"] == {} and stats["pids_stats"] == {} and "networks" not in stats
        assert stats["blkio_stats"]["io_service_bytes_recursive"] is None


def test_arithmetic(client, run):
    """A fifth of a processor and twenty megabytes are what a client makes of the numbers."""
    container = run("x=$(head -c 20000000 /dev/zero | tr '\\0' x); while :; do :; done", nano_cpus=200000000,
                    mem_limit="96m")

    def settled():
        stats = container.stats(stream=False)
        used = stats["memory_stats"]["usage"]
        if stats["pids_stats"]["current"] > 1:
            return None  # it fetches its memory
        return stats if 20e6 < used < 96 << 20 and 12 < processors(stats) < 28 else None
    stats = eventually(settled, "the numbers are right", 3 * PATIENCE)
    memory = stats["memory_stats"]
    assert memory["limit"] == 96 << 20
    assert "inactive_file" in memory["stats"] and ("total_rss" in memory["stats"] or "anon" in memory["stats"])
    assert stats["pids_stats"]["current"] == 1
    assert stats["cpu_stats"]["throttling_data"]["throttled_periods"] > 0
    assert NEVER < stats["preread"] < stats["read"]
    version_1 = "percpu_usage" in stats["cpu_stats"]["cpu_usage"]
    assert version_1 == ("cache" in memory["stats"]) == ("max_usage" in memory)


def test_one_shot(engine, run):
    container = run("sleep 100")

    def took():
        started = time.monotonic()
        engine.ask("GET", f"/containers/{container.id}/stats?stream=false&one-shot=true")
        return time.monotonic() - started
    eventually(lambda: took() < 0.9, "it does not wait for a second look")
    answer = engine.ask("GET", f"/containers/{container.id}/stats?stream=false&one-shot=true")
    stats = json.loads(answer.split(b"\r\n\r\n", 1)[1])
    assert stats["preread"] == NEVER and stats["precpu_stats"]["cpu_usage"]["total_usage"] == 0
    assert stats["cpu_stats"]["system_cpu_usage"] > 0 and stats["memory_stats"]["usage"] > 0
    assert b"400" in engine.ask("GET", f"/containers/{container.id}/stats?one-shot=1").split(b"\r\n")[0]
    assert b"404" in engine.ask("GET", "/containers/nobody/stats").split(b"\r\n")[0]


def test_stream_through_its_life(client, create):
    """A stream goes on whether the container runs or not, and ends when it is removed."""
    container = create("sleep 100")
    stream = client.api.stats(container.id, decode=True)
    assert next(stream)["read"] == NEVER
    container.start()
    first = next(stats for stats in stream if stats["read"] != NEVER)
    assert first["preread"] == NEVER
    second = next(stream)
    assert second["preread"] == first["read"]
    assert second["precpu_stats"]["cpu_usage"] == first["cpu_stats"]["cpu_usage"]
    container.remove(force=True)
    assert len(list(stream)) <= 1


def test_many_streams_of_which_nobody_reads(engine, client, run):
    """Streams cost their threads only; they go with their clients, also those that do not read."""
    container = run("sleep 100")
    before = len(client.containers.list())
    clients = []
    for _ in range(50):
        connection = engine.connect()
        connection.sendall(f"GET /containers/{container.id}/stats HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        clients.append(connection)
    assert all(connection.recv(15) == b"HTTP/1.1 200 OK" for connection in clients)

    def threads():
        with open(f"/proc/{engine.process.pid}/status") as status:
            return int(next(line for line in status if line.startswith("Threads:")).split()[1])
    assert threads() >= 50
    for connection in clients:
        connection.close()
    eventually(lambda: threads() < 40, "their threads have gone")
    assert len(client.containers.list()) == before
