// SPDX-License-Identifier: Apache-2.0
// Both ends of the traffic that the tests of networks make: one static program, which runs in namespaces of the tests
// and in containers that have no libraries.
//
//	answer PROTOCOL PORT [ADDRESS]       answers each message with "CLIENT-ADDRESS LOCAL-ADDRESS MESSAGE"
//	ask PROTOCOL ADDRESS PORT [MESSAGE]  sends a message ("hello") and prints the answer
//	hold ADDRESS PORT                    a TCP connection: sends each line, prints the answer
//	rate ADDRESS PORT SECONDS            exchanges messages over one TCP connection; prints how many a second
//	drink PORT                           reads all that comes over TCP connections, one after another
//	pour ADDRESS PORT SECONDS            sends as much as it can over one; prints megabits a second
//	connects ADDRESS PORT COUNT          as many TCP connections one after another; prints microseconds for each
//
// PROTOCOL is tcp, udp or sctp. BERTH_PEER_PATIENCE is how many milliseconds ask waits (10000).
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE = 2048, CLIENTS = 512 };

static void fail(const char *what)
{
	fprintf(stderr, "peer: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int open_socket(int family, const char *protocol)
{
	bool datagrams = strcmp(protocol, "udp") == 0;
	int number = datagrams ? IPPROTO_UDP : strcmp(protocol, "sctp") == 0 ? IPPROTO_SCTP : IPPROTO_TCP;
	int fd = socket(family, (datagrams ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, number);

	if (fd < 0)
		fail(protocol);
	return fd;
}

// An address as text; an IPv4 address in an IPv6 one as IPv4.
static const char *text_of(const struct sockaddr_storage *address, char ret[INET6_ADDRSTRLEN])
{
	const struct sockaddr_in6 *six = (const void *) address;
	const struct sockaddr_in *four = (const void *) address;

	if (address->ss_family == AF_INET)
		inet_ntop(AF_INET, &four->sin_addr, ret, INET6_ADDRSTRLEN);
	else if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
		inet_ntop(AF_INET, six->sin6_addr.s6_addr + 12, ret, INET6_ADDRSTRLEN);
	else
		inet_ntop(AF_INET6, &six->sin6_addr, ret, INET6_ADDRSTRLEN);
	return ret;
}

static size_t make_answer(int fd, const struct sockaddr_storage *client, const char *message, size_t length,
			  char ret[MESSAGE + 128])
{
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];
	struct sockaddr_storage local;
	socklen_t size = sizeof local;

	if (getsockname(fd, (struct sockaddr *) &local, &size) < 0)
		fail("getsockname");
	return (size_t) snprintf(ret, MESSAGE + 128, "%s %s %.*s", text_of(client, from), text_of(&local, to),
				 (int) length, message);
}

static void answer_datagram(int fd)
{
	char message[MESSAGE], out[MESSAGE + 128];
	struct sockaddr_storage client;
	socklen_t size = sizeof client;
	ssize_t length = recvfrom(fd, message, sizeof message, 0, (struct sockaddr *) &client, &size);

	if (length < 0)
		return;
	size_t made = make_answer(fd, &client, message, (size_t) length, out);
	sendto(fd, out, made, 0, (struct sockaddr *) &client, size);
}

// False when the client has gone.
static bool answer_stream(int fd)
{
	char message[MESSAGE], out[MESSAGE + 128];
	struct sockaddr_storage client;
	socklen_t size = sizeof client;
	ssize_t length = recv(fd, message, sizeof message, 0);

	if (length <= 0 || getpeername(fd, (struct sockaddr *) &client, &size) < 0)
		return false;
	size_t made = make_answer(fd, &client, message, (size_t) length, out);
	return send(fd, out, made, MSG_NOSIGNAL) == (ssize_t) made;
}

static int answer(const char *protocol, const char *port, const char *address)
{
	struct pollfd fds[CLIENTS] = {{.events = POLLIN}};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t) atoi(port))};
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = six.sin6_port};
	bool is_four = address && inet_pton(AF_INET, address, &four.sin_addr) == 1,
	     datagrams = !strcmp(protocol, "udp");
	int count = 1, one = 1, zero = 0;

	if (address && !is_four && inet_pton(AF_INET6, address, &six.sin6_addr) != 1)
		fail(address);
	int fd = fds[0].fd = open_socket(is_four ? AF_INET : AF_INET6, protocol);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (!is_four)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
	if (bind(fd, is_four ? (struct sockaddr *) &four : (struct sockaddr *) &six,
		 is_four ? sizeof four : sizeof six) < 0 ||
	    (!datagrams && listen(fd, 512) < 0))
		fail("listening");
	puts("ready");
	fflush(stdout);
	while (poll(fds, (nfds_t) count, -1) >= 0 || errno == EINTR) {
		for (int i = count - 1; i > 0; i--) {
			if (fds[i].revents && !answer_stream(fds[i].fd)) {
				close(fds[i].fd);
				fds[i] = fds[--count];
			}
		}
		if (fds[0].revents && datagrams)
			answer_datagram(fd);
		else if (fds[0].revents && count < CLIENTS) {
			int client = accept(fd, NULL, NULL);
			if (client >= 0) {
				setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
				fds[count++] = (struct pollfd){.fd = client, .events = POLLIN};
			}
		}
	}
	return 1;
}

