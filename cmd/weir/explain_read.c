/* explain_read.c - a file of OTLP traces, in whatever form it was kept, as protobuf requests.
 *
 * A first byte `{` means JSON: one document, or one on each line as the file exporter writes them. Everything is read before
 * anything is explained, so a bad file leaves nothing half told. The bodies are the input's. */
#include "cmd/weir/explain.h"

#include <errno.h>
#include <stdio.h>

#include "lib/otlp/json.h"

enum { MAX_FILE = 64 << 20 };

static int complain(const struct explain_input *in, const char *why)
{
	fprintf(stderr, "weir explain: %s: %s\n", in->name, why);
	return -1;
}

static int add_json(struct explain_input *in, slice text, unsigned line)
{
	struct buf *body = NULL;
	uint64_t n_utf8;
	struct err e;
	if (json_to_otlp(TRACES, text, NULL, &body, &n_utf8, &e)) {
		if (line)
			fprintf(stderr, "weir explain: %s: line %u is not OTLP/JSON: %s\n", in->name, line, e.text);
		else
			fprintf(stderr, "weir explain: %s: not OTLP/JSON: %s\n", in->name, e.text);
		return -1;
	}
	*VEC_ADD(&in->bodies) = body;
	return 0;
}

/* The first line is a whole object and something follows it. */
static bool is_lines(slice text)
{
	const char *nl = memchr(text.p, '\n', text.len);
	slice first = nl ? slice_trim((slice){ text.p, (size_t)(nl - text.p) }) : text;
	return nl && first.len > 1 && first.p[first.len - 1] == '}';
}

static int add_lines(struct explain_input *in, slice text)
{
	for (unsigned line = 1; text.len; line++) {
		const char *nl = memchr(text.p, '\n', text.len);
		size_t n = nl ? (size_t)(nl - text.p) : text.len, skip = n + (nl != NULL);
		slice one = slice_trim((slice){ text.p, n });
		if (one.len && add_json(in, one, line))
			return -1;
		text = (slice){ text.p + skip, text.len - skip };
	}
	return 0;
}

static int add_bodies(struct explain_input *in, slice text)
{
	slice trimmed = slice_trim(text);
	if (!trimmed.len)
		return complain(in, "is empty");
	if (slice_starts(text, SLICE("\x1f\x8b")) || slice_starts(text, SLICE("\x28\xb5\x2f\xfd")))
		return complain(in, "is compressed; pipe it: gunzip -c or zstd -dc FILE | weir explain -");
	if (trimmed.p[0] == '{')
		return is_lines(trimmed) ? add_lines(in, trimmed) : add_json(in, trimmed, 0);
	struct buf *body = buf_copy(NULL, text);
	if (!body)
		return complain(in, "no memory for it");
	*VEC_ADD(&in->bodies) = body;
	return 0;
}

/* What is neither traces nor broken: requests of logs, other JSON, bytes that happen to be protobuf. */
static int check_bodies(struct explain_input *in)
{
	uint32_t n_spans = 0, n_refused = 0;
	struct scan_report r;
	bool rewrite;
	struct err e;
	for (size_t i = 0; i < in->bodies.n; i++) {
		if (traces_check(buf_slice(in->bodies.v[i]), &r, &rewrite, &e)) {
			fprintf(stderr, "weir explain: %s: not OTLP traces: %s\n", in->name, e.text);
			return -1;
		}
		n_spans += r.n_spans;
		n_refused += r.n_refused;
		if (r.n_refused)
			fprintf(stderr, "weir explain: %s: spans refused: %u (%s)\n", in->name, r.n_refused,
			        r.refused_text);
	}
	return n_spans > n_refused ? 0 : complain(in, "no spans in it: is it an OTLP request of traces?");
}

static int read_all(struct explain_input *in, struct strbuf *out)
{
	FILE *f = strcmp(in->name, "-") ? fopen(in->name, "re") : stdin;
	size_t n = 1;
	if (!f)
		return complain(in, strerror(errno));
	while (n) {
		char *room = strbuf_room(out, 65536);
		n = room ? fread(room, 1, 65536, f) : 0;
		out->len += n;
	}
	int error = ferror(f) ? errno : 0;
	if (f != stdin)
		fclose(f);
	if (out->failed)
		return complain(in, "is larger than 64 MiB");
	return error ? complain(in, strerror(error)) : 0;
}

int explain_read(struct explain_input *in, const char *name)
{
	struct strbuf text;
	*in = (struct explain_input){ .name = name };
	strbuf_init(&text, MAX_FILE);
	int rc = read_all(in, &text);
	if (rc == 0)
		rc = add_bodies(in, strbuf_slice(&text));
	if (rc == 0)
		rc = check_bodies(in);
	strbuf_release(&text);
	return rc;
}

void explain_input_release(struct explain_input *in)
{
	for (size_t i = 0; i < in->bodies.n; i++)
		buf_unref(in->bodies.v[i]);
	VEC_RELEASE(&in->bodies);
}
