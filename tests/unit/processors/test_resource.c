/* test_resource.c - the resource processor: actions reach every resource and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/rig/rig.h"

extern const struct component processor_resource;

#define SPANS                                                                                                          \
	"\"scopeSpans\":[{\"scope\":{},\"spans\":[{\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":"       \
	"\"0102030405060708\",\"name\":\"s\",\"attributes\":[{\"key\":\"env\",\"value\":{\"stringValue\":\"span\"}}]}" \
	"]}]"
#define STR(k, v) "{\"key\":\"" k "\",\"value\":{\"stringValue\":\"" v "\"}}"

static void edits_resources(void **state UNUSED)
{
	struct rig r;
	rig_init(&r, &processor_resource,
	        "attributes:\n"
	        "- {key: env, value: prod, action: upsert}\n"
	        "- {key: team, from_attribute: owner, action: insert}\n"
	        "- {pattern: '^k8s', action: delete}\n");
	rig_expect(&r,
	        "{\"resourceSpans\":[{\"resource\":{\"attributes\":[" STR("env", "dev") "," STR("owner", "me") "," STR(
	                "k8s.pod", "p") "]}," SPANS "},{" SPANS "}]}",
	        "{\"resourceSpans\":[{\"resource\":{\"attributes\":[" STR("env", "prod") "," STR("owner", "me") "," STR(
	                "team", "me") "]}," SPANS "},{\"resource\":{\"attributes\":[" STR("env", "prod") "]}," SPANS
	                                                                                                 "}]}");
	rig_release(&r);
}

static void refused(void **state UNUSED)
{
	rig_refuses(&processor_resource, "", "1:1", "missing required field \"attributes\"");
	rig_refuses(&processor_resource, "actions: []", "1:1", "");
	rig_refuses(&processor_resource, "attributes: [{key: a, action: insert}]", "1:15", "setting must be specified");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(edits_resources),
		cmocka_unit_test(refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
