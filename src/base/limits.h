// SPDX-License-Identifier: Apache-2.0
// Every limit on what comes from outside, in one place. Sizes are bytes unless the name says otherwise. What exceeds
// one of these is refused with BERTH_ERROR_INVALID or BERTH_ERROR_RESOURCE_EXHAUSTED and a message that names it.
#pragma once

// JSON of any origin
#define BERTH_LIMIT_DOCUMENT_DEPTH 32 // nesting of a document with a field table
#define BERTH_LIMIT_JSON (16 << 20) // text of one document: config.json, a request's body
#define BERTH_LIMIT_MANIFEST                                                                                           \
	(4 << 20) // an image's manifest, index or config (OCI distribution asks for at least 4 MiB)

// Names
#define BERTH_LIMIT_CONTAINER_NAME 255
#define BERTH_LIMIT_REFERENCE_NAME 255 // an image's name without tag and digest
#define BERTH_LIMIT_REFERENCE_TAG 128
#define BERTH_LIMIT_HOSTNAME 64

// Archives and layers
#define BERTH_LIMIT_ARCHIVE_ENTRIES 4000000 // of one layer or archive
#define BERTH_LIMIT_ARCHIVE_PATH 4096
#define BERTH_LIMIT_ARCHIVE_DEPTH 256 // components of one path
#define BERTH_LIMIT_LAYER_BYTES ((int64_t) 64 << 30) // unpacked content of one layer
#define BERTH_LIMIT_PACKAGE_DATABASE ((int64_t) 64 << 20) // the list of a root file system that a package manager keeps
#define BERTH_LIMIT_XATTR_BYTES (64 << 10) // one attribute's value
#define BERTH_LIMIT_VOLUME_BYTES ((int64_t) 16 << 40) // of an archive that is unpacked into a volume
#define BERTH_LIMIT_LAYERS 127 // of one image
#define BERTH_LIMIT_IMAGE_ARCHIVE_FILES 65536 // of what `load` reads
#define BERTH_LIMIT_IMAGE_ARCHIVE_BYTES ((int64_t) 1 << 40) // uncompressed
#define BERTH_LIMIT_IMAGE_ARCHIVE_PADDING (64 << 20) // behind its end

// What a build reads
#define BERTH_LIMIT_CONTEXT_ENTRIES 1000000 // of one context
#define BERTH_LIMIT_CONTEXT_BYTES ((int64_t) 64 << 30) // unpacked
#define BERTH_LIMIT_BUILD_REDIRECTS 10 // of one URL
#define BERTH_LIMIT_GIT_SECONDS 1800 // for one call of git
#define BERTH_LIMIT_GIT_BYTES ((int64_t) 64 << 30) // of one repository on the disk, its history and its files
#define BERTH_LIMIT_GIT_KNOWN_HOSTS (64 << 10) // what a client says of the keys of a host
#define BERTH_LIMIT_GIT_WORDS (16 << 10) // of what it says about a failure
#define BERTH_LIMIT_GIT_SUBMODULES 100 // of one repository

// Registries
#define BERTH_LIMIT_TAGS 100000 // of one repository
#define BERTH_LIMIT_PAGES 1000 // of one list
#define BERTH_LIMIT_REDIRECTS 10 // of one request
#define BERTH_LIMIT_TRANSFERS 64 // at once of one pull or push

// Plugins: Docker's, and CNI's
#define BERTH_LIMIT_PLUGIN_NAME 128
#define BERTH_LIMIT_PLUGIN_FILE (64 << 10) // that says where one is; its authority's certificate
#define BERTH_LIMIT_PLUGIN_ANSWER (4 << 20)
#define BERTH_LIMIT_PLUGIN_WORDS 1024 // of what it says about a failure
#define BERTH_LIMIT_PLUGIN_SECONDS 120 // for one call
#define BERTH_LIMIT_PLUGINS 256 // that a list names
#define BERTH_LIMIT_CNI_CONFIG (1 << 20) // one configuration list
#define BERTH_LIMIT_CNI_FILES 1024 // of configuration in a folder
#define BERTH_LIMIT_CNI_CHAIN 32 // plugins of one list
#define BERTH_LIMIT_CNI_OUTPUT (1 << 20) // what a plugin prints
#define BERTH_LIMIT_CNI_WORDS (16 << 10) // of what it writes to its standard error
#define BERTH_LIMIT_CNI_SECONDS 60 // for one plugin
#define BERTH_LIMIT_CNI_ADDRESSES 256 // of one result
#define BERTH_LIMIT_CNI_DNS 32 // name servers, domains or options of one result
#define BERTH_LIMIT_CNI_DNS_WORD 255 // characters of one of them

