// SPDX-License-Identifier: Apache-2.0
// The routes of the API. The first row that fits a request is taken, so a fixed path stands before one with a
// placeholder. A row whose handler is berth_handle_refused is an operation of Docker's API that this version does not
// have: its summary is the subject of the answer.
#include "api/request.h"

static const struct berth_parameter container_list_query[] = {
	{"all", BERTH_PARAMETER_SWITCH, "those that do not run, too"},
	{"limit", BERTH_PARAMETER_INTEGER, "the newest N, whether they run or not"},
	{"size", BERTH_PARAMETER_SWITCH, "with the sizes of their files"},
	{"brief", BERTH_PARAMETER_SWITCH, "without ids of images, labels, networks, mounts and sizes (Berth's own)"},
	{"filters", BERTH_PARAMETER_FILTERS,
	 "ancestor, before, exited, health, id, label, name, network, since, status, volume"},
	{0},
};

static const struct berth_parameter check_query[] = {
	{"repair", BERTH_PARAMETER_SWITCH, "what can be, without touching what is in use"},
	{0},
};

static const struct berth_parameter image_tree_query[] = {
	{"names", BERTH_PARAMETER_LIST, "only of these images"},
	{0},
};

static const struct berth_parameter container_create_query[] = {
	{"name", BERTH_PARAMETER_TEXT, "of the container; made up if it is missing"},
	{"platform", BERTH_PARAMETER_TEXT, "os/architecture, which must be the host's"},
	{0},
};

static const struct berth_parameter inspect_query[] = {
	{"size", BERTH_PARAMETER_SWITCH, "with the sizes of its files"},
	{0},
};

static const struct berth_parameter top_query[] = {
	{"ps_args", BERTH_PARAMETER_TEXT, "columns, as ps(1) takes them"},
	{0},
};

static const struct berth_parameter logs_query[] = {
	{"follow", BERTH_PARAMETER_SWITCH, "go on until the container ends"},
	{"stdout", BERTH_PARAMETER_SWITCH, "its standard output"},
	{"stderr", BERTH_PARAMETER_SWITCH, "its standard error"},
	{"since", BERTH_PARAMETER_MOMENT, "not what is older"},
	{"until", BERTH_PARAMETER_MOMENT, "not what is newer"},
	{"timestamps", BERTH_PARAMETER_SWITCH, "before each line"},
	{"tail", BERTH_PARAMETER_TEXT, "the last N lines, or \"all\""},
	{"details", BERTH_PARAMETER_SWITCH, "with the attributes that log options add"},
	{0},
};

static const struct berth_parameter disk_usage_query[] = {
	{"type", BERTH_PARAMETER_LIST, "only of container, image, volume or build-cache; may be given several times"},
	{0},
};

static const struct berth_parameter build_debug_query[] = {
	{"cmd", BERTH_PARAMETER_LIST, "the shell and its arguments; /bin/sh"},
	{"h", BERTH_PARAMETER_INTEGER, "rows of the terminal"},
	{"w", BERTH_PARAMETER_INTEGER, "columns of the terminal"},
	{0},
};
static const struct berth_parameter build_mount_query[] = {
	{"id", BERTH_PARAMETER_TEXT, "its id, as RUN --mount=type=cache has it (or the target, if that has none)"},
	{"namespace", BERTH_PARAMETER_TEXT, "what builds were given as BUILDKIT_CACHE_MOUNT_NS"},
	{0},
};
static const struct berth_parameter build_prune_query[] = {
	{"keep-storage", BERTH_PARAMETER_INTEGER, "bytes that may stay (reserved-space since 1.48)"},
	{"reserved-space", BERTH_PARAMETER_INTEGER, "bytes that may stay"},
	{"max-used-space", BERTH_PARAMETER_INTEGER, "bytes that the cache may have at most"},
	{"min-free-space", BERTH_PARAMETER_INTEGER, "bytes of the disk that shall be free"},
	{"all", BERTH_PARAMETER_SWITCH, "what is in use by images, and cache mounts, too"},
	{"filters", BERTH_PARAMETER_FILTERS,
	 "description, id, inuse, parent, private, shared, type, until, unused-for"},
	{0},
};

