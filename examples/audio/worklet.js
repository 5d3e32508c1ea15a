// Plays: takes a note when its time has come, and frees it.

import LocalSharedMemory from "../../index.js";
import { LENGTH, NOTES, PLAYED, SENT } from "./ring.js";

class Notes extends AudioWorkletProcessor {
  constructor({ processorOptions: { handle, ring } }) {
    super();
    this.memory = LocalSharedMemory.from(handle);
    this.word = this.memory.index(Uint32Array, ring);
    this.begun = this.step = this.phase = this.loudness = 0;
  }

  take() {
    const { memory, word } = this;
    const played = memory.load(Uint32Array, word + PLAYED);
    if (played === memory.load(Uint32Array, word + SENT)) return;
    const note = memory.load(Uint32Array, word + NOTES + (played % LENGTH));
    if (currentTime < this.begun + memory.getFloat32(note)) return;
    this.begun = currentTime;
    this.step = (memory.getFloat32(note + 4) * 2 * Math.PI) / sampleRate;
    this.loudness = 0.2;
    memory.free(note);
    memory.store(Uint32Array, word + PLAYED, played + 1);
  }

  process(_, [[samples]]) {
    this.take();
    for (let i = 0; i < samples.length; i++) {
      samples[i] = this.loudness * Math.sin((this.phase += this.step));
      this.loudness *= 0.9998;
    }
    return true;
  }
}

registerProcessor("notes", Notes);
