/* parse_time.c - Go durations and HTTP dates; see parse.h.
 *
 * Durations follow Go's time.ParseDuration and Duration.String, because that is what every Collector config
 * is written in. Dates follow RFC 9110 5.6.7, which asks for all three old forms.
 */
#include <stdio.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/base/parse.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Takes the unit off the front of *s; 0 when there is none. */
static uint64_t take_unit(slice *s)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{ "ns", 1 },
		{ "us", 1000 },
		{ "\xC2\xB5s", 1000 }, /* micro sign */
		{ "\xCE\xBCs", 1000 }, /* Greek mu */
		{ "ms", 1000000 },
		{ "s", 1000000000 },
		{ "m", UINT64_C(60000000000) },
		{ "h", UINT64_C(3600000000000) },
	};
	size_t n = 0;
	while (n < s->len && s->p[n] != '.' && !is_digit(s->p[n]))
		n++;
	slice name = { s->p, n };
	for (size_t i = 0; i < COUNTOF(units); i++) {
		if (slice_is(name, units[i].name)) {
			s->p += n, s->len -= n;
			return units[i].ns;
		}
	}
	return 0;
}

/* Takes "1.5h" off the front of *s and adds it to *total; -1 when it is not of the form or too large. */
static int take_term(slice *s, uint64_t *total)
{
	uint64_t whole = 0, fraction = 0;
	double scale = 1;
	size_t n = 0;
	for (; s->len && is_digit(*s->p); s->p++, s->len--, n++)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		        __builtin_add_overflow(whole, (uint64_t)(*s->p - '0'), &whole))
			return -1;
	if (s->len && *s->p == '.') {
		s->p++, s->len--;
		for (; s->len && is_digit(*s->p); s->p++, s->len--, n++) {
			/* digits beyond what a double tells apart do not count */
			if (fraction < UINT64_C(100000000000000000)) {
				fraction = fraction * 10 + (uint64_t)(*s->p - '0');
				scale *= 10;
			}
		}
	}
	uint64_t unit = n ? take_unit(s) : 0;
	if (!unit || __builtin_mul_overflow(whole, unit, &whole) || whole > UINT64_C(1) << 63)
		return -1;
	whole += (uint64_t)((double)fraction * ((double)unit / scale));
	if (__builtin_add_overflow(*total, whole, total) || *total > UINT64_C(1) << 63)
		return -1;
	return 0;
}

int parse_duration(slice s, duration *out)
{
	bool minus = s.len && *s.p == '-';
	if (minus || (s.len && *s.p == '+'))
		s.p++, s.len--;
	uint64_t total = 0;
	if (!s.len)
		return -1;
	if (!slice_is(s, "0"))
		while (s.len)
			if (take_term(&s, &total))
				return -1;
	if (total > (uint64_t)INT64_MAX + minus)
		return -1;
	out->ns = minus ? (int64_t)(0 - total) : (int64_t)total;
	return 0;
}

/* "1.5" of 1500000 with six digits behind the point: no trailing zeros, no bare point. */
static size_t put_fraction(char *out, size_t room, uint64_t v, unsigned n_digits)
{
	uint64_t unit = 1;
	for (unsigned i = 0; i < n_digits; i++)
		unit *= 10;
	uint64_t fraction = v % unit;
	while (n_digits && fraction % 10 == 0)
		fraction /= 10, n_digits--;
	if (!n_digits)
		return (size_t)snprintf(out, room, "%llu", (unsigned long long)(v / unit));
	return (size_t)snprintf(
	        out, room, "%llu.%0*llu", (unsigned long long)(v / unit), (int)n_digits, (unsigned long long)fraction);
}

void format_duration(duration d, char out[32])
{
	uint64_t v = d.ns < 0 ? 0 - (uint64_t)d.ns : (uint64_t)d.ns;
	size_t n = 0, room = 32;
	if (d.ns < 0)
		out[n++] = '-';
	if (v < (uint64_t)NS_PER_S) {
		const char *unit = v == 0 ? "s" : v < 1000 ? "ns" : v < 1000000 ? "\xC2\xB5s" : "ms";
		n += put_fraction(out + n, room - n, v, v < 1000 ? 0 : v < 1000000 ? 3 : 6);
		snprintf(out + n, room - n, "%s", unit);
		return;
	}
	uint64_t minutes = v / (60 * (uint64_t)NS_PER_S);
	if (minutes >= 60)
		n += (size_t)snprintf(out + n, room - n, "%lluh", (unsigned long long)(minutes / 60));
	if (minutes)
		n += (size_t)snprintf(out + n, room - n, "%llum", (unsigned long long)(minutes % 60));
	n += put_fraction(out + n, room - n, v % (60 * (uint64_t)NS_PER_S), 9);
	snprintf(out + n, room - n, "s");
}

