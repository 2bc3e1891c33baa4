/* demo_traces.S - the requests of `weir demo` as they stand in examples/demo; read by demo.c. */
	.macro demo name, file
	.global demo_\name
	.global demo_\name\()_end
demo_\name:
	.incbin "\file"
demo_\name\()_end:
	.byte 0
	.endm

	.section .rodata
	demo opentelemetry, "examples/demo/opentelemetry.json"
	demo openinference, "examples/demo/openinference.json"
	demo openllmetry, "examples/demo/openllmetry.json"
	demo vercel_ai_sdk, "examples/demo/vercel_ai_sdk.json"
	demo pydantic_ai, "examples/demo/pydantic_ai.json"
	demo enprompta, "examples/demo/enprompta.json"
	.section .note.GNU-stack, "", %progbits
