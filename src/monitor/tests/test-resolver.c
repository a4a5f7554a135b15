// SPDX-License-Identifier: Apache-2.0
// The resolver in a loop, with servers of the test's own on addresses of the loopback interface: 127.0.1.1 and so on,
// all at one port.
#include "monitor/resolver.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "monitor/dns-message.h"
#include "spec/names.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#define SERVERS 3

// What a server of the test's does with a query.
enum conduct { ANSWER, SILENT, REFUSE, LIE, GREAT, NOBODY };

struct server {
	enum conduct conduct;
	int udp, tcp; // -1: nobody is there
	int connection; // the only one at a time; -1: none
	unsigned asked;
	struct sockaddr_in from; // of the last query
	uint16_t id;
};

struct world {
	char *folder, *names, *host_file;
	struct berth_loop loop;
	struct berth_resolver *resolver;
	struct berth_monitor_resolver *settings;
	struct server servers[SERVERS];
	uint16_t port; // of the servers
	struct sockaddr_in udp, tcp; // of the resolver
};

static struct sockaddr_in address_of(unsigned last, uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(0x7f000100 + last)};
}

static int listen_at(int type, struct sockaddr_in *address)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
	socklen_t length = sizeof *address;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	g_assert_cmpint(bind(fd, (struct sockaddr *) address, sizeof *address), ==, 0);
	if (type == SOCK_STREAM)
		g_assert_cmpint(listen(fd, 100), ==, 0);
	getsockname(fd, (struct sockaddr *) address, &length);
	return fd;
}

static void server_open(struct world *world, unsigned number)
{
	struct sockaddr_in address = address_of(number + 1, world->port);

	world->servers[number].connection = -1;
	world->servers[number].udp = listen_at(SOCK_DGRAM, &address);
	world->port = ntohs(address.sin_port); // the first one's is everybody's
	world->servers[number].tcp = listen_at(SOCK_STREAM, &address);
}

static void server_close(struct world *world, unsigned number)
{
	berth_fd_clear(&world->servers[number].udp);
	berth_fd_clear(&world->servers[number].tcp);
	berth_fd_clear(&world->servers[number].connection);
}

static void apply(struct world *world)
{
	int none[BERTH_LIMIT_PACKET_FDS] = {-1, -1};
	g_assert_true(berth_resolver_set(world->resolver, world->settings, none, NULL));
}

static void write_names(struct world *world, const struct berth_name *names, size_t count)
{
	g_autofree char *text = berth_names_print("front", names, count);
	g_assert_true(berth_write_file_at(AT_FDCWD, world->names, text, strlen(text), 0600, false, NULL));
}

static void world_begin(struct world *world, const void *data)
{
	static const struct berth_name names[] = {
		{"web", "172.18.0.2", "fd12::2", true},
		{"db", "172.18.0.3", NULL, true},
	};
	g_autoptr(GError) error = NULL;
	(void) data;

	world->folder = g_dir_make_tmp("berth-resolver-XXXXXX", NULL);
	world->names = g_build_filename(world->folder, "names", NULL);
	world->host_file = g_build_filename(world->folder, "resolv.conf", NULL);
	for (unsigned i = 0; i < SERVERS; i++)
		server_open(world, i);
	write_names(world, names, G_N_ELEMENTS(names));
	g_file_set_contents(world->host_file, "# ours\nnameserver 127.0.1.1 # first\n", -1, NULL);
	g_assert_true(berth_loop_open(&world->loop, NULL));
	world->resolver = berth_resolver_new(
		&world->loop, &(struct berth_resolver_setup){.host_file = world->host_file, .port = world->port});
	world->settings = berth_document_new(&berth_monitor_resolver_document);
	world->settings->names = g_strsplit(world->names, "\n", 0);
	world->settings->forward = true;
	world->udp = world->tcp = address_of(11, 0);
	int fds[BERTH_LIMIT_PACKET_FDS] = {listen_at(SOCK_DGRAM, &world->udp), listen_at(SOCK_STREAM, &world->tcp)};
	g_assert_true(berth_resolver_set(world->resolver, world->settings, fds, &error));
	g_assert_no_error(error);
	g_assert_cmpint(fds[0], ==, -1);
}

