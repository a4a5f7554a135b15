// SPDX-License-Identifier: Apache-2.0
#include "spec/names.h"

#include <arpa/inet.h>
#include <string.h>

#define FIRST_LINE "berth-names 1"

// A line's key and one of its values.
struct pair {
	char *key, *value;
	size_t number; // of its coming, which the values of a key keep
};

static void pair_clear(gpointer data)
{
	struct pair *pair = data;
	g_free(pair->key);
	g_free(pair->value);
}

// Takes both over.
static void add(GArray *pairs, char *key, char *value)
{
	struct pair pair = {key, value, pairs->len};
	g_array_append_val(pairs, pair);
}

// As inet_ntop() writes it, so that text compares. NULL: it is none.
static char *address_text(const char *text)
{
	char result[INET6_ADDRSTRLEN];
	uint8_t bytes[sizeof(struct in6_addr)];
	int family = text && strchr(text, ':') ? AF_INET6 : AF_INET;

	if (!text || inet_pton(family, text, bytes) != 1 || !inet_ntop(family, bytes, result, sizeof result))
		return NULL;
	return g_strdup(result);
}

static bool is_word(const char *text)
{
	for (const char *c = text; *c; c++)
		if (*c <= ' ' || *c >= 0x7f)
			return false;
	return *text != '\0';
}

static void add_name(GArray *pairs, const char *network, const struct berth_name *name)
{
	const char *const addresses[] = {name->ipv4, name->ipv6};
	g_autofree char *lower = name->name ? g_ascii_strdown(name->name, -1) : g_strdup("");
	g_autofree char *address_like = address_text(lower);

	if (!is_word(lower) || address_like)
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(addresses); i++) {
		g_autofree char *address = address_text(addresses[i]);
		if (!address)
			continue;
		add(pairs, g_strdup(lower), g_strdup(address));
		if (name->reverse)
			add(pairs, g_steal_pointer(&address),
			    is_word(network) ? g_strdup_printf("%s.%s", name->name, network) : g_strdup(name->name));
	}
}

static int compare_pairs(gconstpointer a, gconstpointer b)
{
	const struct pair *left = a, *right = b;
	int keys = strcmp(left->key, right->key);

	return keys ? keys : (left->number > right->number) - (left->number < right->number);
}

char *berth_names_print(const char *network, const struct berth_name *names, size_t count)
{
	g_autoptr(GArray) pairs = g_array_new(FALSE, FALSE, sizeof(struct pair));
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal); // values of the key
	GString *text = g_string_new(FIRST_LINE);
	const char *key = NULL;

	g_array_set_clear_func(pairs, pair_clear);
	if (is_word(network))
		g_string_append_printf(text, " %s", network);
	for (size_t i = 0; i < count; i++)
		add_name(pairs, network, &names[i]);
	g_array_sort(pairs, compare_pairs);
	for (unsigned i = 0; i < pairs->len; i++) {
		const struct pair *pair = &g_array_index(pairs, struct pair, i);
		if (!key || strcmp(key, pair->key) != 0) {
			key = pair->key;
			g_hash_table_remove_all(seen);
			g_string_append_printf(text, "\n%s", key);
		}
		if (g_hash_table_add(seen, pair->value))
			g_string_append_printf(text, " %s", pair->value);
	}
	g_string_append_c(text, '\n');
	return g_string_free(text, FALSE);
}

// Finding. A line is what lies before a newline or the text's end.

static const char *line_end(const char *line, const char *end)
{
	const char *newline = memchr(line, '\n', (size_t) (end - line));
	return newline ? newline : end;
}

// The line's key against the one that is looked for, in the order of the lines.
static int compare_key(const char *line, const char *end, const char *key, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char wanted = (unsigned char) g_ascii_tolower(key[i]);
		if (line + i == end)
			return -1;
		if ((unsigned char) line[i] != wanted)
			return (unsigned char) line[i] < wanted ? -1 : 1;
	}
	return line + length == end || line[length] == ' ' ? 0 : 1;
}

// The line with the key; NULL: there is none.
static const char *find_line(const char *begin, const char *end, const char *key, size_t length)
{
	while (begin < end) {
		const char *middle = begin + (end - begin) / 2;
		const char *newline = memrchr(begin, '\n', (size_t) (middle - begin));
		const char *line = newline ? newline + 1 : begin;
		const char *stop = line_end(line, end);
		int order = compare_key(line, stop, key, length);
		if (order == 0)
			return line;
		if (order > 0)
			end = line;
		else
			begin = stop < end ? stop + 1 : end;
	}
	return NULL;
}

static void call_for_values(const char *value, const char *end, berth_names_fn *each, void *data)
{
	while (value < end) {
		const char *space = memchr(value, ' ', (size_t) (end - value));
		const char *stop = space ? space : end;
		if (stop > value && !each(data, value, (size_t) (stop - value)))
			return;
		value = stop + 1;
	}
}

// The length of the key without "." and the network's name at its end; 0: it does not end so.
static size_t without_network(const char *key, size_t length, const char *network, size_t network_length)
{
	if (network_length == 0 || length < network_length + 2)
		return 0;
	size_t rest = length - network_length;
	return key[rest - 1] == '.' && g_ascii_strncasecmp(key + rest, network, network_length) == 0 ? rest - 1 : 0;
}

bool berth_names_find(const char *text, size_t length, const char *key, berth_names_fn *each, void *data)
{
	const size_t first = strlen(FIRST_LINE), key_length = strlen(key);
	const char *end = text + length;

	if (length <= first || memcmp(text, FIRST_LINE, first) != 0 || !is_word(key))
		return false;
	const char *lines = line_end(text, end), *network = text + first;
	if (network < lines && *network++ != ' ') // another version, which begins with this one's digits
		return false;
	size_t network_length = (size_t) (lines - network);
	lines = lines < end ? lines + 1 : end;
	const char *line = find_line(lines, end, key, key_length);
	size_t found = key_length;
	if (!line) {
		found = without_network(key, key_length, network, network_length);
		line = found > 0 ? find_line(lines, end, key, found) : NULL;
	}
	if (line)
		call_for_values(line + found, line_end(line, end), each, data);
	return line != NULL;
}