static const struct berth_parameter build_query[] = {
	{"dockerfile", BERTH_PARAMETER_TEXT, "its path in the context; Dockerfile if it is missing"},
	{"t", BERTH_PARAMETER_LIST, "name of the image; may be given several times"},
	{"extrahosts", BERTH_PARAMETER_LIST, "HOST:ADDRESS of /etc/hosts in RUN"},
	{"remote", BERTH_PARAMETER_TEXT, "address of the context: an archive, a Dockerfile or a git repository"},
	{"q", BERTH_PARAMETER_SWITCH, "only the image's id is told"},
	{"nocache", BERTH_PARAMETER_SWITCH, "what was built before is not used"},
	{"cachefrom", BERTH_PARAMETER_TEXT, "JSON array of images or \"type=…\" to take results from"},
	{"pull", BERTH_PARAMETER_TEXT, "base images are pulled, though they are here"},
	{"rm", BERTH_PARAMETER_SWITCH, "accepted; nothing of a step is ever left"},
	{"forcerm", BERTH_PARAMETER_SWITCH, "accepted; nothing of a step is ever left"},
	{"memory", BERTH_PARAMETER_INTEGER, "of each step, bytes"},
	{"memswap", BERTH_PARAMETER_INTEGER, "memory and swap, bytes; -1: swap without limit"},
	{"cpushares", BERTH_PARAMETER_INTEGER, "relative weight"},
	{"cpusetcpus", BERTH_PARAMETER_TEXT, "processors: 0-3, 0,1"},
	{"cpusetmems", BERTH_PARAMETER_TEXT, "memory nodes"},
	{"cpuperiod", BERTH_PARAMETER_INTEGER, "microseconds"},
	{"cpuquota", BERTH_PARAMETER_INTEGER, "microseconds of each period"},
	{"buildargs", BERTH_PARAMETER_TEXT, "JSON object: values of ARG"},
	{"shmsize", BERTH_PARAMETER_INTEGER, "of /dev/shm, bytes"},
	{"squash", BERTH_PARAMETER_SWITCH, "all new layers become one"},
	{"labels", BERTH_PARAMETER_TEXT, "JSON object: of the image"},
	{"networkmode", BERTH_PARAMETER_TEXT, "of RUN: default, none, host or a network's name"},
	{"platform", BERTH_PARAMETER_TEXT, "os/architecture[/variant], several with commas"},
	{"target", BERTH_PARAMETER_TEXT, "the stage that is wanted; the last if it is missing"},
	{"outputs", BERTH_PARAMETER_TEXT, "JSON array: [{\"Type\":\"tar\",\"Attrs\":{}}]"},
	{"version", BERTH_PARAMETER_TEXT, "1; 2, BuildKit's protocol, is refused"},
	{"ulimits", BERTH_PARAMETER_TEXT, "JSON array of limits of RUN, as HostConfig.Ulimits"},
	{"cgroupparent", BERTH_PARAMETER_TEXT, "of RUN"},
	{"isolation", BERTH_PARAMETER_TEXT, "only default"},
	{"securityopt", BERTH_PARAMETER_TEXT, "refused"},
	{"buildid", BERTH_PARAMETER_TEXT, "by which the build can be cancelled"},
	{"progress", BERTH_PARAMETER_TEXT, "events: lines of JSON instead of Docker's stream (Berth's own)"},
	{"context", BERTH_PARAMETER_LIST, "NAME=ADDRESS of a further context (Berth's own)"},
	{"keepfailed", BERTH_PARAMETER_SWITCH, "a build that fails waits for a shell in its failed step (Berth's own)"},
	{"userns", BERTH_PARAMETER_TEXT, "user namespace of RUN: host or auto (Berth's own)"},
	{"nocachefilter", BERTH_PARAMETER_LIST, "stages that are built anew (Berth's own)"},
	{"cacheto", BERTH_PARAMETER_LIST, "where results are kept for others: \"type=…\" (Berth's own)"},
	{"allow", BERTH_PARAMETER_LIST, "network.host, security.insecure, device (Berth's own)"},
	{"provenance", BERTH_PARAMETER_TEXT, "attestation: mode=min or mode=max (Berth's own)"},
	{"sbom", BERTH_PARAMETER_TEXT, "attestation (Berth's own)"},
	{"ssh", BERTH_PARAMETER_LIST, "name of an ssh agent that the client lends (Berth's own)"},
	{"knownhosts", BERTH_PARAMETER_SWITCH,
	 "the client tells what keys hosts have, on connections like those of an agent \"@known-hosts\" (Berth's own)"},
	{"call", BERTH_PARAMETER_TEXT, "check, outline or targets: only answer (Berth's own)"},
	{0},
};

static const struct berth_parameter build_cancel_query[] = {
	{"id", BERTH_PARAMETER_TEXT, "of the build: its buildid", .required = true},
	{0},
};

static const struct berth_parameter build_agent_query[] = {
	{"name", BERTH_PARAMETER_TEXT, "of the agent, as RUN --mount=type=ssh,id= has it", .required = true},
	{0},
};

static const struct berth_parameter build_context_query[] = {
	{"name", BERTH_PARAMETER_TEXT, "of the context; \"-\": the one without a name", .required = true},
	{0},
};

static const struct berth_parameter plugin_list_query[] = {
	{"filters", BERTH_PARAMETER_FILTERS, "capability, enabled"},
	{0},
};

static const struct berth_parameter plugin_force_query[] = {
	{"force", BERTH_PARAMETER_SWITCH, "though it is in use"},
	{0},
};

static const struct berth_parameter plugin_enable_query[] = {
	{"timeout", BERTH_PARAMETER_INTEGER, "seconds"},
	{0},
};

