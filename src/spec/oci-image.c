// SPDX-License-Identifier: Apache-2.0
#include "spec/oci-image.h"

static const struct berth_field platform_fields[] = {
	BERTH_STRING(struct oci_platform, architecture, "architecture", BERTH_REQUIRED),
	BERTH_STRING(struct oci_platform, os, "os", BERTH_REQUIRED),
	BERTH_STRING(struct oci_platform, os_version, "os.version", BERTH_OMIT_EMPTY),
	BERTH_STRINGS(struct oci_platform, os_features, "os.features", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct oci_platform, variant, "variant", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_platform_document = {"platform", sizeof(struct oci_platform), platform_fields};

static const struct berth_field descriptor_fields[] = {
	BERTH_STRING(struct oci_descriptor, media_type, "mediaType", BERTH_REQUIRED),
	BERTH_STRING(struct oci_descriptor, digest, "digest", BERTH_REQUIRED),
	BERTH_INT64(struct oci_descriptor, size, "size", BERTH_REQUIRED),
	BERTH_STRINGS(struct oci_descriptor, urls, "urls", BERTH_OMIT_EMPTY),
	BERTH_MAP(struct oci_descriptor, annotations, "annotations", BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct oci_descriptor, platform, "platform", &oci_platform_document, BERTH_OMIT_EMPTY),
	BERTH_STRING(struct oci_descriptor, artifact_type, "artifactType", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_descriptor_document = {"descriptor", sizeof(struct oci_descriptor), descriptor_fields};

static const struct berth_field manifest_fields[] = {
	BERTH_INT64(struct oci_manifest, schema_version, "schemaVersion", BERTH_REQUIRED),
	BERTH_STRING(struct oci_manifest, media_type, "mediaType", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct oci_manifest, artifact_type, "artifactType", BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct oci_manifest, config, "config", &oci_descriptor_document, BERTH_REQUIRED),
	BERTH_OBJECTS(struct oci_manifest, layers, "layers", &oci_descriptor_document, BERTH_REQUIRED),
	BERTH_OBJECT(struct oci_manifest, subject, "subject", &oci_descriptor_document, BERTH_OMIT_EMPTY),
	BERTH_MAP(struct oci_manifest, annotations, "annotations", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_manifest_document = {"manifest", sizeof(struct oci_manifest), manifest_fields};

static const struct berth_field index_fields[] = {
	BERTH_INT64(struct oci_index, schema_version, "schemaVersion", BERTH_REQUIRED),
	BERTH_STRING(struct oci_index, media_type, "mediaType", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct oci_index, artifact_type, "artifactType", BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(struct oci_index, manifests, "manifests", &oci_descriptor_document, BERTH_REQUIRED),
	BERTH_OBJECT(struct oci_index, subject, "subject", &oci_descriptor_document, BERTH_OMIT_EMPTY),
	BERTH_MAP(struct oci_index, annotations, "annotations", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_index_document = {"index", sizeof(struct oci_index), index_fields};

static const struct berth_field image_layout_fields[] = {
	BERTH_STRING(struct oci_image_layout, image_layout_version, "imageLayoutVersion", BERTH_REQUIRED),
	{0},
};
const struct berth_document oci_image_layout_document = {"oci-layout", sizeof(struct oci_image_layout),
							 image_layout_fields};

static const struct berth_field healthcheck_fields[] = {
	BERTH_STRINGS(struct oci_healthcheck, test, "Test", BERTH_OMIT_EMPTY),
	BERTH_INT64(struct oci_healthcheck, interval, "Interval", BERTH_OMIT_EMPTY),
	BERTH_INT64(struct oci_healthcheck, timeout, "Timeout", BERTH_OMIT_EMPTY),
	BERTH_INT64(struct oci_healthcheck, start_period, "StartPeriod", BERTH_OMIT_EMPTY),
	BERTH_INT64(struct oci_healthcheck, start_interval, "StartInterval", BERTH_OMIT_EMPTY),
	BERTH_INT64(struct oci_healthcheck, retries, "Retries", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_healthcheck_document = {"healthcheck", sizeof(struct oci_healthcheck),
							healthcheck_fields};

static const struct berth_field image_execution_fields[] = {
	BERTH_STRING(struct oci_image_execution, user, "User", BERTH_OMIT_EMPTY),
	BERTH_SET(struct oci_image_execution, exposed_ports, "ExposedPorts", BERTH_OMIT_EMPTY),
	BERTH_STRINGS(struct oci_image_execution, env, "Env", BERTH_OMIT_EMPTY),
	BERTH_STRINGS(struct oci_image_execution, entrypoint, "Entrypoint", BERTH_OMIT_EMPTY | BERTH_OR_STRING),
	BERTH_STRINGS(struct oci_image_execution, cmd, "Cmd", BERTH_OMIT_EMPTY | BERTH_OR_STRING),
	BERTH_SET(struct oci_image_execution, volumes, "Volumes", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct oci_image_execution, working_dir, "WorkingDir", BERTH_OMIT_EMPTY),
	BERTH_MAP(struct oci_image_execution, labels, "Labels", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct oci_image_execution, stop_signal, "StopSignal", BERTH_OMIT_EMPTY),
	BERTH_INT64(struct oci_image_execution, memory, "Memory", BERTH_OMIT_EMPTY),
	BERTH_INT64(struct oci_image_execution, memory_swap, "MemorySwap", BERTH_OMIT_EMPTY),
	BERTH_INT64(struct oci_image_execution, cpu_shares, "CpuShares", BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct oci_image_execution, healthcheck, "Healthcheck", &oci_healthcheck_document,
		     BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct oci_image_execution, args_escaped, "ArgsEscaped", BERTH_OMIT_EMPTY),
	BERTH_STRINGS(struct oci_image_execution, on_build, "OnBuild", BERTH_OMIT_EMPTY),
	BERTH_STRINGS(struct oci_image_execution, shell, "Shell", BERTH_OMIT_EMPTY),
	BERTH_INT64_UNSET(struct oci_image_execution, stop_timeout, "StopTimeout", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_image_execution_document = {"config", sizeof(struct oci_image_execution),
							    image_execution_fields};

static const struct berth_field rootfs_fields[] = {
	BERTH_STRING(struct oci_rootfs, type, "type", BERTH_REQUIRED),
	BERTH_STRINGS(struct oci_rootfs, diff_ids, "diff_ids", BERTH_REQUIRED),
	{0},
};
const struct berth_document oci_rootfs_document = {"rootfs", sizeof(struct oci_rootfs), rootfs_fields};

static const struct berth_field history_fields[] = {
	BERTH_STRING(struct oci_history, created, "created", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct oci_history, created_by, "created_by", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct oci_history, author, "author", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct oci_history, comment, "comment", BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct oci_history, empty_layer, "empty_layer", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_history_document = {"history", sizeof(struct oci_history), history_fields};

static const struct berth_field image_fields[] = {
	BERTH_STRING(struct oci_image, created, "created", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct oci_image, author, "author", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct oci_image, architecture, "architecture", BERTH_REQUIRED),
	BERTH_STRING(struct oci_image, os, "os", BERTH_REQUIRED),
	BERTH_STRING(struct oci_image, os_version, "os.version", BERTH_OMIT_EMPTY),
	BERTH_STRINGS(struct oci_image, os_features, "os.features", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct oci_image, variant, "variant", BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct oci_image, config, "config", &oci_image_execution_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct oci_image, rootfs, "rootfs", &oci_rootfs_document, BERTH_REQUIRED),
	BERTH_OBJECTS(struct oci_image, history, "history", &oci_history_document, BERTH_OMIT_EMPTY),
	BERTH_JSON(struct oci_image, build_cache, "berth.buildcache.v1", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document oci_image_document = {"image configuration", sizeof(struct oci_image), image_fields};

static const struct berth_field docker_archive_image_fields[] = {
	BERTH_STRING(struct oci_docker_archive_image, config, "Config", BERTH_REQUIRED),
	BERTH_STRINGS(struct oci_docker_archive_image, repo_tags, "RepoTags", BERTH_OMIT_EMPTY),
	BERTH_STRINGS(struct oci_docker_archive_image, layers, "Layers", BERTH_REQUIRED),
	{0},
};
const struct berth_document oci_docker_archive_image_document = {
	"manifest.json", sizeof(struct oci_docker_archive_image), docker_archive_image_fields};
