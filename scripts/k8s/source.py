"""What Nexus is under Kubernetes, said once: roles, who calls whom, objects. `write.py` makes the kustomize base and
components and the Helm chart of it. Not here: how they are written.

A `Value` is something that the chart lets people set; its default is what kustomize gets.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
VERSION = re.search(r'^version = "(.+?)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE).group(1)


@dataclass(frozen=True)
class Value:
    """A setting of the chart, by its path in values.yaml."""

    path: str
    default: Any


@dataclass(frozen=True)
class Maybe:
    """A setting of the chart without a default: as long as nobody sets it, its key is not there."""

    path: str


@dataclass(frozen=True)
class Text:
    """A text made of settings: `{}` stands for each in turn."""

    form: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Role:
    """A service of the mesh."""

    name: str
    port: int
    # Which of the stores and what else it reaches.
    uses: tuple[str, ...]
    calls: tuple[str, ...]
    resources: dict[str, Any]
    replicas: int = 2
    http: bool = False


def resources(cpu: str, memory: str, most_cpu: str, most_memory: str) -> dict[str, Any]:
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"cpu": most_cpu, "memory": most_memory}}


ROLES = [
    Role("planner", 50051, ("postgres",), (), resources("50m", "64Mi", "1", "512Mi")),
    Role(
        "executor", 50052, ("postgres", "nats", "internet"), ("llm-gateway", "memory", "scraper"),
        resources("250m", "256Mi", "2", "1Gi"),
    ),
    Role("llm-gateway", 50053, ("postgres", "internet"), (), resources("100m", "128Mi", "2", "1Gi")),
    Role("memory", 50054, ("qdrant",), ("llm-gateway",), resources("50m", "128Mi", "1", "512Mi")),
    # Up to eight sandboxes at a time (NEXUS_SCRAPER_PARALLEL and three), 512 MB and a core for 30 s each.
    Role(
        "scraper", 50055, ("postgres", "nats", "internet"), ("llm-gateway",),
        resources("500m", "1Gi", "2", "5Gi"),
    ),
    Role(
        "gateway", 8080, (), ("planner", "executor", "llm-gateway", "memory", "scraper"),
        resources("100m", "128Mi", "2", "512Mi"), http=True,
    ),
]
BY_NAME = {role.name: role for role in ROLES}
SCALED_BY_CPU = ("gateway", "llm-gateway", "scraper")

# Every connection goes to one pod of a Service and stays there; several of them spread the load, and one whose pod
# has gone is passed over.
CONNECTIONS = 4


def peers(role: str) -> str:
    return ",".join([f"http://nexus-{role}:{BY_NAME[role].port}"] * CONNECTIONS)


# Where every role shows its metrics, without a key: only Prometheus is let in.
METRICS = 9464

# What all roles share and is no secret.
CONFIG = {
    "LOG_LEVEL": "info",
    "LOG_FORMAT": "json",
    "NEXUS_METRICS_ADDR": f":{METRICS}",
    "NATS_URL": "nats://nexus-nats:4222",
    "QDRANT_URL": "http://nexus-qdrant:6334",
    "NEXUS_PLANNER_URL": peers("planner"),
    "NEXUS_EXECUTOR_URL": peers("executor"),
    "NEXUS_LLM_GATEWAY_URL": peers("llm-gateway"),
    "NEXUS_MEMORY_URL": peers("memory"),
    "NEXUS_SCRAPER_URL": peers("scraper"),
    "NEXUS_SANDBOX_MIN_TIER": "C",
}

# Setting, key of the Secret, whether it may be missing, and who gets it.
SECRETS = [
    ("NEXUS_API_KEYS", "api-keys", True, [role.name for role in ROLES]),
    ("DATABASE_URL", "database-url", False, [role.name for role in ROLES if "postgres" in role.uses] + ["migrate"]),
    # With a user and a password it is a secret, and wins over the one without.
    ("NATS_URL", "nats-url", True, [role.name for role in ROLES if "nats" in role.uses]),
    ("NEXUS_MESH_KEY", "mesh-key", True, [role.name for role in ROLES]),
    ("NEXUS_SECRETS_KEY", "secrets-key", True, ["executor"]),
    ("OPENAI_API_KEY", "openai-api-key", True, ["llm-gateway"]),
    ("ANTHROPIC_API_KEY", "anthropic-api-key", True, ["llm-gateway"]),
    ("QDRANT_API_KEY", "qdrant-api-key", True, ["memory"]),
]

SECRET = Value("secret", "nexus")
PULL = Value("image.pullPolicy", "IfNotPresent")

# Addresses that are not public: what tools and scrapers must not reach, even if somebody deceives the egress rules.
PRIVATE = ["10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"]
PRIVATE_V6 = ["fc00::/7", "fe80::/10"]


def image(role: str) -> Text:
    name = ("image.scraper", "nexus-scraper") if role == "scraper" else ("image.name", "nexus")
    return Text("{}:{}", (Value(*name), Value("image.tag", VERSION)))


def labels(component: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": "nexus", "app.kubernetes.io/component": component}


def meta(component: str, name: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "name": name or f"nexus-{component}",
        "labels": {**labels(component), "app.kubernetes.io/part-of": "nexus"},
        **more,
    }


RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def pod_security(user: int) -> dict[str, Any]:
    return {
        "runAsNonRoot": True, "runAsUser": user, "runAsGroup": user, "fsGroup": user,
        "fsGroupChangePolicy": "OnRootMismatch", "seccompProfile": {"type": "RuntimeDefault"},
    }


def environment(who: str) -> list[dict[str, Any]]:
    """The secrets of a role or of the migration."""
    found = []
    for setting, key, optional, whose in SECRETS:
        if who in whose:
            reference = {"name": SECRET, "key": key}
            if optional:
                reference["optional"] = True
            found.append({"name": setting, "valueFrom": {"secretKeyRef": reference}})
    return found


def probes(role: Role) -> dict[str, Any]:
    # A gateway lives and takes requests even if one of its services is down: it says so in each answer, and in
    # /readyz, which is for people and alarms. Taking all gateways out at once would help nobody.
    ask = {"httpGet": {"path": "/healthz", "port": "http"}} if role.http else {"grpc": {"port": role.port}}
    # Says that the process works, whatever its dependencies do: restarting it would not mend those.
    live = ask if role.http else {"grpc": {"port": role.port, "service": "nexus.live"}}
    return {
        # A role waits for its database for 30 s before it gives up.
        "startupProbe": {**ask, "periodSeconds": 2, "failureThreshold": 60, "timeoutSeconds": 2},
        "readinessProbe": {**ask, "periodSeconds": 5, "failureThreshold": 2, "timeoutSeconds": 2},
        "livenessProbe": {**live, "periodSeconds": 10, "failureThreshold": 6, "timeoutSeconds": 5},
    }


def spread(component: str) -> list[dict[str, Any]]:
    return [
        {
            "maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": labels(component)},
        }
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]


def key(role: Role) -> str:
    """The role's name in values.yaml."""
    head, *rest = role.name.split("-")
    return head + "".join(part.capitalize() for part in rest)


