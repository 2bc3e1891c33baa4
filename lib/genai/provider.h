/* provider.h - provider names: one spelling per provider, frameworks told apart, hosts and models as evidence.
 *
 * Data is providers.csv. Canonical names are OpenTelemetry's well-known values where they exist. An unknown name is kept, lower
 * case; a framework or gateway in the provider's place goes to `framework`, and host or model then tell the provider.
 */
#pragma once
#include "lib/genai/emitter.h"

struct provider_in {
	slice named; /* gen_ai.provider.name, gen_ai.system, llm.provider, ai.model.provider .. */
	slice system; /* llm.system: the model's family; loses against `named` */
	slice host; /* server.address, or a URL */
	slice model;
	enum ecosystem ecosystem;
};
struct provider_out {
	slice provider; /* canonical; empty: unknown */
	slice member; /* lower case, where the canonical name stands for several with prices of their own ("zai"); else empty */
	slice framework; /* lower case; empty: none */
	bool inferred; /* from host or model, not named */
};
void provider_resolve(const struct provider_in *in, struct arena *a, struct provider_out *out);
/* Canonical name of an alias (trimmed, any case, wire suffix stripped); empty when unknown. Static. */
slice provider_of_name(slice name);
slice provider_of_host(slice host_or_url);
slice provider_of_model(slice model);
