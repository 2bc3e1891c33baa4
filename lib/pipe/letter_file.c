/* letter_file.c - a dead letter to its file and back (see letter_file.h).
 *
 * Written under another name, synced, renamed, and the directory synced: whoever finds the name finds all of it. The salt is new for each
 * file, so that what a sender put into a body never looks like a record. A file is read up to what its header says and no further than
 * a log takes; whether it ends there is part of being sound.
 */
#include "lib/pipe/letter_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#include "lib/base/utf8.h"

enum { HEAD_MAX = SEGMENT_HEADER + RECORD_HEADER + META_MAX };

static bool dir_path(const char *directory, char out[LETTER_PATH])
{
	int n = snprintf(out, LETTER_PATH, "%s/dlq", directory);
	return n > 0 && n < LETTER_PATH - 64;
}

bool letter_file_path(const char *directory, uint64_t number, const char *suffix, char out[LETTER_PATH])
{
	char dir[LETTER_PATH];
	if (!dir_path(directory, dir))
		return false;
	snprintf(out, LETTER_PATH, "%.*s/letter-%016" PRIx64 ".%.8s", LETTER_PATH - 64, dir, number, suffix);
	return true;
}

/* As it is written: with the backend's words cut to what is kept of them. */
static struct store_record as_letter(const struct store_record *r, uint64_t number)
{
	struct store_record l = *r;
	l.type = STORE_LETTER;
	l.seq = number;
	l.text.len = utf8_cut(l.text, LETTER_TEXT_MAX);
	return l;
}

uint64_t letter_file_size(const struct store_record *r)
{
	struct store_record l = as_letter(r, 1);
	uint32_t payload = record_payload(&l);
	return payload ? SEGMENT_HEADER + record_size(payload) : 0;
}

static int write_bytes(struct disk *d, int fd, uint64_t salt, const struct store_record *l)
{
	static const char zeros[8];
	struct segment_header h = { .number = l->seq, .salt = salt, .first_seq = l->seq };
	unsigned char head[SEGMENT_HEADER];
	struct strbuf meta;
	segment_header_write(&h, head);
	strbuf_init(&meta, RECORD_HEADER + META_MAX);
	record_write(l, segment_seed(salt), &meta);
	struct iovec v[] = {
		{ head, sizeof head },
		{ meta.p, meta.len },
		{ (void *)(uintptr_t)l->sidecar.p, l->sidecar.len },
		{ (void *)(uintptr_t)zeros, store_pad8(l->sidecar.len) - l->sidecar.len },
		{ (void *)(uintptr_t)l->body.p, l->body.len },
		{ (void *)(uintptr_t)zeros, store_pad8(l->body.len) - l->body.len },
	};
	int rc = meta.failed ? -ENOMEM : disk_pwrite_all(d, fd, v, COUNTOF(v), 0);
	strbuf_release(&meta);
	return rc ? rc : d->sync(d, fd);
}

static int open_new(struct disk *d, const char *directory, const char *path)
{
	char dir[LETTER_PATH];
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
	int fd = d->open(d, path, flags, 0600);
	if (fd != -ENOENT || !dir_path(directory, dir))
		return fd;
	int rc = d->mkdirs(d, dir, 0700);
	rc = rc ? rc : d->sync_dir(d, directory);
	return rc ? rc : d->open(d, path, flags, 0600);
}

int letter_file_write(
        struct disk *d, const char *directory, uint64_t number, uint64_t salt, const struct store_record *r)
{
	char tmp[LETTER_PATH], path[LETTER_PATH], dir[LETTER_PATH];
	struct store_record l = as_letter(r, number);
	if (!record_payload(&l))
		return -EMSGSIZE;
	if (!letter_file_path(directory, number, "tmp", tmp) || !letter_file_path(directory, number, "log", path) ||
	        !dir_path(directory, dir))
		return -ENAMETOOLONG;
	int fd = open_new(d, directory, tmp);
	if (fd < 0)
		return fd;
	int rc = write_bytes(d, fd, salt, &l), closed = d->close(d, fd);
	rc = rc ? rc : closed;
	rc = rc ? rc : d->rename(d, tmp, path);
	if (rc) {
		d->unlink(d, tmp);
		return rc;
	}
	rc = d->sync_dir(d, dir);
	if (rc)
		d->unlink(d, path);
	return rc;
}

/* letter-NUMBER.SUFFIX with 16 lower case digits and a number that the log may give. */
static bool parse_name(const char *name, const char *suffix, uint64_t *number)
{
	static const char digits[] = "0123456789abcdef";
	uint64_t n = 0;
	if (strlen(name) != 27 || memcmp(name, "letter-", 7) != 0 || name[23] != '.' || strcmp(name + 24, suffix) != 0)
		return false;
	for (unsigned i = 7; i < 23; i++) {
		const char *digit = strchr(digits, name[i]);
		if (!digit)
			return false;
		n = n << 4 | (uint64_t)(digit - digits);
	}
	*number = n;
	return n && n < STORE_NUMBER_MAX;
}

