// The draft in the page: a row for each statement, what it rests on, what the checks say, and what a person decides.
// Runs once for each time the component is mounted, with gradio's element, trigger, props and watch at hand.
// Every word that comes from a model, a file or a person is set as text and never as markup.

/**
 * @typedef {Object} Sheet  What the server shows; data only, see chat_app/ui/sheet.py.
 * @property {string} standing
 * @property {{key: string, words: string, answer: string}[]} alarms  possible critical findings
 * @property {{number: number, words: string}[]} proposals
 * @property {Part[]} sections
 * @property {Field[]} fields
 * @property {string[]} categories
 * @property {boolean} isOpen  whether it may be changed
 * @property {string[]} ways  what it can become by a signature
 * @property {boolean} isSigned  whether an amendment may begin
 * @property {string[]} hindrances
 * @property {string[]} signatures
 * @property {string} pointed  the key of the statement that is shown on the picture
 * @property {number} made  when the server made it, in microseconds; answers may overtake each other
 *
 * @typedef {Object} Part
 * @property {string} name
 * @property {string} title
 * @property {string} code
 * @property {boolean} decided
 * @property {string[]} remarks
 * @property {Line[]} statements
 *
 * @typedef {Object} Line
 * @property {string} text
 * @property {[string, string][]} pieces  the edit against the draft: "kept", "removed" or "added", and words
 * @property {string} topic
 * @property {string} source
 * @property {string} basis
 * @property {string} review
 * @property {number[]} boxes  their numbers on the picture
 * @property {boolean} isPlaced  whether there is a picture to show it on
 * @property {string[]} remarks
 *
 * @typedef {Object} Field
 * @property {string} name
 * @property {string} label
 * @property {string} unit
 * @property {string[]} choices
 * @property {string} value
 */

const DECISIONS = { a: "accept", r: "reject", u: "reopen" };
const DECIDED = ["accepted", "edited", "added", "rejected"];

class Paper {
  constructor(root, tell) {
    this.root = root;
    this.tell = tell;
    this.value = { made: 0 };
    /** @type {Map<string, string>} what is being written, by the place it is written in */
    this.drafts = new Map();
    this.find = (selector) => root.querySelector(selector);
    root.addEventListener("keydown", (event) => this._key(event));
  }

  /** @param {Sheet | null} value */
  show(value) {
    if (!value || value.made < this.value.made) return;
    const focused = this._focused();
    this.value = value;
    this.isDrawing = true;
    this.find(".standing").textContent = value.standing;
    this.find(".alarms").replaceChildren(...value.alarms.map((each) => this._alarm(each)));
    this._drawProposals(value.proposals);
    this.find(".sections").replaceChildren(...value.sections.map((each) => this._section(each)));
    this._drawFields(value.fields);
    this.find(".categories").textContent = value.categories.join("\n");
    this._drawSign(value);
    this.isDrawing = false;
    this._refocus(focused);
  }

  _section(section) {
    const { isOpen } = this.value;
    const code = make("small", {}, section.code ? ` LOINC ${section.code}` : "");
    const heading = make("h3", {}, section.title);
    heading.append(code);
    const lines = section.statements.map((each, number) => this._line(section, each, number));
    const part = make("section", { "data-section": section.name, "aria-label": section.title });
    part.append(heading, make("ol", {}, ...lines), ...section.remarks.map(remark));
    if (isOpen) part.append(this._adder(section));
    return part;
  }

  _line(section, line, number) {
    const key = `${section.name} ${number}`;
    const row = make("li", { class: "statement", tabindex: "0", "data-key": key, "data-review": line.review });
    row.dataset.source = line.source;
    row.setAttribute("aria-describedby", "sheet-keys");
    row.classList.toggle("decided", section.decided);
    row.classList.toggle("pointed", this.value.pointed === key);
    const words = line.topic ? [make("span", { class: "topic" }, line.topic)] : [];
    const text = this.drafts.has(key) ? this._editor(key) : written(line);
    const basis = make("p", { class: "basis" }, `↳ ${line.basis}`);
    row.append(...words, text, basis, ...line.remarks.map(remark), this._buttons(section, line, key));
    return row;
  }

