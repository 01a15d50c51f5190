//! How long a template's text can become, given how long the values can be that it mentions: a bound, found without
//! rendering. `None` where it cannot be told.
//!
//! Lengths are in tokens by [`text_tokens`] (bytes of the longer of a text's plain and NFKC forms). A value's length is
//! that of its print: a text as it is, everything else as compact JSON. So a member is never longer than the whole.
//! Not here: what is allowed in a template (`analysis`), which has been checked before.

use crate::Result;
use minijinja::machinery::{ast, parse};
use nexus_model::price::bound::text_tokens;
use std::collections::HashMap;

/// How long a value's print can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Tokens at most.
    pub most: u64,
    /// Whether it is surely a text. Other values are turned into a text by some filters, which makes them longer.
    pub text: bool,
}

impl Size {
    /// A text of at most so many tokens.
    pub fn text(most: u64) -> Self {
        Self { most, text: true }
    }

    /// A value of whatever type.
    pub fn value(most: u64) -> Self {
        Self { most, text: false }
    }

    /// As a text made by the template engine, which quotes and escapes what is within lists and objects.
    fn as_text(self) -> u64 {
        if self.text { self.most } else { self.most.saturating_mul(ESCAPED) }
    }

    fn or(self, other: Size) -> Size {
        Size { most: self.most.max(other.most), text: self.text && other.text }
    }
}

/// Longest print of a number or a truth value.
const NUMBER: Size = Size { most: 48, text: false };
/// How much longer escaping makes a text at most: `\u0001`.
const ESCAPED: u64 = 6;
/// How much longer upper and lower case are at most: `ΐ` becomes three letters.
const CASE: u64 = 3;
/// A length by which loops are told from straight text; no value is as long.
const LONG: u64 = 1 << 40;

/// The most tokens that the template prints. `size` says how long the value of a path can be; a path with a computed
/// part is asked for as far as it is written out. Unknown paths and constructions make the whole unknown.
///
/// # Errors
/// If it does not parse.
pub fn most_printed(source: &str, size: &dyn Fn(&[String]) -> Option<Size>) -> Result<Option<u64>> {
    let tree = parse(source, super::NAME, super::syntax()?).map_err(|error| super::explain(&error))?;
    let mut walk = Walk { size, scopes: vec![HashMap::new()] };
    Ok(walk.statement(&tree))
}

struct Walk<'a, 's> {
    size: &'s dyn Fn(&[String]) -> Option<Size>,
    scopes: Vec<HashMap<&'a str, Size>>,
}

