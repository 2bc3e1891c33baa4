/* prices_builtin.S - the built-in price facts as they stand in prices/prices.tsv; read by lib/genai/prices_load.c. */
	.section .rodata
	.global prices_tsv_begin
	.global prices_tsv_end
prices_tsv_begin:
	.incbin "prices/prices.tsv"
prices_tsv_end:
	.byte 0
	.section .note.GNU-stack, "", %progbits
