# Which source goes into which WebAssembly module, and what each one exports:
# to the modules below it in this file, and to JavaScript and C modules. face.c
# is compiled into several; each keeps what it exports.

lshm_wasm_internal(
	block_check heap_adopt heap_extend heap_format heap_malloc_aligned
	heap_min_bytes heap_open heap_verify host_backed host_claim_slot host_reap
	host_release_slot label_free_before label_look outbox_send pointer_check
	pointer_head slab_adopt slab_enlist slab_park slab_put slab_rebuild
	slab_settle span_claim span_commit span_cut span_finish span_release
	span_stretch view_refresh)

lshm_wasm_module(bottom
	SMALL heap.c span.c slab.c wasm/host.c
	FACE wasm/face.c
	EXPORTS
		heap_adopt heap_extend heap_format heap_min_bytes heap_open heap_verify
		host_backed host_claim_slot host_reap host_release_slot
		label_free_before label_look slab_adopt slab_enlist slab_park slab_put
		slab_rebuild slab_settle span_claim span_commit span_cut span_finish
		span_release span_stretch view_refresh
		# for JavaScript
		heap_format_pages heap_inspect heap_max_pages heap_min_pages
		view_error view_found view_thread)

lshm_wasm_module(hot
	FAST malloc.c
	SMALL refill.c slow.c
	FACE wasm/face.c
	EXPORTS
		block_check heap_malloc_aligned outbox_send pointer_check pointer_head
		# for JavaScript and C modules
		bind bound free heap_free heap_malloc malloc)

lshm_wasm_module(rest
	SMALL check.c names.c realloc.c tag.c thread.c walk.c
	FACE wasm/face.c
	EXPORTS
		# for JavaScript and C modules
		aligned_alloc bind bound calloc heap_attach heap_calloc heap_find heap_id
		heap_image_bytes heap_realloc malloc_usable_size name_get name_put
		posix_memalign realloc root_cas root_get root_set thread_detach
		thread_list thread_mark thread_reap thread_reserve thread_state
		thread_trim view_check view_scratch view_stats walk_next)
