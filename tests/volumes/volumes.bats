#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Volumes as objects: making, finding, listing, removing, pruning, and what containers do to them.

load helpers
bats_require_minimum_version 1.5.0
setup_file() { engine_setup; }
teardown_file() { engine_teardown; }
teardown() { clean_up; }

@test "a volume is made once, and found with what was asked for" {
	first=$(api POST /volumes/create '{"Name":"data","Labels":{"a":"b"}}')
	[ "$(jq -r '.Name + .Driver + .Scope + .Labels.a' <<<"$first")" = datalocallocalb ]
	[ "$(jq -r .Mountpoint <<<"$first")" = "$(data_of data)" ]
	[[ "$(jq -r .CreatedAt <<<"$first")" == 20??-??-??T??:??:??Z ]]
	[ "$(api POST /volumes/create '{"Name":"data"}')" = "$first" ]
	[ "$(api GET /volumes/data)" = "$first" ]
	refused 409 "create data: driver 'local' already has volume 'data': volume name must be unique" \
		POST /volumes/create '{"Name":"data","Driver":"other"}'
	refused 404 'get data2: no such volume' GET /volumes/data2
}

@test "its folders are closed to the host's users" {
	api POST /volumes/create '{"Name":"data"}'
	[ "$(stat -c %a "$WORK/data/volumes")" = 711 ]
	[ "$(stat -c %a "$WORK/data/volumes/data")" = 700 ]
	[ "$(stat -c %a "$(data_of data)")" = 755 ]
	run setpriv --reuid 12345 --regid 12345 --clear-groups ls "$(data_of data)"
	[ "$status" -ne 0 ]
}

@test "a volume's folder has the owner and mode that were asked for, whatever the image's has" {
	api POST /volumes/create '{"Name":"data","DriverOpts":{"uid":"1000","gid":"1001","mode":"2770"}}'
	[ "$(stat -c %u:%g:%a "$(data_of data)")" = 1000:1001:2770 ]
	container one '"Binds":["data:/etc"]' true
	[ -s "$(data_of data)/passwd" ]
	[ "$(stat -c %u:%g:%a "$(data_of data)")" = 1000:1001:2770 ]
	refused 400 "option mode: invalid number: '999'" POST /volumes/create '{"Name":"more","DriverOpts":{"mode":"999"}}'
	refused 400 "option uid: invalid number: '-1'" POST /volumes/create '{"Name":"more","DriverOpts":{"uid":"-1"}}'
	refused 400 'as o=uid=1000 of tmpfs' POST /volumes/create '{"Name":"more","DriverOpts":{"type":"tmpfs","device":"x","uid":"1"}}'
}

@test "names and drivers that cannot be are refused, and nothing is made" {
	for name in x ../x a/b .hidden 'a b' -x; do
		refused 400 "create $name:" POST /volumes/create "{\"Name\":\"$name\"}"
	done
	refused 400 'at most 255' POST /volumes/create "{\"Name\":\"$(printf 'x%.0s' {1..256})\"}"
	refused 404 'create data: error looking up volume plugin nosuch: plugin "nosuch" not found' \
		POST /volumes/create '{"Name":"data","Driver":"nosuch"}'
	refused 400 'EOF' POST /volumes/create
	refused 501 'ClusterVolumeSpec' POST /volumes/create '{"Name":"data","ClusterVolumeSpec":{}}'
	[ -z "$(ls -A "$WORK/data/volumes")" ]
}

@test "a volume without a name gets one, and is anonymous" {
	made=$(api POST /volumes/create '{}')
	[[ "$(jq -r .Name <<<"$made")" =~ ^[0-9a-f]{64}$ ]]
	[ "$(jq -c .Labels <<<"$made")" = '{"com.docker.volume.anonymous":""}' ]
	[ "$(api POST /volumes/prune | jq '.VolumesDeleted | length')" = 1 ]
}

