"""The look of the report page: readable on any screen, light or dark, without scripts."""

STYLE = """
:root {
  color-scheme: light dark;
  --page: #fbfbf9; --card: #ffffff; --text: #1f2328; --soft: #5c6570; --line: #dcdfe3;
  --accent: #0a5fb4;
  --c0: #0a5fb4; --c1: #c2410c; --c2: #15803d; --c3: #7e22ce;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171a; --card: #1c2024; --text: #e4e7ea; --soft: #9aa4ae; --line: #343a41;
    --accent: #6cb2ff;
    --c0: #6cb2ff; --c1: #ff9d6c; --c2: #6fd58d; --c3: #cf9bff;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--text);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif;
}
main { max-width: 1080px; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .5rem; text-wrap: balance; }
h2 { font-size: 1.3rem; margin: 3rem 0 .5rem; }
h3 { font-size: 1rem; margin: 0 0 .15rem; overflow-wrap: anywhere; }
section > h3 { margin: 1.3rem 0 .6rem; }
p { max-width: 46rem; margin: .4rem 0 .9rem; }
a { color: var(--accent); }
.lead { font-size: 1.08rem; }
.soft, figcaption .soft { color: var(--soft); font-weight: 400; }
.card {
  background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 1rem 1.1rem; margin: 1rem 0;
}
.grid { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(225px, 1fr)); }
.grid .card { margin: 0; }
.grid.wide { grid-template-columns: repeat(auto-fit, minmax(min(430px, 100%), 1fr)); }
figure { margin: 0; min-width: 0; }
figcaption { font-weight: 600; margin-bottom: .35rem; }
.spectrogram { display: block; width: 100%; height: 150px; border-radius: 4px; }
audio { display: block; width: 100%; height: 40px; margin-top: .5rem; }
.scale { display: flex; align-items: center; gap: .6rem; color: var(--soft); font-size: .88rem; }
.scale img { width: 180px; height: 12px; border-radius: 3px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); font-size: .9rem; padding-bottom: .5rem; }
th, td { padding: .5rem .75rem; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; padding-left: .6rem; }
thead th { font-weight: 600; vertical-align: bottom; }
tbody th { font-weight: 600; }
td .soft { display: block; font-size: .82rem; white-space: nowrap; }
tr.main th, tr.main td { background: color-mix(in srgb, var(--accent) 9%, transparent); }
table.text td, table.text th { text-align: left; vertical-align: top; }
table.text td.number { text-align: right; white-space: nowrap; }
code, pre { font: .86rem/1.5 ui-monospace, "SFMono-Regular", Menlo, "Liberation Mono", monospace; }
td code { overflow-wrap: anywhere; }
pre { overflow-x: auto; margin: .75rem 0 0; }
summary { cursor: pointer; font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.2rem; margin: 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
ul { padding-left: 1.2rem; } li { margin: .2rem 0; }
ul.soft { margin-top: -.6rem; }
table.small { font-size: .85rem; }
table.small th, table.small td { padding: .25rem .6rem; }
table.small td:nth-of-type(1) { text-align: left; white-space: nowrap; }
table.small tbody th { vertical-align: top; text-align: left; white-space: nowrap; }
table.scores th[scope=row] { white-space: nowrap; }
.heard { margin-top: .9rem; }
.alignment { display: block; max-width: 100%; margin-top: .6rem; border-radius: 6px; }
.heard dl { margin-top: .4rem; }
mark { color: inherit; background: color-mix(in srgb, var(--c1) 28%, transparent); }
del { color: var(--soft); text-decoration-color: var(--c1); }
.f0 { margin-top: 1rem; }
.f0 .s0 polyline { stroke-width: 6; opacity: .35; }
.chart { container-type: inline-size; }
.chart svg { display: block; width: 100%; height: auto; overflow: visible; }
.chart text { fill: var(--soft); font-size: 12.5px; font-family: inherit; }
.chart .grid { stroke: var(--line); }
.chart line.mark { stroke: var(--soft); stroke-dasharray: 4 4; }
.chart polyline {
  fill: none; stroke: var(--color); stroke-width: 1.9; stroke-linejoin: round;
}
.chart circle { fill: var(--color); }
.s0 { --color: var(--c0); } .s1 { --color: var(--c1); }
.s2 { --color: var(--c2); } .s3 { --color: var(--c3); }
.legend {
  display: flex; flex-wrap: wrap; gap: .1rem 1.1rem; list-style: none; margin: 0; padding: 0;
  color: var(--soft); font-size: .88rem;
}
.key {
  display: inline-block; width: 1.1em; height: .22em; margin-right: .45em; vertical-align: middle;
  background: var(--color); border-radius: 2px;
}
"""
