# SPDX-License-Identifier: Apache-2.0
# Machines for the tests of networks, made of network namespaces: "host", on which an engine of its own runs, and
# "outside", a machine on the same wire. Nothing of it is in this machine's own namespace. In the file:
#
#	load helpers
#	setup_file() { network_setup; }
#	teardown_file() { network_teardown; }
#	teardown() { unserve; remove_containers; remove_networks; }
#
#	            outside                        host
#	203.0.113.2  2001:db8:1::2 ── wire ── 203.0.113.1  2001:db8:1::1    the host's default route is by the outside
#	198.51.100.7 2001:db8:2::7 on lo       second 203.0.113.3
#
# The outside knows no way to containers: what answers them has been translated. `berth` and `docker` talk to the
# engine by its socket from anywhere; what makes traffic is run with in_host, in_outside or in a container.

load ../helpers

HOST4=203.0.113.1 HOST4B=203.0.113.3 HOST6=2001:db8:1::1
OUTSIDE4=203.0.113.2 OUTSIDE6=2001:db8:1::2
FAR4=198.51.100.7 FAR6=2001:db8:2::7
export HOST4 HOST4B HOST6 OUTSIDE4 OUTSIDE6 FAR4 FAR6

peer=$BERTH_BUILD/tests/network/peer

in_host() {
	nsenter "--net=/run/netns/$NETWORK-host" "$@"
}
in_outside() {
	nsenter "--net=/run/netns/$NETWORK-outside" "$@"
}

# machine_add NAME: a network namespace of this file's; its name is $NETWORK-NAME.
machine_add() {
	made netns "$NETWORK-$1"
	ip netns add "$NETWORK-$1"
	ip -n "$NETWORK-$1" link set lo up
}

machines_setup() {
	local name
	NETWORK=berth-test-$$-$RANDOM
	export NETWORK
	machine_add host
	machine_add outside
	ip -n "$NETWORK-host" link add wire type veth peer name wire netns "$NETWORK-outside"
	for name in host outside; do
		# Addresses are there at once, and of the second link-local one nobody waits.
		nsenter "--net=/run/netns/$NETWORK-$name" sh -c '
			echo 0 >/proc/sys/net/ipv6/conf/wire/accept_dad; echo 0 >/proc/sys/net/ipv6/conf/wire/accept_ra'
		ip -n "$NETWORK-$name" link set wire up
	done
	ip -n "$NETWORK-host" addr add $HOST4/24 dev wire
	ip -n "$NETWORK-host" addr add $HOST4B/24 dev wire
	ip -n "$NETWORK-host" addr add $HOST6/64 dev wire nodad
	ip -n "$NETWORK-outside" addr add $OUTSIDE4/24 dev wire
	ip -n "$NETWORK-outside" addr add $OUTSIDE6/64 dev wire nodad
	ip -n "$NETWORK-outside" addr add $FAR4/32 dev lo
	ip -n "$NETWORK-outside" addr add $FAR6/128 dev lo nodad
	ip -n "$NETWORK-host" route add default via $OUTSIDE4
	ip -n "$NETWORK-host" -6 route add default via $OUTSIDE6
}

# network_setup [options of the engine]. What the engine's host asks for names is what $WORK/resolv.conf says; it may be
# written again in place.
network_setup() {
	machines_setup
	RESOLV_CONF=$(mktemp "${TMPDIR:-/tmp}/berth-test-XXXXXX")
	echo "nameserver $OUTSIDE4" >"$RESOLV_CONF"
	ENGINE_UNDER="$BATS_TEST_DIRNAME/../network/as-host $NETWORK-host $RESOLV_CONF"
	export RESOLV_CONF ENGINE_UNDER
	engine_setup "$@"
}

# Removes networks that a test made: all but those that $KEEP names.
remove_networks() {
	local names
	names=$(berth network ls --format '{{.Name}}' --filter type=custom) || return 1
	names=$(grep -vxF -e "${KEEP:-bridge}" <<<"$names") || true
	# shellcheck disable=SC2086
	[ -z "$names" ] || berth network rm $names >/dev/null
}

# What of containers and networks is in the host's namespace: interfaces and names of tables.
network_objects() {
	in_host sh -c 'ip -o link show | cut -d" " -f2 | grep -vE "^(lo|wire|bdef[0-9a-z]*|berth0|docker0):|^wire@" || true'
}

network_teardown() {
	local left=0 name pid
	remove_containers && remove_networks || left=1
	eventually network_is_empty || { network_objects >&2; left=1; }
	engine_teardown || left=1
	for name in $(ip netns list | cut -d' ' -f1 | grep "^$NETWORK-"); do
		for pid in $(ip netns pids "$name"); do
			echo "in $name is left: $pid $(tr '\0' ' ' <"/proc/$pid/cmdline")" >&2
			kill -9 "$pid"
			left=1
		done
		ip netns del "$name"
	done
	rm -f "$RESOLV_CONF"
	return $left
}
network_is_empty() {
	[ -z "$(network_objects)" ]
}