static void world_finish(struct world *world, const void *data)
{
	(void) data;
	berth_resolver_free(world->resolver);
	berth_loop_close(&world->loop);
	for (unsigned i = 0; i < SERVERS; i++)
		server_close(world, i);
	berth_document_free(&berth_monitor_resolver_document, world->settings);
	berth_remove_tree_at(AT_FDCWD, world->folder, NULL);
	g_free(world->folder);
	g_free(world->names);
	g_free(world->host_file);
}

// Servers

// The answer to a query, in place: an address that tells who answers.
static size_t conduct(struct server *server, unsigned number, uint8_t *message, size_t length, size_t limit)
{
	struct berth_dns_query query;
	struct berth_dns_answer answer;
	const uint8_t bytes[4] = {10, 0, 0, (uint8_t) (number + 1)};

	server->asked++;
	g_assert_cmpint(berth_dns_read_query(message, length, &query), ==, BERTH_DNS_NO_ERROR);
	server->id = query.id;
	if (server->conduct == SILENT)
		return 0;
	if (server->conduct == REFUSE)
		return berth_dns_answer_code(message, limit, &query, BERTH_DNS_REFUSED);
	berth_dns_answer_begin(&answer, message, limit, &query);
	for (unsigned i = 0; i < (server->conduct == GREAT ? 300 : 1); i++)
		berth_dns_answer_address(&answer, AF_INET, bytes, 60);
	return berth_dns_answer_end(&answer, BERTH_DNS_NO_ERROR);
}

static void serve_udp(struct server *server, unsigned number)
{
	uint8_t message[BERTH_DNS_MESSAGE];
	socklen_t length = sizeof server->from;
	ssize_t received =
		recvfrom(server->udp, message, sizeof message, 0, (struct sockaddr *) &server->from, &length);

	if (received < 0)
		return;
	size_t answer = conduct(server, number, message, (size_t) received, sizeof message);
	if (server->conduct == LIE) {
		// First answers that are none: another id, another question, another server's.
		message[0] ^= 1;
		sendto(server->udp, message, answer, 0, (struct sockaddr *) &server->from, length);
		message[0] ^= 1;
		message[13] ^= 1;
		sendto(server->udp, message, answer, 0, (struct sockaddr *) &server->from, length);
		message[13] ^= 1;
		message[answer - 1] = 66;
		berth_fd other = socket(AF_INET, SOCK_DGRAM, 0);
		sendto(other, message, answer, 0, (struct sockaddr *) &server->from, length);
		message[answer - 1] = (uint8_t) (number + 1);
	}
	if (answer > 0)
		sendto(server->udp, message, answer, 0, (struct sockaddr *) &server->from, length);
}

// One question of one connection, once it is there.
static void serve_tcp(struct server *server, unsigned number)
{
	uint8_t message[2 + BERTH_DNS_MESSAGE];

	if (server->connection < 0)
		server->connection = accept4(server->tcp, NULL, NULL, SOCK_CLOEXEC);
	if (server->connection < 0 || recv(server->connection, message, 1, MSG_PEEK | MSG_DONTWAIT) < 1)
		return;
	berth_fd socket = berth_fd_steal(&server->connection);
	g_assert_cmpint(berth_read_full(socket, message, 2), ==, 2);
	size_t length = (size_t) (message[0] << 8 | message[1]);
	g_assert_cmpint(berth_read_full(socket, message + 2, length), ==, length);
	size_t answer = conduct(server, number, message + 2, length, BERTH_DNS_MESSAGE);
	message[0] = (uint8_t) (answer >> 8);
	message[1] = (uint8_t) answer;
	if (answer > 0)
		g_assert_true(berth_write_all(socket, message, 2 + answer, "answer", NULL));
}

static void turn_within(struct world *world, int milliseconds)
{
	berth_loop_turn(&world->loop, milliseconds);
	for (unsigned i = 0; i < SERVERS; i++) {
		if (world->servers[i].udp < 0)
			continue;
		serve_udp(&world->servers[i], i);
		serve_tcp(&world->servers[i], i);
	}
}

static void turn(struct world *world)
{
	turn_within(world, 5);
}

// Askers