static int reach(const char *protocol, const char *address, const char *port, int patience)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICSERV | AI_NUMERICHOST, .ai_socktype = SOCK_STREAM}, *found;
	struct timeval timeout = {patience / 1000, patience % 1000 * 1000};
	int one = 1;

	if (getaddrinfo(address, port, &hints, &found) != 0) {
		fprintf(stderr, "peer: %s is no address\n", address);
		exit(2);
	}
	int fd = open_socket(found->ai_family, protocol);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
	if (strcmp(protocol, "tcp") == 0)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (connect(fd, found->ai_addr, found->ai_addrlen) < 0)
		fail("connect");
	freeaddrinfo(found);
	return fd;
}

static int patience(void)
{
	const char *text = getenv("BERTH_PEER_PATIENCE");

	return text ? atoi(text) : 10000;
}

static int ask(const char *protocol, const char *address, const char *port, const char *message)
{
	char in[MESSAGE + 128];
	int fd = reach(protocol, address, port, patience());

	if (send(fd, message, strlen(message), MSG_NOSIGNAL) < 0)
		fail("send");
	ssize_t length = recv(fd, in, sizeof in, 0);
	if (length <= 0)
		fail("no answer");
	printf("%.*s\n", (int) length, in);
	return 0;
}

static int hold(const char *address, const char *port)
{
	char line[MESSAGE], in[MESSAGE + 128];
	int fd = reach("tcp", address, port, patience());

	puts("connected");
	fflush(stdout);
	while (fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\n")] = 0;
		if (send(fd, line, strlen(line), MSG_NOSIGNAL) < 0)
			fail("send");
		ssize_t length = recv(fd, in, sizeof in, 0);
		if (length <= 0)
			fail("no answer");
		printf("%.*s\n", (int) length, in);
		fflush(stdout);
	}
	return 0;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double) time.tv_sec + (double) time.tv_nsec / 1e9;
}

static int rate(const char *address, const char *port, double seconds)
{
	char in[MESSAGE + 128];
	int fd = reach("tcp", address, port, patience());
	double started = now();
	long count = 0;

	for (; now() - started < seconds; count++)
		if (send(fd, "x", 1, MSG_NOSIGNAL) != 1 || recv(fd, in, sizeof in, 0) <= 0)
			fail("exchange");
	printf("%.0f\n", (double) count / (now() - started));
	return 0;
}

static _Noreturn void drink(const char *port)
{
	static char data[256 << 10];
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t) atoi(port))};
	int fd = open_socket(AF_INET6, "tcp"), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(fd, (struct sockaddr *) &six, sizeof six) < 0 || listen(fd, 16) < 0)
		fail("listening");
	puts("ready");
	fflush(stdout);
	for (;;) {
		int client = accept(fd, NULL, NULL);
		while (client >= 0 && recv(client, data, sizeof data, 0) > 0)
			;
		// All that was sent has been read: the other side waits for this.
		close(client);
	}
}

static int pour(const char *address, const char *port, double seconds)
{
	static char data[256 << 10];
	int fd = reach("tcp", address, port, 10000);
	double started = now(), sent = 0;

	while (now() - started < seconds) {
		ssize_t count = send(fd, data, sizeof data, MSG_NOSIGNAL);
		if (count < 0)
			fail("send");
		sent += (double) count;
	}
	shutdown(fd, SHUT_WR);
	if (recv(fd, data, 1, 0) != 0)
		fail("the end");
	printf("%.0f\n", sent * 8 / 1e6 / (now() - started));
	return 0;
}

static int connects(const char *address, const char *port, long count)
{
	struct linger linger = {1, 0};
	double started = now();

	for (long i = 0; i < count; i++) {
		int fd = reach("tcp", address, port, patience());
		// Without TIME_WAIT: the ports would not be enough.
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
		close(fd);
	}
	printf("%.1f\n", (now() - started) / (double) count * 1e6);
	return 0;
}

static void end(int number)
{
	(void) number;
	_exit(0);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	signal(SIGTERM, end); // as the first process of a container, too
	signal(SIGINT, end);
	if (strcmp(what, "answer") == 0 && (argc == 4 || argc == 5))
		return answer(argv[2], argv[3], argv[4]);
	if (strcmp(what, "ask") == 0 && (argc == 5 || argc == 6))
		return ask(argv[2], argv[3], argv[4], argc == 6 ? argv[5] : "hello");
	if (strcmp(what, "hold") == 0 && argc == 4)
		return hold(argv[2], argv[3]);
	if (strcmp(what, "rate") == 0 && argc == 5)
		return rate(argv[2], argv[3], atof(argv[4]));
	if (strcmp(what, "drink") == 0 && argc == 3)
		drink(argv[2]);
	if (strcmp(what, "pour") == 0 && argc == 5)
		return pour(argv[2], argv[3], atof(argv[4]));
	if (strcmp(what, "connects") == 0 && argc == 5)
		return connects(argv[2], argv[3], atol(argv[4]));
	fputs("usage: peer answer|ask|hold|rate|drink|pour|connects …\n", stderr);
	return 2;
}
