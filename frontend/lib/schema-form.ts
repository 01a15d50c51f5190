// A workflow's `inputs` (JSON Schema) as the fields of a form, and the form's texts back as a JSON value. Simple types get
// fields of their own, everything else a JSON field. The server checks the rest of the schema. Not here: drawing.
import type { Json, JsonObject } from "./api/types";
import { titleOf } from "./format/text";

export type FieldKind = "text" | "longtext" | "number" | "integer" | "boolean" | "choice" | "json";

export interface Field {
  name: string;
  label: string;
  description: string | null;
  kind: FieldKind;
  required: boolean;
  choices: Json[];
  minimum: number | null;
  maximum: number | null;
  minLength: number | null;
  maxLength: number | null;
  /** What the field holds at first, as text (`"true"`/`"false"` for booleans, an index for choices). */
  initial: string;
  placeholder: string;
}

export type FormValues = Record<string, string>;
export type FormErrors = Record<string, string>;

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const asNumber = (value: Json | undefined) => (typeof value === "number" ? value : null);
const asText = (value: Json | undefined) => (typeof value === "string" ? value : null);

function typeOf(schema: JsonObject): string | null {
  if (typeof schema.type === "string") return schema.type;
  // `["string", "null"]` is an optional string
  if (Array.isArray(schema.type)) {
    const types = schema.type.filter((type) => type !== "null");
    return types.length === 1 && typeof types[0] === "string" ? types[0] : null;
  }
  return null;
}

const PROSE = /(^|_)(text|message|content|body|prompt|document|notes?|transcript|question)$/i;

function kindOf(schema: JsonObject, name: string): FieldKind {
  if (Array.isArray(schema.enum) && schema.enum.length > 0) return "choice";
  switch (typeOf(schema)) {
    case "string":
      return (asNumber(schema.maxLength) ?? 0) > 200 || schema.format === "textarea" || PROSE.test(name)
        ? "longtext"
        : "text";
    case "number":
      return "number";
    case "integer":
      return "integer";
    case "boolean":
      return "boolean";
    default:
      return "json";
  }
}

function initialOf(schema: JsonObject, kind: FieldKind, choices: Json[]): string {
  const examples = schema.examples;
  const first = Array.isArray(examples) ? examples[0] : undefined;
  const value = schema.default !== undefined ? schema.default : first;
  if (kind === "choice") {
    const index = choices.findIndex((choice) => JSON.stringify(choice) === JSON.stringify(value));
    return index < 0 ? "" : String(index);
  }
  if (kind === "boolean") return value === true ? "true" : "false";
  if (value === undefined || value === null) return "";
  if (kind === "json") return JSON.stringify(value, null, 2);
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The fields of a schema, required ones first, otherwise in the schema's order. */
export function fieldsOf(schema: JsonObject | undefined): Field[] {
  if (!schema || !isObject(schema.properties)) return [];
  const required = Array.isArray(schema.required) ? schema.required : [];
  const fields = Object.entries(schema.properties).map(([name, property]): Field => {
    const sub = isObject(property) ? property : {};
    const kind = kindOf(sub, name);
    const choices = kind === "choice" && Array.isArray(sub.enum) ? sub.enum : [];
    return {
      name,
      label: asText(sub.title) ?? titleOf(name),
      description: asText(sub.description),
      kind,
      required: required.includes(name),
      choices,
      minimum: asNumber(sub.minimum),
      maximum: asNumber(sub.maximum),
      minLength: asNumber(sub.minLength),
      maxLength: asNumber(sub.maxLength),
      initial: initialOf(sub, kind, choices),
      placeholder: kind === "json" ? (typeOf(sub) === "array" ? "[…]" : "{…}") : "",
    };
  });
  return [...fields.filter((field) => field.required), ...fields.filter((field) => !field.required)];
}

export function initialValues(fields: Field[]): FormValues {
  return Object.fromEntries(fields.map((field) => [field.name, field.initial]));
}

type Read = { value: Json } | { error: string } | { absent: true };

function readNumber(field: Field, text: string): Read {
  if (text === "") return { absent: true };
  const value = Number(text);
  if (!Number.isFinite(value)) return { error: "Enter a number." };
  if (field.kind === "integer" && !Number.isInteger(value)) return { error: "Enter a whole number." };
  if (field.minimum !== null && value < field.minimum) return { error: `At least ${field.minimum}.` };
  if (field.maximum !== null && value > field.maximum) return { error: `At most ${field.maximum}.` };
  return { value };
}

function readText(field: Field, text: string): Read {
  if (text === "") return { absent: true };
  const length = [...text].length;
  if (field.minLength !== null && length < field.minLength) return { error: `At least ${field.minLength} characters.` };
  if (field.maxLength !== null && length > field.maxLength) return { error: `At most ${field.maxLength} characters.` };
  return { value: text };
}

function readField(field: Field, text: string): Read {
  switch (field.kind) {
    case "number":
    case "integer":
      return readNumber(field, text.trim());
    case "boolean":
      return { value: text === "true" };
    case "choice": {
      if (text === "") return { absent: true };
      const choice = field.choices[Number(text)];
      return choice === undefined ? { error: "Choose one." } : { value: choice };
    }
    case "json":
      if (text.trim() === "") return { absent: true };
      try {
        return { value: JSON.parse(text) as Json };
      } catch {
        return { error: "This is not valid JSON." };
      }
    default:
      return readText(field, text);
  }
}

/** The form's texts as the JSON object to send, or what is wrong with them, by field. */
export function readForm(fields: Field[], values: FormValues): { inputs: JsonObject } | { errors: FormErrors } {
  const inputs: JsonObject = {};
  const errors: FormErrors = {};
  for (const field of fields) {
    const read = readField(field, values[field.name] ?? "");
    if ("error" in read) errors[field.name] = read.error;
    else if ("value" in read) inputs[field.name] = read.value;
    else if (field.required) errors[field.name] = "This is needed.";
  }
  return Object.keys(errors).length > 0 ? { errors } : { inputs };
}

/** The server's complaints (`/inputs/topic`, `/topic`) by field; what belongs to no field is under the empty name. */
export function serverErrors(fields: Field[], details: { path: string; message: string }[]): FormErrors {
  const errors: FormErrors = {};
  for (const { path, message } of details) {
    const parts = path.split("/").filter((part) => part !== "" && part !== "inputs");
    const name = fields.some((field) => field.name === parts[0]) ? (parts[0] ?? "") : "";
    errors[name] = errors[name] ? `${errors[name]} ${message}` : message;
  }
  return errors;
}
