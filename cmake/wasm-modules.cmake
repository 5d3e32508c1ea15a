# Which source goes into which WebAssembly module, and what each one exports:
# to the modules below it in this file, and to JavaScript and C modules. face.c
# is compiled into two; each keeps what it exports.

lshm_wasm_internal(
	block_look block_take bytes_clear bytes_copy canary_at canary_set
	canary_is chunks_for class_of class_stride heap_extend heap_relieve
	host_backed host_claim_slot host_reap host_release_slot
	label_code label_code_low label_live label_look label_pad label_valid link_to
	map_at map_room map_seek map_usable outbox_note outbox_send pointer_head
	slab_adopt slab_fresh slab_has_fresh slab_put slab_rebuild slab_refill
	slab_settle slab_word_valid slot_of span_claim span_commit span_cut
	span_length span_release span_stretch view_attached view_refresh word_length
	word_next)

lshm_wasm_module(span
	SMALL inline.c span.c wasm/host.c
	FACE wasm/face.c
	EXPORTS
		block_take bytes_clear bytes_copy canary_at canary_set canary_is
		chunks_for class_of class_stride heap_extend host_backed host_claim_slot
		host_reap host_release_slot label_code label_code_low label_live label_pad
		label_valid link_to map_at map_room map_seek map_usable slab_fresh
		slab_has_fresh slab_word_valid span_claim span_commit span_cut span_length
		span_release span_stretch view_attached view_refresh word_length word_next
		# for JavaScript
		heap_adopt heap_id heap_image_bytes heap_max_bytes view_error view_found
		view_roots view_scratch view_thread)

lshm_wasm_module(slab
	SMALL heap.c slab.c cache.c refill.c
	EXPORTS
		heap_relieve label_look outbox_note outbox_send slab_adopt
		slab_put slab_rebuild slab_refill slab_settle
		# for JavaScript
		heap_open heap_verify)

lshm_wasm_module(malloc
	FAST malloc.c
	SMALL slow.c realloc.c
	FACE wasm/face.c
	EXPORTS
		block_look pointer_head
		# for JavaScript and C modules
		aligned_alloc bind bound calloc free heap_calloc heap_find heap_free
		heap_malloc heap_malloc_aligned heap_realloc malloc malloc_usable_size
		posix_memalign realloc)

lshm_wasm_module(thread
	SMALL thread.c walk.c
	EXPORTS
		slot_of
		# for JavaScript
		thread_attach_inplace thread_detach thread_mark thread_next thread_reap
		thread_reserve thread_trim walk_next)

lshm_wasm_module(tools
	SMALL format.c names.c check.c
	EXPORTS
		# for JavaScript
		heap_check heap_format heap_min_bytes name_find name_set)
