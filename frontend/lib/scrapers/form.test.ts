// The form's judgement: what stops a request, what is only advice, what is read as what.
import { describe, expect, test } from "vitest";
import { addressOf, checkDescription, checkUrl, EXAMPLES, wantsAll } from "./form";

describe("addresses", () => {
  test.each([
    ["https://example.com/books", "https://example.com/books"],
    ["  example.com/books ", "https://example.com/books"],
    ["EXAMPLE.com", "https://EXAMPLE.com"],
    ["example.com?q=a:b", "https://example.com?q=a:b"],
    ["localhost:8080/x", "http://localhost:8080/x"],
    ["example.com:8443/x", "http://example.com:8443/x"],
    ["books", "books"],
    ["javascript:alert(1)", "javascript:alert(1)"],
    ["", ""],
  ])("%j is read as %j", (typed, address) => expect(addressOf(typed)).toBe(address));

  test.each([
    ["", "Enter the address"],
    ["books", "not a complete address"],
    ["https://", "not a complete address"],
    ["https://exa mple.com", "no spaces"],
    ["ftp://example.com/x", "not ftp"],
    ["file:///etc/passwd", "not file"],
    ["javascript:alert(1)", "not javascript"],
    ["data:text/html,x", "not data"],
    ["https://user:secret@example.com", "user name and password"],
    ["https://books", "no ending"],
    [`https://example.com/${"x".repeat(3_000)}`, "2,048 characters"],
  ])("%j is refused", (typed, words) => {
    expect(checkUrl(typed).error).toContain(words);
  });

  test.each([
    ["http://localhost:3000/", "NEXUS_EGRESS_ALLOW"],
    ["http://127.0.0.1:8080/books", "NEXUS_EGRESS_ALLOW"],
    ["http://10.1.2.3/", "NEXUS_EGRESS_ALLOW"],
    ["http://172.20.0.1/", "NEXUS_EGRESS_ALLOW"],
    ["http://169.254.169.254/latest", "NEXUS_EGRESS_ALLOW"],
    ["http://[::1]/", "NEXUS_EGRESS_ALLOW"],
    ["http://[fd12::1]/", "NEXUS_EGRESS_ALLOW"],
    ["http://wiki.internal/", "NEXUS_EGRESS_ALLOW"],
    ["https://example.com/report.pdf", "looks like a file"],
    ["https://example.com/login", "login page"],
    ["https://example.com/#/books", "made by scripts"],
    ["https://example.com/#top", "not sent"],
    ["example.com", "https://example.com"],
  ])("%j may be sent, with a word about it", (typed, words) => {
    expect(checkUrl(typed).error).toBeNull();
    expect(checkUrl(typed).advice).toContain(words);
  });

  test.each([
    "https://example.com/books?page=2",
    "http://8.8.8.8/",
    "http://172.32.0.1/",
    "https://bücher.example/liste",
  ])("nothing is wrong with %j", (typed) => expect(checkUrl(typed)).toEqual({ error: null, advice: null }));
});

describe("descriptions", () => {
  test.each([
    ["   ", "Say what you want"],
    ["123 456", "in words"],
    ["https://example.com/x y z", "field above"],
    ["x".repeat(2_001), "2,000"],
  ])("%j is refused", (typed, words) => expect(checkDescription(typed).error).toContain(words));

  test("a word is not much to go by", () => expect(checkDescription("books").advice).toContain("Name the fields"));

  test("whether further pages are read is said before", () => {
    expect(checkDescription("title and price of every book").advice).toContain("further pages are read");
    expect(checkDescription("title and price of books").advice).toContain("Only this page");
    expect([wantsAll("all books"), wantsAll("tall books"), wantsAll("three pages")]).toEqual([true, false, true]);
  });

  test("the examples are good ones", () => {
    for (const example of EXAMPLES) expect(checkDescription(example).error).toBeNull();
  });
});
