//! Reading a struct or an enum from its tokens.

use std::iter::Peekable;

use proc_macro::{Delimiter, TokenStream, TokenTree, token_stream::IntoIter};

/// A struct or an enum.
pub(crate) struct Item {
    pub(crate) name: String,
    /// Generic parameters with their bounds, in angle brackets; empty without any.
    pub(crate) params: String,
    /// The same without bounds.
    pub(crate) args: String,
    pub(crate) body: Body,
}

pub(crate) enum Body {
    Fields(Vec<Field>),
    Variants(Vec<Variant>),
}

pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) label: String,
}

pub(crate) struct Variant {
    pub(crate) name: String,
    pub(crate) label: String,
}

type Tokens = Peekable<IntoIter>;

pub(crate) fn item(input: TokenStream) -> Result<Item, String> {
    let mut tokens = input.into_iter().peekable();
    attributes(&mut tokens)?;
    visibility(&mut tokens);
    let is_enum = match ident(&mut tokens)?.as_str() {
        "struct" => false,
        "enum" => true,
        other => return Err(format!("labels are derived for structs and enums, not for a {other}")),
    };
    let name = ident(&mut tokens)?;
    let (params, args) = generics(&mut tokens);
    let group = match tokens.next() {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => group.stream(),
        _ => return Err("expected named fields or variants in braces".to_owned()),
    };
    let body = if is_enum { Body::Variants(variants(group)?) } else { Body::Fields(fields(group)?) };
    Ok(Item { name, params, args, body })
}

fn is_punct(token: Option<&TokenTree>, c: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == c)
}

fn ident(tokens: &mut Tokens) -> Result<String, String> {
    match tokens.next() {
        Some(TokenTree::Ident(ident)) => Ok(ident.to_string()),
        other => {
            Err(format!("expected a name, found {}", other.map_or("the end".to_owned(), |token| token.to_string())))
        }
    }
}

/// Skips attributes; returns the name that one of them gives.
fn attributes(tokens: &mut Tokens) -> Result<Option<String>, String> {
    let mut renamed = None;
    while is_punct(tokens.peek(), '#') {
        tokens.next();
        let Some(TokenTree::Group(group)) = tokens.next() else { return Err("expected an attribute".to_owned()) };
        let mut inner = group.stream().into_iter();
        let is_label = matches!(inner.next(), Some(TokenTree::Ident(name)) if name.to_string() == "label");
        if is_label {
            let Some(TokenTree::Group(options)) = inner.next() else { return Err("expected label(…)".to_owned()) };
            let options: Vec<TokenTree> = options.stream().into_iter().collect();
            match options.as_slice() {
                [TokenTree::Ident(key), TokenTree::Punct(_), TokenTree::Literal(text)]
                    if key.to_string() == "rename" =>
                {
                    let text = text.to_string();
                    renamed = Some(text.trim_matches('"').to_owned());
                }
                _ => return Err("the attribute of a label is rename = \"…\"".to_owned()),
            }
        }
    }
    Ok(renamed)
}

fn visibility(tokens: &mut Tokens) {
    if matches!(tokens.peek(), Some(TokenTree::Ident(ident)) if ident.to_string() == "pub") {
        tokens.next();
        if matches!(tokens.peek(), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis) {
            tokens.next();
        }
    }
}

/// Takes tokens up to a comma outside of angle brackets, and the comma.
fn up_to_comma(tokens: &mut Tokens) -> Vec<TokenTree> {
    let mut taken = Vec::new();
    let mut depth = 0;
    for token in tokens.by_ref() {
        match &token {
            TokenTree::Punct(punct) if punct.as_char() == '<' => depth += 1,
            TokenTree::Punct(punct) if punct.as_char() == '>' => depth -= 1,
            TokenTree::Punct(punct) if punct.as_char() == ',' && depth == 0 => break,
            _ => {}
        }
        taken.push(token);
    }
    taken
}

fn text(tokens: &[TokenTree]) -> String {
    tokens.iter().cloned().collect::<TokenStream>().to_string()
}

/// The generic parameters after a name, with and without their bounds.
fn generics(tokens: &mut Tokens) -> (String, String) {
    if !is_punct(tokens.peek(), '<') {
        return (String::new(), String::new());
    }
    tokens.next();
    let mut depth = 1;
    let mut inner = Vec::new();
    for token in tokens.by_ref() {
        if is_punct(Some(&token), '<') {
            depth += 1;
        } else if is_punct(Some(&token), '>') {
            depth -= 1;
            if depth == 0 {
                break;
            }
        }
        inner.push(token);
    }
    let params = text(&inner);
    let mut rest = inner.into_iter().collect::<TokenStream>().into_iter().peekable();
    let mut names = Vec::new();
    while rest.peek().is_some() {
        let param = up_to_comma(&mut rest);
        let end = param.iter().position(|token| is_punct(Some(token), ':') || is_punct(Some(token), '='));
        names.push(text(&param[..end.unwrap_or(param.len())]));
    }
    (format!("<{params}>"), format!("<{}>", names.join(", ")))
}

fn fields(group: TokenStream) -> Result<Vec<Field>, String> {
    let mut tokens = group.into_iter().peekable();
    let mut fields = Vec::new();
    while tokens.peek().is_some() {
        let renamed = attributes(&mut tokens)?;
        visibility(&mut tokens);
        let name = ident(&mut tokens)?;
        tokens.next();
        let kind = text(&up_to_comma(&mut tokens));
        let label = renamed.unwrap_or_else(|| name.trim_start_matches("r#").to_owned());
        fields.push(Field { name, kind, label });
    }
    Ok(fields)
}

fn variants(group: TokenStream) -> Result<Vec<Variant>, String> {
    let mut tokens = group.into_iter().peekable();
    let mut variants = Vec::new();
    while tokens.peek().is_some() {
        let renamed = attributes(&mut tokens)?;
        let name = ident(&mut tokens)?;
        if up_to_comma(&mut tokens).iter().any(|token| matches!(token, TokenTree::Group(_))) {
            return Err(format!("variant {name} has fields; a label's value has none"));
        }
        let label = renamed.unwrap_or_else(|| snake_case(&name));
        variants.push(Variant { name, label });
    }
    Ok(variants)
}

fn snake_case(name: &str) -> String {
    let mut out = String::new();
    for (i, c) in name.chars().enumerate() {
        if c.is_uppercase() && i > 0 {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}