  _buttons(section, line, key) {
    const row = make("div", { class: "row" });
    for (const number of line.boxes) row.append(this._button(String(number), "box", () => this._show(key), `Box ${number}`));
    if (line.isPlaced && !line.boxes.length) row.append(this._button("Show", "show", () => this._show(key)));
    if (!this.value.isOpen || this.drafts.has(key)) return row;
    const isDecided = DECIDED.includes(line.review);
    if (section.decided && !isDecided && line.source !== "unsupported") {
      row.append(this._button("Accept", "accept", () => this._decide(key, "accept")));
    }
    row.append(this._button("Edit", "edit", () => this._edit(key)));
    if (section.decided && line.review !== "rejected") row.append(this._button("Reject", "reject", () => this._decide(key, "reject")));
    if (section.decided && isDecided) row.append(this._button("Undo", "reopen", () => this._decide(key, "reopen")));
    return row;
  }

  _button(words, name, act, label) {
    const button = make("button", { type: "button", "data-act": name }, words);
    if (label) button.setAttribute("aria-label", label);
    button.addEventListener("click", act);
    return button;
  }

  /** A box for a new statement at the end of a section. */
  _adder(section) {
    const key = `${section.name} new`;
    const input = make("input", { type: "text", class: "add", "data-key": key, "aria-label": `Add to ${section.title}` });
    input.placeholder = "Add a statement …";
    input.value = this.drafts.get(key) || "";
    input.addEventListener("input", () => this.drafts.set(key, input.value));
    input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.isComposing || !input.value.trim()) return;
      this.drafts.delete(key);
      this.tell.insert({ section: section.name, text: input.value });
    });
    return input;
  }

  _editor(key) {
    const area = make("textarea", { "data-key": `${key} edit`, "aria-label": "Statement" });
    area.value = this.drafts.get(key);
    area.addEventListener("input", () => this.drafts.set(key, area.value));
    area.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this._leave(key);
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) this._write(event, key);
    });
    // What was written is not lost by a click elsewhere; a redraw takes the focus too and does not end the edit.
    area.addEventListener("blur", () => this.isDrawing || this._write(null, key));
    return area;
  }

  _edit(key) {
    this.drafts.set(key, this._at(key).text);
    this._redraw(`${key} edit`);
  }

  _leave(key) {
    this.drafts.delete(key);
    this._redraw(key);
  }

  _write(event, key) {
    if (event) event.preventDefault();
    const text = this.drafts.get(key);
    if (text === undefined) return;
    const isChanged = text.trim() && text !== this._at(key).text;
    this._leave(key);
    if (isChanged) this.tell.reword({ ...place(key), text });
  }

  _redraw(focused) {
    this.show(this.value);
    this._refocus(focused);
  }

  _at(key) {
    const { section, statement } = place(key);
    return this.value.sections.find((each) => each.name === section).statements[statement];
  }

  _decide(key, decision) {
    this.tell.decide({ ...place(key), decision });
  }

  _show(key) {
    this.tell.show(place(key));
  }

  _key(event) {
    const row = event.target.closest(".statement");
    if (!row || event.target !== row || event.ctrlKey || event.metaKey || event.altKey) return;
    const { key } = row.dataset;
    const section = this.value.sections.find((each) => each.name === place(key).section);
    if (event.key === "ArrowDown" || event.key === "ArrowUp") this._step(row, event.key === "ArrowDown" ? 1 : -1);
    else if (event.key === "s" || event.key === "Enter") this._show(key);
    else if (event.key === "e" && this.value.isOpen) this._edit(key);
    else if (DECISIONS[event.key] && this.value.isOpen && section.decided) this._decide(key, DECISIONS[event.key]);
    else return;
    event.preventDefault();
  }

  _step(row, by) {
    const rows = [...this.root.querySelectorAll(".statement")];
    rows[rows.indexOf(row) + by]?.focus();
  }

  _alarm(alarm) {
    const part = make("div", { class: "alarm" }, alarm.words);
    const input = make("input", { type: "text", class: "add", "data-key": `alarm ${alarm.key}` });
    input.setAttribute("aria-label", "What was done, or why it is none");
    input.placeholder = "What was done, or why it is none …";
    input.value = this.drafts.get(alarm.key) ?? alarm.answer;
    input.disabled = !this.value.isOpen;
    input.addEventListener("input", () => this.drafts.set(alarm.key, input.value));
    input.addEventListener("change", () => {
      this.drafts.delete(alarm.key);
      if (input.value.trim()) this.tell.answer({ key: alarm.key, text: input.value });
    });
    part.append(input);
    return part;
  }

  _drawProposals(proposals) {
    const lines = proposals.map(({ number, words }) => {
      const line = make("div", { class: "row" }, words);
      line.append(
        this._button("Take over", "take", () => this.tell.take({ number })),
        this._button("Leave", "leave", () => this.tell.leave({ number })),
      );
      return line;
    });
    this.find(".proposals").hidden = !lines.length;
    this.find(".proposals").replaceChildren(...lines);
  }

  _drawFields(fields) {
    const labels = fields.map((field) => {
      const label = make("label", {}, field.unit ? `${field.label} (${field.unit})` : field.label);
      label.append(this._entry(field));
      return label;
    });
    this.find(".fields").hidden = !labels.length;
    this.find(".fields").replaceChildren(make("legend", {}, "For the assessment category"), ...labels);
  }

  _entry(field) {
    const entry = make(field.choices.length ? "select" : "input", { "data-key": `field ${field.name}` });
    for (const choice of field.choices.length ? ["", ...field.choices] : []) entry.append(new Option(choice || "—", choice));
    entry.value = field.value;
    entry.disabled = !this.value.isOpen;
    entry.addEventListener("change", () => this.tell.fill({ name: field.name, text: entry.value }));
    return entry;
  }

  _drawSign({ ways, isSigned, hindrances, signatures, sections }) {
    this.find(".sign").hidden = !sections.length;
    const name = this.find(".name");
    const buttons = ways.map((way) => this._button(`Sign as ${way}`, "sign", () => this.tell.sign({ status: way, name: name.value })));
    if (isSigned) buttons.push(this._button("Begin an amendment", "amend", () => this.tell.amend({})));
    this.find(".ways").replaceChildren(...buttons);
    this.find(".hindrances").textContent = hindrances.join(" ");
    this.find(".signatures").textContent = signatures.join("\n");
    name.hidden = !ways.length;
  }

  _focused() {
    const { activeElement } = document;
    return this.root.contains(activeElement) ? activeElement.closest("[data-key]")?.dataset.key || "" : "";
  }

  _refocus(key) {
    const found = key && [...this.root.querySelectorAll("[data-key]")].find((each) => each.dataset.key === key);
    if (found && found !== document.activeElement) found.focus({ preventScroll: true });
  }
}

