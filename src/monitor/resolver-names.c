// SPDX-License-Identifier: Apache-2.0
#include "monitor/resolver-internal.h"

#include "base/fd.h"
#include "base/limits.h"
#include "spec/names.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>

#define TTL 5 // seconds; a container that is started anew may have another address

struct names_file {
	const char *path; // the settings'
	struct berth_resolver_stamp stamp;
	const char *text; // mapped; NULL: there is none
	size_t length;
	bool looked; // since the last refresh
};

struct berth_resolver_names {
	GHashTable *aliases; // lower case -> the settings' name; NULL: none
	uint64_t random;
	unsigned count;
	struct names_file files[];
};

bool berth_resolver__stamp(const char *path, struct berth_resolver_stamp *stamp)
{
	struct berth_resolver_stamp now = {0};
	struct stat status;

	if (stat(path, &status) == 0)
		now = (struct berth_resolver_stamp){.device = status.st_dev,
						    .inode = status.st_ino,
						    .seconds = status.st_mtim.tv_sec,
						    .nanoseconds = status.st_mtim.tv_nsec,
						    .size = status.st_size};
	bool changed = memcmp(&now, stamp, sizeof now) != 0;
	*stamp = now;
	return changed;
}

struct berth_resolver_names *berth_resolver__names_new(const struct berth_monitor_resolver *settings)
{
	unsigned count = settings->names ? g_strv_length(settings->names) : 0;
	struct berth_resolver_names *names = g_malloc0(sizeof *names + count * sizeof names->files[0]);
	GHashTableIter iter;
	gpointer alias, name;

	names->count = count;
	for (unsigned i = 0; i < count; i++)
		names->files[i].path = settings->names[i];
	if (getrandom(&names->random, sizeof names->random, GRND_NONBLOCK) < 0)
		names->random = (uint64_t) g_get_monotonic_time();
	names->random |= 1;
	if (!settings->aliases || g_hash_table_size(settings->aliases) == 0)
		return names;
	names->aliases = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_hash_table_iter_init(&iter, settings->aliases);
	while (g_hash_table_iter_next(&iter, &alias, &name))
		g_hash_table_insert(names->aliases, g_ascii_strdown(alias, -1), name);
	return names;
}

static void unmap(struct names_file *file)
{
	if (file->text)
		munmap((void *) file->text, file->length);
	file->text = NULL;
}

void berth_resolver__names_free(struct berth_resolver_names *names)
{
	if (!names)
		return;
	for (unsigned i = 0; i < names->count; i++)
		unmap(&names->files[i]);
	g_clear_pointer(&names->aliases, g_hash_table_unref);
	g_free(names);
}

void berth_resolver__names_refresh(struct berth_resolver_names *names)
{
	for (unsigned i = 0; i < names->count; i++)
		names->files[i].looked = false;
}

static void map(struct names_file *file)
{
	struct stat status;

	unmap(file);
	berth_fd fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size == 0 ||
	    status.st_size > BERTH_LIMIT_DNS_NAMES)
		return;
	file->length = (size_t) status.st_size;
	void *text = mmap(NULL, file->length, PROT_READ, MAP_SHARED, fd, 0);
	file->text = text == MAP_FAILED ? NULL : text;
}

static void look(struct names_file *file)
{
	if (file->looked)
		return;
	file->looked = true;
	if (berth_resolver__stamp(file->path, &file->stamp))
		map(file);
}

// The values of a name
struct address {
	int family;
	uint8_t bytes[sizeof(struct in6_addr)];
};
struct values {
	int family; // which addresses are wanted; AF_UNSPEC: all
	struct berth_dns_answer *names; // the values are names, which are added here
	unsigned count;
	struct address addresses[BERTH_LIMIT_DNS_ADDRESSES];
};

static bool take_value(void *data, const char *value, size_t length)
{
	struct values *values = data;
	char text[BERTH_DNS_NAME];

	if (length >= sizeof text)
		return true;
	memcpy(text, value, length);
	text[length] = '\0';
	if (values->names) {
		berth_dns_answer_name(values->names, text, TTL);
		return true;
	}
	struct address *address = &values->addresses[values->count];
	address->family = memchr(text, ':', length) ? AF_INET6 : AF_INET;
	if ((values->family == AF_UNSPEC || values->family == address->family) &&
	    inet_pton(address->family, text, address->bytes) == 1)
		values->count++;
	return values->count < G_N_ELEMENTS(values->addresses);
}

static uint64_t random_number(struct berth_resolver_names *names)
{
	names->random ^= names->random << 13;
	names->random ^= names->random >> 7;
	names->random ^= names->random << 17;
	return names->random;
}

// Each answer has the addresses in another order, so that askers who take the first one share the load.
static void add_addresses(struct berth_resolver_names *names, struct values *values, struct berth_dns_answer *answer)
{
	for (unsigned i = values->count; i > 0; i--) {
		unsigned chosen = (unsigned) (random_number(names) % i);
		const struct address *address = &values->addresses[chosen];
		berth_dns_answer_address(answer, address->family, address->bytes, TTL);
		values->addresses[chosen] = values->addresses[i - 1];
	}
}

static bool is_address(const char *name)
{
	struct in6_addr bytes;
	return inet_pton(AF_INET, name, &bytes) == 1 || inet_pton(AF_INET6, name, &bytes) == 1;
}

static bool take_none(void *data, const char *value, size_t length)
{
	(void) data;
	(void) value;
	(void) length;
	return false;
}

bool berth_resolver__names_answer(struct berth_resolver_names *names, const struct berth_dns_query *query,
				  struct berth_dns_answer *answer)
{
	char address[INET6_ADDRSTRLEN];
	const char *alias = names->aliases ? g_hash_table_lookup(names->aliases, query->name) : NULL;
	const char *key = alias ? alias : query->name;
	bool reverse = berth_dns_reverse(key, address), any = query->type == BERTH_DNS_ANY, known = false;
	struct values values;

	// A line for an address tells its name only to who asks in reverse.
	if (!*key || (!reverse && is_address(key)))
		return false;
	values.count = 0;
	values.family = query->type == BERTH_DNS_A ? AF_INET : query->type == BERTH_DNS_AAAA ? AF_INET6 : AF_UNSPEC;
	values.names = reverse ? answer : NULL;
	bool wanted = any || (reverse ? query->type == BERTH_DNS_PTR : values.family != AF_UNSPEC);
	for (unsigned i = 0; i < names->count && values.count == 0 && answer->count == 0; i++) {
		struct names_file *file = &names->files[i];
		look(file);
		known |= file->text && berth_names_find(file->text, file->length, reverse ? address : key,
							wanted ? take_value : take_none, &values);
	}
	add_addresses(names, &values, answer);
	return known;
}
