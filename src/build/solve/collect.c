// SPDX-License-Identifier: Apache-2.0
// The cache is kept small by itself: in a thread that is there only while it has something to do, so that no build
// waits for it.
#include "build/solve/builder.h"

#include "base/error.h"
#include "base/json.h"
#include "build/solve/cache-mount.h"
#include "build/solve/cache.h"

#include <sys/statvfs.h>

#define PAUSE_MICROSECONDS G_GINT64_CONSTANT(60000000) // between two collections
#define MEGABYTE G_GINT64_CONSTANT(1000000)
#define GIGABYTE (1000 * MEGABYTE)

// The usual bounds: parts of the disk, in percent, and where a large disk ends to count.
#define RESERVED_PART 10
#define RESERVED_MOST (10 * GIGABYTE)
#define USED_PART 60
#define USED_MOST (100 * GIGABYTE)
#define FREE_PART 20
#define EASY_BYTES (512 * MEGABYTE) // of what is easily had again

struct policy {
	unsigned references;
	struct berth_builder_policy is;
	GArray *rules; // of struct berth_build_prune
};

struct berth_collector {
	pthread_mutex_t lock; // of what follows
	pthread_cond_t changed;
	struct policy *policy;
	pthread_t thread;
	bool started, running; // started: to be joined
	bool wanted;
	int64_t next; // monotonic, microseconds: not before that
	gint ending; // atomic
};

static GHashTable *copy_filters(GHashTable *filters)
{
	GHashTable *copy = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_strfreev);
	GHashTableIter iter;
	gpointer name, values;

	g_hash_table_iter_init(&iter, filters);
	while (g_hash_table_iter_next(&iter, &name, &values))
		g_hash_table_insert(copy, g_strdup(name), g_strdupv(values));
	return copy;
}

static void rule_clear(void *data)
{
	struct berth_build_prune *rule = data;

	g_clear_pointer(&rule->filters, g_hash_table_unref);
}

static struct policy *policy_new(const struct berth_builder_policy *from)
{
	struct policy *policy = g_new0(struct policy, 1);

	policy->references = 1;
	policy->is = *from;
	policy->rules = g_array_new(FALSE, FALSE, sizeof(struct berth_build_prune));
	g_array_set_clear_func(policy->rules, rule_clear);
	for (size_t i = 0; i < from->rule_count; i++) {
		struct berth_build_prune rule = from->rules[i];
		rule.filters = rule.filters ? copy_filters(rule.filters) : NULL;
		g_array_append_val(policy->rules, rule);
	}
	return policy;
}

// With the collector's lock.
static void policy_unref(struct policy *policy)
{
	if (--policy->references > 0)
		return;
	g_array_unref(policy->rules);
	g_free(policy);
}

struct berth_collector *berth_collector_new(void)
{
	struct berth_collector *collector = g_new0(struct berth_collector, 1);

	pthread_mutex_init(&collector->lock, NULL);
	berth_cond_init(&collector->changed);
	collector->policy = policy_new(&(struct berth_builder_policy){0});
	return collector;
}

void berth_collector_free(struct berth_collector *collector)
{
	{
		BERTH_AUTO_UNLOCK locker = berth_lock(&collector->lock);
		g_atomic_int_set(&collector->ending, 1);
		pthread_cond_broadcast(&collector->changed);
	}
	if (collector->started)
		pthread_join(collector->thread, NULL);
	policy_unref(collector->policy);
	pthread_cond_destroy(&collector->changed);
	pthread_mutex_destroy(&collector->lock);
	g_free(collector);
}

// Rules

static GHashTable *filter(const char *first, const char *const *first_values, const char *age)
{
	GHashTable *filters = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_strfreev);
	const char *const ages[] = {age, NULL};

	if (first)
		g_hash_table_insert(filters, g_strdup(first), g_strdupv((char **) (uintptr_t) first_values));
	g_hash_table_insert(filters, g_strdup("unused-for"), g_strdupv((char **) (uintptr_t) ages));
	return filters;
}

// What is easily had again goes after two days, all after sixty; then what frees something when it goes, then the rest.
static void usual_rules(const struct berth_build_prune *bounds, struct berth_build_prune rules[4])
{
	static const char *const easy[] = {"source.local", "source.git.checkout", "exec.cachemount", NULL};

	rules[0] = (struct berth_build_prune){.filters = filter("type", easy, "48h"),
					      .all = true,
					      .keep_bytes = EASY_BYTES,
					      .max_used_bytes = EASY_BYTES};
	for (int i = 1; i < 4; i++)
		rules[i] = *bounds;
	rules[1].filters = filter(NULL, NULL, "1440h");
	rules[1].all = rules[3].all = true;
}

