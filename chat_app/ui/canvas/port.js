// One picture on one canvas: which frame, how it is shown, and what hand and keyboard do to it.

/**
 * @typedef {Object} Item  A picture as the server describes it.
 * @property {string} name  "image 1"
 * @property {string} base  address of its frames
 * @property {string} unit  "slice" or "frame"
 * @property {number} frames
 * @property {number} frame  the one to begin with
 * @property {Look[]} looks
 * @property {number[] | null} positions  mm, of each frame
 * @property {string} cut  "" as it came, or the plane it was cut anew in
 *
 * @typedef {Object} Events  What a port tells.
 * @property {() => void} changed  frame, look or tool is another now
 * @property {(port: Port) => void} turned  another frame was asked for
 * @property {(port: Port, region: Corners | null) => void} region
 * @property {(number: number) => void} pressed  a box was chosen by its number
 * @property {(port: Port) => void} expired  the address is not valid any more
 * @property {(port: Port) => void} taken  the port was touched or focused
 */

const STEP_PIXELS = 24;
const NOTCH_PIXELS = 50;

class Port {
  /** @param {HTMLElement} root @param {Events} events */
  constructor(root, events) {
    this.root = root;
    this.events = events;
    this.canvas = root.querySelector("canvas");
    this.context = this.canvas.getContext("2d", { alpha: false });
    this.labels = new Labels(root, () => events.region(this, null), events.pressed);
    this.raster = new Raster();
    this.item = null;
    this.slices = null;
    this.tool = "window";
    this.marks = [];
    this.region = null;
    this._forget();
    this.hand = new Hand(this);
    this.observer = new ResizeObserver(() => this._resized());
    this.observer.observe(root);
  }

  close() {
    this.observer.disconnect();
    if (this.slices) this.slices.close();
  }

  _forget() {
    /** @type {Frame | null} the frame that is painted */
    this.frame = null;
    this.number = 1;
    this.view = null;
    this.isMoved = false;
    this.look = null;
    this.isTurned = false;
    // As the model is shown it; what the file draws over the picture may be anything.
    this.hasOverlay = false;
    this.trouble = "";
  }

  /** Shows another picture, or the same one again with all that was done to it by hand. */
  show(item) {
    if (item && this.item && item.base === this.item.base) return;
    this.item = item;
    if (this.slices) this.slices.close();
    this.slices = null;
    this._forget();
    if (item) this._open(item);
    this.draw();
  }

  _open(item) {
    this.look = item.looks[0] || null;
    this.slices = new Slices(new URL(item.base, document.baseURI).href, item.frames, {
      arrived: (frame) => frame.number === this.number && this.draw(),
      failed: (number, gone) => number === this.number && this._fail(gone),
    });
    this.go(item.frame);
  }

  _fail(gone) {
    this.trouble = `This ${this.item.unit} could not be loaded.`;
    if (gone) this.events.expired(this);
    this.draw();
  }

  get size() {
    return { width: this.root.clientWidth, height: this.root.clientHeight };
  }

  get aspect() {
    return this.frame ? this.frame.aspect : 1;
  }

  /** Asks for a frame, from 1; out of range is the first or the last. */
  go(number) {
    if (!this.item) return;
    this.number = Math.min(this.item.frames, Math.max(1, number));
    this.trouble = "";
    this.slices.want(this.number);
    this.events.turned(this);
    this.draw();
  }

  useLook(look) {
    if (!look || !this.look) return;
    this.look = look;
    this.draw();
  }

  invert() {
    this.isTurned = !this.isTurned;
    this.draw();
  }

  /** All as the file says, the whole picture in sight. */
  reset() {
    if (!this.item) return;
    this.look = this.item.looks[0] || null;
    this.isTurned = false;
    this.isMoved = false;
    this.draw();
  }

  toggleOverlay() {
    this.hasOverlay = !this.hasOverlay;
    this.draw();
  }

  zoom(factor, point) {
    if (!this.view) return;
    const middle = { x: this.size.width / 2, y: this.size.height / 2 };
    this.lookAt(zoomed(this.view, factor, point || middle));
  }

  pan(dx, dy) {
    if (this.view) this.lookAt({ ...this.view, x: this.view.x + dx, y: this.view.y + dy });
  }

  lookAt(view) {
    this.view = view;
    this.isMoved = true;
    this.draw();
  }

  /** @param {Mark[]} marks @param {{frame: number} & Corners | null} region */
  annotate(marks, region) {
    this.marks = marks;
    this.region = region;
    this.draw();
  }

  /** Paints with the next picture of the screen, however often it is asked for. */
  draw() {
    if (this.due) return;
    this.due = requestAnimationFrame(() => {
      this.due = 0;
      this._draw();
    });
  }

