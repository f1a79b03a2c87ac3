"""The script of the listening page: order, players, answers. Plain JavaScript, no library.

The order is a function of the test and the listener's name: FNV-1a (Fowler, Noll, Vo) makes a
number of them, xorshift32 (Marsaglia 2003) draws from it.
"""

SCRIPT = r"""
"use strict";
const test = JSON.parse(document.getElementById("test").textContent);
const main = document.querySelector("main");
const HEARD = 0.9;  // share of a sound that counts as heard: browsers leave out some milliseconds
const LETTERS = "ABCDEFGHIJKLMNOPQSTUVWXYZ";  // R is the reference
const GRADES = ["Bad", "Poor", "Fair", "Good", "Excellent"];
const answers = { format: test.format, version: test.version, fingerprint: test.fingerprint,
                  key: test.key, listener: "", seed: "", headphones: false,
                  started: "", finished: "", trials: [] };
let order = [], place = 0, current = null;

// Small helpers

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (typeof value === "function") made.addEventListener(key, value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

function draws(text) {
  let state = 2166136261;
  for (const letter of text) state = Math.imul(state ^ letter.codePointAt(0), 16777619);
  state = state || 1;
  return function () {
    state ^= state << 13; state ^= state >>> 17; state ^= state << 5;
    return (state >>> 0) / 4294967296;
  };
}

function shuffled(list, draw) {
  const result = list.slice();
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(draw() * (i + 1));
    [result[i], result[j]] = [result[j], result[i]];
  }
  return result;
}

// Practice first, the rest shuffled; a repeated trial comes well after its original.
function ordered(trials, draw) {
  const practice = trials.filter(trial => trial.practice);
  const rest = trials.filter(trial => !trial.practice);
  const apart = Math.min(5, Math.floor(rest.length / 3));
  let result = rest;
  for (let attempt = 0; attempt < 500; attempt++) {
    result = shuffled(rest, draw);
    const position = new Map(result.map((trial, i) => [trial.id, i]));
    const far = result.every((trial, i) => !trial.after || i - position.get(trial.after) >= apart);
    if (far && !result[0].instruction) break;
  }
  return practice.concat(result);
}

// A sound with its button

class Player {
  constructor(sound, label, owner) {
    this.sound = sound;
    this.label = label;
    this.owner = owner;
    this.plays = 0;
    this.heard = false;
    this.audio = new Audio("data:audio/wav;base64," + test.sounds[sound]);
    this.audio.preload = "auto";
    this.bar = element("span", { class: "bar" });
    this.mark = element("span", { class: "sign", "aria-hidden": "true" }, "\u25B6");
    this.button = element("button", { type: "button", class: "play", click: () => this.toggle(),
                                      "aria-label": "Play " + label },
                          this.mark, element("span", { class: "label" }, label), this.bar);
    for (const event of ["timeupdate", "ended", "pause", "play"]) {
      this.audio.addEventListener(event, () => this.show());
    }
    this.audio.addEventListener("error", () => {
      this.button.classList.add("broken");
      this.button.textContent = label + ": this browser cannot play the sound";
    });
  }

  toggle() {
    if (this.audio.paused) this.play(); else this.audio.pause();
  }

  play() {
    for (const other of this.owner.players) {
      if (other === this || other.audio.paused) continue;
      other.audio.pause();
      // Switching goes on at the same place, so that details can be compared.
      this.audio.currentTime = Math.min(other.audio.currentTime, this.audio.duration || 0);
    }
    this.plays += 1;
    // A pause before the sound has begun rejects the promise; that is no error.
    this.audio.play().catch(() => this.show());
  }

  show() {
    const ranges = this.audio.played;
    let seconds = 0;
    for (let i = 0; i < ranges.length; i++) seconds += ranges.end(i) - ranges.start(i);
    const share = this.audio.currentTime / (this.audio.duration || 1);
    this.bar.style.width = (this.audio.paused && share >= 1 ? 0 : 100 * share) + "%";
    this.mark.textContent = this.audio.paused ? "\u25B6" : "\u275A\u275A";
    if (!this.heard && seconds >= HEARD * this.audio.duration) {
      this.heard = true;
      this.button.classList.add("heard");
    }
    this.owner.update();
  }
}

// One screen: `ratings` holds the answer, sound -> number, or {preferred: sound or "none"}.

class Screen {
  constructor(trial) {
    this.trial = trial;
    this.ratings = {};
    this.shown = new Date();
    // The order on the screen is the listener's own, and another one when a trial comes again.
    const draw = draws(answers.seed + "/" + trial.id);
    this.sounds = shuffled(trial.sounds, draw);
    const label = i => this.sounds.length > 1 ? LETTERS[i] : "the clip";
    this.judged = this.sounds.map((sound, i) => new Player(sound, label(i), this));
    this.reference = trial.reference ? new Player(trial.reference, "Reference", this) : null;
    this.players = this.reference ? [this.reference, ...this.judged] : this.judged;
    this.next = element("button", { type: "button", class: "next", disabled: true, click: advance },
                        "Next");
    this.missing = element("p", { class: "soft", role: "status" });
  }

  render() {
    const parts = [progress()];
    if (this.trial.practice) parts.push(element("p", { class: "badge" }, "Practice: not counted"));
    parts.push(element("h2", { tabindex: -1 }, this.trial.instruction || test.question));
    parts.push(VIEWS[test.mode](this));
    parts.push(element("div", { class: "foot" }, this.next, this.missing));
    parts.push(element("p", { class: "soft keys" }, KEYS[test.mode]));
    main.replaceChildren(...parts);
    this.update();
  }

  rated() {
    if (test.mode === "ab") return "preferred" in this.ratings;
    return this.sounds.every(sound => sound in this.ratings);
  }

  update() {
    const unheard = this.players.filter(player => !player.heard).map(player => player.label);
    const ready = !unheard.length && this.rated();
    this.next.disabled = !ready;
    if (unheard.length) this.missing.textContent = "Still to be heard to the end: " +
      unheard.join(", ");
    else this.missing.textContent = ready ? "" : "Your answer is still missing.";
  }

  close() {
    for (const player of this.players) player.audio.pause();
    const now = new Date();
    return { trial: this.trial.id, position: place, shown: this.shown.toISOString(),
             answered: now.toISOString(), seconds: (now - this.shown) / 1000,
             order: this.sounds,
             plays: Object.fromEntries(this.players.map(one => [one.sound, one.plays])),
             ratings: this.ratings };
  }
}

function choice(screen, value, text, onchange) {
  const input = element("input", { type: "radio", name: "answer", value: value, change: () => {
    onchange();
    screen.update();
  } });
  return element("label", { class: "choice" }, input, element("span", {}, text));
}

const VIEWS = {
  mos(screen) {
    const sound = screen.sounds[0];
    const grades = [5, 4, 3, 2, 1].map(grade =>
      choice(screen, grade, grade + "  " + GRADES[grade - 1],
             () => { screen.ratings[sound] = grade; }));
    return element("div", { class: "card" }, screen.judged[0].button,
                   element("fieldset", { class: "choices" },
                           element("legend", {}, "Your grade"), ...grades));
  },

  mushra(screen) {
    const scale = element("div", { class: "scale", "aria-hidden": "true" },
                          ...GRADES.map(grade => element("span", {}, grade)));
    const rows = screen.judged.map(player => {
      const shown = element("output", {}, "\u2013");
      const slider = element("input", { type: "range", min: 0, max: 100, step: 1, value: 50,
                                        class: "untouched", "aria-label": "Grade of " +
                                        player.label });
      const rate = () => {
        screen.ratings[player.sound] = Number(slider.value);
        shown.textContent = slider.value;
        slider.classList.remove("untouched");
        screen.update();
      };
      slider.addEventListener("input", rate);
      slider.addEventListener("pointerup", rate);  // a click on 50 is an answer too
      return element("div", { class: "row" }, player.button, slider, shown);
    });
    return element("div", { class: "card" }, screen.reference.button,
                   element("div", { class: "row head" }, element("span", {}), scale,
                           element("span", {})), ...rows);
  },

  ab(screen) {
    const [a, b] = screen.sounds;
    const prefer = sound => () => { screen.ratings = { preferred: sound }; };
    return element("div", { class: "card" },
                   element("div", { class: "pair" }, ...screen.judged.map(one => one.button)),
                   element("fieldset", { class: "choices across" },
                           element("legend", {}, "Your answer"),
                           choice(screen, "1", "A", prefer(a)),
                           choice(screen, "2", "no difference", prefer("none")),
                           choice(screen, "3", "B", prefer(b))));
  },
};

const KEYS = {
  mos: "Keys: A plays, 1 to 5 grade, Enter goes on.",
  mushra: "Keys: R plays the reference, A, B, C \u2026 the clips; Tab goes to a slider, arrows "
    + "move it, Enter goes on. A clip that is started while another one plays goes on "
    + "at the same place.",
  ab: "Keys: A and B play, 1 is A, 2 no difference, 3 B, Enter goes on. A clip that is started "
    + "while the other one plays goes on at the same place.",
};

function progress() {
  const share = 100 * place / order.length;
  const bar = element("span", { class: "bar" });
  bar.style.width = share + "%";
  return element("div", { class: "progress", role: "progressbar", "aria-valuemin": 0,
                          "aria-valuemax": order.length, "aria-valuenow": place },
                 element("span", { class: "track" }, bar),
                 element("span", { class: "soft" }, (place + 1) + " of " + order.length));
}

// From screen to screen

function begin(event) {
  event.preventDefault();
  const form = new FormData(event.target);
  answers.listener = form.get("listener").trim();
  if (!answers.listener) return;
  answers.headphones = form.get("headphones") === "on";
  answers.seed = test.fingerprint + "/" + answers.listener;
  answers.started = new Date().toISOString();
  order = ordered(test.trials, draws(answers.seed));
  window.addEventListener("beforeunload", guard);
  show();
}

function show() {
  current = new Screen(order[place]);
  current.render();
  window.scrollTo(0, 0);
  main.querySelector("h2").focus();
}

function advance() {
  if (current.next.disabled) return;
  answers.trials.push(current.close());
  place += 1;
  if (place < order.length) show(); else finish();
}

function finish() {
  current = null;
  answers.finished = new Date().toISOString();
  const file = new Blob([JSON.stringify(answers, null, 1)], { type: "application/json" });
  const name = answers.listener.replace(/[^A-Za-z0-9._-]+/g, "-");
  const save = element("a", { class: "next", id: "save", href: URL.createObjectURL(file),
                              download: "answers-" + test.fingerprint + "-" + name + ".json",
                              click: () => window.removeEventListener("beforeunload", guard) },
                       "Save my answers");
  main.replaceChildren(element("h1", {}, "Thank you."),
    element("p", { class: "lead" }, "Your answers are still in this page only. Save them as a "
      + "file, and give it to whoever asked you."), save);
  save.focus();
}

function guard(event) {
  event.preventDefault();
}

document.addEventListener("keydown", event => {
  const typing = event.target.matches("input[type=text]");
  if (!current || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const key = event.key.toUpperCase();
  const player = key === "R" ? current.reference : current.judged[LETTERS.indexOf(key)];
  if (player) {
    player.toggle();
  } else if (/^[1-5]$/.test(key)) {
    const radio = main.querySelector('input[type=radio][value="' + key + '"]');
    if (radio) radio.click();
  } else if (key === "ENTER" && !event.target.matches("button")) {
    advance();
  }
});

const level = { players: [], update() {} };
const sample = new Player(test.sample, "a clip to set the volume", level);
level.players.push(sample);
document.getElementById("level").append(sample.button);
const form = document.querySelector("form");
form.elements.listener.value = new URLSearchParams(location.search).get("listener") || "";
form.addEventListener("submit", event => { sample.audio.pause(); begin(event); });
"""
