"""A topology as a page that stands alone: the picture, a search, zoom and pan."""

from __future__ import annotations

from ovn_integrate.drawing import svg
from ovn_integrate.drawing.escaped import markup
from ovn_integrate.drawing.model import Topology

_STYLE = """
:root{color-scheme:light dark;font:14px Inter,system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}
*{box-sizing:border-box}
html,body{height:100%;margin:0}
body{display:flex;flex-direction:column;background:#f5f7fb;color:#1c2534}
header{display:flex;gap:14px;align-items:center;flex-wrap:wrap;padding:10px 20px;background:#fff;
border-bottom:1px solid #dde3ec}
h1{font-size:16px;margin:0;font-weight:650}
header span{color:#69758b}
header div{flex:1}
input,button{font:inherit;color:inherit;background:#f5f7fb;border:1px solid #cfd7e3;
border-radius:8px;padding:6px 11px}
input{width:260px}
button{min-width:36px;cursor:pointer}
input:focus-visible,button:focus-visible{outline:2px solid #4c78a8;outline-offset:1px}
main{flex:1;min-height:0;overflow:hidden;cursor:grab;touch-action:none}
main.held{cursor:grabbing}
main svg{width:100%;height:100%;display:block;user-select:none}
main .node.switch,main .node.router{cursor:pointer}
@media (prefers-color-scheme:dark){body{background:#12161d;color:#eef2f8}
header{background:#1b212b;border-color:#333d4d}header span{color:#93a0b4}
input,button{background:#232b37;border-color:#3b4658}}
"""

_SCRIPT = """
const area=document.querySelector('main'),svg=area.querySelector('svg');
const whole=svg.viewBox.baseVal,full=[whole.x,whole.y,whole.width,whole.height];
const search=document.querySelector('input'),count=document.querySelector('output');
let view=[...full],chosen='';
svg.removeAttribute('width');svg.removeAttribute('height');
const show=()=>svg.setAttribute('viewBox',view.join(' '));
const scale=()=>Math.max(view[2]/area.clientWidth,view[3]/area.clientHeight);
const point=event=>new DOMPoint(event.clientX,event.clientY)
  .matrixTransform(svg.getScreenCTM().inverse());
function zoom(by,x,y){
  const factor=Math.min(Math.max(view[2]*by,full[2]/40),full[2]*3)/view[2];
  view=[x-(x-view[0])*factor,y-(y-view[1])*factor,view[2]*factor,view[3]*factor];show();
}
const centre=by=>zoom(by,view[0]+view[2]/2,view[1]+view[3]/2);
const fit=()=>{view=[...full];show();};
/* What would be too small to read as a whole begins at its top, as wide as the window. */
function begin(){
  if(scale()<1.2)return;
  const by=Math.max(1,full[2]/area.clientWidth),wide=area.clientWidth*by;
  view=[full[0]+(full[2]-wide)/2,full[1],wide,area.clientHeight*by];show();
}
area.addEventListener('wheel',event=>{
  event.preventDefault();const at=point(event);zoom(Math.exp(event.deltaY*.0012),at.x,at.y);
},{passive:false});
let from=null;
area.addEventListener('pointerdown',event=>{from=[event.clientX,event.clientY,...view];});
addEventListener('pointermove',event=>{
  if(!from)return;
  const by=scale();area.classList.add('held');
  view[0]=from[2]-(event.clientX-from[0])*by;view[1]=from[3]-(event.clientY-from[1])*by;show();
});
addEventListener('pointerup',event=>{
  const still=from&&Math.hypot(event.clientX-from[0],event.clientY-from[1])<4;
  from=null;area.classList.remove('held');
  if(still){const node=event.target.closest('.node.switch,.node.router');
    chosen=node&&node.dataset.switch!==chosen?node.dataset.switch:'';mark();}
});
function mark(){
  const words=search.value.trim().toLowerCase();let found=0;
  const all=[...svg.querySelectorAll('.port,.wire,svg>.tunnel,.link,.node')];
  for(const one of all){
    const own=!chosen||one.dataset.switch===chosen;
    const said=one.querySelector('title')?.textContent.toLowerCase()??'';
    const port=one.classList.contains('port');
    const hit=own&&(!words||said.includes(words));
    if(port&&hit&&words)found+=1;
    if(port)one.classList.toggle('dim',!hit);
    else if(!one.classList.contains('node')){
      one.classList.toggle('dim',!!words||!!chosen&&!own);
      one.classList.toggle('lit',!!chosen&&own);
    }
  }
  for(const one of svg.querySelectorAll('.node:not(.chassis)')){
    const said=one.querySelector('title').textContent.toLowerCase();
    const key=CSS.escape(one.dataset.switch);
    const ports=svg.querySelector(`.port:not(.dim)[data-switch="${key}"]`);
    const inner=one.querySelector('.port:not(.dim)');
    one.classList.toggle('dim',!!words&&!said.includes(words)&&!ports&&!inner
      ||!!chosen&&one.dataset.switch!==chosen);
  }
  count.value=words?found+' found':'';
}
search.addEventListener('input',mark);
addEventListener('keydown',event=>{
  if(event.key==='/'&&event.target!==search){event.preventDefault();search.focus();}
  if(event.key==='Escape'){search.value='';chosen='';mark();search.blur();}
});
search.value=decodeURIComponent(location.hash.slice(1));mark();begin();
for(const [name,does] of [['in',()=>centre(.8)],['out',()=>centre(1.25)],['fit',fit]])
  document.getElementById(name).addEventListener('click',does);
"""


def draw(topology: Topology, title: str) -> str:
    """The text of the page.

    :param title: what it shows, and when that was so.
    """
    picture = svg.draw(topology)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>{markup(title)}</title>
<link rel="icon" href="data:,">
<style>{_STYLE}</style>
</head>
<body>
<header>
<h1>OVN topology</h1><span>{markup(title)}</span><div></div>
<output></output>
<input type="search" placeholder="Name, address, MAC  ( / )" aria-label="Search">
<button id="out" title="Smaller">&minus;</button><button id="in" title="Larger">+</button>
<button id="fit" title="All of it">Fit</button>
</header>
<main>
{picture}</main>
<script>{_SCRIPT}</script>
</body>
</html>
"""