@test "lists and their filters" {
	api POST /volumes/create '{"Name":"apple","Labels":{"kind":"fruit"}}'
	api POST /volumes/create '{"Name":"carrot","Labels":{"kind":"root"}}'
	container user '"Binds":["apple:/a"]' true
	filter() { names "?filters=$(jq -rn --arg text "$1" '$text | @uri')"; }
	[ "$(names)" = "apple carrot " ]
	[ "$(filter '{"name":["app"]}')" = "apple " ]
	[ "$(filter '{"label":["kind"]}')" = "apple carrot " ]
	[ "$(filter '{"label":["kind=root"]}')" = "carrot " ]
	[ "$(filter '{"label!":["kind=root"]}')" = "apple " ]
	[ "$(filter '{"dangling":["true"]}')" = "carrot " ]
	[ "$(filter '{"dangling":{"false":true}}')" = "apple " ]
	[ "$(filter '{"driver":["local"]}')" = "apple carrot " ]
	[ "$(filter '{"driver":["x"]}')" = "" ]
	refused 400 "invalid filter 'colour'" GET '/volumes?filters=%7B%22colour%22:%5B%22red%22%5D%7D'
	refused 400 "invalid filter 'dangling=[maybe]'" GET '/volumes?filters=%7B%22dangling%22:%5B%22maybe%22%5D%7D'
}

@test "one that a container uses cannot be removed, whether it runs or not" {
	id=$(container user '"Binds":["data:/d"]' sleep 1000)
	refused 409 "remove data: volume is in use - [$id]" DELETE /volumes/data
	other=$(container other '"Binds":["data:/d"]' true)
	api POST "/containers/$id/start"
	refused 409 "$id" DELETE '/volumes/data?force=1'
	refused 409 "$other" DELETE /volumes/data
	api DELETE "/containers/$id?force=1"
	api DELETE "/containers/$other"
	api DELETE /volumes/data
	[ ! -e "$WORK/data/volumes/data" ]
	refused 404 'get data: no such volume' DELETE /volumes/data
	api DELETE '/volumes/data?force=1'
}

@test "what is in a named volume outlives its containers" {
	run_with '"Binds":["data:/d"]' sh -c 'echo kept >/d/file'
	[ "$(run_with '"Binds":["data:/d:ro"]' cat /d/file)" = kept ]
	run run_with '"Binds":["data:/d:ro"]' sh -c 'echo more >/d/file'
	[[ "$output" == *"Read-only file system"* ]]
	[ "$(cat "$(data_of data)/file")" = kept ]
}

@test "a volume is made with its container, with driver and labels" {
	id=$(container one "$(mount '{"Type":"volume","Source":"data","Target":"/d","VolumeOptions":{"Labels":{"a":"b"},"DriverConfig":{"Name":"local","Options":{"type":"tmpfs","device":"tmpfs","o":"size=1m"}}}}')" true)
	[ "$(api GET /volumes/data | jq -c '[.Labels,.Options.o]')" = '[{"a":"b"},"size=1m"]' ]
	[ "$(api GET "/containers/$id/json" | jq -c '.Mounts[0] | [.Type,.Name,.Driver,.Destination,.RW]')" = '["volume","data","local","/d",true]' ]
	refused 409 "already has volume 'data'" POST /containers/create \
		'{"Image":"busybox","HostConfig":{"NetworkMode":"none","VolumeDriver":"other","Binds":["data:/d"]}}'
	refused 404 'plugin "nosuch" not found' POST /containers/create \
		'{"Image":"busybox","HostConfig":{"NetworkMode":"none","VolumeDriver":"nosuch","Binds":["more:/d"]}}'
	[ "$(names)" = "data " ]
}

