# SPDX-License-Identifier: Apache-2.0
# Registries of a test's own, beside the engine of tests/helpers.bash: Debian's docker-registry, and one that misbehaves
# as it is told (registry.py). In the file:
#
#	load helpers
#	setup_file() { images_setup; debian_registry plain; }
#	teardown_file() { images_teardown; }
#
# What a registry's functions export: its address by its name in capitals ($PLAIN). The engine finds certificates in
# $REGISTRIES/certs.d; DOCKER_CONFIG is $REGISTRIES/config.

load ../helpers

OWN_ADDRESS=${OWN_ADDRESS:-}

images_setup() {
	REGISTRIES=$(mktemp -d "${TMPDIR:-/tmp}/berth-test-XXXXXX")
	made folder "$REGISTRIES"
	export REGISTRIES
	mkdir "$REGISTRIES/certs.d" "$REGISTRIES/config"
	engine_setup --registry-certificates "$REGISTRIES/certs.d" "$@"
	export DOCKER_CONFIG=$REGISTRIES/config
}

# The engine again, with what images_setup gave it.
engine_again() {
	engine_start --registry-certificates "$REGISTRIES/certs.d" "$@"
}

images_teardown() {
	local file left=0
	for file in "$REGISTRIES"/*.pid; do
		[ ! -e "$file" ] || kill "$(cat "$file")" || true
	done
	ip addr del "$(cat "$REGISTRIES/own-address" 2>/dev/null)/32" dev lo 2>/dev/null || true
	engine_teardown || left=1
	rm -rf "$REGISTRIES"
	return $left
}

# An address of this file's own, which is not loopback: TLS is verified there.
own_address() {
	local last
	for last in $(shuf -i 1-250); do
		OWN_ADDRESS=192.0.2.$last
		! ip addr add "$OWN_ADDRESS/32" dev lo 2>/dev/null || break
	done
	export OWN_ADDRESS
	echo "$OWN_ADDRESS" >"$REGISTRIES/own-address"
}

free_port() {
	/usr/bin/python3 -c '
import random, socket
while True: # not one that the kernel may give to somebody else meanwhile
    with socket.socket() as s:
        try:
            s.bind(("127.0.0.1", random.randrange(15000, 30000)))
        except OSError:
            continue
        print(s.getsockname()[1])
        break'
}

# An authority of the tests' own, and a certificate of it for the loopback names and $OWN_ADDRESS.
make_certificates() {
	cd "$REGISTRIES" || return 1
	[ ! -e ca.crt ] || return 0
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test-ca -keyout ca.key \
		-out ca.crt
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=registry -keyout server.key -out server.csr
	printf 'subjectAltName=IP:127.0.0.1,DNS:localhost,IP:%s\n' "$OWN_ADDRESS" >server.ext
	openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile server.ext -out server.crt
	cd - >/dev/null || return 1
}

# debian_registry NAME [auth] [tls] [own]: auth asks for user "tester" with the password "s3cret:pass"; own listens on
# $OWN_ADDRESS.
debian_registry() {
	local name=$1 address port
	shift
	address=localhost
	[[ " $* " != *" own "* ]] || address=$OWN_ADDRESS
	port=$(free_port)
	{
		echo "version: 0.1"
		echo "log: {level: warn, accesslog: {disabled: false}}"
		echo "storage: {filesystem: {rootdirectory: $REGISTRIES/$name}, delete: {enabled: true}}"
		echo "http:"
		echo "  addr: ${address/localhost/127.0.0.1}:$port"
		if [[ " $* " == *" tls "* ]]; then
			make_certificates >/dev/null 2>&1
			echo "  tls: {certificate: $REGISTRIES/server.crt, key: $REGISTRIES/server.key}"
		fi
		if [[ " $* " == *" auth "* ]]; then
			htpasswd -Bbn -C 4 tester s3cret:pass >"$REGISTRIES/htpasswd"
			echo "auth: {htpasswd: {realm: test, path: $REGISTRIES/htpasswd}}"
		fi
	} >"$REGISTRIES/$name.yml"
	setsid docker-registry serve "$REGISTRIES/$name.yml" >>"$REGISTRIES/$name.log" 2>&1 </dev/null 3>&- 4>&- &
	echo $! >"$REGISTRIES/$name.pid"
	export "${name^^}=$address:$port"
	eventually curl -sk -o /dev/null "http://${address/localhost/127.0.0.1}:$port/v2/" ||
		{ cat "$REGISTRIES/$name.log" >&2; return 1; }
}

# What clients asked a Debian registry for since its log was emptied: "GET /v2/… 200", a line each.
debian_requests() {
	sed -n 's/.*"\([A-Z]* [^ ]*\) HTTP[^"]*" \([0-9]*\) .*/\1 \2/p' "$REGISTRIES/$1.log"
}
debian_forget() {
	: >"$REGISTRIES/$1.log"
}

