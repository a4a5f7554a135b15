#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What `make install` puts where, and that it works from there.

load ../helpers

setup() {
	WORK=$(mktemp -d "${TMPDIR:-/tmp}/berth-test-XXXXXX")
	CGROUP=$(basename "$WORK")
	BERTH_HOST=unix://$WORK/run/berth.sock
	export WORK CGROUP BERTH_HOST
	echo '{}' >"$WORK/daemon.json"
}

teardown() {
	if [ -e "$WORK/pid" ]; then
		engine_stop
		find /sys/fs/cgroup -depth -type d -path "*/$CGROUP*" -exec rmdir {} + 2>/dev/null || true
	fi
	rm -rf "$WORK"
}

@test "programs, units, completion and man pages are installed, and an engine runs from there" {
	DESTDIR=$WORK/root PREFIX=/usr "$BATS_TEST_DIRNAME/../../scripts/install" "$BERTH_BUILD" >/dev/null
	usr=$WORK/root/usr
	for program in bin/berth bin/berth-runtime sbin/berthd libexec/berth/berth-monitor libexec/berth/berth-init \
		libexec/berth/berth-systemd libexec/berth/berth-top libexec/berth/berth-tls; do
		[ -x "$usr/$program" ]
	done
	grep -qx 'ExecStart=/usr/sbin/berthd -H fd://' "$WORK/root/etc/systemd/system/berth.service"
	# Nobody but root may use the socket (CVE-2014-3499), and the groups beneath the service's are the engine's.
	for line in ListenStream=/run/berth/berth.sock SocketMode=0660 SocketUser=root SocketGroup=root; do
		grep -qx "$line" "$WORK/root/etc/systemd/system/berth.socket"
	done
	grep -qx 'Delegate=yes' "$WORK/root/etc/systemd/system/berth.service"
	bash -n "$usr/share/bash-completion/completions/berth"
	[ -s "$usr/share/zsh/site-functions/_berth" ]
	[ -s "$usr/share/fish/vendor_completions.d/berth.fish" ]
	grep -q '^\.TH' "$usr/share/man/man1/berth-run.1"
	[ "$(find "$usr/share/man/man1" -name 'berth*.1' | wc -l)" -eq "$(berth man --list | wc -l)" ]

	# The monitor is found in libexec, beside nothing of the build folder.
	BERTH_BUILD=$usr/sbin engine_start
	"$usr/bin/berth" image bootstrap busybox >/dev/null
	[ "$("$usr/bin/berth" run --rm --network none --init busybox echo installed)" = installed ]
}
