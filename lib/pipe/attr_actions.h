/* attr_actions.h - the attribute actions of the Collector: insert, update, upsert, delete, hash, extract, convert.
 *
 * One engine for every processor with a list of actions (attributes, resource). The option rows are action_fields
 * in a CONF_LIST; actions_check holds the rules across options; actions_open compiles the patterns once per
 * component, and the result is shared by all workers. Semantics: contrib internal/coreinternal/attraction.
 */
#pragma once
#include "lib/base/log.h"
#include "lib/base/regex.h"
#include "lib/conf/conf.h"
#include "lib/pipe/batch.h"

struct action_conf {
	slice key;
	int action; /* enum action_kind */
	struct node *value, *default_value;
	slice from_attribute, from_context, pattern;
	int converted_type; /* enum converted_type */
};
extern const struct conf_field action_fields[];
/* `list` holds action_conf; an error for each broken rule. */
void actions_check(const struct conf_list *list, struct conf_report *r);

struct actions {
	struct action *v;
	size_t n;
};
/* The list must outlive the actions. */
int actions_open(struct actions *a, const struct conf_list *list, struct err *e) MUST_USE;
void actions_close(struct actions *a);

/* What one worker's pass over one batch needs; one for each list of actions. */
struct action_run {
	struct traces *traces;
	const struct client *client; /* may be NULL */
	struct regex_scratch *scratch;
	struct log *log;
	struct context_value *context; /* attr_actions.c only: what from_context gave, by action; NULL at the start */
};
/* Applies all actions in order to one owner's attributes. */
void actions_apply(const struct actions *a, struct action_run *run, struct attrs *as);
