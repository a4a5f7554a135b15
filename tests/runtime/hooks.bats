#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Hooks: their order, their namespaces, their input, and what a failing one does.

load helpers

# Each hook notes its name, the status that it was given, and whether it sees the container's pid namespace.
note() {
	cat >"$work/note" <<-SCRIPT
		#!/bin/sh
		echo "\$1 \$(jq -r .status) \$(readlink /proc/self/ns/mnt)" >>$work/notes
		[ "\$1" != poststart ] || echo >$bundle/rootfs/tmp/started
	SCRIPT
	chmod 755 "$work/note"
}

hook() {
	jq -nc --arg path "$work/note" --arg name "$1" '[{path:$path,args:["note",$name],env:["PATH=/usr/bin:/bin"]}]'
}

@test "hooks run in the specification's order, in their namespaces, with the state on their input" {
	note
	configure --argjson a "$(hook prestart)" --argjson b "$(hook createRuntime)" --argjson c "$(hook createContainer)" \
		--argjson d "$(hook poststart)" --argjson e "$(hook poststop)" \
		'.hooks={prestart:$a,createRuntime:$b,createContainer:$c,poststart:$d,poststop:$e,
		 startContainer:[{path:"/bin/sh",args:["sh","-c","cat >/tmp/state; echo startContainer >>/tmp/order"]}]}'
	script 'echo program >>/tmp/order; until [ -e /tmp/started ]; do sleep 0.05; done'
	cut -d' ' -f1,2 "$work/notes" >"$work/order"
	diff "$work/order" - <<-'ORDER'
		prestart creating
		createRuntime creating
		createContainer creating
		poststart running
		poststop stopped
	ORDER
	[ "$(xargs <"$bundle/rootfs/tmp/order")" = "startContainer program" ]
	[ "$(jq -r '.id, .status' "$bundle/rootfs/tmp/state" | xargs)" = "$id created" ]
	local own
	own=$(readlink /proc/self/ns/mnt)
	[ "$(grep -c -F "$own" "$work/notes")" = 4 ]
	run -1 grep -F "createContainer creating $own" "$work/notes"
}

@test "createContainer sees the container's mounts beneath root.path" {
	configure --arg path "$bundle/rootfs/proc/self/status" '.hooks={createContainer:[{path:"/bin/sh",
		args:["sh","-c","test -e \($path) && echo yes >\($path | sub("/proc.*";"/tmp/seen"))"]}]}'
	script true
	[ "$(cat "$bundle/rootfs/tmp/seen")" = yes ]
}

@test "a hook that fails stops the creation, names itself and its output, and nothing is left" {
	for name in prestart createRuntime createContainer; do
		configure --arg name "$name" '.hooks={($name):[{path:"/bin/sh",args:["sh","-c","echo no room; exit 3"]}]}'
		run -1 runtime create --bundle "$bundle" "$id"
		[[ "$output" == *"hook $name: /bin/sh: exit status 3: no room" ]]
		[ ! -d "$state/$id" ]
	done
}

@test "a failing startContainer or poststart hook stops the container" {
	configure '.hooks={startContainer:[{path:"/bin/false"}]} | .process.args=["sleep","1000"]'
	create
	run -1 runtime start "$id"
	[[ "$output" == *"hook startContainer: /bin/false: exit status 1"* ]]
	[ "$(status_of)" = stopped ]
	runtime delete "$id"

	configure '.hooks={poststart:[{path:"/bin/false"}]}'
	create
	run -1 runtime start "$id"
	[[ "$output" == *"hook poststart: /bin/false: exit status 1"* ]]
	[ "$(status_of)" = stopped ]
}

@test "a failing poststop hook is a warning" {
	configure '.hooks={poststop:[{path:"/bin/false"}]}'
	run -0 script true
	[[ "$output" == *"warning: hook poststop"* ]]
}

@test "a hook that takes longer than its timeout is killed" {
	configure '.hooks={prestart:[{path:"/bin/sleep",args:["sleep","1000"],timeout:1}]}'
	run -1 runtime create --bundle "$bundle" "$id"
	[[ "$output" == *"still ran after 1 seconds"* ]]
}
