// SPDX-License-Identifier: Apache-2.0
// JSON documents as C structs. A document is described once, by a static table of its fields; parsing, printing,
// freeing and version shaping all read that table, so a field exists everywhere or nowhere.
//
//	struct descriptor { char *media_type; char *digest; int64_t size; };
//
//	static const struct berth_field descriptor_fields[] = {
//		BERTH_STRING(struct descriptor, media_type, "mediaType", BERTH_REQUIRED),
//		BERTH_STRING(struct descriptor, digest, "digest", BERTH_REQUIRED),
//		BERTH_INT64(struct descriptor, size, "size", BERTH_REQUIRED),
//		{0},
//	};
//	const struct berth_document descriptor_document = {"descriptor", sizeof(struct descriptor), descriptor_fields};
//
// Unknown properties are ignored, as the OCI specifications and Docker's API ask. A property of the wrong type is an
// error that names its path: "container.HostConfig.Memory: expected an integer, found a string". JSON's null means
// that a property is absent.
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum berth_field_type {
	BERTH_FIELD_END, // the table's last entry
	BERTH_FIELD_STRING, // char *; NULL when absent
	BERTH_FIELD_INT64, // int64_t; the field's `fallback` when absent
	BERTH_FIELD_UINT64, // uint64_t; (uint64_t) `fallback` when absent; numbers of 2^64 and more saturate
	BERTH_FIELD_DOUBLE, // double; `fallback` when absent
	BERTH_FIELD_BOOL, // bool; false when absent
	BERTH_FIELD_TRISTATE, // int: 0 false, 1 true, -1 when absent (give the field .fallback = -1)
	BERTH_FIELD_STRINGS, // char **, NULL-terminated; NULL when absent
	BERTH_FIELD_SET, // char **, sorted; in JSON an object whose values are empty objects: {"80/tcp": {}}
	BERTH_FIELD_MAP, // GHashTable * of char * by char *; NULL when absent; printed in the order of its keys
	BERTH_FIELD_OBJECT, // pointer to the struct of document `of`; NULL when absent
	BERTH_FIELD_INLINE, // struct of document `of`, embedded in this one; its properties stand beside this one's
	BERTH_FIELD_OBJECTS, // GPtrArray * of such pointers; NULL when absent
	BERTH_FIELD_MAP_OBJECT, // GHashTable * of such a pointer by char *; NULL when absent
	BERTH_FIELD_MAP_OBJECTS, // GHashTable * of GPtrArray * (NULL for JSON's null) of such pointers by char *
	BERTH_FIELD_JSON, // json_t *, any value, kept as it is; NULL when absent
};

enum berth_field_flags {
	BERTH_REQUIRED = 1 << 0, // parsing fails without it
	BERTH_OMIT_EMPTY =
		1 << 1, // not printed when it is NULL, false or equal to its fallback (else "", [], {}, null)
	BERTH_NULL_EMPTY = 1 << 2, // printed as null when it is NULL or equal to its fallback
	BERTH_OR_STRING = 1 << 3, // STRINGS: one string is read as an array of it
};

// The fallback of numbers whose absence must be told from 0.
#define BERTH_UNSET INT64_MIN

struct berth_document;

struct berth_field {
	const char *name;
	enum berth_field_type type;
	size_t offset;
	unsigned flags;
	const struct berth_document *of; // OBJECT, INLINE, OBJECTS, MAP_OBJECT, MAP_OBJECTS
	int64_t fallback; // numbers and TRISTATE
	unsigned since, until; // API versions in which it is printed, as 1.44 -> 144; 0 is unbounded
};

struct berth_document {
	const char *name; // as error messages call it
	size_t size; // of the C struct
	const struct berth_field *fields;
	bool strict; // unknown properties are errors that name them (configuration files)
};

#define BERTH_FIELD(struct_, member, json, type_, flags_)                                                              \
	{                                                                                                              \
		.name = (json), .type = (type_), .offset = offsetof(struct_, member), .flags = (flags_)                \
	}
#define BERTH_STRING(struct_, member, json, flags_) BERTH_FIELD(struct_, member, json, BERTH_FIELD_STRING, flags_)
#define BERTH_INT64(struct_, member, json, flags_) BERTH_FIELD(struct_, member, json, BERTH_FIELD_INT64, flags_)
#define BERTH_UINT64(struct_, member, json, flags_) BERTH_FIELD(struct_, member, json, BERTH_FIELD_UINT64, flags_)
#define BERTH_DOUBLE(struct_, member, json, flags_) BERTH_FIELD(struct_, member, json, BERTH_FIELD_DOUBLE, flags_)
#define BERTH_BOOL(struct_, member, json, flags_) BERTH_FIELD(struct_, member, json, BERTH_FIELD_BOOL, flags_)
#define BERTH_STRINGS(struct_, member, json, flags_) BERTH_FIELD(struct_, member, json, BERTH_FIELD_STRINGS, flags_)
#define BERTH_SET(struct_, member, json, flags_) BERTH_FIELD(struct_, member, json, BERTH_FIELD_SET, flags_)
#define BERTH_MAP(struct_, member, json, flags_) BERTH_FIELD(struct_, member, json, BERTH_FIELD_MAP, flags_)
#define BERTH_JSON(struct_, member, json, flags_) BERTH_FIELD(struct_, member, json, BERTH_FIELD_JSON, flags_)
// Numbers whose absence is told from 0: BERTH_UNSET stands for it.
#define BERTH_INT64_UNSET(struct_, member, json, flags_)                                                               \
	{                                                                                                              \
		.name = (json), .type = BERTH_FIELD_INT64, .offset = offsetof(struct_, member), .flags = (flags_),     \
		.fallback = BERTH_UNSET                                                                                \
	}
