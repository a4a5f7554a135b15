# SPDX-License-Identifier: Apache-2.0
# What the tests of volumes share. The API is asked by curl: `api METHOD PATH [JSON]` prints the answer, and fails as
# HTTP does; `refused STATUS WORDS METHOD PATH [JSON]` wants a refusal.

load ../helpers

url() {
	curl -sS --unix-socket "$WORK/run/berth.sock" "$@"
}

api() {
	local method=$1 path=$2 body=${3:-}
	url --fail-with-body -X "$method" -H 'Content-Type: application/json' ${body:+-d "$body"} "http://x$path"
}

refused() {
	local status=$1 words=$2 method=$3 path=$4 body=${5:-} answer
	answer=$(url -w '\n%{http_code}' -X "$method" -H 'Content-Type: application/json' ${body:+-d "$body"} "http://x$path")
	echo "$answer"
	[ "${answer##*$'\n'}" = "$status" ]
	[[ "$(jq -r .message <<<"${answer%$'\n'*}")" == *"$words"* ]]
}

# A container of busybox that has what HostConfig says: `container NAME HOSTCONFIG WORDS…`; prints its id.
container() {
	local name=$1 host=$2 command
	shift 2
	command=$(jq -nc '$ARGS.positional' --args -- "$@")
	api POST "/containers/create?name=$name" \
		"{\"Image\":\"busybox\",\"Cmd\":$command,\"HostConfig\":{\"NetworkMode\":\"none\",$host}}" | jq -r .Id
}

# The same, run to its end; its output, and its status.
run_with() {
	local id
	id=$(container '' "$@") || return 125
	if ! api POST "/containers/$id/start"; then
		api DELETE "/containers/$id?v=1&force=1"
		return 125
	fi
	url "http://x/containers/$id/logs?stdout=1&stderr=1&follow=1" --output - | frames
	local status
	status=$(api POST "/containers/$id/wait" | jq .StatusCode)
	api DELETE "/containers/$id?v=1" >/dev/null
	return "$status"
}

# Docker's frames taken off.
frames() {
	/usr/bin/python3 -c '
import sys
data = sys.stdin.buffer.read()
while len(data) >= 8:
    size = int.from_bytes(data[4:8], "big")
    sys.stdout.buffer.write(data[8:8 + size])
    data = data[8 + size:]'
}

mount() {
	echo "\"Mounts\":[$1]"
}

# Where a plain volume's content lies.
data_of() {
	echo "$WORK/data/volumes/$1/_data"
}

names() {
	api GET "/volumes${1:-}" | jq -r '.Volumes[].Name' | sort | tr '\n' ' '
}

# Removes all containers and volumes.
clean_up() {
	remove_containers
	api POST '/volumes/prune?filters=%7B%22all%22:%5B%22true%22%5D%7D' >/dev/null
	[ "$(names)" = "" ]
	[ -z "$(ls -A "$WORK/data/volumes")" ]
	no_mounts
}

# Nothing of this engine is mounted on the host.
no_mounts() {
	eventually eval '! grep -F "$WORK" /proc/self/mountinfo'
}
