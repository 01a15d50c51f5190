// Example inputs for an estimate while drawing: defaults and examples of the schema, else the last run's, else something of
// the right type. Not here: the run dialog's fields (schema-form).
import type { Json, JsonObject } from "../api/types";
import { isObject } from "./json";

function sampleOf(schema: Json | undefined, depth = 0): Json {
  if (!isObject(schema) || depth > 6) return null;
  if (schema.default !== undefined) return schema.default;
  if (Array.isArray(schema.examples) && schema.examples[0] !== undefined) return schema.examples[0];
  if (schema.const !== undefined) return schema.const;
  if (Array.isArray(schema.enum)) return schema.enum[0] ?? null;
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  switch (type) {
    case "string":
      return "x"
        .repeat(Math.max(40, typeof schema.minLength === "number" ? schema.minLength : 0))
        .slice(0, typeof schema.maxLength === "number" ? Math.max(0, schema.maxLength) : undefined);
    case "integer":
    case "number":
      return typeof schema.minimum === "number" ? schema.minimum : 1;
    case "boolean":
      return true;
    case "array":
      return Array.from({ length: Math.min(3, typeof schema.minItems === "number" ? schema.minItems : 1) }, () =>
        sampleOf(schema.items, depth + 1),
      );
    case "object":
      return sampleInputs(schema, undefined, depth + 1);
    default:
      return isObject(schema.properties) ? sampleInputs(schema, undefined, depth + 1) : null;
  }
}

export function sampleInputs(schema: Json | undefined, last: Json | undefined, depth = 0): JsonObject {
  const known = isObject(last) ? last : {};
  if (!isObject(schema) || !isObject(schema.properties)) return {};
  const required = Array.isArray(schema.required) ? schema.required : [];
  const inputs: JsonObject = {};
  for (const [name, property] of Object.entries(schema.properties)) {
    const given = isObject(property) && (property.default !== undefined || Array.isArray(property.examples));
    if (known[name] !== undefined) inputs[name] = known[name];
    else if (given || required.includes(name)) inputs[name] = sampleOf(property, depth);
  }
  return inputs;
}
