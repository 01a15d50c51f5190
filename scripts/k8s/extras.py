"""What not every cluster needs: stores that run in it, autoscaling by the queue, monitoring, a way in. Each is a
kustomize component, and a switch `NAME.enabled` of the chart. Not here: the roles (`source.py`).
"""

from __future__ import annotations

from typing import Any

from policies import namespace, of, pods, policy, tcp
from source import RESTRICTED, ROLES, SECRET, Value, account, labels, meta, pod_security, resources

KEDA = Value("keda.fromNamespace", "keda")


def headless(component: str, *ports: tuple[str, int]) -> dict[str, Any]:
    return {
        "apiVersion": "v1", "kind": "Service", "metadata": meta(component),
        "spec": {
            "selector": labels(component),
            "ports": [{"name": name, "port": port, "targetPort": name} for name, port in ports],
        },
    }


def store(
    component: str, kind: str, user: int, container: dict[str, Any], writable: list[str], size: Value | None,
    mount: str | None,
) -> dict[str, Any]:
    volumes = [{"name": f"scratch-{n}", "emptyDir": {"sizeLimit": "256Mi"}} for n in range(len(writable))]
    mounts = [{"name": f"scratch-{n}", "mountPath": path} for n, path in enumerate(writable)]
    if mount:
        mounts.append({"name": "data", "mountPath": mount})
    spec: dict[str, Any] = {
        "serviceAccountName": f"nexus-{component}", "automountServiceAccountToken": False,
        "enableServiceLinks": False, "terminationGracePeriodSeconds": 60, "securityContext": pod_security(user),
        "containers": [{"name": component, **container, "securityContext": RESTRICTED, "volumeMounts": mounts}],
        "volumes": volumes,
    }
    body: dict[str, Any] = {
        "replicas": 1,
        "selector": {"matchLabels": labels(component)},
        "template": {"metadata": {"labels": labels(component)}, "spec": spec},
    }
    if kind == "StatefulSet":
        body["serviceName"] = f"nexus-{component}"
        claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
        body["volumeClaimTemplates"] = [{"metadata": {"name": "data"}, "spec": claim}]
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": meta(component), "spec": body}


def probes(ask: dict[str, Any]) -> dict[str, Any]:
    return {
        "startupProbe": {**ask, "periodSeconds": 2, "failureThreshold": 60, "timeoutSeconds": 3},
        "readinessProbe": {**ask, "periodSeconds": 5, "failureThreshold": 3, "timeoutSeconds": 3},
        "livenessProbe": {**ask, "periodSeconds": 10, "failureThreshold": 6, "timeoutSeconds": 5},
    }


def postgres() -> list[dict[str, Any]]:
    container = {
        "image": Value("postgres.image", "postgres:18.6-trixie"),
        "ports": [{"name": "postgres", "containerPort": 5432}],
        "env": [
            {"name": "POSTGRES_USER", "value": "nexus"},
            {"name": "POSTGRES_DB", "value": "nexus"},
            {
                "name": "POSTGRES_PASSWORD",
                "valueFrom": {"secretKeyRef": {"name": SECRET, "key": "postgres-password"}},
            },
        ],
        **probes({"exec": {"command": ["pg_isready", "--username=nexus", "--dbname=nexus", "--host=127.0.0.1"]}}),
        "resources": Value("postgres.resources", resources("250m", "512Mi", "2", "2Gi")),
    }
    return [
        account("postgres"),
        headless("postgres", ("postgres", 5432)),
        store(
            "postgres", "StatefulSet", 999, container, ["/tmp", "/var/run/postgresql"],
            Value("postgres.storage", "20Gi"), "/var/lib/postgresql",
        ),
        policy(
            "nexus-postgres", {"matchLabels": labels("postgres")},
            ingress=[{"from": [pods(**{"uses-postgres": "true"}), namespace(KEDA)], "ports": tcp(5432)}],
        ),
    ]


def nats() -> list[dict[str, Any]]:
    container = {
        "image": Value("nats.image", "nats:2.12.15-alpine"),
        # Wake-ups and live events only: no JetStream, nothing to keep. Without it things take up to a second longer.
        "args": ["--http_port", "8222"],
        "ports": [{"name": "nats", "containerPort": 4222}, {"name": "monitor", "containerPort": 8222}],
        **probes({"httpGet": {"path": "/healthz", "port": "monitor"}}),
        "resources": Value("nats.resources", resources("50m", "32Mi", "1", "256Mi")),
    }
    return [
        account("nats"),
        headless("nats", ("nats", 4222)),
        store("nats", "Deployment", 65534, container, ["/tmp"], None, None),
        policy(
            "nexus-nats", {"matchLabels": labels("nats")},
            ingress=[{"from": [pods(**{"uses-nats": "true"})], "ports": tcp(4222)}],
        ),
    ]


