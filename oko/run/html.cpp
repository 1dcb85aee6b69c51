#include "oko/run/html.h"

#include "oko/run/output.h"

namespace oko::run {

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : valid_utf8(text)) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

// Line colours are those of Okabe and Ito, which are safe for colour-blind readers; every line also
// has its own dash pattern.
std::string_view report_style() {
  return R"css(
:root { color-scheme: light dark;
  --page: #f5f5f2; --card: #fff; --ink: #1c1f23; --soft: #5d6570; --line: #dfe1e4;
  --heat: 0, 114, 178; --accent: #0072b2; --bad: #b34700;
  --s0: #0072b2; --s1: #d55e00; --s2: #009e73; --s3: #b0568a; --s4: #a87500; --s5: #3a8fc2; }
@media (prefers-color-scheme: dark) { :root {
  --page: #15181c; --card: #1e2227; --ink: #e7e9ec; --soft: #9aa3ad; --line: #343a41;
  --heat: 86, 180, 233; --accent: #56b4e9; --bad: #f0965a;
  --s0: #56b4e9; --s1: #f0965a; --s2: #2fcf9f; --s3: #e0a0c4; --s4: #e6b84a; --s5: #9fd3f5; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 24px 16px 48px; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 6px; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 0 0 12px; }
h3 { font-size: .95rem; margin: 0 0 4px; font-weight: 600; overflow-wrap: anywhere; }
p { margin: 0 0 8px; max-width: 90ch; }
.note { margin: 10px 0 0; }
.soft { color: var(--soft); font-size: .9rem; }
header { margin-bottom: 20px; }
.verdict { font-size: 1.1rem; }
.verdict b { color: var(--accent); }
.verdict.bad b { color: var(--bad); }
section { background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  padding: 18px; margin-top: 18px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  padding: 12px 14px; }
.tile b { display: block; font-size: 1.65rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: .85rem; }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 340px), 1fr));
  gap: 22px; }
.grid > div { max-width: 620px; }
.small { display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); gap: 14px; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg text { fill: var(--soft); font-size: 12px; font-family: inherit; }
.rule { stroke: var(--line); stroke-width: 1; }
.mark { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 2 3; }
.curve { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.s0 { stroke: var(--s0); } .s1 { stroke: var(--s1); stroke-dasharray: 7 4; }
.s2 { stroke: var(--s2); stroke-dasharray: 2 4; } .s3 { stroke: var(--s3); stroke-dasharray: 10 3 2 3; }
.s4 { stroke: var(--s4); stroke-dasharray: 4 2; } .s5 { stroke: var(--s5); stroke-dasharray: 1 3; }
.dot { fill: var(--card); stroke: var(--accent); stroke-width: 2; }
.hit { fill: transparent; }
.area { fill: var(--s0); opacity: .14; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 16px; font-size: .85rem; color: var(--soft); }
.legend svg { display: inline-block; width: 30px; height: 8px; margin-right: 6px;
  vertical-align: middle; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { padding: 4px 10px; text-align: right; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
th { color: var(--soft); font-weight: 600; }
th:first-child, td:first-child { text-align: left; }
table.wide { width: 100%; }
td.bar { width: 40%; min-width: 110px; }
.track { display: block; height: 10px; border-radius: 5px; background: var(--line); }
.fill { display: block; height: 10px; border-radius: 5px; background: var(--accent); }
.heat td, .heat th { text-align: center; border: 1px solid var(--card); padding: 6px 9px; }
.heat th:first-child { text-align: right; }
.heat th.up { writing-mode: vertical-rl; transform: rotate(180deg); text-align: left; }
.heat td { background: rgba(var(--heat), var(--part)); min-width: 40px; }
.heat td.full { color: #fff; } .heat td.none { color: var(--soft); }
@media (prefers-color-scheme: dark) { .heat td.full { color: #10151a; } }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 300px), 1fr));
  gap: 14px; align-items: start; }
figure { margin: 0; }
figure img { display: block; width: 100%; height: auto; border-radius: 8px; }
figcaption { font-size: .85rem; color: var(--soft); margin-top: 4px; overflow-wrap: anywhere; }
.key { display: inline-block; width: 12px; height: 12px; border-radius: 3px; margin: 0 5px 0 10px;
  vertical-align: -1px; border: 1px solid var(--soft); }
pre { overflow-x: auto; background: var(--page); border-radius: 8px; padding: 12px; margin: 8px 0 0;
  font-size: .85rem; }
summary { cursor: pointer; color: var(--soft); }
ul { margin: 0; padding-left: 20px; }
@media print { body { background: #fff; } section, .tile { break-inside: avoid; } }
)css";
}

}  // namespace oko::run