# fake_registry NAME [options of registry.py]
fake_registry() {
	local name=$1
	shift
	setsid /usr/bin/python3 -B "$BATS_TEST_DIRNAME/registry.py" "$REGISTRIES/$name.port" "$@" \
		>"$REGISTRIES/$name.log" 2>&1 </dev/null 3>&- 4>&- &
	echo $! >"$REGISTRIES/$name.pid"
	eventually test -s "$REGISTRIES/$name.port" || { cat "$REGISTRIES/$name.log" >&2; return 1; }
	local address=localhost
	[[ " $* " != *" --bind $OWN_ADDRESS "* ]] || address=$OWN_ADDRESS
	export "${name^^}=$address:$(cat "$REGISTRIES/$name.port")"
}

# fake ADDRESS PUT|GET|DELETE _rules|_auth|_log [JSON]
fake() {
	curl -skf -X "$2" ${4:+--data-binary "$4"} "${SCHEME:-http}://$1/$3"
}
fake_rules() {
	fake "$1" PUT _rules "$2"
}
# As at first: obliging, and with nothing in its log.
fake_reset() {
	fake "$1" PUT _rules '[]'
	fake "$1" PUT _auth '{"kind":"none"}'
	fake "$1" DELETE _log
}
fake_requests() {
	fake "$1" GET _log
}

# An OCI layout at $1 with the image "box" of the layers that the functions named after it make in a root file system.
make_layout() {
	local layout=$1 layer bundle
	shift
	bundle=$(mktemp -d "$BATS_FILE_TMPDIR/bundle-XXXXXX")
	umoci init --layout "$layout"
	umoci new --image "$layout:box"
	umoci unpack --image "$layout:box" "$bundle/b"
	for layer in "$@"; do
		"$layer" "$bundle/b/rootfs"
		umoci repack --refresh-bundle --image "$layout:box" "$bundle/b"
	done
	rm -rf "$bundle"
}

# Fails if a line of its input matches.
lacks() {
	if grep -E -- "$1"; then return 1; fi
}

# Copies without asking who signed what.
copy() {
	skopeo --insecure-policy copy -q --src-tls-verify=false --dest-tls-verify=false "$@"
}

# The digest that a registry has for a name.
remote_digest() {
	skopeo inspect --tls-verify=false --raw "docker://$1" | sha256sum | sed 's/ .*//; s/^/sha256:/'
}

# Removes all images but busybox.
forget_images() {
	local names
	names=$(berth images --format '{{.Repository}}:{{.Tag}} {{.ID}}' | grep -v '^busybox:latest ' |
		sed 's/^\(.*<none>.*\) \(.*\)$/\2/; s/ .*//') || true
	# shellcheck disable=SC2086
	[ -z "$names" ] || berth rmi -f $names >/dev/null
}

# An engine without certificates of its own, which reaches only by TLS that it can verify: restarts it with more flags.
engine_with() {
	engine_stop
	engine_again "$@"
}

# The lines of a log in which one of the words is.
words_in_log() {
	local word
	for word in "$@"; do
		grep -F -- "$word" "$WORK/log" || true
	done
}
