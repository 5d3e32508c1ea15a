# Which sources the core is compiled from for WebAssembly, which of its functions
# index.js calls, and in which module each of these stands, lower ones first (see
# tools/cut.js). Those behind WITH are not for JavaScript: they are named to keep
# the modules above small.

set(wasm_fast malloc.c)
set(wasm_small inline.c span.c heap.c wasm/host.c wasm/face.c slab.c cache.c refill.c
	slow.c realloc.c thread.c walk.c format.c names.c check.c)

lshm_wasm_module(span
	JAVASCRIPT heap_adopt heap_open heap_verify thread_attach_inplace thread_mark
	WITH heap_extend span_claim view_attached)
lshm_wasm_module(slab
	WITH cache_drain cache_empty heap_relieve hints_send slab_refill slab_settle)
lshm_wasm_module(malloc
	JAVASCRIPT heap_calloc heap_find heap_free heap_malloc heap_malloc_aligned
		heap_realloc bind bound malloc free calloc realloc aligned_alloc
		posix_memalign malloc_usable_size)
lshm_wasm_module(tools
	JAVASCRIPT heap_check heap_format heap_min_bytes name_value thread_detach
		thread_next thread_reap thread_reserve thread_trim walk_next)
