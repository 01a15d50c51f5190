"""What must hold of everything under k8s/, whichever way it is deployed:

    python3 -m unittest discover --start-directory k8s/tests

Needs PyYAML and kubernetes-validate. Not here: whether a cluster takes it (there is none in the tests).
"""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import kubernetes_validate
import kubernetes_validate.utils
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent))

from render import (  # noqa: E402
    K8S, comparable, containers, helm, kustomize, real_helm, real_kustomize, template,
)

ROOT = K8S.parent
# It reads the same megabytes again for every object.
kubernetes_validate.utils.schema_contents = functools.cache(kubernetes_validate.utils.schema_contents)
ROLES = {
    "planner": 50051, "executor": 50052, "llm-gateway": 50053, "memory": 50054, "scraper": 50055, "gateway": 8080,
}
STORES = {"postgres": 5432, "nats": 4222, "qdrant": 6334}
EXTRAS = ["postgres", "nats", "qdrant", "keda", "monitoring", "ingress"]
ALL_ON = {name: {"enabled": True} for name in EXTRAS}
ALL_OFF = {name: {"enabled": False} for name in EXTRAS}

# The oldest Kubernetes that is supported (`preStop.sleep` needs it), and the newest whose schemas are known.
VERSIONS = ["1.30", "1.36"]
# Kinds whose schemas their operators bring along.
FOREIGN = {"ScaledObject", "TriggerAuthentication", "ServiceMonitor", "Certificate", "Issuer"}

# Who calls whom: everything that may pass, and nothing else. `*` is everybody, names in brackets are outside.
EDGES = {
    ("gateway", "planner", 50051), ("gateway", "executor", 50052), ("gateway", "llm-gateway", 50053),
    ("gateway", "memory", 50054), ("gateway", "scraper", 50055),
    ("executor", "llm-gateway", 50053), ("executor", "memory", 50054), ("executor", "scraper", 50055),
    ("memory", "llm-gateway", 50053), ("scraper", "llm-gateway", 50053),
    ("planner", "postgres", 5432), ("executor", "postgres", 5432), ("llm-gateway", "postgres", 5432),
    ("scraper", "postgres", 5432), ("migrate", "postgres", 5432), ("(keda)", "postgres", 5432),
    ("executor", "nats", 4222), ("scraper", "nats", 4222),
    ("memory", "qdrant", 6334),
    ("(ingress-nginx)", "gateway", 8080), *(("(monitoring)", role, 9464) for role in ROLES),
    ("*", "(kube-system)", 53),
    ("executor", "(internet)", 80), ("executor", "(internet)", 443), ("llm-gateway", "(internet)", 80),
    ("llm-gateway", "(internet)", 443), ("scraper", "(internet)", 80), ("scraper", "(internet)", 443),
}


def with_components(names: list[str], make=kustomize) -> list[dict]:
    """The base with these components, as kustomize would make it."""
    with tempfile.TemporaryDirectory(dir=K8S) as folder:
        path = Path(folder)
        components = [f"../components/{name}" for name in names]
        what = {"kind": "Kustomization", "namespace": "nexus", "resources": ["../base"], "components": components}
        (path / "kustomization.yaml").write_text(yaml.safe_dump(what))
        return make(path)


def everything() -> dict[str, list[dict]]:
    """Every way to deploy, by its name."""
    ways = {name: kustomize(K8S / name) for name in ("base", "overlays/dev", "overlays/production")}
    ways["base with all components"] = with_components(EXTRAS)
    ways["TLS in the mesh"] = with_components([*EXTRAS, "mesh-tls"])
    ways["chart"] = helm(K8S / "chart", {})
    ways["chart with everything"] = helm(K8S / "chart", ALL_ON)
    ways["chart with nothing"] = helm(K8S / "chart", ALL_OFF)
    return ways


WAYS = everything()


def each(*kinds: str):
    for way, objects in WAYS.items():
        for thing in objects:
            if not kinds or thing["kind"] in kinds:
                yield f"{way}: {thing['kind']} {thing['metadata']['name']}", thing


WORKLOADS = ("Deployment", "StatefulSet", "Job")


