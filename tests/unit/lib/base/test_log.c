/* test_log.c - what lines look like, and which ones are left out, with a fake clock and a pipe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <jansson.h>
#include <unistd.h>

#include "lib/base/log.h"

struct rig {
	struct fake_clock clock;
	struct log *root;
	int pipe[2];
	char text[65536];
};

static void rig_init(struct rig *r, enum log_level level, enum log_encoding encoding, bool sampling)
{
	fake_clock_init(&r->clock, 5, INT64_C(1795244400123456789));
	assert_int_equal(pipe2(r->pipe, O_NONBLOCK), 0);
	struct log_conf c = { level, encoding, sampling, { r->pipe[1] }, 1 };
	r->root = log_new(&c, &r->clock.clock);
}

static const char *rig_read(struct rig *r)
{
	ssize_t n = read(r->pipe[0], r->text, sizeof(r->text) - 1);
	r->text[n < 0 ? 0 : n] = 0;
	return r->text;
}

static void rig_release(struct rig *r)
{
	log_free(r->root);
	close(r->pipe[0]);
	close(r->pipe[1]);
}

static void text_lines(void **state UNUSED)
{
	struct rig r;
	rig_init(&r, LOG_INFO, LOG_TEXT, false);
	struct log *child = log_child(r.root, "otlp/a");
	log_info(child, "say \"hi\"", "a", "x", "b", "va lue", "n", LOG_U(18446744073709551615u), "i", LOG_I(-5), NULL);
	assert_string_equal(rig_read(&r),
	        "2026-11-21T07:00:00.123Z info  otlp/a: say \"hi\" a=x b=\"va lue\" n=18446744073709551615 i=-5\n");
	log_error(r.root, "two\nlines", "a", "", "b", "q\"\n", "c", "a=b", "d", "gr\xC3\xBC\xFF", NULL);
	assert_string_equal(rig_read(&r),
	        "2026-11-21T07:00:00.123Z error two\\nlines a=\"\" b=\"q\\\"\\n\" c=\"a=b\" "
	        "d=\"gr\xC3\xBC\xEF\xBF\xBD\"\n");
	log_debug(child, "not shown", NULL);
	log_write(child, LOG_DEBUG, "not shown", NULL);
	assert_string_equal(rig_read(&r), "");
	log_free(child);
	rig_release(&r);
}

static void json_lines(void **state UNUSED)
{
	struct rig r;
	rig_init(&r, LOG_DEBUG, LOG_JSON, false);
	struct log *child = log_child(r.root, "file");
	log_debug(child, "a \"b\"", "key", "va\nlue", NULL);
	assert_string_equal(rig_read(&r),
	        "{\"level\":\"debug\",\"ts\":\"2026-11-21T07:00:00.123Z\",\"component\":\"file\",\"msg\":\"a "
	        "\\\"b\\\"\","
	        "\"key\":\"va\\nlue\"}\n");
	json_t *v = json_loads(r.text, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(v, "key")), "va\nlue");
	json_decref(v);
	log_free(child);
	rig_release(&r);
}

static void too_long(void **state UNUSED)
{
	struct rig r;
	rig_init(&r, LOG_DEBUG, LOG_TEXT, false);
	char *big = malloc(100001);
	memset(big, 'x', 100000);
	big[100000] = 0;
	log_warn(r.root, "m", "k", big, NULL);
	assert_string_equal(rig_read(&r), "warn log line too long\n");
	free(big);
	rig_release(&r);
}

static unsigned lines(struct rig *r)
{
	unsigned n = 0;
	for (const char *p = rig_read(r); *p; p++)
		n += *p == '\n';
	return n;
}

static void sampling(void **state UNUSED)
{
	struct rig r;
	rig_init(&r, LOG_INFO, LOG_TEXT, true);
	struct log *a = log_child(r.root, "a"), *b = log_child(r.root, "b");
	for (int i = 0; i < 310; i++)
		log_warn(a, "again", NULL);
	assert_int_equal(lines(&r), 13); /* 10, then the 110th, 210th and 310th */
	log_warn(b, "again", NULL); /* another component has a count of its own */
	log_error(a, "again", NULL);
	log_warn(a, "other", NULL);
	assert_int_equal(lines(&r), 3);
	fake_clock_advance(&r.clock, 10 * NS_PER_S - 1);
	log_warn(a, "again", NULL);
	assert_int_equal(lines(&r), 0);
	fake_clock_advance(&r.clock, 1);
	for (int i = 0; i < 11; i++)
		log_warn(a, "again", NULL);
	assert_int_equal(lines(&r), 10);
	log_free(a);
	log_free(b);
	rig_release(&r);
}