# background COMMAND...: runs it apart from bats's own pipes until unserve, with its output in $OUTPUT; $PEER is its
# process. The command may begin with in_host, in_outside, in_container or inside.
background() {
	local pid
	OUTPUT=$(mktemp "$BATS_TEST_TMPDIR/output-XXXXXX")
	case $1 in
	in_host) set -- nsenter "--net=/run/netns/$NETWORK-host" "${@:2}" ;;
	in_outside) set -- nsenter "--net=/run/netns/$NETWORK-outside" "${@:2}" ;;
	in_container | inside)
		pid=$(berth inspect -f '{{.State.Pid}}' "$2") && [ "$pid" -gt 0 ] || return 1
		case $1 in
		in_container) set -- nsenter -t "$pid" -n "${@:3}" ;;
		inside) set -- nsenter -t "$pid" -a -r -F "${@:3}" ;;
		esac
		;;
	esac
	"$@" >"$OUTPUT" 2>&1 <"${INPUT:-/dev/null}" 3>&- 4>&- 8>&- &
	PEER=$!
	echo "$PEER" >>"$BATS_TEST_TMPDIR/peers"
}

# serve in_host|in_outside PROTOCOL PORT [ADDRESS]: something that answers there until unserve.
serve() {
	local place=$1
	shift
	background "$place" "$peer" answer "$@"
	eventually grep -q ready "$OUTPUT" || { cat "$OUTPUT" >&2; return 1; }
}
unserve() {
	local pid
	[ -e "$BATS_TEST_TMPDIR/peers" ] || return 0
	while read -r pid; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" || true
	done <"$BATS_TEST_TMPDIR/peers"
	rm "$BATS_TEST_TMPDIR/peers"
}

# hold in_host|in_outside ADDRESS PORT: a connection that stays until unserve; what is written to descriptor 8 is sent,
# a line a message, and answers come to $OUTPUT.
hold() {
	local INPUT
	INPUT=$(mktemp -u "$BATS_TEST_TMPDIR/input-XXXXXX")
	mkfifo "$INPUT"
	exec 8<>"$INPUT"
	background "$1" "$peer" hold "$2" "$3"
	eventually grep -q connected "$OUTPUT"
	HELD=$OUTPUT
}

# launch NAME [flags of run] [-- COMMAND...]: a container that waits, or runs the command, with `peer` in /peer.
launch() {
	local name=$1 flags=()
	shift
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		flags+=("$1")
		shift
	done
	[ "${1:-}" != -- ] || shift
	[ $# -gt 0 ] || set -- sh -c 'trap exit TERM; while :; do sleep 1000 & wait; done'
	berth run -d --name "$name" -v "$peer:/peer:ro" "${flags[@]}" busybox "$@" >/dev/null
}
# answerer NAME PROTOCOL PORT [flags of run]: a container that answers.
answerer() {
	local name=$1 protocol=$2 port=$3
	shift 3
	launch "$name" "$@" -- /peer answer "$protocol" "$port"
	eventually answerer_ready "$name"
}
answerer_ready() {
	berth logs "$1" 2>&1 | grep -q ready
}

# in_container NAME COMMAND...: with the container's network; its files are this machine's.
in_container() {
	local pid
	pid=$(berth inspect -f '{{.State.Pid}}' "$1") && [ "$pid" -gt 0 ] || return 1
	shift
	nsenter -t "$pid" -n "$@"
}
# inside NAME COMMAND...: with all that is the container's: its files and processes, too.
inside() {
	local pid
	pid=$(berth inspect -f '{{.State.Pid}}' "$1") && [ "$pid" -gt 0 ] || return 1
	shift
	nsenter -t "$pid" -a -r "$@"
}

# address4 CONTAINER [NETWORK], address6, mac
address4() {
	berth inspect -f "{{(index .NetworkSettings.Networks \"${2:-bridge}\").IPAddress}}" "$1"
}
address6() {
	berth inspect -f "{{(index .NetworkSettings.Networks \"${2:-bridge}\").GlobalIPv6Address}}" "$1"
}
mac() {
	berth inspect -f "{{(index .NetworkSettings.Networks \"${2:-bridge}\").MacAddress}}" "$1"
}

# from PLACE... -- PROTOCOL ADDRESS PORT [MESSAGE]: prints "CLIENT LOCAL MESSAGE", or fails.
from() {
	local place=()
	while [ "$1" != -- ]; do
		place+=("$1")
		shift
	done
	shift
	"${place[@]}" "$peer" ask "$@"
}
# The same must not be answered.
not_from() {
	local BERTH_PEER_PATIENCE=400
	export BERTH_PEER_PATIENCE
	if from "$@"; then
		echo "was answered: $*" >&2
		return 1
	fi
}

has_sctp() {
	[ -e /proc/net/sctp ] || modprobe -q sctp 2>/dev/null || skip "the kernel has no SCTP"
}
