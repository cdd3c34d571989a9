// The viewer in the page: its ports, its toolbar, what the server shows and what it is told.
// Runs once for each time the component is mounted, with gradio's element, trigger, props and watch at hand.

/**
 * @typedef {Object} Value  What the server shows; data only, see chat_app/ui/viewer.py.
 * @property {Item | null} item
 * @property {Item | null} beside
 * @property {string} earlier  how the picture beside relates in time
 * @property {boolean} aligned  whether the two lie in one space
 * @property {string[]} others  what can be put beside
 * @property {string[]} planes  what the volume can be cut in
 * @property {(Mark & {image: string})[]} boxes
 * @property {({image: string, frame: number} & Corners) | null} region
 * @property {{image: string, frame: number, words: string}[]} keys
 * @property {number} moves  grows when the server wants the frame it names to be shown
 * @property {number} pressed  the number of the box whose label is to stand open, 0 for none
 * @property {number} made  when the server made it, in microseconds; answers may overtake each other
 */

// So long after the last turn the server is told which frame is on show: it is what a question is about.
const TELL_AFTER = 200;
const SPEAK_AFTER = 600;
const TOOLS = { w: "window", p: "pan", z: "zoom", s: "scroll", b: "region" };

class Viewer {
  constructor(root, tell) {
    this.root = root;
    this.tell = tell;
    this.value = { item: null, beside: null, boxes: [], keys: [], others: [], planes: [], moves: 0, pressed: 0, made: 0 };
    this.isLinked = true;
    this.shift = 0;
    this.ending = new AbortController();
    /** @type {string[]} what the server knows of the frames on show, by port */
    this.told = ["", ""];
    this.find = (selector) => root.querySelector(selector);
    this.ports = [...root.querySelectorAll(".port")].map((each) => this._port(each));
    this.active = this.ports[0];
    this._button("fullscreen").hidden = !document.fullscreenEnabled;
    this._listen();
    this._useTool("window");
  }

  close() {
    clearTimeout(this.telling);
    clearTimeout(this.speaking);
    this.ending.abort();
    this.ports.forEach((port) => port.close());
  }

  /** @param {Value | null} value */
  show(value) {
    if (!value || value.made < this.value.made) return;
    const before = this.value;
    this.value = value;
    const [main, beside] = this.ports;
    beside.root.hidden = !value.beside;
    this.root.dataset.pictures = String((value.item ? 1 : 0) + (value.beside ? 1 : 0));
    if (!value.beside) this._activate(main);
    this._together(() => [value.item, value.beside].forEach((item, index) => this._open(index, item)));
    if (value.item && value.moves !== before.moves) main.go(value.item.frame);
    if (before.beside?.base !== value.beside?.base || before.item?.base !== value.item?.base) this._align(main, beside);
    if (value.pressed !== before.pressed) this.ports.forEach((port) => (port.labels.open = value.pressed));
    this._annotate();
    this._drawTools();
  }

  /** A picture that has just come is at the frame the server named; one that was here may have been turned. */
  _open(index, item) {
    const port = this.ports[index];
    const base = port.item?.base;
    port.show(item);
    if (port.item?.base !== base) this.told[index] = viewOf(port);
  }

  _port(root) {
    return new Port(root, {
      changed: () => this._drawPlace(),
      turned: (port) => this._turned(port),
      region: (port, region) => this._region(port, region),
      pressed: (number) => this.tell.box({ number }),
      expired: (port) => this._expired(port),
      taken: (port) => this._activate(port),
    });
  }

  _listen() {
    this.root.addEventListener("click", (event) => this._click(event.target.closest("button")));
    this.root.addEventListener("keydown", (event) => this._key(event));
    this.find(".slider").addEventListener("input", (event) => this.active.go(Number(event.target.value)));
    this._choice("look").addEventListener("change", (event) => this._useLook(Number(event.target.value)));
    this._choice("plane").addEventListener("change", (event) => this.tell.plane(event.target.value));
    this._choice("compare").addEventListener("change", (event) => this.tell.compare(event.target.value));
    // Whoever does something elsewhere on the page may send a question the next moment.
    const { signal } = this.ending;
    for (const other of ["keydown", "input", "pointerdown"]) {
      document.addEventListener(other, (event) => this._left(event), { signal, capture: true });
    }
  }

  _left(event) {
    if (!this.root.contains(event.target)) this._tellView();
  }

  _choice(name) {
    return this.find(`[data-choose=${name}]`);
  }

  _button(name) {
    return this.find(`[data-do=${name}]`);
  }

  _click(button) {
    if (!button) return;
    if (button.dataset.tool) this._useTool(button.dataset.tool);
    if (button.dataset.do) this._do(button.dataset.do);
  }

