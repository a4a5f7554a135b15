#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Debian's docker-compose 1.29 with a project of several containers: PostgreSQL, nginx, and a client of both whose
# answers are checked from another machine.

# shellcheck disable=SC2086 # addresses are single words
load ../network/helpers
load ../network/images
bats_require_minimum_version 1.5.0

BIN=/usr/lib/postgresql/15/bin

setup_file() {
	network_setup
	image_of nginx /usr/sbin/nginx
	image_of postgres $BIN/postgres $BIN/initdb $BIN/psql /usr/lib/postgresql/15/lib /usr/share/postgresql/15 \
		/usr/share/zoneinfo/UTC
	PROJECT=$BATS_FILE_TMPDIR/shop
	mkdir "$PROJECT"
	cat >"$PROJECT/nginx.conf" <<-'END'
		daemon off; error_log /dev/stderr; pid /run/nginx.pid; events {}
		http { access_log /dev/stdout; server { listen 80; root /www; } }
	END
	cat >"$PROJECT/work.sh" <<-END
		# writes a row for each round, and how many there are to where the web server finds it
		$BIN/psql -h database -U admin -d postgres -qc 'create table if not exists t (who text)' || exit
		while :; do
			$BIN/psql -h database -U admin -d postgres -qc "insert into t values ('\$(hostname)')"
			$BIN/psql -h database -U admin -d postgres -Atc "select count(distinct who) from t" >/www/workers.new
			mv /www/workers.new /www/workers
			echo "a round of \$GREETING"
			sleep 0.2
		done
	END
	cat >"$PROJECT/docker-compose.yml" <<-END
		version: "2.4"
		services:
		  db:
		    image: postgres
		    user: postgres
		    environment: {PGTZ: UTC, TZ: UTC}
		    shm_size: 64m
		    command:
		      - sh
		      - -c
		      - "$BIN/initdb -A trust -U admin -D /data --no-locale -N >/dev/null && echo 'host all all all trust' >>/data/pg_hba.conf && exec $BIN/postgres -D /data -h '*' -k /tmp -c fsync=off"
		    tmpfs: ["/data:uid=70,gid=70,mode=700"]
		    networks: {back: {aliases: [database]}}
		    stop_signal: SIGINT
		    healthcheck: {test: [CMD, $BIN/psql, -h, /tmp, -U, admin, -d, postgres, -c, select 1], interval: 300ms, retries: 100}
		  web:
		    image: nginx
		    command: [/usr/sbin/nginx, -c, /nginx.conf]
		    ports: ["8080:80"]
		    tmpfs: [/var/lib/nginx]
		    volumes: ["./nginx.conf:/nginx.conf:ro", "pages:/www:ro"]
		    networks: [front]
		    restart: always
		    depends_on: [db]
		    labels: {role: front}
		  worker:
		    image: postgres
		    environment: [GREETING]
		    command: [sh, /work.sh]
		    init: true
		    volumes: ["./work.sh:/work.sh:ro", "pages:/www"]
		    networks: [back]
		    depends_on: {db: {condition: service_healthy}}
		    mem_limit: 128m
		networks: {front: {}, back: {internal: true}}
		volumes: {pages: {}}
	END
	export PROJECT GREETING=work COMPOSE_PROJECT_NAME=shop COMPOSE_FILE=$PROJECT/docker-compose.yml
}
teardown_file() {
	[ -z "$(berth ps -aq)" ] || docker-compose down -v -t 1 >/dev/null 2>&1
	network_teardown
}

compose() {
	docker-compose --ansi never "$@" 2>&1 || { berth ps -a; return 1; }
}

