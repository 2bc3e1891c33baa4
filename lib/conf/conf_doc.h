/* conf_doc.h - what an option table says to people and to editors: text, Markdown, JSON, JSON Schema. */
#pragma once
#include "lib/base/strbuf.h"
#include "lib/conf/conf.h"

/* One line per option with type, default, range and help, for a terminal. */
void conf_doc_text(const struct conf_field *rows, struct strbuf *out);
/* A Markdown table per group. */
void conf_doc_markdown(const struct conf_field *rows, struct strbuf *out);
/* [{"key":..,"type":..,"default":..,"min":..,"max":..,"choices":[..],"help":..,"options":[..]}] */
void conf_doc_json(const struct conf_field *rows, struct strbuf *out);
/* A JSON Schema (draft 2020-12) object for these rows; unknown keys are refused. */
void conf_doc_schema(const struct conf_field *rows, struct strbuf *out);
