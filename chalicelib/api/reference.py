"""The OpenAPI document as one page for people, without anything from elsewhere."""

import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

Json = Mapping[str, Any]

DEEPEST = 3  # levels of fields that are shown open; deeper ones are named

STYLE = """
:root{color-scheme:light dark;--ink:#1c2024;--soft:#60646c;--line:#e3e5e8;--page:#fff;--card:#f8f9fa;--accent:#3357c4;
--get:#1a7f45;--post:#3357c4;--put:#8a5a00;--patch:#8a5a00;--delete:#b3261e}
@media(prefers-color-scheme:dark){:root{--ink:#e8eaed;--soft:#9aa0a8;--line:#33383f;--page:#16181b;--card:#1e2125;
--accent:#8fa9ff;--get:#5dc98a;--post:#8fa9ff;--put:#e0b04d;--patch:#e0b04d;--delete:#ff8a80}}
*{box-sizing:border-box}html{scroll-behavior:smooth;scroll-padding-top:1rem}
body{margin:0;font:16px/1.55 system-ui,sans-serif;color:var(--ink);background:var(--page);display:grid;
grid-template-columns:17rem minmax(0,1fr)}
nav{position:sticky;top:0;height:100vh;overflow:auto;padding:1.5rem 1.25rem;border-right:1px solid var(--line)}
nav a{display:block;padding:.2rem 0;color:var(--soft);text-decoration:none}nav a:hover,nav a:focus{color:var(--accent)}
nav b{font-size:1.15rem}input{width:100%;margin:1rem 0;padding:.45rem .6rem;font:inherit;color:inherit;
background:var(--card);border:1px solid var(--line);border-radius:6px}
main{padding:2rem 3rem 6rem;max-width:62rem}h1{margin:0}h2{margin:3rem 0 .25rem}p,li{max-width:46rem}
.soft,small{color:var(--soft)}code{font:.88em ui-monospace,monospace}
details.op{border:1px solid var(--line);border-radius:8px;margin:.5rem 0;background:var(--card)}
details.op>summary{display:flex;gap:.75rem;align-items:baseline;padding:.55rem .9rem;cursor:pointer;list-style:none}
summary::-webkit-details-marker{display:none}summary .what{margin-left:auto;color:var(--soft);text-align:right}
.verb{font:600 .78rem ui-monospace,monospace;min-width:3.6rem}.get{color:var(--get)}.post{color:var(--post)}
.put{color:var(--put)}.patch{color:var(--patch)}.delete{color:var(--delete)}
.body{padding:.25rem 1.1rem 1.1rem;border-top:1px solid var(--line)}h4{margin:1.1rem 0 .3rem;font-size:.92rem}
ul.fields{list-style:none;margin:0;padding:0}ul.fields ul.fields{margin-left:1.1rem;padding-left:.9rem;
border-left:2px solid var(--line)}ul.fields li{padding:.22rem 0}.type{color:var(--soft);font-size:.86rem}
.must{color:var(--delete);font-size:.78rem}
@media(max-width:56rem){body{display:block}nav{position:static;height:auto;border:0}main{padding:1.25rem}
summary .what{display:none}}
"""

SCRIPT = """
const box=document.querySelector('input'),all=[...document.querySelectorAll('details.op')];
box.addEventListener('input',()=>{const text=box.value.toLowerCase();
for(const one of all)one.hidden=!one.dataset.words.includes(text);
for(const group of document.querySelectorAll('section'))group.hidden=![...group.querySelectorAll('details.op')]
.some(one=>!one.hidden)});
const open=()=>{const one=document.getElementById(decodeURIComponent(location.hash.slice(1)));
if(one&&one.tagName==='DETAILS')one.open=true};addEventListener('hashchange',open);open();
"""


def page(document: Json) -> str:
    """A complete HTML page."""
    reader = _Reader(document)
    info, tags = document["info"], document["tags"]
    links = "".join(f'<a href="#{_anchor(tag["name"])}">{escape(tag["name"])}</a>' for tag in tags)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(info["title"])} API</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{STYLE}</style></head><body>'
        f'<nav><b>{escape(info["title"])}</b><input type="search" placeholder="Find an operation" '
        f'aria-label="Find an operation">{links}<p><a href="openapi.json">openapi.json</a></p></nav>'
        f"<main><h1>{escape(info['title'])} API</h1>{_prose(info['description'])}{''.join(map(reader.group, tags))}"
        f"</main><script>{SCRIPT}</script></body></html>"
    )


