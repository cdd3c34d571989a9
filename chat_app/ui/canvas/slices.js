// Frames of one picture: fetched from the server, unpacked, kept as long as there is room.

/**
 * @typedef {Object} Frame  As chat_app.records.Frame, unpacked.
 * @property {number} number  from 1
 * @property {number} width
 * @property {number} height
 * @property {Uint16Array} [stored]  the bits of a grey frame
 * @property {Uint32Array} [colour]  RGBA words of a colour frame
 * @property {Uint8Array | null} overlay  one bit a pixel, the highest first
 * @property {boolean} signed
 * @property {number} slope
 * @property {number} intercept
 * @property {boolean} inverted
 * @property {[number, number] | null} padding
 * @property {number} low  lowest and highest stored value
 * @property {number} high
 * @property {string[] | null} letters  left, right, top, bottom
 * @property {[number, number] | null} spacing  mm between rows, between columns
 * @property {number} aspect
 * @property {number | null} position  mm
 */

const AT_ONCE = 4;
const MEGABYTE = 2 ** 20;

/** How many bytes of frames a picture may keep: browsers tell memory in GB, 8 at most, or not at all. */
function roomForFrames() {
  return Math.min(512, Math.max(128, (navigator.deviceMemory || 4) * 64)) * MEGABYTE;
}

class Slices {
  /**
   * @param {string} base  address of the frames, ending in a slash
   * @param {number} count
   * @param {{arrived: (frame: Frame) => void, failed: (number: number, gone: boolean) => void}} listener
   */
  constructor(base, count, listener) {
    this.base = base;
    this.count = count;
    this.listener = listener;
    this.room = roomForFrames();
    this.bytes = 0;
    /** @type {Map<number, Frame>} the least recently used first */
    this.kept = new Map();
    this.failed = new Set();
    /** @type {Set<number>} */
    this.coming = new Set();
    this.center = 1;
    this.abort = new AbortController();
  }

  /** The frame if it is here, so that it can be painted in this very moment. */
  get(number) {
    const frame = this.kept.get(number);
    if (!frame) return null;
    this.kept.delete(number);
    this.kept.set(number, frame);
    return frame;
  }

  /** Fetches this frame first and then its neighbours, both ways. */
  want(number) {
    this.center = number;
    this.failed.delete(number);
    this._fill();
  }

  close() {
    this.abort.abort();
    this.kept.clear();
  }

  _fill() {
    if (this.abort.signal.aborted) return;
    // The frame on show waits for no neighbour.
    if (this._isMissing(this.center) && this.coming.size <= AT_ONCE) this._fetch(this.center);
    while (this.coming.size < AT_ONCE) {
      const next = this._next();
      if (!next) return;
      this._fetch(next);
    }
  }

  _isMissing(number) {
    if (number < 1 || number > this.count) return false;
    return !this.kept.has(number) && !this.coming.has(number) && !this.failed.has(number);
  }

  /** The missing frame nearest to the one on show, as far as there is room for it and all between. */
  _next() {
    const reach = this._reach();
    for (let away = 0; away <= reach; away++) {
      for (const number of [this.center + away, this.center - away]) {
        if (this._isMissing(number)) return number;
      }
    }
    return 0;
  }

  /** How many frames to either side are kept: not quite what there is room for, or they push each other out. */
  _reach() {
    const each = this.kept.size ? this.bytes / this.kept.size : MEGABYTE;
    return each * this.count <= this.room ? this.count : Math.floor((0.45 * this.room) / each);
  }

  async _fetch(number) {
    this.coming.add(number);
    try {
      const signal = this.abort.signal;
      const answer = await fetch(this.base + number, { signal, cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
      const said = JSON.parse(answer.headers.get("Lightbox-Frame"));
      this._keep(unpacked(number, said, new Uint8Array(await answer.arrayBuffer())));
    } catch (fault) {
      if (this.abort.signal.aborted) return;
      this.failed.add(number);
      this.listener.failed(number, fault.message === "404");
    } finally {
      this.coming.delete(number);
      this._fill();
    }
  }

  _keep(frame) {
    if (this.abort.signal.aborted) return;
    this.kept.set(frame.number, frame);
    this.bytes += frame.bytes;
    for (const [number, oldest] of this.kept) {
      if (this.bytes <= this.room || this.kept.size <= 1) break;
      this.kept.delete(number);
      this.bytes -= oldest.bytes;
    }
    this.listener.arrived(frame);
  }
}

/** The frame out of its packed bytes: see chat_app/ui/slices.py. */
function unpacked(number, said, bytes) {
  const pixels = said.width * said.height;
  const frame = { number, ...said, stored: null, colour: null, overlay: null };
  const picture = said.colour ? unpackColour(frame, bytes) : unpackGrey(frame, bytes);
  if (said.overlay) frame.overlay = bytes.slice(picture, picture + Math.ceil(pixels / 8));
  frame.bytes = said.colour ? 4 * pixels : 2 * pixels;
  return frame;
}

/** Differences along each row, the low bytes of all pixels and then the high ones. */
function unpackGrey(frame, bytes) {
  const pixels = frame.width * frame.height;
  const stored = new Uint16Array(pixels);
  for (let start = 0; start < pixels; start += frame.width) {
    let value = 0;
    for (let at = start; at < start + frame.width; at++) {
      value = (value + (bytes[at] | (bytes[at + pixels] << 8))) & 0xffff;
      stored[at] = value;
    }
  }
  frame.stored = stored;
  return 2 * pixels;
}

/** Differences along each row and colour, the reds of all pixels, then the greens, then the blues. */
function unpackColour(frame, bytes) {
  const pixels = frame.width * frame.height;
  const colour = new Uint32Array(pixels);
  for (let start = 0; start < pixels; start += frame.width) {
    let red = 0;
    let green = 0;
    let blue = 0;
    for (let at = start; at < start + frame.width; at++) {
      red = (red + bytes[at]) & 0xff;
      green = (green + bytes[at + pixels]) & 0xff;
      blue = (blue + bytes[at + 2 * pixels]) & 0xff;
      colour[at] = 0xff000000 | (blue << 16) | (green << 8) | red;
    }
  }
  frame.colour = colour;
  return 3 * pixels;
}
