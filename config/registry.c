/* registry.c - the generated list of components, made findable.
 *
 * build/components.def holds one line X(processor_attributes) per file in receivers/, processors/, exporters/ and
 * extensions/, written by the Makefile from `ls`: adding a component is adding its file. */
#include "config/registry.h"

#define X(name) extern const struct component name;
#include "components.def"
#undef X

static const struct component *const all[] = {
#define X(name) &name,
#include "components.def"
#undef X
	NULL,
};

const struct component *const *registry_all(void)
{
	return all;
}

/* Is `name` one of the space-separated words? */
static bool has_word(const char *words, slice name)
{
	while (words && *words) {
		size_t n = strcspn(words, " ");
		if (slice_eq((slice){ words, n }, name))
			return true;
		words += n + (words[n] == ' ');
	}
	return false;
}

const struct component *registry_find(enum kind kind, slice name, bool *by_alias)
{
	for (const struct component *const *c = all; *c; c++) {
		if ((*c)->kind != kind)
			continue;
		bool alias = has_word((*c)->aliases, name);
		if (alias || slice_is(name, (*c)->name)) {
			if (by_alias)
				*by_alias = alias;
			return *c;
		}
	}
	return NULL;
}

const char *component_kind_name(enum kind k)
{
	static const char *const names[] = { "receiver", "processor", "exporter", "extension", "connector" };
	return names[k];
}

const char *kind_section(enum kind k)
{
	static const char *const names[] = { "receivers", "processors", "exporters", "extensions", "connectors" };
	return names[k];
}
