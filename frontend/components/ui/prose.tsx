// A sentence of the server's: begins with a capital, and what stands between backticks is code.
import { Fragment } from "react";

export function Prose({ text }: { text: string }) {
  const pieces = text.slice(0, 2_000).split("`");
  return (
    <bdi>
      {pieces.map((piece, index) => {
        const shown = index === 0 ? piece.charAt(0).toUpperCase() + piece.slice(1) : piece;
        // every other piece was between backticks; without a closing one it is only text
        const code = index % 2 === 1 && index < pieces.length - 1;
        return code ? (
          // biome-ignore lint/suspicious/noArrayIndexKey: the pieces have no other name
          <code key={index} className="font-mono text-[0.92em]">
            {shown}
          </code>
        ) : (
          // biome-ignore lint/suspicious/noArrayIndexKey: the pieces have no other name
          <Fragment key={index}>{shown}</Fragment>
        );
      })}
    </bdi>
  );
}
