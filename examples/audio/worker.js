// Composes: keeps the ring full.

import LocalSharedMemory from "../../index.js";
import { LENGTH, NOTES, PLAYED, SENT } from "./ring.js";

const SCALE = [0, 3, 5, 7, 10, 12, 15]; // semitones: minor pentatonic

onmessage = ({ data: { handle, ring } }) => {
  const memory = LocalSharedMemory.from(handle);
  const word = memory.index(Uint32Array, ring);
  setInterval(() => {
    const played = memory.load(Uint32Array, word + PLAYED);
    let sent = memory.load(Uint32Array, word + SENT);
    for (; sent - played < LENGTH; sent++) {
      const pitch = SCALE[Math.floor(Math.random() * SCALE.length)];
      const note = memory.malloc(8);
      memory.setFloat32(note, 0.125);
      memory.setFloat32(note + 4, 220 * 2 ** (pitch / 12));
      memory.store(Uint32Array, word + NOTES + (sent % LENGTH), note);
      memory.store(Uint32Array, word + SENT, sent + 1); // now it is the worklet's
    }
  }, 50);
};
