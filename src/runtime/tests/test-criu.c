// SPDX-License-Identifier: Apache-2.0
#include "runtime/criu-images.h"
#include "runtime/criu-wire.h"
#include "runtime/mount-list.h"

#include <string.h>

static struct berth_wire wire(const GByteArray *bytes)
{
	return (struct berth_wire){bytes->data, bytes->len};
}

static void test_wire(void)
{
	g_autoptr(GByteArray) out = g_byte_array_new();
	g_autoptr(GByteArray) inner = g_byte_array_new();
	static const uint8_t expected[] = {0x08, 0x96, 0x01, 0x12, 0x02, 'h', 'i', 0x1a, 0x02, 0x08, 0x01};
	struct berth_wire_field field;

	berth_wire_put_integer(inner, 1, 1);
	berth_wire_put_integer(out, 1, 150);
	berth_wire_put_text(out, 2, "hi");
	berth_wire_put_text(out, 9, NULL);
	berth_wire_put_message(out, 3, inner);
	g_assert_cmpmem(out->data, out->len, expected, sizeof expected);
	g_assert_cmpuint(berth_wire_integer(wire(out), 1), ==, 150);
	g_assert_cmpuint(berth_wire_integer(wire(out), 7), ==, 0);
	g_autofree char *text = berth_wire_text(wire(out), 2);
	g_assert_cmpstr(text, ==, "hi");
	g_assert_true(berth_wire_find(wire(out), 3, &field) && field.block);
	g_assert_cmpuint(berth_wire_integer(field.content, 1), ==, 1);
	berth_wire_put_integer(out, 40, -1);
	g_assert_cmpint((int64_t) berth_wire_integer(wire(out), 40), ==, -1);
}

static void test_wire_broken(void)
{
	static const uint8_t cut[] = {0x12, 0x05, 'h', 'i'};
	static const uint8_t endless[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	static const uint8_t group[] = {0x0b, 0x08, 0x01};
	struct berth_wire_field field;

	struct berth_wire rest = {cut, sizeof cut};
	g_assert_cmpint(berth_wire_next(&rest, &field), ==, -1);
	rest = (struct berth_wire){endless, sizeof endless};
	g_assert_cmpint(berth_wire_next(&rest, &field), ==, -1);
	rest = (struct berth_wire){group, sizeof group};
	g_assert_cmpint(berth_wire_next(&rest, &field), ==, -1);
	g_assert_false(berth_wire_find((struct berth_wire){cut, sizeof cut}, 2, &field));
}

static bool add(struct berth_wire entry, void *data, G_GNUC_UNUSED GError **error)
{
	*(size_t *) data += entry.length;
	return true;
}

static void test_image(void)
{
	static const uint8_t image[] = {0x19, 0x43, 0x56, 0x54, 1, 2, 3, 4, 2, 0, 0, 0, 0x08, 0x01, 1, 0, 0, 0, 0x08};
	size_t total = 0;

	for (size_t length = 0; length <= sizeof image; length++) {
		g_autoptr(GError) error = NULL;
		bool whole = length == 8 || length == 14 || length == sizeof image;
		total = 0;
		bool parsed = berth_image_parse((struct berth_wire){image, length}, "x.img", add, &total, &error);
		// The first magic alone is another kind of image, with one.
		g_assert_true(parsed == whole);
		g_assert_true(parsed == !error);
	}
	g_assert_cmpuint(total, ==, 3);
}

static void test_mount_list(void)
{
	g_autoptr(GPtrArray) list =
		berth_mount_list_parse("22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n"
				       "23 22 0:5 /a\\040b /mnt/x\\134y rw shared:1 master:2 - tmpfs none rw,size=1k\n"
				       "nonsense\n\n24 22 0:6 / /cut rw -\n");

	g_assert_cmpuint(list->len, ==, 2);
	const struct berth_mounted *second = berth_mount_list_find(list, 23);
	g_assert_nonnull(second);
	g_assert_cmpint(second->parent, ==, 22);
	g_assert_cmpstr(second->device, ==, "0:5");
	g_assert_cmpstr(second->root, ==, "/a b");
	g_assert_cmpstr(second->point, ==, "/mnt/x\\y");
	g_assert_cmpstr(second->type, ==, "tmpfs");
	g_assert_null(berth_mount_list_find(list, 24));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/criu/wire", test_wire);
	g_test_add_func("/criu/wire-broken", test_wire_broken);
	g_test_add_func("/criu/image", test_image);
	g_test_add_func("/criu/mount-list", test_mount_list);
	return g_test_run();
}
