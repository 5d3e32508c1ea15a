// The ring, in 32-bit words. A note is a block of two Float32: how many seconds
// it comes after the one before, and its frequency in Hz.

export const SENT = 0; // notes so far: written by the worker
export const PLAYED = 1; // notes so far: written by the worklet
export const NOTES = 2; // pointers: written by the worker
export const LENGTH = 16; // of them: what is composed ahead
export const RING_BYTES = 4 * (NOTES + LENGTH);