def deployment(role: Role) -> dict[str, Any]:
    listen = "NEXUS_HTTP_ADDR" if role.http else "NEXUS_GRPC_ADDR"
    # Pods are replaced when settings change. Kustomize sees to that by the name of the ConfigMap.
    annotations: dict[str, Any] = {"config-checksum": CHECKSUM}
    pod_labels = {**labels(role.name), **{f"uses-{used}": "true" for used in role.uses}}
    spec: dict[str, Any] = {
        "serviceAccountName": f"nexus-{role.name}",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        # Five seconds until nobody sends requests any more, 28 for draining, and some to spare.
        "terminationGracePeriodSeconds": 40,
        "imagePullSecrets": Maybe("image.pullSecrets"),
        "securityContext": pod_security(65532),
        "topologySpreadConstraints": spread(role.name),
        "containers": [
            {
                "name": role.name,
                "image": image(role.name),
                "imagePullPolicy": PULL,
                "args": ["serve", role.name],
                "ports": [
                    {"name": "http" if role.http else "grpc", "containerPort": role.port},
                    {"name": "metrics", "containerPort": METRICS},
                ],
                "envFrom": [{"configMapRef": {"name": "nexus"}}],
                "env": [{"name": listen, "value": f":{role.port}"}, *environment(role.name)],
                **probes(role),
                "lifecycle": {"preStop": {"sleep": {"seconds": 5}}},
                "resources": Value(f"{key(role)}.resources", role.resources),
                "securityContext": RESTRICTED,
                "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
            }
        ],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "1Gi" if role.name == "scraper" else "64Mi"}}],
    }
    if role.name == "scraper":
        spec["runtimeClassName"] = Maybe("scraper.runtimeClassName")
        annotations["sandbox"] = (
            "Tier C: Landlock and seccomp, which need no right that Pod Security \"restricted\" forbids. Namespaces "
            "(tier B) would. A RuntimeClass with a kernel of its own puts a second wall around it."
        )
    body: dict[str, Any] = {
        "revisionHistoryLimit": 3,
        "selector": {"matchLabels": labels(role.name)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "template": {"metadata": {"labels": pod_labels, "annotations": annotations}, "spec": spec},
    }
    # Where something else decides how many there are, saying it here would undo that at every apply.
    if role.name == "executor":
        body = {"replicas": EXECUTORS, **body}
    elif role.name not in SCALED_BY_CPU:
        body = {"replicas": Value(f"{key(role)}.replicas", role.replicas), **body}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta(role.name), "spec": body}


