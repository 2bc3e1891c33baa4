/* json.c - MB/s and ns per span of OTLP/JSON in and out, on trace requests given as files.
 *
 *     build/bench/json payloads/mix_512_*.json
 *
 * CPU time of this thread; the best of five rounds over all files, since noise only ever adds. MB are bytes
 * of JSON in both directions.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lib/otlp/json.h"
#include "lib/otlp/wire.h"

enum { FILES_MAX = 256, ROUNDS = 5 };

struct sample {
	struct buf *json, *wire;
};

static struct buf *read_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	if (!f || fseek(f, 0, SEEK_END) != 0) {
		perror(path);
		exit(1);
	}
	long size = ftell(f);
	rewind(f);
	struct buf *b = buf_new(NULL, (size_t)size);
	if (!b || fread(b->data, 1, (size_t)size, f) != (size_t)size) {
		perror(path);
		exit(1);
	}
	b->len = (size_t)size;
	fclose(f);
	return b;
}

/* Spans are at resource_spans (1), scope_spans (2), spans (2). */
static uint64_t count_spans(slice at, int level)
{
	struct wire_field f;
	uint64_t n = 0;
	while (at.len && wire_next(&at, &f))
		if (f.tag == TAG(level ? 2 : 1, WIRE_LEN))
			n += level == 2 ? 1 : count_spans(f.content, level + 1);
	return n;
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static struct buf *convert(const struct sample *s, bool in)
{
	struct buf *out;
	struct err e;
	uint64_t n_utf8;
	int rc = in ? json_to_otlp(TRACES, buf_slice(s->json), NULL, &out, &n_utf8, &e)
	            : otlp_to_json(TRACES, buf_slice(s->wire), NULL, &out);
	if (rc != 0) {
		fprintf(stderr, "conversion failed: %s\n", in ? e.text : "out of memory");
		exit(1);
	}
	return out;
}

static void measure(const struct sample *samples, int n, bool in, uint64_t spans, uint64_t size)
{
	double best = 1e9;
	int loops = (int)(100000000 / (size + 1)) + 1;
	for (int round = 0; round < ROUNDS; round++) {
		double start = now();
		for (int i = 0; i < loops * n; i++)
			buf_unref(convert(&samples[i % n], in));
		double took = (now() - start) / loops;
		best = took < best ? took : best;
	}
	printf("JSON %-3s %7.0f MB/s %7.0f ns/span\n", in ? "in" : "out", (double)size / best / 1e6,
	        best * 1e9 / (double)(spans ? spans : 1));
}

int main(int argc, char **argv)
{
	struct sample samples[FILES_MAX];
	uint64_t spans = 0, size = 0;
	int n = argc - 1 < FILES_MAX ? argc - 1 : FILES_MAX;
	for (int i = 0; i < n; i++) {
		samples[i].json = read_file(argv[i + 1]);
		samples[i].wire = convert(&samples[i], true);
		spans += count_spans(buf_slice(samples[i].wire), 0);
		size += samples[i].json->len;
	}
	if (n < 1) {
		fprintf(stderr, "usage: json FILE.json...\n");
		return 2;
	}
	printf("%d files, %.1f MB, %llu spans\n", n, (double)size / 1e6, (unsigned long long)spans);
	measure(samples, n, true, spans, size);
	measure(samples, n, false, spans, size);
	for (int i = 0; i < n; i++) {
		buf_unref(samples[i].json);
		buf_unref(samples[i].wire);
	}
	return 0;
}
