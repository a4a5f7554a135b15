// SPDX-License-Identifier: Apache-2.0
// What a host wants to see (Basic, or a Bearer token and where to get it), and the tokens that we have. Tokens are kept
// by host, server, scope and credentials, until they expire; of several threads that need one, one asks for it.
#include "base/error.h"
#include "base/json.h"
#include "base/lock.h"
#include "distribution/address.h"
#include "distribution/challenge.h"
#include "distribution/internal.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#define TOKENS_KEPT 256
#define TOKEN_LIMIT (64 << 10) // bytes of a token server's answer
#define TOKEN_SECONDS 60 // a token whose server does not tell
#define TOKEN_SECONDS_MAXIMUM 86400
#define CLIENT_ID "berth"
#define ASK_NANOSECONDS 100000000 // between two questions whether the work was canceled

struct token {
	char *text; // NULL: none yet
	int64_t expires; // monotonic seconds
	bool asking; // some thread is asking for it
};

struct berth_tokens {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	GHashTable *tokens; // struct token by key
	GHashTable *challenges; // struct berth_challenge by origin
};

static void free_token(void *data)
{
	struct token *token = data;

	g_free(token->text);
	g_free(token);
}

struct berth_tokens *berth_tokens_new(void)
{
	struct berth_tokens *tokens = g_new0(struct berth_tokens, 1);

	pthread_mutex_init(&tokens->lock, NULL);
	berth_cond_init(&tokens->changed);
	tokens->tokens = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_token);
	tokens->challenges =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify) berth_challenge_free);
	return tokens;
}

void berth_tokens_free(struct berth_tokens *tokens)
{
	if (!tokens)
		return;
	g_hash_table_unref(tokens->tokens);
	g_hash_table_unref(tokens->challenges);
	pthread_cond_destroy(&tokens->changed);
	pthread_mutex_destroy(&tokens->lock);
	g_free(tokens);
}

static int64_t seconds_now(void)
{
	return g_get_monotonic_time() / G_USEC_PER_SEC;
}

static bool has_password(const struct berth_credentials *credentials)
{
	return credentials && credentials->username && *credentials->username && credentials->password &&
	       *credentials->password;
}

static const struct berth_credentials *credentials_for(const struct berth_registry_client *client,
						       const struct berth_endpoint *endpoint)
{
	return endpoint->own ? client->credentials : NULL;
}

static char *basic(const struct berth_credentials *credentials)
{
	g_autofree char *pair = g_strconcat(credentials->username, ":", credentials->password, NULL);
	g_autofree char *text = g_base64_encode((const guchar *) pair, strlen(pair));

	return g_strconcat("Basic ", text, NULL);
}

static struct berth_challenge *copy_challenge(const struct berth_challenge *challenge)
{
	struct berth_challenge *copy = g_new0(struct berth_challenge, 1);

	copy->scheme = g_strdup(challenge->scheme);
	copy->realm = g_strdup(challenge->realm);
	copy->service = g_strdup(challenge->service);
	copy->scope = g_strdup(challenge->scope);
	return copy;
}

// What the origin wanted the last time, a copy; NULL: it is not known to want anything.
static struct berth_challenge *known_challenge(struct berth_tokens *tokens, const char *origin)
{
	pthread_mutex_lock(&tokens->lock);
	const struct berth_challenge *known = g_hash_table_lookup(tokens->challenges, origin);
	struct berth_challenge *copy = known ? copy_challenge(known) : NULL;
	pthread_mutex_unlock(&tokens->lock);
	return copy;
}

static void add_text(GString *query, const char *name, const char *text)
{
	g_autofree char *escaped = g_uri_escape_string(text, NULL, FALSE);

	g_string_append_printf(query, "&%s=%s", name, escaped);
}

// Several scopes are several parameters of a query, and one text in a form.
static void add_scope(GString *query, const char *scope, bool form)
{
	g_auto(GStrv) words = g_strsplit(scope ? scope : "", form ? "\n" : " ", -1);

	for (size_t i = 0; words[i]; i++)
		if (*words[i])
			add_text(query, "scope", words[i]);
}

