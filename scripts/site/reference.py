"""Reference pages from what the program itself says: REST and documents from its OpenAPI document, gRPC from the
protos, the command line from its help. Needs nothing but Python. Not here: where the pages go (`build.py`).
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

Api = dict[str, Any]


def cell(text: str | None) -> str:
    """Text within a table."""
    return " ".join((text or "").split()).replace("|", "\\|")


def anchor(name: str) -> str:
    """What a heading of this name is called in addresses."""
    return re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", name.lower())).strip("-")


class Schemas:
    """Shapes of an OpenAPI document, in words."""

    def __init__(self, api: Api, page: str) -> None:
        self.all: dict[str, Any] = api["components"]["schemas"]
        # The page where shapes have their headings.
        self.page = page

    def kind(self, schema: Any) -> str:
        if not schema or schema is True:
            return "anything"
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            return f"[{name}]({self.page}#{anchor(name)})"
        if "const" in schema:
            return f"`{json.dumps(schema['const'])}`"
        if "enum" in schema:
            return " or ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
        if options := schema.get("oneOf") or schema.get("anyOf"):
            kinds = dict.fromkeys(self.kind(option) for option in options)
            return " or ".join(kind for kind in kinds if kind != "null") + (" or null" if "null" in kinds else "")
        if parts := schema.get("allOf"):
            return " and ".join(self.kind(part) for part in parts)
        types = schema.get("type", "anything")
        types = types if isinstance(types, list) else [types]
        named = [f"list of {self.kind(schema.get('items'))}" if kind == "array" else kind for kind in types]
        return " or ".join(named)

    def about(self, schema: Any) -> str:
        """What is known beside the type."""
        notes = [schema.get("description", "")]
        for option in schema.get("oneOf", []):
            if isinstance(option, dict) and not schema.get("description"):
                notes.append(option.get("description", ""))
        bounds = {
            "default": "default", "minimum": "at least", "maximum": "at most", "minLength": "at least this long:",
            "maxLength": "at most this long:", "pattern": "pattern", "format": "format",
        }
        for key, words in bounds.items():
            if key in schema and schema[key] not in ("int32", "int64", "double"):
                notes.append(f"{words} `{json.dumps(schema[key])}`")
        return cell("; ".join(note.strip().rstrip(".;") for note in notes if note and note.strip()))

    def _flat(self, schema: Any) -> tuple[dict[str, Any], set[str]]:
        properties, required = dict(schema.get("properties", {})), set(schema.get("required", []))
        for part in schema.get("allOf", []):
            inner = self.all[part["$ref"].rpartition("/")[2]] if "$ref" in part else part
            more, needed = self._flat(inner)
            properties.update(more)
            required |= needed
        return properties, required

    def page_of(self, names: list[str]) -> str:
        return "\n".join(self.one(name) for name in names)

    def one(self, name: str) -> str:
        schema = self.all[name]
        out = [f"### {name}", "", (schema.get("description") or "").strip(), ""]
        properties, required = self._flat(schema)
        if properties:
            out += ["| field | type | |", "|---|---|---|"]
            for field, inner in properties.items():
                needed = " **required**;" if field in required else ""
                out.append(f"| `{field}` | {self.kind(inner).replace('|', chr(92) + '|')} |{needed} {self.about(inner)} |")
        else:
            out.append(self.kind({key: value for key, value in schema.items() if key != "description"}))
        return "\n".join([*out, ""])

    def reachable(self, first: str) -> list[str]:
        found, waiting = [], [first]
        while waiting:
            name = waiting.pop(0)
            if name not in found:
                found.append(name)
                text = json.dumps(self.all[name])
                waiting += re.findall(r"#/components/schemas/(\w+)", text)
        return found


def workflow(api: Api) -> str:
    schemas = Schemas(api, "workflow.md")
    names = schemas.reachable("Document")
    return (
        "# Workflow documents\n\n"
        "What `POST /api/v1/workflows` takes, `nexus run` reads and export writes, field by field. Made from the schema "
        "that the gateway checks by. What is refused and why: [validation](../validation.md); what can be expressed: "
        "[patterns](../patterns.md).\n\n" + schemas.page_of(names)
    )


def rest(api: Api) -> str:
    schemas = Schemas(api, "rest.md")
    methods = ("get", "post", "put", "patch", "delete")
    routes = [
        (path, method, what[method])
        for path, what in api["paths"].items() for method in methods if method in what
    ]
    tags = list(dict.fromkeys(route["tags"][0] for _, _, route in routes))
    out = ["# REST", "", (api["info"].get("description") or "").strip(), "",
           "Made from `/openapi.json`, which every server has, with a reader at `/docs`.", ""]
    for tag in tags:
        out += [f"## {tag.capitalize()}", ""]
        for path, method, route in routes:
            if route["tags"][0] != tag:
                continue
            out += [f"### {method.upper()} {path}", "", f"**{route.get('summary', '').rstrip('.')}**", "",
                    (route.get("description") or "").strip(), ""]
            parameters = [
                api["components"]["parameters"][p["$ref"].rpartition("/")[2]] if "$ref" in p else p
                for p in route.get("parameters", [])
            ]
            if parameters:
                out += ["| parameter | in | type | |", "|---|---|---|---|"]
                for p in parameters:
                    needed = " **required**;" if p.get("required") else ""
                    out.append(f"| `{p['name']}` | {p['in']} | {schemas.kind(p.get('schema'))} |{needed} {cell(p.get('description'))} |")
                out.append("")
            for kind, body in route.get("requestBody", {}).get("content", {}).items():
                out += [f"Body (`{kind}`): {schemas.kind(body.get('schema'))}", ""]
            out += ["| status | answer | |", "|---|---|---|"]
            for status, answer in route["responses"].items():
                if "$ref" in answer:
                    answer = api["components"]["responses"][answer["$ref"].rpartition("/")[2]]
                kinds = dict.fromkeys(schemas.kind(body.get("schema")) for body in answer.get("content", {}).values())
                out.append(f"| {status} | {' or '.join(kinds)} | {cell(answer.get('description'))} |")
            out.append("")
    return "\n".join([*out, "## Shapes", "", schemas.page_of(sorted(schemas.all))])


# --- gRPC -----------------------------------------------------------------------------------------------------------


def grpc(protos: Path) -> str:
    out = [
        "# gRPC", "",
        "Made from the definitions in `proto/`. Every server describes itself by reflection and answers "
        "`grpc.health.v1`. JSON travels as `google.protobuf.Struct` and `Value`.", "",
    ]
    for path in sorted(protos.rglob("*.proto")):
        out.append(_proto(path.read_text()))
    return "\n".join(out)


def _proto(text: str) -> str:
    package = re.search(r"^package (.+);", text, re.MULTILINE)[1]
    lines = text.splitlines()
    about = []
    for line in lines:
        if not line.startswith("//"):
            break
        about.append(line[2:].strip())
    out = [f"## {package}", "", " ".join(about), ""]
    comment: list[str] = []
    inside: list[str] = []
    seen_syntax = False
    for line in lines:
        bare = line.strip()
        if bare.startswith("syntax"):
            seen_syntax, comment = True, []
        if not seen_syntax:
            continue
        if bare.startswith("//"):
            comment.append(bare[2:].strip())
            continue
        words = cell(" ".join(comment))
        if found := re.match(r"(service|message|enum|oneof) (\w+) \{(\})?", bare):
            kind, name, empty = found.groups()
            if kind != "oneof":
                if out[-1]:
                    out.append("")
                out += [f"### {name}" if kind != "service" else f"### Service {name}", "", "\n\n".join(_paragraphs(comment)), ""]
                if not empty:
                    out += ["| method | |", "|---|---|"] if kind == "service" else ["| field | type | |", "|---|---|---|"]
            if not empty:
                inside.append(kind)
        elif found := re.match(r"rpc (\w+)\((stream )?([\w.]+)\) returns \((stream )?([\w.]+)\)", bare):
            name, up, request, down, response = found.groups()
            out.append(f"| `{name}({'stream ' if up else ''}{request}) → {'stream ' if down else ''}{response}` | {words} |")
        elif found := re.match(r"(optional |repeated )?(map<.+>|[\w.]+) (\w+) = (\d+)", bare):
            label, kind, name, _ = found.groups()
            out.append(f"| `{name}` | {(label or '').strip()} `{kind}` | {words} |")
        elif found := re.match(r"(\w+) = (\d+);", bare):
            out.append(f"| `{found[1]}` | {found[2]} | {words} |")
        elif bare == "}" and inside:
            inside.pop()
        comment = []
    return "\n".join([*out, ""])


def _paragraphs(comment: list[str]) -> list[str]:
    return [" ".join(part.split()) for part in "\n".join(comment).split("\n\n") if part.strip()]


# --- the command line -----------------------------------------------------------------------------------------------


def command_line(help_of: Any) -> str:
    """`help_of(words)` is what the program says to `nexus words --help`."""
    out = ["# Command line", "", "What `nexus … --help` says. Every setting ([configuration](../configuration.md)) that is no "
           "secret is a flag of every command, too; they are left out here.", ""]
    waiting: list[list[str]] = [[]]
    while waiting:
        words = waiting.pop(0)
        text = help_of(words)
        shown = re.sub(r"\nSettings:\n(?:.*\n)*?(?=\n\S|\Z)", "\n", text + "\n").strip()
        out += [f"## nexus {' '.join(words)}".rstrip(), "", "```text", shown, "```", ""]
        if commands := re.search(r"^Commands:\n((?:  .*\n)+)", text, re.MULTILINE):
            names = re.findall(r"^  (\w[\w-]*)", commands[1], re.MULTILINE)
            waiting = [[*words, name] for name in names if name != "help"] + waiting
    return "\n".join(out)
