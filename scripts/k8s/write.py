"""Writes k8s/base, k8s/components and k8s/chart from `source.py` and `extras.py`:

    python3 scripts/k8s/write.py            # into k8s/
    python3 scripts/k8s/write.py FOLDER     # elsewhere, which is how a test sees whether k8s/ is current

Needs PyYAML. Not here: overlays, which are written by hand.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent))

import extras  # noqa: E402
import mesh_tls  # noqa: E402
import source  # noqa: E402
from source import CONFIG, ROOT, VERSION, Maybe, Text, Value, labels, meta  # noqa: E402

MADE = "# Made by scripts/k8s/write.py from scripts/k8s/*.py: change those, not this.\n"

# What the chart says in words of its own.
OWN = {
    "@checksum": "{{ toJson .Values.config | sha256sum }}",
    "@executors": "{{ .Values.executor.replicas }}",
    "@migration": "nexus-migrate-{{ .Release.Revision }}",
}

COMMENTS = {
    "image": "The images; `docker build` makes them (see Dockerfile). Name them with your registry in front.",
    "secret": "A Secret that you make: docs/deploy.md says which keys it has.",
    "config": "Settings that are no secrets, by their names in docs/configuration.md. Values are texts.",
    "internet": "Ports that executors (HTTP tools), llm-gateway (providers) and scrapers may reach at public addresses.",
    "postgres": "enabled: one in the cluster, without replication or backups. Else say in `to` where yours is.",
    "nats": "enabled: one in the cluster.",
    "qdrant": "enabled: one in the cluster.",
    "keda": "enabled: KEDA decides how many executors there are, by the length of the queue.",
    "monitoring": "enabled: a ServiceMonitor for the Prometheus operator.",
    "ingress": "enabled: an Ingress; WebSockets need the long timeouts.",
    "scraper": "runtimeClassName: a second wall around the sandbox, e.g. `kata`.",
}


def plain(thing: Any) -> Any:
    """With every setting at its default."""
    if isinstance(thing, Value):
        return plain(thing.default)
    if isinstance(thing, Text):
        return thing.form.format(*[plain(value) for value in thing.values])
    if isinstance(thing, dict):
        return {name: plain(value) for name, value in thing.items() if not isinstance(value, Maybe)}
    if isinstance(thing, (list, tuple)):
        return [plain(value) for value in thing]
    return thing


class Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        return super().increase_indent(flow, False)


def dump(thing: Any) -> str:
    return yaml.dump(thing, Dumper=Dumper, sort_keys=False, width=118, allow_unicode=True)


def documents(objects: list[dict[str, Any]], written: Any) -> str:
    return "---\n".join(written(thing) for thing in objects)


class Chart:
    """Objects as templates, and the values that they name."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.marks: list[Value | Maybe] = []

    def _note(self, path: str, default: Any) -> None:
        *parents, last = path.split(".")
        place = self.values
        for parent in parents:
            place = place.setdefault(parent, {})
        default = plain(default)
        if place.setdefault(last, default) != default:
            raise SystemExit(f"{path} has two defaults")

    def _mark(self, value: Value | Maybe) -> str:
        if not value.path.startswith("@"):
            self._note(value.path, value.default if isinstance(value, Value) else None)
        self.marks.append(value)
        return f"MARK{len(self.marks) - 1}KRAM"

    def _marked(self, thing: Any) -> Any:
        if isinstance(thing, (Value, Maybe)):
            return self._mark(thing)
        if isinstance(thing, Text):
            return thing.form.format(*[self._mark(value) for value in thing.values])
        if isinstance(thing, dict):
            return {name: self._marked(value) for name, value in thing.items()}
        if isinstance(thing, (list, tuple)):
            return [self._marked(value) for value in thing]
        return thing

    def template(self, thing: dict[str, Any]) -> str:
        return "".join(self._line(line) for line in dump(self._marked(thing)).splitlines(keepends=True))

    def _line(self, line: str) -> str:
        marks = [self.marks[int(number)] for number in re.findall(r"MARK(\d+)KRAM", line)]
        if not marks:
            return line
        head, indent = re.match(r"^((\s*)(?:- )?(?:[^\s:]+: )?)", line).group(1, 2)
        if len(marks) > 1:
            text = re.sub(r"MARK(\d+)KRAM", lambda found: f"{{{{ .Values.{self.marks[int(found[1])].path} }}}}", line)
            return f'{head}"{text[len(head):].strip()}"\n'
        mark = marks[0]
        where = f".Values.{mark.path}"
        own = OWN.get(mark.path)
        if own:
            line = f"{head}{own}\n"
            only = "not .Values.keda.enabled" if mark.path == "@executors" else None
        elif isinstance(mark, Maybe):
            if mark.path.endswith("Secrets"):
                line = f"{head.rstrip()}\n{indent}  {{{{- toYaml {where} | nindent {len(indent) + 2} }}}}\n"
            else:
                line = f"{head}{{{{ {where} | quote }}}}\n"
            only = where
        elif isinstance(mark.default, (dict, list)):
            line = f"{head.rstrip()}\n{indent}  {{{{- toYaml {where} | nindent {len(head) - len(head.lstrip(' -')) + 2} }}}}\n"
            only = None
        else:
            line = f"{head}{{{{ {where}{' | quote' if isinstance(mark.default, str) else ''} }}}}\n"
            only = None
        return f"{indent}{{{{- if {only} }}}}\n{line}{indent}{{{{- end }}}}\n" if only else line


