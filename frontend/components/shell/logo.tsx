// The mark: three nodes that meet in one.

export function Logo() {
  return (
    <svg aria-hidden="true" width="22" height="22" viewBox="0 0 24 24" className="shrink-0 text-accent">
      <g fill="none" stroke="currentColor" strokeWidth="1.8" strokeLinecap="round">
        <path d="M5 5.5 12 12M5 18.5 12 12M19.5 12H12" />
      </g>
      <g fill="currentColor">
        <circle cx="4.5" cy="5" r="2.4" />
        <circle cx="4.5" cy="19" r="2.4" />
        <circle cx="19.5" cy="12" r="2.4" />
        <circle cx="12" cy="12" r="3.2" />
      </g>
    </svg>
  );
}