static GByteArray *query_of(uint16_t id, const char *name, uint16_t type, unsigned payload)
{
	GByteArray *message = g_byte_array_new();
	uint8_t head[BERTH_DNS_HEADER] = {(uint8_t) (id >> 8), (uint8_t) id, 1, [5] = 1, [11] = payload > 0};
	const uint8_t tail[] = {0, (uint8_t) (type >> 8), (uint8_t) type, 0, 1};
	const uint8_t opt[11] = {0, 0, BERTH_DNS_OPT, (uint8_t) (payload >> 8), (uint8_t) payload};
	g_auto(GStrv) labels = g_strsplit(name, ".", 0);

	g_byte_array_append(message, head, sizeof head);
	for (char **label = labels; *label; label++) {
		uint8_t length = (uint8_t) strlen(*label);
		if (length == 0)
			continue;
		g_byte_array_append(message, &length, 1);
		g_byte_array_append(message, (uint8_t *) *label, length);
	}
	g_byte_array_append(message, tail, sizeof tail);
	if (payload > 0)
		g_byte_array_append(message, opt, sizeof opt);
	return message;
}

static int open_udp(struct world *world)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	g_assert_cmpint(connect(fd, (struct sockaddr *) &world->udp, sizeof world->udp), ==, 0);
	return fd;
}

