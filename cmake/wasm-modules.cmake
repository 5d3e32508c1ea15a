# Which source goes into which WebAssembly module, and what each one exports:
# to the modules below it in this file, and to JavaScript (the last lines too to
# C modules). face.c is compiled into two; each keeps what it exports.

lshm_wasm_module(span
	SMALL inline.c span.c heap.c wasm/host.c wasm/face.c
	EXPORTS
		bytes_clear bytes_copy chunks_for class_stride heap_extend host_backed
		host_claim_slot host_reap host_release_slot label_code label_code_low
		label_pad label_seal label_valid map_at map_room map_seek map_usable
		slab_fresh slab_has_fresh slab_word_valid span_claim span_commit span_cut
		span_length span_release span_stretch view_attached view_refresh
		word_length word_next
	JAVASCRIPT
		heap_adopt heap_id heap_image_bytes heap_max_bytes heap_open heap_verify
		view_error view_found view_roots view_scratch view_thread)

lshm_wasm_module(slab
	SMALL slab.c cache.c refill.c
	EXPORTS
		block_retire cache_drain cache_empty cache_fill heap_relieve label_foreign
		label_look outbox_send pointer_head slab_adopt slab_refill slab_settle)

lshm_wasm_module(malloc
	FAST malloc.c
	SMALL slow.c realloc.c wasm/face.c
	EXPORTS
		block_look
	JAVASCRIPT
		heap_calloc heap_find heap_free heap_malloc heap_malloc_aligned heap_realloc
		bind bound malloc free calloc realloc aligned_alloc posix_memalign
		malloc_usable_size)

lshm_wasm_module(thread
	SMALL thread.c walk.c
	EXPORTS
		slot_of
	JAVASCRIPT
		thread_attach_inplace thread_detach thread_mark thread_next thread_reap
		thread_reserve thread_trim walk_next)

lshm_wasm_module(tools
	SMALL format.c names.c check.c
	JAVASCRIPT
		heap_check heap_format heap_min_bytes name_find name_set)
