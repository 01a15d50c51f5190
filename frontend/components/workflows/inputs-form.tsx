// The fields of a workflow's inputs. The texts and errors are the parent's; lib/schema-form turns them into JSON.
"use client";
import { Field, Input, Select, Textarea } from "@/components/ui/field";
import type { Field as FieldSpec, FormErrors, FormValues } from "@/lib/schema-form";

export interface InputsFormProps {
  fields: FieldSpec[];
  values: FormValues;
  errors: FormErrors;
  onChange: (name: string, text: string) => void;
}

export function InputsForm({ fields, values, errors, onChange }: InputsFormProps) {
  return (
    <>
      {fields.map((field) => (
        <OneField
          key={field.name}
          field={field}
          value={values[field.name] ?? ""}
          error={errors[field.name]}
          onChange={(text) => onChange(field.name, text)}
        />
      ))}
    </>
  );
}

interface OneFieldProps {
  field: FieldSpec;
  value: string;
  error: string | undefined;
  onChange: (text: string) => void;
}

function OneField({ field, value, error, onChange }: OneFieldProps) {
  if (field.kind === "boolean") {
    return (
      <div className="space-y-1">
        <label className="flex cursor-pointer items-center gap-2 font-medium">
          <input
            type="checkbox"
            className="size-4 accent-(--accent)"
            checked={value === "true"}
            onChange={(event) => onChange(event.target.checked ? "true" : "false")}
          />
          {field.label}
        </label>
        {field.description && <p className="pl-6 text-xs text-mute">{field.description}</p>}
        {error && <p className="pl-6 text-xs text-danger">{error}</p>}
      </div>
    );
  }
  return (
    <Field
      label={field.label}
      help={field.description}
      error={error}
      required={field.required}
      optional={!field.required}
    >
      {(props) => {
        const common = {
          ...props,
          name: field.name,
          value,
          "aria-required": field.required || undefined,
        };
        switch (field.kind) {
          case "choice":
            return (
              <Select {...common} onChange={(event) => onChange(event.target.value)}>
                <option value="">Choose…</option>
                {field.choices.map((choice, index) => (
                  <option key={JSON.stringify(choice)} value={String(index)}>
                    {typeof choice === "string" ? choice : JSON.stringify(choice)}
                  </option>
                ))}
              </Select>
            );
          case "longtext":
          case "json":
            return (
              <Textarea
                {...common}
                rows={4}
                spellCheck={field.kind === "longtext"}
                placeholder={field.placeholder}
                className={field.kind === "json" ? "font-mono text-xs" : ""}
                onChange={(event) => onChange(event.target.value)}
              />
            );
          case "number":
          case "integer":
            return (
              <Input
                {...common}
                inputMode={field.kind === "integer" ? "numeric" : "decimal"}
                className="nums"
                onChange={(event) => onChange(event.target.value)}
              />
            );
          default:
            return <Input {...common} onChange={(event) => onChange(event.target.value)} />;
        }
      }}
    </Field>
  );
}
