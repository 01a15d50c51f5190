// A web site that the tests direct: books on two pages, the same redesigned, markup in the data, pages that cannot be
// scraped. A request can be held, so that "while it is made" is a state and not a race.
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

interface Book {
  title: string;
  price: string;
  rating: string;
}

const NAMES = ["Tides", "Moss", "The Kiln", "Harbour Lights", "Salt", "Quiet Engines", "Paper Birds", "North Wind"];
const RATINGS = ["One", "Two", "Three", "Four", "Five"];

export const BOOKS: Book[] = Array.from({ length: 16 }, (_, index) => ({
  title: index < NAMES.length ? (NAMES[index] ?? "") : `${NAMES[index - NAMES.length]} Returns`,
  price: `£${(7.5 + index * 1.25).toFixed(2)}`,
  rating: `${RATINGS[index % RATINGS.length]} stars`,
}));

export const SCRIPT = `<img src=x onerror="window.hurt=1"><script>window.hurt=2</script>`;
const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");

const page = (title: string, body: string) => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${title}</title></head>
<body><header><nav><a href="/">Home</a> <a href="/about">About</a></nav></header><main>${body}</main>
<footer><p>A shop for tests. No rights reserved.</p></footer></body></html>`;

function list(books: readonly Book[], next: string | null): string {
  const items = books.map(
    ({ title, price, rating }) => `<li class="book"><article>
  <h3 class="title"><a href="/books/${encodeURIComponent(title)}">${escaped(title)}</a></h3>
  <p class="price">${price}</p><p class="rating">${rating}</p></article></li>`,
  );
  const more =
    next === null ? "" : `<ul class="pager"><li class="next"><a rel="next" href="${next}">next</a></li></ul>`;
  return page("All books", `<h1>Books</h1><ul class="books">${items.join("\n")}</ul>${more}`);
}

const PAGES: Record<string, string> = {
  "/": page("Shop", "<h1>Welcome</h1><p>Our books are on another page.</p>"),
  "/books": list(BOOKS.slice(0, 8), "/books/page-2"),
  "/books/page-2": list(BOOKS.slice(8), null),
  "/hostile": list(
    BOOKS.slice(0, 6).map((book, index) => ({ ...book, title: `${book.title} ${SCRIPT} \u202Eevil ${index}` })),
    null,
  ),
  "/login": page(
    "Sign in",
    '<h1>Sign in</h1><form method="post"><label>Name <input name="user"></label><label>Password <input type="password" name="password"></label><button>Sign in</button></form>',
  ),
};

export class Site {
  private held: (() => void)[] = [];
  private holding = false;
  /** The books' pages look different from now on. */
  broken = false;

  private constructor(private readonly server: Server) {}

  static async start(): Promise<Site> {
    const server = createServer();
    const site = new Site(server);
    server.on("request", (request, response: ServerResponse) => {
      request.resume();
      // whatever follows `?` makes an address of its own, which nobody has kept a copy of
      void site.answer((request.url ?? "/").split("?")[0] ?? "/", response);
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    return site;
  }

  get host(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  url(path: string): string {
    return `http://${this.host}${path}`;
  }

  /** What the program needs to be let through to it. */
  get env(): Record<string, string> {
    return { NEXUS_EGRESS_ALLOW: this.host };
  }

  /** From now on pages wait (robots.txt does not). */
  hold(): void {
    this.holding = true;
  }

  release(): void {
    this.holding = false;
    for (const go of this.held.splice(0)) go();
  }

  stop(): Promise<void> {
    this.release();
    this.server.closeAllConnections();
    return new Promise((done) => this.server.close(() => done()));
  }

  private async answer(path: string, response: ServerResponse): Promise<void> {
    if (path === "/robots.txt") {
      response.writeHead(200, { "content-type": "text/plain" }).end("User-agent: *\nDisallow: /private\n");
      return;
    }
    if (this.holding) await new Promise<void>((go) => this.held.push(go));
    const html =
      this.broken && path.startsWith("/books")
        ? page("Closed", "<h1>Closed</h1><p>Come back in spring.</p>")
        : PAGES[path];
    if (html === undefined)
      response.writeHead(404, { "content-type": "text/html" }).end(page("Not found", "<h1>Not found</h1>"));
    else response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(html);
  }
}
