// SPDX-License-Identifier: Apache-2.0
#include "engine/secret/secrets.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/moment.h"

#include <string.h>

struct secret_record {
	char *id, *name, *data; // base64
	GHashTable *labels;
	int64_t created, updated;
};

static const struct berth_field fields[] = {
	BERTH_STRING(struct secret_record, id, "id", BERTH_REQUIRED),
	BERTH_STRING(struct secret_record, name, "name", BERTH_REQUIRED),
	BERTH_STRING(struct secret_record, data, "data", BERTH_REQUIRED),
	BERTH_MAP(struct secret_record, labels, "labels", BERTH_OMIT_EMPTY),
	BERTH_INT64(struct secret_record, created, "created", BERTH_REQUIRED),
	BERTH_INT64(struct secret_record, updated, "updated", BERTH_REQUIRED),
	{0},
};
static const struct berth_document document = {"secret record", sizeof(struct secret_record), fields};

static void secret_free(struct secret_record *secret)
{
	if (secret && secret->data)
		explicit_bzero(secret->data, strlen(secret->data));
	berth_document_free(&document, secret);
}
typedef struct secret_record secret_record;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(secret_record, secret_free)

static bool check_name(const char *name, GError **error)
{
	size_t length = strlen(name);

	return (length >= 1 && length <= BERTH_LIMIT_SECRET_NAME && g_ascii_isalnum(*name) &&
		g_ascii_isalnum(name[length - 1]) &&
		strspn(name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_.-") == length) ||
	       berth_error_set(error, BERTH_ERROR_INVALID,
			       "invalid secret name \"%.64s\": 1 to %d letters, digits, \"_\", \".\" and \"-\", with a "
			       "letter or digit at both ends",
			       name, BERTH_LIMIT_SECRET_NAME);
}

static bool check_data(const char *data, GError **error)
{
	gsize length = 0;
	size_t text = strlen(data);
	bool base64 = text % 4 == 0 && strspn(data, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "+/=") == text;
	guchar *value = base64 ? g_base64_decode(data, &length) : NULL;

	berth_engine__secret_free(value, length);
	if (!base64)
		return berth_error_set(error, BERTH_ERROR_INVALID, "secret: Data is no base64");
	return (length >= 1 && length <= BERTH_LIMIT_SECRET_VALUE) ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "secret data must be larger than 0 and less than %d bytes",
			       BERTH_LIMIT_SECRET_VALUE);
}

static bool is_id(struct berth_transaction *transaction, const char *text)
{
	BERTH_AUTO_JSON json_t *json = berth_record_get(transaction, BERTH_RECORD_SECRET, text, NULL);

	return json != NULL;
}

// An id comes before a name: nobody can call a secret so that it takes another's place.
static char *find_id(struct berth_transaction *transaction, const char *text, GError **error)
{
	g_autoptr(GError) missing = NULL;
	if (is_id(transaction, text))
		return g_strdup(text);
	char *id = berth_record_id_of_name(transaction, BERTH_RECORD_SECRET, text, &missing);

	if (id)
		return id;
	g_auto(GStrv) ids = *text ? berth_record_ids_by_prefix(transaction, BERTH_RECORD_SECRET, text, 2, NULL) : NULL;
	if (ids && ids[0] && (!ids[1] || g_str_equal(ids[0], text)))
		return g_strdup(ids[0]);
	berth_error_set(error, ids && ids[0] ? BERTH_ERROR_INVALID : BERTH_ERROR_NOT_FOUND,
			ids && ids[0] ? "secret %s is ambiguous: several ids begin so" : "secret %s not found", text);
	return NULL;
}

static struct secret_record *get_by_id(struct berth_transaction *transaction, const char *id, GError **error)
{
	BERTH_AUTO_JSON json_t *json = berth_record_get(transaction, BERTH_RECORD_SECRET, id, error);

	return json ? berth_document_parse(&document, json, error) : NULL;
}

static struct secret_record *get(struct berth_transaction *transaction, const char *text, GError **error)
{
	g_autofree char *id = find_id(transaction, text, error);

	return id ? get_by_id(transaction, id, error) : NULL;
}

// One action, and what is told of it.
static bool commit(struct berth_engine *engine, struct berth_transaction *transaction,
		   const struct secret_record *secret, const char *action, GError **error)
{
	BERTH_AUTO_JSON json_t *events = json_array();
	GHashTable *attributes = berth_map_new();

	g_hash_table_insert(attributes, g_strdup("name"), g_strdup(secret->name));
	berth_engine__event_add_of(events, "secret", action, secret->id, attributes);
	if (!berth_engine__events_put(transaction, events, error) || !berth_transaction_commit(transaction, error))
		return false;
	BERTH_FAILPOINT("secret.recorded");
	berth_engine__events_told(engine);
	return true;
}

static bool put(struct berth_transaction *transaction, const struct secret_record *secret, GError **error)
{
	g_autoptr(GError) failure = NULL;

	if (berth_record_put_document(transaction, BERTH_RECORD_SECRET, secret->id, secret->name, &document, secret,
				      NULL, 0, &failure))
		return true;
	if (g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_CONFLICT))
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "secret %s already exists", secret->name);
	g_propagate_error(error, g_steal_pointer(&failure));
	return false;
}

