// Asking for a scraper: what is wrong with an address or a description (errors), and what could be better (advice), while
// it is being typed. The server has the last word. Not here: drawing the form.

export interface Check {
  /** Keeps the form from being sent. */
  error: string | null;
  /** Worth knowing; does not. */
  advice: string | null;
}

const FINE: Check = { error: null, advice: null };
const error = (text: string): Check => ({ error: text, advice: null });
const advice = (text: string): Check => ({ error: null, advice: text });

export const LONGEST_URL = 2_048;
export const LONGEST_DESCRIPTION = 2_000;

const FILES = /\.(pdf|zip|gz|png|jpe?g|gif|webp|svg|mp[34]|avi|mov|docx?|xlsx?|pptx?|exe|dmg|iso)$/i;
const LOGIN = /\/(log-?in|sign-?in|auth|account\/login)(\/|$)/i;

/** What was typed, as an address: `example.com/books` is meant to be https. */
export function addressOf(text: string): string {
  const typed = text.trim();
  if (typed === "" || /^[a-z][a-z0-9+.-]*:/i.test(typed) === false) {
    return /^[^\s/]+(\.[^\s/]+)+([/?#].*)?$/.test(typed) ? `https://${typed}` : typed;
  }
  // `localhost:8080/x` begins like a scheme and is none
  return /^[\w.-]+:\d+([/?#]|$)/.test(typed) ? `http://${typed}` : typed;
}

function isPrivate(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[|\]$/g, "");
  if (name === "localhost" || name.endsWith(".localhost") || name.endsWith(".local") || name.endsWith(".internal"))
    return true;
  if (name === "::1" || /^f[cd][0-9a-f]{2}:/.test(name) || name.startsWith("fe80:")) return true;
  const parts = /^(\d+)\.(\d+)\.\d+\.\d+$/.exec(name);
  if (!parts) return false;
  const [a, b] = [Number(parts[1]), Number(parts[2])];
  return (
    a === 0 ||
    a === 10 ||
    a === 127 ||
    (a === 169 && b === 254) ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168)
  );
}

export function checkUrl(text: string): Check {
  const typed = text.trim();
  if (typed === "") return error("Enter the address of the page, such as https://example.com/books.");
  if (typed.length > LONGEST_URL)
    return error(`An address may have ${LONGEST_URL.toLocaleString("en-US")} characters.`);
  if (/\s/.test(typed)) return error("An address has no spaces. Write %20 for one that belongs to it.");
  const address = addressOf(typed);
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    return error("This is not a complete address. It begins with https://, and a site's name follows.");
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    return error(`Only http and https can be scraped, not ${url.protocol.replace(":", "")}.`);
  }
  if (url.username !== "" || url.password !== "") {
    return error("Leave out the user name and password: pages behind a login cannot be scraped.");
  }
  if (isPrivate(url.hostname)) {
    return advice("A private address: it works only if NEXUS_EGRESS_ALLOW names it where Nexus runs.");
  }
  if (!url.hostname.includes(".") && !url.hostname.startsWith("[")) {
    return error(`“${url.hostname}” has no ending such as .com. Check the site's name.`);
  }
  if (FILES.test(url.pathname)) return advice("This looks like a file. Scrapers read web pages (HTML).");
  if (LOGIN.test(url.pathname))
    return advice("This looks like a login page. Use a page that can be read without signing in.");
  if (url.hash.length > 1) {
    return advice(
      `What stands after # is not sent to the site${url.hash.startsWith("#/") || url.hash.startsWith("#!") ? "; pages that need it are made by scripts and cannot be read" : ""}.`,
    );
  }
  if (address !== typed) return advice(`It will be read as ${address}`);
  return FINE;
}

const ALL = /\b(all|every|each|entire|complete|whole)\b|\bpages\b/i;

/** Whether a description asks for everything, so that further pages are read. The server decides in the same way. */
export function wantsAll(description: string): boolean {
  return ALL.test(description);
}

export function checkDescription(text: string): Check {
  const typed = text.trim();
  if (typed === "") return error("Say what you want from the page, such as: title, price and rating of every book.");
  if ([...typed].length > LONGEST_DESCRIPTION) {
    return error(`At most ${LONGEST_DESCRIPTION.toLocaleString("en-US")} characters.`);
  }
  if (!/\p{L}/u.test(typed)) return error("Describe it in words.");
  if (/^https?:\/\//i.test(typed))
    return error("The address goes into the field above; describe here what you want from it.");
  const words = typed.split(/\s+/).length;
  if (words < 3) return advice("Name the fields: “title and price of every book” says more than “books”.");
  if (wantsAll(typed)) return advice("It asks for everything, so further pages are read too, ten at most.");
  return advice("Only this page is read. Write “all” or “every” to follow further pages.");
}

export const EXAMPLES: readonly string[] = [
  "title, price and rating of every book",
  "headline, link and date of the latest articles",
  "name, opening hours and address of each shop",
];
