// SPDX-License-Identifier: Apache-2.0
// What the database keeps of a container: kind "container", id its 64 hex digits, name without slash; it refers to its
// image and its snapshot (whose id is the container's). The configuration does not change after create, but for the
// networks (connect, disconnect) and published ports (update); the state does, as a whole. Both are written in the
// transaction of the event that tells of the change.
#pragma once

#include "spec/api-config.h"
#include "spec/health.h"

#define BERTH_RECORD_CONTAINER "container"
#define BERTH_RECORD_VERSION 1

// Values of `status`. "removing" is final: what is left of such a container is removed, now or at the next start.
#define BERTH_STATUS_CREATED "created"
#define BERTH_STATUS_RUNNING "running"
#define BERTH_STATUS_PAUSED "paused"
#define BERTH_STATUS_RESTARTING "restarting"
#define BERTH_STATUS_EXITED "exited"
#define BERTH_STATUS_REMOVING "removing"
#define BERTH_STATUS_DEAD "dead"

struct berth_container_state {
	char *status;
	int64_t pid; // of init; 0 when it does not run
	int64_t exit_code;
	int64_t started_at, finished_at; // nanoseconds since 1970; 0: never
	int64_t restart_count; // by the policy, since the last start on request
	bool oom_killed;
	bool started_before;
	bool manually_stopped;
	bool held; // frozen for a commit: whoever finds it so lets it go on
	char *error; // why the last start failed
	struct berth_health *health; // NULL: it is not checked. As of this state's change; the container has the latest
	bool remove_volumes; // of one that is being removed: its anonymous volumes, too
};
extern const struct berth_document berth_container_state_document;

// A mount that the user or the image asked for, decided at create.
struct berth_container_mount {
	char *type; // bind, image, tmpfs or volume
	char *name; // of a volume
	char *driver; // of a volume; NULL: a folder of the container, which earlier versions made for anonymous ones
	bool anonymous; // nobody named the volume: it goes with `rm -v` and --rm
	GHashTable *driver_options, *labels; // of a volume that is made with the container
	char *image; // id of an image's
	char *subpath; // what of a volume or an image is mounted; NULL: all
	int64_t uid, gid; // who the source's owner is in the container; BERTH_UNSET: as on the host
	char *source; // path on the host, of an image its name; NULL for tmpfs
	char *destination; // absolute, in the container
	char *mode; // as the user wrote it ("ro,z"), for inspect
	char *propagation;
	bool writable;
	bool listed; // in inspect's Mounts (HostConfig.Tmpfs is not)
	bool make_source; // a bind's source is made when it is missing
	bool no_copy; // a volume does not begin with what the image has there
	char **options; // of the OCI mount
};
extern const struct berth_document berth_container_mount_document;

// A network that the container is to be on: decided at create, and by connect and disconnect.
struct berth_container_endpoint {
	char *network; // its id; "": there was none of that name
	char *network_name;
	char **aliases; // names that it has there besides its own
	char **links; // "container:alias"
	char *ipv4, *ipv6; // asked for, without prefix length; NULL: chosen
	char *mac; // NULL: made from the address
	GHashTable *options; // the driver's
	int64_t gateway_priority; // whose gateway is the default route: the highest
};
extern const struct berth_document berth_container_endpoint_document;

// A secret that the container gets.
struct berth_container_secret {
	char *id, *target; // a name beneath /run/secrets, or an absolute path
	int64_t uid, gid, mode; // in the container
};
extern const struct berth_document berth_container_secret_document;

// A user namespace of its own. The container's files on disk have its own ids.
struct berth_container_users {
	GPtrArray *uids, *gids; // of struct oci_id_mapping
	int64_t first_uid, first_gid, size; // the host's ids that are this container's alone
	bool map_binds; // what is bound from the host has its owners in the container, too
	char *joined; // id of the container whose namespace it is; NULL: its own
};
extern const struct berth_document berth_container_users_document;

struct berth_container_record {
	int64_t version;
	char *id;
	char *name; // without slash
	char *image; // sha256:<hex>
	int64_t created; // nanoseconds since 1970
	char *network; // its mode: none, host, bridge, the name of another network, or container:<id>
	GPtrArray *endpoints; // of struct berth_container_endpoint, in the order of their interfaces
	struct api_container_config *config; // merged with the image's
	struct api_host_config *host_config; // with defaults filled in
	GPtrArray *mounts; // of struct berth_container_mount
	GPtrArray *secrets; // of struct berth_container_secret
	struct berth_container_users *users; // NULL: it is in the host's user namespace
	struct berth_container_state *state;
};
extern const struct berth_document berth_container_record_document;

BERTH_DOCUMENT_AUTOPTR(berth_container_state, berth_container_state_document)
BERTH_DOCUMENT_AUTOPTR(berth_container_mount, berth_container_mount_document)
BERTH_DOCUMENT_AUTOPTR(berth_container_endpoint, berth_container_endpoint_document)
BERTH_DOCUMENT_AUTOPTR(berth_container_record, berth_container_record_document)
