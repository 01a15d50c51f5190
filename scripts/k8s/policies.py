"""Who may talk to whom: everything is forbidden, and then every edge of the mesh is allowed, on both of its ends. Not
here: the policies of stores that run in the cluster (`extras.py`).
"""

from __future__ import annotations

from typing import Any

from source import BY_NAME, METRICS, PRIVATE, PRIVATE_V6, ROLES, Value, labels, meta

# Namespaces whose pods may reach the gateway, and the metrics of all roles.
INGRESS = Value("ingress.fromNamespace", "ingress-nginx")
MONITORING = Value("monitoring.fromNamespace", "monitoring")


def pods(**selector: Any) -> dict[str, Any]:
    return {"podSelector": {"matchLabels": selector}}


def of(component: str) -> dict[str, Any]:
    return {"podSelector": {"matchLabels": labels(component)}}


def namespace(name: Any) -> dict[str, Any]:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


def tcp(*ports: int) -> list[dict[str, Any]]:
    return [{"protocol": "TCP", "port": port} for port in ports]


def policy(name: str, selector: dict[str, Any], **rules: Any) -> dict[str, Any]:
    kinds = [kind for kind, rule in (("Ingress", "ingress"), ("Egress", "egress")) if rule in rules]
    return {
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta("network", name=name),
        "spec": {"podSelector": selector, "policyTypes": kinds, **rules},
    }


def role_policy(name: str) -> dict[str, Any]:
    role = BY_NAME[name]
    callers = [of(other.name) for other in ROLES if name in other.calls]
    if role.http:
        callers.append(namespace(INGRESS))
    watchers = {"from": [namespace(MONITORING)], "ports": tcp(METRICS)}
    rules: dict[str, Any] = {"ingress": [{"from": callers, "ports": tcp(role.port)}, watchers]}
    if role.calls:
        rules["egress"] = [{"to": [of(other)], "ports": tcp(BY_NAME[other].port)} for other in role.calls]
    return policy(f"nexus-{name}", {"matchLabels": labels(name)}, **rules)


def to_store(store: str, port: int) -> dict[str, Any]:
    return policy(
        f"nexus-to-{store}", {"matchLabels": {f"uses-{store}": "true"}},
        # Where the store is outside of the cluster, `to` is an `ipBlock` with its addresses: see the production overlay.
        egress=[{"to": Value(f"{store}.to", [of(store)]), "ports": tcp(port)}],
    )


def policies() -> list[dict[str, Any]]:
    deny = policy("nexus-default-deny", {}, ingress=[], egress=[])
    dns = policy(
        "nexus-dns", {},
        egress=[
            {
                "to": [{**namespace("kube-system"), **pods(**{"k8s-app": "kube-dns"})}],
                "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
            }
        ],
    )
    internet = policy(
        "nexus-to-internet", {"matchLabels": {"uses-internet": "true"}},
        egress=[
            {
                "to": [
                    {"ipBlock": {"cidr": "0.0.0.0/0", "except": PRIVATE}},
                    {"ipBlock": {"cidr": "::/0", "except": PRIVATE_V6}},
                ],
                "ports": Value("internet.ports", tcp(80, 443)),
            }
        ],
    )
    stores = [to_store("postgres", 5432), to_store("nats", 4222), to_store("qdrant", 6334)]
    return [deny, dns, internet, *stores, *[role_policy(role.name) for role in ROLES]]
