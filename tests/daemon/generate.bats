#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `generate systemd`: units that systemd takes, and that start what they say.

bats_require_minimum_version 1.5.0
load ../helpers
setup_file() { engine_setup; }
teardown_file() { engine_teardown; }
teardown() { remove_containers; }

# The words of a unit's setting, one a line, as systemd reads them.
words() {
	/usr/bin/python3 - "$1" "$2" <<'END'
import re, sys
line = next(line for line in open(sys.argv[1], encoding="utf-8") if line.startswith(sys.argv[2] + "="))
for word in re.findall(r'"(?:[^"\\]|\\.)*"|[^ \n]+', line[len(sys.argv[2]) + 1:]):
    if word.startswith('"'):
        word = re.sub(r"\\(x[0-9a-f]{2}|.)", lambda m: chr(int(m[1][1:], 16)) if len(m[1]) > 1 else m[1], word[1:-1])
    print(word.replace("%%", "%").replace("$$", "$"), end="\0")
END
}

# systemd finds nothing to say about the file, and would say it.
verified() {
	local unit
	mkdir -p "$WORK/units"
	for unit in berth.service berth.socket; do
		sed "s|@sbindir@|$BERTH_BUILD|" "$BATS_TEST_DIRNAME/../../data/systemd/$unit" >"$WORK/units/$unit"
	done
	cp "$1" "$WORK/units"
	export SYSTEMD_UNIT_PATH="$WORK/units:"
	run systemd-analyze verify --man=no "$WORK/units/${1##*/}" "$WORK/units/berth.service" "$WORK/units/berth.socket"
	echo "$output"
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	sed -i 's/^ExecStart=/ExecStart=nowhere "/' "$WORK/units/${1##*/}"
	run systemd-analyze verify --man=no "$WORK/units/${1##*/}"
	[[ "$output" == *"${1##*/}:"* ]]
}

@test "a unit starts, waits for and stops a container" {
	berth create --name odd --stop-timeout 3 busybox sh -c 'trap "exit 4" TERM; echo ready; while :; do sleep 0.05; done' >/dev/null
	berth generate systemd --name odd >"$WORK/container-odd.service"
	cat "$WORK/container-odd.service"
	verified "$WORK/container-odd.service"
	grep -qx 'Restart=on-failure' "$WORK/container-odd.service"
	grep -qx 'TimeoutStopSec=33' "$WORK/container-odd.service"
	words "$WORK/container-odd.service" ExecStart >"$WORK/start"
	words "$WORK/container-odd.service" ExecStop >"$WORK/stop"
	xargs -0 -a "$WORK/start" env -- >/dev/null 2>&1 3>&- &
	starting=$!
	eventually ready odd
	xargs -0 -a "$WORK/stop" env --
	status=0
	wait $starting || status=$?
	[ "$(berth inspect -f '{{.State.ExitCode}}' odd)" = 4 ]
	[ "$status" -ne 0 ]
	# By id, and with other settings.
	id=$(berth inspect -f '{{.Id}}' odd)
	run berth generate systemd --restart-policy always -t 7 --after x.service --no-header odd
	[[ "$output" == *"start --attach ${id:0:12}"* && "$output" == *"stop --time 7"* && "$output" == *"Restart=always"* ]]
	[[ "$output" == *"berth.service x.service"* && "$output" != "#"* ]]
	run -1 berth generate systemd --restart-policy sometimes odd
	[[ "$output" == *"sometimes is not a valid restart policy"* ]]
	run -1 berth generate systemd missing
	[[ "$output" == *"No such container: missing"* ]]
}

ready() {
	[ "$(berth logs "$1")" = ready ]
}

@test "--new makes the container again as it is, whatever its words are" {
	mkdir -p "$WORK/a b"
	berth create --name first -e 'A=1 2 %h $HOME "x" \n' -e B= -l 'text=it'"'"'s' -l empty= -v "$WORK/a b:/data:ro" \
		--mount type=volume,source=keep,target=/keep --tmpfs /scratch:size=1m -m 64m --cpus 0.5 --ulimit nofile=10:20 \
		--cap-drop NET_RAW --cap-add SYS_TIME --read-only --init --shm-size 1m --network none --dns 1.2.3.4 -w /tmp -u 1:2 \
		--log-opt max-size=1m --pids-limit 50 --sysctl kernel.shmmax=1000000 --group-add 7 --device /dev/null:/dev/nix:r \
		--stop-signal INT --hostname itself --add-host a:1.1.1.1 -i --entrypoint /bin/sh busybox -c 'echo "$A" 100%; exit 3' \
		'' '$$' "back\\slash" $'two\nlines' >/dev/null
	(cd "$WORK" && berth generate systemd --new --name --files first)
	unit=$WORK/container-first.service
	cat "$unit"
	verified "$unit"
	words "$unit" ExecStartPre >"$WORK/before"
	words "$unit" ExecStart >"$WORK/start"
	keep='{{json .Config}} {{json .HostConfig}} {{json .Path}} {{json .Args}}'
	was=$(berth inspect -f "$keep" first)
	xargs -0 -a "$WORK/before" env -- >/dev/null
	status=0
	xargs -0 -a "$WORK/start" env -- >"$WORK/said" </dev/null || status=$?
	[ "$(cat "$WORK/said")" = 'A=1 2' ] || [ "$(cat "$WORK/said")" = '1 2 %h $HOME "x" \n 100%' ]
	[ "$status" -ne 0 ]
	# The same again, not run but made.
	tr '\0' '\n' <"$WORK/start" >"$WORK/lines"
	/usr/bin/python3 - "$WORK/start" <<'END'
import os, sys
words = open(sys.argv[1], encoding="utf-8").read().split("\0")[:-1]
words[words.index("run")] = "create"
words.remove("--rm")
os.execv(words[0], words)
END
	is=$(berth inspect -f "$keep" first)
	diff <(tr , '\n' <<<"$was") <(tr , '\n' <<<"$is")
	berth volume rm -f keep >/dev/null || true
}

@test "--new refuses what flags of run cannot say, by its name" {
	curl -sf --unix-socket "$WORK/run/berth.sock" -H 'Content-Type: application/json' -d '{"Image": "busybox", "HostConfig":
		{"Mounts": [{"Type": "tmpfs", "Target": "/x", "TmpfsOptions": {"SizeBytes": 4096}}]}}' \
		'http://x/containers/create?name=special'
	run -1 berth generate systemd --new --name special
	[[ "$output" == *"Mounts: "*"cannot be said by flags of run"* ]]
	berth create -t --name tty busybox >/dev/null
	run -1 berth generate systemd --new tty
	[[ "$output" == *"it has a terminal"* ]]
}
