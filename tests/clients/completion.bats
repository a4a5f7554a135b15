#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Completion: the candidates, and the three shells that show them.

load ../helpers

setup_file() {
	engine_setup
	berth run -d --name runs --network none busybox sleep 1000
	berth create --name made --network none busybox true
	berth create --name none --network none busybox true
	berth tag busybox localhost:5000/team/app:1.0
	berth volume create data
	mkdir -p "$WORK/bin"
	ln -s "$(realpath "$BERTH_BUILD")/berth" "$WORK/bin/berth"
	export DOCKER_CONFIG=$WORK/config
	berth context create far --docker host=ssh://far
}
teardown_file() {
	berth rm -f runs made none
	berth volume rm data
	engine_teardown
}

# Candidates for a line, of which the last word is completed.
candidates() {
	local words
	read -ra words <<<"$1"
	[[ $1 == *' ' ]] && words+=("")
	berth __complete -- "${words[@]}" | tr '\n' ' '
}

terminal() {
	"$BATS_TEST_DIRNAME/../terminal" "$@"
}

@test "commands and flags" {
	[ "$(candidates 'contain')" = 'container ' ]
	[ "$(candidates 'container ren')" = 'rename ' ]
	[ "$(candidates 'run --pids')" = '--pids-limit ' ]
	[ "$(candidates '-H unix:///x --tlsca')" = '--tlscacert ' ]
	[ "$(candidates 'help contai')" = 'container ' ]
	[ "$(candidates 'help container ren')" = 'rename ' ]
	[ "$(candidates 'man berth-container-ren')" = 'berth-container-rename ' ]
	[ -z "$(candidates 'run --name x')" ]
	[ -z "$(candidates 'run busybox --n')" ]
	[ -z "$(candidates 'nothing ')" ]
}

@test "objects, by their states" {
	[ "$(candidates 'stop ')" = 'runs ' ]
	[ "$(candidates 'start ')" = 'made none ' ] || [ "$(candidates 'start ')" = 'none made ' ]
	[ "$(candidates 'rm ma')" = 'made ' ]
	[ "$(candidates 'cp ma')" = 'made: ' ]
	berth pause runs
	[ "$(candidates 'unpause ')" = 'runs ' ]
	berth unpause runs
	[ "$(candidates 'run loc')" = 'localhost:5000/team/app:1.0 ' ]
	[ "$(candidates 'volume rm ')" = 'data ' ]
	[ "$(candidates 'network inspect ho')" = 'host ' ]
	[ "$(candidates 'context use ')" = 'default far ' ]
	[ "$(candidates '-c f')" = 'far ' ]
	[ "$(candidates 'inspect dat')" = 'data ' ]
}

@test "values of flags" {
	[ "$(candidates 'run --restart un')" = 'unless-stopped ' ]
	[ "$(candidates 'run --network=ho')" = '--network=host ' ]
	[ "$(candidates 'kill -s SIGK')" = 'SIGKILL ' ]
	[ "$(candidates 'ps --filter status=r')" = 'status=restarting status=running ' ]
	[ "$(candidates 'volume ls --filter d')" = 'dangling=false dangling=true driver= ' ]
	[ "$(candidates 'ps --format ')" = 'json table ' ]
	[ "$(candidates 'ps --format {{.ID}}:{{.St')" = '{{.ID}}:{{.State}} {{.ID}}:{{.Status}} ' ]
	[ "$(candidates 'version --format ')" = 'json ' ]
	[ "$(candidates '--color=n')" = '--color=never ' ]
	[ "$(WHERE_I_AM=x candidates 'run -e WHERE_I')" = 'WHERE_I_AM ' ]
}

@test "without an engine there are commands, and no noise" {
	[ "$(BERTH_HOST=unix:///nonexistent candidates 'container ren')" = 'rename ' ]
	run env BERTH_HOST=unix:///nonexistent "$BERTH_BUILD/berth" __complete -- stop ''
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

@test "it takes less than 30 ms" {
	[[ $BERTH_BUILD != *san ]] || skip "sanitizers are slow"
	local best=1000 took
	for _ in {1..100}; do
		[ "$best" -ge 30 ] || break
		took=$(milliseconds berth __complete -- stop '')
		[ "$took" -ge "$best" ] || best=$took
	done
	[ "$best" -lt 30 ]
}

@test "bash" {
	PATH=$WORK/bin:$PATH terminal bash --norc --noprofile -i <<-'END'
		send PS1='ready> '; eval "$(berth completion bash)"\n
		expect ready>
		expect ready>
		send berth container ren\t--help\n
		expect Rename a container
		send berth image inspect --format 'tags={{.RepoTags}}' localhost:50\t\n
		expect team/app:1.0]
		send berth inspect --format='{{.Name}}' ru\t\n
		expect /runs
		send berth ps --filter=status=cre\t --format '<{{.Names}}>'\n
		expect <made>
		send exit\n
		status 0
	END
}

@test "zsh" {
	[ -x /usr/bin/zsh ] || skip "zsh is not installed"
	PATH=$WORK/bin:$PATH terminal zsh -f -i <<-'END'
		send PS1='ready> '; autoload -U compinit; compinit -D -u; eval "$(berth completion zsh)"; echo do''ne\n
		expect done
		expect ready>
		send berth container ren\t--help\n
		expect Rename a container
		send berth inspect --format '{{.Name}}' ru\t\n
		expect /runs
		send berth image inspect --format 'tags={{.RepoTags}}' localhost:50\t\n
		expect tags=[
		send exit\n
		status 0
	END
}

@test "fish" {
	[ -x /usr/bin/fish ] || skip "fish is not installed"
	mkdir -p "$BATS_TEST_TMPDIR/home"
	run env HOME="$BATS_TEST_TMPDIR/home" PATH="$WORK/bin:$PATH" fish --no-config -c 'berth completion fish | source
		complete -C "berth container ren"; complete -C "berth stop "; complete -C "berth run --network=ho"'
	[ "$status" -eq 0 ]
	[[ "$output" == *$'rename\tRename a container'* ]]
	[[ "$output" == *$'runs\tbusybox'* ]]
	[[ "$output" == *"--network=host"* ]]
	run berth completion csh
	[ "$status" -eq 1 ]
}