  _draw() {
    const ratio = window.devicePixelRatio || 1;
    this._fitCanvas(ratio);
    // Until it comes, the frame before stays, under its own number.
    this.frame = (this.slices && this.slices.get(this.number)) || this.frame;
    if (!this.frame || this.trouble) this._drawNothing(ratio);
    else this._drawFrame(ratio);
    this.events.changed();
  }

  /** One canvas pixel for each of the screen, so that nothing is scaled a second time. */
  _fitCanvas(ratio) {
    for (const side of ["width", "height"]) {
      const pixels = Math.round(this.size[side] * ratio);
      if (this.canvas[side] !== pixels) this.canvas[side] = pixels;
      this.canvas.style[side] = `${pixels / ratio}px`;
    }
  }

  _drawNothing(ratio) {
    const { context, size } = this;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = "#000";
    context.fillRect(0, 0, size.width, size.height);
    drawWords(context, this.item ? this.trouble || "…" : "", size.width / 2, size.height / 2, "center");
    this.labels.place([], null, null, 1);
    this.root.dataset.frame = "";
  }

  _drawFrame(ratio) {
    const { context, frame, size } = this;
    if (!this.isMoved || !this.view) this.view = fitted(frame, frame.aspect, size);
    const raster = this.raster.paint(frame, this.look, this.isTurned, this.hasOverlay);
    drawPicture(context, raster, this.view, frame.aspect, ratio);
    this._drawOver();
    this.root.dataset.frame = String(frame.number);
  }

  _drawOver() {
    const { context, frame, view, size } = this;
    const marks = this.marks.filter((each) => each.frame === frame.number);
    const region = this.hand.region || (this.region && this.region.frame === frame.number && this.region);
    for (const mark of marks) drawFrame(context, mark, view, frame.aspect, []);
    if (region) drawFrame(context, region, view, frame.aspect, [6, 4]);
    this.labels.place(marks, this.hand.region ? null : region || null, view, frame.aspect);
    drawLetters(context, frame.letters, size);
    drawScaleBar(context, frame.spacing, view, size);
    drawCorner(context, this.item, frame, this.look);
  }

  _resized() {
    if (!this.isMoved) this.view = null;
    // At once: a canvas that is stretched for a moment would show a box where it does not lie.
    this._draw();
  }
}

/** The numbers of the boxes as buttons, the label of the one pressed, and the button that takes a region away. */
class Labels {
  constructor(root, erase, pressed) {
    this.pressed = pressed;
    this.root = root.querySelector(".labels");
    this.words = root.querySelector(".label");
    this.eraser = root.querySelector(".erase");
    this.eraser.addEventListener("click", erase);
    this.buttons = [];
    this.marks = [];
    this.open = 0;
  }

  /** @param {Mark[]} marks @param {Corners | null} region */
  place(marks, region, view, aspect) {
    this.marks = marks;
    this.locate = (x, y) => toCanvas({ x, y }, view, aspect);
    while (this.buttons.length < marks.length) this._add();
    this.buttons.forEach((button, index) => this._number(button, marks[index]));
    this._tell();
    this.eraser.hidden = !region;
    if (region) moveTo(this.eraser, this.locate(region.x1, region.y0));
  }

  _add() {
    const button = document.createElement("button");
    const index = this.buttons.push(button) - 1;
    button.type = "button";
    button.className = "number";
    button.addEventListener("click", () => this._press(this.marks[index].number));
    this.root.append(button);
  }

  _number(button, mark) {
    button.hidden = !mark;
    if (!mark) return;
    button.textContent = String(mark.number);
    button.setAttribute("aria-label", `Box ${mark.number}: ${mark.label || "no label"}`);
    moveTo(button, this._inside(this.locate(mark.x0, mark.y0)));
  }

  _press(number) {
    this.open = this.open === number ? 0 : number;
    this._tell();
    if (this.open) this.pressed(number);
  }

  _tell() {
    const mark = this.marks.find((each) => each.number === this.open);
    this.words.hidden = !mark;
    if (!mark) return;
    this.words.textContent = mark.label || "no label";
    moveTo(this.words, this._inside(this.locate(mark.x0, mark.y1)));
  }

  /** Near enough to the edge to be seen when the corner itself is not. */
  _inside(point) {
    const within = (value, most) => Math.min(most - 26, Math.max(0, value));
    return { x: within(point.x, this.root.clientWidth), y: within(point.y, this.root.clientHeight) };
  }
}

function moveTo(element, point) {
  element.style.transform = `translate(${point.x}px, ${point.y}px)`;
}
