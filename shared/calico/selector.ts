/**
 * How a version of Calico reads selectors: `lines` allows line breaks inside of what is one word to it (`has( x )`, `not in`), `line`
 * spaces and tabs alone.
 */
export type SelectorReading = "lines" | "line";

/** What is read next: a condition, or what may follow on one. */
type Place = "condition" | "after";

interface Words {
  /** One of `has(label)`, `all()` and `global()`. */
  readonly test: RegExp;
  readonly label: RegExp;
  /** What compares a label with a string, or with a set of them; right after the label. */
  readonly compare: RegExp;
  readonly set: RegExp;
}

/** The name of a label; what follows on so many characters is the next word. */
const LABEL = "[a-zA-Z0-9_./-]{1,512}";
const WORDS: Readonly<Record<SelectorReading, Words>> = {
  lines: words("[\\t\\n\\f\\r ]*"),
  line: words("[\\t ]*"),
};
const SPACES = /[\t ]*/y;
const STRING = /"[^"]*"|'[^']*'/y;

function words(spaces: string): Words {
  return {
    test: new RegExp(`has\\(${spaces}${LABEL}${spaces}\\)|all\\(${spaces}\\)|global\\(${spaces}\\)`, "y"),
    label: new RegExp(LABEL, "y"),
    compare: new RegExp(`==|!=|contains|starts${spaces}with|ends${spaces}with`, "y"),
    set: new RegExp(`not${spaces}in|in`, "y"),
  };
}

/**
 * Why Calico's parser refuses a selector, without its content; undefined where it accepts it. Accepts exactly what Calico does
 * (libcalico-go/lib/selector), oddities included: an empty selector, a comma at the end of a set, words without space between them.
 */
export function selectorFault(selector: string, reading: SelectorReading): string | undefined {
  const reader = new Reader(selector, WORDS[reading]);
  return reader.isAtEnd() ? undefined : reader.fault();
}

/** Reads from left to right without recursion: people nest as they like. */
class Reader {
  readonly #text: string;
  readonly #words: Words;
  #at = 0;

  constructor(text: string, known: Words) {
    this.#text = text;
    this.#words = known;
    this.#take(SPACES);
  }

  isAtEnd(): boolean {
    return this.#at === this.#text.length;
  }

  fault(): string | undefined {
    let open = 0;
    let place: Place = "condition";
    for (;;) {
      if (place === "condition") {
        while (this.#takeText("!"));
        if (this.#takeText("(")) {
          open++;
          continue;
        }
        const missing = this.#condition();
        if (missing !== undefined) return this.#expected(missing);
        place = "after";
      } else if (this.#takeText("&&") || this.#takeText("||")) {
        place = "condition";
      } else if (open > 0 && this.#takeText(")")) {
        open--;
      } else if (this.isAtEnd()) {
        return open === 0 ? undefined : this.#expected(`")"`);
      } else {
        return this.#expected(`"&&", "||"${open === 0 ? "" : ` or ")"`} or the end`);
      }
    }
  }

  /** What is missing of a condition. */
  #condition(): string | undefined {
    if (this.#take(this.#words.test)) return undefined;
    if (!this.#take(this.#words.label)) return "a condition";
    if (this.#take(this.#words.compare)) return this.#take(STRING) ? undefined : "a string in quotes";
    return this.#take(this.#words.set) ? this.#set() : `an operator, such as "==" or "in"`;
  }

  #set(): string | undefined {
    if (!this.#takeText("{")) return `a set, such as {"a", "b"}`;
    while (this.#take(STRING)) if (!this.#takeText(",")) break;
    return this.#takeText("}") ? undefined : `"}"`;
  }

  /** Takes a word and the spaces after it. */
  #take(word: RegExp): boolean {
    word.lastIndex = this.#at;
    if (!word.test(this.#text)) return false;
    this.#at = word.lastIndex;
    SPACES.lastIndex = this.#at;
    SPACES.test(this.#text);
    this.#at = SPACES.lastIndex;
    return true;
  }

  #takeText(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    this.#take(SPACES);
    return true;
  }

  #expected(what: string): string {
    return `at character ${this.#at + 1}, where Calico expects ${what}`;
  }
}
