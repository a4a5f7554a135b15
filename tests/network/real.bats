#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Programs that people run in containers: nginx, PostgreSQL and iperf3 of Debian's packages, in images made of the host's
# programs and their libraries.

# shellcheck disable=SC2086,SC2153 # addresses are single words; $OUTPUT is ours
load helpers
load images
bats_require_minimum_version 1.5.0

setup_file() {
	network_setup
	berth network create --ipv6 front >/dev/null
	KEEP=front
	export KEEP
}
teardown_file() {
	berth network rm front >/dev/null
	network_teardown
}
teardown() {
	unserve
	remove_containers
}

@test "iperf3: through a published port and between containers, TCP and UDP" {
	image_of iperf "$(command -v iperf3)"
	berth run -d --name server --network front -p 5201:5201 -p 5201:5201/udp iperf "$(command -v iperf3)" -s >/dev/null
	eventually in_outside iperf3 -c $HOST4 -n 1 -i 0
	in_outside iperf3 -c $HOST4 -t 1 -J >"$BATS_TEST_TMPDIR/out"
	jq -r '"published: \(.end.sum_received.bits_per_second / 1e9) Gbit/s"' "$BATS_TEST_TMPDIR/out"
	[ "$(jq '.end.sum_received.bits_per_second > 1e8' "$BATS_TEST_TMPDIR/out")" = true ]
	in_outside iperf3 -c $HOST6 -t 1 -R -J | jq -e '.end.sum_received.bits_per_second > 1e8'
	in_outside iperf3 -c $HOST4 -u -b 50M -t 1 -J | jq -e '.end.sum.lost_percent < 5'
	berth run --rm --network front iperf "$(command -v iperf3)" -c server -t 1 -J |
		jq -e '.end.sum_received.bits_per_second > 1e8'
}

@test "nginx: pages of a volume, the client's address in its log, a proxy before it" {
	image_of nginx /usr/sbin/nginx
	mkdir "$BATS_TEST_TMPDIR/www"
	head -c 5000000 /dev/urandom >"$BATS_TEST_TMPDIR/www/file"
	cat >"$BATS_TEST_TMPDIR/nginx.conf" <<-'END'
		daemon off; error_log /dev/stderr; pid /run/nginx.pid; events {}
		http { access_log /dev/stdout; server { listen 80; listen [::]:80; root /www; } }
	END
	cat >"$BATS_TEST_TMPDIR/proxy.conf" <<-'END'
		daemon off; error_log /dev/stderr; pid /run/nginx.pid; events {}
		http { access_log /dev/stdout; resolver 127.0.0.11; server { listen 80; location / { set $to site; proxy_pass http://$to; } } }
	END
	berth run -d --name site --network front -p 8080:80 --tmpfs /var/lib/nginx -v "$BATS_TEST_TMPDIR/www:/www:ro" \
		-v "$BATS_TEST_TMPDIR/nginx.conf:/nginx.conf:ro" nginx /usr/sbin/nginx -c /nginx.conf >/dev/null
	berth run -d --name proxy --network front -p 8081:80 --tmpfs /var/lib/nginx \
		-v "$BATS_TEST_TMPDIR/proxy.conf:/nginx.conf:ro" nginx /usr/sbin/nginx -c /nginx.conf >/dev/null
	eventually in_outside curl -sfo /dev/null http://$HOST4:8080/file || { berth logs site >&2; return 1; }
	in_outside curl -sf http://$HOST4:8080/file | cmp - "$BATS_TEST_TMPDIR/www/file"
	in_outside curl -sf "http://[$HOST6]:8080/file" | cmp - "$BATS_TEST_TMPDIR/www/file"
	eventually in_outside curl -sfo /dev/null http://$HOST4:8081/file || { berth logs proxy >&2; return 1; }
	in_outside curl -sf http://$HOST4:8081/file | cmp - "$BATS_TEST_TMPDIR/www/file"
	berth logs site | grep -q "^$OUTSIDE4 .*GET /file"
	berth logs site | grep -q "^$OUTSIDE6 .*GET /file"
	berth logs site | grep -q "^$(address4 proxy front) .*GET /file"
}

@test "PostgreSQL: reached by its name and from outside" {
	local bin=/usr/lib/postgresql/15/bin
	image_of postgres $bin/postgres $bin/initdb $bin/psql /usr/lib/postgresql/15/lib /usr/share/postgresql/15 \
		/usr/share/zoneinfo/UTC
	berth run -d --name db --network front -p 5432:5432 --user postgres --tmpfs /data:uid=70,gid=70,mode=700 \
		-e PGTZ=UTC -e TZ=UTC --shm-size 64m postgres sh -c "
		$bin/initdb -A trust -U admin -D /data --no-locale -N >/dev/null &&
		echo 'host all all all trust' >>/data/pg_hba.conf &&
		exec $bin/postgres -D /data -h '*' -k /tmp -c fsync=off" >/dev/null
	ask() {
		berth run --rm --network front postgres $bin/psql -h db -U admin -d postgres -Atc "$1"
	}
	eventually ask 'select 1' || { berth logs db >&2; return 1; }
	ask 'create table t as select generate_series(1, 10000) n'
	[ "$(ask 'select sum(n) from t')" = 50005000 ]
	[ "$(ask 'select inet_client_addr() is not null')" = t ]
	[ "$(in_outside $bin/psql -h $HOST4 -U admin -d postgres -Atc 'select inet_client_addr()')" = "$OUTSIDE4" ]
	[ "$(in_outside $bin/psql -h $HOST6 -U admin -d postgres -Atc 'select count(*) from t')" = 10000 ]
}
