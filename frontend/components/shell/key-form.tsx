// Asks for an API key when the server wants one. The key stays in this tab's session storage.
"use client";
import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Button } from "@/components/ui/button";
import { Dialog, DialogBody, DialogFooter } from "@/components/ui/dialog";
import { Field, Input } from "@/components/ui/field";
import { ErrorNote } from "@/components/ui/states";
import { useObservable } from "@/hooks/use-observable";
import { apiKey, keyRequired, setApiKey } from "@/lib/api/auth";
import { api } from "@/lib/api/client";
import { ApiError } from "@/lib/api/errors";

export function KeyForm() {
  const required = useObservable(keyRequired);
  const client = useQueryClient();
  const [key, setKey] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [refused, setRefused] = useState(false);

  async function submit(event: FormEvent) {
    event.preventDefault();
    const before = apiKey();
    setBusy(true);
    setError(null);
    setRefused(false);
    setApiKey(key.trim());
    try {
      await api.workflows({ limit: 1 });
      keyRequired.set(false);
      setKey("");
      await client.invalidateQueries();
    } catch (caught) {
      setApiKey(before);
      if (caught instanceof ApiError && caught.status === 401) setRefused(true);
      else setError(caught);
    } finally {
      setBusy(false);
    }
  }

  return (
    <Dialog
      open={required}
      onOpenChange={(open) => keyRequired.set(open)}
      title="API key"
      description="This Nexus server asks for a key. It is kept in this browser tab only."
    >
      <form onSubmit={submit}>
        <DialogBody>
          <Field label="Key" required error={refused ? "The server did not accept this key." : undefined}>
            {(props) => (
              <Input
                {...props}
                type="password"
                autoComplete="off"
                value={key}
                onChange={(event) => setKey(event.target.value)}
              />
            )}
          </Field>
          {error !== null && <ErrorNote error={error} />}
        </DialogBody>
        <DialogFooter>
          <Button type="submit" variant="primary" disabled={busy || key.trim() === ""}>
            Continue
          </Button>
        </DialogFooter>
      </form>
    </Dialog>
  );
}
