/* groups.c - option groups that several components embed, with the Collector's keys, defaults and rules.
 *
 * Texts that tools look for are the Collector's. A key of the Collector that weir has not is
 * refused by name where it would change what happens, and ignored with a warning where it only tunes the Collector's
 * own libraries. Durations, counts and sizes are bounded by their rows; the checks here are rules across options.
 */
#include "lib/pipe/groups.h"

#define SECONDS_MAX 9e9 /* what int64 nanoseconds hold */
#define COUNT_MAX 9e15 /* what a double holds exactly */

static const char *const sizer_names[] = { "requests", "items", "bytes", NULL };
static const char *const batch_sizer_names[] = { "requests", "items", "bytes", "auto", NULL };
static const char *const tristate_names[] = { "auto", "false", "true", NULL };
static const char *const overflow_names[] = { "auto", "reject", "drop_oldest", "drop_newest", NULL };

const struct conf_field retry_fields[] = {
	CONF_BOOL(retry_conf, enabled, "true", "Whether a delivery that failed for now is sent again."),
	CONF_DURATION(retry_conf, initial_interval, "5s", "Wait before the first retry.", .min = 0, .max = SECONDS_MAX),
	CONF_F64(retry_conf, randomization_factor, "0.5", "Each wait is varied by at most this share.", .min = 0,
	        .max = 1),
	CONF_F64(retry_conf, multiplier, "1.5", "Growth of the wait from retry to retry.", .min = 0, .max = COUNT_MAX),
	CONF_DURATION(
	        retry_conf, max_interval, "30s", "The longest wait between retries.", .min = 0, .max = SECONDS_MAX),
	CONF_DURATION(retry_conf, max_elapsed_time, "5m", "A delivery is given up after this time; 0 means never.",
	        .min = 0, .max = SECONDS_MAX),
	CONF_END,
};

void retry_check(const struct retry_conf *c, struct conf_report *r)
{
	if (c->max_elapsed_time.ns == 0)
		return;
	if (c->max_elapsed_time.ns < c->initial_interval.ns)
		conf_clash(r, &c->initial_interval, &c->max_elapsed_time,
		        "'max_elapsed_time' must not be less than 'initial_interval'");
	else if (c->max_elapsed_time.ns < c->max_interval.ns)
		conf_clash(r, &c->max_interval, &c->max_elapsed_time,
		        "'max_elapsed_time' must not be less than 'max_interval'");
}

static const struct conf_field queue_batch_fields[] = {
	CONF_DURATION(queue_batch_conf, flush_timeout, "200ms", "A batch is sent after this time, full or not.",
	        .min = -SECONDS_MAX, .max = SECONDS_MAX),
	CONF_I64(queue_batch_conf, min_size, "8192", "A batch is sent as soon as it holds this much."),
	CONF_I64(queue_batch_conf, max_size, "0", "A larger batch is split; 0 means no limit."),
	CONF_ENUM(queue_batch_conf, sizer, "auto", batch_sizer_names,
	        "Unit of min_size and max_size: items or bytes; auto is the queue's sizer, or items when that is "
	        "requests."),
	CONF_REFUSED(
	        "partition", "Requests of different tenants are never joined; further partitions are not supported."),
	CONF_END,
};

const struct conf_field queue_fields[] = {
	CONF_BOOL(queue_conf, enabled, "true",
	        "Requests are always queued; false means that one delivery is under way at a time."),
	CONF_U32(queue_conf, num_consumers, "10", "Deliveries under way at the same time."),
	CONF_U64(queue_conf, queue_size, "1000", "What the queue holds at most, in units of sizer."),
	CONF_ENUM(queue_conf, sizer, "requests", sizer_names, "Unit of queue_size: requests, items (spans) or bytes."),
	CONF_BOOL(queue_conf, block_on_overflow, "false", "Only false: a full queue answers 503 with Retry-After."),
	CONF_BOOL(queue_conf, wait_for_result, "false", "Only false: the receiver's ack option says what a 200 means."),
	CONF_STR(queue_conf, storage, "",
	        "Id of an extension (file_storage): the queue is on disk and outlives the process. Without it the "
	        "queue is in "
	        "memory."),
	CONF_BYTES(queue_conf, max_lag_bytes, "0",
	        "With a storage: what this exporter may have waiting there at most, beside queue_size; 0 means no "
	        "limit."),
	CONF_OPTION(queue_conf, batch, queue_batch_conf, queue_batch_fields, "Joins requests before they are sent."),
	CONF_END,
};