// What stands in a header: visible ASCII.
static bool is_token(const char *text)
{
	for (const char *c = text; c && *c; c++)
		if (!g_ascii_isgraph(*c))
			return false;
	return text && *text;
}

static bool take_answer(struct berth_registry_client *client, const struct berth_http_response *response,
			const char *what, struct token *ret, GError **error)
{
	BERTH_AUTO_JSON json_t *json = berth_json_parse(response->body->str, response->body->len, what, error);
	const char *text = json_string_value(json_object_get(json, "token"));
	const char *refresh = json_string_value(json_object_get(json, "refresh_token"));
	const json_t *seconds = json_object_get(json, "expires_in");

	if (!json)
		return false;
	text = text && *text ? text : json_string_value(json_object_get(json, "access_token"));
	if (!is_token(text))
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s: the answer has no token", what);
	ret->text = g_strdup(text);
	ret->expires =
		json_is_integer(seconds) ? CLAMP(json_integer_value(seconds), 1, TOKEN_SECONDS_MAXIMUM) : TOKEN_SECONDS;
	if (client->login && is_token(refresh)) {
		g_free(client->refresh);
		client->refresh = g_strdup(refresh);
	}
	return true;
}

// The endpoint of the token server at `realm`, which is as trusted as what named it.
static struct berth_endpoint *open_server(struct berth_registry_client *client, const char *origin, const char *realm,
					  GError **error)
{
	struct berth_endpoint *server;

	if (!realm) {
		berth_error_set(error, BERTH_ERROR_INVALID, "the registry names a token server that is no http(s) URL");
		return NULL;
	}
	if (g_str_has_prefix(origin, "https:") && !g_str_has_prefix(realm, "https:")) {
		berth_error_set(error, BERTH_ERROR_INVALID,
				"the registry names a token server in plain HTTP, which is refused");
		return NULL;
	}
	server = g_new0(struct berth_endpoint, 1);
	server->authority = berth_url_authority(realm);
	server->base = g_strdup("");
	server->scheme = g_strndup(realm, (gsize) (strstr(realm, "://") - realm));
	if (berth_hosts_tls(client->registries->hosts, realm, &server->tls, error))
		return server;
	berth_endpoint_free(server);
	return NULL;
}

// A question to a token server.
struct question {
	struct berth_endpoint *server;
	char *realm;
	const char *service, *scope;
	const struct berth_credentials *credentials;
	char *what;
};

// GET with Basic, or POST with a refresh token (OAuth 2).
static bool send_question(struct berth_registry_client *client, const struct question *question, bool post,
			  struct berth_http_response *response, GError **error)
{
	static const char *const form[] = {"Content-Type: application/x-www-form-urlencoded", NULL};
	const struct berth_credentials *credentials = question->credentials;
	bool named = !post && has_password(credentials);
	g_autoptr(GString) query = g_string_new(NULL);
	g_autofree char *authorization = named ? basic(credentials) : NULL, *url = NULL;
	struct berth_registry_call call = {.method = post ? "POST" : "GET",
					   .bare = true,
					   .authorization = authorization,
					   .body_fd = -1,
					   .limit = TOKEN_LIMIT,
					   .what = question->what};

	if (question->service)
		add_text(query, "service", question->service);
	add_scope(query, question->scope, post);
	if (named)
		add_text(query, "account", credentials->username);
	if (post || (client->login && named))
		add_text(query, "client_id", CLIENT_ID);
	if (client->login && named)
		add_text(query, "offline_token", "true");
	if (post) {
		add_text(query, "grant_type", "refresh_token");
		add_text(query, "refresh_token", credentials->identity_token);
		call.headers = form;
		call.body = query->str + 1;
		call.length = (int64_t) query->len - 1;
	}
	if (post || query->len == 0)
		url = g_strdup(question->realm);
	else
		url = g_strconcat(question->realm, strchr(question->realm, '?') ? "&" : "?", query->str + 1, NULL);
	call.path = url;
	return berth_registry_client_send(client, question->server, &call, response, error);
}

