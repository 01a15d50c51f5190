"""Makes objects of the manifests without kustomize or helm: just what ours use of both, and an error for anything else.
Where `kubectl` or `helm` is installed, the tests compare this with what the real ones say. Not here: what must hold.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

Object = dict[str, Any]
K8S = Path(__file__).resolve().parents[1]

CLUSTER_WIDE = {"Namespace"}
# The one in C, where there is one: there is a lot to read.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(text: str) -> list[Object]:
    return [document for document in yaml.load_all(text, Loader=LOADER) if document]


# --- kustomize ------------------------------------------------------------------------------------------------------

KNOWN = {
    "apiVersion", "kind", "namespace", "resources", "components", "configMapGenerator", "patches", "images", "replicas",
}


def kustomize(folder: Path) -> list[Object]:
    """The objects of a kustomization; ConfigMaps without a hash in their names."""
    return _kustomize(folder, [])


def _kustomize(folder: Path, objects: list[Object]) -> list[Object]:
    what = yaml.safe_load((folder / "kustomization.yaml").read_text())
    if unknown := set(what) - KNOWN:
        raise ValueError(f"{folder}: {unknown} is not understood here")
    for name in what.get("resources", []):
        path = folder / name
        objects += _kustomize(path, []) if path.is_dir() else load(path.read_text())
    for made in what.get("configMapGenerator", []):
        _config_map(objects, made)
    for name in what.get("components", []):
        if yaml.safe_load((folder / name / "kustomization.yaml").read_text())["kind"] != "Component":
            raise ValueError(f"{name} is no component")
        objects = _kustomize(folder / name, objects)
    for patch in what.get("patches", []):
        _patch(objects, patch)
    for image in what.get("images", []):
        _image(objects, image)
    for replicas in what.get("replicas", []):
        for thing in objects:
            if thing["metadata"]["name"] == replicas["name"] and thing["kind"] in ("Deployment", "StatefulSet"):
                thing["spec"]["replicas"] = replicas["count"]
    if namespace := what.get("namespace"):
        for thing in objects:
            if thing["kind"] not in CLUSTER_WIDE:
                thing["metadata"]["namespace"] = namespace
    return objects


def _config_map(objects: list[Object], made: Object) -> None:
    data = dict(literal.split("=", 1) for literal in made["literals"])
    if made.get("behavior") == "merge":
        thing = next(t for t in objects if (t["kind"], t["metadata"]["name"]) == ("ConfigMap", made["name"]))
        thing["data"].update(data)
        return
    metadata = {"name": made["name"], "labels": made.get("options", {}).get("labels", {})}
    objects.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})


def _patch(objects: list[Object], patch: Object) -> None:
    target = patch["target"]
    hit = [
        thing for thing in objects
        if thing["kind"] == target["kind"] and re.fullmatch(target.get("name", ".*"), thing["metadata"]["name"])
    ]
    if not hit:
        raise ValueError(f"nothing to patch: {target}")
    for thing in hit:
        for step in yaml.safe_load(patch["patch"]):
            *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in step["path"].split("/")[1:]]
            place: Any = thing
            for parent in parents:
                place = place[int(parent)] if isinstance(place, list) else place[parent]
            if (step["op"], last) == ("add", "-"):
                place.append(copy.deepcopy(step["value"]))
                continue
            key: Any = int(last) if isinstance(place, list) else last
            if step["op"] == "remove":
                del place[key]
            elif step["op"] == "replace":
                place[key]  # must be there
                place[key] = copy.deepcopy(step["value"])
            elif step["op"] == "add" and isinstance(place, dict):
                place[key] = copy.deepcopy(step["value"])
            else:
                raise ValueError(f"{step['op']} is not understood here")


def _image(objects: list[Object], image: Object) -> None:
    for thing in objects:
        for container in containers(thing):
            name, _, tag = container["image"].rpartition(":")
            if name == image["name"]:
                container["image"] = f"{image.get('newName', name)}:{image.get('newTag', tag)}"


# --- helm -----------------------------------------------------------------------------------------------------------

TOKEN = re.compile(r"\{\{(-?)\s*(.*?)\s*\}\}")


def helm(chart: Path, values: Object) -> list[Object]:
    """The objects of the chart with these values over its own."""
    merged = _merge(yaml.safe_load((chart / "values.yaml").read_text()), values)
    about = yaml.safe_load((chart / "Chart.yaml").read_text())
    context = {"Values": merged, "Release": {"Revision": 1, "Namespace": "nexus"}, "Chart": {"AppVersion": about["appVersion"]}}
    objects: list[Object] = []
    for path in sorted((chart / "templates").glob("*.yaml")):
        objects += load(_template(path.read_text(), context))
    _template((chart / "templates" / "NOTES.txt").read_text(), context)
    return objects


def _merge(under: Any, over: Any) -> Any:
    if isinstance(under, dict) and isinstance(over, dict):
        return {key: _merge(under.get(key), over[key]) if key in over else under[key] for key in {**under, **over}}
    return over


def _template(text: str, context: Object) -> str:
    out, skipping, place = [], [], 0
    for found in TOKEN.finditer(text):
        before = text[place : found.start()]
        place = found.end()
        if not any(skipping):
            out.append(before.rstrip() if found[1] else before)
        words = found[2]
        if words.startswith("if "):
            negated, path = re.fullmatch(r"if (not )?(\S+)", words).groups()
            skipping.append(bool(_value(path, context)) == bool(negated))
        elif words == "end":
            skipping.pop()
        elif not any(skipping):
            out.append(_expression(words, context))
    if skipping:
        raise ValueError("`if` without `end`")
    return "".join(out) + text[place:]


def _value(path: str, context: Object) -> Any:
    value: Any = context
    for part in path.lstrip(".").split("."):
        value = value[part]
    return value


def _expression(words: str, context: Object) -> str:
    first, *filters = [part.strip() for part in words.split("|")]
    function, _, path = first.rpartition(" ")
    value: Any = _value(path, context)
    if function == "toYaml":
        value = yaml.safe_dump(value, sort_keys=False).rstrip()
    elif function == "toJson":
        value = json.dumps(value, sort_keys=True, separators=(",", ":"))
    elif function:
        raise ValueError(f"{function} is not understood here")
    for name in filters:
        if name == "quote":
            value = json.dumps(str(value))
        elif name == "sha256sum":
            value = hashlib.sha256(value.encode()).hexdigest()
        elif indent := re.fullmatch(r"nindent (\d+)", name):
            value = "\n" + "\n".join(" " * int(indent[1]) + line for line in value.splitlines())
        else:
            raise ValueError(f"{name} is not understood here")
    return str(value)


# --- the real ones --------------------------------------------------------------------------------------------------


def real_kustomize(folder: Path) -> list[Object] | None:
    """What kustomize itself says, if it is installed."""
    for command in (["kustomize", "build"], ["kubectl", "kustomize"]):
        if shutil.which(command[0]):
            done = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=False)
            if done.returncode:
                raise ValueError(done.stderr)
            return load(done.stdout)
    return None


def real_helm(chart: Path, values: Object) -> list[Object] | None:
    """What helm itself says, if it is installed."""
    if not shutil.which("helm"):
        return None
    command = ["helm", "template", "nexus", str(chart), "--values", "-"]
    done = subprocess.run(command, input=yaml.safe_dump(values), capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(done.stderr)
    return load(done.stdout)


# --- objects --------------------------------------------------------------------------------------------------------


def template(thing: Object) -> Object | None:
    """The pod template of a workload."""
    return thing["spec"]["template"] if thing["kind"] in ("Deployment", "StatefulSet", "DaemonSet", "Job") else None


def containers(thing: Object) -> list[Object]:
    pod = template(thing)
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]] if pod else []


def comparable(objects: list[Object]) -> dict[tuple[str, str], Object]:
    """By kind and name, without what the ways of deploying name differently on purpose."""
    text = json.dumps([thing for thing in objects if thing["kind"] != "Namespace"])
    # The hash behind a generated ConfigMap's name, the number of the release behind the Job's.
    text = re.sub(r'("name": "nexus)-[a-z0-9]{10}"', r'\1"', text)
    text = re.sub(r'"nexus-migrate-\d+"', '"nexus-migrate"', text)
    found = {}
    for thing in json.loads(text):
        thing["metadata"].pop("namespace", None)
        if pod := template(thing):
            annotations = pod["metadata"].get("annotations", {})
            annotations.pop("config-checksum", None)
            if not annotations:
                pod["metadata"].pop("annotations", None)
            # The same as if it were not there.
            for key in ("imagePullSecrets",):
                if not pod["spec"].get(key):
                    pod["spec"].pop(key, None)
        if thing["kind"] == "NetworkPolicy":
            for rules in ("ingress", "egress"):
                if thing["spec"].get(rules) is None and rules.capitalize() in thing["spec"]["policyTypes"]:
                    thing["spec"][rules] = []
        found[thing["kind"], thing["metadata"]["name"]] = thing
    return found