char *berth_engine_secret_create(struct berth_engine *engine, const struct api_secret_create *create, GError **error)
{
	if (!check_name(create->name, error) || !check_data(create->data, error))
		return NULL;
	g_autoptr(secret_record) secret = berth_document_new(&document);
	secret->id = berth_engine__make_id(error);
	if (!secret->id)
		return NULL;
	secret->name = g_strdup(create->name);
	secret->data = g_strdup(create->data);
	secret->labels = berth_map_copy(create->labels);
	secret->created = secret->updated = berth_moment_now();
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(engine->database, error);
	if (!transaction || !put(transaction, secret, error) || !commit(engine, transaction, secret, "create", error))
		return NULL;
	return g_strdup(secret->id);
}

static struct api_secret *describe(const struct secret_record *secret)
{
	struct api_secret *answer = berth_document_new(&api_secret_document);
	char moment[BERTH_MOMENT_SIZE];

	answer->id = g_strdup(secret->id);
	berth_moment_format(secret->created, moment);
	answer->created_at = g_strdup(moment);
	berth_moment_format(secret->updated, moment);
	answer->updated_at = g_strdup(moment);
	answer->spec = g_new0(struct api_secret_spec, 1);
	answer->spec->name = g_strdup(secret->name);
	answer->spec->labels = berth_map_copy(secret->labels);
	return answer;
}

struct listing {
	GHashTable *filters;
	GPtrArray *list;
};

static bool matches(const struct secret_record *secret, GHashTable *filters)
{
	char *const *names = berth_engine__filter(filters, "name"), *const *ids = berth_engine__filter(filters, "id");
	bool named = !names || !*names, known = !ids || !*ids;

	for (; names && *names; names++)
		named = named || strstr(secret->name, *names);
	for (; ids && *ids; ids++)
		known = known || g_str_has_prefix(secret->id, *ids);
	return named && known && berth_engine__labels_pass(filters, secret->labels);
}

static bool list_one(void *data, G_GNUC_UNUSED const char *id, G_GNUC_UNUSED const char *name, const json_t *json)
{
	struct listing *listing = data;
	g_autoptr(secret_record) secret = berth_document_parse(&document, json, NULL);

	if (secret && matches(secret, listing->filters))
		g_ptr_array_add(listing->list, describe(secret));
	return true;
}

GPtrArray *berth_engine_secret_list(struct berth_engine *engine, GHashTable *filters, GError **error)
{
	static const char *const known[] = {"id", "label", "label!", "name", NULL};
	struct listing listing = {filters, NULL};

	if (!berth_filters_check(filters, known, error))
		return NULL;
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(engine->database, error);
	if (!transaction)
		return NULL;
	listing.list = berth_objects_new();
	if (berth_record_each(transaction, BERTH_RECORD_SECRET, list_one, &listing, error))
		return listing.list;
	berth_objects_free(listing.list, &api_secret_document);
	return NULL;
}

struct api_secret *berth_engine_secret_inspect(struct berth_engine *engine, const char *text, GError **error)
{
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(engine->database, error);
	g_autoptr(secret_record) secret = transaction ? get(transaction, text, error) : NULL;

	return secret ? describe(secret) : NULL;
}