static bool put_question(struct berth_registry_client *client, const struct question *question, struct token *ret,
			 GError **error)
{
	const struct berth_credentials *credentials = question->credentials;
	bool post = credentials && credentials->identity_token && *credentials->identity_token;
	struct berth_http_response response = {0};
	bool good = send_question(client, question, post, &response, error);

	if (good && post && has_password(credentials) && (response.status == 404 || response.status == 405)) {
		berth_http_response_clear(&response);
		good = send_question(client, question, false, &response, error);
	}
	if (good && response.status == 200)
		good = take_answer(client, &response, question->what, ret, error);
	else if (good)
		good = berth_response_error(client, &response, question->what, error);
	berth_http_response_clear(&response);
	return good;
}

// ret->expires is in how many seconds.
static bool ask_server(struct berth_registry_client *client, const struct berth_endpoint *endpoint, const char *origin,
		       const struct berth_challenge *challenge, const char *scope, struct token *ret, GError **error)
{
	struct question question = {
		.realm = berth_url_resolve(challenge->realm, ""),
		.service = challenge->service,
		.scope = scope,
		.credentials = credentials_for(client, endpoint),
	};
	bool good = false;

	question.server = open_server(client, origin, question.realm, error);
	if (question.server) {
		question.what = g_strdup_printf("token server %s", question.server->authority);
		good = put_question(client, &question, ret, error);
	}
	berth_endpoint_free(question.server);
	g_free(question.realm);
	g_free(question.what);
	return good;
}

static gboolean is_over(G_GNUC_UNUSED void *key, void *value, G_GNUC_UNUSED void *data)
{
	const struct token *token = value;

	return !token->asking && token->expires <= seconds_now();
}

// Until a token came, or it is time to ask whether anybody wants it still.
static void wait_a_while(struct berth_tokens *tokens)
{
	berth_cond_wait_for(&tokens->changed, &tokens->lock, ASK_NANOSECONDS);
}

// The entry of `key`, which this thread has to fill (asking), or NULL with *ret_text when it is there. With the lock.
static struct token *claim(struct berth_registry_client *client, const char *key, char **ret_text, GError **error)
{
	struct berth_tokens *tokens = client->registries->tokens;
	struct token *token;

	for (;;) {
		token = g_hash_table_lookup(tokens->tokens, key);
		if (!token || !token->asking)
			break;
		if (client->canceled && client->canceled(client->data)) {
			berth_error_set(error, BERTH_ERROR_CANCELED, "canceled");
			return NULL;
		}
		wait_a_while(tokens);
	}
	if (token && token->text && token->expires > seconds_now() && !client->login) {
		*ret_text = g_strdup(token->text);
		return NULL;
	}
	if (!token) {
		if (g_hash_table_size(tokens->tokens) >= TOKENS_KEPT)
			g_hash_table_foreach_remove(tokens->tokens, is_over, NULL);
		token = g_new0(struct token, 1);
		g_hash_table_insert(tokens->tokens, g_strdup(key), token);
	}
	token->asking = true;
	return token;
}

static char *key_of(const struct berth_registry_client *client, const struct berth_endpoint *endpoint,
		    const char *origin, const struct berth_challenge *challenge, const char *scope)
{
	return g_strjoin("\n", origin, challenge->realm ? challenge->realm : "",
			 challenge->service ? challenge->service : "", scope ? scope : "",
			 endpoint->own ? client->key : "", NULL);
}