static int open_tcp(struct world *world)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	g_assert_cmpint(connect(fd, (struct sockaddr *) &world->tcp, sizeof world->tcp), ==, 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

#define WAIT (8 * G_USEC_PER_SEC)

// Waits for a datagram. -1: none came.
static ssize_t wait_udp(struct world *world, int fd, uint8_t *ret, size_t size, int64_t wait)
{
	for (int64_t end = g_get_monotonic_time() + wait; g_get_monotonic_time() < end;) {
		turn(world);
		ssize_t length = recv(fd, ret, size, 0);
		if (length >= 0)
			return length;
	}
	return -1;
}

// Waits for so many bytes of a stream; fewer when it was closed.
static size_t wait_tcp(struct world *world, int fd, uint8_t *ret, size_t size)
{
	size_t count = 0;

	for (int64_t end = g_get_monotonic_time() + WAIT; count < size && g_get_monotonic_time() < end;) {
		ssize_t length = recv(fd, ret + count, size - count, 0);
		if (length == 0 || (length < 0 && errno != EAGAIN))
			break;
		if (length < 0)
			turn(world);
		count += length > 0 ? (size_t) length : 0;
	}
	return count;
}

static size_t wait_tcp_answer(struct world *world, int fd, uint8_t *ret)
{
	g_assert_cmpint(wait_tcp(world, fd, ret, 2), ==, 2);
	size_t length = (size_t) (ret[0] << 8 | ret[1]);
	g_assert_cmpint(wait_tcp(world, fd, ret, length), ==, length);
	return length;
}

static void send_tcp(int fd, const GByteArray *query)
{
	const uint8_t prefix[2] = {(uint8_t) (query->len >> 8), (uint8_t) query->len};
	g_assert_cmpint(send(fd, prefix, 2, MSG_NOSIGNAL), ==, 2);
	g_assert_cmpint(send(fd, query->data, query->len, MSG_NOSIGNAL), ==, query->len);
}

static int compare_words(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

// The answer in words: addresses and names of its records, or its code; sorted, as their order is by chance.
static char *words_of(const uint8_t *message, size_t length, size_t question_end)
{
	static const char *const codes[] = {"nothing", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"};
	g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
	size_t at = question_end;

	g_assert_cmpint(length, >=, question_end);
	for (unsigned i = 0; i < (unsigned) (message[6] << 8 | message[7]); i++) {
		char text[INET6_ADDRSTRLEN];
		size_t data = (size_t) (message[at + 10] << 8 | message[at + 11]);
		g_assert_cmpint(at + 12 + data, <=, length);
		if (message[at + 3] == BERTH_DNS_PTR) {
			GString *name = g_string_new(NULL);
			for (const uint8_t *label = message + at + 12; *label; label += 1 + *label)
				g_string_append_printf(name, "%.*s.", *label, label + 1);
			g_ptr_array_add(words, g_string_free(name, FALSE));
		} else {
			inet_ntop(data == 4 ? AF_INET : AF_INET6, message + at + 12, text, sizeof text);
			g_ptr_array_add(words, g_strdup(text));
		}
		at += 12 + data;
	}
	if (words->len == 0)
		g_ptr_array_add(words, g_strdup(codes[message[3] & 15]));
	g_ptr_array_sort(words, compare_words);
	g_ptr_array_add(words, NULL);
	return g_strjoinv(" ", (char **) words->pdata);
}

// Asks by UDP.
static char *ask(struct world *world, const char *name, uint16_t type)
{
	static uint16_t id = 7000;
	uint8_t message[BERTH_DNS_MESSAGE];
	g_autoptr(GByteArray) query = query_of(++id, name, type, 0);
	berth_fd fd = open_udp(world);

	g_assert_cmpint(send(fd, query->data, query->len, 0), ==, query->len);
	ssize_t length = wait_udp(world, fd, message, sizeof message, WAIT);
	if (length < 0)
		return g_strdup("silence");
	g_assert_true(berth_dns_answers(message, (size_t) length, query->data, query->len));
	return words_of(message, (size_t) length, query->len);
}

#define assert_answer(world, name, type, words)                                                                        \
	do {                                                                                                           \
		g_autofree char *answer_ = ask(world, name, type);                                                     \
		g_assert_cmpstr(answer_, ==, words);                                                                   \
	} while (0)

static unsigned asked(const struct world *world)
{
	return world->servers[0].asked + world->servers[1].asked + world->servers[2].asked;
}

// Tests

static void test_names(struct world *world, const void *data)
{
	(void) data;
	assert_answer(world, "web", BERTH_DNS_A, "172.18.0.2");
	assert_answer(world, "WEB.", BERTH_DNS_AAAA, "fd12::2");
	assert_answer(world, "web.Front", BERTH_DNS_A, "172.18.0.2");
	assert_answer(world, "web", BERTH_DNS_ANY, "172.18.0.2 fd12::2");
	assert_answer(world, "db", BERTH_DNS_AAAA, "nothing");
	assert_answer(world, "web", 15, "nothing"); // where mail goes
	assert_answer(world, "2.0.18.172.in-addr.arpa", BERTH_DNS_PTR, "web.front.");
	assert_answer(world, "2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.1.d.f.ip6.arpa", BERTH_DNS_PTR,
		      "web.front.");
	assert_answer(world, "2.0.18.172.in-addr.arpa", BERTH_DNS_A, "nothing");
	g_assert_cmpint(asked(world), ==, 0); // nothing of this is anybody else's business
	assert_answer(world, "172.18.0.2", BERTH_DNS_A, "10.0.0.1");
	assert_answer(world, "9.0.18.172.in-addr.arpa", BERTH_DNS_PTR, "10.0.0.1");
	assert_answer(world, "web.back", BERTH_DNS_A, "10.0.0.1");
}

static void test_changes(struct world *world, const void *data)
{
	static const struct berth_name names[] = {{"web", "172.18.0.9", NULL, true}};
	(void) data;

	assert_answer(world, "web", BERTH_DNS_A, "172.18.0.2");
	for (int i = 0; i < 3; i++) {
		write_names(world, names, 1);
		assert_answer(world, "web", BERTH_DNS_A, "172.18.0.9");
		write_names(world, names, 0);
		assert_answer(world, "web", BERTH_DNS_A, "10.0.0.1");
	}
	write_names(world, names, 1);
	// Further settings: two networks, of which the first that has the address answers; an alias of a link.
	g_autofree char *second = g_build_filename(world->folder, "second", NULL);
	static const struct berth_name others[] = {{"web", "172.19.0.1", "fd13::1", true},
						   {"pg", "172.19.0.2", NULL, true}};
	g_autofree char *text = berth_names_print("back", others, 2);
	g_assert_true(berth_write_file_at(AT_FDCWD, second, text, strlen(text), 0600, false, NULL));
	g_strfreev(world->settings->names);
	world->settings->names =
		(char **) g_memdup2((char *[]){g_strdup(world->names), g_strdup(second), NULL}, 3 * sizeof(char *));
	world->settings->aliases = berth_map_new();
	g_hash_table_insert(world->settings->aliases, g_strdup("Database"), g_strdup("pg"));
	apply(world);
	assert_answer(world, "web", BERTH_DNS_A, "172.18.0.9");
	assert_answer(world, "web", BERTH_DNS_AAAA, "fd13::1");
	assert_answer(world, "web.back", BERTH_DNS_A, "172.19.0.1");
	assert_answer(world, "DATABASE", BERTH_DNS_A, "172.19.0.2");
	g_assert_cmpint(unlink(world->names), ==, 0);
	assert_answer(world, "web", BERTH_DNS_A, "172.19.0.1");
	g_assert_cmpint(asked(world), ==, 3);
}

static void test_round_robin(struct world *world, const void *data)
{
	static const struct berth_name names[] = {
		{"web", "10.1.0.1", NULL, true}, {"web", "10.1.0.2", NULL, true}, {"web", "10.1.0.3", NULL, true}};
	unsigned firsts[4] = {0};
	uint8_t message[512];
	(void) data;

	write_names(world, names, G_N_ELEMENTS(names));
	assert_answer(world, "web", BERTH_DNS_A, "10.1.0.1 10.1.0.2 10.1.0.3");
	g_autoptr(GByteArray) query = query_of(1, "web", BERTH_DNS_A, 0);
	berth_fd fd = open_udp(world);
	for (int i = 0; i < 300; i++) {
		g_assert_cmpint(send(fd, query->data, query->len, 0), ==, query->len);
		g_assert_cmpint(wait_udp(world, fd, message, sizeof message, WAIT), >, 0);
		firsts[message[query->len + 15]]++;
	}
	for (int i = 1; i <= 3; i++)
		g_assert_cmpint(firsts[i], >, 50);
}

static void test_sizes(struct world *world, const void *data)
{
	enum { COUNT = 400 };
	static struct berth_name names[COUNT];
	static char addresses[COUNT][INET_ADDRSTRLEN];
	static const struct {
		unsigned payload; // 0: no EDNS
		bool truncated;
	} cases[] = {{0, true}, {512, true}, {1232, true}, {4096, true}};
	uint8_t message[BERTH_DNS_MESSAGE];
	(void) data;

	for (unsigned i = 0; i < COUNT; i++) {
		g_snprintf(addresses[i], sizeof addresses[i], "10.2.%u.%u", i / 200, i % 200);
		names[i] = (struct berth_name){"web", addresses[i], NULL, true};
	}
	write_names(world, names, COUNT);
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GByteArray) query = query_of(1, "web", BERTH_DNS_A, cases[i].payload);
		berth_fd fd = open_udp(world);
		g_assert_cmpint(send(fd, query->data, query->len, 0), ==, query->len);
		ssize_t length = wait_udp(world, fd, message, sizeof message, WAIT);
		g_assert_cmpint(length, <=, MAX(cases[i].payload, 512));
		g_assert_cmpint(length, >, MAX(cases[i].payload, 512) - 32);
		g_assert_cmpint((message[2] & 2) != 0, ==, cases[i].truncated);
		g_assert_cmpint(message[11], ==, cases[i].payload > 0);
	}
	g_autoptr(GByteArray) query = query_of(1, "web", BERTH_DNS_A, 0);
	berth_fd fd = open_tcp(world);
	send_tcp(fd, query);
	size_t length = wait_tcp_answer(world, fd, message);
	g_assert_cmpint(length, ==, query->len + 16 * COUNT);
	g_assert_cmpint(message[2] & 2, ==, 0);
}

static void test_forward(struct world *world, const void *data)
{
	struct server *first = &world->servers[0];
	uint16_t ids[8], ports[8];
	unsigned same = 0;
	(void) data;

	first->conduct = LIE; // and tells the truth after that
	for (int i = 0; i < 8; i++) {
		assert_answer(world, "example.test", BERTH_DNS_A, "10.0.0.1");
		ids[i] = first->id;
		ports[i] = first->from.sin_port;
		same += i > 0 && (ids[i] - ids[i - 1] == 1 || ids[i] == ids[i - 1] || ports[i] == ports[i - 1]);
	}
	g_assert_cmpint(same, <, 2); // by chance
	first->conduct = REFUSE;
	assert_answer(world, "example.test", BERTH_DNS_A, "REFUSED"); // there is no other
	assert_answer(world, "example.test", BERTH_DNS_AXFR, "REFUSED");
	g_assert_cmpint(first->asked, ==, 9);

	// Too long for who asked, who then comes by TCP.
	uint8_t message[BERTH_DNS_MESSAGE];
	first->conduct = GREAT;
	for (unsigned payload = 0; payload <= 8192; payload += 8192) {
		g_autoptr(GByteArray) query = query_of(3, "great.test", BERTH_DNS_A, payload);
		size_t question = query->len - (payload > 0 ? 11 : 0);
		berth_fd fd = open_udp(world);
		g_assert_cmpint(send(fd, query->data, query->len, 0), ==, query->len);
		ssize_t length = wait_udp(world, fd, message, sizeof message, WAIT);
		g_assert_cmpint(length, ==, payload > 0 ? (ssize_t) (query->len + 4800) : (ssize_t) question);
		g_assert_cmpint(message[2] & 2, ==, payload > 0 ? 0 : 2);
	}
	g_autoptr(GByteArray) query = query_of(0x4321, "great.test", BERTH_DNS_A, 0);
	berth_fd fd = open_tcp(world);
	send_tcp(fd, query);
	size_t length = wait_tcp_answer(world, fd, message);
	g_assert_cmpint(length, ==, query->len + 4800);
	g_assert_cmpmem(message, 2, "\x43\x21", 2);
}

static void test_failover(struct world *world, const void *data)
{
	(void) data;
	g_file_set_contents(world->host_file,
			    "nameserver 127.0.1.1\n;nameserver 127.0.1.9\nnameserver\t127.0.1.2\nnameserver x\n"
			    "search a b\noptions edns0 timeout:1 attempts:1\n",
			    -1, NULL);
	world->servers[0].conduct = SILENT;
	for (unsigned i = 1; i <= 2; i++) {
		int64_t begun = g_get_monotonic_time();
		assert_answer(world, "a.test", BERTH_DNS_A, "10.0.0.2");
		g_assert_cmpint(g_get_monotonic_time() - begun, >, 900000);
		g_assert_cmpint(world->servers[0].asked, ==, i);
	}
	// It is known to be dead now; as the other one fails, it is asked nevertheless.
	int64_t begun = g_get_monotonic_time();
	assert_answer(world, "a.test", BERTH_DNS_A, "10.0.0.2");
	g_assert_cmpint(g_get_monotonic_time() - begun, <, 900000);
	g_assert_cmpint(world->servers[0].asked, ==, 2);
	world->servers[0].conduct = ANSWER;
	world->servers[1].conduct = REFUSE;
	assert_answer(world, "a.test", BERTH_DNS_A, "10.0.0.1");
	world->servers[1].conduct = ANSWER;
	assert_answer(world, "a.test", BERTH_DNS_A, "10.0.0.1"); // and alive
	// Nobody listens there: nothing is waited for.
	server_close(world, 0);
	begun = g_get_monotonic_time();
	assert_answer(world, "a.test", BERTH_DNS_A, "10.0.0.2");
	server_close(world, 1);
	assert_answer(world, "a.test", BERTH_DNS_A, "SERVFAIL");
	g_assert_cmpint(g_get_monotonic_time() - begun, <, 900000);
	// Over TCP, too.
	server_open(world, 1);
	uint8_t message[512];
	g_autoptr(GByteArray) query = query_of(1, "a.test", BERTH_DNS_A, 0);
	berth_fd fd = open_tcp(world);
	send_tcp(fd, query);
	size_t length = wait_tcp_answer(world, fd, message);
	g_autofree char *words = words_of(message, length, query->len);
	g_assert_cmpstr(words, ==, "10.0.0.2");
}

static void test_servers(struct world *world, const void *data)
{
	(void) data;
	assert_answer(world, "a.test", BERTH_DNS_A, "10.0.0.1");
	g_file_set_contents(world->host_file, "nameserver 127.0.1.2\n", -1, NULL);
	assert_answer(world, "a.test", BERTH_DNS_A, "10.0.0.2");
	g_file_set_contents(world->host_file, "options rotate\nnameserver 127.0.1.1\nnameserver 127.0.1.3\n", -1, NULL);
	for (int i = 0; i < 4; i++) {
		assert_answer(world, "a.test", BERTH_DNS_A, i % 2 ? "10.0.0.3" : "10.0.0.1");
	}
	// Given ones take their place.
	world->settings->servers = g_strsplit("127.0.1.2", " ", 0);
	apply(world);
	assert_answer(world, "a.test", BERTH_DNS_A, "10.0.0.2");
	// None at all: the host's own, which is not there.
	g_clear_pointer(&world->settings->servers, g_strfreev);
	apply(world);
	g_assert_cmpint(unlink(world->host_file), ==, 0);
	assert_answer(world, "a.test", BERTH_DNS_A, "SERVFAIL");
	// Nobody may be asked.
	g_file_set_contents(world->host_file, "nameserver 127.0.1.1\n", -1, NULL);
	world->settings->forward = false;
	apply(world);
	unsigned before = asked(world);
	assert_answer(world, "a.test", BERTH_DNS_A, "SERVFAIL");
	assert_answer(world, "unknown", BERTH_DNS_A, "SERVFAIL");
	assert_answer(world, "9.0.18.172.in-addr.arpa", BERTH_DNS_PTR, "SERVFAIL");
	assert_answer(world, "a.test", 16, "SERVFAIL");
	assert_answer(world, "web", BERTH_DNS_A, "172.18.0.2");
	g_assert_cmpint(asked(world), ==, before);
}

static void test_many(struct world *world, const void *data)
{
	struct server *first = &world->servers[0];
	berth_fd fd = open_udp(world);
	unsigned failed = 0;
	uint8_t message[512];
	(void) data;

	first->conduct = SILENT;
	for (unsigned i = 0; i < BERTH_LIMIT_DNS_FORWARDS + 10; i++) {
		g_autofree char *name = g_strdup_printf("n%u.test", i);
		g_autoptr(GByteArray) query = query_of((uint16_t) i, name, BERTH_DNS_A, 0);
		for (int again = 0; again < 2; again++) { // it is asked once
			g_assert_cmpint(send(fd, query->data, query->len, 0), ==, query->len);
			turn_within(world, 0);
			turn_within(world, 0);
			failed += recv(fd, message, sizeof message, 0) > 0;
		}
	}
	while (wait_udp(world, fd, message, sizeof message, 100000) > 0) {
		g_assert_cmpint(message[3] & 15, ==, BERTH_DNS_SERVER_FAILURE);
		failed++;
	}
	g_assert_cmpint(failed, ==, 20);
	g_assert_cmpint(first->asked, ==, BERTH_LIMIT_DNS_FORWARDS);
	assert_answer(world, "web", BERTH_DNS_A, "172.18.0.2"); // goes on
	// The only server is asked again from where it was asked, and all get an answer in the end.
	first->conduct = REFUSE;
	for (unsigned i = 0; i < BERTH_LIMIT_DNS_FORWARDS; i++)
		g_assert_cmpint(wait_udp(world, fd, message, sizeof message, WAIT), >, 0);
	g_assert_cmpint(first->asked, ==, 2 * BERTH_LIMIT_DNS_FORWARDS);
}

static void test_streams(struct world *world, const void *data)
{
	uint8_t message[BERTH_DNS_MESSAGE];
	(void) data;

	// Questions one behind the other, some of which are handed on; in pieces.
	berth_fd fd = open_tcp(world);
	g_autoptr(GByteArray) own = query_of(1, "web", BERTH_DNS_A, 0), other = query_of(2, "a.test", BERTH_DNS_A, 0);
	for (int i = 0; i < 10; i++) {
		send_tcp(fd, own);
		send_tcp(fd, other);
	}
	shutdown(fd, SHUT_WR); // all are answered nevertheless
	unsigned owns = 0, others = 0;
	for (int i = 0; i < 20; i++) {
		size_t length = wait_tcp_answer(world, fd, message);
		g_autofree char *words = words_of(message, length, message[1] == 1 ? own->len : other->len);
		g_assert_cmpstr(words, ==, message[1] == 1 ? "172.18.0.2" : "10.0.0.1");
		*(message[1] == 1 ? &owns : &others) += 1;
	}
	g_assert_cmpint(owns, ==, 10);
	g_assert_cmpint(others, ==, 10);
	g_assert_cmpint(wait_tcp(world, fd, message, 1), ==, 0); // and then it is closed
	// One that is too long ends its connection, and so does garbage that says that it is; no other is harmed.
	berth_fd bad = open_tcp(world), good = open_tcp(world);
	send(bad, "\xff\xff garbage", 10, MSG_NOSIGNAL);
	g_assert_cmpint(wait_tcp(world, bad, message, 1), ==, 0);
	send_tcp(good, own);
	wait_tcp_answer(world, good, message);
	// More connections than are taken wait until there is room.
	int many[BERTH_LIMIT_DNS_CLIENTS + 8];
	for (size_t i = 0; i < G_N_ELEMENTS(many); i++) {
		many[i] = open_tcp(world);
		send_tcp(many[i], own);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(many); i++) {
		wait_tcp_answer(world, many[i], message);
		close(many[i]);
	}
	// Who asks much and takes nothing is not listened to without end.
	berth_fd greedy = open_tcp(world);
	ssize_t sent = 0;
	uint8_t block[2 + 64] = {0, (uint8_t) own->len};
	const ssize_t size = 2 + (ssize_t) own->len;
	memcpy(block + 2, own->data, own->len);
	for (int refused = 0; refused < 200;) {
		ssize_t count = send(greedy, block + sent % size, (size_t) (size - sent % size), MSG_NOSIGNAL);
		sent += count > 0 ? count : 0;
		refused = count < 0 ? refused + 1 : 0;
		if (count < 0)
			turn_within(world, 0);
	}
	for (ssize_t i = 0; i < sent / size; i++)
		g_assert_cmpint(wait_tcp_answer(world, greedy, message), ==, own->len + 16);
	assert_answer(world, "web", BERTH_DNS_A, "172.18.0.2");
}

static void test_garbage(struct world *world, const void *data)
{
	g_autoptr(GRand) random = g_rand_new_with_seed(11);
	berth_fd fd = open_udp(world);
	uint8_t message[6000];
	(void) data;

	world->settings->forward = false;
	apply(world);
	for (int i = 0; i < 3000; i++) {
		size_t length = (size_t) g_rand_int_range(random, 0, i % 100 ? 60 : (int) sizeof message);
		for (size_t at = 0; at < length; at++)
			message[at] = (uint8_t) g_rand_int_range(random, 0, i % 2 ? 256 : 4);
		send(fd, message, length, 0);
		turn(world);
		while (recv(fd, message, sizeof message, 0) >= 0)
			g_assert_cmpint(message[2] & 0x80, ==, 0x80);
	}
	assert_answer(world, "web", BERTH_DNS_A, "172.18.0.2");
}

static void test_sockets(struct world *world, const void *data)
{
	g_autoptr(GError) error = NULL;
	struct sockaddr_in address = address_of(11, 0);
	(void) data;

	// Others in place of those before.
	berth_fd old = open_udp(world);
	int fds[BERTH_LIMIT_PACKET_FDS] = {listen_at(SOCK_STREAM, &address), listen_at(SOCK_DGRAM, &address)};
	g_assert_false(berth_resolver_set(world->resolver, world->settings, fds, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	g_clear_error(&error);
	assert_answer(world, "web", BERTH_DNS_A, "172.18.0.2");
	close(fds[0]);
	close(fds[1]);
	world->udp = world->tcp = address_of(11, 0);
	fds[0] = listen_at(SOCK_DGRAM, &world->udp);
	fds[1] = listen_at(SOCK_STREAM, &world->tcp);
	g_assert_true(berth_resolver_set(world->resolver, world->settings, fds, &error));
	assert_answer(world, "web", BERTH_DNS_A, "172.18.0.2");
	send(old, "x", 1, 0);
	g_assert_cmpint(send(old, "x", 1, 0), ==, -1); // refused
	// Without any, nothing can be answered.
	struct berth_resolver *bare = berth_resolver_new(&world->loop, &(struct berth_resolver_setup){"/nowhere", 53});
	g_assert_false(berth_resolver_set(bare, world->settings, fds, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	berth_resolver_free(bare);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name, function) g_test_add("/resolver/" name, struct world, NULL, world_begin, function, world_finish)
	ADD("names", test_names);
	ADD("changes", test_changes);
	ADD("round-robin", test_round_robin);
	ADD("sizes", test_sizes);
	ADD("forward", test_forward);
	ADD("failover", test_failover);
	ADD("servers", test_servers);
	ADD("many", test_many);
	ADD("streams", test_streams);
	ADD("garbage", test_garbage);
	ADD("sockets", test_sockets);
	return g_test_run();
}
