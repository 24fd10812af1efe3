"""The style sheet of the report."""

CSS = """
:root{--page:#f6f7f9;--card:#fff;--ink:#1b2430;--muted:#5c6878;--line:#dfe3e9;--accent:#2458c5;
--accent-soft:#2458c522;--other:#b3541e;--peer:#7a4fb0;--reference:#1b7f4d;--on-accent:#fff}
@media (prefers-color-scheme:dark){:root{--page:#10141a;--card:#181e27;--ink:#e6eaf0;--muted:#9aa6b6;
--line:#2c3541;--accent:#7da7ff;--accent-soft:#7da7ff26;--other:#f0a06a;--peer:#c3a3f0;
--reference:#63cf98;--on-accent:#0c1118}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",
Roboto,"Noto Sans",sans-serif;-webkit-text-size-adjust:100%}
main{max-width:1120px;margin:0 auto;padding:28px 20px 48px}
header{margin-bottom:20px}
h1{font-size:26px;line-height:1.25;margin:0;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:17px;margin:0 0 12px}
.sub{color:var(--muted);margin:6px 0 0;font-size:13.5px;overflow-wrap:anywhere}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:18px 20px;
margin-bottom:16px}
.tiles{display:flex;flex-wrap:wrap;gap:12px;padding:0;border:0;background:none}
.tile{flex:1 1 195px;background:var(--card);border:1px solid var(--line);border-radius:10px;padding:12px 16px;
min-width:0}
.what{color:var(--muted);font-size:13px}
.value{font-size:25px;font-weight:620;letter-spacing:-.02em;font-variant-numeric:tabular-nums;
line-height:1.35}
.note{color:var(--muted);font-size:12.5px;overflow-wrap:anywhere;min-height:1.2em}
.scroll{overflow-x:auto;margin:0 -20px;padding:0 20px}
table{border-collapse:collapse;width:100%;font-size:13.5px;font-variant-numeric:tabular-nums}
th,td{padding:6px 10px;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th:first-child,td:first-child{text-align:left;padding-left:0}
td:last-child{padding-right:0}
thead th{color:var(--muted);font-weight:500;font-size:12.5px;vertical-align:bottom}
tbody th{font-weight:500}
tbody tr:last-child>*{border-bottom:0}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px;color:var(--muted);font-size:12.5px;
justify-content:center;margin-top:6px}
.legend i{display:inline-block;width:10px;height:10px;border-radius:50%;margin-right:6px}
.legend .ours{background:var(--accent)}.legend .policy{border:2.5px solid var(--accent)}
.legend .expert{background:var(--other)}.legend .peer{background:var(--peer)}
.legend .reference{background:var(--reference)}
.legend .hull{border-radius:0;height:0;width:18px;border-top:2px dashed var(--accent);
vertical-align:middle}
.facts th,.facts td{white-space:normal;overflow-wrap:anywhere}
figure{margin:0;min-width:0}
svg{display:block;width:100%;max-width:620px;height:auto;margin:0 auto}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr));gap:20px;
align-items:start}
.pair+.scroll{margin-top:14px}
.single{max-width:760px}.single svg{max-width:760px;margin:0}.wide{overflow-x:auto}
footer{color:var(--muted);font-size:12.5px;padding:4px 2px}
svg text{fill:var(--ink);font:12px system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
svg .label{font-size:11.5px}svg .tick{fill:var(--muted);font-size:11.5px}
svg .axis{fill:var(--muted);font-size:12px}svg .muted{fill:var(--muted)}
svg .digits{font-variant-numeric:tabular-nums}svg .label.strong{font-weight:640}
.grid{stroke:var(--line);stroke-width:1}
polyline{fill:none;stroke-width:2;stroke-linejoin:round}
.curve{stroke:var(--accent)}.hull{stroke:var(--accent);stroke-width:1.2;stroke-dasharray:5 4;
opacity:.75}.guide{stroke:var(--muted);stroke-width:1.2;stroke-dasharray:4 4}
circle.ours{fill:var(--accent)}circle.policy{fill:var(--card);stroke:var(--accent);stroke-width:2.5}
circle.expert{fill:var(--other)}circle.peer{fill:var(--peer)}circle.reference{fill:var(--reference)}
.whisker{stroke-width:3;opacity:.45}.whisker.ours{stroke:var(--accent)}
.whisker.peer{stroke:var(--peer)}.grid.zero{stroke:var(--muted);stroke-width:1.5}
.track{fill:var(--line);opacity:.6}.bar,.cell{fill:var(--accent)}
.cell{stroke:var(--line);stroke-width:.6}
svg .count{font-size:10.5px}svg .count.strong{fill:var(--on-accent)}
@media (max-width:560px){main{padding:18px 12px 36px}section{padding:14px}
.scroll{margin:0 -14px;padding:0 14px}.tiles{padding:0;gap:8px}
.tile{flex-basis:140px;padding:11px 14px}.value{font-size:21px}svg .label,svg .tick,svg .axis{font-size:13px}
.wide svg{min-width:500px}}
@media print{body{background:#fff}section{break-inside:avoid}}
"""
