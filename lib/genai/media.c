/* media.c - images, audio, video and documents in messages: blob, uri and file parts; see message_parts.h.
 *
 * Vendors put the same three facts (what it is, its mime type, where or what the bytes are) one to three objects deep. The objects are
 * walked down from the part; each fact is the first found. A part without any place or bytes is shown as text.
 */
#include "lib/genai/message_parts.h"

enum { DEPTH = 3 };

/* The part and the objects in it, outermost first. */
struct media {
	struct members level[DEPTH];
	size_t n;
	const struct json *value, *mime, *file;
	const char *modality; /* by the name of what it was found in */
};

static const slice wrappers[] = { NAME("source"), NAME("image_url"), NAME("image"), NAME("input_audio"), NAME("audio"),
	NAME("audio_url"), NAME("video"), NAME("video_url"), NAME("document"), NAME("file"), NAME("fileData"),
	NAME("file_data"), NAME("inlineData"), NAME("inline_data"), NAME("media"), NAME("image_file"),
	NAME("message_content.image"), NAME("image.url") };
static const slice values[] = { NAME("data"), NAME("url"), NAME("uri"), NAME("base64"), NAME("bytes"), NAME("file_uri"),
	NAME("fileUri"), NAME("file_url"), NAME("image_url"), NAME("image"), NAME("audio"), NAME("video"),
	NAME("file_data"), NAME("file"), NAME("image.url"), NAME("content") };
static const slice mimes[] = { NAME("mime_type"), NAME("mimeType"), NAME("media_type"), NAME("mediaType"),
	NAME("contentType"), NAME("content_type"), NAME("format") };

/* The first member of a list that is a string with something in it. */
static const struct json *take_string(struct members *f, const slice *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct json *v = members_get(f, names[i]);
		if (v && v->type == JSON_STRING && v->text.len) {
			members_use(f, v);
			return v;
		}
	}
	return NULL;
}

static const char *modality_in(slice name)
{
	static const char *const known[] = { "image", "audio", "video" };
	for (size_t i = 0; i < COUNTOF(known); i++)
		if (memmem(name.p, name.len, known[i], 5))
			return known[i];
	return NULL;
}

/* The object inside, if there is one. */
static const struct json *go_down(struct media *x)
{
	struct members *f = &x->level[x->n - 1];
	for (size_t i = 0; i < COUNTOF(wrappers); i++) {
		const struct json *v = members_get(f, wrappers[i]);
		if (!v || v->type != JSON_OBJECT || v->n == 0)
			continue;
		members_use(f, v);
		x->modality = x->modality ? x->modality : modality_in(wrappers[i]);
		return v;
	}
	return NULL;
}

/* The type of the part, or what a source says about the kind of its value. */
static void take_type(struct members *f)
{
	static const char *const known[] = { "base64", "url", "file", "text" };
	const struct json *v = members_get(f, SLICE("type"));
	part_take_type(f);
	for (size_t i = 0; i < COUNTOF(known) && f->outer; i++)
		if (json_is(v, known[i]))
			members_use(f, v);
}

static void gather(struct media *x, const struct json *part)
{
	static const slice file_ids[] = { NAME("file_id"), NAME("fileId") };
	for (const struct json *at = part; at && x->n < DEPTH; at = go_down(x)) {
		struct members *f = &x->level[x->n++];
		*f = members_of(at);
		f->outer = x->n > 1 ? f - 1 : NULL;
		take_type(f);
		if (!x->mime)
			x->mime = take_string(f, mimes, COUNTOF(mimes));
		if (!x->value && !x->file)
			x->file = take_string(f, file_ids, COUNTOF(file_ids));
		if (!x->value && !x->file)
			x->value = take_string(f, values, COUNTOF(values));
	}
}

static void put_plain(struct strbuf *out, slice s)
{
	strbuf_addc(out, '"');
	strbuf_add(out, s);
	strbuf_addc(out, '"');
}

/* "png" is image/png in an image. */
static void put_mime(struct strbuf *out, slice mime, slice modality)
{
	if (mime.len == 0)
		return;
	strbuf_add(out, SLICE(",\"mime_type\":\""));
	if (!memchr(mime.p, '/', mime.len)) {
		strbuf_add_json(out, slice_is(modality, "document") ? SLICE("application") : modality);
		strbuf_addc(out, '/');
	}
	strbuf_add_json(out, mime);
	strbuf_addc(out, '"');
}

