"""The broken variants: EDITS of the source, (name, [(file, old, new)], scenario
with its preemptions, deaths and stale loads), and VARIANTS of models, (name,
model, its size)."""

EDITS = [
    (
        "the label before its note",
        [
            (
                "fast.h",
                """	cache_note(v, list->first + n, p);
""",
                "",
            ),
            (
                "fast.h",
                """	list->count = (uint8_t)(n + 1);
	return true;
""",
                """	cache_note(v, list->first + n, p);
	list->count = (uint8_t)(n + 1);
	return true;
""",
            ),
        ],
        "collect 0 1 0",
    ),
    (
        "fresh before its labels",
        [
            (
                "refill.c",
                """	for (uint32_t x = end; x > fresh;) {
""",
                """	store_release(&e->fresh, (uint16_t)end);
	for (uint32_t x = end; x > fresh;) {
""",
            )
        ],
        "carve 0 1 0",
    ),
    (
        "release by a counter of hints",
        [
            (
                "slab.c",
                """		exchange_acquire(&e[i].hints, 0);
""",
                """		used -= (uint32_t)__builtin_popcountll(exchange_acquire(&e[i].hints, 0));
""",
            ),
            (
                "slab.c",
                """		if (state == STATE_FREE || state == STATE_XFREE)
""",
                """		if (state == STATE_XFREE)
			used++;
		if (state == STATE_FREE || state == STATE_XFREE)
""",
            ),
            (
                "slab.c",
                """		if (label_look(v, slab_payload(v, k, x)) != STATE_FREE)
""",
                """		if ((int16_t)load_relaxed(&map_at(v, k)->used) > 0)
""",
            ),
        ],
        "release 0 1 0",
    ),
    (
        "a kept list across giving a slab up: its labels say FREE",
        [
            (
                "fast.h",
                "if (!header_change(header, h, label_blend(v->cached, pad, 0), WORD",
                "if (!header_change(header, h, label_free(v, p, 0), WORD",
            ),
            (
                "slow.c",
                "h, label_blend(v->cached, label_pad(v, p), 0),",
                "h, label_free(v, p, 0),",
            ),
            (
                "fast.h",
                "if (unlikely(header_load(header) != label_blend(v->cached, pad, 0)))",
                "if (unlikely(LABEL_STATE(header_load(header)) % 3))",
            ),
        ],
        "adopt 2 0 0",
    ),
    (
        "collect above fresh",
        [
            (
                "slab.c",
                """	uint32_t fresh = slab_fresh(v, k, word);
	struct entry *e = map_at(v, k);
	for (""",
                """	uint32_t fresh = slab_granules(v, word);
	struct entry *e = map_at(v, k);
	for (""",
            )
        ],
        "late 2 0 0",
    ),
    (
        "claims that give up after one conflict",
        [
            (
                "span.c",
                "start == 0 && v->conflicts == 0 && v->in_flight == before",
                "start == 0 || v->conflicts",
            )
        ],
        "last 3 0 0",
    ),
    (
        "resize without its own state",
        [
            (
                "realloc.c",
                "map_change(v, head, word, KIND_RESIZE, slot, min32(n, old_n))",
                "map_change(v, head, word, KIND_SPAN, 0, old_n + 0 * slot)",
            )
        ],
        "resize 0 1 0",
    ),
    (
        "commit before the size",
        [
            (
                "slow.c",
                """	canary_set(v, p, size, span_capacity(v, n));
	header_store(""",
                """	span_commit(v, head, KIND_SPAN, 0, n);
	canary_set(v, p, size, span_capacity(v, n));
	header_store(""",
            )
        ],
        "claims 0 1 0",
    ),
    (
        "no epoch compare on entry",
        [("map.h", "load_relaxed(&v->slot->state) == v->state", "true")],
        "force 0 0 0",
    ),
    (
        "a rebuild that clears the hints last",
        [
            (
                "slab.c",
                """	for (uint32_t i = 0; i < WORD_ARG(word); i++)
		exchange_acquire(&e[i].hints, 0);
""",
                "",
            ),
            (
                "slab.c",
                """			used++; /* a damaged one too: it is not handed out */
	}
""",
                """			used++;
	}
	for (uint32_t i = 0; i < WORD_ARG(word); i++)
		exchange_acquire(&e[i].hints, 0);
""",
            ),
        ],
        "release 2 0 0",
    ),
    (
        "a dead thread's notes are believed",
        [("thread.c", "dirty = WORD_DIRTY;", "dirty = 0;")],
        "collect 1 1 0",
    ),
    (
        "a label that is not read again after its thread's slot",
        [("slab.c", "return gone && header_load(header_at(v, p)) == h ?", "return gone ?")],
        "leave 1 0 0",
    ),
    (
        "a reaper that leaves what the dead kept",
        [
            (
                "thread.c",
                """		for (; p < v->end; p += 1ull << 32)
			block_hint(v, (size_t)p);
""",
                """		(void)p;
""",
            )
        ],
        "reap-locks 0 1 0",
    ),
    (
        "a span's thread after its commit",
        [
            (
                "slow.c",
                """	store_owned32(&map_at(v, head)->thread, v->thread);
	span_commit(v, head, KIND_SPAN, 0, n);
""",
                """	span_commit(v, head, KIND_SPAN, 0, n);
	store_owned32(&map_at(v, head)->thread, v->thread);
""",
            )
        ],
        "claims 0 1 0",
    ),
    (
        "a release that takes kept blocks for free ones",
        [
            (
                "slab.c",
                """	if (load_relaxed(&map_at(v, k)->used))
		return false;
""",
                "",
            ),
            (
                "slab.c",
                """		if (label_look(v, slab_payload(v, k, x)) != STATE_FREE)
""",
                """		if (label_look(v, slab_payload(v, k, x)) == STATE_LIVE)
""",
            )
        ],
        "release 1 0 0",
    ),
    (
        "a piece of the slot table is published, then cleared",
        [
            (
                "thread.c",
                """	bytes_clear(v->base + chunk_offset(v, c), bytes);
""",
                "",
            ),
            (
                "thread.c",
                """	if (cas32(piece, 0, c))
""",
                """	bool published = cas32(piece, 0, c);
	bytes_clear(v->base + chunk_offset(v, c), bytes);
	if (published)
""",
            ),
        ],
        "attach 1 0 0",
    ),
    (
        "a slot table that is extended when it is full, and not before",
        [("thread.c", "taken * 2 <= have", "taken < have + 1")],
        "attach 0 0 0",
    ),
    (
        "a reaper that does not look whether a piece was published",
        [("thread.c", "kind != KIND_META || !slots_have(v, c)", "true")],
        "attach 0 1 0",
    ),
    (
        "a slot that becomes free keeps its epoch",
        [
            (
                "thread.c",
                """	cas64(&s->state, reaping, SLOT_WORD(SLOT_FREE, 0, 0, epoch + 1));
""",
                """	cas64(&s->state, reaping, SLOT_WORD(SLOT_FREE, 0, 0, epoch));
""",
            )
        ],
        "force 0 0 0",
    ),
    (
        "committed by a store",
        [
            (
                "span.c",
                """	while (seen < backed && !cas32(committed, seen, backed))
""",
                """	if (seen < backed)
		store_release(committed, backed);
	while (false)
""",
            )
        ],
        "grow 2 0 0",
    ),
    (
        "a name is READY before its text",
        [
            (
                "names.c",
                """		bytes_copy(free->text, text, NAME_BYTES);
""",
                """		cas64(&free->state, claim, NAME_READY);
		bytes_copy(free->text, text, NAME_BYTES);
""",
            )
        ],
        "names 0 1 0",
    ),
    (
        "looks at a header that do not acquire",
        [
            ("slow.c", "uint64_t h = header_peek(", "uint64_t h = bytes_peek64("),
            ("check.c", "uint64_t h = header_peek(", "uint64_t h = bytes_peek64("),
        ],
        "check 0 0 1",
    ),
    (
        "compare-exchanges that do not release and acquire",
        [
            (
                "c11.h",
                """bool cas64(_Atomic uint64_t *p, uint64_t old, uint64_t next)
{
	return atomic_compare_exchange_strong_explicit(p, &old, next, memory_order_acq_rel,
	                                               memory_order_acquire);
""",
                """bool cas64(_Atomic uint64_t *p, uint64_t old, uint64_t next)
{
	return atomic_compare_exchange_strong_explicit(p, &old, next, memory_order_relaxed,
	                                               memory_order_relaxed);
""",
            )
        ],
        "rivals 1 0 0",
    ),
    (
        "hints that do not release",
        [
            (
                "c11.h",
                "atomic_fetch_or_explicit(p, x, memory_order_release)",
                "atomic_fetch_or_explicit(p, x, memory_order_relaxed)",
            )
        ],
        "collect 1 0 1",
    ),
]

VARIANTS = [
    ("hints inside the slab", "slab", {"problem": "hints-inside"}),
    (
        "a helper that does not read the head again",
        "spans",
        {"chunks": 3, "length": 3, "helpers": 2, "problem": "blind-helper"},
    ),
    (
        "a map piece cleared by its publisher",
        "growth",
        {"growers": 3, "problem": "cleared-piece"},
    ),
    ("a header in two stores", "commit", {"slab": True, "problem": "torn"}),
]