// Containers
#define BERTH_LIMIT_MOUNTS 4096 // that the user and the image ask for
#define BERTH_LIMIT_ENVIRONMENT 10000 // variables
#define BERTH_LIMIT_CDI_FILE (4 << 20) // one CDI specification
#define BERTH_LIMIT_CDI_FILES 4096
#define BERTH_LIMIT_CDI_DEVICES 16384 // of one specification
#define BERTH_LIMIT_CDI_REQUESTS 1024 // of one container
#define BERTH_LIMIT_CDI_NAME 255
#define BERTH_LIMIT_YAML_NODES 1000000 // of one document
#define BERTH_LIMIT_SECRET_VALUE (500 * 1024) // one secret's value
#define BERTH_LIMIT_SECRET_NAME 64
#define BERTH_LIMIT_SECRETS 256 // of one container
#define BERTH_LIMIT_USER_MAPPINGS 64 // of ids to chosen ones of the host
#define BERTH_LIMIT_USER_RANGE (1 << 24) // ids of one container
#define BERTH_LIMIT_USER_RANGES 1024 // of one name in subuid(5)
#define BERTH_LIMIT_MOUNTINFO (16 << 20) // of a process

// Dockerfiles
#define BERTH_LIMIT_DOCKERFILE (4 << 20)
#define BERTH_LIMIT_DOCKERFILE_LINE 65535 // one line, as in BuildKit
#define BERTH_LIMIT_DOCKERFILE_INSTRUCTIONS 10000
#define BERTH_LIMIT_DOCKERFILE_STAGES 1000
#define BERTH_LIMIT_DOCKERFILE_HEREDOCS 256 // of one instruction
#define BERTH_LIMIT_DOCKERFILE_WORDS 65536 // sources, ports or volumes of one instruction
#define BERTH_LIMIT_DOCKERFILE_FLAGS 1024 // of one instruction
#define BERTH_LIMIT_DOCKERFILE_ALL_FLAGS 10000 // in one file
#define BERTH_LIMIT_DOCKERFILE_PAIRS 10000 // names of ARG, ENV and LABEL in one file
#define BERTH_LIMIT_DOCKERFILE_WARNINGS 1000 // of the checks; further ones are not looked for
#define BERTH_LIMIT_DOCKERFILE_INHERITED                                                                               \
	200000 // variables that stages have from stages, in all, as the checks see them
#define BERTH_LIMIT_EXPANSION_UNSET 4096 // names without value that are reported of one instruction
#define BERTH_LIMIT_EXPANSION (1 << 20) // what variables make of one text
#define BERTH_LIMIT_EXPANSION_ALL (64 << 20) // of all texts of a file, with what stages and steps have of them
#define BERTH_LIMIT_EXPANSION_DEPTH 64 // ${a:-${b:-…}}
#define BERTH_LIMIT_EXPANSION_MATCH (256 << 10) // pattern's characters times the value's, of ${a#p} and ${a/p/w}
#define BERTH_LIMIT_IGNORE_FILE (4 << 20) // a .dockerignore
#define BERTH_LIMIT_IGNORE_PATTERNS 20000

// Networks
#define BERTH_LIMIT_PUBLISHED_PORTS 131072 // of one container
#define BERTH_LIMIT_ENDPOINTS 36 // networks; BERTH_ENDPOINT_SLOTS
#define BERTH_LIMIT_PORT_BINDINGS 65536 // of one container
#define BERTH_LIMIT_LINKS 256
#define BERTH_LIMIT_NETWORK_ALIAS 255
#define BERTH_LIMIT_NETWORK_NAME 255
#define BERTH_LIMIT_HOSTS (1 << 20) // a container's /etc/hosts, which it may have changed
#define BERTH_LIMIT_NETWORK_STATE (16 << 20) // network.json of one container

// Control groups
#define BERTH_LIMIT_DEVICE_RULES 1024 // of one container
#define BERTH_LIMIT_SECCOMP_CACHE 256 // compiled seccomp programs that are kept

// Checkpoints
#define BERTH_LIMIT_CRIU_LOG (256 << 10) // of its end, where the reason of a failure is looked for
#define BERTH_LIMIT_CRIU_IMAGE (4 << 20) // of an image that is read before CRIU reads it: mounts, process tree, groups
#define BERTH_LIMIT_CRIU_FILES 65536 // in the folder of the images
#define BERTH_LIMIT_CRIU_PARENTS 64 // pre-dumps before a dump

// The store
#define BERTH_LIMIT_EVENTS 10000 // kept, if nothing else is said; older ones are dropped
#define BERTH_LIMIT_EVENTS_MOST 1000000 // that can be kept
#define BERTH_LIMIT_SNAPSHOT_ID 128