impl<'a> Walk<'a, '_> {
    fn statements(&mut self, statements: &[ast::Stmt<'a>]) -> Option<u64> {
        statements
            .iter()
            .try_fold(0_u64, |sum, statement| Some(sum.saturating_add(self.statement(statement)?)))
    }

    fn statement(&mut self, statement: &ast::Stmt<'a>) -> Option<u64> {
        match statement {
            ast::Stmt::Template(template) => self.statements(&template.children),
            ast::Stmt::EmitRaw(raw) => Some(text_tokens(raw.raw)),
            ast::Stmt::EmitExpr(emit) => Some(self.expr(&emit.expr)?.most),
            ast::Stmt::ForLoop(stmt) => {
                let list = self.expr(&stmt.iter)?.most;
                // What a turn prints grows with its item, never slower the longer the item is; so the line from an
                // empty item to a very long one lies above it. All items together are no longer than the list.
                let mut turn = |item: u64| {
                    // `loop` has the neighbouring items among its members.
                    let scope = HashMap::from([("loop", Size::value(item.saturating_add(1_000)))]);
                    self.scopes.push(scope);
                    let printed = match self.assign(&stmt.target, Size::value(item)) {
                        true => self.statements(&stmt.body),
                        false => None,
                    };
                    self.scopes.pop();
                    printed
                };
                let (fixed, long) = (turn(0)?, turn(LONG)?);
                let slope = long.saturating_sub(fixed).div_ceil(LONG);
                let turns = list.saturating_mul(fixed).saturating_add(list.saturating_mul(slope));
                Some(turns.max(self.scoped(&stmt.else_body)?))
            }
            ast::Stmt::IfCond(stmt) => {
                let mut most = 0;
                for body in [&stmt.true_body, &stmt.false_body] {
                    self.scopes.push(HashMap::new());
                    let printed = self.statements(body);
                    // In Jinja a name set inside `if` lives on after it.
                    for (name, size) in self.scopes.pop().unwrap_or_default() {
                        // Where it was not set, it may still be a path into the context.
                        let before = self.local(name).or_else(|| (self.size)(&[name.to_owned()]));
                        let known = before.map_or(size, |known| known.or(size));
                        self.scopes.last_mut()?.insert(name, Size { text: false, ..known });
                    }
                    most = most.max(printed?);
                }
                Some(most)
            }
            ast::Stmt::WithBlock(stmt) => {
                self.scopes.push(HashMap::new());
                let mut printed = Some(0);
                for (target, value) in &stmt.assignments {
                    printed = match self.expr(value) {
                        Some(size) if self.assign(target, size) => printed,
                        _ => None,
                    };
                }
                let printed = printed.and_then(|_| self.statements(&stmt.body));
                self.scopes.pop();
                printed
            }
            ast::Stmt::Set(stmt) => {
                let size = self.expr(&stmt.expr)?;
                self.assign(&stmt.target, size).then_some(0)
            }
            ast::Stmt::SetBlock(stmt) if stmt.filter.is_none() => {
                let printed = self.scoped(&stmt.body)?;
                self.assign(&stmt.target, Size::text(printed)).then_some(0)
            }
            _ => None,
        }
    }

    fn scoped(&mut self, statements: &[ast::Stmt<'a>]) -> Option<u64> {
        self.scopes.push(HashMap::new());
        let printed = self.statements(statements);
        self.scopes.pop();
        printed
    }

    fn assign(&mut self, target: &ast::Expr<'a>, size: Size) -> bool {
        match target {
            ast::Expr::Var(name) => {
                self.scopes.last_mut().map(|scope| scope.insert(name.id, size));
                true
            }
            // Parts of a list are no longer than the list.
            ast::Expr::List(list) => list.items.iter().all(|item| self.assign(item, Size::value(size.most))),
            ast::Expr::Tuple(tuple) => {
                tuple.items.iter().all(|item| self.assign(item, Size::value(size.most)))
            }
            _ => false,
        }
    }

    fn local(&self, name: &str) -> Option<Size> {
        self.scopes.iter().rev().find_map(|scope| scope.get(name)).copied()
    }

    fn expr(&mut self, expr: &ast::Expr<'a>) -> Option<Size> {
        match expr {
            ast::Expr::Var(_) | ast::Expr::GetAttr(_) | ast::Expr::GetItem(_) => self.path(expr),
            ast::Expr::Const(constant) => Some(match constant.value.as_str() {
                Some(text) => Size::text(text_tokens(text)),
                None => NUMBER,
            }),
            ast::Expr::Slice(slice) => self.expr(&slice.expr),
            ast::Expr::UnaryOp(_) | ast::Expr::Compare(_) | ast::Expr::Test(_) => Some(NUMBER),
            ast::Expr::BinOp(binary) => {
                let (left, right) = (self.expr(&binary.left)?, self.expr(&binary.right)?);
                match binary.op {
                    ast::BinOpKind::Concat => {
                        Some(Size::text(left.as_text().saturating_add(right.as_text())))
                    }
                    ast::BinOpKind::Add => Some(Size {
                        most: left.most.saturating_add(right.most).max(NUMBER.most),
                        text: left.text && right.text,
                    }),
                    ast::BinOpKind::ScAnd | ast::BinOpKind::ScOr => Some(left.or(right).or(NUMBER)),
                    ast::BinOpKind::Mul => None,
                    _ => Some(NUMBER),
                }
            }
            ast::Expr::IfExpr(choice) => {
                let chosen = self.expr(&choice.true_expr)?;
                match &choice.false_expr {
                    Some(other) => Some(chosen.or(self.expr(other)?)),
                    None => Some(chosen),
                }
            }
            ast::Expr::Filter(filter) => self.filter(filter),
            ast::Expr::List(list) => self.listed(&list.items),
            ast::Expr::Tuple(tuple) => self.listed(&tuple.items),
            ast::Expr::Call(_) | ast::Expr::Map(_) => None,
        }
    }

    /// A list's JSON.
    fn listed(&mut self, items: &[ast::Expr<'a>]) -> Option<Size> {
        let most = items.iter().try_fold(2_u64, |sum, item| {
            let item = self.expr(item)?;
            Some(sum.saturating_add(item.most.saturating_mul(ESCAPED)).saturating_add(3))
        })?;
        Some(Size::value(most))
    }

    fn filter(&mut self, filter: &ast::Filter<'a>) -> Option<Size> {
        let input = self.expr(filter.expr.as_ref()?)?;
        let mut arguments = Vec::new();
        for argument in &filter.args {
            let (ast::CallArg::Pos(expr) | ast::CallArg::Kwarg(_, expr)) = argument else { return None };
            arguments.push(self.expr(expr)?.as_text());
        }
        let longest = arguments.iter().copied().max().unwrap_or(0);
        let items = (input.most / 2).saturating_add(1);
        let most = match filter.name {
            "int" | "float" | "round" | "abs" | "length" | "count" | "bool" => return Some(NUMBER),
            "first" | "last" | "select" | "reject" | "selectattr" | "rejectattr" => {
                return Some(Size::value(input.most.saturating_add(ESCAPED)));
            }
            "default" | "d" => return Some(Size::value(input.most.max(longest))),
            "map" => return Some(Size::value(input.most.saturating_add(items.saturating_mul(longest)))),
            "list" | "unique" | "reverse" | "sort" | "lines" | "split" => {
                // A text becomes a list of its characters or parts, each with quotes and a comma; there may be two
                // more parts than characters.
                return Some(Size::value(input.most.saturating_mul(ESCAPED + 3).saturating_add(8)));
            }
            "trim" | "string" | "safe" => input.as_text(),
            "upper" | "lower" | "title" | "capitalize" => input.as_text().saturating_mul(CASE),
            "tojson" if arguments.is_empty() => input.most.saturating_mul(ESCAPED).saturating_add(2),
            "urlencode" => input.as_text().saturating_mul(3),
            "escape" | "e" => input.as_text().saturating_mul(ESCAPED),
            "join" => input.most.saturating_add(items.saturating_mul(longest)),
            _ => return None,
        };
        Some(Size::text(most))
    }

    /// A name with the members after it, as far as they are written out.
    fn path(&mut self, expr: &ast::Expr<'a>) -> Option<Size> {
        let mut members: Vec<String> = Vec::new();
        let mut at = expr;
        loop {
            match at {
                ast::Expr::Var(name) => {
                    if let Some(size) = self.local(name.id) {
                        return Some(if members.is_empty() { size } else { Size::value(size.most) });
                    }
                    members.push(name.id.to_owned());
                    members.reverse();
                    return (self.size)(&members);
                }
                ast::Expr::GetAttr(attr) => {
                    members.push(attr.name.to_owned());
                    at = &attr.expr;
                }
                ast::Expr::GetItem(item) => {
                    match &item.subscript_expr {
                        ast::Expr::Const(constant) if constant.value.as_str().is_some() => {
                            members.push(constant.value.as_str().unwrap_or_default().to_owned());
                        }
                        // A computed member is no longer than the whole.
                        _ => members.clear(),
                    }
                    at = &item.expr;
                }
                other => return Some(Size::value(self.expr(other)?.most)),
            }
        }
    }
}
