// CodeMirror with PromQL. Loaded on demand: nothing else may import it.

import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap, type CompletionContext, type CompletionResult } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, insertNewline } from "@codemirror/commands";
import { bracketMatching, HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { lintKeymap } from "@codemirror/lint";
import { EditorState, Prec } from "@codemirror/state";
import { EditorView, keymap, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { PromQLExtension } from "@prometheus-io/codemirror-promql";
import { apiBase } from "../api";
import { enableAutocomplete, enableLinter, enableQueryHistory, enableSyntaxHighlighting } from "../shared/settings";
import { queryHistory } from "./history";

export interface RichEditor {
  setText: (text: string) => void;
  /** Puts `text` in the place of the selection, and the caret behind it. */
  insert: (text: string) => void;
  focus: () => void;
  destroy: () => void;
}

// Colours are the page's own variables, so that both themes fit.
const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.modifier], color: "var(--code-keyword)" },
  { tag: tags.function(tags.variableName), color: "var(--code-function)" },
  { tag: [tags.string], color: "var(--code-string)" },
  { tag: [tags.number, tags.literal], color: "var(--code-number)" },
  { tag: tags.labelName, color: "var(--code-label)" },
  { tag: tags.comment, color: "var(--faint)" },
  { tag: tags.invalid, color: "var(--bad)" },
]);

/** Offers earlier queries while the expression is little more than its beginning. */
function completeFromHistory(context: CompletionContext): CompletionResult | null {
  const text = context.state.doc.toString();
  if (!enableQueryHistory.peek() || context.pos !== text.length || /[^\w:]/.test(text) || (text === "" && !context.explicit)) return null;
  return { from: 0, options: queryHistory.peek().map((query) => ({ label: query, detail: "earlier query", boost: -50, info: query })) };
}

export function createEditor(parent: HTMLElement, text: string, caret: number, on: { change: (text: string) => void; execute: () => void }): RichEditor {
  const promql = new PromQLExtension()
    .setComplete({ remote: { url: apiBase } })
    .activateCompletion(enableAutocomplete.peek())
    .activateLinter(enableLinter.peek());
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: text,
      selection: { anchor: Math.min(caret, text.length) },
      extensions: [
        history(),
        bracketMatching(),
        closeBrackets(),
        autocompletion(),
        EditorState.languageData.of(() => [{ autocomplete: completeFromHistory }]),
        enableSyntaxHighlighting.peek() ? syntaxHighlighting(colours) : [],
        placeholder("Expression (Enter to run)"),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ "aria-label": "PromQL expression" }),
        promql.asExtension(),
        keymap.of([...completionKeymap, ...closeBracketsKeymap, ...historyKeymap, ...lintKeymap]),
        Prec.high(
          keymap.of([
            { key: "Enter", run: () => (on.execute(), true) },
            { key: "Shift-Enter", run: insertNewline },
            { key: "Escape", run: (v) => (v.contentDOM.blur(), true) },
          ]),
        ),
        // An open completion list takes Enter before it runs the query.
        Prec.highest(keymap.of(completionKeymap)),
        keymap.of(defaultKeymap),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) on.change(update.state.doc.toString());
        }),
      ],
    }),
  });
  return {
    setText: (next) => {
      const now = view.state.doc.toString();
      if (now !== next) view.dispatch({ changes: { from: 0, to: now.length, insert: next } });
    },
    insert: (inserted) => {
      view.dispatch(view.state.replaceSelection(inserted));
      view.focus();
    },
    focus: () => view.focus(),
    destroy: () => view.destroy(),
  };
}
