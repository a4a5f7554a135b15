// SPDX-License-Identifier: Apache-2.0
// A client of registries (OCI distribution specification 1.1, and what Docker's registries have beyond it). It knows
// repositories, manifests and blobs; what an image is, is the folder `image`'s matter.
//
// struct berth_registries is the engine's one client: how hosts are reached, connections that are kept, tokens. Any
// thread may use it. struct berth_repository is one repository in the course of one pull or push, with the credentials
// of who asked for it; several threads may use one at the same time.
//
// Credentials go to the host that they belong to, to the token server which that host names over TLS (or over plain
// HTTP when the host itself is spoken to in plain HTTP), and nowhere else: never to the target of a redirect to another
// host, never to a mirror that has none of its own, never into a message or a log.
//
// Errors: what the registry told is quoted with its code, cut to a line. 401 is BERTH_ERROR_UNAUTHORIZED, 403
// FORBIDDEN, 404 NOT_FOUND, 429 and 5xx (after retries with backoff that obeys Retry-After) UNAVAILABLE, an answer that
// contradicts the specification INVALID. When the caller's `canceled` says so, BERTH_ERROR_CANCELED.
#pragma once

#include "spec/oci-image.h"
#include "store/blob.h"

// How registries are reached: the engine's configuration.
struct berth_registries_options {
	char *const *insecure; // "host[:port]" or a CIDR: TLS is not verified, and plain HTTP is spoken where TLS is
			       // not understood. Hosts on loopback are so always, as with Docker. NULL: none
	char *const *mirrors; // "URL" for docker.io, or "HOST=URL" for another host; asked first, in this order
	char *const *certificates; // folders with <host[:port]>/{*.crt,*.cert,*.key}, Docker's certs.d; NULL: none
	int downloads, uploads; // at once of one pull or push; 0: 3 and 5, as Docker's
	int backoff; // milliseconds before the first second try, twice as many before each further one; 0: 500. Tests
		     // set it, so as not to wait
	int stall; // milliseconds after which a transfer in which nothing moves counts as interrupted; 0: 30000
};

struct berth_registries;
// BERTH_ERROR_INVALID names the entry that cannot be read.
struct berth_registries *berth_registries_new(const struct berth_registries_options *options, GError **error);
void berth_registries_free(struct berth_registries *registries);
int berth_registries_downloads(const struct berth_registries *registries);
int berth_registries_uploads(const struct berth_registries *registries);

// As X-Registry-Auth has them (base64url of this document). NULL members are not there.
struct berth_credentials {
	char *username, *password;
	char *email; // ignored
	char *server_address;
	char *identity_token; // an OAuth2 refresh token
	char *registry_token; // a Bearer token as it is
};
extern const struct berth_document berth_credentials_document;
BERTH_DOCUMENT_AUTOPTR(berth_credentials, berth_credentials_document)

// What work needs to be stopped: asked often, from several threads. May be NULL.
typedef bool berth_canceled_fn(void *data);

struct berth_repository_options {
	const char *domain; // "docker.io", "localhost:5000"
	const char *path; // "library/redis"
	bool push; // ask for the right to push, too
	const struct berth_credentials *credentials; // of `domain`; copied; may be NULL
	berth_canceled_fn *canceled;
	void *data;
};

// Speaks to nobody yet.
struct berth_repository *berth_repository_new(struct berth_registries *registries,
					      const struct berth_repository_options *options);
void berth_repository_free(struct berth_repository *repository);
typedef struct berth_repository berth_repository;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(berth_repository, berth_repository_free)

struct berth_manifest {
	char *media_type; // as answered and as the document itself says: where the two contradict, it is refused
	char *digest; // of its bytes
	char *text; // its bytes, NUL-terminated; NULL when only its head was asked for
	size_t length;
};
void berth_manifest_clear(struct berth_manifest *manifest);

// What `reference` (a tag or a digest) names, by HEAD where the registry can, else by GET; then `text` is there.
bool berth_repository_resolve(struct berth_repository *repository, const char *reference, struct berth_manifest *ret,
			      GError **error);
// Gets a manifest or index of any known media type, at most BERTH_LIMIT_MANIFEST bytes. Its digest is checked against
// `reference` if that is one, and against Docker-Content-Digest. A document with both "manifests" and "layers" is
// refused.
bool berth_repository_manifest(struct berth_repository *repository, const char *reference, struct berth_manifest *ret,
			       GError **error);
// All tags in the registry's order, through all pages; at most BERTH_LIMIT_TAGS. A new NULL-terminated array.
char **berth_repository_tags(struct berth_repository *repository, GError **error);

// Downloads a blob into `ingest`, behind what is there already (by Range; from the start if the registry cannot), until
// the descriptor's size is reached. Interrupted transfers are resumed, with backoff, while there is progress. A body
// that goes on behind the size is cut off and INVALID. Does not commit. `progress` is told how many bytes are there.
typedef void berth_transfer_fn(void *data, int64_t bytes);
bool berth_repository_fetch(struct berth_repository *repository, const struct oci_descriptor *descriptor,
			    struct berth_ingest *ingest, berth_transfer_fn *progress, void *data, GError **error);

// *ret says whether the repository has the blob.
bool berth_repository_has_blob(struct berth_repository *repository, const char *digest, bool *ret, GError **error);
// Asks for the blob to be taken from another repository of the same registry; *ret_mounted false: the registry wants it
// uploaded.
bool berth_repository_mount_blob(struct berth_repository *repository, const char *digest, const char *from,
				 bool *ret_mounted, GError **error);
// Uploads a blob of the store: in one request, or in chunks where the registry demands that (OCI-Chunk-Min-Length) or a
// request fails in the middle.
bool berth_repository_upload(struct berth_repository *repository, struct berth_blobs *blobs,
			     const struct oci_descriptor *descriptor, berth_transfer_fn *progress, void *data,
			     GError **error);
// Puts a manifest or index under `reference` (a tag or its digest).
bool berth_repository_put_manifest(struct berth_repository *repository, const char *reference,
				   const struct berth_manifest *manifest, GError **error);

// Whether the credentials are good for the host that they name (server_address; "" is docker.io). *ret_identity_token
// (the caller's) is the refresh token that the server gave, or NULL.
bool berth_registries_login(struct berth_registries *registries, const struct berth_credentials *credentials,
			    char **ret_identity_token, GError **error);

struct berth_found_repository {
	char *name; // familiar: without "docker.io/", with any other host
	char *description;
	int64_t stars;
	bool official, automated;
};
void berth_found_repository_free(struct berth_found_repository *found);
// Searches the host before the term's first slash if that is a host ("localhost:5000/bus"), else docker.io: by
// /v1/search, or where there is none through /v2/_catalog, whose names contain the term. At most `limit` (1 to 100).
// A new GPtrArray of struct berth_found_repository, with its free function set.
GPtrArray *berth_registries_search(struct berth_registries *registries, const char *term, int limit,
				   const struct berth_credentials *credentials, GError **error);