enum sizer queue_batch_sizer(const struct queue_conf *c)
{
	enum sizer own = (enum sizer)c->batch.sizer;
	if (own != SIZER_AUTO)
		return own;
	return c->sizer == SIZER_BYTES ? SIZER_BYTES : SIZER_ITEMS;
}

static void queue_batch_check(const struct queue_conf *c, struct conf_report *r)
{
	const struct queue_batch_conf *b = &c->batch;
	bool inherited = b->sizer == SIZER_AUTO && c->sizer == SIZER_REQUESTS && conf_is_set(r, &c->sizer);
	if (inherited)
		conf_clash(r, &b->enabled, &c->sizer,
		        "`batch` supports only `items` or `bytes` sizer, found \"requests\": give the batch a sizer of "
		        "its own");
	if (b->sizer == SIZER_REQUESTS)
		conf_fail(r, &b->sizer, "`batch` supports only `items` or `bytes` sizer, found \"requests\"");
	if (b->flush_timeout.ns <= 0)
		conf_fail(r, &b->flush_timeout, "`flush_timeout` must be positive, found %lld",
		        (long long)b->flush_timeout.ns);
	if (b->min_size < 0)
		conf_fail(r, &b->min_size, "`min_size` must be non-negative, found %lld", (long long)b->min_size);
	if (b->max_size < 0)
		conf_fail(r, &b->max_size, "`max_size` must be non-negative, found %lld", (long long)b->max_size);
	else if (b->max_size > 0 && b->max_size < b->min_size)
		conf_clash(r, &b->min_size, &b->max_size,
		        "`max_size` (%lld) must be greater or equal to `min_size` (%lld)", (long long)b->max_size,
		        (long long)b->min_size);
	if (b->sizer != SIZER_REQUESTS && queue_batch_sizer(c) == (enum sizer)c->sizer && b->min_size > 0 &&
	        (uint64_t)b->min_size > c->queue_size)
		conf_clash(r, &c->queue_size, &b->min_size,
		        "`min_size` must be less than or equal to `queue_size`: min_size is %lld, queue_size %llu",
		        (long long)b->min_size, (unsigned long long)c->queue_size);
}

void queue_check(const struct queue_conf *c, struct conf_report *r)
{
	if (!c->enabled)
		return;
	if (c->num_consumers == 0)
		conf_fail(r, &c->num_consumers, "`num_consumers` must be positive");
	if (c->queue_size == 0)
		conf_fail(r, &c->queue_size, "`queue_size` must be positive");
	if (c->block_on_overflow)
		conf_fail(r, &c->block_on_overflow,
		        "`block_on_overflow` is not supported: nothing waits in front of a full queue, the sender gets "
		        "503 with "
		        "Retry-After");
	if (c->wait_for_result)
		conf_fail(r, &c->wait_for_result,
		        "`wait_for_result` is not supported: `ack: delivered` of the receiver waits for the outcome");
	if (c->batch.enabled && c->queue_size > 0)
		queue_batch_check(c, r);
}

const struct conf_field auth_fields[] = {
	CONF_STR(auth_conf, authenticator, NULL, "Id of the extension that knows the credentials."),
	CONF_REFUSED("request_params", "Credentials in the query of a URL end up in logs; send them in a header."),
	CONF_END,
};

const struct conf_field exporter_fields[] = {
	CONF_GROUP(exporter_conf, retry_on_failure, retry_conf, retry_fields, "Sending again what failed for now."),
	CONF_GROUP(exporter_conf, sending_queue, queue_conf, queue_fields, "What waits to be sent."),
	CONF_ENUM(exporter_conf, required, "auto", tristate_names,
	        "Whether a request is refused when this exporter has no room; auto is true when it is alone in its "
	        "pipelines."),
	CONF_ENUM(exporter_conf, overflow, "auto", overflow_names,
	        "What a full queue does: reject the request, drop_oldest, or drop_newest; auto is reject when required "
	        "and drop_oldest otherwise. An exporter that is not required rejects nothing: with reject it drops the "
	        "newest."),
	CONF_END,
};

void exporter_check(const struct exporter_conf *c, struct conf_report *r)
{
	retry_check(&c->retry_on_failure, r);
	queue_check(&c->sending_queue, r);
	if (c->required == TRI_TRUE && (c->overflow == OVERFLOW_DROP_OLDEST || c->overflow == OVERFLOW_DROP_NEWEST))
		conf_clash(r, &c->required, &c->overflow,
		        "`overflow: %s` loses accepted data, which `required: true` rules out",
		        overflow_names[c->overflow]);
}
