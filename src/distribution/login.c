// SPDX-License-Identifier: Apache-2.0
// Logging in: /v2/ with the credentials, by whatever the registry asks for. Where tokens come from a token server, that
// may give a refresh token, to be kept in place of the password.
#include "base/error.h"
#include "distribution/address.h"
#include "distribution/internal.h"

#include <string.h>

// "https://index.docker.io/v1/", "localhost:5000", "" to the domain of names; a new text, or NULL with *error.
static char *domain_of(const char *address, GError **error)
{
	const char *host = address ? strstr(address, "://") : NULL;
	g_autofree char *domain = NULL;

	host = host ? host + 3 : address ? address : "";
	domain = g_ascii_strdown(host, (gssize) strcspn(host, "/"));
	if (!*domain || g_str_equal(domain, "index.docker.io") || g_str_equal(domain, "registry-1.docker.io"))
		return g_strdup("docker.io");
	if (berth_authority_valid(domain))
		return g_steal_pointer(&domain);
	berth_error_set(error, BERTH_ERROR_INVALID, "invalid registry \"%s\": expected host[:port]", address);
	return NULL;
}

bool berth_registries_login(struct berth_registries *registries, const struct berth_credentials *credentials,
			    char **ret_identity_token, GError **error)
{
	g_autofree char *domain = domain_of(credentials->server_address, error);
	struct berth_endpoint *endpoint = domain ? berth_hosts_endpoint(registries->hosts, domain, error) : NULL;
	g_autofree char *what = g_strdup_printf("login to %s", domain);
	struct berth_http_response response = {0};
	struct berth_registry_client client;
	struct berth_registry_call call = {
		.method = "GET", .path = "/v2/", .body_fd = -1, .limit = 65536, .what = what};
	bool good;

	if (!endpoint)
		return false;
	berth_registry_client_init(&client, registries, credentials, NULL, NULL);
	client.login = true;
	good = berth_registry_client_send(&client, endpoint, &call, &response, error);
	if (good && response.status == 404)
		good = berth_error_set(error, BERTH_ERROR_NOT_FOUND, "%s: there is no registry of version 2", what);
	else if (good && response.status != 200)
		good = berth_response_error(&client, &response, what, error);
	if (good)
		*ret_identity_token = g_steal_pointer(&client.refresh);
	berth_http_response_clear(&response);
	berth_registry_client_clear(&client);
	berth_endpoint_free(endpoint);
	return good;
}
