#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Registries behind TLS: an authority of one's own per registry, client certificates, and what "insecure" allows.

load helpers

setup_file() {
	images_setup
	own_address
	debian_registry sealed tls own auth
	make_certificates >/dev/null 2>&1
	fake_registry open --bind "$OWN_ADDRESS" --layers 1 --size 1000
	fake_registry strict --bind "$OWN_ADDRESS" --layers 1 --size 1000 \
		--tls "$REGISTRIES/server.crt" "$REGISTRIES/server.key" --client-authority "$REGISTRIES/ca.crt"
}
teardown_file() { images_teardown; }
teardown() {
	rm -rf "$REGISTRIES/certs.d/"*
	rm -f "$DOCKER_CONFIG/config.json"
	forget_images
}

trust() {
	mkdir "$REGISTRIES/certs.d/$1"
	cp "$REGISTRIES/ca.crt" "$REGISTRIES/certs.d/$1/ca.crt"
}

@test "an authority of one's own, in the registry's folder, and htpasswd" {
	trust "$SEALED"
	engine_with
	echo s3cret:pass | berth login -u tester --password-stdin "$SEALED" 2>/dev/null
	berth tag busybox "$SEALED/box:1"
	berth push -q "$SEALED/box:1"
	berth rmi "$SEALED/box:1" >/dev/null
	[ "$(berth run --rm -q --network none "$SEALED/box:1" echo works)" = works ]
	# the same is read by others
	skopeo inspect --cert-dir "$REGISTRIES/certs.d/$SEALED" --creds tester:s3cret:pass "docker://$SEALED/box:1" >/dev/null
}

@test "an authority that is not known is refused; so is one for another registry" {
	trust "$OPEN"
	engine_with
	run berth pull "$SEALED/box:1"
	[ "$status" -eq 1 ]
	echo "$output"
	[[ "$output" == *"certificate"* ]]
	# no word without it, and no password
	run berth login -u tester -p s3cret:pass "$SEALED"
	[ "$status" -eq 1 ]
	[[ "$output" == *"certificate"* ]]
}

@test "insecure registries: TLS that is not verified, and plain HTTP; by name and by network" {
	engine_with --insecure-registry "$SEALED" --insecure-registry "$OWN_ADDRESS/32"
	echo s3cret:pass | berth login -u tester --password-stdin "$SEALED" 2>/dev/null
	berth pull -q "$OPEN/test/image:1"
	berth info --format '{{json .RegistryConfig.InsecureRegistryCIDRs}}' | grep -q "$OWN_ADDRESS/32"
	[ "$(berth info --format "{{json (index .RegistryConfig.IndexConfigs \"$SEALED\").Secure}}")" = false ]
}

@test "a client certificate, where the registry asks for one" {
	trust "$STRICT"
	engine_with
	run berth pull "$STRICT/test/image:1"
	[ "$status" -eq 1 ]
	cp "$REGISTRIES/server.crt" "$REGISTRIES/certs.d/$STRICT/client.cert"
	cp "$REGISTRIES/server.key" "$REGISTRIES/certs.d/$STRICT/client.key"
	engine_with
	berth pull -q "$STRICT/test/image:1"
	# a certificate without its key is told of
	rm "$REGISTRIES/certs.d/$STRICT/client.key"
	engine_with
	run berth pull "$STRICT/test/image:1"
	[ "$status" -eq 1 ]
	[[ "$output" == *"client.cert"* || "$output" == *"client.key"* ]]
}
