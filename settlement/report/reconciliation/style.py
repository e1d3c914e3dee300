"""The style of a reconciliation's page, after what all pages have. On a narrow screen a row is a card."""

STYLE = """
.kicker { margin: 0; color: var(--soft); } header p { margin: .35rem 0; }
ul.note { list-style: none; margin: .5rem 0; } ul.note li { margin: .15rem 0; }
h1 { font-size: 1.9rem; overflow-wrap: anywhere; }
h1.bad { color: #a3341a; } h1.good { color: #1d6b4c; } h1.unsure { color: #8a4b00; }
h3 { border-bottom: 2px solid var(--ink); padding-bottom: .2rem; overflow-wrap: anywhere; }
h3 span { font-weight: 400; color: var(--soft); font-size: .9em; }
.tiles { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .75rem; }
.tiles li { background: var(--tint); padding: .5rem .9rem; border-radius: .3rem; }
.tiles b { font-size: 1.25rem; }
.tiles .n { display: block; padding: 0; text-align: left; color: var(--soft); }
.charts figure { margin-bottom: 1.25rem; } caption { text-align: left; color: var(--soft); }
.bars th, .bars td { border: 0; padding: .15rem .6rem .15rem 0; } .bars th { font-weight: 400; width: 22%;
  overflow-wrap: anywhere; }
.bar { width: 52%; border-left: 1px solid var(--ink) !important; font-size: 0; white-space: nowrap; }
.bar span { display: inline-block; height: 1.1rem; vertical-align: top; }
.steps { padding-left: 1.5rem; } .steps li { margin: 0 0 1rem; padding-left: .25rem; break-inside: avoid; }
.steps b { overflow-wrap: anywhere; }
.mend { border-left: 3px solid #0b5fa5; padding-left: .5rem; margin: .2rem 0; overflow-wrap: anywhere; }
.cause, .alone, .subject { overflow-wrap: anywhere; } .subject { font-weight: 600; }
.alone div { margin-bottom: .1rem; }
.soft, .more { color: var(--soft); } .breaks .soft { font-size: .87em; overflow-wrap: anywhere; }
.breaks { table-layout: fixed; }
.breaks > thead th:nth-child(1) { width: 15%; } .breaks > thead th:nth-child(2) { width: 17%; }
.breaks > thead th:nth-child(3) { width: 31%; } .breaks > thead th:nth-child(4) { width: 13%; }
.breaks > tbody > tr > td { padding-right: .9rem; }
.breaks .n { white-space: normal; overflow-wrap: anywhere; } .steps .n { white-space: normal; }
abbr { text-decoration: none; font-size: .75em; color: var(--soft); border: 1px solid var(--rule);
  border-radius: .2rem; padding: 0 .25rem; white-space: nowrap; }
.values { width: auto; margin: 0; } .steps .values { margin: .15rem 0; }
.values th, .values td { border: 0; padding: 0 .9rem 0 0; overflow-wrap: anywhere;
  font-variant-numeric: tabular-nums; }
.values thead th, .values thead td { font-weight: 400; font-size: .8em; color: var(--soft); }
.values tbody th { font-weight: 400; color: var(--soft); overflow-wrap: normal; }
.values thead th, .values .whole { white-space: nowrap; }
.values .odd { background: #fff6e0; } .values .none { color: var(--soft); font-style: italic; }
mark { background: #ffd9cc; color: inherit; font-weight: 700; border-radius: .15rem; }
main dl dt { color: var(--ink); }
@media (max-width: 46rem) {
  body { padding: 1rem .75rem; } h1 { font-size: 1.5rem; }
  .breaks, .breaks > tbody, .breaks > tbody > tr, .breaks > tbody > tr > td { display: block; width: auto; }
  .breaks > thead { display: none; }
  .breaks > tbody > tr { border-bottom: 1px solid var(--rule); padding: .5rem 0; }
  .breaks > tbody > tr > td { border: 0; padding: .1rem 0; }
  .breaks > tbody > tr > td.n { text-align: left; } .breaks > tbody > tr > td.n::before {
    content: "at risk " attr(data-unit) " "; color: var(--soft); }
  .values .whole { white-space: normal; }
  .values th, .values td { padding-right: .5rem; font-size: .92em; }
  .bars, .bars tbody, .bars caption { display: block; }
  .bars tr { display: grid; grid-template-columns: 1fr max-content; padding: .35rem 0; }
  .bars th { width: auto; } .bars .bar { grid-column: 1 / -1; grid-row: 2; width: auto; }
  .bars .n:last-child { display: none; }
  dl { grid-template-columns: 1fr; } main dl dt { font-weight: 600; }
}
@media print { .breaks { font-size: 9pt; } h1 { font-size: 18pt; } .steps { font-size: 9.5pt; } }
"""
