#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Software of Debian's packages in images that `berth build` makes: built, run and asked for an answer. The base is made
# once, of the files of packages as this machine has them.

load ../helpers
bats_require_minimum_version 1.5.0

setup_file() {
	engine_setup
	make_base | berth import -c 'CMD ["sh"]' - debian-files >/dev/null
}
teardown_file() { engine_teardown; }
setup() {
	CONTEXT=$BATS_TEST_TMPDIR/context
	mkdir "$CONTEXT"
}
teardown() { remove_containers; }

# The files of packages and of all that they depend on, without documentation, as a tar on standard output.
make_base() {
	local root=$BATS_FILE_TMPDIR/root packages=(base-files dash nginx-light python3-yaml gcc libc6-dev nodejs busybox-static coreutils)
	mkdir -p "$root/usr/bin" "$root/usr/sbin" "$root/usr/lib" "$root/usr/lib64" "$root/etc" "$root/tmp" "$root/run" "$root/var/log/nginx" \
		"$root/var/lib/nginx" "$root/proc" "$root/sys" "$root/dev"
	ln -s usr/bin usr/sbin usr/lib usr/lib64 "$root"
	chmod 1777 "$root/tmp"
	printf 'root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33::/var/www:/bin/false\nnode:x:1000:1000::/app:/bin/sh\n' >"$root/etc/passwd"
	printf 'root:x:0:\nwww-data:x:33:\nnode:x:1000:\n' >"$root/etc/group"
	apt-cache depends --recurse --installed --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances \
		"${packages[@]}" | grep '^[a-z0-9]' | sort -u >"$BATS_FILE_TMPDIR/packages"
	xargs dpkg-query -L <"$BATS_FILE_TMPDIR/packages" 2>/dev/null | grep -E '^/(usr/)?(s?bin|lib|lib64|include|share/nginx|share/python3)/|^/etc/(nginx|alternatives)/' |
		grep -v -E '/(node_modules/npm|locale|gconv|systemd|udev)/|/(lto1|[^/]*lto-dump[^/]*|lib(a|t|l|ub)san\.so.*)$' | sort -u >"$BATS_FILE_TMPDIR/files"
	tar -C / --no-recursion --ignore-failed-read -cf - -T "$BATS_FILE_TMPDIR/files" 2>/dev/null | tar -C "$root" -xf - --keep-directory-symlink
	tar -C "$root" -c .
}

# Builds $CONTEXT; what the build says is shown when it fails.
build() {
	berth build --network none --progress=plain -t "$1" "$CONTEXT" >"$BATS_TEST_TMPDIR/log" 2>&1 || {
		cat "$BATS_TEST_TMPDIR/log" >&2
		return 1
	}
}

answers() {
	berth exec "$1" busybox wget -qO- "http://127.0.0.1:$2"
}

@test "nginx: configured and filled by a build, serves its page" {
	cat >"$CONTEXT/Dockerfile" <<-'END'
		FROM debian-files
		COPY site.conf /etc/nginx/nginx.conf
		COPY --chown=www-data:www-data <<-PAGE /var/www/index.html
			<h1>built</h1>
		PAGE
		RUN nginx -t && chown -R www-data /var/lib/nginx
		EXPOSE 8080
		STOPSIGNAL SIGQUIT
		HEALTHCHECK --interval=1s CMD busybox wget -qO /dev/null http://127.0.0.1:8080/
		CMD ["nginx", "-g", "daemon off;"]
	END
	cat >"$CONTEXT/site.conf" <<-'END'
		user www-data; error_log /dev/stderr; pid /run/nginx.pid; events {}
		http { access_log off; server { listen 8080; root /var/www; } }
	END
	build web
	[ "$(berth image inspect web --format '{{.Config.StopSignal}} {{json .Config.ExposedPorts}}')" = 'SIGQUIT {"8080/tcp":{}}' ]
	berth run -d --name web --network none web >/dev/null
	eventually answers web 8080/ || {
		berth logs web >&2
		return 1
	}
	[ "$(answers web 8080/)" = "<h1>built</h1>" ]
}

