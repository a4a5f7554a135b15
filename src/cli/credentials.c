// SPDX-License-Identifier: Apache-2.0
#include "cli/credentials.h"

#include "base/error.h"
#include "base/json.h"
#include "cli/config.h"
#include "cli/credential-helper.h"

#include <stdio.h>
#include <string.h>

#define TOKEN_USER "<token>" // a helper's name for an identity token

void berth_secret_free(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	g_free(secret);
}

void berth_login_clear(struct berth_login *login)
{
	g_free(login->username);
	berth_secret_free(login->password);
	berth_secret_free(login->identity_token);
	berth_secret_free(login->registry_token);
	*login = (struct berth_login){0};
}

// Keys

static char *key_of_host(const char *host)
{
	static const char *const hub[] = {"", "docker.io", "index.docker.io", "registry-1.docker.io", NULL};

	return g_strdup(g_strv_contains(hub, host) ? BERTH_DOCKER_HUB : host);
}

static char *host_of(const char *server)
{
	const char *scheme = strstr(server, "://"), *start = scheme ? scheme + 3 : server;

	return g_strndup(start, strcspn(start, "/"));
}

char *berth_login_key_of_server(const char *server)
{
	g_autofree char *host = host_of(server ? server : "");

	return key_of_host(host);
}

// "localhost:5000/name:tag"
static char *key_of_image(const char *image)
{
	g_autofree char *first = g_strndup(image, strcspn(image, "/"));
	bool host = strchr(image, '/') && (strpbrk(first, ".:") || strcmp(first, "localhost") == 0);

	return key_of_host(host ? first : "");
}

// The file

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text && *text ? text : NULL;
}

// The helper that keeps the credentials of a key, or NULL.
static const char *helper_of(const json_t *config, const char *key)
{
	const char *helper = text_of(json_object_get(config, "credHelpers"), key);

	return helper ? helper : text_of(config, "credsStore");
}

// The entry of a key in "auths"; old files have addresses where the host's name is expected.
static const json_t *entry_of(const json_t *config, const char *key)
{
	json_t *auths = json_object_get(config, "auths");
	const json_t *entry = json_object_get(auths, key);
	const char *name;
	json_t *value;

	if (entry)
		return entry;
	json_object_foreach(auths, name, value)
	{
		g_autofree char *other = berth_login_key_of_server(name);
		if (strcmp(other, key) == 0)
			return value;
	}
	return NULL;
}

static bool split_auth(const char *key, const char *auth, struct berth_login *ret, GError **error)
{
	size_t length;
	char *text = (char *) g_base64_decode(auth, &length);
	char *copy = g_strndup(text, length), *colon = strchr(copy, ':');

	explicit_bzero(text, length);
	g_free(text);
	if (colon) {
		ret->username = g_strndup(copy, (size_t) (colon - copy));
		ret->password = g_strdup(colon + 1);
	}
	berth_secret_free(copy);
	return colon ||
	       berth_error_set(error, BERTH_ERROR_INVALID,
			       BERTH_CONFIG_FILE ": auths: %s: what auth has is no \"user:password\" in base64", key);
}

static bool read_entry(const json_t *config, const char *key, struct berth_login *ret, GError **error)
{
	const json_t *entry = entry_of(config, key);
	const char *auth = text_of(entry, "auth");

	if (auth && !split_auth(key, auth, ret, error))
		return false;
	if (!auth) {
		ret->username = g_strdup(text_of(entry, "username"));
		ret->password = g_strdup(text_of(entry, "password"));
	}
	ret->identity_token = g_strdup(text_of(entry, "identitytoken"));
	ret->registry_token = g_strdup(text_of(entry, "registrytoken"));
	return true;
}

bool berth_login_find(const struct berth_cli *cli, const char *key, struct berth_login *ret, GError **error)
{
	BERTH_AUTO_JSON json_t *config = berth_config_load(cli, error);
	const char *helper = helper_of(config, key);
	char *username = NULL, *secret = NULL;

	*ret = (struct berth_login){0};
	if (!config)
		return false;
	if (!helper)
		return read_entry(config, key, ret, error);
	if (!berth_credential_helper_get(helper, key, &username, &secret, error))
		return false;
	if (username && strcmp(username, TOKEN_USER) == 0) {
		ret->identity_token = secret;
		g_free(username);
	} else {
		ret->username = username;
		ret->password = secret;
	}
	return true;
}

// Sets or (`entry` NULL) removes the key's entry in "auths"; all else of the file stays.
static bool change_entry(const struct berth_cli *cli, json_t *config, const char *key, json_t *entry, GError **error)
{
	json_t *auths = json_object_get(config, "auths");

	if (!json_is_object(auths))
		json_object_set_new(config, "auths", auths = json_object());
	if (entry)
		json_object_set_new(auths, key, entry);
	else
		json_object_del(auths, key);
	return berth_config_save(cli, config, error);
}

