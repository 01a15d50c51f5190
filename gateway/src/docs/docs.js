// Shows /openapi.json: routes by tag, with parameters, bodies, answers and examples. Text is only ever set as text,
// so nothing in the document can become markup. The key is shared with the application (same tab, same storage).
"use strict";

const KEY = "nexus-api-key";
const $ = (id) => document.getElementById(id);
let api = {};

function storedKey() {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null; // storage can be forbidden
  }
}

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Text in which `code` stands between backticks and paragraphs between empty lines. */
function prose(text) {
  return (text ?? "").split(/\n\s*\n/).filter((part) => part.trim() !== "").map((part) => make("p", {}, ...inline(part)));
}

function inline(text) {
  return (text ?? "").split("`").map((part, index) => (index % 2 === 1 ? make("code", {}, part) : part));
}

function resolve(value) {
  if (!value?.$ref) return value ?? {};
  return value.$ref.slice(2).split("/").reduce((at, part) => at?.[part], api) ?? {};
}

/** A short name for a schema's type. */
function typeOf(schema) {
  if (!schema) return "any";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const options = schema.oneOf ?? schema.anyOf;
  if (options) return [...new Set(options.map(typeOf))].join(" | ");
  if (schema.allOf) return "object";
  const types = [].concat(schema.type ?? "any");
  return types.map((type) => (type === "array" ? `${typeOf(schema.items)}[]` : type)).join(" | ");
}

/** A value of the schema's shape. */
function example(schema, depth = 0) {
  if (schema?.example !== undefined) return schema.example;
  if (schema?.examples?.length) return schema.examples[0];
  const full = resolve(schema);
  if (full.example !== undefined) return full.example;
  if (full.enum) return full.enum[0];
  if (depth > 5) return null;
  const options = full.oneOf ?? full.anyOf;
  if (options) return example(options.find((option) => option.type !== "null") ?? options[0], depth + 1);
  if (full.allOf) return Object.assign({}, ...full.allOf.map((part) => example(part, depth)));
  const type = [].concat(full.type ?? [])[0];
  if (type === "object" || full.properties) {
    const properties = Object.entries(full.properties ?? {});
    return Object.fromEntries(properties.map(([name, property]) => [name, example(property, depth + 1)]));
  }
  if (type === "array") return full.items ? [example(full.items, depth + 1)] : [];
  if (type === "integer" || type === "number") return full.minimum ?? 0;
  if (type === "boolean") return true;
  if (type === "null" || type === undefined) return null;
  if (full.format === "uuid") return "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";
  if (full.format === "date-time") return "2026-01-31T12:00:00Z";
  return "string";
}

/** All members of an object schema, with those it takes over from others. */
function members(schema) {
  const full = resolve(schema);
  const own = Object.entries(full.properties ?? {}).map(([name, property]) => ({
    name, property, required: (full.required ?? []).includes(name),
  }));
  return [...own, ...(full.allOf ?? []).flatMap(members)];
}

function description(schema) {
  const part = (schema.oneOf ?? []).find((option) => option.description);
  return schema.description ?? part?.description ?? resolve(schema).description;
}

function schemaView(schema) {
  const rows = members(schema);
  const view = make("div", {}, make("p", { class: "soft" }, typeOf(schema)));
  if (rows.length > 0) {
    view.append(make("table", {}, make("tbody", {}, ...rows.map(({ name, property, required }) => make("tr", {},
      make("td", {}, make("code", {}, name), required ? "" : make("span", { class: "soft" }, " optional")),
      make("td", {}, make("span", { class: "soft" }, typeOf(property)), " ", ...inline(description(property))),
    )))));
  }
  const text = JSON.stringify(example(schema), null, 2);
  if (text && text !== "{}" && text !== "null") {
    view.append(make("details", {}, make("summary", {}, "Example"), make("pre", { tabindex: "0" }, text)));
  }
  return view;
}

function contentView(content) {
  return Object.entries(content ?? {}).flatMap(([type, { schema }]) => [
    make("p", {}, make("code", {}, type)), schema ? schemaView(schema) : null,
  ]);
}

function parametersView(parameters) {
  return make("table", {}, make("tbody", {}, ...parameters.map((parameter) => make("tr", {},
    make("td", {}, make("code", {}, parameter.name), make("div", { class: "soft" }, `${parameter.in}${parameter.required ? ", required" : ""}`)),
    make("td", {}, make("span", { class: "soft" }, typeOf(parameter.schema)), " ", ...inline(parameter.description)),
  ))));
}

function answersView(responses) {
  const entries = Object.entries(responses).map(([status, response]) => [status, resolve(response)]);
  const good = entries.filter(([status]) => status < "4");
  const bad = entries.filter(([status]) => status >= "4");
  const heads = (response) => Object.keys(response.headers ?? {}).filter((name) => name !== "X-Request-Id");
  return [
    ...good.map(([status, response]) => make("div", {},
      make("p", {}, make("code", {}, status), " ", ...inline(response.description)),
      heads(response).length ? make("p", { class: "soft" }, `Headers: ${heads(response).join(", ")}`) : null,
      ...contentView(response.content))),
    make("details", {}, make("summary", {}, `Failures (${bad.map(([status]) => status).join(", ")})`),
      make("table", {}, make("tbody", {}, ...bad.map(([status, response]) => make("tr", {},
        make("td", {}, make("code", {}, status)), make("td", {}, ...inline(response.description))))))),
  ];
}