static const struct berth_parameter plugin_upgrade_query[] = {
	{"remote", BERTH_PARAMETER_TEXT, "the image that replaces it", .required = true},
	{0},
};

static const struct berth_parameter volume_update_query[] = {
	{"version", BERTH_PARAMETER_INTEGER, "of the volume that is changed", .required = true},
	{0},
};

static const struct berth_parameter stats_query[] = {
	{"stream", BERTH_PARAMETER_SWITCH, "a sample each second (the default), or one answer"},
	{"one-shot", BERTH_PARAMETER_SWITCH, "with stream=0: at once, without the sample of a second before"},
	{0},
};

static const struct berth_parameter start_query[] = {
	{"detachKeys", BERTH_PARAMETER_TEXT, "accepted; attach has its own"},
	{"checkpoint", BERTH_PARAMETER_TEXT, "name of the checkpoint that it goes on from"},
	{"checkpoint-dir", BERTH_PARAMETER_TEXT, "folder of the checkpoints, in place of the container's own"},
	{0},
};

static const struct berth_parameter stop_query[] = {
	{"signal", BERTH_PARAMETER_TEXT, "instead of the container's stop signal"},
	{"t", BERTH_PARAMETER_INTEGER, "seconds before SIGKILL; -1: never"},
	{0},
};

static const struct berth_parameter kill_query[] = {
	{"signal", BERTH_PARAMETER_TEXT, "name or number; SIGKILL if it is missing"},
	{0},
};

static const struct berth_parameter rename_query[] = {
	{"name", BERTH_PARAMETER_TEXT, "the new one", .required = true},
	{0},
};

static const struct berth_parameter resize_query[] = {
	{"h", BERTH_PARAMETER_INTEGER, "rows", .required = true},
	{"w", BERTH_PARAMETER_INTEGER, "columns", .required = true},
	{0},
};

static const struct berth_parameter wait_query[] = {
	{"condition", BERTH_PARAMETER_TEXT, "not-running, next-exit or removed"},
	{0},
};

static const struct berth_parameter attach_query[] = {
	{"detachKeys", BERTH_PARAMETER_TEXT, "keys that detach a terminal"},
	{"logs", BERTH_PARAMETER_SWITCH, "first what was logged so far"},
	{"stream", BERTH_PARAMETER_SWITCH, "then what comes"},
	{"stdin", BERTH_PARAMETER_SWITCH, "attach it"},
	{"stdout", BERTH_PARAMETER_SWITCH, "attach it"},
	{"stderr", BERTH_PARAMETER_SWITCH, "attach it"},
	{0},
};

static const struct berth_parameter container_remove_query[] = {
	{"v", BERTH_PARAMETER_SWITCH, "with its anonymous volumes"},
	{"force", BERTH_PARAMETER_SWITCH, "kill it if it runs"},
	{"link", BERTH_PARAMETER_SWITCH, "not the container, but a link of its own: CONTAINER/ALIAS"},
	{0},
};

static const struct berth_parameter prune_query[] = {
	{"filters", BERTH_PARAMETER_FILTERS, "until, label"},
	{0},
};

static const struct berth_parameter image_list_query[] = {
	{"all", BERTH_PARAMETER_SWITCH, "images of intermediate steps, too"},
	{"filters", BERTH_PARAMETER_FILTERS, "before, dangling, label, reference, since, until"},
	{"digests", BERTH_PARAMETER_SWITCH, "accepted; digests are always shown"},
	{"shared-size", BERTH_PARAMETER_SWITCH, "with the size of layers that other images have, too"},
	{"manifests", BERTH_PARAMETER_SWITCH, "accepted; images have one manifest, and it is not listed"},
	{0},
};

static const struct berth_parameter image_tag_query[] = {
	{"repo", BERTH_PARAMETER_TEXT, "the new name", .required = true},
	{"tag", BERTH_PARAMETER_TEXT, "its tag; latest if it is missing"},
	{0},
};

static const struct berth_parameter image_remove_query[] = {
	{"force", BERTH_PARAMETER_SWITCH, "even if it has several names or a stopped container uses it"},
	{"noprune", BERTH_PARAMETER_SWITCH, "keep what only it needs"},
	{0},
};

static const struct berth_parameter image_create_query[] = {
	{"fromImage", BERTH_PARAMETER_TEXT, "of a registry: it is pulled; without a tag all of the repository's are"},
	{"fromSrc", BERTH_PARAMETER_TEXT, "\"-\": a root file system's archive is the request's body"},
	{"repo", BERTH_PARAMETER_TEXT, "name of the new image"},
	{"tag", BERTH_PARAMETER_TEXT, "its tag; of a pull also a digest"},
	{"message", BERTH_PARAMETER_TEXT, "for the image's history"},
	{"changes", BERTH_PARAMETER_LIST, "Dockerfile lines"},
	{"platform", BERTH_PARAMETER_TEXT, "os/architecture of the image"},
	{0},
};

