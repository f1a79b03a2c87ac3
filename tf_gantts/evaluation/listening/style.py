"""The look of the listening page, on top of the report page's."""

STYLE = """
main { max-width: 760px; }
h2 { margin-top: 1.6rem; }
button, .next { font: inherit; cursor: pointer; }
.play {
  position: relative; overflow: hidden; display: flex; align-items: center; gap: .7rem;
  min-width: 9rem; padding: .6rem 1rem; color: inherit; background: var(--page);
  border: 1px solid var(--line); border-radius: 8px; text-align: left;
}
.play:hover { border-color: var(--accent); }
.play .sign { width: 1.1em; color: var(--accent); font-size: .9em; text-align: center; }
.play .label::first-letter { text-transform: uppercase; }
.play .label { font-weight: 600; }
.play .bar { position: absolute; left: 0; bottom: 0; height: 3px; background: var(--accent); }
.play.heard .label::after { content: " \\2713"; color: var(--soft); font-weight: 400; }
.play.broken { color: #b91c1c; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
fieldset { border: 0; margin: 1.2rem 0 0; padding: 0; }
legend { color: var(--soft); padding: 0 0 .3rem; }
.choices { display: grid; gap: .4rem; }
.choices.across { grid-template-columns: repeat(3, 1fr); }
.choice {
  display: flex; align-items: center; gap: .6rem; padding: .55rem .8rem; cursor: pointer;
  border: 1px solid var(--line); border-radius: 8px; white-space: pre-wrap;
}
.choice:hover { border-color: var(--accent); }
.choice:has(:checked) {
  border-color: var(--accent); background: color-mix(in srgb, var(--accent) 9%, transparent);
}
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: .8rem; }
.row {
  display: grid; grid-template-columns: 9rem 1fr 2.2rem; gap: 1rem; align-items: center;
  margin-top: .8rem;
}
.row.head { margin: 1.2rem 0 -.4rem; }
.row .scale { display: grid; grid-template-columns: repeat(5, 1fr); text-align: center; }
.row output { text-align: right; font-variant-numeric: tabular-nums; }
.row input { width: 100%; accent-color: var(--accent); }
.row input.untouched { opacity: .45; }
.foot { display: flex; align-items: center; gap: 1.2rem; flex-wrap: wrap; }
.foot p { margin: 0; }
.next {
  display: inline-block; padding: .65rem 1.6rem; color: #fff; background: #0a5fb4; border: 0;
  border-radius: 8px; font-weight: 600; text-decoration: none;
}
.next:disabled { opacity: .4; cursor: not-allowed; }
.keys { margin-top: 1.6rem; font-size: .88rem; }
.badge {
  display: inline-block; margin: 1.2rem 0 0; padding: .1rem .7rem; border-radius: 99px;
  font-size: .88rem; background: color-mix(in srgb, var(--c1) 16%, transparent);
}
.badge + h2 { margin-top: .6rem; }
.progress { display: flex; align-items: center; gap: 1rem; white-space: nowrap; }
.progress .track { flex: 1; height: 6px; border-radius: 3px; background: var(--line); }
.progress .bar { display: block; height: 100%; border-radius: 3px; background: var(--accent); }
form label { display: block; margin: .8rem 0; }
form input[type=text] {
  display: block; font: inherit; color: inherit; background: var(--page); width: 100%;
  max-width: 20rem; padding: .5rem .7rem; margin-top: .2rem; border: 1px solid var(--line);
  border-radius: 8px;
}
h2:focus { outline: none; }
ol { margin-top: .3rem; padding-left: 1.3rem; } li { margin: .35rem 0; }
"""