static json_t *make_entry(const struct berth_login *login)
{
	json_t *entry = json_object();
	char *pair = g_strdup_printf("%s:%s", login->username ? login->username : "",
				     login->password ? login->password : "");
	char *auth = g_base64_encode((const guchar *) pair, strlen(pair));

	json_object_set_new(entry, "auth", json_string(auth));
	if (login->identity_token)
		json_object_set_new(entry, "identitytoken", json_string(login->identity_token));
	berth_secret_free(pair);
	berth_secret_free(auth);
	return entry;
}

bool berth_login_store(const struct berth_cli *cli, const char *key, const struct berth_login *login, char **ret_helper,
		       GError **error)
{
	BERTH_AUTO_JSON json_t *config = berth_config_load(cli, error);
	const char *helper = helper_of(config, key);

	*ret_helper = NULL;
	if (!config)
		return false;
	if (!helper)
		return change_entry(cli, config, key, make_entry(login), error);
	const char *username = login->identity_token ? TOKEN_USER : login->username;
	const char *secret = login->identity_token ? login->identity_token : login->password;
	if (!berth_credential_helper_store(helper, key, username, secret, error))
		return false;
	*ret_helper = g_strdup(helper);
	return change_entry(cli, config, key, json_object(), error); // that there is something, and nothing of it
}

bool berth_login_erase(const struct berth_cli *cli, const char *key, bool *ret_found, GError **error)
{
	BERTH_AUTO_JSON json_t *config = berth_config_load(cli, error);
	const char *helper = helper_of(config, key);
	bool entry = json_object_get(json_object_get(config, "auths"), key) != NULL;

	*ret_found = entry;
	if (!config)
		return false;
	if (helper) {
		char *username = NULL, *secret = NULL;
		if (!berth_credential_helper_get(helper, key, &username, &secret, error))
			return false;
		*ret_found = entry || username;
		bool erased = !username || berth_credential_helper_erase(helper, key, error);
		g_free(username);
		berth_secret_free(secret);
		if (!erased)
			return false;
	}
	return !entry || change_entry(cli, config, key, NULL, error);
}

// What the engine is told

static void set(json_t *json, const char *name, const char *text)
{
	if (text)
		json_object_set_new(json, name, json_string(text));
}

char *berth_login_document(const char *key, const struct berth_login *login)
{
	BERTH_AUTO_JSON json_t *json = json_object();

	set(json, "username", login->username);
	set(json, "password", login->password);
	set(json, "serveraddress", key);
	set(json, "identitytoken", login->identity_token);
	set(json, "registrytoken", login->registry_token);
	return berth_json_text(json);
}

static char *auth_of_key(const struct berth_cli *cli, const char *key)
{
	struct berth_login login = {0};
	g_autoptr(GError) error = NULL;
	char *header = NULL;

	if (!berth_login_find(cli, key, &login, &error))
		fprintf(stderr, "WARNING: no credentials for %s: %s\n", key, error->message);
	if (login.username || login.identity_token || login.registry_token) {
		char *text = berth_login_document(key, &login);
		header = g_base64_encode((const guchar *) text, strlen(text));
		g_strdelimit(header, "+", '-');
		g_strdelimit(header, "/", '_');
		berth_secret_free(text);
	}
	berth_login_clear(&login);
	return header;
}

static char *base64url(const char *text)
{
	char *encoded = g_base64_encode((const guchar *) text, strlen(text));

	g_strdelimit(encoded, "+", '-');
	return g_strdelimit(encoded, "/", '_');
}

static void add_login(const struct berth_cli *cli, const char *key, json_t *all)
{
	struct berth_login login = {0};
	json_t *json;

	if (json_object_get(all, key))
		return;
	if (berth_login_find(cli, key, &login, NULL) &&
	    (login.username || login.identity_token || login.registry_token)) {
		char *text = berth_login_document(key, &login);
		json = json_loads(text, 0, NULL);
		json_object_set_new(all, key, json);
		berth_secret_free(text);
	}
	berth_login_clear(&login);
}

char *berth_registry_config(const struct berth_cli *cli)
{
	static const char *const members[] = {"auths", "credHelpers"};
	const json_t *config = berth_config_get(cli);
	BERTH_AUTO_JSON json_t *all = json_object();
	const char *name;
	json_t *value;

	for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
		json_object_foreach(json_object_get(config, members[i]), name, value)
		{
			g_autofree char *key = berth_login_key_of_server(name);
			add_login(cli, key, all);
		}
	}
	if (json_object_size(all) == 0)
		return NULL;
	char *text = berth_json_text(all);
	char *header = base64url(text);
	berth_secret_free(text);
	return header;
}

char *berth_registry_auth(const struct berth_cli *cli, const char *image)
{
	g_autofree char *key = key_of_image(image);

	return auth_of_key(cli, key);
}