  _key(event) {
    if (!event.target.classList.contains("port") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (TOOLS[event.key]) this._useTool(TOOLS[event.key]);
    if (event.key === "k") this._do("mark");
    if (event.key === "o") this._do("overlay");
    if (event.key === "f") this._do("fullscreen");
  }

  _do(name) {
    const { active } = this;
    if (name === "invert") active.invert();
    if (name === "overlay") active.toggleOverlay();
    if (name === "reset") active.reset();
    if (name === "larger") active.zoom(1.25);
    if (name === "smaller") active.zoom(0.8);
    if (name === "mark") this._mark();
    if (name === "link") this._toggleLink();
    if (name === "fullscreen") this._fillScreen();
  }

  _fillScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.root.requestFullscreen();
  }

  _useTool(tool) {
    if (tool === "region" && this.active.item && this.active.item.cut) return;
    this.ports.forEach((port) => (port.tool = tool));
    this.root.querySelectorAll("[data-tool]").forEach((each) => press(each, each.dataset.tool === tool));
  }

  _useLook(index) {
    if (this.active.item && index >= 0) this.active.useLook(this.active.item.looks[index]);
  }

  _activate(port) {
    if (this.active === port) return;
    this.active = port;
    this.ports.forEach((each) => each.root.classList.toggle("active", each === port));
    this.ports.forEach((each) => each.draw());
    this._drawTools();
  }

  _turned(port) {
    if (this.isLinked && !this.isFollowing) this._link(port);
    clearTimeout(this.telling);
    this.telling = setTimeout(() => this._tellView(), TELL_AFTER);
  }

  /** Turns the other port to what lies beside the frame of this one. */
  _link(port) {
    const other = this.ports.find((each) => each !== port);
    if (!port.item || !other.item || port.item.frames === 1) return;
    const shift = port === this.ports[0] ? this.shift : -this.shift;
    this._together(() => other.go(besideFrame(port.number, port.item, other.item, shift)));
  }

  /** Pictures of one study lie in one space; others are laid middle to middle until a hand does better. */
  _align(main, beside) {
    if (!main.item || !beside.item) return;
    this.shift = this.value.aligned ? 0 : middleToMiddle(main.item, beside.item);
    if (this.isLinked) this._link(main);
  }

  /** Turns ports without one leading the other. */
  _together(turn) {
    this.isFollowing = true;
    turn();
    this.isFollowing = false;
  }

  _toggleLink() {
    this.isLinked = !this.isLinked;
    const [main, beside] = this.ports;
    // What a hand has laid side by side stays side by side.
    if (this.isLinked && main.item && beside.item) {
      this.shift = shownToShown(main.item, main.number, beside.item, beside.number);
    }
    this._drawTools();
  }

  _tellView() {
    clearTimeout(this.telling);
    this.ports.forEach((port, index) => {
      if (!port.item || this.told[index] === viewOf(port)) return;
      this.told[index] = viewOf(port);
      this.tell.view({ item: port.item.name, cut: port.item.cut, frame: port.number });
    });
  }

  _region(port, region) {
    if (!port.item || port.item.cut) return;
    // What was drawn on is what is seen, which may not be the frame asked for yet.
    const frame = port.frame ? port.frame.number : port.number;
    const place = { item: port.item.name, frame };
    port.region = region && { ...region, frame };
    port.draw();
    this.tell.region(region ? { ...place, ...region } : {});
  }

  _mark() {
    const { item, frame } = this.active;
    if (item && frame && !item.cut) this.tell.mark({ item: item.name, frame: frame.number });
  }

  /** The server gives out a new address; not for one that never gave anything. */
  _expired(port) {
    if (!port.frame || this.renewed === port.item.base) return;
    this.renewed = port.item.base;
    this.tell.expired();
  }

  /** Boxes, region and key images belong to pictures as they came, not to other cuts of them. */
  _annotate() {
    for (const port of this.ports) {
      const name = port.item && !port.item.cut ? port.item.name : "";
      const { boxes, region } = this.value;
      port.annotate(
        boxes.filter((each) => each.image === name),
        region && region.image === name ? region : null,
      );
    }
    this.find(".keys").replaceChildren(...this.value.keys.map((each) => this._keyButton(each)));
  }

