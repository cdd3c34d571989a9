// What pointers, wheel and keys do to a port; a mouse, a pen, one finger and two are told apart here alone.

const KEYS = {
  ArrowUp: (port) => port.go(port.number - 1),
  ArrowDown: (port) => port.go(port.number + 1),
  ArrowLeft: (port) => port.go(port.number - 1),
  ArrowRight: (port) => port.go(port.number + 1),
  PageUp: (port) => port.go(port.number - 10),
  PageDown: (port) => port.go(port.number + 10),
  Home: (port) => port.go(1),
  End: (port) => port.item && port.go(port.item.frames),
  "+": (port) => port.zoom(1.25),
  "=": (port) => port.zoom(1.25),
  "-": (port) => port.zoom(0.8),
  i: (port) => port.invert(),
  r: (port) => port.reset(),
};

const ARROWS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };

class Hand {
  /** @param {Port} port */
  constructor(port) {
    this.port = port;
    /** @type {Map<number, Point>} pointers that are down, by id */
    this.pointers = new Map();
    this.drag = null;
    /** @type {Corners | null} the region while it is being drawn */
    this.region = null;
    this.wheel = 0;
    this._listen(port.root);
  }

  _listen(root) {
    const canvas = this.port.canvas;
    canvas.addEventListener("pointerdown", (event) => this._down(event));
    canvas.addEventListener("pointermove", (event) => this._move(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => this._up(event));
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    root.addEventListener("wheel", (event) => this._turn(event), { passive: false });
    root.addEventListener("keydown", (event) => this._key(event));
    root.addEventListener("focusin", () => this.port.events.taken(this.port));
  }

  _point(event) {
    const place = this.port.canvas.getBoundingClientRect();
    return { x: event.clientX - place.left, y: event.clientY - place.top };
  }

  _down(event) {
    if (!this.port.frame || this.port.trouble) return;
    event.preventDefault();
    this.port.root.focus({ preventScroll: true });
    this.port.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this._point(event));
    this.region = null;
    if (this.pointers.size === 1) this.drag = this._begin(event);
    else this.drag = null;
  }

  _begin(event) {
    const tool = event.button === 0 ? this.port.tool : "pan";
    const { look, number } = this.port;
    const point = this._point(event);
    return { tool, look, number, point, from: this._picture(point) };
  }

  _picture(point) {
    return toPicture(point, this.port.view, this.port.aspect);
  }

  _move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const point = this._point(event);
    if (this.pointers.size === 2) this._pinch(event.pointerId, before, point);
    else if (this.drag) this._drag(this.drag, before, point);
    this.pointers.set(event.pointerId, point);
  }

  /** Two fingers: their distance zooms and their middle pans. */
  _pinch(id, before, point) {
    const other = [...this.pointers].find(([each]) => each !== id)[1];
    const apart = (one) => Math.max(1, Math.hypot(one.x - other.x, one.y - other.y));
    this.port.zoom(apart(point) / apart(before), other);
    this.port.pan((point.x - before.x) / 2, (point.y - before.y) / 2);
  }

  _drag(drag, before, point) {
    const { port } = this;
    const dx = point.x - drag.point.x;
    const dy = point.y - drag.point.y;
    if (drag.tool === "window" && drag.look) port.useLook(dragged(drag.look, dx, dy));
    if (drag.tool === "pan") port.pan(point.x - before.x, point.y - before.y);
    if (drag.tool === "zoom") port.zoom(Math.exp((before.y - point.y) / 150), drag.point);
    if (drag.tool === "scroll") port.go(drag.number + Math.round(dy / 8));
    if (drag.tool === "region") this._outline(drag.from, this._picture(point));
  }

  _outline(from, to) {
    this.region = regionBetween(from, to, this.port.frame);
    this.port.draw();
  }

  _up(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    this.drag = null;
    const { region } = this;
    this.region = null;
    if (region && event.type === "pointerup") this.port.events.region(this.port, region);
    this.port.draw();
  }

  /** The wheel turns slices; with ctrl, which is also what a pinch on a trackpad is, or on one frame it zooms. */
  _turn(event) {
    if (!this.port.item) return;
    event.preventDefault();
    const pixels = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? event.deltaY : event.deltaY * NOTCH_PIXELS;
    if (event.ctrlKey || this.port.item.frames === 1) {
      this.port.zoom(Math.exp(-pixels / 300), this._point(event));
    } else {
      this._scroll(pixels);
    }
  }

  /** A notch of a wheel is one slice; the small steps of a trackpad add up to one. */
  _scroll(pixels) {
    if (Math.abs(pixels) >= NOTCH_PIXELS) {
      this.wheel = 0;
      this.port.go(this.port.number + Math.sign(pixels));
      return;
    }
    this.wheel += pixels;
    const steps = Math.trunc(this.wheel / STEP_PIXELS);
    this.wheel -= steps * STEP_PIXELS;
    if (steps) this.port.go(this.port.number + steps);
  }

  _key(event) {
    if (event.target !== this.port.root || event.ctrlKey || event.metaKey) return;
    const digit = Number(event.key);
    if (this.port.tool === "region" && this._outlineByKey(event)) event.preventDefault();
    else if (KEYS[event.key]) KEYS[event.key](this.port);
    else if (digit >= 1 && this.port.item) this.port.useLook(this.port.item.looks[digit - 1]);
    else return;
    event.preventDefault();
  }

  /** Enter puts a region in the middle; alt and the arrows move it, with shift they make it larger or smaller. */
  _outlineByKey(event) {
    const { port } = this;
    if (!port.frame || port.trouble) return false;
    if (event.key === "Enter") {
      port.events.region(port, this._middle());
      return true;
    }
    const arrow = ARROWS[event.key];
    if (!arrow || !event.altKey || !port.region) return false;
    const step = Math.max(1, Math.round(port.frame.width / 50));
    const [dx, dy] = arrow.map((each) => each * step);
    port.events.region(port, regionMoved(port.region, dx, dy, event.shiftKey, port.frame));
    return true;
  }

  _middle() {
    const { width, height } = this.port.size;
    const from = this._picture({ x: width / 3, y: height / 3 });
    return regionBetween(from, this._picture({ x: (2 * width) / 3, y: (2 * height) / 3 }), this.port.frame);
  }
}
