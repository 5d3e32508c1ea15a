// What the page and its workers agree on.

/** A worker's counters, as words of a block of the page's. */
export const OPERATIONS = 0;
export const BLOCKS = 1;
export const BYTES = 2;
export const COUNTERS = 3;

/** Pointers to strings that the page allocates and the workers free. */
export const INBOX = 64;