# What the chart says in words of its own (`write.py`): a checksum of the settings; how many executors there are,
# unless KEDA decides; a name that no other release has.
CHECKSUM = Maybe("@checksum")
EXECUTORS = Value("@executors", 2)
MIGRATION = Value("@migration", "nexus-migrate")


def service(role: Role) -> dict[str, Any]:
    port = {"name": "http" if role.http else "grpc", "port": role.port, "targetPort": "http" if role.http else "grpc"}
    if not role.http:
        port["appProtocol"] = "kubernetes.io/h2c"
    return {
        "apiVersion": "v1", "kind": "Service", "metadata": meta(role.name),
        "spec": {
            "selector": labels(role.name),
            "ports": [port, {"name": "metrics", "port": METRICS, "targetPort": "metrics"}],
        },
    }


def account(component: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta(component),
        "automountServiceAccountToken": False,
    }


def disruption(role: Role) -> dict[str, Any]:
    return {
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": meta(role.name),
        "spec": {
            "maxUnavailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": labels(role.name)},
        },
    }


def autoscaler(role: Role) -> dict[str, Any]:
    cpu = {"type": "Utilization", "averageUtilization": 70}
    return {
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": meta(role.name),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": f"nexus-{role.name}"},
            "minReplicas": Value(f"{key(role)}.minReplicas", 2),
            "maxReplicas": Value(f"{key(role)}.maxReplicas", 10),
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": cpu}}],
            # A pod that goes gives its work back; no need to hurry.
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 300}},
        },
    }


def migration() -> dict[str, Any]:
    return {
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": meta(
            "migrate",
            name=MIGRATION,
            # A Job cannot be changed; tools that apply this again shall replace it.
            annotations={
                "argocd.argoproj.io/hook": "Sync",
                "argocd.argoproj.io/hook-delete-policy": "BeforeHookCreation",
                "kustomize.toolkit.fluxcd.io/force": "enabled",
            },
        ),
        "spec": {
            "backoffLimit": 10, "activeDeadlineSeconds": 600, "ttlSecondsAfterFinished": 86400,
            "template": {
                "metadata": {"labels": {**labels("migrate"), "uses-postgres": "true"}},
                "spec": {
                    "serviceAccountName": "nexus-migrate", "automountServiceAccountToken": False,
                    "enableServiceLinks": False, "restartPolicy": "Never", "securityContext": pod_security(65532),
                    "imagePullSecrets": Maybe("image.pullSecrets"),
                    "containers": [
                        {
                            "name": "migrate", "image": image("migrate"), "imagePullPolicy": PULL,
                            "args": ["migrate"], "env": environment("migrate"),
                            "resources": resources("50m", "64Mi", "1", "256Mi"), "securityContext": RESTRICTED,
                        }
                    ],
                },
            },
        },
    }



def base() -> dict[str, list[dict[str, Any]]]:
    """The objects of the base, by the name of their file."""
    from policies import policies

    files: dict[str, list[dict[str, Any]]] = {}
    for role in ROLES:
        files[role.name] = [account(role.name), service(role), deployment(role), disruption(role)]
        if role.name in SCALED_BY_CPU:
            files[role.name].append(autoscaler(role))
    files["migrate"] = [account("migrate"), migration()]
    files["network-policies"] = policies()
    return files
