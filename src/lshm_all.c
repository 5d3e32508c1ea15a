/* lshm_all.c - the whole library as one file to compile, for projects that copy
 * include/ and src/ into their own tree:
 *
 *     cc -std=c11 -O2 -Iinclude -Isrc -Isrc/native -c src/lshm_all.c
 *
 * The build of this project compiles the files one by one instead. A program
 * shall meet no names but lshm_* by what it links: the core's get that prefix
 * here. tests/c/vendored.sh fails where one is missing.
 */
/* Before any header of the system, as native.h has them. */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64

#ifndef LSHM_BUILD_VERSION
#define LSHM_BUILD_VERSION "0.1.0"
#endif

#define block_look lshm_core_block_look
#define block_look_at lshm_core_block_look_at
#define bytes_clear lshm_core_bytes_clear
#define bytes_copy lshm_core_bytes_copy
#define cache lshm_core_cache
#define cache_drain lshm_core_cache_drain
#define cache_empty lshm_core_cache_empty
#define cache_fill lshm_core_cache_fill
#define chunks_for lshm_core_chunks_for
#define class_stride lshm_core_class_stride
#define fail lshm_core_fail
#define free_rest lshm_core_free_rest
#define heap_adopt lshm_core_heap_adopt
#define heap_calloc lshm_core_heap_calloc
#define heap_check lshm_core_heap_check
#define heap_extend lshm_core_heap_extend
#define heap_find lshm_core_heap_find
#define heap_format lshm_core_heap_format
#define heap_free lshm_core_heap_free
#define heap_grow lshm_core_heap_grow
#define heap_malloc lshm_core_heap_malloc
#define heap_malloc_aligned lshm_core_heap_malloc_aligned
#define heap_min_bytes lshm_core_heap_min_bytes
#define heap_open lshm_core_heap_open
#define heap_realloc lshm_core_heap_realloc
#define heap_relieve lshm_core_heap_relieve
#define heap_unregister lshm_core_heap_unregister
#define heap_verify lshm_core_heap_verify
#define hints_send lshm_core_hints_send
#define host_backed lshm_core_host_backed
#define host_claim_slot lshm_core_host_claim_slot
#define host_grow lshm_core_host_grow
#define host_reap lshm_core_host_reap
#define host_release_slot lshm_core_host_release_slot
#define label_code lshm_core_label_code
#define label_code_low lshm_core_label_code_low
#define label_look lshm_core_label_look
#define label_pad lshm_core_label_pad
#define label_seal lshm_core_label_seal
#define label_valid lshm_core_label_valid
#define list_push lshm_core_list_push
#define map_at lshm_core_map_at
#define map_change lshm_core_map_change
#define map_learn lshm_core_map_learn
#define map_part lshm_core_map_part
#define map_room lshm_core_map_room
#define map_seek lshm_core_map_seek
#define map_usable lshm_core_map_usable
#define map_word lshm_core_map_word
#define name_value lshm_core_name_value
#define open_begin lshm_core_open_begin
#define open_end lshm_core_open_end
#define parked_lower lshm_core_parked_lower
#define plan_make lshm_core_plan_make
#define pointer_check lshm_core_pointer_check
#define pointer_head lshm_core_pointer_head
#define reap_dead lshm_core_reap_dead
#define region_next lshm_core_region_next
#define secret_make lshm_core_secret_make
#define segment_anonymous lshm_core_segment_anonymous
#define segment_close lshm_core_segment_close
#define segment_descriptor lshm_core_segment_descriptor
#define segment_memory lshm_core_segment_memory
#define segment_named lshm_core_segment_named
#define segment_path lshm_core_segment_path
#define segment_refresh lshm_core_segment_refresh
#define segment_reopen lshm_core_segment_reopen
#define slab_adopt lshm_core_slab_adopt
#define slab_collect lshm_core_slab_collect
#define slab_enlist lshm_core_slab_enlist
#define slab_fresh lshm_core_slab_fresh
#define slab_has_fresh lshm_core_slab_has_fresh
#define slab_has_room lshm_core_slab_has_room
#define slab_ours lshm_core_slab_ours
#define slab_park lshm_core_slab_park
#define slab_put lshm_core_slab_put
#define slab_rebuild lshm_core_slab_rebuild
#define slab_refill lshm_core_slab_refill
#define slab_release lshm_core_slab_release
#define slab_settle lshm_core_slab_settle
#define slab_word_valid lshm_core_slab_word_valid
#define slot_dead lshm_core_slot_dead
#define slot_mine lshm_core_slot_mine
#define slot_of lshm_core_slot_of
#define slot_word lshm_core_slot_word
#define slot_reap lshm_core_slot_reap
#define span_claim lshm_core_span_claim
#define span_commit lshm_core_span_commit
#define span_cut lshm_core_span_cut
#define span_length lshm_core_span_length
#define span_release lshm_core_span_release
#define span_run lshm_core_span_run
#define span_stretch lshm_core_span_stretch
#define thread_attach lshm_core_thread_attach
#define thread_attach_inplace lshm_core_thread_attach_inplace
#define thread_detach lshm_core_thread_detach
#define thread_mark lshm_core_thread_mark
#define thread_next lshm_core_thread_next
#define thread_reap lshm_core_thread_reap
#define thread_reserve lshm_core_thread_reserve
#define thread_trim lshm_core_thread_trim
#define view_attach lshm_core_view_attach
#define view_attached lshm_core_view_attached
#define view_find lshm_core_view_find
#define view_leave lshm_core_view_leave
#define view_refresh lshm_core_view_refresh
#define view_renew lshm_core_view_renew
#define walk_next lshm_core_walk_next
#define word_length lshm_core_word_length
#define word_next lshm_core_word_next
#define word_stride lshm_core_word_stride

#include "cache.c"
#include "check.c"
#include "format.c"
#include "heap.c"
#include "inline.c"
#include "malloc.c"
#include "names.c"
#include "native/attach.c"
#include "native/host.c"
#include "native/image.c"
#include "native/lshm.c"
#include "native/segment.c"
#include "realloc.c"
#include "refill.c"
#include "regions.c"
#include "slab.c"
#include "slow.c"
#include "span.c"
#include "thread.c"
#include "walk.c"
