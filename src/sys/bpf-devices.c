// SPDX-License-Identifier: Apache-2.0
#include "sys/bpf-devices.h"

#include "base/error.h"
#include "base/fd.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>

#define PROGRAM_NAME "berth_devices" // tells ours from those of others on the same group
#define PROGRAMS_MAX 64 // the kernel's limit of programs on one group

enum { RESULT = BPF_REG_0, CONTEXT = BPF_REG_1, TYPE = BPF_REG_2, ACCESS, MAJOR, MINOR, DIFFERS, OTHER };

static void emit(GArray *program, uint8_t code, uint8_t to, uint8_t from, int16_t offset, int32_t value)
{
	struct bpf_insn instruction = {.code = code, .dst_reg = to, .src_reg = from, .off = offset, .imm = value};
	g_array_append_val(program, instruction);
}

static void emit_load(GArray *program, uint8_t to, size_t offset)
{
	emit(program, BPF_LDX | BPF_MEM | BPF_W, to, CONTEXT, (int16_t) offset, 0);
}

static void emit_return(GArray *program, int value)
{
	emit(program, BPF_ALU64 | BPF_MOV | BPF_K, RESULT, 0, 0, value);
	emit(program, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

// DIFFERS |= from ^ value. The registers with the wanted device are never compared themselves: the verifier would then
// know a value on one path and not on the other, and check the rest of a long program once for each.
static void emit_compare(GArray *program, uint8_t from, int32_t value)
{
	emit(program, BPF_ALU64 | BPF_MOV | BPF_X, OTHER, from, 0, 0);
	emit(program, BPF_ALU64 | BPF_XOR | BPF_K, OTHER, 0, 0, value);
	emit(program, BPF_ALU64 | BPF_OR | BPF_X, DIFFERS, OTHER, 0, 0);
}

static int access_bits(const struct berth_device_rule *rule)
{
	return (rule->mknod ? BPF_DEVCG_ACC_MKNOD : 0) | (rule->read ? BPF_DEVCG_ACC_READ : 0) |
	       (rule->write ? BPF_DEVCG_ACC_WRITE : 0);
}

static void emit_rule(GArray *program, const struct berth_device_rule *rule)
{
	int bits = access_bits(rule);
	unsigned jump = 0;

	if (!bits)
		return;
	emit(program, BPF_ALU64 | BPF_MOV | BPF_K, DIFFERS, 0, 0, 0);
	if (rule->type != 'a')
		emit_compare(program, TYPE, rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
	if (rule->major >= 0)
		emit_compare(program, MAJOR, (int32_t) rule->major);
	if (rule->minor >= 0)
		emit_compare(program, MINOR, (int32_t) rule->minor);
	jump = program->len;
	emit(program, BPF_JMP | BPF_JNE | BPF_K, DIFFERS, 0, 0, 0); // to the next rule
	if (rule->allow) {
		emit(program, BPF_ALU64 | BPF_AND | BPF_K, ACCESS, 0, 0, ~bits);
		emit(program, BPF_JMP | BPF_JNE | BPF_K, ACCESS, 0, 2, 0);
		emit_return(program, 1);
	} else {
		emit(program, BPF_JMP | BPF_JSET | BPF_K, ACCESS, 0, 1, bits);
		emit(program, BPF_JMP | BPF_JA, 0, 0, 2, 0);
		emit_return(program, 0);
	}
	g_array_index(program, struct bpf_insn, jump).off = (int16_t) (program->len - jump - 1);
}

// The program as a new GArray of struct bpf_insn.
static GArray *assemble(const struct berth_device_rule *rules, size_t count)
{
	GArray *program = g_array_new(FALSE, FALSE, sizeof(struct bpf_insn));

	emit_load(program, TYPE, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	emit(program, BPF_ALU64 | BPF_MOV | BPF_X, ACCESS, TYPE, 0, 0);
	emit(program, BPF_ALU64 | BPF_AND | BPF_K, TYPE, 0, 0, 0xffff);
	emit(program, BPF_ALU64 | BPF_RSH | BPF_K, ACCESS, 0, 0, 16);
	emit_load(program, MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
	emit_load(program, MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));
	for (size_t i = count; i > 0; i--)
		emit_rule(program, &rules[i - 1]);
	emit_return(program, 0);
	return program;
}

static int call_bpf(enum bpf_cmd command, union bpf_attr *attr)
{
	return (int) syscall(SYS_bpf, command, attr, sizeof *attr);
}

static int load_program(GArray *program)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof attr);
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.expected_attach_type = BPF_CGROUP_DEVICE;
	attr.insns = (uint64_t) (uintptr_t) program->data;
	attr.insn_cnt = program->len;
	attr.license = (uint64_t) (uintptr_t) "Apache-2.0";
	G_STATIC_ASSERT(sizeof PROGRAM_NAME <= sizeof attr.prog_name);
	memcpy(attr.prog_name, PROGRAM_NAME, sizeof PROGRAM_NAME);
	return call_bpf(BPF_PROG_LOAD, &attr);
}

static bool is_ours(int program_fd)
{
	struct bpf_prog_info info;
	union bpf_attr attr;

	memset(&info, 0, sizeof info);
	memset(&attr, 0, sizeof attr);
	attr.info.bpf_fd = (uint32_t) program_fd;
	attr.info.info_len = sizeof info;
	attr.info.info = (uint64_t) (uintptr_t) &info;
	return call_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) == 0 && strcmp(info.name, PROGRAM_NAME) == 0;
}

// The program attached to this very group by an earlier call, or -1.
static int find_attached(int cgroup_fd)
{
	uint32_t ids[PROGRAMS_MAX];
	union bpf_attr attr;

	memset(&attr, 0, sizeof attr);
	attr.query.target_fd = (uint32_t) cgroup_fd;
	attr.query.attach_type = BPF_CGROUP_DEVICE;
	attr.query.prog_ids = (uint64_t) (uintptr_t) ids;
	attr.query.prog_cnt = PROGRAMS_MAX;
	if (call_bpf(BPF_PROG_QUERY, &attr) < 0)
		return -1;
	for (uint32_t i = 0, count = attr.query.prog_cnt; i < count; i++) {
		memset(&attr, 0, sizeof attr);
		attr.prog_id = ids[i];
		berth_fd program = call_bpf(BPF_PROG_GET_FD_BY_ID, &attr);
		if (program >= 0 && is_ours(program))
			return berth_fd_steal(&program);
	}
	return -1;
}

bool berth_bpf_devices_attach(int cgroup_fd, const struct berth_device_rule *rules, size_t count, bool everything,
			      GError **error)
{
	berth_fd old = find_attached(cgroup_fd);
	union bpf_attr attr;

	memset(&attr, 0, sizeof attr);
	attr.target_fd = (uint32_t) cgroup_fd;
	attr.attach_type = BPF_CGROUP_DEVICE;
	if (everything) {
		attr.attach_bpf_fd = (uint32_t) old;
		if (old >= 0 && call_bpf(BPF_PROG_DETACH, &attr) < 0)
			return berth_error_set_errno(error, errno, "detach the device rules' program");
		return true;
	}

	g_autoptr(GArray) program = assemble(rules, count);
	berth_fd loaded = load_program(program);
	if (loaded < 0)
		return berth_error_set_errno(error, errno, "load the device rules' program into the kernel");
	attr.attach_bpf_fd = (uint32_t) loaded;
	attr.attach_flags = BPF_F_ALLOW_MULTI;
	if (old >= 0) {
		attr.attach_flags |= BPF_F_REPLACE;
		attr.replace_bpf_fd = (uint32_t) old;
	}
	if (call_bpf(BPF_PROG_ATTACH, &attr) < 0)
		return berth_error_set_errno(error, errno, "attach the device rules' program");
	return true;
}