@test "python: a web application with its configuration compiled in a stage of its own" {
	cat >"$CONTEXT/Dockerfile" <<-'END'
		FROM debian-files AS compiled
		WORKDIR /src
		COPY --parents app/*.py .
		RUN python3 -m compileall -q -b app && rm app/*.py

		FROM debian-files
		ARG GREETING=hello
		ENV GREETING=$GREETING PYTHONUNBUFFERED=1
		WORKDIR /srv
		COPY --from=compiled /src .
		COPY settings.yaml .
		USER www-data
		ENTRYPOINT ["python3", "-m", "app.main"]
	END
	mkdir "$CONTEXT/app"
	touch "$CONTEXT/app/__init__.py"
	cat >"$CONTEXT/app/main.py" <<-'END'
		import os
		from wsgiref.simple_server import make_server
		import yaml

		settings = yaml.safe_load(open("settings.yaml"))

		def answer(environ, start):
		    start("200 OK", [("Content-Type", "text/plain")])
		    return [f"{os.environ['GREETING']} {settings['whom']} {os.getuid()}\n".encode()]

		make_server("127.0.0.1", settings["port"], answer).serve_forever()
	END
	printf 'port: 8000\nwhom: world\n' >"$CONTEXT/settings.yaml"
	build application
	berth run -d --name application --network none application >/dev/null
	eventually answers application 8000/ || {
		berth logs application >&2
		return 1
	}
	[ "$(answers application 8000/)" = "hello world 33" ]
	run berth exec application ls app
	[ "$output" = $'__init__.pyc\nmain.pyc' ]
}

@test "C: compiled in one stage, alone in the image of the next" {
	cat >"$CONTEXT/Dockerfile" <<-'END'
		FROM debian-files AS compiler
		WORKDIR /src
		RUN --mount=type=bind,target=/src gcc -static -O2 -o /answer main.c

		FROM scratch
		COPY --from=compiler --chmod=755 /answer /
		ENTRYPOINT ["/answer"]
	END
	cat >"$CONTEXT/main.c" <<-'END'
		#include <stdio.h>
		int main(int argc, char **argv) { return printf("%d: %s\n", argc, argv[argc - 1]) < 0; }
	END
	build answer
	run berth run --rm --network none answer forty two
	[ "$output" = "3: two" ]
	berth save answer | tar -xO --wildcards '*manifest.json' | jq -e '.[0].Layers | length == 1'
}

@test "node: an application and a package in the form that npm downloads" {
	mkdir -p "$CONTEXT/package" "$CONTEXT/app"
	echo '{"name": "greeting", "version": "1.2.3", "main": "index.js"}' >"$CONTEXT/package/package.json"
	echo 'module.exports = whom => `good day, ${whom}`' >"$CONTEXT/package/index.js"
	tar -C "$CONTEXT" -czf "$CONTEXT/greeting-1.2.3.tgz" package
	rm -r "$CONTEXT/package"
	cat >"$CONTEXT/Dockerfile" <<-'END'
		FROM debian-files AS packages
		ADD greeting-*.tgz /

		FROM debian-files
		WORKDIR /app
		COPY --from=packages /package node_modules/greeting
		COPY app .
		RUN node -e 'require("greeting")'
		USER node
		CMD ["node", "server.js"]
	END
	cat >"$CONTEXT/app/server.js" <<-'END'
		const greeting = require("greeting")
		require("http").createServer((request, response) => response.end(greeting(request.url.slice(1)) + "\n")).listen(3000)
	END
	build node
	berth run -d --name node --network none node >/dev/null
	eventually answers node 3000/ || {
		berth logs node >&2
		return 1
	}
	[ "$(answers node 3000/friend)" = "good day, friend" ]
}

@test "both examples of docs/dockerfile.md" {
	awk -v folder="$BATS_TEST_TMPDIR" '
		/^```dockerfile$/ { count++; path = folder "/" count "/Dockerfile"; system("mkdir -p " folder "/" count); next }
		/^```$/ { path = ""; next }
		path { print >path }' "$BATS_TEST_DIRNAME/../../docs/dockerfile.md"
	[ "$(ls -d "$BATS_TEST_TMPDIR"/[0-9]*)" = "$BATS_TEST_TMPDIR/1"$'\n'"$BATS_TEST_TMPDIR/2" ]

	CONTEXT=$BATS_TEST_TMPDIR/1
	build page
	berth run -d --name page --network none page >/dev/null
	eventually answers page 8080/
	[ "$(answers page 8080/)" = "<h1>It works</h1>" ]
	[ "$(berth exec page id -un)" = nobody ]

	CONTEXT=$BATS_TEST_TMPDIR/2
	build result
	[ "$(berth run --rm --network none result)" = $'made of version 1.0\npassed' ]
	berth build --network none -q --build-arg VERSION=2.0 -t result "$CONTEXT"
	[ "$(berth run --rm --network none result)" = $'made of version 2.0\npassed' ]
	[ "$(berth image inspect result --format '{{index .Config.Labels "org.opencontainers.image.version"}}')" = 2.0 ]
}
