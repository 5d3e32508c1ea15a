/* inline.c - the one copy of each inline function for those that call it. */
#include "slab.h"

extern inline uint32_t class_stride(uint32_t class);
extern inline uint32_t label_pad(const struct view *v, size_t payload);
extern inline uint32_t label_code(uint64_t x);
extern inline uint32_t label_code_low(uint32_t x);
extern inline uint64_t label_seal(const struct view *v, size_t payload, uint64_t bits);
extern inline bool label_valid(const struct view *v, size_t payload, uint64_t h);
extern inline uint32_t chunks_for(const struct view *v, size_t bytes);
extern inline struct map_part *map_part(struct view *v, uint32_t chunk);
extern inline struct entry *map_at(struct view *v, uint32_t chunk);
extern inline uint32_t map_usable(struct view *v, uint32_t chunk);
extern inline uint32_t map_room(struct view *v, uint32_t chunk);
extern inline uint64_t word_next(uint64_t word, uint32_t kind, uint32_t slot, uint32_t arg);
extern inline uint32_t word_length(uint64_t word);
extern inline uint64_t map_word(struct view *v, uint32_t c);
extern inline uint64_t map_change(struct view *v, uint32_t c, uint64_t word, uint32_t kind,
                                  uint32_t slot, uint32_t arg);
extern inline uint32_t word_stride(uint64_t word);
extern inline bool view_attached(const struct view *v);
extern inline uint32_t slab_fresh(struct view *v, uint32_t k, uint64_t word);
extern inline uint32_t span_length(const struct view *v, uint32_t k, uint64_t word);
extern inline bool slab_has_fresh(struct view *v, uint32_t k, uint64_t word);
extern inline bool slab_word_valid(struct view *v, uint32_t k, uint64_t word);
extern inline void bytes_copy(uint8_t *to, const uint8_t *from, size_t size);
extern inline void bytes_clear(uint8_t *to, size_t size);
