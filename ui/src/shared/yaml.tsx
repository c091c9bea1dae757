// YAML with its keys, texts and comments in colours. Not a parser: a line is
// enough to tell them apart in what the server prints.

export type YamlPart = ["key" | "string" | "number" | "comment" | "plain", string];

const NUMBER = /^(?:-?\d[\d.]*(?:e[+-]?\d+)?|true|false|null|~|(?:\d+(?:ms|[smhdwy]))+)$/i;

/** One line in parts; put together they are the line again. */
export function yamlParts(line: string): YamlPart[] {
  if (/^\s*#/.test(line)) return [["comment", line]];
  const match = /^(\s*(?:- )*)((?:"[^"]*"|'[^']*'|[^\s#'"][^:#]*?):(?=\s|$))?(\s*)(.*)$/.exec(line)!;
  const [, indent, key, space, value] = match;
  const parts: YamlPart[] = [];
  if (indent) parts.push(["plain", indent]);
  if (key) parts.push(["key", key]);
  if (space) parts.push(["plain", space]);
  if (value) parts.push([NUMBER.test(value) ? "number" : /^[|>]/.test(value) ? "plain" : "string", value]);
  return parts;
}

export function Yaml({ text }: { text: string }) {
  return (
    <pre class="yaml" tabIndex={0}>
      {text
        .replace(/\n$/, "")
        .split("\n")
        .map((line) => (
          <div class="line">
            {yamlParts(line).map(([kind, part]) => (kind === "plain" ? part : <span class={`y-${kind}`}>{part}</span>))}
            {"\n"}
          </div>
        ))}
    </pre>
  );
}