@test "anonymous volumes go with rm -v and --rm, and stay otherwise" {
	kept=$(container kept '"Binds":["/a"]' true)
	gone=$(container gone '"Binds":["/a"]' true)
	forced=$(container forced '"Binds":["/a","named:/n"]' sleep 1000)
	api POST "/containers/$forced/start"
	volume=$(api GET "/containers/$kept/json" | jq -r '.Mounts[0].Name')
	[[ "$volume" =~ ^[0-9a-f]{64}$ ]]
	[ "$(names | wc -w)" = 4 ]
	api DELETE "/containers/$gone?v=1"
	api DELETE "/containers/$forced?v=1&force=1"
	api DELETE "/containers/$kept"
	eventually eval '[ "$(names)" = "$volume named " ]'
	berth run --rm --network none -v /a busybox true
	run -127 berth run --rm --network none -v /a busybox nosuchprogram
	eventually eval '[ "$(names)" = "$volume named " ]'
}

@test "prune takes anonymous ones, or all, by version and filter" {
	api POST /volumes/create '{"Name":"named","Labels":{"keep":""}}'
	api POST /volumes/create '{}'
	container user '"Binds":["used:/u"]' true
	echo 12345 >"$(data_of named)/file"
	[ "$(api POST /v1.42/volumes/prune | jq '.VolumesDeleted | length')" = 1 ]
	[ "$(names)" = "named used " ]
	[ "$(api POST '/volumes/prune?filters=%7B%22all%22:%5B%221%22%5D,%22label!%22:%5B%22keep%22%5D%7D' | jq -c .VolumesDeleted)" = '[]' ]
	[ "$(api POST /v1.41/volumes/prune | jq -c .)" = '{"VolumesDeleted":["named"],"SpaceReclaimed":6}' ]
	[ "$(names)" = "used " ]
	refused 400 "invalid filter 'until'" POST '/volumes/prune?filters=%7B%22until%22:%5B%221h%22%5D%7D'
}

@test "sizes and users, in lists and in system df" {
	container user '"Binds":["data:/d"]' true
	head -c 1000 /dev/zero >"$(data_of data)/one"
	ln "$(data_of data)/one" "$(data_of data)/two"
	[ "$(api GET '/volumes?size=1' | jq -c '.Volumes[0].UsageData')" = '{"Size":1000,"RefCount":1}' ]
	[ "$(api GET /system/df | jq -c '.Volumes[0].UsageData')" = '{"Size":1000,"RefCount":1}' ]
	[ "$(api GET /volumes | jq '.Volumes[0].UsageData')" = null ]
}

@test "events tell of their lives" {
	since=$(date +%s.%N)
	id=$(container one '"Binds":["data:/d:ro"]' true)
	api POST "/containers/$id/start"
	api POST "/containers/$id/wait"
	api DELETE "/containers/$id"
	api DELETE /volumes/data
	api POST /volumes/prune
	# The last ones may be told a moment later.
	told() { url "http://x/events?since=$since&until=$(date +%s.%N)&filters=%7B%22type%22:%5B%22volume%22%5D%7D" | jq -r .Action | tr '\n' ' '; }
	eventually eval '[ "$(told)" = "create mount unmount destroy prune " ]'
	url "http://x/events?since=$since&until=$(date +%s.%N)&filters=%7B%22volume%22:%5B%22data%22%5D%7D" >"$BATS_TEST_TMPDIR/events"
	[ "$(jq -c 'select(.Action == "mount") | .Actor' "$BATS_TEST_TMPDIR/events")" = \
		"{\"ID\":\"data\",\"Attributes\":{\"container\":\"$id\",\"destination\":\"/d\",\"driver\":\"local\",\"propagation\":\"\",\"read/write\":\"false\"}}" ]
}

@test "volumes and what uses them are there after a restart of the engine" {
	id=$(container one '"Binds":["data:/d","/a"]' sleep 1000)
	api POST "/containers/$id/start"
	run_with '"Binds":["data:/d"]' sh -c 'echo kept >/d/file'
	before=$(names)
	engine_stop KILL
	engine_start
	[ "$(names)" = "$before" ]
	refused 409 "$id" DELETE /volumes/data
	[ "$(cat "$(data_of data)/file")" = kept ]
}