# How many workers have written something, as the outside sees it.
seen() {
	SEEN=$(in_outside curl -sS -m 5 http://$HOST4:8080/workers 2>&1)
	[ "$SEEN" = "$1" ]
}
will_see() {
	eventually seen "$1" || { echo "seen: $SEEN"; berth ps -a; return 1; }
}

id_of() {
	berth ps -q --filter "label=com.docker.compose.service=$1"
}

@test "up: networks, volumes and containers are made, and they find each other" {
	run compose up -d
	echo "$output"
	[ "$status" -eq 0 ]
	for made in 'network "shop_front"' 'network "shop_back"' 'volume "shop_pages"' shop_db_1 shop_web_1 shop_worker_1; do
		[[ "$output" == *"Creating $made"* ]]
	done
	will_see 1
	compose ps >"$BATS_TEST_TMPDIR/ps"
	grep -qE '^shop_web_1 +/usr/sbin/nginx -c /nginx.conf +Up +0.0.0.0:8080->80/tcp' "$BATS_TEST_TMPDIR/ps"
	grep -qE '^shop_db_1 .* Up \(healthy\)' "$BATS_TEST_TMPDIR/ps"
	[ "$(berth inspect -f '{{.RestartCount}} {{.State.Status}}' shop_worker_1)" = "0 running" ] # it waited for the database
	# front and back are apart
	run ! berth exec shop_web_1 busybox nslookup database
	berth exec shop_worker_1 sh -c 'busybox nslookup db && busybox nslookup database'
	[ "$(berth inspect -f '{{.HostConfig.Memory}} {{.HostConfig.Init}}' shop_worker_1)" = "$((128 << 20)) true" ]
}

second_worker_talks() {
	compose logs --tail 3 worker >"$BATS_TEST_TMPDIR/logs"
	grep -q 'worker_2 .*a round of more' "$BATS_TEST_TMPDIR/logs"
}

@test "up again: what is as it was stays, a changed setting makes one container anew, more are made" {
	before="$(id_of db) $(id_of web)"
	worker=$(id_of worker)
	GREETING="more" run compose up -d --scale worker=2
	echo "$output"
	[[ "$output" == *"shop_db_1 is up-to-date"* && "$output" == *"Recreating shop_worker_1"* ]]
	[[ "$output" == *"Creating shop_worker_2"* ]]
	[ "$(id_of db) $(id_of web)" = "$before" ]
	[[ "$(id_of worker)" != *"$worker"* ]]
	will_see 3 # under new names
	eventually second_worker_talks
}

@test "run and exec" {
	names=$(docker-compose run --rm worker $BIN/psql -h db -U admin -d postgres -Atc 'select count(distinct who) from t' 2>/dev/null)
	[ "$names" = 3 ]
	[ -z "$(berth ps -aq --filter label=com.docker.compose.oneoff=True)" ]
	[ "$(compose exec -T -e A=b -u 65534 web sh -c 'echo $A $(busybox id -u)')" = "b 65534" ]
	run -3 docker-compose exec -T --index 2 worker sh -c 'exit 3'
}

@test "restart and stop" {
	started=$(berth inspect -f '{{.State.StartedAt}}' shop_web_1)
	compose restart -t 1 web
	[ "$(berth inspect -f '{{.State.StartedAt}}' shop_web_1)" != "$started" ]
	will_see 3
	compose stop -t 5 web
	run ! in_outside curl -sf -m 2 http://$HOST4:8080/workers
	berth start shop_web_1
	# what is killed comes back by its policy
	berth exec shop_web_1 busybox kill 1 || true # which is ended with it
	will_see 3
}

@test "containers are made anew by force, with the volumes and names they had" {
	before=$(docker-compose ps -q)
	run compose up -d --force-recreate -t 1
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" == *"Recreating shop_web_1"* ]]
	after=$(docker-compose ps -q)
	[ "$(wc -l <<<"$after")" -eq 3 ]
	[ "$(sort <<<"$before $after" | uniq -d)" = "" ]
	will_see 1 # the database was on a tmpfs
}

@test "down: nothing is left" {
	run compose down -v -t 1
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" == *"Removing network shop_front"* && "$output" == *"Removing volume shop_pages"* ]]
	[ -z "$(berth ps -aq)" ]
	[ -z "$(berth network ls -q --filter type=custom)" ]
	[ -z "$(berth volume ls -q)" ]
}
