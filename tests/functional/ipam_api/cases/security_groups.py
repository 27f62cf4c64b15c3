"""Security groups."""

from __future__ import annotations

from tests.functional.ipam_api.cases.ports import on_v4, port
from tests.functional.ipam_api.steps import case, delete, get, post, put
from tests.functional.ipam_api.talk import UNKNOWN

_G = post("security-groups", "g", name="g")
_H = post("security-groups", "h", name="h")

CASES = (
    case("name", _G, get("security-groups/$g")),
    case("nothing given", post("security-groups")),
    case(
        "all", post("security-groups", name="g", description="d", stateful=False, project_id="p1")
    ),
    case("same name twice", _G, post("security-groups", "h", name="g")),
    case("name too long", post("security-groups", name="n" * 256)),
    case("name null", post("security-groups", name=None)),
    case("stateful of nonsense", post("security-groups", name="g", stateful="maybe")),
    case("unknown attribute", post("security-groups", name="g", bogus=1)),
    case("id given", post("security-groups", name="g", id=f"{UNKNOWN}1")),
    case("rules given", post("security-groups", name="g", security_group_rules=[])),
    case("rename", _G, put("security-groups/$g", name="h", description="d")),
    case("update nothing", _G, put("security-groups/$g")),
    case("update stateful", _G, put("security-groups/$g", stateful=False)),
    case("update project", _G, put("security-groups/$g", project_id="x")),
    case("delete", _G, delete("security-groups/$g"), get("security-groups/$g")),
    on_v4(
        "in use",
        _G,
        port(security_groups=["$g"]),
        delete("security-groups/$g"),
        put("security-groups/$g", stateful=False),
    ),
    on_v4(
        "of a port",
        _G,
        _H,
        port(security_groups=["$g", "$h"]),
        put("ports/$p", security_groups=["$h"]),
        put("ports/$p", security_groups=[]),
    ),
    on_v4("of a port twice", _G, port(security_groups=["$g", "$g"])),
    on_v4(
        "of a port, then null",
        _G,
        port(security_groups=["$g"]),
        put("ports/$p", security_groups=None),
    ),
    case("not there", get(f"security-groups/{UNKNOWN}1")),
    case("update one that is not there", put(f"security-groups/{UNKNOWN}1", name="x")),
    case("delete one that is not there", delete(f"security-groups/{UNKNOWN}1")),
    case("by name", _G, _H, get("security-groups?name=h")),
    case("by an unknown attribute", get("security-groups?bogus=1")),
    case("by description", _G, get("security-groups?description=x")),
    case("fields", _G, get("security-groups?name=g&fields=name&fields=stateful")),
    case(
        "another group's rules go with it",
        _G,
        _H,
        post(
            "security-group-rules",
            "r",
            security_group_id="$g",
            direction="ingress",
            remote_group_id="$h",
        ),
        delete("security-groups/$h"),
        get("security-group-rules/$r"),
    ),
)