#define BERTH_TRISTATE(struct_, member, json, flags_)                                                                  \
	{                                                                                                              \
		.name = (json), .type = BERTH_FIELD_TRISTATE, .offset = offsetof(struct_, member), .flags = (flags_),  \
		.fallback = -1                                                                                         \
	}
#define BERTH_FIELD_OF(struct_, member, json, type_, of_, flags_)                                                      \
	{                                                                                                              \
		.name = (json), .type = (type_), .offset = offsetof(struct_, member), .flags = (flags_), .of = (of_)   \
	}
#define BERTH_OBJECT(struct_, member, json, of_, flags_)                                                               \
	BERTH_FIELD_OF(struct_, member, json, BERTH_FIELD_OBJECT, of_, flags_)
#define BERTH_INLINE(struct_, member, of_) BERTH_FIELD_OF(struct_, member, "", BERTH_FIELD_INLINE, of_, 0)
#define BERTH_OBJECTS(struct_, member, json, of_, flags_)                                                              \
	BERTH_FIELD_OF(struct_, member, json, BERTH_FIELD_OBJECTS, of_, flags_)
#define BERTH_MAP_OBJECT(struct_, member, json, of_, flags_)                                                           \
	BERTH_FIELD_OF(struct_, member, json, BERTH_FIELD_MAP_OBJECT, of_, flags_)
#define BERTH_MAP_OBJECTS(struct_, member, json, of_, flags_)                                                          \
	BERTH_FIELD_OF(struct_, member, json, BERTH_FIELD_MAP_OBJECTS, of_, flags_)

// Makes an object in which nothing is set: NULL, false and each number's fallback. Freed by berth_document_free().
void *berth_document_new(const struct berth_document *document);

// Makes a struct from JSON. Returns a new object that the caller frees with berth_document_free(), or NULL with
// BERTH_ERROR_INVALID. Nesting deeper than BERTH_LIMIT_DOCUMENT_DEPTH is invalid too.
void *berth_document_parse(const struct berth_document *document, const json_t *json, GError **error);

// The same from text; `what` names it in messages. Empty text is invalid.
void *berth_document_parse_text(const struct berth_document *document, const char *text, size_t length,
				const char *what, GError **error);

// Gives properties whose names differ from the document's in the case of letters only ("hostConfig") its spelling, in
// all that is nested, too. Where the document's own spelling is there, it stays.
void berth_document_spell(const struct berth_document *document, json_t *json);

// Makes JSON from a struct, with the fields that API `version` knows (0: all). Returns a new reference; never NULL.
json_t *berth_document_print(const struct berth_document *document, const void *object, unsigned version);

// The same as compact text, which the caller frees.
char *berth_document_print_text(const struct berth_document *document, const void *object, unsigned version);

// A deep copy. NULL gives NULL.
void *berth_document_copy(const struct berth_document *document, const void *object);

// Frees an object and all it owns. NULL is fine. _clear frees what it owns, for an object that is embedded.
void berth_document_free(const struct berth_document *document, void *object);
void berth_document_clear(const struct berth_document *document, void *object);

// Containers for the fields of hand-made objects; berth_document_free() frees what is put in them.
void berth_strings_add(char ***strings, char *string); // STRINGS, NULL being none; takes the string over
GHashTable *berth_map_new(void); // MAP: g_hash_table_insert(map, g_strdup(key), g_strdup(value))
GHashTable *berth_map_copy(GHashTable *map); // of NULL an empty one
GPtrArray *berth_objects_new(void); // OBJECTS
GHashTable *berth_map_object_new(const struct berth_document *of); // MAP_OBJECT

// For each document type that callers own: an auto-cleaned pointer, `g_autoptr(api_version) version = …`.
#define BERTH_DOCUMENT_AUTOPTR(struct_name, document)                                                                  \
	typedef struct struct_name struct_name;                                                                        \
	static inline void struct_name##_free(struct struct_name *object)                                              \
	{                                                                                                              \
		berth_document_free(&document, object);                                                                \
	}                                                                                                              \
	G_DEFINE_AUTOPTR_CLEANUP_FUNC(struct_name, struct_name##_free)