// Monitor protocol
#define BERTH_LIMIT_PACKET (64 << 10) // one packet
#define BERTH_LIMIT_PACKET_FDS 8
#define BERTH_LIMIT_ATTACHED 64 // clients attached to one container
#define BERTH_LIMIT_WEBSOCKET_FRAME (16 << 20) // payload of one frame of a client that is attached by WebSocket
#define BERTH_LIMIT_ATTACH_QUEUE (1 << 20) // output waiting for one attached client
#define BERTH_LIMIT_EXEC_QUEUE (96 << 10) // output waiting for the client of one exec
#define BERTH_LIMIT_EXEC_ID 64
#define BERTH_LIMIT_EXECS 2048 // further processes of one container at a time, and instances that were not started
#define BERTH_LIMIT_EXECS_ENDED 256 // that a monitor tells of after their end
#define BERTH_LIMIT_EXEC_LIST (64 << 20) // what a monitor tells of all
#define BERTH_LIMIT_EXEC_ABOUT (16 << 10) // arguments that are remembered of one by its monitor
#define BERTH_LIMIT_EXEC_SECONDS 20 // until its program must have been executed
#define BERTH_LIMIT_HEALTH_OUTPUT 4096 // of a health check's probe that are kept, as Docker does
#define BERTH_LIMIT_LOG_LINE (16 << 10) // one record's text; longer lines are split, as Docker does
#define BERTH_LIMIT_LOG_QUEUE (1 << 20) // output that waits for a log's target before the container does
#define BERTH_LIMIT_LOG_ASYNC (256 << 20) // output that waits for it where the container never does
#define BERTH_LIMIT_LOG_RECORD (1 << 20) // one line of a log file, as it is read

// Names in containers: what a container or a server on the network can make its monitor keep
#define BERTH_LIMIT_DNS_FILES 64 // names files, one for each network of a container
#define BERTH_LIMIT_DNS_SERVERS 16 // that are asked for other names; further ones of the host's file are not used
#define BERTH_LIMIT_DNS_ALIASES 1024 // of links
#define BERTH_LIMIT_DNS_NAMES (64 << 20) // a names file
#define BERTH_LIMIT_DNS_ADDRESSES 1024 // of one name in one answer
#define BERTH_LIMIT_DNS_QUERY 4096 // one query
#define BERTH_LIMIT_DNS_FORWARDS 256 // queries that wait for a server; the next one gets SERVFAIL
#define BERTH_LIMIT_DNS_PATIENCE 30 // seconds that one of them waits, whatever the host's file says
#define BERTH_LIMIT_DNS_CLIENTS 64 // TCP connections; further ones wait until one is closed
#define BERTH_LIMIT_DNS_IDLE 10 // seconds after which one on which nothing happens is closed
#define BERTH_LIMIT_DNS_OUTPUT (128 << 10) // answers waiting for one of them, above which no more queries are read
#define BERTH_LIMIT_DNS_HOST_FILE (64 << 10) // the host's resolv.conf

// Engine API
#define BERTH_LIMIT_REQUEST_HEADER (64 << 10)
#define BERTH_LIMIT_CONNECTIONS 4096 // of one socket; near it, those that wait longest are ended
#define BERTH_LIMIT_IDLE_SECONDS 600 // for which one may wait for a request, or its rest
#define BERTH_LIMIT_HANDSHAKES 256 // of TLS at once: clients that nobody knows yet
#define BERTH_LIMIT_HANDSHAKE_SECONDS 10

// Builds, as a request for one may ask
#define BERTH_LIMIT_BUILD_ID 128 // characters
#define BERTH_LIMIT_BUILD_DEBUG_SECONDS 60 // that a failed build waits for a shell to be opened in its step
#define BERTH_LIMIT_BUILD_AGENTS 32 // connections to a client's ssh agents that wait
#define BERTH_LIMIT_BUILD_CONTEXTS 64 // named ones
#define BERTH_LIMIT_BUILD_LISTINGS ((int64_t) 512 << 20) // bytes of the listings of a build's contexts
#define BERTH_LIMIT_BUILD_ARCHIVE_SECONDS 60 // that a build waits for a context that it wants
#define BERTH_LIMIT_BUILD_SECRETS 64
#define BERTH_LIMIT_BUILD_SECRET (500 << 10) // bytes of one
#define BERTH_LIMIT_BUILD_OUTPUTS 16
#define BERTH_LIMIT_BUILD_LIST 4096 // elements of a list or map of a request
#define BERTH_LIMIT_BUILD_WAITING (16 << 20) // output that waits until the request has been read
#define BERTH_LIMIT_BUILD_STEP_LOG (4 << 20) // of a step that is told of later, in the stream of Docker's

// Files of a container that the engine reads
#define BERTH_LIMIT_PASSWD (1 << 20) // /etc/passwd and /etc/group