static void add_name(void *ctx, const char *name)
{
	struct letter_list *l = ctx;
	uint64_t n;
	if (parse_name(name, "log", &n))
		*VEC_ADD(&l->numbers) = n;
	else if (parse_name(name, "tmp", &n))
		*VEC_ADD(&l->unfinished) = n;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static void ignore_name(void *ctx UNUSED, const char *name UNUSED)
{
}

int letter_list(struct disk *d, const char *directory, struct letter_list *out)
{
	char dir[LETTER_PATH];
	*out = (struct letter_list){ 0 };
	if (!dir_path(directory, dir))
		return -ENAMETOOLONG;
	int rc = d->list(d, dir, add_name, out);
	if (rc == -ENOENT)
		rc = d->list(d, directory, ignore_name, NULL);
	if (out->numbers.n)
		qsort(out->numbers.v, out->numbers.n, sizeof *out->numbers.v, by_number);
	return rc < 0 ? rc : 0;
}

void letter_list_release(struct letter_list *l)
{
	VEC_RELEASE(&l->numbers);
	VEC_RELEASE(&l->unfinished);
}

int letter_file_remove(struct disk *d, const char *directory, uint64_t number)
{
	char path[LETTER_PATH];
	if (!letter_file_path(directory, number, "log", path))
		return -ENAMETOOLONG;
	int rc = d->unlink(d, path);
	return rc == -ENOENT ? 0 : rc;
}

/* What the bytes say; `have` of `l->size` are there. */
static enum letter_state parse(struct letter_file *l, size_t have, bool with_body)
{
	const unsigned char *p = (const unsigned char *)l->bytes, *rec = p + SEGMENT_HEADER;
	struct segment_header h;
	struct record_header rh;
	uint32_t version, sidecar;
	if (have < SEGMENT_HEADER)
		return LETTER_DAMAGED;
	int rc = segment_header_read(p, &h, &version);
	if (rc < 0)
		return rc == -2 ? LETTER_NEWER : LETTER_DAMAGED;
	if (have < SEGMENT_HEADER + RECORD_HEADER || !record_header_read(rec, segment_seed(h.salt), &rh) ||
	        rh.type != STORE_LETTER || l->size != SEGMENT_HEADER + record_size(rh.payload_len) ||
	        have < SEGMENT_HEADER + RECORD_HEADER + (size_t)rh.meta_len)
		return LETTER_DAMAGED;
	slice meta = { l->bytes + SEGMENT_HEADER + RECORD_HEADER, rh.meta_len };
	if (!record_meta_is_sound(&rh, meta) || store_meta_read(&rh, meta, &l->record, &sidecar))
		return LETTER_DAMAGED;
	if (!with_body)
		return LETTER_SOUND;
	size_t skip = store_pad8(sidecar);
	l->record.sidecar = (slice){ meta.p + meta.len, sidecar };
	l->record.body = (slice){ meta.p + meta.len + skip, rh.payload_len - rh.meta_len - skip };
	return record_rest_is_sound(&rh, l->record.sidecar, l->record.body) ? LETTER_SOUND : LETTER_DAMAGED;
}

static int read_open(struct disk *d, int fd, bool with_body, struct letter_file *out)
{
	int64_t size = d->size(d, fd);
	if (size < 0)
		return (int)size;
	out->size = (uint64_t)size;
	uint64_t most = with_body ? SEGMENT_HEADER + record_size(RECORD_MAX) : HEAD_MAX;
	size_t n = (size_t)(out->size < most ? out->size : most);
	out->bytes = malloc(n + 1);
	if (!out->bytes)
		return -ENOMEM;
	ssize_t got = disk_pread_all(d, fd, out->bytes, n, 0);
	if (got < 0)
		return (int)got;
	out->state = parse(out, (size_t)got, with_body);
	if (out->state != LETTER_SOUND)
		out->record = (struct store_record){ 0 };
	return 0;
}

int letter_file_read(struct disk *d, const char *directory, uint64_t number, bool with_body, struct letter_file *out)
{
	char path[LETTER_PATH];
	*out = (struct letter_file){ .number = number };
	if (!letter_file_path(directory, number, "log", path))
		return -ENAMETOOLONG;
	int fd = d->open(d, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	if (fd < 0)
		return fd;
	int rc = read_open(d, fd, with_body, out);
	d->close(d, fd);
	if (rc)
		letter_file_release(out);
	return rc;
}

void letter_file_release(struct letter_file *l)
{
	free(l->bytes);
	*l = (struct letter_file){ 0 };
}