class _Reader:
    """Renders parts of one document."""

    def __init__(self, document: Json) -> None:
        self._document = document
        self._schemas: Json = document["components"]["schemas"]

    def group(self, tag: Json) -> str:
        shown = "".join(self._operation(*found) for found in self._of(tag["name"]))
        return (
            f'<section><h2 id="{_anchor(tag["name"])}">{escape(tag["name"])}</h2>'
            f'<p class="soft">{_inline(tag["description"])}</p>{shown}</section>'
        )

    def _of(self, tag: str) -> Iterator[tuple[str, str, Json]]:
        for path, methods in self._document["paths"].items():
            for method, operation in methods.items():
                if tag in operation["tags"]:
                    yield method, path, operation

    def _operation(self, method: str, path: str, operation: Json) -> str:
        words = escape(f"{method} {path} {operation['summary']}".lower(), quote=True)
        return (
            f'<details class="op" id="{operation["operationId"]}" data-words="{words}"><summary>'
            f'<span class="verb {method}">{method.upper()}</span><code>{escape(path)}</code>'
            f'<span class="what">{escape(operation["summary"])}</span></summary>'
            f'<div class="body">{"".join(self._parts(operation))}</div></details>'
        )

    def _parts(self, operation: Json) -> Iterator[str]:
        yield f"<p>{escape(operation['summary'])}. {_inline(operation.get('description', ''))}</p>"
        yield f'<p class="soft">{_access(operation["security"])}</p>'
        for place, title in (("path", "Path"), ("query", "Query")):
            parameters = [one for one in operation["parameters"] if one["in"] == place]
            if parameters:
                yield f'<h4>{title}</h4><ul class="fields">{"".join(map(self._parameter, parameters))}</ul>'
        if "requestBody" in operation:
            yield f"<h4>Body</h4>{self._content(operation['requestBody']['content'])}"
        for status, answer in operation["responses"].items():
            if "content" in answer:
                yield f"<h4>Answer {status}</h4>{self._content(answer['content'])}"
        refusals = [self._refusal(*found) for found in operation["responses"].items() if "$ref" in found[1]]
        yield f'<h4>Refusals</h4><ul class="fields">{"".join(refusals)}</ul>'

    def _refusal(self, status: str, answer: Json) -> str:
        meant = self._document["components"]["responses"][_name(answer)]
        return f"<li><code>{status}</code> <small>{_inline(meant['description'])}</small></li>"

    def _parameter(self, parameter: Json) -> str:
        content = parameter.get("content")
        schema = content["application/json"]["schema"] if content else parameter["schema"]
        described = parameter.get("description") or schema.get("description", "")
        return self._field(parameter["name"], {**schema, "description": described}, parameter.get("required", False), 1)

    def _content(self, content: Json) -> str:
        ((media, holds),) = content.items()
        if media != "application/json":
            return f'<p class="type">{escape(media)}</p>'
        return self._fields(holds["schema"], 0) or f'<p class="type">{self._type(holds["schema"])}</p>'

    def _fields(self, schema: Json, depth: int) -> str:
        whole = self._inner(schema)
        if depth > DEEPEST or "properties" not in whole:
            return ""
        required = whole.get("required", ())
        items = [self._field(name, one, name in required, depth) for name, one in whole["properties"].items()]
        return f'<ul class="fields">{"".join(items)}</ul>'

    def _field(self, name: str, schema: Json, required: bool, depth: int) -> str:
        must = ' <span class="must">required</span>' if required else ""
        described = schema.get("description") or self._inner(schema).get("description", "")
        about = f"<br><small>{_inline(described)}</small>" if described else ""
        return (
            f'<li><code>{escape(name)}</code> <span class="type">{self._type(schema)}</span>{must}{about}'
            f"{self._fields(schema, depth + 1)}</li>"
        )

    def _inner(self, schema: Json) -> Json:
        """The object that a schema is, refers to, lists, or may be beside null."""
        if "$ref" in schema:
            return self._inner(self._schemas[_name(schema)])
        if "items" in schema:
            return self._inner(schema["items"])
        options = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
        return self._inner(options[0]) if options else schema

    def _type(self, schema: Json) -> str:
        if "enum" in schema:
            return " · ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
        if "anyOf" in schema:
            return " or ".join(self._type(one) for one in schema["anyOf"])
        if "$ref" in schema:
            return escape(_name(schema))
        if schema.get("type") == "array":
            return f"list of {self._type(schema.get('items', {}))}"
        bounds = [f"{sign} {schema[name]}" for name, sign in BOUNDS if name in schema]
        return escape(" ".join([schema.get("format") or schema.get("type") or "anything", *bounds]))


BOUNDS = (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("maxLength", "up to"))

ACCESS = {
    "token": "bearer token of the workspace",
    "spaceToken": "token of the space",
    "writeKey": "write key of a source",
    "deploymentSecret": "secret of the deployment",
}


def _access(security: list[Json]) -> str:
    names = [ACCESS[name] for one in security for name in one]
    return f"Needs: {escape(names[0])}." if names else "Open to everybody."


def _name(schema: Json) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def _anchor(name: str) -> str:
    return name.lower().replace(" ", "-")


def _inline(text: str) -> str:
    """Escaped, with `code` and **strong** words."""
    coded = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
    return re.sub(r"\*\*([^*]+)\*\*", r"<b>\1</b>", coded)


def _prose(text: str) -> str:
    first, _, listed = text.partition("\n\n")
    items = "".join(f"<li>{_inline(' '.join(item.split()))}</li>" for item in listed.removeprefix("* ").split("\n* "))
    return f"<p>{_inline(first)}</p><ul>{items}</ul>"