struct date {
	unsigned day, month, year, hour, minute, second; /* month 1..12 */
};

/* The take_* functions move *s on when its front is what they are for. */
static bool take_number(slice *s, unsigned n, unsigned *out)
{
	unsigned v = 0;
	if (s->len < n)
		return false;
	for (unsigned i = 0; i < n; i++) {
		if (!is_digit(s->p[i]))
			return false;
		v = v * 10 + (unsigned)(s->p[i] - '0');
	}
	s->p += n, s->len -= n;
	*out = v;
	return true;
}

static bool take_text(slice *s, const char *text)
{
	slice t = slice_of(text);
	if (!slice_starts(*s, t))
		return false;
	s->p += t.len, s->len -= t.len;
	return true;
}

static bool take_month(slice *s, unsigned *out)
{
	static const char *const names[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct",
		"Nov", "Dec" };
	for (unsigned i = 0; i < COUNTOF(names); i++) {
		if (take_text(s, names[i])) {
			*out = i + 1;
			return true;
		}
	}
	return false;
}

static bool take_clock(slice *s, struct date *d)
{
	return take_number(s, 2, &d->hour) && take_text(s, ":") && take_number(s, 2, &d->minute) && take_text(s, ":") &&
	        take_number(s, 2, &d->second);
}

static bool imf_date(slice s, struct date *d) /* Sun, 06 Nov 1994 08:49:37 GMT */
{
	return take_text(&s, ", ") && take_number(&s, 2, &d->day) && take_text(&s, " ") && take_month(&s, &d->month) &&
	        take_text(&s, " ") && take_number(&s, 4, &d->year) && take_text(&s, " ") && take_clock(&s, d) &&
	        take_text(&s, " GMT") && !s.len;
}

static bool rfc850_date(slice s, struct date *d) /* Sunday, 06-Nov-94 08:49:37 GMT */
{
	if (!(take_text(&s, ", ") && take_number(&s, 2, &d->day) && take_text(&s, "-") && take_month(&s, &d->month) &&
	            take_text(&s, "-") && take_number(&s, 2, &d->year) && take_text(&s, " ") && take_clock(&s, d) &&
	            take_text(&s, " GMT") && !s.len))
		return false;
	/* the RFC's "at most 50 years ahead" with a fixed pivot, so that no clock is needed */
	d->year += d->year < 70 ? 2000 : 1900;
	return true;
}

static bool asctime_date(slice s, struct date *d) /* Sun Nov  6 08:49:37 1994 */
{
	if (!(take_text(&s, " ") && take_month(&s, &d->month) && take_text(&s, " ")))
		return false;
	bool day = take_text(&s, " ") ? take_number(&s, 1, &d->day) : take_number(&s, 2, &d->day);
	return day && take_text(&s, " ") && take_clock(&s, d) && take_text(&s, " ") && take_number(&s, 4, &d->year) &&
	        !s.len;
}

int parse_http_date(slice s, int64_t *unix_s)
{
	static const char *const days[] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday",
		"Saturday" };
	struct date d;
	bool ok = false;
	for (size_t i = 0; i < COUNTOF(days) && !ok; i++) {
		slice name = slice_of(days[i]);
		if (!slice_starts(s, (slice){ name.p, 3 }))
			continue;
		slice rest = { s.p + 3, s.len - 3 };
		ok = imf_date(rest, &d) || asctime_date(rest, &d) ||
		        (slice_starts(s, name) && rfc850_date((slice){ s.p + name.len, s.len - name.len }, &d));
	}
	static const unsigned month_days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	if (!ok || d.day < 1 || d.day > month_days[d.month - 1] || d.hour > 23 || d.minute > 59 || d.second > 60)
		return -1;
	struct tm tm = {
		.tm_year = (int)d.year - 1900,
		.tm_mon = (int)d.month - 1,
		.tm_mday = (int)d.day,
		.tm_hour = (int)d.hour,
		.tm_min = (int)d.minute,
		.tm_sec = (int)d.second,
	};
	*unix_s = (int64_t)timegm(&tm);
	return 0;
}