class Rendering(unittest.TestCase):
    maxDiff = 4000

    def test_what_is_written_is_what_the_source_says(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, str(ROOT / "scripts/k8s/write.py"), folder], check=True)
            for name in ("base", "components", "chart"):
                here, fresh = K8S / name, Path(folder) / name
                files = sorted(str(path.relative_to(fresh)) for path in fresh.rglob("*") if path.is_file())
                self.assertEqual(sorted(str(p.relative_to(here)) for p in here.rglob("*") if p.is_file()), files)
                for file in files:
                    text = (fresh / file).read_text()
                    self.assertEqual((here / file).read_text(), text, f"run scripts/k8s/write.py: {name}/{file}")

    def test_chart_and_kustomize_agree(self):
        self.assertEqual(comparable(WAYS["chart with everything"]), comparable(WAYS["base with all components"]))
        self.assertEqual(comparable(WAYS["chart with nothing"]), comparable(WAYS["base"]))

    def test_the_real_programs_say_the_same(self):
        """Those that are installed."""
        for name in ("base", "overlays/dev", "overlays/production"):
            real = real_kustomize(K8S / name)
            if real is not None:
                self.assertEqual(comparable(real), comparable(WAYS[name]), name)
        if real is not None:
            real = with_components([*EXTRAS, "mesh-tls"], real_kustomize)
            self.assertEqual(comparable(real), comparable(WAYS["TLS in the mesh"]))
        for way, values in (("chart", {}), ("chart with everything", ALL_ON), ("chart with nothing", ALL_OFF)):
            real = real_helm(K8S / "chart", values)
            if real is not None:
                self.assertEqual(comparable(real), comparable(WAYS[way]), way)

    def test_settings_of_the_chart_arrive(self):
        values = {
            "image": {"name": "r/nexus", "tag": "9.9.9", "pullSecrets": [{"name": "pull"}]}, "secret": "mine",
            "scraper": {"runtimeClassName": "kata"}, "executor": {"replicas": 7},
            "postgres": {"enabled": False, "to": [{"ipBlock": {"cidr": "198.51.100.0/24"}}]},
        }
        made = comparable(helm(K8S / "chart", values))
        executor = made["Deployment", "nexus-executor"]["spec"]
        self.assertEqual(executor["replicas"], 7)
        self.assertEqual(executor["template"]["spec"]["imagePullSecrets"], [{"name": "pull"}])
        self.assertEqual(containers(made["Deployment", "nexus-executor"])[0]["image"], "r/nexus:9.9.9")
        self.assertEqual(made["Deployment", "nexus-scraper"]["spec"]["template"]["spec"]["runtimeClassName"], "kata")
        self.assertNotIn("runtimeClassName", executor["template"]["spec"])
        self.assertNotIn(("StatefulSet", "nexus-postgres"), made)
        to = made["NetworkPolicy", "nexus-to-postgres"]["spec"]["egress"][0]["to"]
        self.assertEqual(to, [{"ipBlock": {"cidr": "198.51.100.0/24"}}])
        secrets = {
            entry["valueFrom"]["secretKeyRef"]["name"]
            for thing in made.values() for container in containers(thing)
            for entry in container.get("env", []) if "valueFrom" in entry
        }
        self.assertEqual(secrets, {"mine"})
        # Whoever scales decides how many there are.
        keda = comparable(helm(K8S / "chart", {"keda": {"enabled": True}}))
        self.assertNotIn("replicas", keda["Deployment", "nexus-executor"]["spec"])


class Schemas(unittest.TestCase):
    def test_objects_are_what_kubernetes_takes(self):
        # Most are the same whichever way they are deployed, and looking takes a while.
        different = {json.dumps(thing, sort_keys=True): (what, thing) for what, thing in each()}
        for what, thing in different.values():
            if thing["kind"] in FOREIGN:
                continue
            for version in VERSIONS:
                with self.subTest(what, version=version):
                    kubernetes_validate.validate(thing, version, strict=True)
        self.assertGreater(len(different), 60)

    def test_a_wrong_object_is_noticed(self):
        thing = kustomize(K8S / "base")[3]
        self.assertEqual(thing["kind"], "Deployment")
        thing["spec"]["replicaz"] = 1
        with self.assertRaises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(thing, VERSIONS[0], strict=True)

    def test_names_are_unique(self):
        for way, objects in WAYS.items():
            names = [(thing["kind"], thing["metadata"]["name"]) for thing in objects]
            self.assertEqual(len(names), len(set(names)), way)


