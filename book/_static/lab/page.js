// What turns a table's functions into something to play at: its controls, what can be dragged
// or moved by key, the words that are read out, and its settings in the address.
(() => {
  const QUIET = 500; // milliseconds without a change before words are read out

  // Settings as text and back -----------------------------------------------------------------

  const isPairs = (value) => Array.isArray(value) && Array.isArray(value[0]);
  const plain = (number) => String(Number(number.toFixed(6)));
  function encode(value) {
    if (isPairs(value)) return value.map((pair) => pair.map(plain).join(",")).join(";");
    if (Array.isArray(value)) return value.join(",");
    if (typeof value === "number") return plain(value);
    return typeof value === "boolean" ? String(Number(value)) : value;
  }
  const numbers = (text) => text.split(",").map(Number);
  function decode(text, like) {
    if (isPairs(like)) {
      const isPair = (pair) => pair.length === 2 && pair.every(Number.isFinite);
      return text.split(";").map(numbers).filter(isPair);
    }
    if (Array.isArray(like))
      return typeof like[0] === "number" ? numbers(text) : text.split(",").filter(Boolean);
    if (typeof like === "number") return text === "" ? NaN : Number(text);
    return typeof like === "boolean" ? text === "1" : text;
  }

  // What a table shows where the address says no more.
  const base = ({ defaults, preset }, state) => ({ ...defaults, ...preset?.(state) });

  function toAddress(table, state) {
    // What brings its own start and rates along has to be named itself.
    const usual = { ...base(table, state), surface: table.defaults.surface };
    const given = Object.keys(table.defaults)
      .filter((key) => encode(state[key]) !== encode(usual[key]))
      .map((key) => `${key}=${encode(state[key])}`);
    return `${given.length ? "?" : ""}${given.join("&")}#${table.name}`;
  }
  // The settings that an address gives to a table; null where it is about something else.
  function fromAddress(table, { search, hash }) {
    if (hash !== `#${table.name}`) return null;
    const given = new URLSearchParams(search);
    const state = base(table, Object.fromEntries(given));
    for (const [key, text] of given) {
      if (!Object.hasOwn(state, key)) continue;
      const value = decode(text, state[key]);
      const isBroken = [value].flat(2).some((part) => Number.isNaN(part));
      if (!isBroken) state[key] = value;
    }
    return table.mend(state);
  }
  function keep(address) {
    try {
      history.replaceState(null, "", location.pathname + address);
    } catch {
      // A browser that does not let a file change its address loses only that.
    }
  }

  // Controls ------------------------------------------------------------------------------------

  const fields = (form) => [...form.elements].filter((field) => field.name);
  function readField(field, before) {
    if (field.type === "checkbox" && Array.isArray(before))
      return field.checked
        ? [...before.filter((each) => each !== field.value), field.value]
        : before.filter((each) => each !== field.value);
    if (field.type === "checkbox") return field.checked;
    const isGiven = field.value !== "" && field.validity.valid;
    if (!isGiven) return before;
    return typeof before === "number" ? Number(field.value) : field.value;
  }
  function showField(field, value) {
    if (field.type === "checkbox")
      field.checked = Array.isArray(value) ? value.includes(field.value) : value;
    else if (field.type === "radio") field.checked = field.value === String(value);
    else if (document.activeElement !== field || field.type !== "number") field.value = value;
    const shown = field.parentElement.querySelector(".lab-value");
    if (shown) shown.textContent = lab.plot.short(Number(field.value));
  }

  // Settings that the fields can show: a number within its range, a name that is there.
  function fitting(form, { defaults }, state) {
    fields(form).forEach((field) => showField(field, state[field.name]));
    const single = fields(form).filter((field) => !Array.isArray(state[field.name]));
    const shown = single.map((field) => [field.name, readField(field, defaults[field.name])]);
    return { ...state, ...Object.fromEntries(shown) };
  }

  // Pictures -----------------------------------------------------------------------------------

  const SVG = "http://www.w3.org/2000/svg";
  function element(parent, name, attributes) {
    const made = parent.appendChild(document.createElementNS(SVG, name));
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  }
  const KEYS = {
    ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1],
    PageUp: [0, 10], PageDown: [0, -10],
  };

  // One thing to move. What it stands for changes with each drawing; the element stays, and
  // with it the focus.
  function makeHandle(panel, change) {
    const knob = element(panel.svg, "circle", {
      class: "lab-handle", r: 14, tabindex: 0, role: "slider",
    });
    const whereIs = (event) => {
      const { f } = knob.handle;
      const box = panel.svg.getBoundingClientRect();
      return [f.fromX(event.clientX - box.left), f.fromY(event.clientY - box.top)];
    };
    knob.addEventListener("pointerdown", (event) => {
      knob.setPointerCapture(event.pointerId);
      knob.focus({ focusVisible: false, preventScroll: true });
      event.preventDefault();
    });
    // CSS alone (touch-action) does not keep every browser from scrolling here.
    knob.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
    knob.addEventListener("pointermove", (event) => {
      if (knob.hasPointerCapture(event.pointerId)) change(knob.handle.move(whereIs(event)));
    });
    knob.addEventListener("keydown", (event) => {
      const way = KEYS[event.key];
      if (!way || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      const { at, step, move } = knob.handle;
      const stride = step * (event.shiftKey ? 10 : 1);
      change(move(at.map((part, axis) => part + way[axis] * stride)));
    });
    return knob;
  }

  function placeHandle(knob, handle, f) {
    knob.handle = { ...handle, f };
    const said = {
      cx: f.toX(handle.at[0]), cy: f.toY(handle.at[1]), "aria-label": handle.label,
      "aria-valuenow": Number(handle.value.toFixed(4)), "aria-valuemin": handle.range[0],
      "aria-valuemax": handle.range[1], "aria-valuetext": handle.text,
    };
    for (const [key, value] of Object.entries(said)) knob.setAttribute(key, value);
  }

  function drawPanel(panel, picture, change) {
    const { f, label, handles = [], click } = picture;
    const { svg, knobs } = panel;
    lab.plot.show(svg, picture);
    svg.setAttribute("role", handles.length ? "group" : "img");
    svg.setAttribute("aria-label", label);
    while (knobs.length > handles.length) knobs.pop().remove();
    while (knobs.length < handles.length) knobs.push(makeHandle(panel, change));
    handles.forEach((handle, i) => placeHandle(knobs[i], handle, f));
    panel.click = click && ((x, y) => change(click([f.fromX(x), f.fromY(y)])));
    svg.classList.toggle("lab-clicked", Boolean(click));
  }

  function findPanels(box) {
    return [...box.querySelectorAll(".lab-panel")].map((place) => {
      const panel = { place, svg: place.querySelector("svg"), knobs: [], click: null };
      panel.svg.addEventListener("click", (event) => {
        if (event.target.closest(".lab-handle")) return;
        const { left, top } = panel.svg.getBoundingClientRect();
        panel.click?.(event.clientX - left, event.clientY - top);
      });
      return panel;
    });
  }

  // A table -------------------------------------------------------------------------------------

  function later(wait, action) {
    let timer = null;
    return () => {
      clearTimeout(timer);
      timer = setTimeout(action, wait);
    };
  }

  function drawTable(table, box, panels, state, change) {
    fields(box.querySelector("form")).forEach((field) => showField(field, state[field.name]));
    const wanted = table.parameters(state);
    for (const part of box.querySelectorAll("[data-when]"))
      part.hidden = !wanted.includes(part.dataset.when);
    panels.forEach((panel, i) => {
      const width = Math.floor(panel.place.clientWidth) || 340;
      drawPanel(panel, table.panels[i](state, width), change);
    });
    box.querySelector(".lab-said").textContent = table.say(state);
    table.fill?.(box, state);
  }

  // What a reader does with the controls, or with a link on this page to a setting, which
  // changes the table without loading the page anew.
  function listen(table, box, change, current) {
    const form = box.querySelector("form");
    box.addEventListener("input", ({ target }) => {
      const part = { [target.name]: readField(target, current()[target.name]) };
      change({ ...part, ...table.preset?.(part) });
    });
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", (event) => {
      event.preventDefault();
      change(base(table, current()));
    });
    document.querySelector("main").addEventListener("click", (event) => {
      const link = event.target.closest("a[href]");
      const given = link?.pathname === location.pathname && fromAddress(table, link);
      if (!given) return;
      event.preventDefault();
      change(fitting(form, table, given));
      box.scrollIntoView({ block: "nearest" });
    });
  }

  function start(table) {
    const box = document.querySelector(`[data-table="${table.name}"]`);
    if (!box) return;
    const [form, panels] = [box.querySelector("form"), findPanels(box)];
    const given = fromAddress(table, location);
    let state = fitting(form, table, given ?? table.defaults);

    const draw = () => drawTable(table, box, panels, state, change);
    // Words and address wait for a rest: a drag would fill the reader's ears and history.
    const settle = later(QUIET, () => {
      box.querySelector(".lab-live").textContent = table.say(state);
      keep(toAddress(table, state));
    });
    let asked = 0;
    const drawSoon = () => (asked ||= requestAnimationFrame(() => ((asked = 0), draw())));
    function change(part) {
      state = { ...state, ...part };
      drawSoon();
      settle();
    }

    listen(table, box, change, () => state);
    form.hidden = false;
    new ResizeObserver(drawSoon).observe(box);
    draw();
    table.begin?.(box, change, () => state);
    if (given) box.scrollIntoView({ block: "start" });
  }

  // What of an address a table takes up, as text: a test holds each link's setting against it.
  function taken(table, address) {
    const form = document.querySelector(`[data-table="${table.name}"] form`);
    const state = fitting(form, table, fromAddress(table, new URL(address)) ?? {});
    return Object.fromEntries(Object.entries(state).map(([key, value]) => [key, encode(value)]));
  }

  lab.page = { taken };
  for (const table of [lab.line, lab.logits, lab.race]) if (table) start(table);
})();
