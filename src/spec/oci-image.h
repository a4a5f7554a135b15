// SPDX-License-Identifier: Apache-2.0
// The documents of the OCI image specification 1.1 (and Docker's manifest schema 2, which differs in media types only):
// descriptor, manifest, index, layout, image configuration; and the manifest.json of `docker save`.
#pragma once

#include "base/document.h"

#define OCI_MEDIA_INDEX "application/vnd.oci.image.index.v1+json"
#define OCI_MEDIA_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define OCI_MEDIA_CONFIG "application/vnd.oci.image.config.v1+json"
#define OCI_MEDIA_LAYER "application/vnd.oci.image.layer.v1.tar"
#define OCI_MEDIA_LAYER_GZIP "application/vnd.oci.image.layer.v1.tar+gzip"
#define OCI_MEDIA_LAYER_ZSTD "application/vnd.oci.image.layer.v1.tar+zstd"
#define DOCKER_MEDIA_INDEX "application/vnd.docker.distribution.manifest.list.v2+json"
#define DOCKER_MEDIA_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define DOCKER_MEDIA_CONFIG "application/vnd.docker.container.image.v1+json"
#define DOCKER_MEDIA_LAYER "application/vnd.docker.image.rootfs.diff.tar"
#define DOCKER_MEDIA_LAYER_ZSTD "application/vnd.docker.image.rootfs.diff.tar.zstd"
#define DOCKER_MEDIA_LAYER_GZIP "application/vnd.docker.image.rootfs.diff.tar.gzip"

// Annotations of an index's descriptors that name the image (OCI image layout; containerd's, which Docker writes).
#define OCI_ANNOTATION_REF_NAME "org.opencontainers.image.ref.name"
#define CONTAINERD_ANNOTATION_IMAGE_NAME "io.containerd.image.name"

struct oci_platform {
	char *architecture;
	char *os;
	char *os_version;
	char **os_features;
	char *variant;
};
extern const struct berth_document oci_platform_document;

struct oci_descriptor {
	char *media_type;
	char *digest;
	int64_t size;
	char **urls;
	GHashTable *annotations;
	struct oci_platform *platform;
	char *artifact_type;
};
extern const struct berth_document oci_descriptor_document;

struct oci_manifest {
	int64_t schema_version; // 2
	char *media_type;
	char *artifact_type;
	struct oci_descriptor *config;
	GPtrArray *layers; // of struct oci_descriptor
	struct oci_descriptor *subject;
	GHashTable *annotations;
};
extern const struct berth_document oci_manifest_document;

struct oci_index {
	int64_t schema_version; // 2
	char *media_type;
	char *artifact_type;
	GPtrArray *manifests; // of struct oci_descriptor
	struct oci_descriptor *subject;
	GHashTable *annotations;
};
extern const struct berth_document oci_index_document;

struct oci_image_layout {
	char *image_layout_version; // 1.0.0
};
extern const struct berth_document oci_image_layout_document;

// Docker's extension of the configuration.
struct oci_healthcheck {
	char **test;
	int64_t interval; // nanoseconds
	int64_t timeout;
	int64_t start_period;
	int64_t start_interval;
	int64_t retries;
};
extern const struct berth_document oci_healthcheck_document;

// The execution parameters of an image. Docker's additions are Healthcheck, ArgsEscaped, OnBuild and Shell.
struct oci_image_execution {
	char *user;
	char **exposed_ports;
	char **env;
	char **entrypoint;
	char **cmd;
	char **volumes;
	char *working_dir;
	GHashTable *labels;
	char *stop_signal;
	int64_t memory;
	int64_t memory_swap;
	int64_t cpu_shares;
	struct oci_healthcheck *healthcheck;
	bool args_escaped;
	char **on_build;
	char **shell;
	int64_t stop_timeout;
};
extern const struct berth_document oci_image_execution_document;

struct oci_rootfs {
	char *type; // layers
	char **diff_ids;
};
extern const struct berth_document oci_rootfs_document;

struct oci_history {
	char *created;
	char *created_by;
	char *author;
	char *comment;
	bool empty_layer;
};
extern const struct berth_document oci_history_document;

struct oci_image {
	char *created; // RFC 3339
	char *author;
	char *architecture;
	char *os;
	char *os_version;
	char **os_features;
	char *variant;
	struct oci_image_execution *config;
	struct oci_rootfs *rootfs;
	GPtrArray *history; // of struct oci_history
	json_t *build_cache; // Berth's extension: records of the build cache whose layers are the image's own
};
extern const struct berth_document oci_image_document;

// One element of a docker-archive's manifest.json.
struct oci_docker_archive_image {
	char *config;
	char **repo_tags;
	char **layers;
};
extern const struct berth_document oci_docker_archive_image_document;

BERTH_DOCUMENT_AUTOPTR(oci_platform, oci_platform_document)
BERTH_DOCUMENT_AUTOPTR(oci_descriptor, oci_descriptor_document)
BERTH_DOCUMENT_AUTOPTR(oci_manifest, oci_manifest_document)
BERTH_DOCUMENT_AUTOPTR(oci_index, oci_index_document)
BERTH_DOCUMENT_AUTOPTR(oci_image_layout, oci_image_layout_document)
BERTH_DOCUMENT_AUTOPTR(oci_healthcheck, oci_healthcheck_document)
BERTH_DOCUMENT_AUTOPTR(oci_image_execution, oci_image_execution_document)
BERTH_DOCUMENT_AUTOPTR(oci_rootfs, oci_rootfs_document)
BERTH_DOCUMENT_AUTOPTR(oci_history, oci_history_document)
BERTH_DOCUMENT_AUTOPTR(oci_image, oci_image_document)
BERTH_DOCUMENT_AUTOPTR(oci_docker_archive_image, oci_docker_archive_image_document)