static char *bearer(struct berth_registry_client *client, const struct berth_endpoint *endpoint, const char *origin,
		    const struct berth_challenge *challenge, const char *scope, GError **error)
{
	struct berth_tokens *tokens = client->registries->tokens;
	const char *wanted = scope ? scope : challenge->scope;
	g_autofree char *key = key_of(client, endpoint, origin, challenge, wanted), *text = NULL;
	struct token fresh = {0};

	pthread_mutex_lock(&tokens->lock);
	struct token *token = claim(client, key, &text, error);
	pthread_mutex_unlock(&tokens->lock);
	if (token) {
		bool good = ask_server(client, endpoint, origin, challenge, wanted, &fresh, error);
		pthread_mutex_lock(&tokens->lock);
		token->asking = false;
		g_free(token->text);
		token->text = good ? fresh.text : NULL;
		text = g_strdup(token->text);
		// One that is about to expire is of no use.
		token->expires = good ? seconds_now() + fresh.expires - MIN(fresh.expires / 10, 10) : 0;
		pthread_cond_broadcast(&tokens->changed);
		pthread_mutex_unlock(&tokens->lock);
	}
	return text ? g_strconcat("Bearer ", text, NULL) : NULL;
}

bool berth_authorize(struct berth_registry_client *client, const struct berth_endpoint *endpoint, const char *origin,
		     const char *scope, char **ret, GError **error)
{
	const struct berth_credentials *credentials = credentials_for(client, endpoint);
	struct berth_challenge *challenge;

	*ret = NULL;
	if (credentials && is_token(credentials->registry_token)) {
		*ret = g_strconcat("Bearer ", credentials->registry_token, NULL);
		return true;
	}
	challenge = known_challenge(client->registries->tokens, origin);
	if (!challenge)
		return true;
	if (g_str_equal(challenge->scheme, "basic")) {
		*ret = has_password(credentials) ? basic(credentials) : NULL;
		berth_challenge_free(challenge);
		return true;
	}
	*ret = bearer(client, endpoint, origin, challenge, scope, error);
	berth_challenge_free(challenge);
	if (*ret)
		return true;
	// Its registry may name another token server by now: the next request asks again.
	pthread_mutex_lock(&client->registries->tokens->lock);
	g_hash_table_remove(client->registries->tokens->challenges, origin);
	pthread_mutex_unlock(&client->registries->tokens->lock);
	return false;
}

// Forgets the token that was just refused.
static void forget(struct berth_tokens *tokens, const char *refused)
{
	GHashTableIter iterator;
	void *value;

	g_hash_table_iter_init(&iterator, tokens->tokens);
	while (g_hash_table_iter_next(&iterator, NULL, &value)) {
		struct token *token = value;
		if (token->text && g_str_equal(token->text, refused) && !token->asking)
			g_clear_pointer(&token->text, g_free);
	}
}

// Bearer rather than Basic, as others choose.
static const struct berth_challenge *choose(GPtrArray *challenges)
{
	const struct berth_challenge *chosen = NULL;

	for (guint i = 0; i < challenges->len; i++) {
		const struct berth_challenge *each = challenges->pdata[i];
		if (g_str_equal(each->scheme, "bearer") && each->realm)
			return each;
		if (g_str_equal(each->scheme, "basic"))
			chosen = each;
	}
	return chosen;
}

bool berth_take_challenge(struct berth_registry_client *client, const struct berth_endpoint *endpoint,
			  const char *origin, const struct berth_http_response *response, const char *sent)
{
	struct berth_tokens *tokens = client->registries->tokens;
	const struct berth_credentials *credentials = credentials_for(client, endpoint);
	g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func((GDestroyNotify) berth_challenge_free);
	const struct berth_challenge *chosen;

	for (guint i = 0; i < response->headers->len; i++) {
		const char *header = response->headers->pdata[i];
		if (g_str_has_prefix(header, "www-authenticate: "))
			g_ptr_array_extend_and_steal(all,
						     berth_challenges_parse(header + strlen("www-authenticate: ")));
	}
	chosen = choose(all);
	if (!chosen || (credentials && credentials->registry_token))
		return false;
	pthread_mutex_lock(&tokens->lock);
	if (sent && g_str_has_prefix(sent, "Bearer "))
		forget(tokens, sent + strlen("Bearer "));
	g_hash_table_replace(tokens->challenges, g_strdup(origin), copy_challenge(chosen));
	pthread_mutex_unlock(&tokens->lock);
	return g_str_equal(chosen->scheme, "bearer") || (has_password(credentials) && !sent);
}
