// Pure arithmetic of the viewer: grey values, screen and image coordinates. It knows no page and no canvas.

/**
 * @typedef {Object} Look  One way to show grey values, as chat_app.records.Look.
 * @property {string} name
 * @property {number} center  in modality units (HU for CT)
 * @property {number} width
 * @property {"LINEAR" | "LINEAR_EXACT" | "SIGMOID"} function
 * @property {Uint8Array} [table]  the grey of each modality value from `first` on
 * @property {number} [first]
 *
 * @typedef {Object} View  Where the picture lies on the canvas, in CSS pixels.
 * @property {number} scale  CSS pixels per column of the picture
 * @property {number} x  of the outer corner of the first pixel
 * @property {number} y
 *
 * @typedef {{x: number, y: number}} Point
 * @typedef {{x0: number, y0: number, x1: number, y1: number}} Corners  half-open, in pixels of the picture
 */

const SMALLEST_SCALE = 0.02;
const LARGEST_SCALE = 64;

/** The grey, 0 to 255, of a modality value (PS3.3 C.11.2.1.2.1, .3.1 and .3.2; C.11.2.1.1 for a table). */
function grey(value, look) {
  if (look.table) {
    const last = look.table.length - 1;
    return look.table[Math.min(last, Math.max(0, Math.round(value) - look.first))];
  }
  const { center, width } = look;
  if (look.function === "SIGMOID") return 255 / (1 + Math.exp((-4 * (value - center)) / width));
  if (look.function === "LINEAR_EXACT") return ramp(value, center, width);
  // A width of 1 is legal and makes a step.
  return ramp(value, center - 0.5, width - 1);
}

/** 0 up to center - width / 2, 255 above center + width / 2, straight between. */
function ramp(value, center, width) {
  if (value <= center - width / 2) return 0;
  if (value > center + width / 2) return 255;
  return ((value - center) / width + 0.5) * 255;
}

/**
 * Fills the table from stored bits (0 to 65535) to opaque RGBA words for all values of this frame.
 * Padding stays black whatever is turned around: it is no part of the picture.
 */
function fillLookup(lookup, frame, look, turned) {
  const inverted = frame.inverted !== turned;
  for (let stored = frame.low; stored <= frame.high; stored++) {
    let level = Math.round(grey(stored * frame.slope + frame.intercept, look));
    if (inverted) level = 255 - level;
    if (isPadding(stored, frame.padding)) level = 0;
    lookup[stored & 0xffff] = 0xff000000 | (level * 0x010101);
  }
}

function isPadding(stored, padding) {
  return padding !== null && stored >= padding[0] && stored <= padding[1];
}

/** The view that shows the whole picture in the middle of a canvas of this size. */
function fitted(size, aspect, canvas) {
  const scale = Math.min(canvas.width / size.width, canvas.height / (size.height * aspect));
  const x = (canvas.width - size.width * scale) / 2;
  return { scale, x, y: (canvas.height - size.height * aspect * scale) / 2 };
}

/** The view zoomed by a factor with this point of the canvas held still. */
function zoomed(view, factor, point) {
  const scale = Math.min(LARGEST_SCALE, Math.max(SMALLEST_SCALE, view.scale * factor));
  const real = scale / view.scale;
  return { scale, x: point.x - (point.x - view.x) * real, y: point.y - (point.y - view.y) * real };
}

/** Canvas to picture; pixel (0, 0) covers 0 to 1. */
function toPicture(point, view, aspect) {
  return { x: (point.x - view.x) / view.scale, y: (point.y - view.y) / (view.scale * aspect) };
}

/** Picture to canvas. */
function toCanvas(point, view, aspect) {
  return { x: point.x * view.scale + view.x, y: point.y * view.scale * aspect + view.y };
}

/** The region between two points of the picture with its edges on pixel edges, or null if nothing is in it. */
function regionBetween(one, other, size) {
  const edge = (value, most) => Math.min(most, Math.max(0, Math.round(value)));
  const x0 = edge(Math.min(one.x, other.x), size.width);
  const x1 = edge(Math.max(one.x, other.x), size.width);
  const y0 = edge(Math.min(one.y, other.y), size.height);
  const y1 = edge(Math.max(one.y, other.y), size.height);
  return x1 - x0 > 1 && y1 - y0 > 1 ? { x0, y0, x1, y1 } : null;
}

/** The region moved or made larger by whole pixels, kept inside the picture. */
function regionMoved(region, dx, dy, resize, size) {
  const within = (value, least, most) => Math.min(most, Math.max(least, value));
  if (resize) {
    const x1 = within(region.x1 + dx, region.x0 + 2, size.width);
    return { ...region, x1, y1: within(region.y1 + dy, region.y0 + 2, size.height) };
  }
  const width = region.x1 - region.x0;
  const height = region.y1 - region.y0;
  const x0 = within(region.x0 + dx, 0, size.width - width);
  const y0 = within(region.y0 + dy, 0, size.height - height);
  return { x0, y0, x1: x0 + width, y1: y0 + height };
}

/** The largest of 1, 2, 5, 10, 20, 50 ... mm that is at most so many CSS pixels long, and its length. */
function scaleBar(mmPerPixel, most) {
  const power = 10 ** Math.floor(Math.log10(most * mmPerPixel));
  const step = [5, 2, 1].find((each) => each * power <= most * mmPerPixel) || 1;
  return { mm: step * power, length: (step * power) / mmPerPixel };
}

/**
 * The frame (from 1) of another stack that lies beside this one: by position, where both have one and the two
 * stacks overlap, else at the same relative place. shift: mm from a position here to the same one there.
 */
function besideFrame(frame, from, to, shift) {
  if (overlap(from.positions, to.positions, shift)) return nearest(to.positions, from.positions[frame - 1] + shift) + 1;
  const share = from.frames > 1 ? (frame - 1) / (from.frames - 1) : 0;
  return Math.round(share * (to.frames - 1)) + 1;
}

function overlap(one, other, shift) {
  if (!one || !other) return false;
  return Math.min(...one) + shift <= Math.max(...other) && Math.min(...other) <= Math.max(...one) + shift;
}

/** From the middle of one stack to the middle of another, mm: where two studies share no coordinates. */
function middleToMiddle(one, other) {
  const middle = ({ positions }) => (Math.min(...positions) + Math.max(...positions)) / 2;
  return one.positions && other.positions ? middle(other) - middle(one) : 0;
}

/** From what is on show in one stack to what is on show in another, mm; the alignment made by hand. */
function shownToShown(one, number, other, otherNumber) {
  return one.positions && other.positions ? other.positions[otherNumber - 1] - one.positions[number - 1] : 0;
}

function nearest(positions, wanted) {
  let best = 0;
  positions.forEach((each, index) => {
    if (Math.abs(each - wanted) < Math.abs(positions[best] - wanted)) best = index;
  });
  return best;
}

/** The window after a drag: right widens, down brightens, in steps that suit the width it began with. */
function dragged(look, dx, dy) {
  const step = Math.max(look.width, 1) / 256;
  const width = Math.max(1, look.width + dx * step);
  return { name: "by hand", center: look.center + dy * step, width, function: byHand(look) };
}

function byHand(look) {
  return look.table ? "LINEAR" : look.function;
}
