#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The user's config.json, colours, and tables on terminals.

load ../helpers
bats_require_minimum_version 1.5.0

setup_file() {
	engine_setup
	berth create --name box --label a=b --network none busybox sh -c 'echo a rather long command that is cut where room is scarce'
}
teardown_file() { engine_teardown; }

setup() {
	export DOCKER_CONFIG=$BATS_TEST_TMPDIR/config
	mkdir -p "$DOCKER_CONFIG"
}

settings() {
	cat >"$DOCKER_CONFIG/config.json"
}

terminal() {
	"$BATS_TEST_DIRNAME/../terminal" "$@"
}

@test "formats of lists" {
	settings <<-'END'
		{"psFormat": "{{.Names}}!", "imagesFormat": "table {{.Repository}}", "networksFormat": "json",
		 "volumesFormat": "{{.Name}}?", "statsFormat": "{{.Name}}#"}
	END
	[ "$(berth ps -a)" = 'box!' ]
	[ "$(berth ps -a --format '{{.State}}')" = created ]
	[ "${#id}" = 0 ]
	id=$(berth ps -aq)
	[ "${#id}" = 12 ]
	[ "$(berth images | head -n 1)" = REPOSITORY ]
	berth network ls | jq -e .Name >/dev/null
	berth volume create box >/dev/null
	[ "$(berth volume ls)" = 'box?' ]
	berth volume rm box
	[ "$(berth stats --no-stream -a)" = 'box#' ]
}

@test "proxies go into containers, unless said otherwise" {
	settings <<-END
		{"proxies": {"default": {"httpProxy": "http://p:1", "noProxy": "a,b"}, "tcp://elsewhere:1": {"httpsProxy": "x"}}}
	END
	id=$(berth create --network none -e http_proxy=mine busybox)
	run berth inspect -f '{{join .Config.Env " "}}' "$id"
	[[ "$output" == *"HTTP_PROXY=http://p:1"*"NO_PROXY=a,b"*"no_proxy=a,b"* ]]
	[[ "$output" == *"http_proxy=mine"* ]]
	[[ "$output" != *"http_proxy=http"* ]]
	[[ "${output^^}" != *HTTPS_PROXY* ]]
	berth rm "$id"
}

@test "keys that detach" {
	settings <<<'{"detachKeys": "ctrl-x,x"}'
	terminal "$BERTH_BUILD/berth" run -it --name tty --network none busybox sh <<-'END'
		expect #
		send \x18x
		status 0
	END
	[ "$(berth inspect -f '{{.State.Running}}' tty)" = true ]
	berth rm -f tty
}

@test "further headers of requests, aliases, a broken file" {
	settings <<<'{"HttpHeaders": {"X-Team": "blue", "X-Bad": "a\nb"}, "aliases": {"list": "ps"}}'
	coproc socat -u "UNIX-LISTEN:$BATS_TEST_TMPDIR/sock" "CREATE:$BATS_TEST_TMPDIR/heard"
	eventually test -S "$BATS_TEST_TMPDIR/sock"
	"$BERTH_BUILD/berth" -H "unix://$BATS_TEST_TMPDIR/sock" ps >/dev/null 2>&1 3>&- &
	eventually grep -q '^X-Team: blue' "$BATS_TEST_TMPDIR/heard"
	eventually grep -q $'^\r' "$BATS_TEST_TMPDIR/heard" # all of the head
	kill $!
	wait $! || true
	run ! grep X-Bad "$BATS_TEST_TMPDIR/heard"
	run berth list
	[ "$status" -eq 1 ]
	[[ "$output" == *"'list' is an alias of 'ps' in config.json; aliases are not supported by this version"* ]]
	settings <<<'{'
	run --separate-stderr berth -H "$BERTH_HOST" ps -aq
	[ "$status" -eq 0 ]
	[[ "$stderr" == *"WARNING: Error loading config file: "*config.json* ]]
}

@test "colours on terminals, and as the user wishes" {
	green=$'\033'
	[[ "$(berth ps -a)" != *"$green"* ]]
	[[ "$(CLICOLOR_FORCE=1 berth ps -a)" == *"${green}[90mCreated"* ]]
	[[ "$(berth --color=always ps -a)" == *"${green}["* ]]
	[[ "$(NO_COLOR=1 CLICOLOR_FORCE=1 berth ps -a)" != *"$green"* ]]
	[[ "$(berth --color=always ps -a --format json)" != *'\u001b'* ]]
	run berth --color=maybe ps
	[ "$status" -eq 1 ]
	[[ "$output" == *"expected always, never or auto"* ]]
	TERM=xterm terminal "$BERTH_BUILD/berth" ps -a <<-'END'
		expect \x1b[90mCreated
		status 0
	END
	TERM=xterm CLICOLOR=0 terminal "$BERTH_BUILD/berth" ps -a <<-'END'
		expect   Created
		status 0
	END
}

@test "a table fits the terminal" {
	terminal "$BERTH_BUILD/berth" ps -a <<-'END'
		expect "sh -c 'e
		expect …
		status 0
	END
	terminal "$BERTH_BUILD/berth" ps -a --no-trunc <<-'END'
		expect room is scarce'"
		status 0
	END
}
