/* file.c - appends requests to a file: JSON lines, or length-prefixed protobuf or compressed messages.
 *
 * Names, options and formats are the Collector's. Data is in the file when a delivery is done (nothing is buffered
 * here); what cannot be written is retried, and by default for ever, so a full disk loses nothing the queue holds.
 * The open file is the shared part, so a reload that keeps the path goes on in the same file.
 */
#include "lib/base/utf8.h"
#include "lib/net/compress.h"
#include "lib/otlp/json.h"
#include "lib/pipe/component.h"
#include "lib/pipe/delivery.h"
#include "lib/pipe/file_sink.h"
#include "lib/pipe/groups.h"

enum format { FORMAT_JSON, FORMAT_PROTO };
enum compression { COMPRESSION_NONE, COMPRESSION_ZSTD };
static const char *const format_names[] = { "json", "proto", NULL };
static const char *const compression_names[] = { "none|", "zstd", NULL };

struct rotation_conf {
	bool enabled;
	uint32_t max_megabytes, max_days, max_backups;
	bool localtime;
};
struct file_conf {
	struct exporter_conf exporter; /* first member */
	slice path, directory_permissions;
	int format, compression;
	struct rotation_conf rotation;
	bool append, create_directory;
	duration flush_interval;
};

static const struct conf_field rotation_fields[] = {
	CONF_U32(
	        rotation_conf, max_megabytes, "100", "The file is rotated before it becomes larger than this, in MiB."),
	CONF_U32(rotation_conf, max_days, "0", "Rotated files older than this are deleted; 0 means never."),
	CONF_U32(rotation_conf, max_backups, "100", "How many rotated files are kept; 0 means all."),
	CONF_BOOL(rotation_conf, localtime, "false", "Names of rotated files carry local time instead of UTC."),
	CONF_END,
};

static const struct conf_field fields[] = {
	CONF_STR(file_conf, path, NULL, "The file to write to."),
	CONF_ENUM(file_conf, format, "json", format_names,
	        "json is one request per line; proto is a length (4 bytes, big-endian) and a message."),
	CONF_ENUM(file_conf, compression, "none", compression_names,
	        "zstd compresses each message and puts its length (4 bytes, big-endian) in front."),
	CONF_OPTION(file_conf, rotation, rotation_conf, rotation_fields, "Starts a new file when this one is full."),
	CONF_BOOL(file_conf, append, "false", "Goes on at the end of the file instead of emptying it at start."),
	CONF_DURATION(file_conf, flush_interval, "1s",
	        "How long data may wait; it never does, every write goes out at once."),
	CONF_BOOL(file_conf, create_directory, "false", "Creates the directory of the file when it is not there."),
	CONF_STR(file_conf, directory_permissions, "0755", "Mode of the directories that are created, in octal."),
	CONF_REFUSED("group_by", "a file per resource attribute is not supported."),
	CONF_REFUSED("encoding", "there are no encoding extensions; use format."),
	CONF_INLINE(file_conf, exporter, exporter_conf, exporter_fields, "What every exporter has.",
	        .def = "retry_on_failure.max_elapsed_time=0s"),
	CONF_END,
};

/* False when the text is no octal number. */
static bool read_mode(slice s, unsigned *mode)
{
	*mode = 0;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '7' || *mode > 07777)
			return false;
		*mode = *mode * 8 + (unsigned)(s.p[i] - '0');
	}
	return s.len > 0;
}

static void check(const void *conf, struct conf_report *r)
{
	const struct file_conf *c = conf;
	unsigned mode;
	exporter_check(&c->exporter, r);
	if (conf_is_set(r, &c->path) && !c->path.len)
		conf_fail(r, &c->path, "path must be non-empty");
	if (c->append && c->compression != COMPRESSION_NONE)
		conf_clash(r, &c->append, &c->compression,
		        "append and compression enabled at the same time is not supported");
	if (c->append && c->rotation.enabled)
		conf_clash(
		        r, &c->append, &c->rotation, "append and rotation enabled at the same time is not supported");
	if (c->flush_interval.ns < 0)
		conf_fail(r, &c->flush_interval, "flush_interval must be larger than zero");
	if (!read_mode(c->directory_permissions, &mode))
		conf_fail(r, &c->directory_permissions,
		        "directory_permissions value must be a valid octal representation");
	else if (mode > 0777)
		conf_fail(r, &c->directory_permissions, "directory_permissions contain invalid bits for file access");
	if (conf_is_set(r, &c->directory_permissions) && !c->create_directory)
		conf_fail(r, &c->directory_permissions, "directory_permissions requires create_directory to be true");
}

struct file_shared {
	struct file_sink *sink;
};
struct file_state {
	struct codec *codec; /* only with compression */
};

