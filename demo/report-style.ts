// The report's style sheet: system fonts, light and dark by the reader's preference, one column on a phone.

export const STYLE = `
:root {
  --paper: #fbfaf7; --card: #ffffff; --ink: #1d2129; --soft: #5c6370; --line: #e2e0da;
  --accent: #0b6e4f; --series-1: #0b6e4f; --series-2: #c1440e; --series-3: #3a5fcd;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14161a; --card: #1d2026; --ink: #e8e6e1; --soft: #9aa1ad; --line: #333842;
    --accent: #5fd3a8; --series-1: #5fd3a8; --series-2: #ff9a6b; --series-3: #8fb0ff;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2rem 1.1rem 4rem; }
h1 { font-size: clamp(1.6rem, 5vw, 2.4rem); line-height: 1.15; margin: 0 0 .6rem; letter-spacing: -.02em; }
h2 { font-size: 1.25rem; margin: 2.6rem 0 .9rem; }
h3 { font-size: 1rem; margin: 0; display: flex; justify-content: space-between; gap: 1rem; }
p { margin: .4rem 0 .8rem; max-width: 46rem; }
time { color: var(--soft); font-weight: 400; font-variant-numeric: tabular-nums; white-space: nowrap; }
pre { background: var(--paper); border: 1px solid var(--line); border-radius: 8px; padding: .6rem .8rem; white-space: pre-wrap; overflow-wrap: anywhere;
  margin: .5rem 0 0; font-size: .82rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .8rem; margin-top: 1.4rem; }
.tile, .steps li > div, .chart { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: .9rem 1rem; }
.tile b { display: block; font-size: 1.7rem; letter-spacing: -.02em; color: var(--accent); font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: .88rem; }
.steps { list-style: none; counter-reset: step; margin: 0; padding: 0; display: grid; gap: .7rem; }
.steps li { counter-increment: step; display: grid; grid-template-columns: 2rem minmax(0, 1fr); align-items: start; }
.steps li::before { content: counter(step); color: var(--accent); font-weight: 700; padding-top: .85rem; }
.steps p { margin: .25rem 0 0; color: var(--soft); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: .9rem; }
figure { margin: 0; }
figcaption { font-size: .9rem; color: var(--soft); }
.chart svg { display: block; width: 100%; height: auto; }
.chart .grid { stroke: var(--line); }
.chart .tick { fill: var(--soft); font-size: 12px; }
.legend { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; font-size: .85rem; color: var(--soft); }
.legend i { display: inline-block; width: 1.4rem; vertical-align: middle; margin-right: .45rem; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .35rem .6rem; border-bottom: 1px solid var(--line); }
th:first-child { text-align: left; }
thead th { color: var(--soft); font-weight: 500; font-size: .85rem; }
.bar { width: 32%; }
.bar i { display: block; height: .55rem; border-radius: 4px; background: var(--accent); }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 13rem), 1fr)); gap: .8rem; }
.gallery img { display: block; width: 100%; height: auto; border-radius: 8px; }
@media (max-width: 30rem) { .bar { display: none; } .steps li { grid-template-columns: 1.4rem minmax(0, 1fr); } }
`;