static const struct berth_parameter image_load_query[] = {
	{"quiet", BERTH_PARAMETER_SWITCH, "no progress"},
	{0},
};

static const struct berth_parameter images_save_query[] = {
	{"names", BERTH_PARAMETER_LIST, "of images", .required = true},
	{0},
};

static const struct berth_parameter image_prune_query[] = {
	{"filters", BERTH_PARAMETER_FILTERS, "dangling (false: all that no container uses), label, until"},
	{0},
};

static const struct berth_parameter image_push_query[] = {
	{"tag", BERTH_PARAMETER_TEXT, "which is pushed; all if it is missing"},
	{"platform", BERTH_PARAMETER_TEXT, "JSON of a platform, which the image must be of"},
	{0},
};

static const struct berth_parameter image_search_query[] = {
	{"term", BERTH_PARAMETER_TEXT,
	 "what names contain; a host before its first slash is asked instead of docker.io", .required = true},
	{"limit", BERTH_PARAMETER_INTEGER, "of results, 1 to 100; 25 if it is missing"},
	{"filters", BERTH_PARAMETER_FILTERS, "is-automated, is-official, stars"},
	{0},
};

static const struct berth_parameter events_query[] = {
	{"since", BERTH_PARAMETER_MOMENT, "with past events from then on"},
	{"until", BERTH_PARAMETER_MOMENT, "the stream ends then"},
	{"filters", BERTH_PARAMETER_FILTERS,
	 "config, container, daemon, event, image, label, network, node, plugin, scope, secret, service, type, volume"},
	{0},
};

static const struct berth_parameter network_list_query[] = {
	{"filters", BERTH_PARAMETER_FILTERS, "dangling, driver, id, label, name, scope, type"},
	{0},
};

static const struct berth_parameter secret_list_query[] = {
	{"filters", BERTH_PARAMETER_FILTERS, "id, label, name"},
	{0},
};

static const struct berth_parameter volume_list_query[] = {
	{"filters", BERTH_PARAMETER_FILTERS, "dangling, driver, label, name"},
	{"size", BERTH_PARAMETER_SWITCH, "with how much is in them (Berth's own)"},
	{0},
};

static const struct berth_parameter volume_prune_query[] = {
	{"filters", BERTH_PARAMETER_FILTERS, "all, label; before 1.42 all is true if it is missing"},
	{0},
};

static const struct berth_parameter volume_remove_query[] = {
	{"force", BERTH_PARAMETER_SWITCH, "one that is not there is fine"},
	{0},
};

static const struct berth_parameter volume_clone_query[] = {
	{"to", BERTH_PARAMETER_TEXT, "name of the new volume", .required = true},
	{0},
};

static const struct berth_parameter archive_get_query[] = {
	{"path", BERTH_PARAMETER_TEXT, "in the container; one that ends with / or /. has to be a folder"},
	{0},
};

static const struct berth_parameter archive_put_query[] = {
	{"path", BERTH_PARAMETER_TEXT, "of a folder in the container"},
	{"noOverwriteDirNonDir", BERTH_PARAMETER_SWITCH,
	 "refuse to replace a folder by something else, or the other way round"},
	{"copyUIDGID", BERTH_PARAMETER_SWITCH, "accepted; owners are always as the archive says, by their numbers"},
	{"chown", BERTH_PARAMETER_TEXT,
	 "user[:group] of all that is unpacked, as the container knows them (Berth's own)"},
	{0},
};

static const struct berth_parameter checkpoint_query[] = {
	{"dir", BERTH_PARAMETER_TEXT, "folder of the checkpoints, in place of the container's own"},
	{0},
};

static const struct berth_parameter commit_query[] = {
	{"container", BERTH_PARAMETER_TEXT, "id or name of the container"},
	{"repo", BERTH_PARAMETER_TEXT, "name of the new image, without tag"},
	{"tag", BERTH_PARAMETER_TEXT, "its tag"},
	{"comment", BERTH_PARAMETER_TEXT, "on the change, for its history"},
	{"author", BERTH_PARAMETER_TEXT, "of the change"},
	{"pause", BERTH_PARAMETER_SWITCH, "freeze the container meanwhile (the default)"},
	{"changes", BERTH_PARAMETER_LIST, "Dockerfile lines to apply"},
	{0},
};

static const struct berth_parameter network_inspect_query[] = {
	{"verbose", BERTH_PARAMETER_SWITCH, "accepted; services, which it would add, are not in this version"},
	{"scope", BERTH_PARAMETER_TEXT, "of the network; all are local"},
	{0},
};

#define STREAM BERTH_ROUTE_STREAM
#define UPLOAD BERTH_ROUTE_UPLOAD
#define UPGRADE BERTH_ROUTE_UPGRADE
#define JSON BERTH_ROUTE_JSON