  _keyButton(key) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = `★ ${key.words}`;
    button.addEventListener("click", () => this._return(key));
    return button;
  }

  _return(key) {
    const port = this.ports.find((each) => each.item && each.item.name === key.image && !each.item.cut);
    if (port) port.go(key.frame);
    else this.tell.visit({ item: key.image, frame: key.frame });
  }

  /** All of the toolbar that does not change from frame to frame. */
  _drawTools() {
    const { item } = this.active;
    const { others, planes, beside } = this.value;
    const looks = item ? item.looks.map((each, index) => [String(index), each.name]) : [];
    fill(this._choice("look"), looks.length > 1 ? [...looks, ["-1", "by hand"]] : looks);
    fill(this._choice("plane"), planes.length ? ["", ...planes].map((each) => [each, each || "as it came"]) : []);
    this._choice("plane").value = this.value.item ? this.value.item.cut : "";
    const pairs = others.map((each) => [each, each]);
    fill(this._choice("compare"), pairs.length ? [["", "Compare with …"], ...pairs] : []);
    this._choice("compare").value = beside ? beside.name : "";
    this._button("link").hidden = !beside;
    press(this._button("link"), this.isLinked);
    this._allowRegion(!(item && item.cut));
    this.find("[data-tool=scroll]").hidden = !item || item.frames < 2;
    this.find(".earlier").textContent = this.value.earlier || "";
    this.root.querySelectorAll(".tools button").forEach((each) => each.toggleAttribute("inert", !item));
    this._drawPlace();
  }

  /** A region is in pixels of the picture as it came. */
  _allowRegion(isAllowed) {
    this.find("[data-tool=region]").disabled = !isAllowed;
    if (!isAllowed && this.ports[0].tool === "region") this._useTool("window");
  }

  /** What changes from frame to frame. */
  _drawPlace() {
    if (!this.active) return;
    const { item, number, frame, look, isTurned, hasOverlay } = this.active;
    const several = Boolean(item && item.frames > 1);
    const slider = this.find(".slider");
    this.find(".places").hidden = !item;
    slider.hidden = !several;
    slider.max = item ? item.frames : 1;
    slider.value = number;
    this._button("mark").hidden = !item || Boolean(item.cut);
    press(this._button("mark"), this._isKey(item, number));
    press(this._button("invert"), isTurned);
    press(this._button("overlay"), hasOverlay);
    this._button("overlay").hidden = !(frame && frame.overlay);
    this._choice("look").value = item && look ? String(item.looks.indexOf(look)) : "";
    this.find(".place").textContent = several ? `${item.unit} ${number} of ${item.frames}` : "";
    this._speak(item && frame ? placeInWords(item, frame) : "", look);
  }

  _isKey(item, number) {
    return Boolean(item) && this.value.keys.some((each) => each.image === item.name && each.frame === number);
  }

  /** For those who hear the page, once it has come to rest. */
  _speak(words, look) {
    clearTimeout(this.speaking);
    const spoken = look ? `${words}, ${look.name}` : words;
    this.speaking = setTimeout(() => (this.find(".live").textContent = spoken), SPEAK_AFTER);
  }
}

function viewOf(port) {
  return port.item ? `${port.item.base} ${port.number}` : "";
}

function placeInWords(item, frame) {
  if (item.frames === 1) return item.name;
  const position = frame.position === null ? "" : ` · ${frame.position.toFixed(1)} mm`;
  return `${item.unit} ${frame.number} of ${item.frames}${position}`;
}

function press(button, isPressed) {
  button.setAttribute("aria-pressed", String(isPressed));
}

/** Makes these the options of a select, each as text; one without options is not shown. */
function fill(select, options) {
  const wanted = JSON.stringify(options);
  if (select.filled === wanted) return;
  select.filled = wanted;
  select.replaceChildren(...options.map(([value, words]) => new Option(words, value)));
  select.hidden = !options.length;
}

/** The tables of an item's looks come as base64; everything else is used as it is. */
function received(value) {
  const item = (one) => one && { ...one, looks: one.looks.map(withTable) };
  return value && { ...value, item: item(value.item), beside: item(value.beside) };
}

function withTable(look) {
  if (!look.table) return look;
  return { ...look, table: Uint8Array.from(atob(look.table), (letter) => letter.charCodeAt(0)) };
}

const viewer = new Viewer(element.querySelector(".viewer"), {
  view: (place) => trigger("view", place),
  region: (region) => trigger("region", region),
  box: (box) => trigger("box", box),
  mark: (place) => trigger("mark", place),
  plane: (name) => trigger("plane", { name }),
  compare: (item) => trigger("compare", { item }),
  visit: (place) => trigger("visit", place),
  expired: () => trigger("expired", {}),
});
watch("value", () => viewer.show(received(props.value)));
viewer.show(received(props.value));

// gradio tells nobody when it takes a component away.
const guard = new MutationObserver(() => {
  if (element.isConnected) return;
  guard.disconnect();
  viewer.close();
});
guard.observe(document.body, { childList: true, subtree: true });