static struct berth_build_prune usual_bounds(const struct berth_builder *builder,
					     const struct berth_builder_policy *policy)
{
	struct berth_build_prune bounds = {.keep_bytes = policy->reserved_bytes,
					   .max_used_bytes = policy->max_used_bytes,
					   .min_free_bytes = policy->min_free_bytes};
	struct statvfs disk;

	if (bounds.keep_bytes > 0 || bounds.max_used_bytes > 0 || bounds.min_free_bytes > 0 ||
	    fstatvfs(builder->work, &disk) < 0)
		return bounds;
	int64_t size = (int64_t) (disk.f_blocks * disk.f_frsize);
	bounds.keep_bytes = MIN(size / 100 * RESERVED_PART, RESERVED_MOST);
	bounds.max_used_bytes = MIN(size / 100 * USED_PART, USED_MOST);
	bounds.min_free_bytes = size / 100 * FREE_PART;
	return bounds;
}

// Failures are the next one's matter.
static void collect(struct berth_builder *builder, const struct policy *policy)
{
	const struct berth_build_prune bounds = usual_bounds(builder, &policy->is);
	const struct berth_build_prune *rules = (const struct berth_build_prune *) (const void *) policy->rules->data;
	struct berth_build_prune usual[4] = {{0}};
	size_t count = policy->rules->len;
	g_auto(GStrv) ids = NULL;
	int64_t bytes;

	if (!policy->is.rules && bounds.keep_bytes + bounds.max_used_bytes + bounds.min_free_bytes > 0) {
		usual_rules(&bounds, usual);
		rules = usual;
		count = G_N_ELEMENTS(usual);
	}
	berth_build_cache_apply(builder, rules, count, &builder->collector->ending, &ids, &bytes, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(usual); i++)
		rule_clear(&usual[i]);
}

// The thread

static bool wait_for_turn(struct berth_collector *this)
{
	int64_t left;

	while (!g_atomic_int_get(&this->ending) && (left = this->next - g_get_monotonic_time()) > 0)
		berth_cond_wait_for(&this->changed, &this->lock, (long) left * 1000);
	return !g_atomic_int_get(&this->ending);
}

static void *run(void *data)
{
	struct berth_builder *builder = data;
	struct berth_collector *this = builder->collector;

	pthread_mutex_lock(&this->lock);
	while (this->wanted && wait_for_turn(this)) {
		struct policy *policy = this->policy;
		this->wanted = false;
		this->next = g_get_monotonic_time() + PAUSE_MICROSECONDS;
		policy->references++;
		pthread_mutex_unlock(&this->lock);
		if (!policy->is.no_collection)
			collect(builder, policy);
		pthread_mutex_lock(&this->lock);
		policy_unref(policy);
	}
	this->running = false;
	pthread_mutex_unlock(&this->lock);
	return NULL;
}

void berth_builder_collect(struct berth_builder *builder)
{
	struct berth_collector *this = builder->collector;
	BERTH_AUTO_UNLOCK locker = berth_lock(&this->lock);

	if (this->policy->is.no_collection)
		return;
	this->wanted = true;
	if (this->running)
		return;
	if (this->started) // it has let go of the lock for the last time
		pthread_join(this->thread, NULL);
	this->started = this->running = pthread_create(&this->thread, NULL, run, builder) == 0;
}

static bool note_one(void *data, const char *id, const char *name, const json_t *document)
{
	(void) id, (void) name, (void) document;
	*(bool *) data = true;
	return false;
}

static bool is_empty(const struct berth_builder *builder)
{
	g_autoptr(berth_transaction) transaction = berth_transaction_begin(berth_store_database(builder->store), NULL);
	bool any = false;

	if (transaction)
		berth_record_each(transaction, BERTH_RECORD_BUILD_CACHE, note_one, &any, NULL);
	if (transaction && !any)
		berth_record_each(transaction, BERTH_RECORD_BUILD_MOUNT, note_one, &any, NULL);
	return !any;
}

void berth_builder_set_policy(struct berth_builder *builder, const struct berth_builder_policy *policy)
{
	struct berth_collector *this = builder->collector;
	{
		BERTH_AUTO_UNLOCK locker = berth_lock(&this->lock);
		policy_unref(this->policy);
		this->policy = policy_new(policy);
		this->next = 0;
		pthread_cond_broadcast(&this->changed);
	}
	if (!is_empty(builder))
		berth_builder_collect(builder);
}

bool berth_builder_check_allowed(struct berth_builder *builder, const struct berth_build_request *request,
				 GError **error)
{
	struct berth_collector *this = builder->collector;
	const char *missing = NULL;
	{
		BERTH_AUTO_UNLOCK locker = berth_lock(&this->lock);
		const struct berth_builder_policy *policy = &this->policy->is;
		if (policy->no_insecure && request->allow_insecure)
			missing = "security.insecure";
		else if (policy->no_host_network &&
			 (request->allow_host_network || g_strcmp0(request->network, "host") == 0))
			missing = "network.host";
		else if (policy->no_devices && request->allow_devices)
			missing = "device";
	}
	return !missing ||
	       berth_error_set(error, BERTH_ERROR_FORBIDDEN,
			       "%s is not allowed by the engine's configuration (builder.entitlements)", missing);
}