// clang-format off: one row, one line or two
const struct berth_route berth_routes[] = {
	{"GET", "/_ping", 124, berth_handle_ping, NULL, 0, "Answers OK; the headers tell what the engine is"},
	{"HEAD", "/_ping", 124, berth_handle_ping, NULL, 0, "The same without the body"},
	{"GET", "/version", 124, berth_handle_version, NULL, 0, "Versions of the engine and its parts"},
	{"GET", "/info", 124, berth_handle_info, NULL, 0, "The engine and its host"},
	{"GET", "/events", 124, berth_handle_events, events_query, STREAM,
	 "Streams what happens, one JSON object per line"},
	{"GET", "/system/df", 125, berth_handle_disk_usage, disk_usage_query, 0, "Disk usage"},
	{"POST", "/berth/check", 124, berth_handle_check, check_query, 0,
	 "Checks every blob, snapshot and reference of the store (Berth's own)"},
	{"GET", "/berth/images/tree", 124, berth_handle_image_tree, image_tree_query, 0,
	 "Tells which layers images share, and what deleting each would free (Berth's own)"},
	{"GET", "/containers/json", 124, berth_handle_container_list, container_list_query, 0, "Lists containers"},
	{"POST", "/containers/create", 124, berth_handle_container_create, container_create_query, JSON,
	 "Makes a container"},
	{"POST", "/containers/prune", 125, berth_handle_container_prune, prune_query, 0,
	 "Removes containers that do not run"},
	{"GET", "/containers/{id}/json", 124, berth_handle_container_inspect, inspect_query, 0,
	 "All about a container"},
	{"GET", "/containers/{id}/top", 124, berth_handle_container_top, top_query, 0, "Processes of a container"},
	{"GET", "/containers/{id}/logs", 124, berth_handle_container_logs, logs_query, STREAM,
	 "What a container wrote"},
	{"POST", "/containers/{id}/start", 124, berth_handle_container_start, start_query, 0, "Starts a container"},
	{"POST", "/containers/{id}/stop", 124, berth_handle_container_stop, stop_query, 0, "Stops a container"},
	{"POST", "/containers/{id}/restart", 124, berth_handle_container_restart, stop_query, 0,
	 "Stops and starts a container"},
	{"POST", "/containers/{id}/kill", 124, berth_handle_container_kill, kill_query, 0,
	 "Sends a signal to a container"},
	{"POST", "/containers/{id}/pause", 124, berth_handle_container_pause, NULL, 0,
	 "Freezes the processes of a container"},
	{"POST", "/containers/{id}/unpause", 124, berth_handle_container_unpause, NULL, 0, "Lets them go on"},
	{"POST", "/containers/{id}/rename", 124, berth_handle_container_rename, rename_query, 0, "Renames a container"},
	{"POST", "/containers/{id}/resize", 124, berth_handle_container_resize, resize_query, 0,
	 "Sets the size of a container's terminal"},
	{"POST", "/containers/{id}/wait", 124, berth_handle_container_wait, wait_query, STREAM,
	 "Waits until a container ends; the head of the answer comes at once"},
	{"POST", "/containers/{id}/attach", 124, berth_handle_container_attach, attach_query, UPGRADE,
	 "Connects to the streams of a container"},
	{"POST", "/containers/{id}/attach", 124, berth_handle_container_attach_raw, attach_query, STREAM,
	 "Reads the output of a container until the connection ends"},
	{"DELETE", "/containers/{id}", 124, berth_handle_container_remove, container_remove_query, 0,
	 "Removes a container"},
	{"DELETE", "/containers/{name:.*}", 124, berth_handle_checkpoint_remove, checkpoint_query, 0,
	 "Removes a checkpoint: the path ends with /checkpoints/NAME"},
	{"DELETE", "/containers/{link:.*}", 124, berth_handle_container_remove, container_remove_query, 0,
	 "With `link`: removes the link CONTAINER/ALIAS"},
	{"GET", "/images/json", 124, berth_handle_image_list, image_list_query, 0, "Lists images"},
	{"POST", "/images/create", 124, berth_handle_image_create, image_create_query, UPLOAD,
	 "Pulls an image from a registry, or imports one"},
	{"POST", "/images/load", 124, berth_handle_image_load, image_load_query, UPLOAD,
	 "Loads images from an archive"},
	{"POST", "/images/prune", 125, berth_handle_image_prune, image_prune_query, 0,
	 "Removes images that nothing uses"},
	{"GET", "/images/get", 124, berth_handle_images_save, images_save_query, 0, "Saves images as one archive"},
	{"GET", "/images/search", 124, berth_handle_image_search, image_search_query, STREAM, "Searches a registry"},
	{"GET", "/images/{name:.*}/json", 124, berth_handle_image_inspect, NULL, 0, "All about an image"},
	{"GET", "/images/{name:.*}/history", 124, berth_handle_image_history, NULL, 0, "How an image came to be"},
	{"GET", "/images/{name:.*}/get", 124, berth_handle_image_save, NULL, 0, "Saves an image as an archive"},
	{"POST", "/images/{name:.*}/tag", 124, berth_handle_image_tag, image_tag_query, 0,
	 "Gives an image a further name"},
	{"POST", "/images/{name:.*}/push", 124, berth_handle_image_push, image_push_query, STREAM,
	 "Pushes an image to a registry"},
	{"DELETE", "/images/{name:.*}", 124, berth_handle_image_remove, image_remove_query, 0,
	 "Removes a name of an image, and with the last one the image"},
	{"GET", "/networks", 124, berth_handle_network_list, network_list_query, 0, "Lists networks"},
	{"GET", "/networks/", 124, berth_handle_network_list, network_list_query, 0, "Lists networks"},
	{"GET", "/networks/{id}", 124, berth_handle_network_inspect, network_inspect_query, 0,
	 "All about a network, and who runs on it"},
	{"DELETE", "/networks/{id}", 124, berth_handle_network_remove, NULL, 0, "Removes a network"},
	{"POST", "/networks/create", 124, berth_handle_network_create, NULL, JSON, "Makes a network"},
	{"POST", "/networks/prune", 125, berth_handle_network_prune, prune_query, 0,
	 "Removes networks that no container runs on"},
	{"POST", "/networks/{id}/connect", 124, berth_handle_network_connect, NULL, JSON,
	 "Connects a container to a network, while it runs, too"},
	{"POST", "/networks/{id}/disconnect", 124, berth_handle_network_disconnect, NULL, JSON,
	 "Disconnects a container from a network"},
	{"GET", "/berth/secrets", 124, berth_handle_secret_list, secret_list_query, 0,
	 "Lists secrets of plain containers (Berth's own)"},
	{"POST", "/berth/secrets/create", 124, berth_handle_secret_create, NULL, JSON, "Makes a secret (Berth's own)"},
	{"GET", "/berth/secrets/{id}", 124, berth_handle_secret_inspect, NULL, 0,
	 "All about a secret but its value (Berth's own)"},
	{"POST", "/berth/secrets/{id}/update", 124, berth_handle_secret_update, NULL, JSON,
	 "Gives a secret another value or other labels (Berth's own)"},
	{"DELETE", "/berth/secrets/{id}", 124, berth_handle_secret_remove, NULL, 0,
	 "Removes a secret that no container has (Berth's own)"},
	{"GET", "/volumes", 124, berth_handle_volume_list, volume_list_query, 0, "Lists volumes"},
	{"POST", "/volumes/create", 124, berth_handle_volume_create, NULL, JSON,
	 "Makes a volume; one that is there already is answered as it is"},
	{"POST", "/volumes/prune", 125, berth_handle_volume_prune, volume_prune_query, 0,
	 "Removes volumes that no container uses: anonymous ones, or all"},
	{"GET", "/volumes/{name}/archive", 124, berth_handle_volume_export, NULL, STREAM,
	 "What is in a volume, as a tar archive (Berth's own)"},
	{"PUT", "/volumes/{name}/archive", 124, berth_handle_volume_import, NULL, UPLOAD,
	 "Unpacks a tar archive into a volume (Berth's own)"},
	{"POST", "/volumes/{name}/clone", 124, berth_handle_volume_clone, volume_clone_query, 0,
	 "Makes a volume with a copy of what is in this one (Berth's own)"},
	{"GET", "/volumes/{name:.*}", 124, berth_handle_volume_inspect, NULL, 0, "All about a volume"},
	{"PUT", "/volumes/{name:.*}", 142, berth_handle_volume_update, volume_update_query, JSON,
	 "Answers 503: only volumes of a swarm can be changed"},
	{"DELETE", "/volumes/{name:.*}", 124, berth_handle_volume_remove, volume_remove_query, 0,
	 "Removes a volume that no container uses"},
	{"POST", "/containers/{id}/exec", 124, berth_handle_exec_create, NULL, JSON,
	 "Makes an exec: a further process in a running container, to be started"},
	{"POST", "/exec/{id}/start", 124, berth_handle_exec_start, NULL, UPGRADE | JSON,
	 "Starts an exec and connects to its streams"},
	{"POST", "/exec/{id}/start", 124, berth_handle_exec_start_raw, NULL, STREAM | JSON,
	 "Starts an exec, detached or to read its output until it ends"},
	{"POST", "/exec/{id}/resize", 124, berth_handle_exec_resize, resize_query, 0,
	 "Sets the size of an exec's terminal"},
	{"GET", "/exec/{id}/json", 124, berth_handle_exec_inspect, NULL, 0, "All about an exec, with its exit code"},
	{"GET", "/containers/{id}/stats", 124, berth_handle_container_stats, stats_query, STREAM,
	 "What a container uses: a sample each second, or one"},
	{"GET", "/containers/{id}/changes", 124, berth_handle_container_changes, NULL, STREAM,
	 "What a container has changed in the files of its image"},
	{"GET", "/containers/{id}/export", 124, berth_handle_container_export, NULL, STREAM,
	 "A container's root file system as a tar archive, without what is mounted in it"},
	{"POST", "/containers/{id}/update", 124, berth_handle_container_update, NULL, JSON,
	 "Changes limits and the restart policy of a container, publishes ports and withdraws them (PublishAdd, "
	 "PublishRm: Berth's own)"},
	{"GET", "/containers/{id}/attach/ws", 124, berth_handle_container_attach_websocket, attach_query, 0,
	 "Connects to the streams of a container by WebSocket: what is sent goes to its input, its output comes in "
	 "binary frames (before 1.28: text frames)"},
	{"HEAD", "/containers/{id}/archive", 124, berth_handle_archive_stat, archive_get_query, 0,
	 "What is at a path of a container, in the header X-Docker-Container-Path-Stat"},
	{"GET", "/containers/{id}/archive", 124, berth_handle_archive_get, archive_get_query, STREAM,
	 "A file or folder of a container as a tar archive"},
	{"PUT", "/containers/{id}/archive", 124, berth_handle_archive_put, archive_put_query, UPLOAD,
	 "Unpacks a tar archive into a folder of a container"},
	{"GET", "/containers/{id}/checkpoints", 124, berth_handle_checkpoint_list, checkpoint_query, 0,
	 "Lists a container's checkpoints"},
	{"POST", "/containers/{id}/checkpoints", 124, berth_handle_checkpoint_create, NULL, STREAM | JSON,
	 "Saves a container's processes with CRIU, to be started from later"},
	{"POST", "/commit", 124, berth_handle_container_commit, commit_query, STREAM | JSON,
	 "Makes an image of a container"},
	{"POST", "/build", 124, berth_handle_build, build_query, UPLOAD,
	 "Builds an image of the context that is the body, with a Dockerfile in it"},
	{"POST", "/build/prune", 124, berth_handle_build_prune, build_prune_query, 0,
	 "Removes what is unused of the build cache"},
	{"GET", "/build/mount", 124, berth_handle_build_mount_export, build_mount_query, STREAM,
	 "What is in a cache mount, as a tar archive (Berth's own)"},
	{"PUT", "/build/mount", 124, berth_handle_build_mount_import, build_mount_query, UPLOAD,
	 "Makes a cache mount of a tar archive, in place of what is there (Berth's own)"},
	{"POST", "/build/cancel", 124, berth_handle_build_cancel, build_cancel_query, 0, "Stops a build"},
	{"POST", "/build/{id}/debug", 124, berth_handle_build_debug, build_debug_query, UPGRADE,
	 "A shell with a terminal in what the failed step of that id left (Berth's own)"},
	{"POST", "/build/{id}/resize", 124, berth_handle_build_resize, resize_query, 0,
	 "Resizes the terminal of that shell (Berth's own)"},
	{"POST", "/build/{id}/agent", 124, berth_handle_build_agent, build_agent_query, UPGRADE,
	 "Connects an ssh agent of the client to a build (Berth's own)"},
	{"POST", "/build/{id}/context", 124, berth_handle_build_context, build_context_query, UPLOAD,
	 "The archive of a context that a build with a listing wants (Berth's own)"},
	{"POST", "/session", 124, berth_handle_buildkit, NULL, 0, "BuildKit's protocol, which is refused"},
	{"POST", "/grpc", 124, berth_handle_buildkit, NULL, 0, "BuildKit's protocol, which is refused"},
	{"POST", "/auth", 124, berth_handle_auth, NULL, STREAM | JSON, "Asks a registry whether credentials are good"},
	{"GET", "/distribution/{name:.*}/json", 124, berth_handle_distribution, NULL, STREAM,
	 "Asks a registry for an image's digest and platforms"},
	{"GET", "/distribution/{name:.*}/manifest", 124, berth_handle_manifest, NULL, STREAM,
	 "The manifest or index itself, as the registry has it"},
	{"POST", "/distribution/{name:.*}/index", 124, berth_handle_manifest_push, NULL, STREAM | JSON,
	 "Pushes an index, and what it lists (Docker's command line does this itself)"},
	{"POST", "/plugins/create", 124, berth_handle_refused, NULL, 0, "Plugins"},
	{"POST", "/plugins/pull", 124, berth_handle_refused, NULL, 0, "Plugins"},
	{"GET", "/plugins/privileges", 124, berth_handle_refused, NULL, 0, "Plugins"},
	{"GET", "/plugins", 125, berth_handle_plugin_list, plugin_list_query, 0,
	 "Lists managed plugins: there are none in this version"},
	{"GET", "/plugins/{name:.*}/json", 125, berth_handle_plugin, NULL, 0, "All about a managed plugin"},
	{"DELETE", "/plugins/{name:.*}", 125, berth_handle_plugin, plugin_force_query, 0, "Removes a managed plugin"},
	{"POST", "/plugins/{name:.*}/enable", 125, berth_handle_plugin, plugin_enable_query, 0,
	 "Starts a managed plugin"},
	{"POST", "/plugins/{name:.*}/disable", 125, berth_handle_plugin, plugin_force_query, 0,
	 "Stops a managed plugin"},
	{"POST", "/plugins/{name:.*}/upgrade", 126, berth_handle_plugin, plugin_upgrade_query, JSON,
	 "Replaces a managed plugin"},
	{"POST", "/plugins/{name:.*}/push", 125, berth_handle_plugin, NULL, 0, "Pushes a managed plugin"},
	{"POST", "/plugins/{name:.*}/set", 125, berth_handle_plugin, NULL, JSON, "Sets up a managed plugin"},
	{"POST", "/swarm/init", 124, berth_handle_refused, NULL, 0, "Swarm mode"},
	{"POST", "/swarm/join", 124, berth_handle_refused, NULL, 0, "Swarm mode"},
	{"GET", "/swarm", 124, berth_handle_no_swarm, NULL, 0, "Answers 503: this engine is in no swarm"},
	{"POST", "/swarm/leave", 124, berth_handle_no_swarm, NULL, 0, "Answers 503: this engine is in no swarm"},
	{"POST", "/swarm/update", 124, berth_handle_no_swarm, NULL, 0, "Answers 503: this engine is in no swarm"},
	{"GET", "/swarm/unlockkey", 124, berth_handle_no_swarm, NULL, 0, "Answers 503: this engine is in no swarm"},
	{"POST", "/swarm/unlock", 124, berth_handle_no_swarm, NULL, 0, "Answers 503: this engine is in no swarm"},
	{"GET", "/nodes", 124, berth_handle_no_swarm, NULL, 0, "Answers 503: this engine is in no swarm"},
	{"GET", "/nodes/{id}", 124, berth_handle_no_swarm, NULL, 0, "Answers 503: this engine is in no swarm"},
	{"DELETE", "/nodes/{id}", 124, berth_handle_no_swarm, NULL, 0, "Answers 503: this engine is in no swarm"},
	{"POST", "/nodes/{id}/update", 124, berth_handle_no_swarm, NULL, 0, "Answers 503: this engine is in no swarm"},
	{"GET", "/services", 124, berth_handle_no_swarm, NULL, 0, "Answers 503: this engine is in no swarm"},
	{"POST", "/services/create", 124, berth_handle_no_swarm, NULL, 0, "Answers 503: this engine is in no swarm"},
	{"GET", "/services/{id}", 124, berth_handle_no_swarm, NULL, 0, "Answers 503: this engine is in no swarm"},
	{"DELETE", "/services/{id}", 124, berth_handle_no_swarm, NULL, 0, "Answers 503: this engine is in no swarm"},
	{"POST", "/services/{id}/update", 124, berth_handle_no_swarm, NULL, 0,
	 "Answers 503: this engine is in no swarm"},
	{"GET", "/services/{id}/logs", 124, berth_handle_no_swarm, NULL, 0, "Answers 503: this engine is in no swarm"},
	{"GET", "/tasks", 124, berth_handle_no_swarm, NULL, 0, "Answers 503: this engine is in no swarm"},
	{"GET", "/tasks/{id}", 124, berth_handle_no_swarm, NULL, 0, "Answers 503: this engine is in no swarm"},
	{"GET", "/tasks/{id}/logs", 124, berth_handle_no_swarm, NULL, 0, "Answers 503: this engine is in no swarm"},
	{"GET", "/secrets", 124, berth_handle_no_swarm, NULL, 0, "Answers 503: this engine is in no swarm"},
	{"POST", "/secrets/create", 124, berth_handle_no_swarm, NULL, 0, "Answers 503: this engine is in no swarm"},
	{"GET", "/secrets/{id}", 124, berth_handle_no_swarm, NULL, 0, "Answers 503: this engine is in no swarm"},
	{"DELETE", "/secrets/{id}", 124, berth_handle_no_swarm, NULL, 0, "Answers 503: this engine is in no swarm"},
	{"POST", "/secrets/{id}/update", 124, berth_handle_no_swarm, NULL, 0,
	 "Answers 503: this engine is in no swarm"},
	{"GET", "/configs", 124, berth_handle_no_swarm, NULL, 0, "Answers 503: this engine is in no swarm"},
	{"POST", "/configs/create", 124, berth_handle_no_swarm, NULL, 0, "Answers 503: this engine is in no swarm"},
	{"GET", "/configs/{id}", 124, berth_handle_no_swarm, NULL, 0, "Answers 503: this engine is in no swarm"},
	{"DELETE", "/configs/{id}", 124, berth_handle_no_swarm, NULL, 0, "Answers 503: this engine is in no swarm"},
	{"POST", "/configs/{id}/update", 124, berth_handle_no_swarm, NULL, 0,
	 "Answers 503: this engine is in no swarm"},
	{"OPTIONS", "/", 124, berth_handle_options, NULL, 0, "Answers 200, for browsers that ask first"},
	{"OPTIONS", "/{path:.*}", 124, berth_handle_options, NULL, 0, "Answers 200, for browsers that ask first"},
	{0},
};
// clang-format on