bool berth_engine_secret_update(struct berth_engine *engine, const char *text, const struct api_secret_update *update,
				GError **error)
{
	if (update->data && !check_data(update->data, error))
		return false;
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(engine->database, error);
	g_autoptr(secret_record) secret = transaction ? get(transaction, text, error) : NULL;
	if (!secret)
		return false;
	if (update->data) {
		explicit_bzero(secret->data, strlen(secret->data));
		g_free(secret->data);
		secret->data = g_strdup(update->data);
	}
	if (update->labels) {
		g_hash_table_unref(secret->labels);
		secret->labels = berth_map_copy(update->labels);
	}
	secret->updated = berth_moment_now();
	if (!put(transaction, secret, error) || !commit(engine, transaction, secret, "update", error))
		return false;
	g_clear_pointer(&transaction, berth_transaction_free);
	if (update->data)
		berth_engine__secrets_rotate(engine, secret->id);
	return true;
}

bool berth_engine_secret_remove(struct berth_engine *engine, const char *text, GError **error)
{
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(engine->database, error);
	g_autoptr(secret_record) secret = transaction ? get(transaction, text, error) : NULL;
	g_auto(GStrv) users = secret ? berth_record_users(transaction, BERTH_RECORD_SECRET, secret->id, error) : NULL;

	if (!users)
		return false;
	if (*users)
		return berth_error_set(error, BERTH_ERROR_CONFLICT, "secret %s is in use by %s", secret->name, *users);
	return berth_record_remove(transaction, BERTH_RECORD_SECRET, secret->id, error) &&
	       commit(engine, transaction, secret, "remove", error);
}

guchar *berth_engine__secret_value(struct berth_engine *engine, const char *id, gsize *ret_length, GError **error)
{
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(engine->database, error);
	g_autoptr(secret_record) secret = transaction ? get_by_id(transaction, id, error) : NULL;

	return secret ? g_base64_decode(secret->data, ret_length) : NULL;
}

void berth_engine__secret_free(guchar *value, gsize length)
{
	if (value)
		explicit_bzero(value, length);
	g_free(value);
}

// Containers

static bool check_use(const struct api_secret_use *use, GError **error)
{
	const char *target = use->target ? use->target : "";
	g_auto(GStrv) parts = g_strsplit(target, "/", 0);

	if (g_strv_contains((const char *const *) parts, "..") || g_str_has_suffix(target, "/") ||
	    (*target && *target != '/' && strchr(target, '/')))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "secret %s: target \"%s\": is neither a name nor an absolute path without ..",
				       use->source, target);
	if (use->uid < 0 || use->gid < 0 || use->uid > INT32_MAX || use->gid > INT32_MAX || use->mode < 0 ||
	    use->mode > 07777)
		return berth_error_set(error, BERTH_ERROR_INVALID, "secret %s: uid, gid or mode is out of range",
				       use->source);
	return true;
}

static struct berth_container_secret *bind_one(struct berth_transaction *transaction, const struct api_secret_use *use,
					       GError **error)
{
	if (!check_use(use, error))
		return NULL;
	g_autoptr(secret_record) secret = get(transaction, use->source, error);
	if (!secret)
		return NULL;
	struct berth_container_secret *bound = berth_document_new(&berth_container_secret_document);
	bound->id = g_strdup(secret->id);
	bound->target = g_strdup(use->target && *use->target ? use->target : secret->name);
	bound->uid = use->uid;
	bound->gid = use->gid;
	bound->mode = use->mode;
	return bound;
}

bool berth_engine__secrets_bind(struct berth_engine *engine, struct berth_container_record *record, GError **error)
{
	const GPtrArray *uses = record->host_config->secrets;
	g_autoptr(GHashTable) targets = g_hash_table_new(g_str_hash, g_str_equal);

	if (!uses || uses->len == 0)
		return true;
	if (uses->len > BERTH_LIMIT_SECRETS)
		return berth_error_set(error, BERTH_ERROR_INVALID, "more than %d secrets", BERTH_LIMIT_SECRETS);
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(engine->database, error);
	if (!transaction)
		return false;
	record->secrets = berth_objects_new();
	for (guint i = 0; i < uses->len; i++) {
		struct berth_container_secret *bound = bind_one(transaction, uses->pdata[i], error);
		if (!bound)
			return false;
		g_ptr_array_add(record->secrets, bound);
		if (!g_hash_table_add(targets, bound->target))
			return berth_error_set(error, BERTH_ERROR_INVALID, "secrets: two have the target %s",
					       bound->target);
	}
	return true;
}
