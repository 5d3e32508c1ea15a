# Which source goes into which WebAssembly module, and what each one exports:
# to the modules below it in this file, and to JavaScript and C modules. face.c
# is compiled into several; each keeps what it exports.

lshm_wasm_internal(
	block_check heap_extend heap_open host_backed host_claim_slot host_reap
	host_release_slot label_free_before label_look outbox_send pointer_check
	pointer_head slab_adopt slab_enlist slab_park slab_put slab_rebuild
	slab_settle span_claim span_commit span_cut span_finish span_release
	span_stretch view_refresh)

lshm_wasm_module(bottom
	SMALL heap.c span.c slab.c wasm/host.c
	FACE wasm/face.c
	EXPORTS
		heap_extend heap_open
		host_backed host_claim_slot host_reap host_release_slot
		label_free_before label_look slab_adopt slab_enlist slab_park slab_put
		slab_rebuild slab_settle span_claim span_commit span_cut span_finish
		span_release span_stretch view_refresh
		# for JavaScript
		heap_adopt heap_format heap_max_bytes heap_min_bytes heap_verify
		view_error view_found view_roots view_scratch view_thread)

lshm_wasm_module(hot
	FAST malloc.c
	SMALL refill.c slow.c
	FACE wasm/face.c
	EXPORTS
		block_check outbox_send pointer_check pointer_head
		# for JavaScript and C modules
		bind bound free heap_free heap_malloc heap_malloc_aligned malloc)

lshm_wasm_module(rest
	SMALL check.c names.c realloc.c tag.c thread.c walk.c
	FACE wasm/face.c
	EXPORTS
		# for JavaScript and C modules
		aligned_alloc bind bound calloc heap_calloc heap_check heap_find heap_id
		heap_image_bytes heap_realloc heap_stats malloc_usable_size name_find
		name_set posix_memalign realloc thread_attach_inplace thread_detach
		thread_mark thread_next thread_reap thread_reserve thread_trim
		walk_next)
