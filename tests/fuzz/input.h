/* input.h - a fuzzer's input, read as numbers; zeros once it is used up. */
#ifndef INPUT_H
#define INPUT_H

/* A failed check keeps the input that led to it. */
#define TEST_GIVE_UP() abort()

#include "test.h"

struct input {
	const uint8_t *at;
	size_t left;
};

static inline uint64_t input_take(struct input *in, size_t bytes)
{
	uint64_t x = 0;
	size_t n = bytes < in->left ? bytes : in->left;
	memcpy(&x, in->at, n);
	in->at += n;
	in->left -= n;
	return x;
}

/* What libFuzzer calls. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