class Pods(unittest.TestCase):
    def test_pods_pass_pod_security_restricted(self):
        """All of them: the scraper, too, whose sandbox does without namespaces."""
        for what, thing in each(*WORKLOADS):
            with self.subTest(what):
                pod = template(thing)["spec"]
                for setting in ("hostNetwork", "hostPID", "hostIPC", "hostUsers", "shareProcessNamespace"):
                    self.assertNotIn(setting, pod)
                self.assertTrue(pod["securityContext"]["runAsNonRoot"])
                self.assertGreater(pod["securityContext"]["runAsUser"], 0)
                self.assertEqual(pod["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
                for volume in pod.get("volumes", []):
                    self.assertIn(set(volume) - {"name"}, ({"emptyDir"}, {"secret"}, {"configMap"}))
                for container in containers(thing):
                    security = container["securityContext"]
                    self.assertFalse(security["allowPrivilegeEscalation"])
                    self.assertTrue(security["readOnlyRootFilesystem"])
                    self.assertTrue(security["runAsNonRoot"])
                    self.assertEqual(security["capabilities"], {"drop": ["ALL"]})
                    self.assertNotIn("privileged", security)
                    self.assertNotIn("hostPort", str(container.get("ports")))
        [namespace] = [thing for thing in WAYS["base"] if thing["kind"] == "Namespace"]
        for mode in ("enforce", "warn", "audit"):
            self.assertEqual(namespace["metadata"]["labels"][f"pod-security.kubernetes.io/{mode}"], "restricted")

    def test_nobody_has_a_key_to_the_cluster(self):
        for what, thing in each(*WORKLOADS, "ServiceAccount"):
            with self.subTest(what):
                where = template(thing)["spec"] if thing["kind"] != "ServiceAccount" else thing
                self.assertIs(where["automountServiceAccountToken"], False)
        for way, objects in WAYS.items():
            accounts = {thing["metadata"]["name"] for thing in objects if thing["kind"] == "ServiceAccount"}
            for thing in objects:
                if thing["kind"] in WORKLOADS:
                    self.assertIn(template(thing)["spec"]["serviceAccountName"], accounts, way)
                    self.assertIs(template(thing)["spec"]["enableServiceLinks"], False)

    def test_containers_say_what_they_need_and_get_no_more(self):
        for what, thing in each(*WORKLOADS):
            for container in containers(thing):
                with self.subTest(what):
                    for kind in ("requests", "limits"):
                        self.assertEqual(set(container["resources"][kind]), {"cpu", "memory"})

    def test_images_have_a_version(self):
        version = re.search(r'^version = "(.+?)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
        for what, thing in each(*WORKLOADS):
            for container in containers(thing):
                with self.subTest(what):
                    name, _, tag = container["image"].rpartition(":")
                    self.assertTrue(name and tag and tag != "latest", container["image"])
                    if name.startswith("nexus"):
                        self.assertEqual(tag, version)
                        scraper = thing["metadata"]["name"] == "nexus-scraper"
                        self.assertEqual(name, "nexus-scraper" if scraper else "nexus")

    def test_what_serves_is_probed(self):
        self.assertIn('"nexus.live"', (ROOT / "cli/src/wiring/watch.rs").read_text(), "what the kubelet asks for")
        for what, thing in each("Deployment", "StatefulSet"):
            [container] = containers(thing)
            role = thing["metadata"]["name"].removeprefix("nexus-")
            ports = {port.get("name"): port["containerPort"] for port in container["ports"]}
            with self.subTest(what):
                for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                    kind = set(container[probe]) & {"grpc", "httpGet", "exec"}
                    self.assertEqual(len(kind), 1, probe)
                    if role in ROLES and role != "gateway" and not what.startswith("TLS in the mesh"):
                        # Only what hangs is restarted, not what waits for something else.
                        live = {"service": "nexus.live"} if probe == "livenessProbe" else {}
                        self.assertEqual(container[probe]["grpc"], {"port": ROLES[role], **live})
                    if "httpGet" in container[probe]:
                        self.assertIn(container[probe]["httpGet"]["port"], ports)
                if role in ROLES:
                    self.assertIn(ROLES[role], ports.values())
                    self.assertEqual(container["args"], ["serve", role])
                    listen = next(e for e in container["env"] if e["name"].endswith("_ADDR"))
                    self.assertEqual(listen["value"], f":{ROLES[role]}")

    def test_there_is_time_to_drain(self):
        """28 s are promised (`nexus serve`), after those in which requests may still come."""
        for what, thing in each("Deployment"):
            if thing["metadata"]["name"].removeprefix("nexus-") in ROLES:
                with self.subTest(what):
                    pod = template(thing)["spec"]
                    before = containers(thing)[0]["lifecycle"]["preStop"]["sleep"]["seconds"]
                    self.assertGreaterEqual(pod["terminationGracePeriodSeconds"], before + 28 + 2)

    def test_selectors_find_their_pods_and_no_others(self):
        for way, objects in WAYS.items():
            pods = {t["metadata"]["name"]: template(t)["metadata"]["labels"] for t in objects if t["kind"] in WORKLOADS}
            for thing in objects:
                kind, name = thing["kind"], thing["metadata"]["name"]
                if kind in ("Deployment", "StatefulSet", "PodDisruptionBudget"):
                    selector = thing["spec"]["selector"]["matchLabels"]
                elif kind == "Service":
                    selector = thing["spec"]["selector"]
                else:
                    continue
                found = [pod for pod, labels in pods.items() if selector.items() <= labels.items()]
                self.assertEqual(found, [name], f"{way}: {kind} {name}")
            for role in ROLES:
                kinds = {t["kind"] for t in objects if t["metadata"]["name"] == f"nexus-{role}"}
                wanted = {"Deployment", "Service", "ServiceAccount", "PodDisruptionBudget", "NetworkPolicy"}
                self.assertLessEqual(wanted, kinds, f"{way}: {role}")
                spread = template(
                    next(t for t in objects if (t["kind"], t["metadata"]["name"]) == ("Deployment", f"nexus-{role}"))
                )["spec"]["topologySpreadConstraints"]
                self.assertEqual(len(spread), 2)

    def test_one_thing_decides_how_many_there_are(self):
        for way, objects in WAYS.items():
            scaled = {
                thing["spec"]["scaleTargetRef"]["name"]
                for thing in objects if thing["kind"] in ("HorizontalPodAutoscaler", "ScaledObject")
            }
            self.assertLessEqual({"nexus-gateway", "nexus-llm-gateway", "nexus-scraper"}, scaled)
            for thing in objects:
                if thing["kind"] == "Deployment":
                    name = thing["metadata"]["name"]
                    self.assertEqual("replicas" in thing["spec"], name not in scaled, f"{way}: {name}")


class Settings(unittest.TestCase):
    def known(self) -> set[str]:
        """The table of settings, which docs/configuration.md is checked against elsewhere."""
        source = (ROOT / "libs/runtime/src/config/settings.rs").read_text()
        return set(re.findall(r'\b(?:plain|secret)\(\s*"([A-Z_]+)"', source))

    def test_every_setting_exists(self):
        known = self.known()
        self.assertGreater(len(known), 30)
        for what, thing in each("ConfigMap"):
            self.assertLessEqual(set(thing["data"]), known, what)
        for what, thing in each(*WORKLOADS):
            for container in containers(thing):
                if container["image"].startswith("nexus"):
                    self.assertLessEqual({entry["name"] for entry in container.get("env", [])}, known, what)

    def test_secrets_come_by_reference_and_to_those_who_need_them(self):
        source = (ROOT / "libs/runtime/src/config/settings.rs").read_text()
        own = {"NEXUS_SECRETS_KEY": {"nexus-executor"}, "QDRANT_API_KEY": {"nexus-memory"}}
        secret = {"DATABASE_URL", *re.findall(r'secret\(\s*"([A-Z_]+)"', source)}
        self.assertIn("NEXUS_API_KEYS", secret)
        providers = {"OPENAI_API_KEY", "ANTHROPIC_API_KEY"}
        for what, thing in each("ConfigMap"):
            self.assertFalse(secret & set(thing["data"]), what)
            for name, value in thing["data"].items():
                self.assertNotRegex(value, r"://[^/\s]*:[^/\s]*@", f"{what}: {name} holds a password")
        for what, thing in each(*WORKLOADS):
            for container in containers(thing):
                given = {entry["name"]: entry for entry in container.get("env", [])}
                for name in given.keys() & (secret | {"POSTGRES_PASSWORD", "QDRANT__SERVICE__API_KEY"}):
                    self.assertIn("secretKeyRef", given[name]["valueFrom"], what)
                for name, whose in own.items():
                    self.assertEqual(name in given, thing["metadata"]["name"] in whose, what)
                self.assertEqual(
                    bool(given.keys() & providers), thing["metadata"]["name"] == "nexus-llm-gateway", what
                )
        for way, objects in WAYS.items():
            secrets = [thing for thing in objects if thing["kind"] == "Secret"]
            self.assertEqual(len(secrets), 1 if way == "overlays/dev" else 0, way)


class Network(unittest.TestCase):
    """Connections that pass both ends, worked out from the policies themselves."""

    def edges(self, objects: list[dict]) -> set[tuple[str, str, int]]:
        pods = {}
        for thing in objects:
            if pod := template(thing):
                pods[pod["metadata"]["labels"]["app.kubernetes.io/component"]] = pod["metadata"]["labels"]
        policies = [thing["spec"] for thing in objects if thing["kind"] == "NetworkPolicy"]

        def peers(peer: dict) -> set[str]:
            if "ipBlock" in peer:
                self.assertIn(peer["ipBlock"]["cidr"], ("0.0.0.0/0", "::/0", "192.0.2.0/24"))
                return {"postgres" if peer["ipBlock"]["cidr"] == "192.0.2.0/24" else "(internet)"}
            if "namespaceSelector" in peer:
                return {f"({peer['namespaceSelector']['matchLabels']['kubernetes.io/metadata.name']})"}
            return selected(peer["podSelector"])

        def selected(selector: dict) -> set[str]:
            wanted = selector.get("matchLabels", {}).items()
            return {name for name, labels in pods.items() if wanted <= labels.items()}

        def allowed(kind: str, rules: str, side: str) -> set[tuple[str, str, int]]:
            found = set()
            for policy in policies:
                if kind not in policy["policyTypes"]:
                    continue
                for rule in policy.get(rules) or []:
                    self.assertTrue(rule.get(side) and rule.get("ports"), "an open rule")
                    for peer in rule[side]:
                        for other in peers(peer):
                            for port in rule["ports"]:
                                for pod in selected(policy["podSelector"]):
                                    edge = (other, pod) if side == "from" else (pod, other)
                                    found.add((*edge, port["port"]))
            return found

        # Nothing is open because no policy speaks of it.
        deny = [p for p in policies if p["podSelector"] == {} and set(p["policyTypes"]) == {"Ingress", "Egress"}]
        self.assertEqual([p for p in deny if not p.get("ingress") and not p.get("egress")], deny)
        self.assertEqual(len(deny), 1)
        out, into = allowed("Egress", "egress", "to"), allowed("Ingress", "ingress", "from")
        inside = set(pods)
        passing = {edge for edge in out if edge[1] not in inside or edge in into}
        passing |= {edge for edge in into if edge[0] not in inside}
        half = {edge for edge in out ^ into if edge[0] in inside and edge[1] in inside}
        self.assertEqual(half, set(), "allowed on one end only")
        everybody = {edge for edge in passing if edge[1] == "(kube-system)"}
        self.assertEqual({edge[0] for edge in everybody}, inside)
        return (passing - everybody) | {("*", "(kube-system)", edge[2]) for edge in everybody}

    def test_exactly_the_edges_of_the_mesh_are_open(self):
        self.assertEqual(self.edges(WAYS["base with all components"]), EDGES)
        self.assertEqual(self.edges(WAYS["chart with everything"]), EDGES)
        self.assertEqual(self.edges(WAYS["overlays/dev"]), EDGES)
        self.assertEqual(self.edges(WAYS["TLS in the mesh"]), EDGES)
        # Who asks Postgres for the length of the queue comes to it from outside of this namespace.
        production = EDGES - {("(keda)", "postgres", 5432)}
        self.assertEqual(self.edges(WAYS["overlays/production"]), production)

    def test_private_addresses_are_not_the_internet(self):
        for what, thing in each("NetworkPolicy"):
            for rule in thing["spec"].get("egress") or []:
                for peer in rule["to"]:
                    if peer.get("ipBlock", {}).get("cidr") == "0.0.0.0/0":
                        for cidr in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"):
                            self.assertIn(cidr, peer["ipBlock"]["except"], what)

    def test_addresses_lead_to_services(self):
        for what, thing in each("ConfigMap"):
            for name, value in thing["data"].items():
                for host, port in re.findall(r"//(nexus-[a-z-]+):(\d+)", value):
                    role = host.removeprefix("nexus-")
                    self.assertEqual({**ROLES, **STORES}[role], int(port), f"{what}: {name}")


class Operators(unittest.TestCase):
    """Kinds without a schema here: the fields that their operators need."""

    def test_the_queue_decides_how_many_executors_there_are(self):
        [thing] = [t for t in WAYS["overlays/production"] if t["kind"] == "ScaledObject"]
        spec = thing["spec"]
        self.assertEqual(spec["scaleTargetRef"], {"name": "nexus-executor"})
        [trigger] = spec["triggers"]
        self.assertEqual(trigger["type"], "postgresql")
        self.assertTrue(all(isinstance(value, str) for value in trigger["metadata"].values()))
        [login] = [t for t in WAYS["overlays/production"] if t["kind"] == "TriggerAuthentication"]
        self.assertEqual(trigger["authenticationRef"]["name"], login["metadata"]["name"])
        self.assertEqual(login["spec"]["secretTargetRef"][0]["parameter"], "connection")
        # The statement speaks of what the schema has.
        schema = (ROOT / "migrations/postgres/0001_init.sql").read_text()
        table, column = re.search(r"FROM (\w+) WHERE (\w+)", trigger["metadata"]["query"]).groups()
        self.assertRegex(schema, rf"(?s)CREATE TABLE {table} \(.*?\b{column}\s+TEXT")

    def test_with_tls_every_role_shows_its_own_certificate_and_nobody_speaks_without(self):
        objects = WAYS["TLS in the mesh"]
        [config] = [t["data"] for t in objects if t["kind"] == "ConfigMap"]
        certificates = {t["metadata"]["name"]: t["spec"] for t in objects if t["kind"] == "Certificate"}
        issuers = {t["metadata"]["name"] for t in objects if t["kind"] == "Issuer"}
        self.assertLessEqual({spec["issuerRef"]["name"] for spec in certificates.values()}, issuers)
        for role in ROLES:
            [pod] = [template(t)["spec"] for t in objects if (t["kind"], t["metadata"]["name"]) == ("Deployment", f"nexus-{role}")]
            [secret] = [volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume]
            own = certificates[f"nexus-{role}-mesh"]
            self.assertEqual((secret, own["issuerRef"]["name"]), (own["secretName"], "nexus-mesh"))
            self.assertLessEqual({"server auth", "client auth"}, set(own["usages"]))
            [mount] = [m["mountPath"] for m in pod["containers"][0]["volumeMounts"] if m["name"] == "mesh"]
            for name in ("CERT", "KEY", "CA"):
                self.assertTrue(config[f"NEXUS_MESH_TLS_{name}"].startswith(f"{mount}/"))
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                self.assertNotIn("grpc", pod["containers"][0][probe], "the kubelet speaks no TLS over gRPC")
            if role != "gateway":
                urls = config[f"NEXUS_{role.upper().replace('-', '_')}_URL"].split(",")
                for url in urls:
                    host = re.fullmatch(r"https://([a-z-]+):\d+", url)[1]
                    self.assertIn(host, own["dnsNames"])

    def test_metrics_are_collected_where_they_are(self):
        objects = WAYS["overlays/production"]
        [thing] = [t for t in objects if t["kind"] == "ServiceMonitor"]
        [among] = thing["spec"]["selector"]["matchExpressions"]
        self.assertEqual(set(among["values"]), set(ROLES))
        [config] = [t for t in objects if t["kind"] == "ConfigMap"]
        for role in ROLES:
            [service] = [t for t in objects if (t["kind"], t["metadata"]["name"]) == ("Service", f"nexus-{role}")]
            [workload] = [t for t in objects if (t["kind"], t["metadata"]["name"]) == ("Deployment", f"nexus-{role}")]
            ports = {port["name"]: port["port"] for port in service["spec"]["ports"]}
            own = {port["name"]: port["containerPort"] for port in containers(workload)[0]["ports"]}
            self.assertEqual(f":{ports[thing['spec']['endpoints'][0]['port']]}", config["data"]["NEXUS_METRICS_ADDR"])
            self.assertEqual(own["metrics"], ports["metrics"])

    def test_the_ingress_lets_watchers_wait(self):
        for what, thing in each("Ingress"):
            annotations = thing["metadata"]["annotations"]
            for timeout in ("proxy-read-timeout", "proxy-send-timeout"):
                self.assertGreaterEqual(int(annotations[f"nginx.ingress.kubernetes.io/{timeout}"]), 3600, what)
            self.assertTrue(thing["spec"]["tls"])


if __name__ == "__main__":
    unittest.main()
