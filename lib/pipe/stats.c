/* stats.c - names of outcomes and reasons, and the per-worker cells (see stats.h).
 *
 * The names are label values of the metrics page: once published they do not change. */
#include "lib/pipe/stats.h"

const char *drop_reason_name(enum drop_reason r)
{
	static const char *const names[N_DROP_REASONS] = {
		[DROP_OVERFLOW] = "overflow",
		[DROP_MAX_ELAPSED] = "max_elapsed_time",
		[DROP_SHUTDOWN] = "shutdown",
		[DROP_REMOVED] = "removed",
		[DROP_RETRY_OFF] = "retry_disabled",
		[DROP_CORRUPT] = "corrupt",
		[DROP_ORPHANED] = "orphaned",
	};
	return names[r];
}

const char *request_outcome_name(enum request_outcome o)
{
	static const char *const names[N_REQUEST_OUTCOMES] = {
		[REQUEST_OK] = "ok",
		[REQUEST_PARTIAL] = "partial",
		[REQUEST_MALFORMED] = "malformed",
		[REQUEST_TOO_LARGE] = "too_large",
		[REQUEST_REFUSED] = "refused",
		[REQUEST_UNSUPPORTED] = "unsupported",
		[REQUEST_PROTOCOL] = "protocol",
	};
	return names[o];
}

struct receiver_stats *receiver_stats_new(unsigned n_workers)
{
	size_t size = sizeof(struct receiver_stats) + n_workers * sizeof(struct receiver_cell);
	struct receiver_stats *s = aligned_alloc(64, (size + 63) / 64 * 64);
	if (!s)
		abort();
	memset(s, 0, size);
	s->n_cells = n_workers;
	return s;
}