static void blocks(void **state UNUSED)
{
	struct rig r;
	rig_init(&r, LOG_INFO, LOG_TEXT, true);
	struct log *child = log_child(r.root, "debug");
	for (int i = 0; i < 15; i++)
		log_block(child, LOG_INFO, SLICE("one\ntwo\n"), "Traces", "spans", LOG_U(2), NULL);
	assert_int_equal(lines(&r), 45); /* never sampled */
	log_block(child, LOG_INFO, SLICE("one\ntwo\n"), "Traces", "spans", LOG_U(2), NULL);
	assert_string_equal(rig_read(&r), "2026-11-21T07:00:00.123Z info  debug: Traces spans=2\none\ntwo\n");
	log_block(child, LOG_DEBUG, SLICE("x\n"), "Traces", NULL);
	assert_string_equal(rig_read(&r), "");
	struct log_conf c = { LOG_INFO, LOG_JSON, false, { r.pipe[1] }, 1 };
	log_configure(r.root, &c);
	log_block(child, LOG_INFO, SLICE("one\ntwo\n"), "Traces", "spans", LOG_U(2), NULL);
	json_t *v = json_loads(rig_read(&r), 0, NULL);
	assert_string_equal(json_string_value(json_object_get(v, "output")), "one\ntwo\n");
	assert_string_equal(json_string_value(json_object_get(v, "spans")), "2");
	json_decref(v);
	log_free(child);
	rig_release(&r);
}

/* Blocking pipes whose reader has stopped: nobody waits for it (else the alarm ends this), and what is lost is told. */
static void reader_stopped(void **state UNUSED)
{
	struct rig r;
	static char block[80000];
	rig_init(&r, LOG_INFO, LOG_TEXT, false);
	fcntl(r.pipe[1], F_SETFL, 0);
	alarm(20);
	memset(block, 'b', sizeof(block) - 1);
	uint64_t taken = 0;
	while (!log_lost(r.root) && taken++ < 10000)
		log_info(r.root, "a line of some length to fill what the pipe holds", "n", LOG_U(taken), NULL);
	for (int i = 0; i < 1000; i++)
		log_info(r.root, "lost", NULL);
	assert_int_equal(log_lost(r.root), 1001);
	taken--;
	while (taken) { /* whole lines only: all that fitted */
		unsigned n = lines(&r);
		assert_true(n && n <= taken);
		taken -= n;
	}
	log_info(r.root, "back", NULL);
	assert_string_equal(rig_read(&r),
	        "2026-11-21T07:00:00.123Z info  back\n2026-11-21T07:00:00.123Z warn  Log lines were lost: their reader "
	        "did "
	        "not keep up, or the disk is full lines=1001\n");
	log_info(r.root, "once", NULL);
	assert_string_equal(rig_read(&r), "2026-11-21T07:00:00.123Z info  once\n");
	/* a block is cut, after which the next line is still one of its own */
	log_block(r.root, LOG_INFO, slice_of(block), "m", NULL);
	assert_int_equal(log_lost(r.root), 1002);
	while (strlen(rig_read(&r)) == sizeof(r.text) - 1) {
	}
	log_info(r.root, "after", NULL);
	assert_true(strstr(rig_read(&r), "\n2026-11-21T07:00:00.123Z info  after\n2026"));
	alarm(0);
	rig_release(&r);
}

static void reconfigured(void **state UNUSED)
{
	struct rig r;
	rig_init(&r, LOG_ERROR, LOG_TEXT, false);
	struct log *child = log_child(r.root, "c");
	assert_false(log_enabled(child, LOG_INFO));
	struct log_conf c = { LOG_INFO, LOG_JSON, false, { r.pipe[1], r.pipe[1] }, 2 };
	log_configure(r.root, &c);
	assert_true(log_enabled(child, LOG_INFO));
	log_info(child, "m", NULL);
	assert_int_equal(lines(&r), 2);
	log_free(child);
	rig_release(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_lines),
		cmocka_unit_test(json_lines),
		cmocka_unit_test(too_long),
		cmocka_unit_test(sampling),
		cmocka_unit_test(blocks),
		cmocka_unit_test(reader_stopped),
		cmocka_unit_test(reconfigured),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
