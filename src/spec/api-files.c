// SPDX-License-Identifier: Apache-2.0
#include "spec/api-files.h"

#include <sys/stat.h>

static const struct berth_field path_stat_fields[] = {
	BERTH_STRING(struct api_path_stat, name, "name", 0),
	BERTH_INT64(struct api_path_stat, size, "size", 0),
	BERTH_INT64(struct api_path_stat, mode, "mode", 0),
	BERTH_STRING(struct api_path_stat, mtime, "mtime", 0),
	BERTH_STRING(struct api_path_stat, link_target, "linkTarget", 0),
	{0},
};
const struct berth_document api_path_stat_document = {"path", sizeof(struct api_path_stat), path_stat_fields};

static const struct berth_field change_fields[] = {
	BERTH_STRING(struct api_change, path, "Path", 0),
	BERTH_INT64(struct api_change, kind, "Kind", 0),
	{0},
};
const struct berth_document api_change_document = {"change", sizeof(struct api_change), change_fields};

static const struct berth_field checkpoint_fields[] = {
	BERTH_STRING(struct api_checkpoint, name, "Name", 0),
	{0},
};
const struct berth_document api_checkpoint_document = {"checkpoint", sizeof(struct api_checkpoint), checkpoint_fields};

static const struct berth_field checkpoint_create_fields[] = {
	BERTH_STRING(struct api_checkpoint_create, checkpoint_id, "CheckpointID", 0),
	BERTH_STRING(struct api_checkpoint_create, checkpoint_dir, "CheckpointDir", 0),
	BERTH_BOOL(struct api_checkpoint_create, exits, "Exit", 0),
	{0},
};
const struct berth_document api_checkpoint_create_document = {"checkpoint", sizeof(struct api_checkpoint_create),
							      checkpoint_create_fields};

int64_t api_file_mode(uint32_t st_mode)
{
	static const struct {
		uint32_t kind;
		int64_t mode;
	} kinds[] = {
		{S_IFDIR, API_MODE_FOLDER}, {S_IFLNK, API_MODE_LINK},
		{S_IFBLK, API_MODE_DEVICE}, {S_IFCHR, API_MODE_DEVICE | API_MODE_CHARACTER},
		{S_IFIFO, API_MODE_PIPE},   {S_IFSOCK, API_MODE_SOCKET},
	};
	int64_t mode = st_mode & 0777;

	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
		if ((st_mode & S_IFMT) == kinds[i].kind)
			mode |= kinds[i].mode;
	return mode | (st_mode & S_ISUID ? API_MODE_SETUID : 0) | (st_mode & S_ISGID ? API_MODE_SETGID : 0) |
	       (st_mode & S_ISVTX ? API_MODE_STICKY : 0);
}
