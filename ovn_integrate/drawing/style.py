"""The looks of the SVG: colours are named in full, as not every viewer knows variables of CSS."""

from __future__ import annotations

_PALETTE = (
    *("#4c78a8", "#e4863a", "#3f9d6e", "#b05fb3", "#c9a227"),
    *("#d65f5f", "#2f9fa8", "#8a6d5b", "#7b73d9", "#7f9b3b"),
)
COLOURS = len(_PALETTE)

_FONT = "Inter,system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"
_MONO = "ui-monospace,'SF Mono',Menlo,Consolas,'DejaVu Sans Mono',monospace"

_COLOURED = "".join(
    f".line.c{number}{{stroke:{colour}}}.stripe.c{number},.dot.c{number}{{fill:{colour}}}"
    for number, colour in enumerate(_PALETTE)
)

_LIGHT = f"""
.topology{{font-family:{_FONT};color-scheme:light dark}}
.ground{{fill:#f5f7fb}}
.chassis>.body,.node.switch>.body,.node.router>.body{{fill:#fff;stroke:#d4dbe7;stroke-width:1.2}}
.node.router>.body{{stroke-dasharray:5 3}}
.chip{{fill:#f5f7fb;stroke:#e0e6ef}}
.host{{font-size:17px;font-weight:650;fill:#1c2534}}
.name{{font-size:15px;font-weight:600;fill:#1c2534}}
.label{{font-size:13px;font-weight:550;fill:#263043}}
.section{{font-size:12.5px;font-weight:600;fill:#556176}}
.small,.type,.why{{font-size:12px;fill:#69758b}}
.mono{{font-family:{_MONO};font-size:11.5px;fill:#69758b}}
.server rect{{fill:none;stroke:#69758b;stroke-width:1.5}}
.server circle{{fill:#3f9d6e}}
.badge{{fill:#e3edfb}}
.badged{{font-size:11.5px;font-weight:600;fill:#2f5f9e}}
.free{{fill:none;stroke:#9aa5b8;stroke-width:1.5}}
.late{{fill:#e4863a}}
.line{{fill:none;stroke-width:2.2;stroke-linecap:round}}
.wire .line{{opacity:.62}}
.link .line{{stroke:#9aa5b8;stroke-width:1.8}}
.tunnel .line{{stroke-width:2}}
.tunnel.up .line{{stroke:#3f9d6e}}
.tunnel.down .line{{stroke:#d64545;stroke-width:2.6}}
.tunnel.down text{{fill:#d64545}}
.tunnel.unseen .line{{stroke:#a9b3c4;stroke-dasharray:5 5}}
.type,.why{{paint-order:stroke;stroke:#f5f7fb;stroke-width:5px;stroke-linejoin:round}}
.pill.up .body{{fill:#dff3e8}}
.pill.up text{{fill:#27764f}}
.pill.down .body{{fill:#fbe1e1}}
.pill.down text{{fill:#b53030}}
.dim{{opacity:.2}}
.wire.lit .line{{opacity:1;stroke-width:3.2}}
"""

_DARK = """
.ground{fill:#12161d}
.chassis>.body,.node.switch>.body,.node.router>.body{fill:#1b212b;stroke:#333d4d}
.chip{fill:#232b37;stroke:#323c4c}
.host,.name{fill:#eef2f8}
.label{fill:#dde4ee}
.section{fill:#a9b5c8}
.small,.type,.why,.mono{fill:#93a0b4}
.server rect{stroke:#93a0b4}
.badge{fill:#243a57}
.badged{fill:#a9cbf7}
.type,.why{stroke:#12161d}
.pill.up .body{fill:#173a2a}
.pill.up text{fill:#7fd6a8}
.pill.down .body{fill:#4a1f22}
.pill.down text{fill:#f0a3a3}
.link .line{stroke:#66728a}
.tunnel.unseen .line{stroke:#57637a}
.wire .line{opacity:.75}
"""

STYLE = f"{_LIGHT}{_COLOURED}\n@media (prefers-color-scheme:dark){{{_DARK}}}"
