// SPDX-License-Identifier: Apache-2.0
#include "engine/record.h"

#include "spec/oci-runtime.h"

#define STATE struct berth_container_state
static const struct berth_field state_fields[] = {
	BERTH_STRING(STATE, status, "status", BERTH_REQUIRED),
	BERTH_INT64(STATE, pid, "pid", BERTH_OMIT_EMPTY),
	BERTH_INT64(STATE, exit_code, "exitCode", BERTH_OMIT_EMPTY),
	BERTH_INT64(STATE, started_at, "startedAt", BERTH_OMIT_EMPTY),
	BERTH_INT64(STATE, finished_at, "finishedAt", BERTH_OMIT_EMPTY),
	BERTH_INT64(STATE, restart_count, "restartCount", BERTH_OMIT_EMPTY),
	BERTH_BOOL(STATE, oom_killed, "oomKilled", BERTH_OMIT_EMPTY),
	BERTH_BOOL(STATE, started_before, "startedBefore", BERTH_OMIT_EMPTY),
	BERTH_BOOL(STATE, manually_stopped, "manuallyStopped", BERTH_OMIT_EMPTY),
	BERTH_BOOL(STATE, held, "held", BERTH_OMIT_EMPTY),
	BERTH_STRING(STATE, error, "error", BERTH_OMIT_EMPTY),
	BERTH_OBJECT(STATE, health, "health", &berth_health_document, BERTH_OMIT_EMPTY),
	BERTH_BOOL(STATE, remove_volumes, "removeVolumes", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document berth_container_state_document = {"container state", sizeof(STATE), state_fields};

#define MOUNT struct berth_container_mount
static const struct berth_field mount_fields[] = {
	BERTH_STRING(MOUNT, type, "type", BERTH_REQUIRED),
	BERTH_STRING(MOUNT, name, "name", BERTH_OMIT_EMPTY),
	BERTH_STRING(MOUNT, driver, "driver", BERTH_OMIT_EMPTY),
	BERTH_BOOL(MOUNT, anonymous, "anonymous", BERTH_OMIT_EMPTY),
	BERTH_MAP(MOUNT, driver_options, "driverOptions", BERTH_OMIT_EMPTY),
	BERTH_MAP(MOUNT, labels, "labels", BERTH_OMIT_EMPTY),
	BERTH_STRING(MOUNT, image, "image", BERTH_OMIT_EMPTY),
	BERTH_STRING(MOUNT, subpath, "subpath", BERTH_OMIT_EMPTY),
	BERTH_INT64_UNSET(MOUNT, uid, "uid", BERTH_OMIT_EMPTY),
	BERTH_INT64_UNSET(MOUNT, gid, "gid", BERTH_OMIT_EMPTY),
	BERTH_STRING(MOUNT, source, "source", BERTH_OMIT_EMPTY),
	BERTH_STRING(MOUNT, destination, "destination", BERTH_REQUIRED),
	BERTH_STRING(MOUNT, mode, "mode", BERTH_OMIT_EMPTY),
	BERTH_STRING(MOUNT, propagation, "propagation", BERTH_OMIT_EMPTY),
	BERTH_BOOL(MOUNT, writable, "writable", BERTH_OMIT_EMPTY),
	BERTH_BOOL(MOUNT, listed, "listed", BERTH_OMIT_EMPTY),
	BERTH_BOOL(MOUNT, make_source, "makeSource", BERTH_OMIT_EMPTY),
	BERTH_BOOL(MOUNT, no_copy, "noCopy", BERTH_OMIT_EMPTY),
	BERTH_STRINGS(MOUNT, options, "options", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document berth_container_mount_document = {"container mount", sizeof(MOUNT), mount_fields};

#define ENDPOINT struct berth_container_endpoint
static const struct berth_field endpoint_fields[] = {
	BERTH_STRING(ENDPOINT, network, "network", 0),
	BERTH_STRING(ENDPOINT, network_name, "networkName", BERTH_REQUIRED),
	BERTH_STRINGS(ENDPOINT, aliases, "aliases", BERTH_OMIT_EMPTY),
	BERTH_STRINGS(ENDPOINT, links, "links", BERTH_OMIT_EMPTY),
	BERTH_STRING(ENDPOINT, ipv4, "ipv4", BERTH_OMIT_EMPTY),
	BERTH_STRING(ENDPOINT, ipv6, "ipv6", BERTH_OMIT_EMPTY),
	BERTH_STRING(ENDPOINT, mac, "mac", BERTH_OMIT_EMPTY),
	BERTH_MAP(ENDPOINT, options, "options", BERTH_OMIT_EMPTY),
	BERTH_INT64(ENDPOINT, gateway_priority, "gatewayPriority", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document berth_container_endpoint_document = {"container endpoint", sizeof(ENDPOINT),
								 endpoint_fields};

#define SECRET struct berth_container_secret
static const struct berth_field secret_fields[] = {
	BERTH_STRING(SECRET, id, "id", BERTH_REQUIRED),
	BERTH_STRING(SECRET, target, "target", BERTH_REQUIRED),
	BERTH_INT64(SECRET, uid, "uid", 0),
	BERTH_INT64(SECRET, gid, "gid", 0),
	BERTH_INT64(SECRET, mode, "mode", 0),
	{0},
};
const struct berth_document berth_container_secret_document = {"container secret", sizeof(SECRET), secret_fields};

#define USERS struct berth_container_users
static const struct berth_field users_fields[] = {
	BERTH_OBJECTS(USERS, uids, "uids", &oci_id_mapping_document, BERTH_REQUIRED),
	BERTH_OBJECTS(USERS, gids, "gids", &oci_id_mapping_document, BERTH_REQUIRED),
	BERTH_INT64(USERS, first_uid, "firstUid", BERTH_REQUIRED),
	BERTH_INT64(USERS, first_gid, "firstGid", BERTH_REQUIRED),
	BERTH_INT64(USERS, size, "size", BERTH_REQUIRED),
	BERTH_BOOL(USERS, map_binds, "mapBinds", BERTH_OMIT_EMPTY),
	BERTH_STRING(USERS, joined, "joined", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document berth_container_users_document = {"container users", sizeof(USERS), users_fields};

#define RECORD struct berth_container_record
static const struct berth_field record_fields[] = {
	BERTH_INT64(RECORD, version, "version", BERTH_REQUIRED),
	BERTH_STRING(RECORD, id, "id", BERTH_REQUIRED),
	BERTH_STRING(RECORD, name, "name", BERTH_REQUIRED),
	BERTH_STRING(RECORD, image, "image", BERTH_REQUIRED),
	BERTH_INT64(RECORD, created, "created", BERTH_REQUIRED),
	BERTH_STRING(RECORD, network, "network", BERTH_REQUIRED),
	BERTH_OBJECTS(RECORD, endpoints, "endpoints", &berth_container_endpoint_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECT(RECORD, config, "config", &api_container_config_document, BERTH_REQUIRED),
	BERTH_OBJECT(RECORD, host_config, "hostConfig", &api_host_config_document, BERTH_REQUIRED),
	BERTH_OBJECTS(RECORD, mounts, "mounts", &berth_container_mount_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(RECORD, secrets, "secrets", &berth_container_secret_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECT(RECORD, users, "users", &berth_container_users_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECT(RECORD, state, "state", &berth_container_state_document, BERTH_REQUIRED),
	{0},
};
const struct berth_document berth_container_record_document = {"container record", sizeof(RECORD), record_fields};
