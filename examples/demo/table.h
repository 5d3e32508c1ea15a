/* table.h - the hash table of words, as it stands in the heap: the one place
 * that says so. C includes this file and table.js reads it, so each constant
 * has a line of its own.
 *
 * All numbers are u32, little-endian. A pointer is an offset from the heap's
 * base, 0 is null. Each bucket is a list of nodes; nodes are only ever added,
 * by compare-exchange of the bucket, and only their count changes afterwards.
 */
#ifndef TABLE_H
#define TABLE_H

#define TABLE_NAME "words" /* the name under which the heap knows the table */

enum {
	TABLE_SIZE = 0,    /* number of buckets, a power of two */
	TABLE_BUCKET = 16, /* the first bucket: pointer to its newest node */

	NODE_NEXT = 0,    /* pointer to the next node of the bucket */
	NODE_HASH = 4,    /* of the word; its low bits are the bucket's number */
	NODE_COUNT = 8,   /* how often the word was met */
	NODE_LENGTH = 12, /* bytes of the word */
	NODE_WORD = 16,   /* pointer to the word's bytes, in lower case */
	NODE_BYTES = 20,
};

#endif