function curl(method, path, operation) {
  if (path.startsWith("/ws/")) return null;
  const filled = path.replace(/\{(\w+)\}/g, (_, name) => `$${name.toUpperCase()}`);
  const lines = [`curl ${method === "get" ? "" : `-X ${method.toUpperCase()} `}"${location.origin}${filled}"`];
  if (storedKey() !== null) lines.push(`-H "Authorization: Bearer $NEXUS_API_KEY"`);
  for (const parameter of (operation.parameters ?? []).map(resolve)) {
    if (parameter.in === "header" && parameter.required) lines.push(`-H '${parameter.name}: "1"'`);
  }
  if (operation.requestBody) lines.push(`-H "Content-Type: application/json"`, `-d @body.json`);
  return lines.join(" \\\n  ");
}

function routeView({ method, path, operation }) {
  const shown = path.startsWith("/ws/") ? "ws" : method;
  const body = make("div", { class: "body", id: `${operation.operationId}-body`, hidden: true });
  const toggle = make("button", { type: "button", "aria-expanded": "false", "aria-controls": body.id },
    make("span", { class: `method ${shown}` }, shown.toUpperCase()), make("code", {}, path),
    make("span", { class: "summary" }, operation.summary ?? ""));
  const fill = () => {
    if (body.childElementCount > 0) return;
    const request = resolve(operation.requestBody);
    // Those that every route takes are only referred to; they would repeat themselves on every one.
    const parameters = (operation.parameters ?? []).filter((parameter) => !parameter.$ref);
    const command = curl(method, path, operation);
    body.append(...[
      ...prose(operation.description),
      parameters.length ? make("h4", {}, "Parameters") : null,
      parameters.length ? parametersView(parameters) : null,
      request.content ? make("h4", {}, "Body") : null,
      ...(request.description ? prose(request.description) : []),
      ...contentView(request.content),
      make("h4", {}, "Answers"),
      ...answersView(operation.responses ?? {}),
      command ? make("h4", {}, "On the command line") : null,
      command ? make("pre", { tabindex: "0" }, command) : null,
    ].filter((part) => part !== null));
  };
  const open = (yes) => {
    if (yes) fill();
    body.hidden = !yes;
    toggle.setAttribute("aria-expanded", String(yes));
  };
  toggle.addEventListener("click", () => open(body.hidden));
  const section = make("section", { class: "route", id: operation.operationId }, make("h3", {}, toggle), body);
  section.open = open;
  return section;
}

function routes() {
  return Object.entries(api.paths ?? {}).flatMap(([path, item]) =>
    Object.entries(item).filter(([, operation]) => operation.operationId)
      .map(([method, operation]) => ({ method, path, operation, tag: operation.tags?.[0] ?? "other" })));
}

function show(filter) {
  const wanted = filter.trim().toLowerCase();
  const found = routes().filter(({ method, path, operation }) =>
    `${method} ${path} ${operation.summary} ${operation.operationId}`.toLowerCase().includes(wanted));
  const list = $("routes");
  const nav = $("nav");
  list.replaceChildren();
  nav.replaceChildren();
  const tags = [...(api.tags ?? []), ...(found.some(({ tag }) => tag === "other") ? [{ name: "other" }] : [])];
  for (const { name, description } of tags) {
    const own = found.filter(({ tag }) => tag === name);
    if (own.length === 0) continue;
    list.append(make("h2", { class: "tag" }, name), make("p", {}, ...inline(description)), ...own.map(routeView));
    nav.append(make("h2", {}, name), ...own.map(({ method, path, operation }) => {
      const kind = path.startsWith("/ws/") ? "ws" : method;
      return make("a", { href: `#${operation.operationId}` }, make("span", { class: `method ${kind}` }, kind.toUpperCase()),
        make("span", {}, operation.summary ?? path));
    }));
  }
  if (found.length === 0) list.append(make("p", {}, "No route fits."));
}

function openTarget() {
  const target = $(decodeURIComponent(location.hash.slice(1)));
  if (!target?.open) return;
  target.open(true);
  target.scrollIntoView();
}

async function load() {
  const key = storedKey();
  const response = await fetch("/openapi.json", { headers: key === null ? {} : { authorization: `Bearer ${key}` } });
  $("key").hidden = response.status !== 401;
  if (response.status === 401) {
    $("routes").replaceChildren();
    $("key-error").textContent = key === null ? "" : "The key is not accepted.";
    $("key-input").focus();
    return;
  }
  if (!response.ok) throw new Error(`The server answered with status ${response.status}.`);
  api = await response.json();
  // A link cannot send the key.
  $("raw").href = URL.createObjectURL(new Blob([JSON.stringify(api, null, 2)], { type: "application/json" }));
  $("title").textContent = `${api.info.title} API`;
  $("version").textContent = api.info.version;
  const everywhere = Object.values(api.components?.parameters ?? {});
  $("intro").replaceChildren(...prose(api.info.description),
    make("p", { class: "soft" }, "Every route also takes these headers:"), parametersView(everywhere));
  show($("filter").value);
  openTarget();
}

function start() {
  const failed = (error) => $("routes").replaceChildren(make("p", { role: "alert" }, `The description could not be loaded. ${error.message}`));
  $("filter").addEventListener("input", (event) => show(event.target.value));
  window.addEventListener("hashchange", openTarget);
  $("key").addEventListener("submit", (event) => {
    event.preventDefault();
    try {
      sessionStorage.setItem(KEY, $("key-input").value);
    } catch {
      // the form comes back
    }
    load().catch(failed);
  });
  load().catch(failed);
}

start();
