/* http_date.c - seconds since 1970 to IMF-fixdate; see http_date.h.
 *
 * By hand because strftime follows the locale. The day arithmetic counts years from March, so that the
 * leap day is the last of its year.
 */
#include "lib/net/http_date.h"

static char *digits(char *at, int64_t n, int width)
{
	for (int i = width - 1; i >= 0; i--, n /= 10)
		at[i] = (char)('0' + n % 10);
	return at + width;
}

static char *name(char *at, const char *three)
{
	memcpy(at, three, 3);
	return at + 3;
}

static char *byte(char *at, char c)
{
	*at = c;
	return at + 1;
}

void http_date_format(int64_t unix_s, char out[HTTP_DATE_LEN + 1])
{
	static const char days[] = "ThuFriSatSunMonTueWed"; /* 1970-01-01 was a Thursday */
	static const char months[] = "MarAprMayJunJulAugSepOctNovDecJanFeb";
	const int64_t last = INT64_C(253402300799); /* end of 9999 */
	int64_t t = unix_s < 0 ? 0 : unix_s > last ? last : unix_s;
	int64_t day = t / 86400, s = t % 86400;
	int64_t d = day + 719468; /* since 0000-03-01 */
	int64_t era = d / 146097, doe = d % 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t month = (5 * doy + 2) / 153;
	char *at = name(out, days + day % 7 * 3);
	at = byte(byte(at, ','), ' ');
	at = byte(digits(at, doy - (153 * month + 2) / 5 + 1, 2), ' ');
	at = byte(name(at, months + month * 3), ' ');
	at = byte(digits(at, era * 400 + yoe + (month >= 10), 4), ' ');
	at = byte(digits(at, s / 3600, 2), ':');
	at = byte(digits(at, s / 60 % 60, 2), ':');
	at = digits(at, s % 60, 2);
	memcpy(at, " GMT", 5);
}