def write_kustomize(out: Path) -> None:
    base = out / "base"
    base.mkdir(parents=True)
    namespace = {
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {
            "name": "nexus",
            "labels": {
                f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")
            },
        },
    }
    (base / "namespace.yaml").write_text(MADE + dump(namespace))
    files = source.base()
    for name, objects in files.items():
        (base / f"{name}.yaml").write_text(MADE + documents(objects, lambda thing: dump(plain(thing))))
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "namespace": "nexus",
        "resources": ["namespace.yaml", *[f"{name}.yaml" for name in files]],
        "configMapGenerator": [
            {
                "name": "nexus",
                "literals": [f"{name}={value}" for name, value in CONFIG.items()],
                "options": {"labels": {**labels("config"), "app.kubernetes.io/part-of": "nexus"}},
            }
        ],
    }
    (base / "kustomization.yaml").write_text(MADE + dump(kustomization))
    for name, objects in extras.EXTRAS.items():
        folder = out / "components" / name
        folder.mkdir(parents=True)
        (folder / f"{name}.yaml").write_text(MADE + documents(objects(), lambda thing: dump(plain(thing))))
        component: dict[str, Any] = {
            "apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component", "resources": [f"{name}.yaml"],
        }
        if name == "keda":
            # Saying how many there are would undo at every apply what KEDA has decided.
            component["patches"] = [
                {
                    "target": {"kind": "Deployment", "name": "nexus-executor"},
                    "patch": dump([{"op": "remove", "path": "/spec/replicas"}]),
                }
            ]
        (folder / "kustomization.yaml").write_text(MADE + dump(component))
    folder = out / "components" / "mesh-tls"
    folder.mkdir()
    (folder / "mesh-tls.yaml").write_text(MADE + documents(mesh_tls.objects(), dump))
    component = {
        "apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component", "resources": ["mesh-tls.yaml"],
        "configMapGenerator": [
            {"name": "nexus", "behavior": "merge", "literals": [f"{n}={v}" for n, v in mesh_tls.settings().items()]}
        ],
        "patches": [
            {"target": {"kind": "Deployment", "name": name}, "patch": dump(steps)} for name, steps in mesh_tls.patches()
        ],
    }
    (folder / "kustomization.yaml").write_text(MADE + dump(component))


def write_chart(out: Path) -> None:
    templates = out / "chart" / "templates"
    templates.mkdir(parents=True)
    chart = Chart()
    chart.values = {
        "image": {"name": "nexus", "scraper": "nexus-scraper", "tag": VERSION}, "secret": "nexus", "config": dict(CONFIG),
        "executor": {"replicas": 2},
    }
    config = (
        dump({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("config", name="nexus")})
        + "data:\n  {{- toYaml .Values.config | nindent 2 }}\n"
    )
    (templates / "config.yaml").write_text(MADE + config)
    for name, objects in source.base().items():
        (templates / f"{name}.yaml").write_text(MADE + documents(objects, chart.template))
    for name, objects in extras.EXTRAS.items():
        chart.values.setdefault(name, {})
        chart.values[name] = {"enabled": extras.ENABLED[name], **chart.values[name]}
        text = documents(objects(), chart.template)
        (templates / f"{name}.yaml").write_text(f"{MADE}{{{{- if .Values.{name}.enabled }}}}\n{text}{{{{- end }}}}\n")
    about = {
        "apiVersion": "v2", "name": "nexus", "type": "application", "version": VERSION, "appVersion": VERSION,
        "description": "Nexus: durable AI workflows, priced call by call", "kubeVersion": ">=1.30.0-0",
    }
    (out / "chart" / "Chart.yaml").write_text(MADE + dump(about))
    blocks = [
        (f"# {COMMENTS[name]}\n" if name in COMMENTS else "") + dump({name: value})
        for name, value in chart.values.items()
    ]
    (out / "chart" / "values.yaml").write_text(MADE + "\n" + "\n".join(blocks))
    (templates / "NOTES.txt").write_text(
        "Nexus {{ .Chart.AppVersion }}: the pods become ready once the Job nexus-migrate-{{ .Release.Revision }} has run.\n"
        "\n"
        "  kubectl --namespace {{ .Release.Namespace }} port-forward service/nexus-gateway 8080\n"
        "\n"
        "The namespace should enforce Pod Security \"restricted\":\n"
        "  kubectl label namespace {{ .Release.Namespace }} pod-security.kubernetes.io/enforce=restricted\n"
    )


def main() -> None:
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "k8s"
    for folder in ("base", "components", "chart"):
        shutil.rmtree(out / folder, ignore_errors=True)
    write_kustomize(out)
    write_chart(out)


if __name__ == "__main__":
    main()
