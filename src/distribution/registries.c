// SPDX-License-Identifier: Apache-2.0
// The engine's one client of registries, and credentials as documents.
#include "distribution/internal.h"

static const struct berth_field credentials_fields[] = {
	BERTH_STRING(struct berth_credentials, username, "username", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct berth_credentials, password, "password", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct berth_credentials, email, "email", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct berth_credentials, server_address, "serveraddress", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct berth_credentials, identity_token, "identitytoken", BERTH_OMIT_EMPTY),
	BERTH_STRING(struct berth_credentials, registry_token, "registrytoken", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document berth_credentials_document = {"credentials", sizeof(struct berth_credentials),
							  credentials_fields};

#define DOWNLOADS 3
#define UPLOADS 5
#define BACK_OFF 500
#define STALL 30000

struct berth_registries *berth_registries_new(const struct berth_registries_options *options, GError **error)
{
	struct berth_hosts *hosts = berth_hosts_new(options, error);
	struct berth_registries *registries;

	if (!hosts)
		return NULL;
	registries = g_new0(struct berth_registries, 1);
	registries->hosts = hosts;
	registries->http = berth_http_new();
	registries->tokens = berth_tokens_new();
	registries->downloads = options->downloads > 0 ? options->downloads : DOWNLOADS;
	registries->uploads = options->uploads > 0 ? options->uploads : UPLOADS;
	registries->backoff = options->backoff > 0 ? (unsigned) options->backoff : BACK_OFF;
	registries->stall = options->stall > 0 ? (unsigned) options->stall : STALL;
	return registries;
}

void berth_registries_free(struct berth_registries *registries)
{
	if (!registries)
		return;
	berth_tokens_free(registries->tokens);
	berth_http_free(registries->http);
	berth_hosts_free(registries->hosts);
	g_free(registries);
}

int berth_registries_downloads(const struct berth_registries *registries)
{
	return registries->downloads;
}

int berth_registries_uploads(const struct berth_registries *registries)
{
	return registries->uploads;
}
