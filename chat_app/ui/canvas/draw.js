// What is painted: grey values through the lookup table, and what stands over them. Words only by fillText.

/**
 * @typedef {Object} Mark  A numbered box of the answer.
 * @property {number} number
 * @property {number} frame
 * @property {string} label
 * @property {number} x0
 * @property {number} y0
 * @property {number} x1
 * @property {number} y1
 */

const AMBER = "#ffbe3c";
const AMBER_WORD = 0xff3cbeff;
const PAPER = "#f4f6f8";
// From this zoom on single pixels are shown as squares, so that nobody sees an edge that is not there.
const SHARP_SCALE = 4;

/** The pixels of one frame under one look, painted again only when one of the two has changed. */
class Raster {
  constructor() {
    this.canvas = document.createElement("canvas");
    this.context = this.canvas.getContext("2d");
    this.lookup = new Uint32Array(65536);
    this.painted = [];
  }

  /** @returns {HTMLCanvasElement} as large as the frame, one canvas pixel for each of its own */
  paint(frame, look, turned, withOverlay) {
    const wanted = [frame, look, turned, withOverlay];
    if (wanted.every((each, index) => each === this.painted[index])) return this.canvas;
    this._fit(frame);
    if (frame.colour) this._paintColour(frame, turned);
    else this._paintGrey(frame, look, turned);
    if (withOverlay && frame.overlay) this._paintOverlay(frame.overlay);
    this.context.putImageData(this.image, 0, 0);
    this.painted = wanted;
    return this.canvas;
  }

  _fit(frame) {
    if (this.image && this.image.width === frame.width && this.image.height === frame.height) return;
    this.canvas.width = frame.width;
    this.canvas.height = frame.height;
    this.image = this.context.createImageData(frame.width, frame.height);
    this.words = new Uint32Array(this.image.data.buffer);
  }

  _paintGrey(frame, look, turned) {
    fillLookup(this.lookup, frame, look, turned);
    const { lookup, words } = this;
    const stored = frame.stored;
    for (let at = 0; at < stored.length; at++) words[at] = lookup[stored[at]];
  }

  _paintColour(frame, turned) {
    this.words.set(frame.colour);
    if (turned) this.words.forEach((word, at) => (this.words[at] = word ^ 0x00ffffff));
  }

  _paintOverlay(bits) {
    for (let at = 0; at < this.words.length; at++) {
      if (bits[at >> 3] & (0x80 >> (at & 7))) this.words[at] = AMBER_WORD;
    }
  }
}

/** Puts the painted frame where the view says; the context counts device pixels. */
function drawPicture(context, raster, view, aspect, ratio) {
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.fillStyle = "#000";
  context.fillRect(0, 0, context.canvas.width, context.canvas.height);
  const across = view.scale * ratio;
  context.setTransform(across, 0, 0, across * aspect, view.x * ratio, view.y * ratio);
  context.imageSmoothingEnabled = view.scale < SHARP_SCALE;
  context.drawImage(raster, 0, 0);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
}

/** A rectangle of the picture in amber with a black edge, so that it is seen on any grey. */
function drawFrame(context, corners, view, aspect, dash) {
  const from = toCanvas({ x: corners.x0, y: corners.y0 }, view, aspect);
  const to = toCanvas({ x: corners.x1, y: corners.y1 }, view, aspect);
  context.setLineDash(dash);
  for (const [colour, width] of [["#000", 4], [AMBER, 2]]) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.strokeRect(from.x, from.y, to.x - from.x, to.y - from.y);
  }
  context.setLineDash([]);
}

function drawWords(context, words, x, y, align) {
  context.textAlign = align;
  context.textBaseline = "middle";
  context.font = "13px system-ui, sans-serif";
  context.lineWidth = 3;
  context.strokeStyle = "#000";
  context.strokeText(words, x, y);
  context.fillStyle = PAPER;
  context.fillText(words, x, y);
}

/** What lies at the left, right, top and bottom, where the file says so. */
function drawLetters(context, letters, size) {
  if (!letters) return;
  const [left, right, top, bottom] = letters;
  drawWords(context, left, 8, size.height / 2, "left");
  drawWords(context, right, size.width - 8, size.height / 2, "right");
  drawWords(context, top, size.width / 2, 12, "center");
  drawWords(context, bottom, size.width / 2, size.height - 12, "center");
}

/** A bar of round length at the lower right, where a millimetre of the picture is one of the patient. */
function drawScaleBar(context, spacing, view, size) {
  if (!spacing) return;
  const bar = scaleBar(spacing[1] / view.scale, size.width / 4);
  const right = size.width - 10;
  const bottom = size.height - 12;
  for (const [colour, width] of [["#000", 4], [PAPER, 2]]) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.strokeRect(right - bar.length, bottom, bar.length, 0);
  }
  drawWords(context, lengthInWords(bar.mm), right, bottom - 12, "right");
}

function lengthInWords(mm) {
  return mm >= 10 ? `${mm / 10} cm` : `${mm} mm`;
}

/** Which frame of how many, where it lies, and how it is shown: short lines, to leave room for the letters. */
function drawCorner(context, item, frame, look) {
  const lines = [];
  if (item.frames > 1) lines.push(`${frame.number}/${item.frames}`);
  if (frame.position !== null) lines.push(`${frame.position.toFixed(1)} mm`);
  if (look && frame.stored) lines.push(windowInWords(look));
  lines.forEach((line, index) => drawWords(context, line, 8, 14 + 18 * index, "left"));
}

function windowInWords(look) {
  const number = (value) => String(Number(value.toPrecision(4)));
  return look.table ? look.name : `${number(look.center)} / ${number(look.width)}`;
}
