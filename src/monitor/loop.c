// SPDX-License-Identifier: Apache-2.0
#include "monitor/loop.h"

#include "base/error.h"
#include "base/fd.h"

#include <sys/timerfd.h>

bool berth_loop_open(struct berth_loop *ret, GError **error)
{
	ret->epoll = epoll_create1(EPOLL_CLOEXEC);
	return ret->epoll >= 0 || berth_error_set_errno(error, errno, "make an epoll instance");
}

void berth_loop_close(struct berth_loop *loop)
{
	berth_fd_clear(&loop->epoll);
}

void berth_source_set(struct berth_loop *loop, struct berth_source *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};

	if (events == source->events)
		return;
	int operation = events == 0 ? EPOLL_CTL_DEL : source->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
	if (epoll_ctl(loop->epoll, operation, source->fd, &event) == 0)
		source->events = events;
}

bool berth_loop_turn(struct berth_loop *loop, int timeout)
{
	struct epoll_event event;

	if (epoll_wait(loop->epoll, &event, 1, timeout) < 1)
		return false;
	struct berth_source *source = event.data.ptr;
	source->ready(source, event.events);
	return true;
}

bool berth_timer_set(struct berth_loop *loop, struct berth_source *source, unsigned milliseconds)
{
	struct itimerspec spec = {
		.it_value = {.tv_sec = milliseconds / 1000, .tv_nsec = (long) (milliseconds % 1000) * 1000000}};

	if (source->fd < 0 && milliseconds > 0)
		source->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (source->fd < 0)
		return milliseconds == 0;
	berth_source_set(loop, source, milliseconds ? EPOLLIN : 0);
	return timerfd_settime(source->fd, 0, &spec, NULL) == 0;
}