def qdrant() -> list[dict[str, Any]]:
    container = {
        "image": Value("qdrant.image", "qdrant/qdrant:v1.19.0-unprivileged"),
        "ports": [{"name": "http", "containerPort": 6333}, {"name": "grpc", "containerPort": 6334}],
        "env": [
            {"name": "QDRANT__TELEMETRY_DISABLED", "value": "true"},
            {"name": "QDRANT__STORAGE__SNAPSHOTS_PATH", "value": "/qdrant/storage/snapshots"},
            {"name": "QDRANT_INIT_FILE_PATH", "value": "/tmp/initialized"},
            {
                "name": "QDRANT__SERVICE__API_KEY",
                "valueFrom": {"secretKeyRef": {"name": SECRET, "key": "qdrant-api-key", "optional": True}},
            },
        ],
        **probes({"httpGet": {"path": "/readyz", "port": "http"}}),
        "resources": Value("qdrant.resources", resources("250m", "512Mi", "2", "2Gi")),
    }
    return [
        account("qdrant"),
        headless("qdrant", ("grpc", 6334)),
        store(
            "qdrant", "StatefulSet", 1000, container, ["/tmp"], Value("qdrant.storage", "20Gi"), "/qdrant/storage",
        ),
        policy(
            "nexus-qdrant", {"matchLabels": labels("qdrant")},
            ingress=[{"from": [pods(**{"uses-qdrant": "true"})], "ports": tcp(6334)}],
        ),
    ]


def keda() -> list[dict[str, Any]]:
    """As many executors as the queue needs: the database is the queue, so it is asked."""
    return [
        {
            "apiVersion": "keda.sh/v1alpha1", "kind": "TriggerAuthentication", "metadata": meta("executor"),
            "spec": {"secretTargetRef": [{"parameter": "connection", "name": SECRET, "key": "database-url"}]},
        },
        {
            "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": meta("executor"),
            "spec": {
                "scaleTargetRef": {"name": "nexus-executor"},
                "pollingInterval": 10,
                "minReplicaCount": Value("executor.minReplicas", 2),
                "maxReplicaCount": Value("executor.maxReplicas", 20),
                "advanced": {
                    "horizontalPodAutoscalerConfig": {
                        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 300}}
                    }
                },
                "triggers": [
                    {
                        "type": "postgresql",
                        "authenticationRef": {"name": "nexus-executor"},
                        "metadata": {
                            "query": "SELECT count(*) FROM executions WHERE status IN ('queued', 'running')",
                            # An executor takes up to 512 executions at a time; half of that leaves room.
                            "targetQueryValue": Value("executor.executionsPerPod", "256"),
                        },
                    }
                ],
            },
        },
    ]


def monitoring() -> list[dict[str, Any]]:
    return [
        {
            "apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor", "metadata": meta("metrics"),
            "spec": {
                "selector": {
                    "matchLabels": {"app.kubernetes.io/name": "nexus"},
                    "matchExpressions": [
                        {
                            "key": "app.kubernetes.io/component", "operator": "In",
                            "values": [role.name for role in ROLES],
                        }
                    ],
                },
                "targetLabels": ["app.kubernetes.io/component"],
                "endpoints": [{"port": "metrics", "path": "/metrics", "interval": "30s"}],
            },
        }
    ]


def ingress() -> list[dict[str, Any]]:
    host = Value("ingress.host", "nexus.example.com")
    backend = {"service": {"name": "nexus-gateway", "port": {"name": "http"}}}
    return [
        {
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
            "metadata": meta(
                "gateway",
                annotations=Value(
                    "ingress.annotations",
                    {
                        # WebSockets and server-sent events live as long as a run and may be silent for long.
                        "nginx.ingress.kubernetes.io/proxy-read-timeout": "3600",
                        "nginx.ingress.kubernetes.io/proxy-send-timeout": "3600",
                        "nginx.ingress.kubernetes.io/proxy-buffering": "off",
                        "nginx.ingress.kubernetes.io/proxy-body-size": "2m",
                        "haproxy.org/timeout-tunnel": "1h",
                        "haproxy.org/timeout-server": "1h",
                    },
                ),
            ),
            "spec": {
                "ingressClassName": Value("ingress.className", "nginx"),
                "tls": [{"hosts": [host], "secretName": Value("ingress.tlsSecret", "nexus-tls")}],
                "rules": [{"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}],
            },
        }
    ]


EXTRAS = {
    "postgres": postgres, "nats": nats, "qdrant": qdrant, "keda": keda, "monitoring": monitoring, "ingress": ingress,
}
# What the chart has switched on unless told otherwise: what runs without operators in the cluster.
ENABLED = {"postgres": True, "nats": True, "qdrant": True, "keda": False, "monitoring": False, "ingress": False}
