# SPDX-License-Identifier: Apache-2.0
# What attacks on an engine share, besides ../helpers: a folder of the host that they aim at, the host's mounts, and names
# that are exchanged while the engine works on them.

# For setup_file, after engine_setup. CANARY: the folder; its file says $1.
canary_setup() {
	export CANARY=$WORK/canary
	mkdir "$CANARY"
	echo "$1" >"$CANARY/file"
	touch -d @1000000000 "$CANARY/file" "$CANARY"
}

# All of it that a change could show in.
canary() {
	find "$CANARY" -printf '%p %y %m %U:%G %s %T@\n' | sort
	cat "$CANARY/file"
}

host_mounts() {
	cut -d' ' -f5- /proc/self/mountinfo | grep -F "$WORK" | sort
}

# Exchanges two names until stop_swapping, which a teardown calls too.
swapping() {
	"$BERTH_BUILD/tests/attacks/attacker" swap "$1" "$2" >/dev/null 2>&1 3>&- &
	SWAPPER=$!
}

stop_swapping() {
	[ -z "${SWAPPER:-}" ] || end "$SWAPPER"
	SWAPPER=
}

# Ends a child that is in the background, and waits for it.
end() {
	kill "$1"
	wait "$1" || [ $? -eq 143 ]
}
