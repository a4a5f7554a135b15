#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Volumes of a plugin, which is a small web server (plugin.py): making, mounting by container, removing, listing, and
# what happens when it goes away.

load helpers
bats_require_minimum_version 1.5.0

setup_file() {
	# Beside the engine's own place, which is made with the engine.
	PLACE=$(mktemp -d "${TMPDIR:-/tmp}/berth-test-XXXXXX")
	made folder "$PLACE"
	PLUGIN=far-away SOCKETS=$PLACE/docker/plugins
	export PLACE PLUGIN SOCKETS
	mkdir -p "$SOCKETS" /run/docker
	export ENGINE_UNDER="unshare --net --mount --propagation slave $BATS_TEST_DIRNAME/with-plugins $PLACE/docker"
	engine_setup --bridge none
	plugin_start
}

teardown_file() {
	plugin_stop
	engine_teardown
	rm -rf "$PLACE"
	rmdir /run/docker 2>/dev/null || true
}

teardown() {
	clean_up
	: >"$WORK/calls"
}

plugin_start() {
	rm -f "$SOCKETS/$PLUGIN.sock"
	/usr/bin/python3 "$BATS_TEST_DIRNAME/plugin.py" "$SOCKETS/$PLUGIN.sock" "$WORK/plugin" "$WORK/calls" >/dev/null 2>"$WORK/plugin.log" 3>&- &
	echo $! >"$WORK/plugin.pid"
	eventually plugin_listens
}
plugin_listens() {
	/usr/bin/python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])' "$SOCKETS/$PLUGIN.sock"
}

plugin_stop() {
	kill "$(cat "$WORK/plugin.pid")" 2>/dev/null || true
}

calls() {
	grep -c "^VolumeDriver.$1 " "$WORK/calls" || true
}

@test "a plugin's volume is made, mounted for each container, and removed" {
	[ "$(api POST /volumes/create "{\"Name\":\"far\",\"Driver\":\"$PLUGIN\"}" | jq -c '[.Driver,.Scope,.Status.state]')" = "[\"$PLUGIN\",\"global\",\"fine\"]" ]
	id=$(container one '"Binds":["far:/d"]' sh -c 'echo text >/d/file; sleep 1000')
	api POST "/containers/$id/start"
	eventually test -s "$WORK/plugin/far/file"
	grep -q "VolumeDriver.Mount far $id" "$WORK/calls"
	[ "$(run_with '"Binds":["far:/d"]' cat /d/file)" = text ]
	refused 409 "$id" DELETE /volumes/far
	api DELETE "/containers/$id?force=1"
	eventually eval '[ "$(calls Mount)" = "$(calls Unmount)" ]'
	api DELETE /volumes/far
	[ ! -e "$WORK/plugin/far" ]
}

@test "its first content is the image's, by VolumeDriver of the container" {
	id=$(container one "\"VolumeDriver\":\"$PLUGIN\",\"Binds\":[\"etc:/etc\"]" true)
	[ -s "$WORK/plugin/etc/passwd" ]
	[ "$(calls Mount)" = "$(calls Unmount)" ]
}

@test "what the plugin refuses is refused in its words, and leaves no volume" {
	refused 500 'told to fail' POST /volumes/create "{\"Name\":\"far\",\"Driver\":\"$PLUGIN\",\"DriverOpts\":{\"fail\":\"1\"}}"
	[ "$(names)" = "" ]
}

@test "a volume that only the plugin knows is found, used and removed" {
	mkdir "$WORK/plugin/known"
	[ "$(names)" = "known " ]
	[ "$(api GET /volumes/known | jq -r .Driver)" = "$PLUGIN" ]
	run_with '"Binds":["known:/d"]' sh -c 'echo text >/d/file'
	[ -s "$WORK/plugin/known/file" ]
	[ ! -e "$WORK/data/volumes/known" ]
	mkdir "$WORK/plugin/other"
	api DELETE /volumes/other
	[ ! -e "$WORK/plugin/other" ]
}

@test "nothing is cloned into a volume that only the plugin knows, and it stays" {
	mkdir "$WORK/plugin/known"
	echo text >"$WORK/plugin/known/file"
	api POST /volumes/create "{\"Name\":\"far\",\"Driver\":\"$PLUGIN\"}" >/dev/null
	api POST /volumes/create '{"Name":"near"}' >/dev/null
	refused 409 'has a volume of that name already' POST '/volumes/far/clone?to=known'
	refused 409 'has a volume of that name already' POST '/volumes/near/clone?to=known'
	[ "$(cat "$WORK/plugin/known/file")" = text ]
	[ "$(names)" = "far known near " ]
	api POST '/volumes/far/clone?to=copy' >/dev/null
	[ "$(names)" = "copy far known near " ]
	for name in copy far known; do
		api DELETE "/volumes/$name"
	done
	[ -z "$(ls -A "$WORK/plugin")" ]
}

@test "a volume whose plugin is gone is removed by force only" {
	api POST /volumes/create "{\"Name\":\"far\",\"Driver\":\"$PLUGIN\"}" >/dev/null
	plugin_stop
	rm -f "$SOCKETS/$PLUGIN.sock"
	refused 404 'not found: it has no socket' DELETE /volumes/far
	api DELETE "/volumes/far?force=1"
	rm -rf "$WORK/plugin/far"
	plugin_start
	[ "$(names)" = "" ]
}

@test "a plugin that is started again is found, and what a dead engine had mounted is given back" {
	api POST /volumes/create "{\"Name\":\"far\",\"Driver\":\"$PLUGIN\"}" >/dev/null
	id=$(container one '"Binds":["far:/d"]' sleep 1000)
	api POST "/containers/$id/start"
	pid=$(api GET "/containers/$id/json" | jq .State.Pid)
	plugin_stop
	plugin_start
	[ "$(run_with '"Binds":["far:/d"]' ls /d)" = "" ]
	engine_stop KILL
	kill -9 "$pid"
	engine_start --bridge none
	eventually grep -q "VolumeDriver.Unmount far $id" "$WORK/calls"
}
