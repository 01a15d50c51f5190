// Cancels a run that is under way.
"use client";
import { useQueryClient } from "@tanstack/react-query";
import { Ban } from "lucide-react";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { keys } from "@/hooks/queries";
import { api } from "@/lib/api/client";
import { describeError } from "@/lib/api/errors";
import { toast } from "@/lib/toasts";

export function CancelButton({
  execution,
  onChanged,
  large = false,
}: {
  execution: string;
  onChanged: () => void;
  large?: boolean;
}) {
  const client = useQueryClient();
  const [cancelling, setCancelling] = useState(false);

  async function cancel() {
    setCancelling(true);
    try {
      await api.cancel(execution);
      void client.invalidateQueries({ queryKey: keys.executions });
    } catch (error) {
      toast(describeError(error).message, "error");
    } finally {
      setCancelling(false);
      onChanged();
    }
  }

  return (
    <Button
      size={large ? "md" : "sm"}
      variant="danger"
      icon={<Ban aria-hidden size={large ? 15 : 13} />}
      disabled={cancelling}
      onClick={cancel}
    >
      {cancelling ? "Cancelling…" : "Cancel run"}
    </Button>
  );
}