static void put_head(struct message_out *m, const char *type, slice mime, slice modality, const char *member)
{
	part_open(m, false);
	strbuf_addf(m->out, "{\"type\":\"%s\"", type);
	put_mime(m->out, mime, modality);
	strbuf_add(m->out, SLICE(",\"modality\":"));
	put_text(m->out, modality);
	strbuf_addf(m->out, ",\"%s\":", member);
}

static slice modality_of(slice named, slice mime)
{
	const char *known = mime.len >= 5 ? modality_in((slice){ mime.p, 5 }) : NULL;
	if (known && (named.len == 0 || slice_is(named, "document")))
		return slice_of(known);
	return named.len ? named : SLICE("document");
}

static bool is_url(slice s)
{
	slice start = { s.p, s.len < 16 ? s.len : 16 };
	return memmem(start.p, start.len, "://", 3) != NULL || slice_starts(s, SLICE("data:"));
}

/* `plain`: the value needs no escapes, being the text of a JSON string without any. */
static void put_media(struct message_out *m, slice modality, slice mime, slice value, bool plain)
{
	slice comma = { memchr(value.p, ',', value.len < 256 ? value.len : 256), 0 };
	if (slice_starts(value, SLICE("data:")) && comma.p) {
		slice head = { value.p + 5, (size_t)(comma.p - value.p) - 5 };
		if (head.len >= 7 && memcmp(head.p + head.len - 7, ";base64", 7) == 0) {
			const char *end = memchr(head.p, ';', head.len); /* parameters may follow the type */
			slice told = { head.p, (size_t)(end - head.p) };
			m->lossy |= head.len > told.len + 7 || (mime.len && told.len && !slice_eq(mime, told));
			mime = told.len ? told : mime;
			value = (slice){ comma.p + 1, value.len - (size_t)(comma.p + 1 - value.p) };
		}
	}
	modality = modality_of(modality, mime);
	bool url = is_url(value);
	put_head(m, url ? "uri" : "blob", mime, modality, url ? "uri" : "content");
	if (plain)
		put_plain(m->out, value);
	else
		put_text(m->out, value);
}

void part_media(struct message_out *m, slice modality, slice mime_type, slice url_or_base64)
{
	if (url_or_base64.len == 0)
		return;
	put_media(m, modality, mime_type, url_or_base64, false);
	part_close(m, false);
}

static void put_rest(struct message_out *m, const struct media *x, const char *names)
{
	for (size_t i = 0; i < x->n; i++)
		members_rest(&x->level[i], m->out, names, &m->lossy);
	part_close(m, false);
}

/* OpenTelemetry's own form is only put in order. False: it is not that form. */
static bool canonical_part(struct message_out *m, const struct json *part, const struct part_type *type)
{
	static const struct {
		const char *type, *member, *reserved;
	} forms[] = { { "blob", "content", " type mime_type modality content " },
		{ "uri", "uri", " type mime_type modality uri " },
		{ "file", "file_id", " type mime_type modality file_id " } };
	struct members f = members_of(part);
	slice names[] = { SLICE("mime_type"), SLICE("modality") };
	for (size_t i = 0; i < COUNTOF(forms); i++) {
		slice member = slice_of(forms[i].member);
		if (!slice_is(type->name, forms[i].type))
			continue;
		const struct json *v = members_take(&f, member);
		const struct json *modality = take_string(&f, &names[1], 1), *mime = take_string(&f, &names[0], 1);
		if (!v || v->type != JSON_STRING || !modality)
			return false;
		part_take_type(&f);
		put_head(m, forms[i].type, text_of(mime, m->arena), text_of(modality, m->arena), forms[i].member);
		put_string(m->out, v);
		members_rest(&f, m->out, forms[i].reserved, &m->lossy);
		part_close(m, false);
		return true;
	}
	return false;
}

void part_media_from(struct message_out *m, const struct json *part, const struct part_type *type)
{
	struct media x = { .modality =
		                   type && !slice_is(slice_of(type->modality), "document") ? type->modality : NULL };
	slice own = text_of(json_get(part, "modality"), m->arena);
	if (type && type->canonical && canonical_part(m, part, type))
		return;
	gather(&x, part);
	if (own.len)
		members_take(&x.level[0], SLICE("modality"));
	slice modality = own.len ? own : slice_of(x.modality), mime = text_of(x.mime, m->arena);
	if (x.file) {
		put_head(m, "file", mime, modality_of(modality, mime), "file_id");
		put_string(m->out, x.file);
		put_rest(m, &x, " type mime_type modality file_id ");
	} else if (x.value) {
		put_media(m, modality, mime, text_of(x.value, m->arena), !x.value->escaped);
		put_rest(m, &x, " type mime_type modality content uri ");
	} else {
		part_raw(m, part);
	}
}