/** "findings 2" as the section and the number of the statement. */
function place(key) {
  const gap = key.lastIndexOf(" ");
  return { section: key.slice(0, gap), statement: Number(key.slice(gap + 1)) };
}

/** The words of a statement; an edit shows what it took out and put in. */
function written(line) {
  const text = make("span", { class: "text" }, line.pieces.length ? "" : line.text);
  line.pieces.forEach(([kind, words], index) => {
    if (index) text.append(" ");
    text.append(make({ kept: "span", removed: "del", added: "ins" }[kind], {}, words));
  });
  return text;
}

function remark(words) {
  return make("p", { class: "remark" }, `⚠ ${words}`);
}

/** An element with these attributes and children; a child that is a string becomes text. */
function make(kind, attributes, ...children) {
  const element = document.createElement(kind);
  Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
  element.append(...children);
  return element;
}

const paper = new Paper(element.querySelector(".sheet"), {
  decide: (what) => trigger("decide", what),
  reword: (what) => trigger("reword", what),
  insert: (what) => trigger("insert", what),
  show: (what) => trigger("show", what),
  answer: (what) => trigger("answer", what),
  fill: (what) => trigger("fill", what),
  take: (what) => trigger("take", what),
  leave: (what) => trigger("leave", what),
  sign: (what) => trigger("sign", what),
  amend: (what) => trigger("amend", what),
});
watch("value", () => paper.show(props.value));
paper.show(props.value);