static int open_shared(void *shared, const void *conf, void *prev, struct err *e)
{
	const struct file_conf *c = conf;
	const struct file_shared *old = prev;
	struct file_shared *s = shared;
	if (old && slice_eq(file_sink_path(old->sink), c->path)) {
		s->sink = file_sink_ref(old->sink);
		file_sink_reopen(s->sink);
		return 0;
	}
	struct file_sink_conf sink = { c->path, c->append, c->create_directory, 0 };
	read_mode(c->directory_permissions, &sink.directory_mode);
	s->sink = file_sink_open(disk_system(), &sink, e);
	return s->sink ? 0 : -1;
}

static void close_shared(void *shared)
{
	struct file_shared *s = shared;
	file_sink_unref(s->sink);
}

static int start(struct stage *s, struct err *e UNUSED)
{
	const struct file_conf *c = s->conf;
	struct file_state *state = s->state;
	if (c->compression == COMPRESSION_ZSTD)
		state->codec = codec_new();
	return 0;
}

/* A body in the file's format. NULL without memory. The pool is not asked: a delivery that waits for memory which the queue
 * behind it holds would wait for ever. */
static struct buf *encode(const struct stage *s, const struct delivery *d, struct buf *body)
{
	const struct file_conf *c = s->conf;
	const struct file_state *state = s->state;
	struct buf *out = NULL, *packed = NULL;
	if (c->format == FORMAT_PROTO)
		out = buf_ref(body);
	else if (otlp_to_json(d->signal, buf_slice(body), NULL, &out))
		return NULL;
	if (c->compression == COMPRESSION_NONE)
		return out;
	slice in = buf_slice(out);
	int rc = codec_deflate(state->codec, CODING_ZSTD, 0, &in, 1, NULL, &packed);
	buf_unref(out);
	return rc ? NULL : packed;
}

/* The messages of a delivery and what stands around each of them. */
struct message {
	struct buf *body;
	char prefix[4];
};

static int write_messages(struct stage *s, struct message *m, size_t n, struct err *e)
{
	const struct file_conf *c = s->conf;
	const struct file_shared *shared = s->shared;
	bool is_lines = c->format == FORMAT_JSON && c->compression == COMPRESSION_NONE;
	slice *parts = malloc(2 * n * sizeof(*parts));
	if (!parts)
		return err_set(e, "out of memory");
	for (size_t i = 0; i < n; i++) {
		for (int k = 0; k < 4; k++)
			m[i].prefix[k] = (char)(m[i].body->len >> (24 - 8 * k));
		parts[2 * i + !is_lines] = buf_slice(m[i].body);
		parts[2 * i + is_lines] = is_lines ? SLICE("\n") : (slice){ m[i].prefix, 4 };
	}
	struct file_rotation r = { c->rotation.max_megabytes * (UINT64_C(1) << 20), c->rotation.max_days,
		c->rotation.max_backups, c->rotation.localtime };
	if (!c->rotation.enabled)
		r.max_bytes = 0;
	int rc = file_sink_write(shared->sink, parts, 2 * n, &r, clock_wall(s->loop->clock), e);
	free(parts);
	return rc;
}

static void file_send(struct stage *s, struct delivery *d)
{
	struct verdict v = { .kind = DELIVERED };
	struct err e = { 0 };
	size_t n = 0;
	struct message *m = calloc(d->n_bodies + 1, sizeof(*m));
	int rc = m ? 0 : err_set(&e, "out of memory");
	for (; rc == 0 && n < d->n_bodies; n++)
		if (!(m[n].body = encode(s, d, d->bodies[n])))
			rc = err_set(&e, "out of memory");
	if (rc == 0 && n)
		rc = write_messages(s, m, n, &e);
	for (size_t i = 0; i < n; i++)
		buf_unref(m[i].body);
	free(m);
	if (rc) {
		v.kind = RETRY;
		snprintf(v.text, sizeof(v.text), "%.*s", (int)utf8_cut(slice_of(e.text), sizeof(v.text) - 1), e.text);
	}
	delivery_done(d, &v);
}

static void stop(struct stage *s)
{
	struct file_state *state = s->state;
	codec_free(state->codec);
	stage_stopped(s);
}

const struct component exporter_file = {
	.name = "file",
	.summary = "Writes requests to a file, as JSON lines or protobuf messages.",
	.kind = EXPORTER,
	.signals = TRACES | LOGS | METRICS,
	.fields = fields,
	.conf_size = sizeof(struct file_conf),
	.shared_size = sizeof(struct file_shared),
	.state_size = sizeof(struct file_state),
	.check = check,
	.open = open_shared,
	.close = close_shared,
	.start = start,
	.send = file_send,
	.stop = stop,
};
